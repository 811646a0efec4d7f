"""Tests of end2end.metrics.clusters."""

import numpy as np
import pytest
from scipy import stats

from end2end.metrics import clusters


def test_equal_keys_have_equal_numbers():
    assert clusters.codes(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]
    assert clusters.codes(np.array([900, 7, 900])).tolist() == [1, 0, 1]


def test_numbers_of_tables_stay_and_large_ones_are_made_small():
    small = np.array([2, 0, 2], np.int32)
    assert clusters.codes(small) is small
    assert clusters.codes(np.array([5, -1, 5], np.int32)).tolist() == [1, 0, 1]
    assert clusters.codes(np.array([9, 1, 9], np.int32)).tolist() == [1, 0, 1]
    assert clusters.codes(np.array([3, 0, 3], np.int32)).tolist() == [1, 0, 1]
    assert clusters.codes(np.array([], np.int32)).tolist() == []


def test_shares_are_added_up_by_key():
    parts = np.array([[1.0, 2.0, 4.0], [0.5, 0.0, 1.0]])
    np.testing.assert_array_equal(
        clusters.summed(parts, ["x", "y", "x"]), [[5, 2], [1.5, 0]])


def test_the_quantile_is_of_t_with_the_number_of_units_that_count():
    assert clusters.quantile(np.ones(11)) == stats.t.ppf(0.975, 11)
    assert clusters.quantile(np.r_[np.ones(5), np.full(1000, 1e-6)]) == pytest.approx(
        stats.t.ppf(0.975, 5), rel=1e-6)
    assert clusters.quantile(np.zeros(3)) == pytest.approx(1.959964)
