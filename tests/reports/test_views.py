"""How mammograms are hung and what lines lie over them."""

import dicom_writer
import numpy as np
import pytest

from end2end.data import rois
from end2end.explanation import maps
from end2end.reports import views


def breast(wall):
    """A breast of 400 rows and 300 columns along one side."""
    rows, columns = np.mgrid[:400, :300]
    grey = np.where((rows - 200) ** 2 / 180**2 + columns**2 / 170**2 < 1, 160, 3)
    grey = (grey + np.random.default_rng(0).integers(0, 6, grey.shape)).astype(np.uint8)
    return grey if wall == "left" else grey[:, ::-1].copy()


@pytest.mark.parametrize("wall", ["left", "right"])
def test_the_chest_wall_is_where_the_breast_leaves_the_picture(wall):
    assert views.chest_wall(breast(wall)) == wall
    assert views.chest_wall(breast(wall)[184:216]) == wall


@pytest.mark.parametrize("picture", [
    np.zeros((400, 300), np.uint8), np.zeros((3, 2), np.uint8), breast("left").T,
    breast("left")[185:216], breast("left")[:, :31]])
def test_no_chest_wall_is_told_where_none_is_at_a_side(picture):
    assert views.chest_wall(picture) == ""


def test_an_image_is_hung_by_its_table_and_measured_by_its_file(tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm", ImagerPixelSpacing=[0.07, 0.07])
    explained = maps.Explained(
        str(path), breast("right"), 0.5, {}, source=(4000, 3000))
    hung = views.hanging(explained, side="R", view="MLO", exam="e")
    assert (hung.side, hung.view, hung.wall, hung.exam) == ("R", "MLO", "right", "e")
    assert hung.shape == (4000, 3000) and hung.spacing == 0.07
    unknown = views.hanging(maps.Explained(
        "none.png", breast("left"), 0.5, {}), side="", view="")
    assert unknown.spacing is None and unknown.shape == (400, 300)


def test_lines_are_shares_of_the_picture():
    grey = np.zeros((200, 100), np.uint8)
    mask = np.zeros((200, 100), bool)
    mask[50:101, 20:41] = True
    strength = np.zeros((10, 10), np.float32)
    strength[4:6, 4:6] = 1
    explained = maps.Explained("a.png", grey, 0.5, dict(gradcam=strength))
    contour, outline = views.line_data(
        explained, [rois.Region(mask, True)], contour="gradcam")
    assert (contour["kind"], outline["kind"]) == ("map", "malignant")
    points = np.array(outline["points"])
    assert points.min(axis=0) == pytest.approx([0.205, 0.2525])
    assert points.max(axis=0) == pytest.approx([0.405, 0.5025])
    middle = np.array(contour["points"])
    assert (middle.min(axis=0) + middle.max(axis=0)) / 2 == pytest.approx(
        [0.5, 0.5], abs=0.01)
