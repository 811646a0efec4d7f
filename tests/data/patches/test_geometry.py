"""Geometry of patches: regions, overlap, draws, cutting, the sliding grid."""

import json
import pathlib

import numpy as np
import pytest

from end2end.data.patches import geometry

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "pixels"


def mask_of(*boxes, shape=(60, 50)):
    """A mask with rectangles x, y, width, height."""
    mask = np.zeros(shape, np.uint8)
    for x, y, width, height in boxes:
        mask[y:y + height, x:x + width] = 200
    return mask


def test_a_patch_around_a_small_lesion_overlaps_up_to_but_not_at_one():
    region = geometry.find_region(mask_of((10, 12, 20, 20)), margin=16)
    center = (10 + 10 + 16, 12 + 10 + 16)
    assert region.overlaps(center, 32, 0.99)
    assert not region.overlaps(center, 32, 1.0)
    # A patch within the lesion.
    assert region.overlaps(center, 8, 0.99) and not region.overlaps(center, 8, 1.0)


def test_the_overlap_equals_counting_pixels_on_the_padded_mask():
    rng = np.random.default_rng(3)
    mask = np.pad(
        (rng.random((40, 30)) > 0.7).astype(np.uint8), ((20, 4), (17, 3)))
    rows, columns = mask.shape
    for size in (7, 12):
        half = size // 2
        region = geometry.find_region(mask, margin=half)
        padded = np.pad(mask, half)
        covered = region.all_covered(size)
        assert not region.overlaps((99, 99), size, 0.0)
        for x, y in rng.integers(0, (columns + 16, rows + 16), (300, 2)).tolist():
            window = padded[max(0, y - half):y + half, max(0, x - half):x + half]
            assert region.covered((x, y), size) == (window.sum(), window.size)
            if half <= x < columns + half and half <= y < rows + half:
                assert covered[y - half, x - half] == window.sum()


def test_the_largest_contour_gives_box_and_centroid_and_all_pixels_the_area():
    region = geometry.find_region(mask_of((2, 3, 4, 4), (20, 30, 11, 7)), margin=5)
    assert region.box == (25, 35, 11, 7)
    assert region.centroid == (30, 38)
    assert region.area == 16 + 77


def test_of_two_equal_contours_the_first_counts():
    mask = mask_of((2, 3, 6, 6), (20, 30, 6, 6))
    import cv2
    contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    assert geometry.find_region(mask).box == cv2.boundingRect(contours[0])


def test_a_line_has_the_centre_of_its_box():
    region = geometry.find_region(mask_of((8, 9, 5, 1)))
    assert region.centroid == (10, 9)
    assert geometry.find_region(mask_of((8, 9, 1, 5))).centroid == (8, 11)


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        geometry.find_region(mask_of())


@pytest.mark.parametrize("size", [8, 9, 200])
def test_cutting_equals_slicing_the_padded_image(size):
    image = np.random.default_rng(0).integers(0, 65536, (40, 30)).astype(np.uint16)
    half = size // 2
    padded = np.pad(image, half)
    for center in ((half, half), (half + 15, half + 20), (half + 29, half + 39)):
        expected = padded[center[1] - half:center[1] + half,
                          center[0] - half:center[0] + half]
        np.testing.assert_array_equal(geometry.cut(image, center, size), expected)


@pytest.mark.parametrize(("center", "inside"), [
    ((8, 8), True), ((30, 40), True), ((7, 8), False), ((8, 7), False),
    ((31, 40), False), ((30, 41), False)])
def test_a_patch_inside_the_image_is_a_view_of_it(center, inside):
    image = np.ones((40, 30), np.uint16)
    patch = geometry.cut(image, center, 8)
    assert patch.shape == (8, 8) and np.shares_memory(patch, image) == inside


def test_lesion_centres_are_the_first_draws_in_the_box_that_overlap():
    region = geometry.find_region(mask_of((10, 12, 20, 20)), margin=4)
    centers = list(geometry.lesion_centers(
        np.random.RandomState(5), region, 3, patch_size=8, lesion_overlap=0.0))
    rng = np.random.RandomState(5)
    assert centers == [(rng.randint(14, 34), rng.randint(16, 36)) for _ in range(3)]


def test_the_cutoff_falls_after_a_thousand_trials_and_stays_low():
    notices = []
    region = geometry.find_region(mask_of((10, 12, 20, 20)), margin=4)
    centers = list(geometry.lesion_centers(
        np.random.RandomState(5), region, 2, patch_size=8, lesion_overlap=1.02,
        say=notices.append))
    assert len(centers) == 2
    assert notices == ["no patch in 1000 trials, lowered the overlap cutoff to 0.97"]


