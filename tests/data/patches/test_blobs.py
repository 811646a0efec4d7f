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


def test_a_picture_without_blobs_has_none():
    assert blobs.find_blobs(np.zeros((20, 20), np.uint8), most_area=100) == []
