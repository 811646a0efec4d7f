"""Patches as files that say which run wrote them."""

import numpy as np

from end2end.data.patches import patch_files


def test_a_written_patch_reads_back_with_its_stamp(tmp_path):
    import cv2
    patch = np.random.default_rng(0).integers(0, 65536, (9, 7)).astype(np.uint16)
    patch_files.write_patch(tmp_path / "a.png", patch, stamp="0f", total=12)
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, patch)
    assert patch_files.read_comment(tmp_path / "a.png") == ("0f", 12)


def test_a_png_of_other_origin_has_no_stamp(tmp_path):
    import cv2
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4), np.uint16))
    assert patch_files.read_comment(tmp_path / "a.png") == ("", 0)


def test_a_patch_tells_its_kind_and_a_drawn_one_has_none(tmp_path):
    patch = np.zeros((4, 6), np.uint16)
    patch_files.write_patch(
        tmp_path / "hard.png", patch, stamp="0f", total=12, kind="false-positive")
    patch_files.write_patch(tmp_path / "drawn.png", patch, stamp="0f", total=12)
    assert patch_files.read_kind(tmp_path / "hard.png") == "false-positive"
    assert patch_files.read_kind(tmp_path / "drawn.png") == ""
    assert patch_files.read_comment(tmp_path / "hard.png") == ("0f", 12)
