"""Outlined lesions of mammograms as masks."""

import json

import cv2
import numpy as np
import pytest

from end2end.data import rois
from end2end.utils import files

HEADER = "patient_id,side,view,pathology,mask_path\n"


def test_masks_of_a_table_come_at_the_size_of_the_image(tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    mask[4:8, 20:26] = 255
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    (tmp_path / "rois.csv").write_text(
        HEADER + "P_00001,LEFT,CC,MALIGNANT,m.png\nP_00001,LEFT,CC,BENIGN,gone.png\n"
        "P_00001,LEFT,MLO,BENIGN,m.png\n")
    [region] = rois.read(tmp_path / "rois.csv")("x/P_00001_LEFT_CC.png", (40, 60))
    assert region.malignant is True and region.mask.shape == (40, 60)
    rows, columns = np.nonzero(region.mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 15, 40, 51)


def test_an_image_without_outlines_has_no_region(tmp_path):
    (tmp_path / "rois.csv").write_text(HEADER + "P_00001,LEFT,CC,BENIGN,m.png\n")
    assert rois.read(tmp_path / "rois.csv")("P_00002_LEFT_CC.png", (4, 6)) == []


def test_outlines_of_inbreast_are_filled_and_have_the_class_of_their_folder(tmp_path):
    square = [[10, 20], [20, 20], [20, 30], [10, 30]]
    (tmp_path / "outlines.json").write_text(json.dumps(dict(
        size=[100, 80], images={"20586908_L_CC": [dict(points=square)]})))
    outlines = rois.read(tmp_path / "outlines.json")
    [region] = outlines("test/pos/20586908_L_CC.png", (50, 40))
    assert region.malignant is True and region.mask.sum() == 6 * 6
    rows, columns = np.nonzero(region.mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 15, 5, 10)
    assert outlines("test/neg/20586908_L_CC.png", (50, 40))[0].malignant is False
    assert outlines("elsewhere/20586908_L_CC.png", (50, 40))[0].malignant is None


@pytest.mark.parametrize(("name", "text", "reason"), [
    ("rois.csv", "patient_id,side\nA,LEFT\n", "no column view"),
    ("outlines.json", "{}", "no size and images")])
def test_files_of_another_kind_are_refused(tmp_path, name, text, reason):
    (tmp_path / name).write_text(text)
    with pytest.raises(files.InputError, match=reason):
        rois.read(tmp_path / name)


def test_of_several_pictures_of_a_view_each_has_its_own_regions(tmp_path):
    cv2.imwrite(str(tmp_path / "m.png"), np.full((4, 3), 9, np.uint8))
    rows = (("MALIGNANT", "m.png", "full/P_00001_LEFT_CC.png"),
            ("unknown", "m.png", "full/P_00001_LEFT_CC_b.png"),
            ("BENIGN_WITHOUT_CALLBACK", "m.png", "full/P_00001_LEFT_CC_b.png"),
            ("MALIGNANT", "", "full/P_00001_LEFT_CC_b.png"))
    (tmp_path / "rois.csv").write_text(HEADER.strip() + ",full_path\n" + "".join(
        f"P_00001,LEFT,CC,{','.join(row)}\n" for row in rows))
    outlines = rois.read(tmp_path / "rois.csv")

    def truths(name):
        return [region.malignant for region in outlines(tmp_path / name, (4, 3))]
    assert truths("P_00001_LEFT_CC.png") == [True]
    assert truths("P_00001_LEFT_CC_b.png") == [None, False]
    assert truths("P_00001_LEFT_CC_c.png") == [True, None, False]
    # Another picture of the view is what the table means.
    (tmp_path / "P_00001_LEFT_CC_b.png").touch()
    assert truths("P_00001_LEFT_CC_c.png") == []


def test_a_line_is_drawn_though_it_encloses_nothing(tmp_path):
    (tmp_path / "outlines.json").write_text(json.dumps(dict(size=[10, 20], images=dict(
        a=[dict(points=[[2, 4], [2, 4]]), dict(points=[]), dict(points=[[30, 9]]),
           dict(points=[[-3, 4]])]))))
    point, none, beyond, before = rois.read(tmp_path / "outlines.json")(
        "a.png", (20, 20))
    assert np.argwhere(before.mask).tolist() == [[8, 0]]
    assert np.argwhere(point.mask).tolist() == [[8, 2]]
    assert not none.mask.any()
    assert np.argwhere(beyond.mask).tolist() == [[18, 19]]


def test_a_table_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "rois.csv").write_bytes(HEADER.encode() + b"\xff\n")
    with pytest.raises(files.InputError, match="rois.csv is not CSV in UTF-8 .'utf-8'"):
        rois.read(tmp_path / "rois.csv")


def test_of_grey_masks_what_is_brighter_than_half_counts(tmp_path):
    mask = np.zeros((4, 3), np.uint8)
    mask[1], mask[2], mask[3] = 100, 101, 200
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    (tmp_path / "rois.csv").write_text(HEADER + "P_00001,LEFT,CC,BENIGN,m.png\n")
    [region] = rois.read(tmp_path / "rois.csv")("P_00001_LEFT_CC.png", (4, 3))
    assert region.mask[:, 0].tolist() == [False, False, True, True]
    # A coarser picture has some of its pixels and none between them.
    mask[:, 1] = 0
    mask[:, ::2] = 200
    cv2.imwrite(str(tmp_path / "m.png"), np.hstack([mask[:, :2], mask[:, :2]]))
    [region] = rois.read(tmp_path / "rois.csv")("P_00001_LEFT_CC.png", (4, 2))
    assert region.mask.all()
