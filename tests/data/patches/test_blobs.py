"""Blobs as OpenCV 3.4 found them; the whole of it is held to the original's patches in
test_sampling."""

import cv2
import numpy as np
import pytest

from end2end.data.patches import blobs


def disc(level, shape=(100, 120), center=(70, 40), radius=9, ground=0):
    picture = np.full(shape, ground, np.uint8)
    cv2.circle(picture, center, radius, level, cv2.FILLED)
    return picture


@pytest.mark.parametrize("picture", [disc(255), disc(0, ground=255)])
def test_a_disc_is_found_at_its_centre_bright_or_dark(picture):
    centers = blobs.find_blobs(picture, most_area=1000)
    assert centers == [(70, 40)]


def test_a_blob_must_be_seen_at_two_thresholds():
    # Thresholds 127 and 137: a level of 130 exceeds the first only.
    assert blobs.find_blobs(disc(130), most_area=1000) == []
    assert len(blobs.find_blobs(disc(140), most_area=1000)) == 1


def test_a_blob_stays_below_the_largest_area():
    assert blobs.find_blobs(disc(255), most_area=200) == []


def test_an_outline_moves_down_by_one_place_only():
    blob = [(0, 0, 3.0), (1, 0, 5.0), (2, 0, 7.0)]
    blobs.insert(blob, (9, 0, 1.0))
    assert [outline[2] for outline in blob] == [3, 5, 1, 7]
    blobs.insert(blob, (8, 0, 7.0))
    assert blob[-2:] == [(2, 0, 7.0), (8, 0, 7.0)]
    blob = [(0, 0, 3.0)]
    blobs.insert(blob, (9, 0, 1.0))
    assert [outline[2] for outline in blob] == [1, 3]


def test_a_picture_without_blobs_has_none():
    assert blobs.find_blobs(np.zeros((20, 20), np.uint8), most_area=100) == []


@pytest.mark.parametrize(("x", "radius", "index"), [
    (9.99, 1.0, 0), (10.0, 1.0, None), (11.99, 12.0, 0), (12.0, 12.0, None),
    (90.0, 1.0, 1), (114.99, 1.0, 1), (115.0, 1.0, None), (106.0, 1.0, 1)])
def test_an_outline_is_of_the_first_blob_within_reach(x, radius, index):
    # A small blob, and a great one with another within it.
    middles = np.array([[0.0, 100.0, 104.0], [0.0, 0.0, 0.0], [2.0, 15.0, 3.0]])
    assert blobs.first_near(middles, (x, 0.0, radius)) == index
    assert blobs.first_near(middles[[1, 0, 2]], (0.0, x, radius)) == index
    assert blobs.first_near(np.zeros((3, 0)), (x, 0.0, radius)) is None


@pytest.mark.parametrize(("rows", "columns", "outlines"), [
    (2, 3, []), (2, 4, [(11.5, 20.5, np.hypot(0.5, 0.5) / 2 + np.hypot(1.5, 0.5) / 2)]),
    (3, 3, [(11, 21, (1 + np.sqrt(2)) / 2)]), (5, 4, [])])
def test_an_outline_encloses_three_pixels_and_less_than_the_most(
        rows, columns, outlines):
    levels = np.zeros((40, 30), np.uint8)
    levels[20:20 + rows, 10:10 + columns] = 128
    found = blobs.find_outlines(levels, 127, 12)
    assert found == [pytest.approx(outline) for outline in outlines]
    assert blobs.find_outlines(levels, 128, 12) == []


def test_an_outline_of_six_pixels_may_enclose_four():
    levels = np.zeros((40, 30), np.uint8)
    levels[20:23, 11:13] = levels[21, 10:14] = 128
    (found,) = blobs.find_outlines(levels, 127, 12)
    assert found == pytest.approx((11.5, 21, np.hypot(0.5, 1)))


def test_the_radius_is_the_median_distance_of_an_odd_number_of_pixels_too():
    levels = np.zeros((40, 30), np.uint8)
    levels[20, 10:14] = levels[21, 10:15] = 128
    # A square of three and half a one beside it.
    center = (3 * 11.5 + 0.5 * 40 / 3) / 3.5, (3 * 20.5 + 0.5 * 62 / 3) / 3.5
    rows, columns = np.nonzero(levels)
    (found,) = blobs.find_outlines(levels, 127, 12)
    assert found == pytest.approx((*center, np.median(
        np.hypot(columns - center[0], rows - center[1]))))


def test_the_centre_is_the_mean_of_the_outlines():
    assert blobs.center([(1.0, 2.0, 9.0), (2.0, 6.0, 9.0)]) == (1.5, 4.0)
