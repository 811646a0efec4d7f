"""Tests of end2end.metrics.localization."""

import numpy as np
import pytest

from end2end.metrics import localization
from end2end.utils import files


def marks(**changes):
    """Images 0 and 1 without a lesion, 2 with one, 3 with two (one not marked)."""
    values = dict(
        count=4, false_image=np.array([0, 0, 2]),
        false_rating=np.array([0.3, 0.5, 0.9]), lesion_image=np.array([2, 3, 3]),
        lesion_rating=np.array([0.7, 0.4, -np.inf]), groups=None)
    return localization.Marks(**(values | changes))


def test_the_curve_of_four_images_by_hand():
    false, detected, thresholds = localization.froc_curve(marks())
    np.testing.assert_allclose(thresholds, [np.inf, 0.9, 0.7, 0.5, 0.4, 0.3])
    np.testing.assert_allclose(false, np.array([0, 1, 1, 2, 2, 3]) / 4)
    np.testing.assert_allclose(detected, np.array([0, 0, 1, 1, 2, 2]) / 3)


def test_the_curve_of_images_without_a_lesion_detects_nothing():
    none = marks(lesion_image=np.array([], int), lesion_rating=np.array([]))
    false, detected, _ = localization.froc_curve(none)
    np.testing.assert_allclose(false, np.array([0, 1, 2, 3]) / 4)
    np.testing.assert_array_equal(detected, [0, 0, 0, 0])


def test_jafroc_counts_lesions_above_the_highest_false_mark_of_normal_images():
    # Lesions 0.7, 0.4, none; normal images 0.5 and nothing: 1 + 1, 0 + 1, 0 + 1/2.
    assert localization.jafroc_estimate(marks()).value == pytest.approx(3.5 / 6)


