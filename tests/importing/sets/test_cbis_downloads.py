"""The files of CBIS-DDSM as downloaded: found by series, masks told from crops."""

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
    (np.full((4, 4), 255, np.uint8), False),
])
def test_masks_are_told_by_their_values(pixels, expected):
    assert downloads.looks_like_mask(pixels) is expected


@pytest.fixture
def folder(tmp_path):
    """A series of two files in the classic layout, and one in the descriptive one."""
    classic = tmp_path / "P_1" / "1.2" / "1.2.34567"
    other = tmp_path / "P_2" / "01-01-2000-NA" / "1.000000-NA-98765"
    for place, names in ((classic, ("b.png", "a.png", "notes.txt")),
                         (other, ("c.png",))):
        place.mkdir(parents=True)
        for name in names:
            cv2.imwrite(str(place / name), np.eye(6, 4, dtype=np.uint8) * 200) \
                if name.endswith("png") else (place / name).write_text("x")
    return tmp_path


def test_files_are_found_by_their_series_the_named_one_first(folder):
    index = downloads.Index(folder)
    paths = index.find("P_1/1.2/1.2.34567/b.png")
    assert [path.name for path in paths] == ["b.png", "a.png"]
    assert [path.name for path in index.find("P_2/1/1.1.98765/x.dcm")] == ["c.png"]
    assert index.find("P_3/1/1.1.11111/x.dcm") == []


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
