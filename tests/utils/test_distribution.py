"""The name to install, its extras, and packages that disturb it."""

import importlib.metadata
import importlib.util
import pathlib
import re

import pytest

from end2end.utils import commands, distribution, files

ROOT = pathlib.Path(__file__).parents[2]
BOTH = {"opencv-python": "4.12.0.88", "opencv-python-headless": "5.0.0.93"}


def test_the_extras_of_the_messages_are_those_of_the_installation():
    extras = importlib.metadata.metadata(distribution.NAME).get_all("Provides-Extra")
    assert sorted(extras) == sorted(distribution.EXTRAS)


def test_all_holds_what_every_extra_for_users_holds():
    lines = importlib.metadata.requires(distribution.NAME)

    def of(name):
        return {line.partition(";")[0].strip() for line in lines
                if re.search(rf"""extra == ['"]{name}['"]""", line)}
    names = list(distribution.EXTRAS)
    for name in names[:names.index("all")]:
        assert of(name) and of(name) <= of("all")


def test_no_page_or_message_names_the_other_project():
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"),
             *(path for folder in ("end2end", "ddsm_train", "inbreast")
               for path in (ROOT / folder).rglob("*.py"))]
    named = [path for path in texts if re.search(
        r"pip install\s+['\"]?end2end(?!-mammography)\b(?! is)",
        path.read_text(encoding="utf-8"))]
    assert not named
    for path in texts:
        for extra in re.findall(
                r"end2end-mammography\[(\w+)\]", path.read_text(encoding="utf-8")):
            assert extra in distribution.EXTRAS, path


def test_a_missing_package_is_named_with_the_extra_that_brings_it():
    with pytest.raises(files.InputError) as caught:
        distribution.require("os", "no_such_module", purpose="--fast", extra="fast",
                             otherwise="or leave it out")
    assert str(caught.value) == (
        '--fast needs the package no_such_module; install it with pip install '
        '"end2end-mammography[fast]", or leave it out.')
    distribution.require("os", purpose="--fast", extra="fast")


def test_installed_distributions_are_read_from_the_names_of_folders(tmp_path):
    for name in ("first/end2end_mammography-0.1.0.dist-info",
                 "first/Some.Name-2.dist-info", "second/end2end-1.2-py3.11.egg-info",
                 "second/end2end_mammography-9.dist-info", "second/end2end"):
        (tmp_path / name).mkdir(parents=True)
    folders = [str(tmp_path / name) for name in ("first", "none", "second")]
    assert distribution.installed(folders) == {
        "end2end-mammography": "0.1.0", "some.name": "2", "end2end": "1.2"}


def test_this_environment_has_no_clash():
    versions = distribution.installed()
    assert versions["numpy"] == importlib.metadata.version("numpy")
    assert distribution.clashes(versions, ROOT / "end2end") == []


def test_the_other_project_is_named(tmp_path):
    sentence, = distribution.clashes({"end2end": "1.2"}, tmp_path)
    assert "the package end2end 1.2, which is not end2end-mammography" in sentence
    (tmp_path / "communicator.py").touch()
    sentence, = distribution.clashes({}, tmp_path)
    assert "pip uninstall end2end" in sentence


def test_two_builds_of_opencv_or_none_are_named(tmp_path, monkeypatch):
    sentence, = distribution.clashes(BOTH, tmp_path)
    assert sentence == (
        "opencv-python and opencv-python-headless are installed and overwrite each "
        "other's module cv2; run: pip uninstall opencv-python opencv-python-headless, "
        "then pip install opencv-python-headless.")
    assert distribution.clashes({"opencv-python": "5"}, tmp_path) == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    sentence, = distribution.clashes({}, tmp_path)
    assert sentence == ("OpenCV is not installed; run: pip install "
                        "opencv-python-headless.")


def test_a_command_says_a_clash_first(capsys, monkeypatch):
    monkeypatch.setattr(distribution, "installed", lambda: BOTH)
    with pytest.raises(SystemExit):
        commands.run(lambda: 0)
    assert capsys.readouterr().err.startswith("warning: opencv-python and opencv-")
