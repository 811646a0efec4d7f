"""The picture of the folders: drawn from the imports, current, and readable."""

import pathlib
import xml.etree.ElementTree

import draw_architecture
import pytest

DOCS = pathlib.Path(__file__).parent.parent / "docs"


def test_the_picture_is_current():
    assert draw_architecture.drawing() == (DOCS / "architecture.svg").read_text(
        encoding="utf-8"), "make architecture"


def test_every_folder_has_a_box_and_the_file_is_small():
    path = DOCS / "architecture.svg"
    assert path.stat().st_size < 200_000
    texts = {element.text for element in xml.etree.ElementTree.parse(path).iter()}
    for folder in ("images/", "models/", "prediction/", "ddsm_train/", "inbreast/"):
        assert folder in texts


def test_a_folder_stands_one_above_the_highest_that_it_imports():
    arrows = {"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": set()}
    assert draw_architecture.levels(arrows) == dict(a=2, b=1, c=0, d=0)


def test_an_arrow_that_others_imply_is_left_out():
    arrows = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert draw_architecture.reduced(arrows) == {("a", "b"), ("b", "c")}


def test_folders_that_import_each_other_cannot_be_drawn():
    with pytest.raises(RecursionError):
        draw_architecture.levels({"a": {"b"}, "b": {"a"}})


def test_long_arrows_have_a_place_in_the_rows_that_they_cross():
    rows, pieces = draw_architecture.lanes({("a", "c")}, dict(a=2, b=1, c=0))
    place = ("a", "c", 1)
    assert rows == [["a"], ["b", place], ["c"]]
    assert pieces == [("a", place), (place, "c")]


def test_what_a_folder_says_of_itself_ends_at_the_first_pause():
    assert draw_architecture.summary("end2end.config") == (
        "Every setting once: its name, default, flag and meaning")
