"""Warps: the draws of the original, and the pixels of SciPy's nearest neighbour."""

import math

import cv2
import numpy as np
import pytest
import recorded
from scipy import ndimage

from end2end.images import warps

ALL = dict(max_rotation_degrees=25.0, max_shear_radians=0.2, zoom=(0.8, 1.2),
           max_intensity_shift=20.0, horizontal_flip=True, vertical_flip=True)
SHIFTED = ALL | dict(max_row_shift=0.2, max_column_shift=0.1)


def slow(image, warp, mode="nearest"):
    """The warp as the original made it: matrices multiplied, SciPy, then the rest."""
    height, width = image.shape[:2]
    angle, shear = np.pi / 180 * warp.rotation_degrees, warp.shear_radians
    centre, back = np.eye(3), np.eye(3)
    centre[:2, 2] = height / 2 + 0.5, width / 2 + 0.5
    back[:2, 2] = -centre[:2, 2]
    rotate = [[math.cos(angle), -math.sin(angle), 0],
              [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    shift = [[1, 0, warp.row_shift * height], [0, 1, warp.column_shift * width],
             [0, 0, 1]]
    slant = [[1, -math.sin(shear), 0], [0, math.cos(shear), 0], [0, 0, 1]]
    zoom = np.diag([warp.row_zoom, warp.column_zoom, 1])
    matrix = np.linalg.multi_dot([centre, rotate, shift, slant, zoom, back])
    out = np.stack([ndimage.affine_transform(
        plane, matrix[:2, :2], matrix[:2, 2], order=0, mode=mode)
        for plane in np.moveaxis(image, 2, 0)], axis=2)
    if warp.intensity_shifts:
        shifts = np.array(warp.intensity_shifts, np.float32)
        out = np.clip(out + shifts, out.min(), out.max())
    if warp.flip_horizontal:
        out = out[:, ::-1]
    return out[::-1] if warp.flip_vertical else out


def noise(seed, *shape):
    return (np.random.default_rng(seed).random(shape) * 255).astype(np.float32)


def test_draws_are_those_of_numpys_legacy_stream_in_the_originals_order():
    warp = warps.draw_warp(np.random.RandomState(5), **SHIFTED)
    rng = np.random.RandomState(5)
    assert warp.rotation_degrees == rng.uniform(-25, 25)
    assert warp.row_shift == rng.uniform(-0.2, 0.2)
    assert warp.column_shift == rng.uniform(-0.1, 0.1)
    assert warp.shear_radians == rng.uniform(-0.2, 0.2)
    assert (warp.row_zoom, warp.column_zoom) == tuple(rng.uniform(0.8, 1.2, 2))
    assert warp.intensity_shifts == tuple(rng.uniform(-20, 20) for _ in range(3))
    assert warp.flip_horizontal == (rng.random_sample() < 0.5)
    assert warp.flip_vertical == (rng.random_sample() < 0.5)


@pytest.mark.parametrize("channels, draws", [(3, 9), (1, 7)])
def test_all_options_take_nine_draws_for_three_channels_and_seven_for_one(
        channels, draws):
    used, counted = np.random.RandomState(1), np.random.RandomState(1)
    warps.draw_warp(used, channels=channels, **ALL)
    counted.random_sample(draws)
    assert used.random_sample() == counted.random_sample()


def test_a_shared_intensity_shift_is_one_draw_for_all_channels():
    warp = warps.draw_warp(np.random.RandomState(2), max_intensity_shift=9.0,
                           shared_intensity_shift=True)
    assert warp.intensity_shifts == (np.random.RandomState(2).uniform(-9, 9),) * 3


def test_what_is_not_asked_for_is_not_drawn():
    rng = np.random.RandomState(1)
    assert warps.draw_warp(rng) == warps.Warp()
    assert rng.random_sample() == np.random.RandomState(1).random_sample()


def test_a_seeded_stream_starts_anew_each_time():
    first = warps.seeded(3).random_sample(4)
    np.testing.assert_array_equal(warps.seeded(3).random_sample(4), first)
    np.testing.assert_array_equal(np.random.RandomState(3).random_sample(4), first)


@pytest.mark.parametrize("size", [
    (96, 80), (97, 33), (224, 224), (1, 1), (1, 7), (7, 1), (4, 1), (2, 2), (3, 1100)])
def test_warping_equals_scipy_bit_for_bit(size):
    for seed in range(24):
        warp = warps.draw_warp(np.random.RandomState(seed), **(SHIFTED, ALL)[seed % 2])
        grey = noise(seed, *size, 1).repeat(3, axis=2)
        image = grey if seed % 3 else noise(seed, *size, 3)
        np.testing.assert_array_equal(
            warps.apply_warp(image, warp), slow(image, warp), str(warp))


def test_a_whole_mammogram_equals_scipy_bit_for_bit():
    image = noise(1, 1152, 896, 1).repeat(3, axis=2)
    warp = warps.draw_warp(np.random.RandomState(12345), **ALL)
    moved = slow(image, warp)
    before = cv2.getNumThreads()
    for threads in (1, 2):     # with 2 a thread beside the caller's takes some rows
        cv2.setNumThreads(threads)
        np.testing.assert_array_equal(warps.apply_warp(image, warp), moved)
    # One pixel of one channel differs: no channel stands for all.
    image[1100, 800, 2] = 300
    np.testing.assert_array_equal(warps.apply_warp(image, warp), slow(image, warp))
    cv2.setNumThreads(before)


def test_images_of_some_half_million_pixels_on_are_warped_by_two_threads(monkeypatch):
    asked = []
    each = warps.beside.each
    monkeypatch.setattr(warps.beside, "each", lambda work, pieces, helped: (
        asked.append(helped) or each(work, pieces, helped=helped)))
    warp = warps.Warp(rotation_degrees=3, intensity_shifts=(5.0, -5.0, 0.0))
    for size, helped in (((511, 896), False), ((512, 896), True)):
        warps.apply_warp(np.zeros((*size, 3), np.float32), warp)
        assert asked == [helped] * 3
        asked.clear()
    # Those of training are warped beside others.
    plane, out = np.zeros((1152, 896), np.float32), np.zeros((1152, 896, 3), np.float32)
    warps.warp_grey(plane, warp, pixel_mean=0.0, out=out)
    assert asked == [False] * 2


@pytest.mark.parametrize("warp", [
    warps.Warp(rotation_degrees=90), warps.Warp(rotation_degrees=180),
    warps.Warp(row_zoom=2, column_zoom=0.5), warps.Warp(row_shift=0.25),
    warps.Warp(row_zoom=0.5, column_zoom=0.5, flip_vertical=True)])
def test_ties_between_two_pixels_go_where_scipy_takes_them(warp):
    for size in ((8, 8), (8, 6), (9, 6)):
        image = noise(1, *size, 1)
        np.testing.assert_array_equal(warps.apply_warp(image, warp), slow(image, warp))


@pytest.mark.parametrize("mode", ["constant", "reflect", "wrap"])
def test_other_fill_modes_equal_scipy(mode):
    image = noise(1, 40, 30, 3)
    for seed in range(6):
        warp = warps.draw_warp(np.random.RandomState(seed), **SHIFTED)
        np.testing.assert_array_equal(
            warps.apply_warp(image, warp, fill_mode=mode), slow(image, warp, mode))


def test_images_too_large_for_the_quick_map_are_warped_all_the_same():
    image = noise(1, 2, 9000, 1)
    warp = warps.Warp(rotation_degrees=3, column_zoom=1.1)
    np.testing.assert_array_equal(warps.apply_warp(image, warp), slow(image, warp))


@pytest.mark.parametrize(("size", "down", "quick"), [
    # Steps of 1/128 leave 32767 pixels exact, steps of 1/512 leave 16384.
    ((10, 100), 32_753, True), ((10, 100), 32_754, False), ((10, 100), -32_754, False),
    ((16_383, 300), 0, True), ((16_384, 300), 0, False)])
def test_the_quick_map_ends_where_its_sums_are_no_longer_exact(size, down, quick):
    matrix = ((float(size[0] == 10), 0, down), (0, 0, 0))
    sums = warps._nearest_sums(matrix, size, (False, False))
    assert (sums is not None) == quick
    if quick:
        rows, columns = sums
        assert rows.shape == (2, size[0]) and columns.shape == (2, size[1])
        assert np.rint(rows[0] + columns[0, 0]).tolist() == [
            down + matrix[0][0] * row for row in range(size[0])]


def test_no_warp_changes_nothing_and_returns_a_new_array():
    image = noise(1, 6, 5, 3)
    same = warps.apply_warp(image, warps.Warp())
    np.testing.assert_array_equal(same, image)
    assert not np.shares_memory(same, image)


def test_the_image_given_stays_unchanged():
    image = noise(1, 6, 5, 3)
    before = image.copy()
    warps.apply_warp(image, warps.draw_warp(np.random.RandomState(1), **ALL))
    np.testing.assert_array_equal(image, before)


def test_zoom_above_one_shrinks_the_picture():
    image = np.zeros((41, 41, 1), np.float32)
    image[10:31, 10:31] = 1
    assert warps.apply_warp(image, warps.Warp(row_zoom=2, column_zoom=2)).sum() < 150


def test_each_channel_gets_its_own_shift_clipped_to_the_range_of_all():
    image = np.array([[[10.0], [200.0]]], np.float32).repeat(3, axis=2)
    out = warps.apply_warp(image, warps.Warp(intensity_shifts=(5.0, -15.0, 0.0)))
    np.testing.assert_array_equal(out, [[[15, 10, 10], [200, 185, 200]]])


def test_writing_grey_in_place_equals_warping_then_subtracting():
    plane = noise(2, 50, 41)
    for seed in range(8):
        warp = warps.draw_warp(np.random.RandomState(seed), **ALL)
        out = np.empty((50, 41, 3), np.float32)
        warps.warp_grey(plane, warp, pixel_mean=52.18, out=out)
        whole = warps.apply_warp(plane[..., None].repeat(3, axis=2), warp)
        np.testing.assert_array_equal(out, whole - np.float32(52.18))


def test_the_four_flips_are_identity_both_mirrors_and_their_product():
    batch = np.arange(6).reshape(1, 2, 3, 1)
    shown = [flip[0, :, :, 0].tolist() for flip in warps.four_flips(batch)]
    assert shown == [[[0, 1, 2], [3, 4, 5]], [[2, 1, 0], [5, 4, 3]],
                     [[3, 4, 5], [0, 1, 2]], [[5, 4, 3], [2, 1, 0]]]


def test_drawn_and_applied_warps_are_as_recorded():
    rng = np.random.RandomState(4)
    image = np.random.default_rng(1).random((23, 17, 3)).astype(np.float32) * 200
    rows = []
    for ranges in (SHIFTED, dict(zoom=(0.5, 2.0), vertical_flip=True),
                   dict(max_intensity_shift=30, shared_intensity_shift=True),
                   dict(max_shear_radians=0.5, max_rotation_degrees=90),
                   dict(max_row_shift=0.6, max_column_shift=0.4, horizontal_flip=True)):
        for mode in warps.FILL_MODES:
            warp = warps.draw_warp(rng, **ranges)
            moved = warps.apply_warp(image, warp, fill_mode=mode, cval=7.0)
            rows.append(f"{mode} {warp} {warps.warp_matrix(warp, (23, 17))} "
                        f"{recorded.picture(moved)}")
    shifted = warps.Warp(row_pixels=3, column_pixels=-2.5, row_zoom=1.5)
    rows += [recorded.picture(warps.apply_warp(image, shifted)),
             *map(recorded.picture, warps.four_flips(image[None]))]
    recorded.check("images-warps", "\n".join(rows))


@pytest.mark.parametrize(("shifts", "mean"), [
    ((), 0.0), ((), 7.5), ((-60, 0, 80), 7.5)])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_values_are_shifted_within_their_range_and_the_mean_is_subtracted(
        shifts, mean, channels):
    image = noise(4, 5, 7, channels)
    expected = np.clip(image + np.float32(shifts or (0, 0, 0)), image.min(),
                       image.max()) - np.float32(mean)
    out = image if channels == 3 else np.empty((5, 7, 3), np.float32)
    assert warps._shift_intensities(image, shifts, out, mean=mean) is out
    np.testing.assert_allclose(out, expected, rtol=1e-6)
