"""Tests of end2end.utils.chunks."""

import numpy as np
import pytest

from end2end.utils import chunks

COUNTS = (0, 1, 5, chunks.LENGTH, chunks.LENGTH + 3)


@pytest.mark.parametrize("count", COUNTS)
def test_slices_cover_every_row_once(count):
    rows = [row for part in chunks.slices(count) for row in range(count)[part]]
    assert rows == list(range(count))


@pytest.mark.parametrize("side", ("left", "right"))
@pytest.mark.parametrize("count", COUNTS)
def test_places_are_those_of_numpy(count, side):
    values = np.random.default_rng(1).integers(0, 9, count)
    places = chunks.places(np.array([1, 1, 4, 7]), values, side)
    assert places.dtype == np.int32
    np.testing.assert_array_equal(places, np.searchsorted([1, 1, 4, 7], values, side))


@pytest.mark.parametrize("count", COUNTS)
def test_counts_are_those_of_numpy_with_and_without_weights(count):
    rng = np.random.default_rng(2)
    places, weights = rng.integers(0, 5, count), rng.random(count)
    for values in (None, weights, weights > 0.5):
        np.testing.assert_allclose(
            chunks.counted(places, 6, values), np.bincount(places, values, 6))
