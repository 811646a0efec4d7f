"""Patches as files that say which run wrote them."""

import numpy as np
import pytest

from end2end.data.patches import patch_files
from end2end.utils import files


def test_a_written_patch_reads_back_with_its_stamp(tmp_path):
    import cv2
    patch = np.random.default_rng(0).integers(0, 65536, (9, 7)).astype(np.uint16)
    patch_files.write_patch(tmp_path / "a.png", patch, stamp="0f", total=12)
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, patch)
    assert patch_files.read_comment(tmp_path / "a.png") == ("0f", 12)
    # Stored and not compressed, which takes a twentieth of the time.
    assert len(patch_files.encode(np.zeros((40, 30), np.uint16), "")) > 2 * 40 * 30
    # Whatever the order in memory.
    assert patch_files.encode(np.asfortranarray(patch), "0f 12") == (
        tmp_path / "a.png").read_bytes()


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


def test_a_damaged_comment_is_none(tmp_path):
    whole = patch_files.encode(np.zeros((4, 6), np.uint16), "0f 12")
    for damaged in (
            whole.replace(b"0f 12", b"0f ab"), whole.replace(b"0f 12", b"0f\xff12"),
            b"1234" + patch_files.KEYWORD + b"0f 12", b"1" + patch_files.KEYWORD):
        (tmp_path / "a.png").write_bytes(damaged)
        assert patch_files.read_comment(tmp_path / "a.png") == ("", 0)
        assert patch_files.read_kind(tmp_path / "a.png") == ""


def test_the_size_is_in_the_first_bytes_of_a_png_file(tmp_path):
    path = tmp_path / "a.png"
    whole = patch_files.encode(np.zeros((300, 6), np.uint16), "")
    for content, size in ((whole, (300, 6)), (whole[:24], (300, 6)), (whole[:23], None),
                          (b"x" + whole, None), (b"", None)):
        path.write_bytes(content)
        assert patch_files.read_size(path) == size


def test_patches_of_another_size_are_named_with_both_sizes(tmp_path):
    folder = tmp_path / "b" / "neg"
    folder.mkdir(parents=True)
    for name, rows in ((".a.png", 9), ("b.png", 4), ("c.png", 16)):
        (folder / name).write_bytes(patch_files.encode(
            np.zeros((rows, 4), np.uint16), ""))
    outs, folders = (tmp_path / "a", tmp_path / "b"), ("pos", "neg")
    patch_files.check_sizes(outs, folders, 4)
    patch_files.check_sizes(outs, folders, 5)
    with pytest.raises(files.InputError) as caught:
        patch_files.check_sizes(outs, folders, 6)
    assert str(caught.value) == (
        f"{folder} holds patches of 4x4 pixels, such as b.png, and --patch-size asks "
        "for 6; choose another folder or remove this one.")
    (folder / "b.png").write_bytes(patch_files.encode(np.zeros((6, 4), np.uint16), ""))
    with pytest.raises(files.InputError, match="patches of 6x4 pixels, such as b.png"):
        patch_files.check_sizes(outs, folders, 6)


def test_patches_of_a_mammogram_are_complete_or_of_another_run(tmp_path):
    patch = np.zeros((4, 6), np.uint16)
    for name, stamp, total in (
            ("A_LEFT_CC_1_0000", "0f", 3), ("A_LEFT_CC_1_0001", "0f", 3),
            ("A_LEFT_CC_2_0000", "0f", 3), ("B_LEFT_CC_1_0000", "0f", 2),
            ("A_LEFT_CC_1_0003", "1e", 9)):
        (tmp_path / "mass").mkdir(exist_ok=True)
        patch_files.write_patch(
            tmp_path / "mass" / f"{name}.png", patch, stamp=stamp, total=total)
    (tmp_path / "mass" / ".hidden_1_0.png").touch()
    index = patch_files.Index([tmp_path, tmp_path], ["mass", "calc"])
    ours = index.complete(tmp_path, "A_LEFT_CC", "0f")
    assert [path.stem[-6:] for path in ours] == ["1_0000", "1_0001", "2_0000"]
    assert index.complete(tmp_path, "B_LEFT_CC", "0f") == []
    assert index.complete(tmp_path, "A_LEFT_CC", "1e") == []
    assert index.complete(tmp_path, "C_LEFT_CC", "0f") == []
    assert [path.stem for path in index.others(ours)] == [
        "A_LEFT_CC_1_0003", "B_LEFT_CC_1_0000"]
