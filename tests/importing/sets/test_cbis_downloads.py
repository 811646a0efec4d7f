"""The files of CBIS-DDSM as downloaded: found by series, masks told from crops."""

import types

import cv2
import numpy as np
import pytest

from end2end.data import conversion
from end2end.importing.sets import cbis_downloads as downloads


@pytest.mark.parametrize(("pixels", "expected"), [
    (np.uint8([[0, 0, 255], [0, 255, 255]]), True),
    (np.uint8([[3, 0, 250], [9, 255, 246]]), True),               # JPEG
    (np.uint16([[0, 0, 65535]]), True),
    (np.uint16([[20000, 30000, 40000]]), False),
    (np.full((4, 4), 255, np.uint8), False), (np.zeros((4, 4), np.uint8), False),
    # A tenth from either end, but for one pixel in fifty.
    (np.uint8([25] * 48 + [225] * 49 + [100] * 2 + [250]), True),
    (np.uint8([25] * 48 + [225] * 48 + [100] * 2 + [250]), False),
    (np.uint8([26] * 50 + [225] * 50 + [250]), False),
    (np.uint8([25] * 50 + [224] * 50 + [250]), False),
])
def test_masks_are_told_by_their_values(pixels, expected):
    assert downloads.looks_like_mask(pixels) is expected


@pytest.fixture
def folder(tmp_path):
    """A series of two files in the classic layout, and one in the descriptive one."""
    classic = tmp_path / "P_1" / "1.2" / "1.2.34567"
    other = tmp_path / "P_2" / "01-01-2000-NA" / "1.000000-NA-98765"
    for place, names in ((classic, ("b.png", "a.png", "notes.txt", "._a.png")),
                         (other, ("c.png",))):
        place.mkdir(parents=True)
        for name in names:
            cv2.imwrite(str(place / name), np.eye(6, 4, dtype=np.uint8) * 200) \
                if name.endswith("png") else (place / name).write_text("x")
    (tmp_path / "P_1" / "back").symlink_to(tmp_path)
    return tmp_path


def test_files_are_found_by_their_series_the_named_one_first(folder):
    index = downloads.Index(folder, skip=None)
    paths = index.find("P_1/1.2/1.2.34567/b.png")
    assert [path.name for path in paths] == ["b.png", "a.png"]
    assert [path.name for path in index.find("P_2/1/1.1.98765/x.dcm")] == ["c.png"]
    assert index.find("P_3/1/1.1.11111/x.dcm") == []
    (folder / "P_2" / "linked").symlink_to(folder / "P_1")
    linked = downloads.Index(folder / "P_2", skip=None)
    assert len(linked.find("P_1/1.2/1.2.34567/b.png")) == 2


def test_a_folder_inside_can_be_left_out(folder):
    index = downloads.Index(folder, skip=folder / "P_1")
    assert index.find("P_1/1.2/1.2.34567/b.png") == []


