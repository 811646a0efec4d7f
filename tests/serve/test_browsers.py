"""What a browser has had scored, and how it is known again."""

import dataclasses
import re

import numpy as np
import pytest

from end2end.explanation import maps
from end2end.serve import browsers
from end2end.utils import files


def keep(browser, key, name="a.png"):
    explained = maps.Explained(name, np.zeros((4, 3), np.uint8), 0.5,
                               dict(guided=np.ones((2, 2), np.float32)))
    browser.keep(browsers.View(key, name, {}, 1.0, None, None),
                 np.arange(12, dtype=np.uint16).reshape(4, 3), explained)


def test_a_view_is_kept_and_forgotten_with_its_files(tmp_path):
    browser = browsers.Browser(tmp_path / "one")
    assert browser.folder.stat().st_mode & 0o077 == 0
    keep(browser, "x")
    assert browser.pixels("x")[2, 1] == 7
    assert isinstance(browser.pixels("x"), np.memmap), "only what is asked for is read"
    assert browser.explained("x").maps["guided"].shape == (2, 2)
    browser.remove("x")
    assert not any(browser.folder.iterdir()) and not browser.views
    # A file as it came lies among those of its view, or is gone already.
    for name in ("x.dcm", "gone.dcm"):
        keep(browser, "x")
        browser.views["x"] = dataclasses.replace(
            browser.views["x"], source=browser.folder / name)
        (browser.folder / "x.dcm").touch()
        browser.remove("x")
        assert not any(browser.folder.iterdir())
    with pytest.raises(files.InputError, match="no longer there"):
        browser.pixels("x")


def test_a_second_file_of_a_name_gets_a_number(tmp_path):
    browser = browsers.Browser(tmp_path / "one")
    keep(browser, "x")
    assert browser.unique("a.png") == "a-2.png"
    keep(browser, "y", "a-2.png")
    assert browser.unique("a.png") == "a-3.png" and browser.unique("b.png") == "b.png"


def test_a_token_gives_its_views_and_an_unknown_one_none(tmp_path):
    held = browsers.Browsers(tmp_path)
    token, browser = held.of(None)
    keep(browser, "x")
    assert held.of(token) == (token, browser)
    assert len(token) == 43, "32 bytes, six bits a sign"
    assert re.fullmatch("session-[0-9a-f]{32}", browser.folder.name)
    other, empty = held.of("made up")
    assert other not in (token, "made up") and not empty.views


def test_of_too_many_browsers_the_least_used_goes_with_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr(browsers, "MOST_BROWSERS", 2)
    held = browsers.Browsers(tmp_path)
    first, one = held.of(None)
    second, two = held.of(None)
    held.of(first)
    held.of(None)
    assert one.folder.exists() and not two.folder.exists()
    one.folder.rename(tmp_path / "taken away")
    held.of(None)
    held.of(None)
    assert len(held._by_token) == 2
    assert held.of(second)[0] != second
