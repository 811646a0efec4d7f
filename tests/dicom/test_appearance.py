"""One size and depth for all pictures, and the objects in them."""

import cv2
import numpy as np
import pytest

from end2end.dicom import appearance


def half_disc(rows=400, columns=300, top=65535):
    y, x = np.mgrid[:rows, :columns]
    inside = np.hypot(y - 0.45 * rows, x) < 0.3 * rows
    return (inside * top).astype(np.uint16)


def test_grey_levels_run_from_0_to_255_in_at_most_1152_rows():
    levels = appearance.grey_levels(half_disc(2304, 1200, top=900) + np.uint16(100))
    assert levels.shape == (1152, 600) and levels.dtype == np.float32
    assert (levels.min(), levels.max()) == (0, 255)


def test_larger_pictures_are_made_smaller_by_cubic_interpolation():
    image = np.random.default_rng(1).integers(0, 4096, (2304, 20)).astype(np.uint16)
    levels = cv2.resize(image, (10, 1152), interpolation=cv2.INTER_CUBIC).astype(float)
    levels -= levels.min()
    white = np.percentile(levels, appearance.WHITE_PERCENTILE)
    np.testing.assert_allclose(appearance.grey_levels(image), np.clip(
        levels * 255 / white, 0, 255), atol=1e-3)


def test_a_frame_of_one_grey_is_cut_off_and_no_more():
    image = half_disc(400, 300)
    image[::7, ::5] = 30000
    framed = np.pad(image, 12, constant_values=65535)
    # Two more lines are cut, which resizing would have smeared.
    np.testing.assert_array_equal(appearance.unframed(framed), image[2:-2, 2:-2])
    assert appearance.unframed(image) is image


def test_the_solid_object_is_the_thick_one_and_not_the_long_one():
    mask = np.zeros((288, 220), bool)
    mask[100:200, :80] = True
    mask[10:14, 5:215] = True
    found = appearance.solid_object(mask)
    assert found[150, 40] and not found[12, 100]
    assert not appearance.solid_object(np.zeros((288, 220), bool)).any()


def test_the_depth_counts_from_the_skin_and_not_from_the_side_of_the_picture():
    mask = np.zeros((100, 80), bool)
    mask[:, :40] = True
    depth = appearance.depth_below_skin(mask)
    assert depth[50, 39] == pytest.approx(1, abs=0.1)
    assert depth[50, 10] > 20 and depth[50, 60] == 0


def test_a_mask_grows_in_all_directions():
    mask = np.zeros((30, 20), bool)
    mask[10, 5] = True
    assert appearance.grown(mask, 5).sum() == 25


@pytest.mark.parametrize("shape, judged", [((127, 400), False), ((128, 128), True)])
def test_small_pictures_are_not_judged(shape, judged):
    image = np.zeros(shape, np.uint8)
    image[3, 2] = 1
    assert appearance.can_be_judged(image) is judged
    assert not appearance.can_be_judged(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("lit", "bright"), [((0, 1), True), ((0,), False)])
def test_a_bright_ground_lies_along_a_third_of_the_sides(turns, lit, bright):
    # Sides of equal length: the commonest grey lies along two of them, or along one,
    # and the greys of the middle differ from it.
    levels = np.random.default_rng(2).uniform(40, 130, (150, 150)).astype(np.float32)
    levels[20:130, 20:130] = 200
    for side in lit:
        np.rot90(levels, side)[:8] = 200
    assert appearance.has_bright_background(np.rot90(levels, turns)) is bright


def ground(*, value=145, rows=25, dark=0):
    """A ground of one grey above others, a share of them dark."""
    levels = np.resize(np.arange(40, 128, 8, dtype=np.float32), (100, 100))
    levels[:rows] = value
    levels.ravel()[5000:5000 + dark] = 23
    return levels


def side(*, lit=120, value=145):
    """A ground inside, and as many pixels of another grey along the sides."""
    levels = ground(rows=0)
    levels[10:60, 10:90] = 145
    levels[4, 5:5 + min(lit, 90)], levels[-4, 5:5 + lit - 90] = value, value
    return levels


@pytest.mark.parametrize(("levels", "bright"), [
    (ground(), True), (ground(value=143), False), (ground(value=144), True),
    (ground(rows=24), False), (ground(dark=1199), True), (ground(dark=1200), False),
    (side(), True), (side(lit=119), False), (side(value=164), True),
    (side(value=165), False), (side(value=132), True), (side(value=131), False)])
def test_a_bright_ground_is_told_by_its_grey_its_share_and_the_dark_beside_it(
        levels, bright):
    assert appearance.has_bright_background(levels) is bright


def test_greys_beside_the_commonest_are_of_the_ground():
    levels = ground(rows=20)
    levels[20:23], levels[23:25] = 140, 155
    assert appearance.has_bright_background(levels)
    levels[20:23] = 132
    assert not appearance.has_bright_background(levels)


@pytest.mark.parametrize(("shape", "inner"), [
    ((100, 100), (64, 64)), ((96, 96), (60, 60)), ((95, 95), (61, 61)),
    ((90, 300), (58, 268)), ((63, 80), (63, 80))])
def test_a_frame_has_a_sixth_of_the_longer_side_and_leaves_64_pixels(shape, inner):
    image = np.zeros(shape, np.uint8)
    image[shape[0] // 2, shape[1] // 2] = 9
    assert appearance.unframed(image).shape == inner


@pytest.mark.parametrize(("step", "framed"), [(655, True), (656, False)])
def test_a_frame_may_vary_by_a_hundredth_of_the_range(step, framed):
    image = np.pad(half_disc(), 5, constant_values=65535)
    image[0, ::2] -= np.uint16(step)
    assert (appearance.unframed(image) is not image) is framed


def test_a_picture_is_made_small_by_area_and_keeps_some_columns():
    levels = np.zeros((2 * appearance.SMALL_ROWS, 40), np.float32)
    levels[::2] = 100
    assert appearance.small(levels).shape == (appearance.SMALL_ROWS, 20)
    np.testing.assert_allclose(appearance.small(levels), 50)
    assert appearance.small(levels[:, :4]).shape == (appearance.SMALL_ROWS, 8)
    assert appearance.small(levels, least_columns=31).shape[1] == 31


def test_of_two_solid_objects_the_greater_by_area_and_depth_is_taken():
    mask = np.zeros((288, 220), bool)
    mask[10:60, :60] = True         # 50 by 60, which is 25 deep or more at the side
    mask[100:123, :215] = True      # more area, and 12 deep
    assert mask[:61].sum() < mask[100:].sum()
    found = appearance.solid_object(mask)
    assert found[30, 20] and not found[110].any()


@pytest.mark.parametrize(("lines", "bright"), [((1, -1), True), ((0, -2), False)])
def test_of_narrow_pictures_the_second_line_is_looked_at(lines, bright):
    levels = np.tile(np.arange(40, 120, 8, dtype=np.float32), (24, 2))
    levels[4:-4, 3:-3] = 200
    levels[list(lines)] = 200
    assert appearance.has_bright_background(levels) is bright


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_thinner_than_21_pixels_is_no_solid_object(turned):
    for thickness, solid in ((20, False), (21, True)):
        mask = np.zeros((288, 220), bool)
        mask[100:100 + thickness, 50:150] = True
        found = appearance.solid_object(mask.T if turned else mask)
        assert found.any() == solid
        # What reaches the side of the picture goes on beyond it.
        mask = np.zeros((288, 220), bool)
        mask[:thickness - 12, 50:150] = True
        found = appearance.solid_object(mask.T if turned else mask)
        assert (found.T if turned else found)[0, 60:140].all()
