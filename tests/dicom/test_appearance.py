"""One size and depth for all pictures, and the objects in them."""

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
