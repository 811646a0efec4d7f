"""The import of INbreast: tables, patients, true bits, outlines."""

import csv
import json
import pathlib
import re
import shutil

import cv2
import numpy as np
import pydicom
import pytest
import recorded

from end2end import phantoms
from end2end.importing.sets import inbreast_tables as tables
from end2end.utils import files
from inbreast import prepare
from inbreast.dataset import importing

DATA = pathlib.Path(__file__).parents[1] / "fixtures"
SIZE = (96, 72)


def run(root, out, *options):
    """Imports a release at a small size in this process."""
    prepare.main([str(root), str(out), "--workers", "1", "--size", *map(str, SIZE),
                  *map(str, options)])
    return out


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A release of twenty synthetic women. Read only."""
    folder = tmp_path_factory.mktemp("inbreast")
    phantoms.write_inbreast(folder, patients=20, seed=6, size=(192, 144))
    return folder


@pytest.fixture(scope="module")
def prepared(release, tmp_path_factory):
    """Its import. Read only."""
    return run(release, tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def small(tmp_path):
    """A release of four women that the test may change."""
    phantoms.write_inbreast(tmp_path / "in", patients=4, seed=3, size=SIZE)
    return tmp_path / "in" / "INbreast Release 1.0"


def test_images_are_sorted_by_the_table(prepared, release):
    table = tables.read_table(release)
    found = {path.stem.rsplit("_", 1)[1]: path.parent.name
             for path in (prepared / "images").rglob("*.png")}
    wanted = {image: ("neg", "pos")[row.malignant] for image, row in table.items()
              if row.malignant is not None}
    assert found == wanted and "pos" in wanted.values()
    left_out = rows_of(prepared / "left_out.csv")
    assert {row["image"] for row in left_out} == set(table) - set(wanted)
    assert left_out and all("BI-RADS 3" in row["reason"] for row in left_out)


def test_no_woman_is_in_two_parts_and_three_tenths_are_for_testing(prepared):
    parts = {}
    for row in rows_of(prepared / "images.csv"):
        parts.setdefault(row["patient"], set()).add(row["split"])
    assert all(len(own) == 1 for own in parts.values())
    assert sum(own == {"test"} for own in parts.values()) == -(-3 * len(parts) // 10)


def test_12_bit_values_are_spread_over_16_bits_by_one_factor(small, tmp_path):
    out = run(small, tmp_path / "out")
    census = json.loads((out / "census.json").read_text())
    assert census["bits"] == 12
    assert census["factor"] == pytest.approx(65535 / 4095)
    for path in (out / "full").iterdir():
        image = path.stem.rsplit("_", 1)[1]
        stored = pydicom.dcmread(next(small.rglob(f"{image}_*.dcm"))).pixel_array
        made = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(made, np.rint(stored * (65535 / 4095)))


def test_values_beyond_the_bits_that_were_asked_for_become_white_and_are_logged(
        small, tmp_path):
    out = run(small, tmp_path / "out", "--bits", "10")
    assert max(cv2.imread(str(path), -1).max() for path in (out / "full").iterdir()
               ) == 65535
    assert any("became white" in row["reason"] for row in rows_of(out / "notes.csv"))


def test_patients_are_known_by_the_hash_in_the_file_name(release, prepared):
    names = {path.name.split("_")[1] for path in release.rglob("*.dcm")}
    assert {row["patient"] for row in rows_of(prepared / "images.csv")} <= names


def test_without_a_hash_women_are_guessed_from_runs_of_numbers(small, tmp_path, capsys):
    patients = {}
    for path in small.rglob("*.dcm"):
        image, patient = path.name.split("_")[:2]
        patients.setdefault(patient, set()).add(image)
        path.rename(path.with_name(f"{image}.dcm"))
    images, hashed = tables.find_images(small)
    groups = {}
    for image in images:
        groups.setdefault(image.patient, set()).add(image.image)
    assert not hashed and sorted(map(sorted, groups.values())) == sorted(
        map(sorted, patients.values()))
    run(small, tmp_path / "out")
    assert ("\n  some file names lack the patient's hash: women are guessed from runs "
            "of image numbers\n") in capsys.readouterr().out


def test_side_and_view_come_from_the_name_and_ml_is_mlo(prepared):
    rows = rows_of(prepared / "images.csv")
    assert {row["laterality"] for row in rows} == {"LEFT", "RIGHT"}
    assert {row["view"] for row in rows} == {"CC", "MLO"}


def test_a_spreadsheet_that_cannot_be_read_is_named(small):
    (small / "INbreast.csv").rename(small / "INbreast.xls")
    with pytest.raises(files.InputError, match=r"INbreast\.xls"):
        tables.read_table(small)


BOMB = """<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><plist version="1.0"><dict><key>Images</key>
<string>&b;</string></dict></plist>"""


def test_bad_outlines_are_logged_and_stop_nothing(small, tmp_path):
    spoilt = next(small.rglob("*.xml"))
    spoilt.write_text(BOMB)
    out = run(small, tmp_path / "out")
    notes = [row["reason"] for row in rows_of(out / "notes.csv")
             if row["image"] == spoilt.stem]
    assert any("outlines left out" in reason for reason in notes)


def test_outlines_lie_on_the_lesions_of_the_resized_image(release, prepared):
    outlines = json.loads((prepared / "outlines.json").read_text())
    assert outlines["size"] == list(SIZE) and outlines["images"]
    for name, regions in outlines["images"].items():
        picture = cv2.imread(str(prepared / "full" / f"{name}.png"), -1)
        for found in regions:
            if not found["dot"]:
                inside = np.zeros(SIZE, np.uint8)
                cv2.fillPoly(inside, [np.int32(np.round(found["points"]))], 1)
                near = cv2.dilate(inside, np.ones((9, 9))) - inside
                assert picture[inside > 0].max() > picture[near > 0].mean()
                assert (picture[inside > 0] > 0).all()


def test_a_bad_file_is_left_out_and_stops_nothing(small, tmp_path):
    path = sorted(small.rglob("*.dcm"))[0]
    path.write_bytes(path.read_bytes()[:5000])
    out = run(small, tmp_path / "out")
    left_out = {row["image"]: row["reason"] for row in rows_of(out / "left_out.csv")}
    assert "cannot be read" in left_out[path.name.split("_")[0]]


def test_a_release_of_which_nothing_can_be_read_is_refused(small, tmp_path):
    first = importing.choose(tables.read_table(small), tables.find_images(small)[0])[
        0][0].path
    for path in small.rglob("*.dcm"):
        path.write_bytes(path.read_bytes()[:500] if path == first else b"")
    with pytest.raises(files.InputError, match=f"^not one image could be read: "
                       f"{re.escape(str(first))} cannot be read"):
        run(small, tmp_path / "out")


def test_a_split_of_other_women_leaves_nothing(small, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "split.csv").write_text("patient,split\nnobody,test\n")
    with pytest.raises(files.InputError) as caught:
        run(small, out, "--split-file", tmp_path / "split.csv")
    assert str(caught.value) == (
        f"no image is left to split; see {out / 'left_out.csv'}.")
    assert rows_of(out / "left_out.csv")


def test_the_second_call_does_only_what_is_missing(small, tmp_path):
    out = run(small, tmp_path / "out")
    lost, kept = sorted((out / "full").iterdir())[:2]
    before = kept.stat().st_ino
    lost.unlink()
    run(small, out)
    assert lost.is_file() and kept.stat().st_ino == before


def test_a_written_split_given_back_gives_the_same_parts(small, tmp_path):
    one = run(small, tmp_path / "one", "--seed", "7")
    two = run(small, tmp_path / "two", "--split-file", one / "splits" / "split.csv")
    assert (one / "images.csv").read_text() == (two / "images.csv").read_text()


@pytest.mark.parametrize(("damage", "complaint"), [
    (lambda folder: (folder / "INbreast.csv").unlink(), "neither INbreast.csv nor"),
    (lambda folder: shutil.rmtree(folder / "AllDICOMs"), "no image of the table"),
    (lambda folder: (folder / "INbreast.csv").write_text("a;b\n1;2\n"), "no column"),
])
def test_what_is_missing_is_named_before_any_work(small, tmp_path, damage, complaint):
    damage(small)
    with pytest.raises(files.InputError, match=complaint):
        run(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [
    ("--size", "10", "10"), ("--test-share", "1"), ("--val-share", "-0.1"),
    ("--workers", "0"), ("--seed", "-1")])
def test_a_wrong_option_is_refused(small, tmp_path, options):
    with pytest.raises(files.InputError):
        run(small, tmp_path / "out", *options)


def test_an_import_is_as_recorded(release, tmp_path, capsys):
    out = run(release, tmp_path / "out", "--val-share", "0.25", "--test-share", 0.2)
    recorded.check("prepare-inbreast", capsys.readouterr().out + recorded.folder(out),
                   {"RELEASE": release, "FOLDER": tmp_path})
