"""Tests of end2end.importing.file_columns: several files in a row of a table."""

import csv

import cv2
import numpy as np
import pytest

from end2end.importing import __main__ as program
from end2end.importing import file_columns, understanding
from end2end.importing.spreadsheets import Row
from end2end.utils import files

SIZE = ("--size", "40", "32", "--workers", "1")
VIEWS = ("LCC", "LMLO", "RCC", "RMLO")


@pytest.mark.parametrize(("heading", "parts"), [
    ("L_CC_path", ("L", "CC", "path")), ("path LMLO", ("L", "MLO", "path")),
    ("rcc", ("R", "CC", "")), ("Bild links MLO", ("L", "MLO", "bild")),
    ("mlo.right.image", ("R", "MLO", "image")), ("label_left", ("L", "", "label")),
    ("CC file", ("", "CC", "file")), ("file", ("", "", "file")),
    ("left left", ("L", "", "left")), ("", ("", "", ""))])
def test_side_and_view_are_read_from_a_heading(heading, parts):
    assert file_columns.told(heading) == parts


def written(folder, header, rows, *, name="t.csv"):
    rng = np.random.default_rng(4)
    for row in rows:
        for cell in row:
            if cell.endswith(".png"):
                cv2.imwrite(str(folder / cell), rng.integers(
                    0, 255, (40, 30)).astype(np.uint8))
    path = folder / name
    path.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    return path


def exams(label=lambda number: (str(number % 2),)):
    return [(f"w{number}", *(f"{number}{view}.png" for view in VIEWS), *label(number))
            for number in range(6)]


def imported(path, out, *flags):
    program.main(["table", str(path), str(out), *SIZE, *flags])
    with open(out / "images.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def test_each_file_of_a_row_becomes_an_image_of_its_side_and_view(tmp_path, capsys):
    table = exams()
    table[2] = (*table[2][:3], "", *table[2][4:])
    path = written(tmp_path, ("patient", *(f"{view}_path" for view in VIEWS), "label"),
                   table)
    rows = imported(path, tmp_path / "out")
    assert len(rows) == 23
    assert {(row["patient"], row["laterality"] + row["view"]) for row in rows} == {
        (f"w{number}", view) for number in range(6) for view in VIEWS} - {("w2", "RCC")}
    assert {row["label"] for row in rows if row["patient"] == "w3"} == {"1"}
    said = capsys.readouterr().out
    assert "each row has 4 files (L CC, L MLO, R CC, R MLO)" in said
    assert "counts for both breasts" in said and "nothing is wrong" in said


def test_each_breast_has_the_label_of_its_own_column(tmp_path, capsys):
    path = written(
        tmp_path, ("patient", *(f"{view} file" for view in VIEWS), "label_L",
                   "right label"), exams(lambda number: (str(number % 2), "0")))
    rows = imported(path, tmp_path / "out")
    assert {(row["laterality"], row["label"]) for row in rows
            if row["patient"] == "w1"} == {("L", "1"), ("R", "0")}
    assert "counts for both breasts" not in capsys.readouterr().out


def test_columns_whose_headings_tell_nothing_are_named_by_flags(tmp_path):
    path = written(tmp_path, ("patient", "a", "b", "c", "d", "x", "label"),
                   exams(lambda number: ("9", str(number % 2))))
    with pytest.raises(files.InputError, match="--column path:LCC=HEADING"):
        program.main(["table", str(path), *SIZE])
    rows = imported(path, tmp_path / "out", "--column", "path:LCC=a", "--column",
                    "path:R MLO=d")
    assert {(row["laterality"], row["view"], row["path"][-9:]) for row in rows
            if row["patient"] == "w1"} == {("L", "CC", "FT_CC.png"),
                                           ("R", "MLO", "T_MLO.png")}


def test_one_column_of_several_is_read_where_it_is_named(tmp_path):
    path = written(tmp_path, ("patient", "a", "b", "c", "d", "label"), exams())
    assert len(imported(path, tmp_path / "out", "--column", "path=b")) == 6


def test_a_row_without_any_file_is_named(tmp_path, capsys):
    path = written(tmp_path, ("patient", *VIEWS, "label"),
                   [*exams(), ("w9", "", "", "", "", "1")])
    assert len(imported(path, tmp_path / "out")) == 24
    assert "  no-file - left out\n    1 row: 8\n" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["path:UP=a", "path:L:R=a", "up:L=a"])
