"""VinDr-Mammo: labels, boxes, splits, and every assumption that is checked."""

import csv
import pathlib

import pytest

from end2end import phantoms
from end2end.data import conversion
from end2end.importing import records
from end2end.importing.sets import vindr
from end2end.utils import files


@pytest.fixture
def root(tmp_path):
    phantoms.write_layout(tmp_path / "in", layout="vindr", patients=8, seed=10,
                          size=(96, 72))
    return tmp_path / "in"


def read(root, *accept, **options):
    settings = records.Settings(pathlib.Path("."), accept=accept, **options)
    return list(vindr.read(root, settings))


def changed(path, change):
    """Rewrites a table after `change` of its rows, a list of lists with the header."""
    with open(path, newline="") as stream:
        rows = list(csv.reader(stream))
    change(rows)
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def test_pictures_are_read_with_their_regions(root):
    pictures = read(root)
    assert len(pictures) == 32 and all(
        pathlib.Path(picture.source).is_file() for picture in pictures)
    assert {picture.split for picture in pictures} == {"train", "test"}
    regions = [region for picture in pictures for region in picture.regions]
    assert {region.kind for region in regions} == {"mass", "calc"}
    first = next(picture for picture in pictures if picture.regions)
    changed(root / vindr.FINDING_TABLE, lambda rows: [
        row.__setitem__(slice(10, 12), ["BI-RADS 3", "-1.5"]) for row in rows
        if row[2] == first.key])
    region, *_ = next(
        picture for picture in read(root) if picture.key == first.key).regions
    assert region.points[0][0] == -1.5 and region.malignant is False
    malignant = {picture.key for picture in pictures if picture.label == 1}
    assert malignant and all(
        any(region.malignant for region in picture.regions) == (picture.label == 1)
        for picture in pictures if picture.regions)


def test_category_3_is_left_out_unless_asked_for(root):
    changed(root / vindr.IMAGE_TABLE, lambda rows: [
        row.__setitem__(7, "BI-RADS 3") for row in rows[1:3]])
    assert [bool(picture.left_out) for picture in read(root)[:3]] == [
        True, True, False]
    assert not read(root, birads_3="negative")[0].left_out


def test_of_exams_without_all_four_views_the_first_is_named(root):
    changed(root / vindr.IMAGE_TABLE, lambda rows: [
        row.__setitem__(4, "CC") for row in rows[:0:-30]])
    with pytest.raises(files.InputError) as caught:
        read(root)
    assert str(caught.value).startswith(
        f"assumption 'four-views' does not hold: 2 of 8 exams of "
        f"{root / vindr.IMAGE_TABLE} are not CC and MLO of both breasts, such as "
        "[('L', 'CC'), ('L', 'CC'), ('R', 'CC'), ('R', 'MLO')]. ")


@pytest.mark.parametrize(("table", "column", "value", "name"), [
    (vindr.IMAGE_TABLE, 7, "BI-RADS 5", "birads-of-breast"),
    (vindr.IMAGE_TABLE, 9, "validation", "split-words"),
    (vindr.IMAGE_TABLE, 4, "ML", "four-views"),
    (vindr.FINDING_TABLE, 9, "Mass", "lists-of-findings"),
    (vindr.FINDING_TABLE, 2, "0" * 32, "findings-of-images"),
    (vindr.FINDING_TABLE, 12, "left", "boxes")])
def test_an_assumption_that_does_not_hold_is_refused_by_name_and_may_be_waived(
        root, table, column, value, name):
    def change(rows):
        place = next((i for i, row in enumerate(rows)
                      if "Mass" in row[9]), 1) if table == vindr.FINDING_TABLE else 1
        rows[place][column] = value

    before = sum(len(picture.regions) for picture in read(root))
    changed(root / table, change)
    with pytest.raises(files.InputError, match=f"'{name}' does not hold"):
        read(root)
    regions = sum(len(picture.regions) for picture in read(root, name))
    assert regions == before - (name in ("boxes", "findings-of-images"))


def test_findings_without_a_box_and_boxes_of_nothing_are_passed_over(root):
    table, settings = root / vindr.FINDING_TABLE, records.Settings(pathlib.Path("."))
    before = vindr._findings(table, settings)
    added = []

    def change(rows):
        row = next(row for row in rows if "Mass" in row[9])
        added.append(row)
        place = rows[0].index("xmin")
        rows.insert(1, [*row[:place], *[""] * 4, *row[place + 4:]])
        rows.insert(1, [*row[:9], "['No Finding']", *row[10:]])
    changed(table, change)
    assert added and vindr._findings(table, settings) == before


def test_findings_are_a_list_of_words_of_some_length():
    settings = records.Settings(pathlib.Path("."))
    rest = "']" + " " * (vindr.LONGEST_LIST - 9)
    assert vindr._names("['Mass" + rest, "here", settings) == ["Mass"]
    for text in ("['Mass" + rest + " ", "[]", "[3]", "('Mass',)", "['Mass'"):
        with pytest.raises(files.InputError) as caught:
            vindr._names(text, "here", settings)
        assert str(caught.value).startswith(
            "assumption 'lists-of-findings' does not hold: here has the findings "
            f"{text[:80]!r}; expected a list such as ['Mass'].")


def test_a_file_of_another_size_than_the_table_says_is_no_basis_for_boxes(root):
    picture = read(root)[0]
    job = dict(sources=[picture.source], further=dict(height=96, width=70), out="",
               regions=[], settings=[[32, 24]], bits=None, name="n")
    with pytest.raises(conversion.Unreadable) as caught:
        vindr.convert(job)
    assert str(caught.value) == ("size-in-table: the table says 70 x 96, the file has "
                                 "72 x 96 pixels")
    assert vindr.convert(job | dict(further=picture.further))["height"] == 96
    assert picture.further == dict(height=96, width=72)
    assert read(root, "size-in-table")[0].further == {}
    changed(root / vindr.IMAGE_TABLE, lambda rows: rows[1].__setitem__(6, "7.5"))
    assert [image.further for image in read(root)[:2]] == [{}, picture.further]


def test_pictures_are_looked_for_in_three_forms(tmp_path):
    row, stem = dict(study_id="7", image_id="1.2"), tmp_path / "images" / "7" / "1.2"
    stem.parent.mkdir(parents=True)
    for suffix in (".png", ".dcm", ".dicom"):
        stem.with_name(f"1.2{suffix}").touch()
        assert vindr._file(tmp_path, row) == stem.with_name(f"1.2{suffix}")
    assert vindr._file(tmp_path / "none", row) == (
        tmp_path / "none" / "images" / "7" / "1.2.dicom")


def test_the_census_counts_exams_and_parts(root):
    counts = vindr.census(root, records.Settings(pathlib.Path(".")))
    assert (counts["images"], counts["exams"], counts["breasts"]) == (32, 8, 16)
    assert counts["training exams"] + counts["test exams"] == 8
