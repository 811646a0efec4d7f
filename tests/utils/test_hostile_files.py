"""Small files that would cost endless memory or time are refused with a sentence."""

import gzip
import json
import os
import struct
import zipfile

import cv2
import numpy as np
import pytest

from end2end import config, images
from end2end.data import conversion, image_lists, rois, splits
from end2end.data.patches import roi_table
from end2end.explanation import maps
from end2end.heatmaps import heatmap_files
from end2end.importing.sets import cbis_downloads as downloads
from end2end.importing.sets import cbis_tables as tables
from end2end.importing.sets import inbreast_tables as dataset_tables
from end2end.prediction import resuming
from end2end.tables import scores
from end2end.utils import files, image_headers
from tests.fuzz import seeds

# Each row, of two bytes, would take memory for every column.
WIDE = ",".join(f"c{i}" for i in range(20_000))
SHORT_ROWS = "1\n" * 5000
READERS = {
    "manifest.csv": ("path,{}\n", image_lists.read_manifest),
    "scores.csv": ("path,score,{}\n", scores.read_scores),
    "split.csv": ("patient_id,split,{}\n", splits.read_split),
    "lesions.csv": (",".join(roi_table.COLUMNS) + ",{}\n", roi_table.read_table),
    "rois.csv": ("patient_id,side,view,pathology,mask_path,{}\n", rois.read),
    "INbreast.csv": ("File Name;{}\n",
                     lambda path: dataset_tables.read_table(path.parent)),
    "metadata.csv": ("Series UID,{}\n",
                     lambda path: downloads.Index(path.parent, skip=None)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_header_of_many_columns_over_short_rows_takes_no_memory(name, tmp_path):
    header, read = READERS[name]
    path = tmp_path / name
    wide = WIDE.replace(",", ";") if ";" in header else WIDE
    path.write_text(header.format(wide) + SHORT_ROWS)
    with pytest.raises(files.InputError, match="columns that its rows lack"):
        read(path)


def test_the_case_tables_are_bounded_too(tmp_path):
    for name in tables.TABLES:
        (tmp_path / f"{name}.csv.gz").write_bytes(
            gzip.compress(f"patient_id,{WIDE}\n{SHORT_ROWS}".encode()))
    with pytest.raises(files.InputError, match="columns that its rows lack"):
        tables.read_tables(tmp_path)


@pytest.mark.parametrize(("name", "start", "read"), [
    ("a.png", seeds.of("png")[0], images.read_image),
    ("a.dcm", seeds.of("dicom")[0], images.read_image),
    ("m.csv", b"path\n", image_lists.read_manifest),
    ("s.csv", b"path,score\n", scores.read_scores),
    ("p.csv", b"patient_id,split\n", splits.read_split),
    ("t.csv", b"patient_id\n", roi_table.read_table),
    ("a.json", b"{", files.read_json), ("b.png", b"", resuming.state)])
def test_a_file_of_a_terabyte_without_content_is_refused_at_once(
        name, start, read, tmp_path):
    path = tmp_path / name
    path.write_bytes(start)
    os.truncate(path, 1 << 40)
    with pytest.raises(files.InputError, match="has 1048576 MB"):
        read(path)


@pytest.mark.parametrize("read", [
    conversion.read_stored, conversion.read_shape, conversion.read_mammogram])
@pytest.mark.parametrize("name", ["a.dcm", "a.png"])
def test_a_pipe_in_place_of_an_image_is_no_image(read, name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(conversion.Unreadable, match="is a pipe or a device"):
        read(tmp_path / name)


def tiff(*entries):
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(200)


@pytest.mark.parametrize("entries", [
    [(256, 4, 1, 60_000), (256, 4, 1, 8), (257, 4, 1, 60_000), (257, 4, 1, 8)],
    [(256, 9, 1, 60_000), (256, 4, 1, 8), (257, 9, 1, 60_000), (257, 4, 1, 8)],
    [(256, 4, 1, 8), (257, 4, 1, 8), (322, 9, 1, 1 << 20), (323, 9, 1, 1 << 20)]])
def test_a_tiff_that_gives_its_size_twice_counts_as_the_larger(entries):
    with pytest.raises(files.InputError, match="more than any mammogram"):
        image_headers.check(tiff(*entries), "a.tif")


def test_a_comment_of_a_pgm_ends_with_any_line_end():
    with pytest.raises(files.InputError, match="more than any mammogram"):
        image_headers.check(b"P5 # a\r60000 60000 255\n8 8 255\n" + bytes(64), "a.pgm")


def test_a_jpeg_of_endless_scans_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    how = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    whole = cv2.imencode(".jpg", np.zeros((2000, 2000), np.uint8), how)[1].tobytes()
    path.write_bytes(whole)
    assert images.read_image(path).shape == (2000, 2000)
    last = whole.rindex(b"\xff\xda")
    path.write_bytes(whole[:-2] + whole[last:last + 10] * 2000 + whole[-2:])
    with pytest.raises(files.InputError, match="scans, more than any"):
        images.read_image(path)


@pytest.mark.parametrize("length", [b"\x7f\xff\0\0", b"\xff\xff\0\1", b"\0\0\xff\xff"])
def test_a_png_chunk_longer_than_its_file_is_refused(length, tmp_path):
    path = tmp_path / "a.png"
    for data in seeds.of("png"):
        at = data.index(b"IDAT") - 4
        path.write_bytes(data[:at] + length + data[at + 4:])
        with pytest.raises(files.InputError, match="expected a whole PNG"):
            images.read_image(path)


def test_a_strip_is_not_stretched_to_an_enormous_picture():
    with pytest.raises(files.InputError, match="smaller size"):
        images.resized(np.zeros((2, 60_000), np.uint16),
                       config.ImageOptions(height=4096))


def test_a_ledger_of_endless_nesting_is_passed_over(tmp_path):
    path = tmp_path / "converted.jsonl"
    path.write_text("[" * 200_000 + "\n" + '{"a":' * 100_000 + "\n")
    assert conversion.Ledger(path).records == {}


def test_a_name_that_is_no_text_is_refused_before_any_work(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(seeds.of("png")[0])
    with pytest.raises(files.InputError, match="no text in UTF-8"):
        files.list_images(tmp_path)


@pytest.mark.parametrize("word", ["a" * 81, "a/b", "..\\b", "a\0b", ""])
def test_a_word_that_cannot_be_part_of_a_name_is_refused(word, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"patient_id,side\n{word},L\n")
    # Python 3.10 reads no table with a NUL.
    with pytest.raises(files.InputError, match="expected a word|contains NUL"):
        roi_table.read_rows(path, ("patient_id", "side"), "table")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_heatmaps_that_are_no_numbers_are_refused(value, tmp_path):
    heatmap = np.full((3, 2, 5), 0.2, np.float32)
    case = heatmap_files.Case("a", "L", 1, heatmap, None)
    heatmap_files.write_cases(tmp_path / "a.npz", [case])
    assert len(heatmap_files.read_cases(tmp_path / "a.npz")) == 1
    heatmap[1, 1, 1] = value
    heatmap_files.write_cases(tmp_path / "a.npz", [case])
    with pytest.raises(files.InputError, match="expected finite numbers"):
        heatmap_files.read_cases(tmp_path / "a.npz")


def test_heatmaps_packed_in_other_ways_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("cancer.npy", bytes(1000))
    with pytest.raises(files.InputError, match="does not use"):
        heatmap_files.read_cases(tmp_path / "a.npz")


def test_pictures_of_two_images_never_have_one_name():
    paths = ["x/a/b/1.png", "y/a/b/1.png", "x/a/b/1.dcm", "x/2.png", "x/c/3.png",
             "x/d/3.png"]
    names = maps.unique_names(paths)
    assert len(set(names)) == len(paths)
    assert names[3:] == ["2", "x_c_3", "x_d_3"]
    assert names == maps.unique_names(paths)


def element(tag, kind, data):
    return (struct.pack("<HH", *tag) + kind + b"\0\0" + struct.pack("<I", len(data))
            + data)


def nested(data, levels):
    for _ in range(levels):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data
        data = element((9, 0x1001), b"SQ", item)
    return data


MANY = b"".join(struct.pack("<HH", 0x11 + 2 * (k // 60_000), 0x10 + k % 60_000)
                + b"LO\2\0a " for k in range(70_000))


@pytest.mark.parametrize(("inserted", "reason"), [
    (nested(b"", 30), "sequences within sequences"),
    (nested(b"\x18\0\x14\x11DS\4\0\0\1\2\3", 3000), "sequences within sequences"),
    (MANY, "more than 50000 elements"), (nested(MANY, 1), "more than 50000 elements")],
    ids=["nested", "nested and wrong", "many", "many in a sequence"])
def test_a_dicom_of_endless_elements_is_refused(inserted, reason, tmp_path):
    path = tmp_path / "a.dcm"
    whole = seeds.of("dicom")[0]
    at = whole.index(struct.pack("<HH", 0x10, 0x20))
    path.write_bytes(whole[:at] + nested(b"", 5) + whole[at:])
    assert images.read_image(path).any()
    path.write_bytes(whole[:at] + inserted + whole[at:])
    with pytest.raises(files.InputError, match=reason):
        images.read_image(path)


def test_deeply_nested_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[" * 200_000)
    with pytest.raises(files.InputError, match="not valid JSON"):
        files.read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps([1]))
    assert files.read_json(tmp_path / "a.json") == [1]