def test_a_lesion_that_no_patch_overlaps_ends_in_an_error():
    region = geometry.find_region(
        np.pad(np.zeros((398, 398), np.uint8), 1, constant_values=1), margin=20)
    with pytest.raises(geometry.NoPlace):
        next(geometry.lesion_centers(
            np.random.RandomState(5), region, 1, patch_size=40, lesion_overlap=0.05))


def test_the_cutoff_falls_again_after_as_many_trials(monkeypatch):
    monkeypatch.setattr(geometry, "RELAX_AFTER", 10)
    region, notices = geometry.find_region(mask_of((10, 12, 20, 20)), margin=4), []
    center, = geometry.lesion_centers(
        np.random.RandomState(0), region, 1, patch_size=8, lesion_overlap=1.12,
        say=notices.append)
    assert notices == [f"no patch in 10 trials, lowered the overlap cutoff to {cutoff}"
                       for cutoff in ("1.07", "1.02", "0.97")]
    rng = np.random.RandomState(0)
    draws = [(rng.randint(14, 34), rng.randint(16, 36)) for _ in range(30)]
    assert center == draws[-1]


def test_background_avoids_the_lesion():
    region = geometry.find_region(mask_of((0, 0, 50, 40)), margin=4)
    for _, y in geometry.background_centers(
            np.random.RandomState(1), [region], 20, patch_size=8,
            background_overlap=0.0):
        assert y - 4 >= 40


def test_background_finds_the_only_place_there_is():
    mask = mask_of((0, 0, 50, 60))
    mask[30:34, 20:24] = 0
    region = geometry.find_region(mask, margin=2)
    centers = list(geometry.background_centers(
        np.random.RandomState(1), [region], 2, patch_size=4, background_overlap=0.0))
    assert centers == [(24, 34)] * 2


def test_background_without_a_place_is_an_error():
    region = geometry.find_region(mask_of((0, 0, 50, 60)), margin=2)
    with pytest.raises(geometry.NoPlace, match=(
            "^no background patch of 4 pixels fits beside the lesions$")):
        next(geometry.background_centers(
            np.random.RandomState(1), [region], 1, patch_size=4,
            background_overlap=0.2))


@pytest.mark.parametrize(("columns", "found"), [(2, True), (1, False)])
def test_half_of_a_background_patch_has_to_be_tissue(columns, found):
    region = geometry.find_region(mask_of((0, 0, 25, 60)), margin=2)
    tissue = geometry.tissue_region(
        mask_of((20, 0, 5 + columns, 60)) // 200, margin=2)
    assert (tissue.area, tissue.shape) == ((5 + columns) * 60, (64, 54))
    assert tissue.fills((29, 10), 4, geometry.TISSUE_SHARE) == found
    assert geometry._any_place([region], 4, 0.0, tissue) == found
    assert geometry._any_place([region], 4, 0.0, None)
    assert not geometry._any_place([region, geometry.find_region(
        mask_of((23, 0, 27, 60)), margin=2)], 4, 0.0, None)


@pytest.mark.parametrize(("highest", "level", "found"), [
    (60000, 32520, [(71, 81)]), (1, 1, [(71, 81)]), (0, 0, [])])
def test_blobs_are_found_outside_the_lesion(highest, level, found):
    image = np.zeros((100, 100), np.uint16)
    # Of 255 levels the second has 138, of 254 it would have 137.
    image[20:28, 20:28], image[70:78, 60:68] = highest, level
    region = geometry.find_region(mask_of((15, 15, 20, 20), shape=(100, 100)), margin=8)
    centers = list(geometry.blob_centers(
        np.random.RandomState(1), image, [region], 5, patch_size=16,
        background_overlap=0.35))
    assert centers == found


def test_no_more_blobs_are_given_than_are_asked_for():
    image = np.zeros((100, 100), np.uint16)
    image[20:28, 20:28] = image[70:78, 60:68] = image[40:48, 80:88] = 9
    region = geometry.find_region(mask_of((0, 90, 9, 9), shape=(100, 100)), margin=8)
    for count in range(5):
        centers = geometry.blob_centers(
            np.random.RandomState(1), image, [region], count, patch_size=16,
            background_overlap=0.35)
        assert len(list(centers)) == min(count, 3)


def test_the_sliding_grid_equals_the_original():
    for case in json.loads((GOLDEN / "sweep.json").read_text()):
        tops, lefts = (
            geometry.sliding_grid(case[side], patch_size=case["patch"],
                                 stride=case["stride"]) for side in "hw")
        assert (len(tops), len(lefts)) == (case.get("rows", 0), case.get("cols", 0))
        firsts = tops[:, None] * case["w"] + lefts
        assert firsts.ravel().tolist() == case.get("first", [])
