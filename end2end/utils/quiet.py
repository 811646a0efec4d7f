"""TensorFlow without what it prints while it is imported and looks for GPUs.

It writes lines of its own to the error stream before its log can be turned down
(`TF_CPP_MIN_LOG_LEVEL`): how it was built, that no CUDA was found. They say nothing of
the work and hide the first words of a command.
"""

import contextlib
import gc
import importlib.abc
import importlib.machinery
import os
import re
import sys
import tempfile
import types
from collections.abc import Iterator, Sequence

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# 2: errors, of TensorFlow's own log.
USUAL_LEVEL = "2"
NOISE = re.compile(
    r"WARNING: All log messages before absl::InitializeLog\(\) is called"
    r"|[IW]\d{4} \d\d:|E\d{4} .*(cuInit|Unable to register cu)"
    r"|To enable the following instructions")


def install() -> None:
    """Lets the first import of TensorFlow be quiet, unless its log level is another."""
    if os.environ.setdefault(LEVEL, USUAL_LEVEL) != USUAL_LEVEL:
        return
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `tensorflow` as usual, and adds quiet to what imports it."""

    def find_spec(
            self, fullname: str, path: Sequence[str] | None,
            target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def quietly(module):
            with without_noise(), without_collecting():
                execute(module)
                # Else the search for GPUs would print later.
                module.config.list_physical_devices()
        spec.loader.exec_module = quietly
        return spec


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Has Python look for no garbage inside, nor ever in what was made there.

    TensorFlow makes 400,000 objects that stay; to look through them again and again is
    a sixth of the time of its import.
    """
    with collecting_later():
        try:
            yield
        finally:
            gc.freeze()


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Has Python look for no garbage inside.

    Where a hundred thousand objects are made that all stay, each search looks through
    all of them again, so that the time grows faster than their number.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Holds the error stream of the process and passes on what is not `NOISE`.

    After an exception everything is passed on.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:     # there is no such stream
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        noise = None
        try:
            yield
            noise = NOISE
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines(True):
                if not (noise and noise.match(line)):
                    sys.stderr.write(line)
