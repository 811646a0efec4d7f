"""What INbreast says of its images: the table, the file names, the outlines."""

import pathlib
import plistlib
import shutil

import pytest

from end2end.importing.sets import inbreast_tables as tables
from end2end.utils import files

DATA = pathlib.Path(__file__).parents[2] / "fixtures"
BOMB = """<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><plist version="1.0"><dict><key>Images</key>
<string>&b;</string></dict></plist>"""


def plist(tmp_path, regions, count=None):
    path = tmp_path / "1.xml"
    images = [dict(ImageIndex=0, ROIs=regions,
                   NumberOfROIs=len(regions) if count is None else count)]
    path.write_bytes(plistlib.dumps({"Images": images}))
    return path


def region(name, points, count=None):
    return dict(Name=name, Point_px=points,
                NumberOfPoints=len(points) if count is None else count)



@pytest.mark.parametrize(("birads", "label"), [
    ("1", 0), ("2", 0), ("3", None), ("4a", 1), ("4c", 1), ("5", 1), ("6", 1),
    ("", None)])
def test_birads_1_and_2_are_negative_4_to_6_positive_and_3_neither(birads, label):
    assert tables.Row("1", "LEFT", "CC", "2", birads).malignant == label


def test_the_spreadsheet_is_read_without_its_footer(tmp_path):
    pytest.importorskip("xlrd")
    shutil.copy(DATA / "INbreast.xls", tmp_path)
    assert tables.read_table(tmp_path) == {
        "20000001": tables.Row("20000001", "LEFT", "CC", "1", "4a"),
        "20000034": tables.Row("20000034", "RIGHT", "MLO", "", "2"),
        "20000067": tables.Row("20000067", "LEFT", "FB", "4", "3")}


def test_a_spreadsheet_beyond_any_size_is_refused(tmp_path, monkeypatch):
    xlrd = pytest.importorskip("xlrd")
    path = pathlib.Path(shutil.copy(DATA / "INbreast.xls", tmp_path))
    cells = xlrd.open_workbook(path).sheet_by_index(0)
    cells = cells.nrows * cells.ncols
    monkeypatch.setattr(tables, "GREATEST_CELLS", cells)
    assert len(tables.read_table(tmp_path)) == 3
    monkeypatch.setattr(tables, "GREATEST_CELLS", cells - 1)
    with pytest.raises(files.InputError, match=(
            r"xls cannot be read as an Excel table \(\d+ rows of \d+ cells\); restore "
            r"it\.$")):
        tables.read_table(tmp_path)
    monkeypatch.setattr(tables, "GREATEST_XLS", path.stat().st_size - 1)
    with pytest.raises(files.InputError, match="^table .*xls has 0 MB, more than the"):
        tables.read_table(tmp_path)


def test_outlines_keep_their_points_and_dots_are_marked(tmp_path):
    path = plist(tmp_path, [
        region("Espiculated Region", ["(1.5, 2.0)", "(3, 4)", "(5.0, 1e1)"]),
        region("Calcification", ["(7.25, 8.5)"]),
        region("Mass", ["(1, 2)", "(3, 4)"])])
    regions, notes = tables.read_outlines(path, (100, 50))
    assert regions == [
        dict(name="Espiculated Region", kind="mass", dot=False,
             points=[[1.5, 2.0], [3.0, 4.0], [5.0, 10.0]]),
        dict(name="Calcification", kind="calcification", dot=True,
             points=[[7.25, 8.5]]),
        dict(name="Mass", kind="mass", dot=True, points=[[1.0, 2.0], [3.0, 4.0]])]
    assert notes == []


@pytest.mark.parametrize(("name", "kind"), [
    ("Asimmetry", "asymmetry"), ("Assymetry", "asymmetry"), ("UNNAMED", "other"),
    ("", "other"), ("Cluster", "calcification"), ("Point 3", "other")])
def test_names_are_compared_without_case_and_unknown_ones_are_kept(
        tmp_path, name, kind):
    path = plist(tmp_path, [region(name, ["(1, 1)"])])
    (found,), _ = tables.read_outlines(path, (9, 9))
    assert (found["kind"], found["name"]) == (kind, name)


def test_wrong_counts_and_points_outside_are_noted(tmp_path):
    path = plist(tmp_path, [
        region("Mass", ["(-3.0, 2.0)", "(90, 4)", "(1, -1)", "(2, 25)"], count=5),
        region("Mass", [])], count=7)
    regions, notes = tables.read_outlines(path, (20, 10))
    assert regions[0]["points"] == [
        [0.0, 2.0], [9.0, 4.0], [1.0, 0.0], [2.0, 19.0]]
    assert len(regions) == 1 and notes == [
        "7 outlines announced, 2 found",
        "outline 'Mass': 5 points announced, 4 found",
        "outline 'Mass': points outside the image moved to its edge"]


def test_the_other_form_of_points_is_read(tmp_path):
    path = plist(tmp_path, [dict(Name="Pectoral Muscle", ROIPoints=["{1.0, 2.0}"])])
    (found,), _ = tables.read_outlines(path, (9, 9))
    assert found["kind"] == "pectoral muscle" and found["points"] == [[1.0, 2.0]]


