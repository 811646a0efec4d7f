"""The import of INbreast: which images have a label, and how results are named."""

import argparse
import json
import pathlib
import plistlib

import cv2
import dicom_writer
import numpy as np
import pytest

from end2end.data import conversion
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


def converted(tmp_path, pixels, size, factor=65535 / 4095):
    source = dicom_writer.write(tmp_path / "1.dcm", pixels)
    record = importing.convert_image(dict(
        sources=[str(source)], out=str(tmp_path), target="full/1.png",
        settings=[size, factor]))
    return record, cv2.imread(str(tmp_path / "full" / "1.png"), cv2.IMREAD_UNCHANGED)


def test_an_image_is_resized_to_height_and_width_and_its_mean_is_of_255(tmp_path):
    pixels = np.full((48, 20), 819, np.uint16)
    record, image = converted(tmp_path, pixels, [36, 60])
    assert image.shape == (36, 60) and (image == 13107).all()
    assert record["mean"] == pytest.approx(51) and record["shape"] == [48, 20]
    assert record["outputs"] == ["full/1.png"] and record["complete"]
    assert not any("white" in note for note in record["notes"])


def test_the_share_beyond_the_bits_is_noted_and_no_value_at_the_edge(tmp_path):
    pixels = np.full((40, 20), 255, np.uint16)
    pixels[:5] = 256
    record, image = converted(tmp_path, pixels, [40, 20], factor=257)
    assert (image == 65535).all()
    assert "12.5 % of the pixels are beyond the chosen bits and became white" in (
        record["notes"])
    record, _ = converted(tmp_path, np.minimum(pixels, 255), [40, 20], factor=257)
    assert not any("white" in note for note in record["notes"])
    with pytest.raises(conversion.Unreadable, match="black"):
        converted(tmp_path, 0 * pixels, [40, 20])


@pytest.mark.parametrize("largest, asked, bits", [
    (300, None, 9), (200, None, 8), (4095, None, 12), (4096, None, 13), (300, 12, 12)])
def test_the_bits_hold_the_largest_value_of_all_images(tmp_path, largest, asked, bits):
    images = []
    for number, top in (("1", 7), ("2", largest), ("3", 90)):
        pixels = np.zeros((12, 9), np.uint16)
        pixels[3, 2] = top
        images.append(tables.ImageFile(dicom_writer.write(
            tmp_path / f"{number}.dcm", pixels, BitsStored=16, HighBit=15),
            number, "p", "LEFT", "CC"))
    assert importing.find_bits(images, tmp_path, argparse.Namespace(
        bits=asked, workers=1)) == (bits, largest)


def test_outlines_are_scaled_by_columns_and_rows(tmp_path):
    points = ["(10, 100)", "(30, 120)", "(20, 190)"]
    (tmp_path / "1.xml").write_bytes(plistlib.dumps({"Images": [dict(
        ImageIndex=0, NumberOfROIs=1, ROIs=[dict(
            Name="Mass", NumberOfPoints=3, Point_px=points)])]}))
    (tmp_path / "2.xml").write_text("no list")
    records = {"1": dict(shape=[200, 50]), "2": dict(shape=[9, 9]),
               "3": dict(shape=[9, 9])}
    images = [image(number) for number in records]
    (note,) = importing.write_outlines(tmp_path, images, records, tmp_path, [100, 75])
    written = json.loads((tmp_path / "outlines.json").read_text())
    assert written["size"] == [100, 75] and list(written["images"]) == ["p_LEFT_CC_1"]
    (region,) = written["images"]["p_LEFT_CC_1"]
    assert region["points"] == [[15, 50], [45, 60], [30, 95]]
    assert region["kind"] == "mass" and not region["dot"]
    assert note["image"] == "2" and note["reason"].startswith(
        "outlines left out: 2.xml is no property list")


