"""Boxes, circles and contours by hand, on a picture that is not square."""

import numpy as np
import pytest

from end2end.importing import records, regions

SHAPE, SIZE = (200, 100), (50, 20)


def region(shape, *points):
    return records.Region(shape, points, "mass", "Mass", True)


def test_a_box_is_scaled_by_height_and_width():
    mask = regions.drawn(region("box", (10, 40), (50, 80)), SHAPE, SIZE)
    expected = np.zeros(SIZE, np.uint8)
    expected[10:20, 2:10] = 255
    np.testing.assert_array_equal(mask, expected)


def test_a_circle_becomes_an_oval_where_the_aspect_changes():
    mask = regions.drawn(region("circle", (50, 100), (20, 20)), SHAPE, SIZE)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max()) == (20, 29)
    assert (columns.min(), columns.max()) == (6, 13)


def test_a_contour_is_filled():
    mask = regions.drawn(region("contour", (20, 40), (60, 40), (60, 120)), SHAPE, SIZE)
    assert mask[15, 11] == 255 and mask[25, 5] == 0
    # Beyond the lower and the right edge.
    mask = regions.drawn(region("contour", (20, 40), (140, 40), (60, 300)), SHAPE, SIZE)
    assert mask.shape == SIZE and mask[49, 12] == mask[10, 19] == mask[30, 12] == 255
    assert mask[49, 3] == mask[9, 19] == 0


@pytest.mark.parametrize(("shape", "points", "pixel"), [
    ("box", ((33, 77), (33.2, 77.2)), (19, 6)),
    ("circle", ((33, 77), (0.1, 0.1)), (19, 6)),
    ("box", ((99.9, 199.9), (100, 200)), (49, 19)),
    ("circle", ((100, 200), (0.1, 0.1)), (49, 19)),
    ("circle", ((0, 0), (0.1, 0.1)), (0, 0))])
def test_a_tiny_region_keeps_one_pixel(shape, points, pixel):
    mask = regions.drawn(region(shape, *points), SHAPE, SIZE)
    assert mask.sum() == 255 and mask[pixel] == 255


@pytest.mark.parametrize(("marked", "words"), [
    (region("box", (-4, 5), (30, 40)), "cut there"),
    (region("box", (50, 5), (30, 40)), "do not make a box"),
    (region("box", (-40, 5), (-3, 40)), "outside"),
    (region("box", (float("nan"), 5), (3, 40)), "no place"),
    (region("circle", (50, 50), (0, 0)), "no radius"),
    (region("circle", (150, 50), (20, 20)), "outside"),
    *((region("box", first, last), "lies outside the picture") for first, last in (
        ((-4, 5), (0, 40)), ((100, 5), (120, 40)), ((5, 200), (30, 240)),
        ((5, -40), (30, 0)))),
    *((region("box", first, last), "reaches beyond the picture and is cut there")
      for first, last in (((5, 5), (101, 40)), ((5, 5), (30, 201)), ((5, -1), (30, 40)),
                          ((99, 199), (101, 201)), ((-9, -9), (1, 1)))),
    (region("box", (0, 0), (100, 200)), ""), (region("box", (5, 5), (5, 40)), "a box"),
    (region("contour"), "has no place"), (region("circle", (9, 9), (1, 1)), ""),
    (region("box", (4, 5), (30, 40)), "")])
def test_what_is_wrong_with_a_place_is_said(marked, words):
    said = regions.misplaced(marked, SHAPE)
    assert words in said and bool(said) == bool(words)


def test_a_box_that_begins_outside_is_cut_at_the_edge():
    mask = regions.drawn(region("box", (-50, 40), (50, 80)), SHAPE, SIZE)
    rows, columns = np.nonzero(mask)
    assert (columns.min(), columns.max()) == (0, 9)
    assert (rows.min(), rows.max()) == (10, 19)


def test_a_region_as_a_cell():
    assert regions.as_text(region("box", (1, 2), (3.5, 4))) == "box 1 2 3.5 4"
    assert regions.as_text(region("circle", (1, 2), (3, 3))) == "circle 1 2 3"
    assert regions.as_text(region("contour", (1, 2), (3, 3))) == "contour 2 points"
    assert regions.as_text(region("mask")) == "mask"


def test_a_contour_of_two_points_marks_these_alone():
    mask = regions.drawn(region("contour", (20, 40), (60, 120)), SHAPE, SIZE)
    assert np.argwhere(mask).tolist() == [[10, 4], [30, 12]]
    mask = regions.drawn(region("contour", (-20, 40), (60, -40)), SHAPE, SIZE)
    assert np.argwhere(mask).tolist() == [[0, 12], [10, 0]]


def test_a_circle_holds_the_pixels_whose_middle_is_on_its_edge():
    mask = regions.drawn(region("circle", (52.5, 102), (10, 10)), SHAPE, SIZE)
    assert np.flatnonzero(mask[25]).tolist() == [8, 9, 10, 11, 12]


def test_a_circle_of_less_than_a_row_has_its_columns():
    mask = regions.drawn(region("circle", (50, 140), (20, 20)), SHAPE, (1, 20))
    assert np.flatnonzero(mask[0]).tolist() == [6, 7, 8, 9, 10, 11, 12, 13]
