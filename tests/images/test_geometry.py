"""Where the cells of a network's input lie on the mammogram."""

import dicom_writer
import numpy as np
import pytest

from end2end import config, images
from end2end.images import geometry


@pytest.mark.parametrize(("shape", "most", "size"), [
    ((2368, 1312), 2048, (2048, 1135)), ((300, 200), 2048, (300, 200)),
    ((100, 4000), 1000, (25, 1000)), ((5000, 3), 100, (100, 1)),
    ((5000, 4000), None, (5000, 4000))])
def test_a_picture_keeps_the_aspect_and_is_never_enlarged(shape, most, size):
    assert geometry.fitted(shape, most) == size
    assert geometry.picture(np.zeros(shape, np.uint16), size).shape == size


def test_pixels_of_a_smaller_picture_are_means_over_areas():
    pixels = np.uint16([[0, 30, 900, 60], [6, 0, 0, 0], [12, 0, 0, 0]])
    np.testing.assert_array_equal(geometry.picture(pixels, (1, 2)), [[8, 160]])


def test_a_square_of_the_network_is_a_rectangle_of_the_mammogram():
    values = np.zeros((10, 10), np.float32)
    values[2:4, 5:7] = 1
    laid = geometry.onto(values, (200, 50))
    rows, columns = np.nonzero(laid >= 0.5)
    assert (rows.min(), rows.max() + 1) == (40, 80)
    assert (columns.min(), columns.max() + 1) == (25, 35)


def test_points_count_from_the_centres_of_pixels():
    # The first pixel of two covers the first ten of twenty, whose middle is 4.5.
    np.testing.assert_allclose(
        geometry.points([[0, 0], [1, 3]], (4, 2), (40, 20)), [[4.5, 4.5], [14.5, 34.5]])
    back = geometry.points([[4.5, 4.5]], (40, 20), (4, 2))
    np.testing.assert_allclose(back, [[0, 0]])


def test_a_spot_of_the_mammogram_comes_back_to_its_place_by_way_of_the_network():
    picture = np.zeros((480, 300), np.uint16)
    picture[100:120, 210:225] = 60000
    small = images.resized(picture, config.ImageOptions(size=(96, 96)))
    laid = geometry.onto(small.astype(np.float32), picture.shape)
    rows, columns = np.nonzero(laid > laid.max() / 2)
    assert rows.mean() == pytest.approx(109.5, abs=1.5)
    assert columns.mean() == pytest.approx(217, abs=1.5)


def test_a_map_that_is_coarser_one_way_alone_runs_evenly_between_its_cells():
    values = np.arange(6, dtype=np.float32)[:, None].repeat(3, axis=1) ** 2
    # Of three rows the middle one, and not their mean.
    np.testing.assert_allclose(geometry.onto(values, (2, 5)), [[1] * 5, [16] * 5])
    np.testing.assert_allclose(
        geometry.onto(values, (2, 1)), [[5 / 3], [50 / 3]], rtol=1e-6)
    # As coarse as the map one way and coarser the other.
    np.testing.assert_allclose(geometry.onto(values, (2, 3)), [[1] * 3, [16] * 3])
    np.testing.assert_allclose(geometry.onto(values.T.copy(), (3, 2)), [[1, 16]] * 3)


def test_a_map_of_a_part_lies_where_the_part_is():
    values = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
    # The part is half as high as the mammogram and a third as wide.
    whole = geometry.placed(values, (slice(20, 50), slice(10, 20)), (60, 30))
    assert whole.shape == (6, 6)
    np.testing.assert_array_equal(whole[2:5, 2:4], values)
    assert whole.sum() == values.sum()


@pytest.mark.parametrize(("tags", "spacing"), [
    (dict(PixelSpacing=["0.07", "0.07"], ImagerPixelSpacing=[0.1, 0.1]), 0.07),
    (dict(PixelSpacing=["x", "y"], ImagerPixelSpacing=[0.1, 0.1]), 0.1),
    (dict(PixelSpacing=[0.1], ImagerPixelSpacing=[0.2, 0.2]), 0.2),
    (dict(PixelSpacing=[0.1, 0.2], ImagerPixelSpacing=[0.3, 0.3]), 0.3),
    (dict(PixelSpacing=None, ImagerPixelSpacing=[9.9, 9.9]), 9.9),
    (dict(ImagerPixelSpacing=[10, 10]), None), (dict(PixelSpacing=[0, 0]), None),
    (dict(PixelSpacing=[-0.1, -0.1]), None), (dict(PixelSpacing=[1, 1.009]), 1),
    (dict(PixelSpacing=[1, 1.01]), None), (dict(PixelSpacing=[1, 0.99]), None),
    (dict(PixelSpacing=[6.25, 6.3125]), None), (dict(PixelSpacing=[6.25, 6.3]), 6.25),
    (dict(PixelSpacing=[float("nan")] * 2), None), ({}, None)])
def test_pixels_have_the_first_spacing_that_is_possible_and_even(tags, spacing):
    assert geometry.pixel_spacing(tags) == spacing


def test_the_spacing_of_a_file_that_is_none_or_no_dicom_is_not_known(tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm", ImagerPixelSpacing=[0.085, 0.085])
    assert geometry.spacing_of(path) == 0.085
    (tmp_path / "a.png").write_bytes(path.read_bytes()[:90])
    (tmp_path / "b.dcm").write_bytes(b"no DICOM")
    for name in ("a.png", "b.dcm", "none.dcm"):
        assert geometry.spacing_of(tmp_path / name) is None
