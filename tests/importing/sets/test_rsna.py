"""RSNA 2022: labels, sites, machines, and every assumption that is checked."""

import csv
import pathlib

import pytest

from end2end import phantoms
from end2end.importing import records
from end2end.importing.sets import rsna
from end2end.utils import files

SETTINGS = records.Settings(pathlib.Path("."))


@pytest.fixture
def root(tmp_path):
    phantoms.write_layout(tmp_path / "in", layout="rsna", patients=8, seed=10,
                          size=(96, 72))
    return tmp_path / "in"


def changed(root, row, **cells):
    path = root / rsna.TABLE
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[row] |= cells
    with open(path, "w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_pictures_are_read_with_site_machine_and_missing_ages(root):
    pictures = list(rsna.read(root, SETTINGS))
    assert all(pathlib.Path(picture.source).is_file() for picture in pictures)
    assert {picture.site for picture in pictures} == {"1", "2"}
    assert {picture.vendor for picture in pictures} == {
        "machine 49", "machine 21", "machine 93"}
    assert any(picture.age == "" for picture in pictures)
    assert {picture.view for picture in pictures} == {"CC", "MLO", "ML"}
    assert {picture.label for picture in pictures} == {0, 1}


@pytest.mark.parametrize(("cells", "name"), [
    (dict(cancer="2"), "cancer-0-or-1"), (dict(laterality="B"), "sides"),
    (dict(cancer="1"), "cancer-of-breast")])
def test_an_assumption_that_does_not_hold_is_refused_by_name(root, cells, name):
    pictures = list(rsna.read(root, SETTINGS))
    place = next(i for i, picture in enumerate(pictures) if picture.label == 0)
    changed(root, place, **cells)
    with pytest.raises(files.InputError, match=f"'{name}' does not hold"):
        list(rsna.read(root, SETTINGS))


def test_an_image_in_two_rows_is_refused_and_counts_once_where_accepted(root):
    first, second, *others = [picture.key for picture in rsna.read(root, SETTINGS)]
    changed(root, 1, image_id=first)
    with pytest.raises(files.InputError, match="image-once"):
        list(rsna.read(root, SETTINGS))
    accepting = records.Settings(pathlib.Path("."), accept=("image-once",))
    keys = [picture.key for picture in rsna.read(root, accepting)]
    assert keys == [first, *others] and second not in keys


def test_the_table_of_test_images_has_no_labels_and_is_refused(root):
    path = root / rsna.TABLE
    path.write_text("site_id,patient_id,image_id,laterality,view,age,implant,"
                    "machine_id,prediction_id\n1,2,3,L,CC,50,0,29,2_L\n")
    with pytest.raises(files.InputError, match="it lacks cancer.*it has prediction_id"):
        list(rsna.read(root, SETTINGS))


def test_pictures_are_looked_for_in_two_folders_and_two_forms(tmp_path):
    row = dict(patient_id="7", image_id="12")
    for path in (tmp_path / folder / "7" / f"12{suffix}" for folder in (
            "images", "train_images") for suffix in reversed(rsna.SUFFIXES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert rsna._file(tmp_path, row) == path
    assert rsna._file(tmp_path / "none", row) == (
        tmp_path / "none" / "train_images" / "7" / "12.dcm")


def test_the_census_counts_women_and_breasts(root):
    counts = rsna.census(root, SETTINGS)
    assert counts["women"] == 8 and counts["breasts"] == 16
    assert counts["images without an age"] > 0
