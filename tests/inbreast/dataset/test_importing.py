"""The import of INbreast: which images have a label, and how results are named."""

import argparse
import pathlib

import pytest

from end2end.importing.sets import inbreast_tables as tables
from end2end.utils import files
from inbreast.dataset import importing


def image(number, patient="p", side="LEFT", view="CC"):
    return tables.ImageFile(pathlib.Path(f"{number}.dcm"), number, patient, side, view)


def row(number, birads, side="LEFT", view="CC"):
    return tables.Row(number, side, view, "2", birads)


def test_an_image_without_a_label_is_left_out_with_the_reason():
    table = {"1": row("1", "5"), "2": row("2", "3"), "4": row("4", "1")}
    chosen, left_out = importing.choose(table, [image("1"), image("2"), image("3")])
    assert [chosen_image.image for chosen_image in chosen] == ["1"]
    assert [(entry["image"], entry["reason"].split(":")[0]) for entry in left_out] == [
        ("2", "BI-RADS 3"), ("3", "not in the table"), ("4", "no image file")]


def test_a_table_without_any_label_is_refused():
    with pytest.raises(files.InputError, match="BI-RADS 1, 2, 4, 5 or 6"):
        importing.choose({"1": row("1", "3")}, [image("1")])


def test_a_result_is_named_by_patient_side_view_and_number():
    assert importing.name_of(image("20", "ab", "RIGHT", "MLO")) == "ab_RIGHT_MLO_20"
    assert importing.name_of(image("20", "ab", "", "")) == "ab_20"


def test_a_split_that_is_read_wins_over_a_draw():
    table = {"1": row("1", "5"), "2": row("2", "1")}
    images = [image("1", "a"), image("2", "b")]
    rows = importing.split_rows(
        images, table, {("a",): "test"}, argparse.Namespace())
    assert [(line["image"], line["split"], line["label"]) for line in rows] == [
        ("1", "test", 1)]
