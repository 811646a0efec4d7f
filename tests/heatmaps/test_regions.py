"""Region features against the original's, and by hand."""

import json
import math
import pathlib

import numpy as np
import pytest

from end2end import heatmaps
from end2end.heatmaps import regions

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "pixels"


def test_all_features_equal_the_original():
    heatmap = np.load(GOLDEN / "region_features_heatmap.npz")["heatmap"]
    expected = json.loads((GOLDEN / "region_features.json").read_text())
    for cutoff, classes in expected.items():
        features = heatmaps.region_features(heatmap, float(cutoff), largest=2)
        assert len(features) == len(classes) == 4
        for ours, theirs in zip(features, classes, strict=True):
            assert set(ours) == set(theirs)
            for name, value in theirs.items():
                assert ours[name] == pytest.approx(value, abs=1e-6), (cutoff, name)


def test_a_missing_heatmap_gives_nan_for_every_feature():
    features = heatmaps.region_features(None, 0.5, largest=2, num_classes=5)
    assert len(features) == 4
    assert list(features[0]) == regions.feature_names(2)
    assert all(math.isnan(value) for features_of_class in features
               for value in features_of_class.values())


def test_a_missing_heatmap_has_the_originals_classes_and_a_flat_one_is_one_class():
    assert len(heatmaps.region_features(None, 0.5)) == 2
    flat = np.arange(12).reshape(3, 4) / 10
    features = heatmaps.region_features(flat, 0.8, largest=2)
    assert features == regions.class_features(flat, 0.8, largest=2)
    assert features["top1_area"] == 4 and len(features) == 3 + 2 * 16
    several = np.dstack([flat * 0, flat, flat / 2])
    assert [row["total_area"] for row in heatmaps.region_features(several, 0.4)] == [
        8, 4]
    assert len(heatmaps.region_features(several, 0.4, num_classes=2)) == 1


def test_no_region_gives_zeros_and_an_euler_number_of_two():
    features = regions.class_features(np.zeros((5, 5)), 0.5)
    assert features.pop("top1_euler_number") == 2
    assert set(features.values()) == {0}


def test_the_cutoff_itself_belongs_to_the_region():
    features = regions.class_features(np.full((4, 4), 0.5), 0.5)
    assert features["top1_area"] == 16
    assert features["global_max_intensity"] == 0.5


def test_diagonal_neighbours_are_one_region():
    assert regions.class_features(np.eye(4), 0.5)["nb_regions"] == 1


def test_of_equal_areas_the_later_region_comes_first():
    heatmap = np.zeros((9, 9))
    heatmap[1, 1], heatmap[7, 7] = 0.6, 0.8
    features = regions.class_features(heatmap, 0.5, largest=2)
    assert [features[f"top{rank}_max_intensity"] for rank in (1, 2)] == [0.8, 0.6]
    assert features["top1_eccentricity"] == 0, "a cell has no longer side"
    # Regions of one and two cells in turn.
    cells = [(0.5 + number / 100, *[0.5] * (number % 2), 0) for number in range(40)]
    features = regions.class_features(np.array([sum(cells, ())]), 0.5, largest=40)
    order = sorted(range(40), key=lambda number: (number % 2, number))[::-1]
    assert [features[f"top{rank}_max_intensity"] for rank in range(1, 41)] == [
        pytest.approx(0.5 + number / 100) for number in order]


def test_a_ring_has_a_hole_that_fills():
    ring = np.ones((5, 5))
    ring[2, 2] = 0
    features = regions.class_features(ring, 0.5)
    assert features["top1_euler_number"] == 0
    assert features["top1_area_ratio2"] == 24 / 25
    assert features["top1_perimeter"] == 16


def test_a_rectangle_has_the_moments_of_its_sides():
    features = regions.describe(np.ones((3, 7), bool), np.ones((3, 7)))
    assert features["eig1"] == pytest.approx((7 ** 2 - 1) / 12)
    assert features["eig2"] == pytest.approx((3 ** 2 - 1) / 12)
    assert features["orientation"] == 0
    assert (features["solidity"], features["extent"]) == (1, 1)


@pytest.mark.parametrize("region, orientation", [
    (np.ones((7, 3), bool), -math.pi / 2),
    (np.eye(4, dtype=bool), -math.pi / 4),
    (np.eye(4, dtype=bool)[::-1], math.pi / 4),
    (np.ones((1, 1), bool), math.pi / 4)])
def test_the_orientation_follows_the_longer_axis(region, orientation):
    assert regions.inertia(region)[2] == pytest.approx(orientation)
