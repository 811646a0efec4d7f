"""Tests of end2end.metrics.shares."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats import proportion

from end2end.metrics import shares
from end2end.metrics.shares import Estimate


def test_a_share_has_wilsons_interval_of_scipy_and_statsmodels():
    estimate = shares.share([1] * 37 + [0] * 23)
    expected = stats.binomtest(37, 60).proportion_ci(method="wilson")
    assert estimate.interval == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert estimate.interval == pytest.approx(
        proportion.proportion_confint(37, 60, method="wilson"), abs=1e-9)


def test_cases_that_come_twice_count_once():
    hits = np.repeat([1, 0, 1, 1, 0, 1, 0, 1], 2)
    women = np.repeat(np.arange(8), 2)
    assert shares.effective_size(hits.astype(float), women) == pytest.approx(7, abs=0.5)
    assert shares.effective_size(hits.astype(float), np.arange(16)) == 16
    assert shares.effective_size(np.ones(16), women) == 16
    # One woman tells nothing of others, and women that are all alike no more than n.
    assert shares.effective_size(np.array([1.0, 0, 1]), [7, 7, 7]) == 3
    assert shares.effective_size(np.array([1.0, 0, 1, 0]), [0, 0, 1, 1]) == 4


def test_limits_of_a_difference_come_from_those_of_the_parts():
    difference = shares.difference(
        Estimate(0.6, 0.5, 0.68), Estimate(0.4, 0.3, 0.52))
    assert difference.value == pytest.approx(0.2)
    assert difference.low == pytest.approx(0.2 - np.hypot(0.1, 0.12))
    assert difference.high == pytest.approx(0.2 + np.hypot(0.08, 0.1))


def test_a_difference_of_shares_is_newcombes():
    # Method 10 of Newcombe 1998, as statsmodels has it.
    first, second = shares.share([1] * 56 + [0] * 14), shares.share([1] * 48 + [0] * 32)
    assert shares.difference(first, second).interval == pytest.approx(
        proportion.confint_proportions_2indep(56, 70, 48, 80, method="newcomb"),
        abs=1e-3)