def test_the_report_prints_the_mean_of_the_training_images_and_the_counts(
        tmp_path, capsys):
    (tmp_path / "full").mkdir()
    places = {"1": ("a", 1, "train"), "2": ("a", 0, "train"), "3": ("b", 0, "test"),
              "4": ("c", 0, "train"), "5": ("c", 1, "train")}
    rows = []
    for number, (patient, label, part) in places.items():
        (tmp_path / "full" / f"{number}.png").write_bytes(b"")
        rows.append(dict(
            image=number, name=number, patient_id=patient, patient=patient, side="LEFT",
            laterality="LEFT", view="CC", malignant=label, label=label, birads="1",
            acr="2", split=part))
    records = {number: dict(mean=mean) for number, mean in zip(
        places, (10, 20, 99, 31, 40.5), strict=True)}
    left_out = [dict(reason="BI-RADS 3: x"), dict(reason="not in the table"),
                dict(reason="BI-RADS 3: y")]
    importing.report(rows, records, tmp_path, dict(bits=12, size=[96, 80]), left_out)
    printed = capsys.readouterr().out
    assert "train: 2 women, 4 mammograms, 2 positive" in printed
    assert "test:  1 woman, 1 mammogram, 0 positive" in printed
    assert "left out: 2 (BI-RADS 3), 1 (not in the table); see" in printed
    assert "mean grey value of the training images times 255/65535: 25.38\n" in printed
    assert printed.rstrip().endswith("--img-size 96 80")
    census = json.loads((tmp_path / "census.json").read_text())
    assert census["pixel_mean"] == 25.38 and census["bits"] == 12
    assert (tmp_path / "images" / "train" / "pos" / "5.png").is_file()
    assert "full/5.png,1,c,LEFT,CC,train,1,2" in (
        tmp_path / "images.csv").read_text()
    importing.report(rows[2:3], records, tmp_path, dict(size=[96, 80]), [])
    printed = capsys.readouterr().out
    assert "255/65535: None\n" in printed and "left out: nothing; see" in printed
    # What an earlier call had put into the class folders is gone.
    assert [path.name for path in (tmp_path / "images").rglob("*.png")] == ["3.png"]


def test_a_whole_table_is_compared_with_the_published_counts(capsys):
    table = {str(k): row(str(k), "5" if k < 100 else "1") for k in range(387)}
    importing.print_census(table)
    printed = capsys.readouterr().out
    assert "the table holds\n" in printed
    assert "  images: 387  DIFFERS from 410\n" in printed
    assert "  positive (BI-RADS 4 to 6): 100  as published\n" in printed
    importing.print_census({str(k): row(str(k), "1") for k in range(350)})
    printed = capsys.readouterr().out
    assert "the table holds (part of INbreast, or another set)\n" in printed
    assert "DIFFERS" not in printed and "  images: 350\n" in printed


def test_images_that_failed_or_are_in_no_part_are_logged():
    images = [image("1"), image("2"), image("3")]
    records = {"1": dict(failed=None), "2": dict(failed="cut off"),
               "3": dict(failed=None)}
    logged = importing.unused(images, records, [dict(image="1")])
    assert [(line["image"], line["reason"]) for line in logged] == [
        ("2", "cut off"), ("3", "not in the split file")]


def test_a_woman_with_one_positive_image_counts_as_positive():
    # Six women of two images each, of which the first alone is positive in three.
    table, images = {}, []
    for number in range(12):
        positive = number in (0, 2, 4)
        table[str(number)] = row(str(number), "5" if positive else "2", "RIGHT", "MLO")
        images.append(image(str(number), f"p{number // 2}", "", ""))
    rows = importing.split_rows(images, table, None, argparse.Namespace(
        test_share=1 / 3, val_share=0.25, seed=4))
    parts = {line["patient"]: line["split"] for line in rows}
    assert len(rows) == 12 and {line["side"] for line in rows} == {"RIGHT"}
    assert {line["view"] for line in rows} == {"MLO"}
    tested = [patient for patient, part in parts.items() if part == "test"]
    assert len(tested) == 2 and len([p for p in tested if p < "p3"]) == 1
    assert sum(part == "val" for part in parts.values()) == 1


def test_files_are_read_by_as_many_processes_as_asked_for(tmp_path, monkeypatch):
    asked = []

    def run_jobs(jobs, function, *, ledger, workers):
        asked.append((function, ledger.path.name, workers))
        return [dict(key=job["key"], largest=7, failed=None) for job in jobs]
    monkeypatch.setattr(conversion, "run_jobs", run_jobs)
    arguments = argparse.Namespace(bits=None, workers=3, size=(8, 6))
    assert importing.find_bits([image("1")], tmp_path, arguments) == (8, 7)
    assert list(importing.convert([image("1")], 2.0, tmp_path, arguments)) == ["1"]
    assert asked == [(importing.largest_value, "ranges.jsonl", 3),
                     (importing.convert_image, "converted.jsonl", 3)]
