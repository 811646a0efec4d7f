"""Tests of end2end.utils.chunks: each as numpy does it, in memory and in files."""

import numpy as np
import pytest

from end2end.utils import chunks, mapped

COUNTS = (0, 1, 5, chunks.LENGTH, 2 * chunks.LENGTH + 3)


@pytest.fixture(params=["memory", "file"])
def lay(request):
    """Lays an array into memory, or into a temporary file."""
    if request.param == "memory":
        return lambda values: values
    anchor = mapped.Growing("d")
    anchor.append(0)
    anchor.store()
    like = anchor.values()

    def stored(values):
        result = mapped.empty(len(values), values.dtype, like)
        result[:] = values
        return result
    return stored


def same_place(result, values):
    """Whether both are in memory, or both in a file; empty ones are in none."""
    return not len(result) or (
        mapped.file_of(result) is None) == (mapped.file_of(values) is None)


@pytest.mark.parametrize("count", COUNTS)
def test_slices_cover_every_row_once(count):
    rows = [row for part in chunks.slices(count) for row in range(count)[part]]
    assert rows == list(range(count))


@pytest.mark.parametrize("side", ("left", "right"))
@pytest.mark.parametrize("count", COUNTS)
def test_places_are_those_of_numpy(count, side, lay):
    rng = np.random.default_rng(1)
    values = lay(rng.integers(0, 9, count))
    long = np.sort(rng.integers(0, 9, count).astype(float))
    for ascending in (np.array([1, 1, 4, 7]), long):
        places = chunks.places(lay(ascending), values, side)
        assert places.dtype == np.int32 and same_place(places, values)
        np.testing.assert_array_equal(
            places, np.searchsorted(ascending, values, side))


@pytest.mark.parametrize("count", COUNTS)
def test_counts_are_those_of_numpy_with_and_without_weights(count, lay):
    rng = np.random.default_rng(2)
    length = max(6, count // 2)
    places, weights = lay(rng.integers(0, length, count)), rng.random(count)
    for values in (None, weights, weights > 0.5):
        result = chunks.counted(places, length, values)
        np.testing.assert_allclose(result, np.bincount(places, values, length))
        assert same_place(result, places)


@pytest.mark.parametrize("count", COUNTS[1:])
def test_values_at_places_are_those_of_numpy(count, lay):
    rng = np.random.default_rng(3)
    values, places = rng.random(count), rng.integers(0, count, 20)
    np.testing.assert_array_equal(chunks.looked_up(lay(values), places), values[places])


def test_sums_of_short_numbers_are_as_exact_as_those_of_long_ones():
    assert chunks.total(np.float32([1 << 24, 1, 1])) == (1 << 24) + 2


@pytest.mark.parametrize("count", COUNTS)
def test_sums_products_and_extremes_are_those_of_numpy(count, lay):
    rng = np.random.default_rng(4)
    first, second, mask = rng.random(count) - 0.5, rng.random(count), (
        rng.random(count) < 0.3)
    laid = lay(first)
    np.testing.assert_allclose(
        [chunks.total(laid), chunks.total(laid, mask), chunks.product(laid, second)],
        [first.sum(), first[mask].sum(), first @ second], rtol=1e-12)
    assert chunks.extremes(laid) == (first.min(initial=np.inf),
                                     first.max(initial=-np.inf))
    some, sums = chunks.chosen(laid, mask), chunks.cumulated(laid)
    np.testing.assert_array_equal(some, first[mask])
    np.testing.assert_array_equal(sums, np.cumsum(first))
    np.testing.assert_array_equal(
        chunks.cumulated(laid[::-1]), np.cumsum(first[::-1]))
    halves = chunks.each(lambda left, right: left + right / 2, laid, second)
    np.testing.assert_array_equal(halves, first + second / 2)
    assert all(same_place(result, laid) for result in (some, sums, halves))


ORDERS = {
    "random": lambda rng, count: rng.normal(size=count),
    "few distinct": lambda rng, count: rng.integers(-2, 3, count).astype(float),
    "all equal": lambda rng, count: np.full(count, 0.25),
    "ascending": lambda rng, count: np.arange(count) / 7,
    "descending": lambda rng, count: -np.arange(count) / 7,
    "one far from the rest": lambda rng, count: np.r_[
        np.full(count - 1, 1e-9), 1.0] if count else np.empty(0),
    "whole": lambda rng, count: rng.integers(-2**62, 2**62, count),
}


@pytest.mark.parametrize("kind", ORDERS)
@pytest.mark.parametrize("count", COUNTS)
def test_order_and_distinct_numbers_are_those_of_numpy(count, kind, lay):
    values = ORDERS[kind](np.random.default_rng(5), count)
    laid = lay(values)
    ascending = chunks.ascending(laid)
    np.testing.assert_array_equal(ascending, np.sort(values))
    numbers, counts = chunks.distinct(ascending)
    assert all(same_place(result, laid) for result in (ascending, numbers, counts))
    expected = np.unique(values, return_counts=True)
    np.testing.assert_array_equal(numbers, expected[0])
    np.testing.assert_array_equal(counts, expected[1])