def test_parts_that_are_no_side_and_view_are_refused(tmp_path, flag):
    path = written(tmp_path, ("patient", "a", "b", "c", "d", "label"), exams())
    with pytest.raises(files.InputError, match="expected"):
        program.main(["table", str(path), *SIZE, "--column", flag])


def test_a_mask_beside_the_file_is_still_asked_about():
    columns = [understanding.Column(0, "file", "path", "x"),
               understanding.Column(1, "mask")]
    rows = [Row(2, ("a.png", "m.png"))]
    assert file_columns.spread(columns, rows, {}) == columns
    assert file_columns.spare(columns, rows) == columns[1:]


def column(place, heading, meaning="", how=""):
    return understanding.Column(place, heading, meaning, how)


def test_headings_that_do_not_tell_files_apart_change_nothing():
    rows = [Row(2, ("a.png", "b.png"))]
    for headings in (("L CC", "left CC"), ("L CC", "scan"), ("L CC", "weight")):
        columns = [column(place, heading) for place, heading in enumerate(headings)]
        assert file_columns.spread(columns, rows[:headings[1] != "weight"], {}) == \
            columns
    columns = [column(0, "L CC"), column(1, "exam R CC", "exam")]
    assert file_columns.spread(columns, rows, {}) == columns
    columns = [column(0, "L CC"), column(1, "left MLO")]
    assert [(one.meaning, one.side, one.view) for one in file_columns.spread(
        columns, rows, {})] == [("path", "L", "CC"), ("path", "L", "MLO")]


def test_what_is_said_of_one_breast_goes_with_its_files_and_of_one_view_with_its_file():
    columns = [
        column(0, "L_CC"), column(1, "R_CC"), column(2, "L_MLO"),
        column(3, "label_L_CC"), column(4, "label_left"), column(5, "right label"),
        column(6, "density R", "density", understanding.BY_FLAG), column(7, "age left"),
        column(8, "patient", "patient", understanding.BY_HEADING)]
    spread = file_columns.spread(columns, [
        Row(2, ("a.png", "b.png", "")), Row(3, ("a.png", "", "c.png"))], {})
    assert [(one.meaning, one.side, one.view, one.how) for one in spread] == [
        *(("path", *part, understanding.BY_HEADING) for part in (
            ("L", "CC"), ("R", "CC"), ("L", "MLO"))),
        ("label", "L", "CC", understanding.BY_HEADING),
        *(("label", side, "", understanding.BY_HEADING) for side in "LR"),
        ("density", "", "", understanding.BY_FLAG), ("", "", "", ""),
        ("patient", "", "", understanding.BY_HEADING)]
    parts = file_columns.parts(spread)
    common = dict(density=6, patient=8)
    assert [(part.side, part.view, part.places) for part in parts] == [
        ("L", "CC", common | dict(label=3, path=0)),
        ("R", "CC", common | dict(label=5, path=1)),
        ("L", "MLO", common | dict(label=4, path=2))]
    several = ("each row has 3 files (L CC, R CC, L MLO): each becomes an image; empty "
               "cells are views that were not taken")
    assert file_columns.described(parts) == [several]
    assert file_columns.described(parts[:1]) == []
    alike = [file_columns.Part(part.side, part.view, common) for part in parts]
    assert file_columns.described(alike) == [several, (
        "the label of a row counts for both breasts; where only one is meant, give "
        "each its column (--column label:L=HEADING --column label:R=HEADING)")]
    assert len(file_columns.described(alike[::2])) == 1
