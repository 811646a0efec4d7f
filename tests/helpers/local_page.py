"""The local page in a browser: served by its command, filled, and read."""

import base64
import contextlib
import io
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image


@contextlib.contextmanager
def served(model, temporary, *flags):
    """The address of the page; nothing of it stays in `temporary` when it ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "end2end.serve", str(model), "--port", "0",
         "--no-browser", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env={**os.environ, "TMPDIR": str(temporary)})
    try:
        for line in process.stdout:
            if line.startswith("open http"):
                yield line.split()[1]
                break
        else:
            pytest.fail("the page was not served")
    finally:
        process.terminate()
        process.wait()
    assert not list(temporary.glob("end2end-serve-*"))


def until(condition, seconds=60):
    """What a condition comes to, once it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.05)
    return value


def find(page, selector):
    """The elements of a CSS selector."""
    return page.find_elements("css selector", selector)


def drop(page, *paths, seconds=60):
    """Gives files to the page; waits until nothing is under way."""
    before = int(page.execute_script("return document.body.dataset.accounted || 0"))
    page.find_element("id", "files").send_keys("\n".join(map(str, paths)))
    until(lambda: page.execute_script(
        "return document.body.dataset.accounted") == str(before + len(paths)), seconds)
    until(lambda: not find(page, ".pane.loading"))


def shown(page, pane):
    """The grey values that the browser shows of a pane: `(rows, columns)`."""
    page.execute_async_script(
        "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    encoded = page.execute_script(
        "return arguments[0].querySelector('canvas').toDataURL();", pane)
    picture = Image.open(io.BytesIO(base64.b64decode(encoded.partition(",")[2])))
    return np.asarray(picture)[..., 0].astype(int)