def test_of_crop_and_mask_the_mask_is_found_whatever_their_order(tmp_path):
    crop = np.linspace(0, 255, 48).reshape(8, 6).astype(np.uint8)
    mask = np.zeros((8, 6), np.uint8)
    mask[2:5, 1:3] = 255
    for name, pixels in (("crop", crop), ("mask", mask)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    both = [str(tmp_path / f"{name}.png") for name in ("crop", "mask")]
    for candidates in (both, both[::-1]):
        path, pixels = downloads.find_mask(candidates, (8, 6))
        assert path == both[1] and np.array_equal(pixels > 0, mask > 0)
    with pytest.raises(conversion.Unreadable, match="crop.png is a crop"):
        downloads.find_mask(both[:1], (8, 6))


def job(*candidates):
    return dict(named=["x/y/1.png", "x/y/2.png"][:len(candidates)],
                images=[list(map(str, paths)) for paths in candidates],
                key="P_00001_LEFT_CC")


def test_of_two_copies_of_a_film_the_first_that_can_be_read_is_taken(tmp_path):
    first, second, black, broken = (tmp_path / f"{name}.png" for name in "abcd")
    cv2.imwrite(str(first), np.arange(30, dtype=np.uint8).reshape(6, 5))
    cv2.imwrite(str(second), np.arange(56, dtype=np.uint8).reshape(8, 7))
    cv2.imwrite(str(black), np.zeros((6, 5), np.uint8))
    broken.write_bytes(b"no image")
    result = dict(notes=[], left_out=[])
    pixels, shapes = downloads.read_film(job([first], [second]), result)
    assert pixels.shape == (6, 5) and shapes == [(6, 5), (8, 7)]
    assert result == dict(left_out=[], notes=[(None, "x/y/2.png", (
        "stored twice at different sizes, 6 x 5 and 8 x 7; the first is taken"))])
    result = dict(notes=[], left_out=[])
    pixels, shapes = downloads.read_film(job([broken, broken], [second]), result)
    assert pixels.shape == (8, 7) and shapes == [None, (8, 7)] and not result["notes"]
    ((number, file, _),) = result["left_out"]
    assert (number, file) == (None, str(broken))
    for candidates, reason in (
            (([], []), "the mammogram is missing; the mammogram is missing"),
            (([black],), "the picture is black")):
        with pytest.raises(conversion.Unreadable, match=reason):
            downloads.read_film(job(*candidates), dict(notes=[], left_out=[]))


def test_of_several_files_the_named_one_is_taken_or_the_largest(tmp_path):
    named, large = tmp_path / "1.png", tmp_path / "large.png"
    cv2.imwrite(str(named), np.arange(30, dtype=np.uint8).reshape(6, 5))
    cv2.imwrite(str(large), np.random.default_rng(0).integers(
        0, 255, (60, 50)).astype(np.uint8))
    other = tmp_path / "other.png"
    other.write_bytes(named.read_bytes())
    for candidates, shape in (([named, large], (6, 5)), ([other, large], (60, 50)),
                              ([other], (6, 5))):
        pixels, _ = downloads.read_film(job(candidates), dict(notes=[], left_out=[]))
        assert pixels.shape == shape


def test_what_the_file_says_otherwise_than_the_table_is_noted():
    def remarks(side, view):
        return downloads._remarks(types.SimpleNamespace(
            laterality=side, view=view, notes=["odd"]), "f", job([]))
    assert downloads._remarks(None, "f", job([])) == []
    assert remarks("L", "CC") == remarks("", None) == [(None, "f", "odd")]
    assert remarks("R", "CC")[1] == (
        None, "f", "the file says R CC, the table LEFT CC")
    assert remarks("", "MLO")[1] == (
        None, "f", "the file says L MLO, the table LEFT CC")


def test_a_mask_that_is_not_there_or_empty_is_named(tmp_path):
    cv2.imwrite(str(tmp_path / "m.png"), np.zeros((6, 5), np.uint8))
    with pytest.raises(conversion.Unreadable, match="the mask is missing"):
        downloads.find_mask([], (6, 5))
    with pytest.raises(conversion.Unreadable, match=r"m.png is empty \(black\)"):
        downloads.find_mask([str(tmp_path / "m.png")], (6, 5))


def test_a_mask_of_another_size_is_resized_and_that_is_said(tmp_path):
    def mask(name, shape):
        pixels = np.zeros(shape, np.uint8)
        pixels[1:shape[0] // 2, 2:shape[1] // 2] = 255
        cv2.imwrite(str(tmp_path / name), pixels)
        return str(tmp_path / name)

    def converted(shape, *paths):
        result = dict(notes=[], outputs=[], masks=[])
        row = dict(files=paths, target="mask/x.png", number=3)
        made = downloads.convert_mask(row, shape, (12, 8), result)
        assert (result["outputs"], result["masks"]) == (["mask/x.png"], [3])
        assert made.shape == (12, 8) and made.max() == 255
        return result["notes"]

    small, large = mask("s.png", (30, 20)), mask("l.png", (200, 100))
    broken = tmp_path / "b.png"
    broken.write_bytes(b"no picture")
    assert converted((30, 20), str(broken), large, small) == []
    assert converted((60, 40), small) == [
        (3, small, "mask is 30 x 20, mammogram 60 x 40: resized")]
    assert converted((202, 100), small, large) == [
        (3, large, "mask is 200 x 100, mammogram 202 x 100: resized")]
    assert converted((100, 60), small) == [
        (3, small, "mask is 30 x 20, mammogram 100 x 60: resized; the aspects differ "
         "by 10.0 %, so it may be shifted")]
    with pytest.raises(conversion.Unreadable, match="^no file is a mask: b.png .*read"):
        downloads.find_mask([str(broken)], (6, 5))


def test_places_that_a_list_of_the_retriever_names_are_looked_at(folder):
    more = folder / "more" / "P 3"
    more.mkdir(parents=True)
    cv2.imwrite(str(more / "d.png"), np.eye(6, 4, dtype=np.uint8))
    (folder / "metadata.csv").write_bytes(
        b"\xef\xbb\xbfSeries UID,File Location\n1.2.34567,more/P 3\n"
        b"9.1,../elsewhere\n9.2,\n9.3,more/none\xff\n9.4,.\\more\\P 3\n")
    index = downloads.Index(folder, skip=None)
    # Of a series that is known by its folder the list says nothing new.
    assert len(index.find("P_1/1.2/1.2.34567/b.png")) == 2
    assert [path.name for path in index.find("P_9/1/9.4/x.dcm")] == ["d.png"]
    assert index.find("P_9/1/9.1/x.dcm") == index.find("P_9/1/9.3/x.dcm") == []
