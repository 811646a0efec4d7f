"""CMMD: rows of breasts, sides in tags, counts of table and listing."""

import gzip
import pathlib

import pytest

from end2end import phantoms
from end2end.importing import catalogue, records
from end2end.importing.sets import cmmd
from end2end.utils import files

SETTINGS = records.Settings(pathlib.Path("."))
HEADER = ",".join(cmmd.COLUMNS) + "\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Eight synthetic women. Read only."""
    folder = tmp_path_factory.mktemp("cmmd")
    phantoms.write_layout(folder, layout="cmmd", patients=8, seed=5, size=(96, 72))
    return folder


def test_the_row_of_a_picture_is_told_by_the_side_in_its_tags(root):
    known = cmmd.breasts(root, SETTINGS)
    pictures = list(cmmd.read(root, SETTINGS))
    used = [picture for picture in pictures if not picture.left_out]
    assert len(used) == 2 * len(known)
    for picture in used:
        number, row = known[picture.patient, picture.laterality]
        assert picture.row == number
        assert picture.label == int(row["classification"] == "Malignant")
    others = [picture for picture in pictures if picture.left_out]
    assert others and all(picture.left_out.startswith("no row") for picture in others)


def test_folders_of_women_are_found_three_deep_and_files_by_their_suffix(tmp_path):
    for place in ("D1-0002", "a/D1-0001", "a/b/D2-0003", "a/b/c/D1-0004", "z/D1-0002"):
        (tmp_path / place / "x").mkdir(parents=True)
        for name in ("1.DCM", "1.png"):
            (tmp_path / place / "x" / name).touch()
    (tmp_path / "D1-0005").touch()
    assert cmmd.women(tmp_path) == [
        tmp_path / place for place in ("a/D1-0001", "D1-0002", "a/b/D2-0003")]
    assert cmmd.listed(tmp_path) == [
        f"{place}/x/1.DCM" for place in ("a/D1-0001", "D1-0002", "a/b/D2-0003")]


def table(tmp_path, *lines):
    (tmp_path / "label.csv").write_text(HEADER + "".join(f"{x}\n" for x in lines))
    return tmp_path


@pytest.mark.parametrize(("lines", "name", "words"), [
    (("D1-0001,L,40,2,mass,Benign,", "D1-0001,L,40,2,mass,Benign,"), "row-per-breast",
     "3 is of the same breast as row 2."),
    ((f"D1-{'1' * 20},L,40,2,mass,Benign,",), "ids-and-sides",
     f"2 is of 'D1-{'1' * 17}', 'L'; expected such as D1-0001 and L or R."),
    ((f"D1-0001,B{'b' * 20},40,2,mass,Benign,",), "ids-and-sides",
     f"2 is of 'D1-0001', 'B{'b' * 19}'; expected such as D1-0001 and L or R."),
    ((f"D1-0001,L,40,2,mass,{'Unclear' * 6},",), "benign-or-malignant",
     f"2 is '{'Unclear' * 5}Uncle'.")])
def test_an_assumption_that_does_not_hold_is_refused_by_name(
        tmp_path, lines, name, words):
    with pytest.raises(files.InputError) as caught:
        cmmd.breasts(table(tmp_path, *lines), SETTINGS)
    assert str(caught.value).startswith(
        f"assumption '{name}' does not hold: {tmp_path / 'label.csv'}, row {words} ")


def test_the_table_may_be_the_excel_file_of_the_release(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(list(cmmd.COLUMNS))
    book.active.append(["D1-0001", "R", 44, 2, "calcification", "Benign", None])
    book.active.append(["D1-0001", "L", 44, 2, "mass", "Malignant", "HER2"])
    book.save(tmp_path / "CMMD_clinicaldata_revision.xlsx")
    (number, row), (other, last) = cmmd.breasts(tmp_path, SETTINGS).values()
    assert number == 2 and row["Age"] == "44" and row["subtype"] == ""
    assert other == 3 and last["subtype"] == "HER2"
    book.active["G1"] = "type"
    book.save(tmp_path / "CMMD_clinicaldata_revision.xlsx")
    with pytest.raises(files.InputError, match="it lacks subtype; it has type"):
        cmmd.breasts(tmp_path, SETTINGS)


def test_a_listing_stands_in_for_the_files_in_a_census(tmp_path):
    table(tmp_path, "D1-0001,L,40,2,mass,Benign,", "D2-0002,R,50,2,both,Malignant,"
          "Luminal A", "D1-0001,R,40,3,mass,Benign,", "D1-0007,R,40,x,mass,Benign,")
    paths = [f"./CMMD/{woman}/07-18-2010-1/1.000000-2/1-{number}.dcm"
             for woman, count in (("D1-0001", 2), ("D2-0002", 4), ("D1-0009", 6))
             for number in range(1, count + 1)]
    with gzip.open(tmp_path / "file_listing.txt.gz", "wb") as stream:
        stream.write("\n".join([".", "./CMMD", *paths]).encode() + b"\n./\xff\n")
    counts = cmmd.census(tmp_path, SETTINGS)
    assert counts == {
        "women": 3, "breasts": 4, "benign breasts": 3, "malignant breasts": 1,
        "women with both breasts in the table": 1, "women with a subtype": 1,
        "images of these breasts, by the table": 7, "benign images, by the table": 5,
        "malignant images, by the table": 2, "image files": 12, "women with files": 3,
        "women without a row": 1, "women without files": 1,
        "image files of breasts without a row": 5}
    assert not catalogue.is_whole(counts, catalogue.SETS["cmmd"])
    (tmp_path / "file_listing.txt.gz").unlink()
    (tmp_path / "file_listing.txt.gz").mkdir()
    with pytest.raises(files.InputError, match="listing .*txt.gz is a folder"):
        cmmd.census(tmp_path, SETTINGS)


def test_rows_that_do_not_fit_are_passed_over_where_that_is_accepted(tmp_path):
    lines = ("D1-1,L,40,2,mass,Benign,", "D1-0001,L,40,2,mass,Benign,",
             "D1-0001,L,41,2,mass,Malignant,", "D1-0001,R,40,2,mass,Unclear,",
             "D1-0002,B,40,2,mass,Benign,")
    settings = records.Settings(tmp_path, accept=(
        "ids-and-sides", "benign-or-malignant", "row-per-breast"))
    known = cmmd.breasts(table(tmp_path, *lines), settings)
    assert {key: (number, row["Age"]) for key, (number, row) in known.items()} == {
        ("D1-0001", "L"): (3, "40"), ("D1-0001", "R"): (5, "40")}


def test_a_picture_that_does_not_tell_its_side_is_left_out(tmp_path):
    path = tmp_path / "D1-0001" / "a" / "1-1.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no DICOM")
    picture = cmmd._picture(path, tmp_path / "D1-0001", {("D1-0001", "L"): (
        7, dict(classification="Malignant", subtype="x", abnormality="mass"))})
    assert picture.left_out == "side-by-tag: the file does not tell its side"
    assert (picture.key, picture.row, picture.label) == ("D1-0001/a/1-1.dcm", 0, None)
    assert cmmd.listed(tmp_path / "D1-0001") == []


def test_of_a_folder_of_a_woman_the_dicom_files_are_read(tmp_path):
    place = table(tmp_path, "D1-0001,L,40,2,mass,Benign,") / "D1-0001" / "x"
    (place / "1.dcm").mkdir(parents=True)
    for name in ("notes.txt", "2.DCM"):
        (place / name).write_bytes(b"no DICOM")
    assert [picture.key for picture in cmmd.read(tmp_path, SETTINGS)] == [
        "D1-0001/x/2.DCM"]
