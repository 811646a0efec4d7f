"""Draws of the bootstrap, by case and by group."""

import time

import numpy as np
import pytest
from scipy import stats

from end2end import metrics
from end2end.metrics import bootstrap


def cases(count, *, seed=0, shift=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    labels[:2] = 0, 1
    return labels, rng.normal(size=count) + shift * labels


def test_a_bootstrap_of_one_case_at_a_time_equals_the_plain_one():
    labels, scores = cases(60)
    counts_of_draws = np.concatenate(list(bootstrap.draws(60, runs=50, seed=3)))
    assert counts_of_draws.shape == (50, 60)
    assert (counts_of_draws.sum(axis=1) == 60).all()
    ours = metrics.auc_of_draws(labels.astype(bool), scores)(counts_of_draws)
    plain = [metrics.auc(np.repeat(labels, counts), np.repeat(scores, counts))
             for counts in counts_of_draws]
    np.testing.assert_allclose(ours, plain, atol=1e-12)


def test_groups_are_drawn_together():
    counts = np.concatenate(list(bootstrap.draws(
        6, runs=20, seed=3, groups=["a", "b", "a", "c", "b", "a"])))
    assert (counts[:, 0] == counts[:, 2]).all() and (counts[:, 0] == counts[:, 5]).all()
    assert (counts[:, 1] == counts[:, 4]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()


@pytest.mark.parametrize("block", [777, 7])
def test_the_same_seed_gives_the_same_interval_whatever_the_block(block):
    labels, scores = cases(100)
    whole = metrics.auc_interval(labels, scores, runs=200, seed=7)
    before, bootstrap.BLOCK = bootstrap.BLOCK, block
    try:
        assert metrics.auc_interval(labels, scores, runs=200, seed=7) == whole
    finally:
        bootstrap.BLOCK = before


def test_an_interval_of_3000_runs_over_400_cases_is_quick():
    labels, scores = cases(400)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        low, high = metrics.auc_interval(labels, scores)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.15
    assert low < metrics.auc(labels, scores) < high


def test_a_corrected_interval_follows_bias_and_skewness():
    values = np.arange(1000) / 1000
    influence = np.array([3.0, -1, -1, -1])
    plain = bootstrap.corrected_interval(values, 0.4995, np.array([1.0, -1]))
    assert plain == pytest.approx((0.025, 0.974), abs=2e-3)
    low, high = bootstrap.corrected_interval(values, 0.4995, influence)
    # Skewness of 24 / (6 * 12 ** 1.5).
    a = 24 / (6 * 12**1.5)
    z = stats.norm.ppf(0.975)
    expected = stats.norm.cdf([-z / (1 + a * z), z / (1 - a * z)]) * 0.999
    assert (low, high) == pytest.approx(tuple(expected), abs=2e-3)
    biased = bootstrap.corrected_interval(values, 0.6, np.array([1.0, -1]))
    shift = 2 * stats.norm.ppf(0.6)
    assert biased == pytest.approx(
        tuple(stats.norm.cdf([shift - z, shift + z]) * 0.999), abs=2e-3)


def test_without_a_finite_value_an_interval_is_unknown():
    values = np.array([np.nan, np.inf, -np.inf])
    assert np.isnan(bootstrap.interval(values)).all()
    assert np.isnan(bootstrap.corrected_interval(values, 0.5, np.ones(3))).all()
    assert bootstrap.interval(np.array([np.nan, 3.0])) == (3, 3)


@pytest.mark.parametrize(("estimate", "least", "most"), [
    # All or no draws below the estimate count as if half a draw lay on the other side.
    (5.0, 3 * stats.norm.cdf(2 * stats.norm.ppf(0.875) - 1.959964), 3),
    (-5.0, 0, 3 * stats.norm.cdf(1.959964 - 2 * stats.norm.ppf(0.875)))])
def test_an_estimate_beyond_all_draws_moves_the_interval_by_half_a_draw(
        estimate, least, most):
    low, high = bootstrap.corrected_interval(np.arange(4.0), estimate, np.zeros(2))
    assert (low, high) == pytest.approx((least, most), abs=1e-3)