def test_jafroc_is_the_count_over_all_pairs_on_random_marks():
    rng = np.random.default_rng(3)
    lesion_image = np.repeat(np.arange(0, 40, 2), 2)
    reading = marks(
        count=40, false_image=rng.integers(0, 40, 60), false_rating=rng.random(60),
        lesion_image=lesion_image, lesion_rating=rng.random(40) + 0.3)
    highest = [max(reading.false_rating[reading.false_image == image], default=-9)
               for image in range(1, 40, 2)]
    pairs = reading.lesion_rating[:, None] - np.array(highest)
    assert localization.jafroc([reading])[0][0] == pytest.approx(
        ((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_jafroc_needs_images_of_both_kinds():
    with pytest.raises(files.InputError, match="with and without"):
        localization.jafroc([marks(lesion_image=np.array([0, 1, 2]), count=3)])


def test_sensitivity_needs_a_lesion():
    none = marks(lesion_image=np.array([], int), lesion_rating=np.array([]))
    with pytest.raises(files.InputError, match=(
            "^no image has a lesion that could be marked; give outlines of lesions.$")):
        localization.sensitivity_at(none)


def test_sensitivity_is_read_from_the_curve_and_drawn_by_image():
    none, quarter, most = localization.sensitivity_at(
        marks(), (0.0, 0.25, 2.0), runs=400)
    assert (none.value, quarter.value) == (0, pytest.approx(1 / 3))
    assert most.value == pytest.approx(2 / 3) and most.low < 2 / 3 < most.high
    woman, = localization.sensitivity_at(marks(groups=("w",) * 4), (2.0,), runs=20)
    assert woman.low == woman.high == woman.value == most.value


def test_peaks_are_apart_and_flat_tops_are_one_mark():
    values = np.zeros((20, 30))
    values[4, 7], values[5, 8], values[14:17, 20:23] = 0.9, 0.8, 0.6
    assert localization.peaks(values, distance=3) == [(4, 7, 0.9), (15, 21, 0.6)]
    assert localization.peaks(values, distance=3, cutoff=0.7) == [(4, 7, 0.9)]
    assert localization.peaks(values, distance=3, most=1) == [(4, 7, 0.9)]
    assert localization.peaks(np.zeros((5, 7)), distance=1) == []
    # Up to that distance the lower one is no mark, a cell further it is.
    row = np.zeros((1, 12))
    row[0, 2], row[0, 5] = 0.9, 0.8
    assert localization.peaks(row, distance=3) == [(0, 2, 0.9)]
    assert localization.peaks(row, distance=2) == [(0, 2, 0.9), (0, 5, 0.8)]
    # The highest comes first, wherever it is.
    assert localization.peaks(row[:, ::-1], distance=2) == [(0, 9, 0.9), (0, 6, 0.8)]


def test_a_mark_on_a_lesion_rates_it_and_others_are_false():
    masks = [np.zeros((20, 30), bool), np.zeros((20, 30), bool)]
    masks[0][2:6, 5:9] = masks[1][10:12, 10:12] = True
    peaks = [(4, 7, 0.9), (5, 8, 0.8), (15, 21, 0.6)]
    assert localization.on_lesions(peaks, masks) == ([0.6], [0.9, -np.inf])
    false, lesions = localization.on_lesions(
        [(13, 11, 0.7)], masks, tolerance=2)
    assert false == [] and lesions == [-np.inf, 0.7]


def test_intervals_hold_false_marks_to_the_rate_itself():
    """Each image has a lesion that is marked and a false mark above it: no rate below
    one false mark per image has any lesion, in no draw."""
    count = 6
    several = localization.Marks(
        lesion_image=np.arange(count), lesion_rating=np.full(count, 0.5),
        false_image=np.arange(count), false_rating=np.full(count, 0.75), count=count)
    below, at = localization.sensitivity_at(several, (0.9, 1.0), runs=60)
    assert (below.value, below.low, below.high) == (0, 0, 0)
    assert (at.value, at.low, at.high) == (1, 1, 1)


def test_images_without_a_lesion_behind_those_with_one_count_and_one_image_is_enough():
    for count, place, low in ((4, 1, 0), (1, 0, 1)):
        for ratings in ([0.2], [0.2, -np.inf]):
            found, = localization.sensitivity_at(marks(
                count=count, lesion_image=np.full(len(ratings), place),
                lesion_rating=np.array(ratings), false_rating=np.array([0.7]),
                false_image=np.array([count - 1])), (4.0,), runs=40)
            # Draws without a lesion have found none.
            assert (found.low, found.high) == (low / len(ratings), found.value)
            assert found.value == 1 / len(ratings)


def test_jafroc_needs_a_lesion_and_counts_without_a_mark_by_halves():
    with pytest.raises(files.InputError, match="with and without"):
        localization.jafroc([marks(lesion_image=np.array([], int),
                                   lesion_rating=np.array([]))])
    nothing = marks(false_image=np.array([], int), false_rating=np.array([]),
                    lesion_rating=np.full(3, -np.inf))
    assert localization.jafroc_estimate(nothing).value == 0.5


def test_three_lesions_before_two_normal_images_are_as_sure_as_two_cases():
    perfect = localization.jafroc_estimate(marks(lesion_rating=np.array([0.7, 0.8, 2])))
    assert (perfect.value, perfect.high) == (1, 1)
    assert perfect.low == pytest.approx(0.025 ** (1 / 2))


def test_images_of_one_woman_depend_on_each_other():
    groups = ("w", "v", "w", "v")
    apart, together = (localization.jafroc([marks(groups=keys)])[1][0, 0]
                       for keys in (None, groups))
    # Lesions 1, 1/2 and 1/4 of the normal images; these 1/3 and 5/6 of the lesions.
    parts = np.array([1, 0.5, 0.25]) - 7 / 12, np.array([1 / 3, 5 / 6]) - 7 / 12
    shares = [part / np.sqrt(len(part) * (len(part) - 1)) for part in parts]
    assert apart == pytest.approx(shares[0][0] ** 2 + shares[0][1:].sum() ** 2
                                  + (shares[1] ** 2).sum())
    assert together == pytest.approx((shares[0][0] + shares[1][0]) ** 2
                                     + (shares[0][1:].sum() + shares[1][1]) ** 2)


def test_a_lesion_reaches_as_far_as_the_tolerance_and_no_further():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    marked = [(4, 6, 0.9), (4, 7, 0.8), (6, 5, 0.7)]
    assert localization.on_lesions(marked, [mask], tolerance=2) == ([0.8, 0.7], [0.9])