@pytest.mark.parametrize("text", [
    BOMB, "no xml", "<plist><array/></plist>", "<plist><dict/></plist>", ""])
def test_a_malformed_list_of_outlines_is_refused(tmp_path, text):
    (tmp_path / "1.xml").write_text(text)
    with pytest.raises(ValueError, match="holds no dictionary|holds no list of images"
                       "|is no property list"):
        tables.read_outlines(tmp_path / "1.xml", (9, 9))


def test_a_list_of_outlines_beyond_any_size_is_not_read(tmp_path, monkeypatch):
    path = plist(tmp_path, [region("Mass", ["(1, 2)"])])
    size = path.stat().st_size
    monkeypatch.setattr(tables, "GREATEST_XML", size)
    assert len(tables.read_outlines(path, (9, 9))[0]) == 1
    (tmp_path / "2.xml").write_bytes(plistlib.dumps(
        {"Images": []}, fmt=plistlib.FMT_BINARY))
    with pytest.raises(ValueError, match="is no property list"):
        tables.read_outlines(tmp_path / "2.xml", (9, 9))
    monkeypatch.setattr(tables, "GREATEST_XML", size - 1)
    with pytest.raises(ValueError, match=f"is larger than {size - 1} bytes"):
        tables.read_outlines(path, (9, 9))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("sign", [",", ";"])
@pytest.mark.parametrize("folder", ["", "AllDICOMs/more"])
def test_the_table_is_csv_of_either_sign_and_encoding(tmp_path, sign, encoding, folder):
    rows = [["File Name", "Laterality", "View", "ACR", "Bi-Rads", "Größe; mm, px"],
            ["20000001", "L", "cc", "1", "4A", "7"],
            ["20000034", "r", "MLO", "", "2", ""],
            ["Fußnote" + (";" if sign == "," else ",") * 20, "", "", "", "", ""]]
    text = "".join(sign.join(
        f'"{cell}"' if "; " in cell else cell for cell in row) + "\n" for row in rows)
    place = tmp_path / folder / "INbreast.csv"
    place.parent.mkdir(parents=True, exist_ok=True)
    # In the heading the other sign stands once.
    place.write_bytes(text.replace("; mm" if sign == "," else ", px", "").encode(
        encoding))
    assert tables.read_table(tmp_path) == {
        "20000001": tables.Row("20000001", "LEFT", "CC", "1", "4a"),
        "20000034": tables.Row("20000034", "RIGHT", "MLO", "", "2")}


@pytest.mark.parametrize(("text", "words"), [
    ("File Name,Laterality,View,ACR\n1,L,CC,1\n", "has no column 'bi-rads'; found"),
    ("File Name,View,ACR\n1,CC,1\n", "no column 'laterality'; found file name, view"),
    ("File Name,Laterality,View,ACR,Bi-Rads\nx,L,CC,1,2\n", "no rows with an image"),
    (None, "neither INbreast.csv nor INbreast.xls is in")])
def test_a_table_that_is_not_that_of_the_release_is_refused(tmp_path, text, words):
    if text:
        (tmp_path / "INbreast.csv").write_text(text)
    with pytest.raises(files.InputError, match=words):
        tables.read_table(tmp_path)


def test_women_are_told_by_the_hash_or_guessed_from_gaps_between_numbers(tmp_path):
    names = ["20000007_AbC01234_MG_L_CC_ANON.dcm", "20000009_abc01234_MG_R_ML_ANON.dcm",
             "notes.txt"]
    for name in names:
        (tmp_path / name).touch()
    images, known = tables.find_images(tmp_path)
    assert known and [(image.image, image.patient, image.side, image.view)
                      for image in images] == [
        ("20000007", "abc01234", "LEFT", "CC"),
        ("20000009", "abc01234", "RIGHT", "MLO")]
    gap = tables.GREATEST_GAP
    assert tables._runs(["10", str(10 + gap), str(11 + 2 * gap)]) == {
        "10": "group10", str(10 + gap): "group10",
        str(11 + 2 * gap): f"group{11 + 2 * gap}"}


def test_without_a_reader_the_table_is_asked_for_as_csv(tmp_path, monkeypatch):
    path = tmp_path / "INbreast.xls"
    path.touch()
    monkeypatch.setattr(tables.distribution.importlib.util, "find_spec",
                        lambda name: None)
    with pytest.raises(files.InputError) as caught:
        tables.read_table(tmp_path)
    assert str(caught.value) == (
        f"{path} needs the package xlrd; install it with pip install "
        '"end2end-mammography[inbreast]", or save the table as INbreast.csv.')


def test_images_come_in_the_order_of_their_numbers_whatever_their_digits(tmp_path):
    for name in ("10000001.dcm", "9999999.png", "10000000.dicom"):
        (tmp_path / name).touch()
    images, known = tables.find_images(tmp_path)
    assert not known and [(image.image, image.patient) for image in images] == [
        (number, "group9999999") for number in ("9999999", "10000000", "10000001")]


def test_outlines_are_files_by_the_number_of_their_image(tmp_path):
    for name in ("b/2.xml", "a/1.xml", "c/1.xml", "a/1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "3.xml").mkdir()
    assert tables.find_outlines(tmp_path) == {
        "1": tmp_path / "c" / "1.xml", "2": tmp_path / "b" / "2.xml"}
