"""Tests of end2end.delong."""

import known_scores as known
import numpy as np
import pytest

from end2end import metrics
from end2end.metrics import bootstrap, delong


def pair(count, *, seed=0):
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype(int)
    shared = rng.normal(size=count) + labels
    return labels, shared + rng.normal(size=count), shared.round(1)


def test_the_difference_has_the_variance_of_delongs_formula_written_out():
    labels, a, b = pair(40)
    def kernel(scores):
        x, y = scores[labels == 1][:, None], scores[labels == 0][None]
        return (x > y) + 0.5 * (x == y)
    difference = kernel(a) - kernel(b)
    rows, columns = difference.mean(axis=1), difference.mean(axis=0)
    error = np.sqrt(rows.var(ddof=1) / len(rows) + columns.var(ddof=1) / len(columns))
    results = delong.compare(labels, a, b)
    assert results["difference"] == pytest.approx(difference.mean(), abs=1e-12)
    assert results["standard_error"] == pytest.approx(error, abs=1e-12)


def test_delong_and_bootstrap_agree_on_many_cases():
    labels, a, b = pair(600)
    np.testing.assert_allclose(
        delong.compare(labels, a, b)["interval"],
        metrics.auc_difference_interval(labels, a, b), atol=0.006)
    np.testing.assert_allclose(
        delong.auc_interval(labels, a), metrics.auc_interval(labels, a), atol=0.006)


def test_models_that_rank_alike_differ_by_nothing():
    labels, a, _ = pair(30)
    difference = delong.compare(labels, a, 3 * a + 1)
    assert difference["difference"] == 0 and difference["p_value"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("count, area", ((100, 0.85), (376, 0.86)))
def test_95_percent_intervals_cover_the_truth_in_93_to_97_percent(count, area):
    from scipy import special

    rng = np.random.default_rng(2019)
    shift = np.sqrt(2) * special.ndtri(area)
    covered, covered_difference = 0, 0
    for k in range(400):
        labels = (rng.random(count) < 0.44).astype(int)
        scores = rng.normal(size=(2, count)) + shift * labels
        low, high = metrics.auc_interval(labels, scores[0], seed=k)
        covered += low <= area <= high
        low, high = metrics.auc_difference_interval(labels, *scores, seed=k)
        covered_difference += low <= 0 <= high
    assert 0.93 <= covered / 400 <= 0.97
    assert 0.93 <= covered_difference / 400 <= 0.97


def test_a_perfect_ranking_has_an_interval_of_no_width():
    assert metrics.auc_interval([0, 0, 1, 1], [1, 2, 3, 4]) == (1, 1)
    assert delong.auc_interval([0, 0, 1, 1], [1, 2, 3, 4]) == (1, 1)


def test_the_corrected_interval_is_the_plain_one_without_bias_and_skewness():
    values = np.linspace(-1, 1, 2001)
    low, high = bootstrap.corrected_interval(values, 0.0, np.array([-1.0, 1.0]))
    assert (low, high) == pytest.approx(bootstrap.interval(values))


def test_variances_and_covariance_are_those_of_proc():
    areas, matrix = delong.covariance(known.LABELS, [known.FIRST, known.SECOND])
    np.testing.assert_allclose(areas, (0.755, 0.69), rtol=1e-12)
    # var(roc) and cov(roc, roc) of pROC 1.18.0.
    np.testing.assert_allclose(
        (matrix[0, 0], matrix[1, 1], matrix[0, 1]),
        (0.004297300944669, 0.005243585526316, 0.000669483805668), rtol=1e-9)


def test_cases_given_twice_as_one_woman_tell_no_more_than_once():
    once = delong.covariance(known.LABELS, [known.FIRST, known.SECOND])[1]
    twice = delong.covariance(
        np.repeat(known.LABELS, 2), [np.repeat(known.FIRST, 2),
                                     np.repeat(known.SECOND, 2)],
        np.repeat(known.CASES, 2))[1]
    np.testing.assert_allclose(twice, once, rtol=0.04)
    assert delong.covariance(
        np.repeat(known.LABELS, 2), [np.repeat(known.FIRST, 2)])[1][0, 0] < \
        0.55 * once[0, 0]


def test_clusters_give_the_variance_of_leaving_women_out():
    from sklearn.metrics import roc_auc_score

    women = known.CASES // 2
    left_out = [roc_auc_score(known.LABELS[women != woman], known.FIRST[women != woman])
                for woman in range(30)]
    jackknife = 29 / 30 * np.sum((left_out - np.mean(left_out)) ** 2)
    assert delong.covariance(known.LABELS, [known.FIRST], women)[1][
        0, 0] == pytest.approx(jackknife, rel=0.06)


def test_an_interval_by_log_odds_stays_within_0_and_1():
    low, high = delong.logit_interval(0.97, 0.0009, (20, 20))
    assert 0.8 < low < 0.97 < high < 1
    low, high = delong.logit_interval(1.0, 0.0, (30, 50))
    assert high == 1 and low == pytest.approx(0.025 ** (1 / 30))
    low, high = delong.logit_interval(0.0, 0.0, (50, 30))
    assert low == 0 and high == pytest.approx(1 - 0.025 ** (1 / 30))
    assert delong.logit_interval(1.0, 0.0, (0, 5)) == (0.025, 1)
    # Log odds of 3/4 and half a standard error of 1/4 / (3/16).
    assert delong.logit_interval(0.75, 1 / 16, (9, 9), quantile=0.5) == pytest.approx(
        [1 / (1 + np.exp(step) / 3) for step in (2 / 3, -2 / 3)])


def test_a_difference_of_two_has_the_p_value_of_the_comparison():
    areas, matrix = delong.covariance(known.LABELS, [known.FIRST, known.SECOND])
    difference = delong.paired(areas, matrix, 0, 1)
    expected = delong.compare(known.LABELS, known.FIRST, known.SECOND)
    assert difference.interval == pytest.approx(expected["interval"], abs=1e-12)
    assert delong.p_value(difference) == pytest.approx(expected["p_value"], abs=1e-12)


@pytest.mark.parametrize(("low", "value", "high", "p"), [
    (0.0, 0.2, 9.0, 0.05), (-9.0, -0.2, 0.0, 0.05), (-0.1, 0.0, 0.1, 1.0)])
def test_a_p_value_is_read_from_the_limit_nearer_to_nothing(low, value, high, p):
    assert delong.p_value(metrics.shares.Estimate(value, low, high)) == pytest.approx(
        p, abs=1e-6)


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.25, 0.0), (-0.25, 0.0)])
def test_a_difference_without_width_is_certain(value, p):
    assert delong.p_value(metrics.shares.Estimate(value, value, value)) == p


def test_a_ranking_and_its_reverse_differ_for_certain():
    labels, values = [0, 0, 1, 1], np.array([1.0, 2, 3, 4])
    assert delong.compare(labels, values, -values) == dict(
        difference=1, standard_error=0, interval=(1, 1), p_value=0)
    areas, matrix = delong.covariance(labels, [values, values])
    assert delong.paired(areas, matrix, 1, 0) == metrics.shares.Estimate(0, 0, 0)


def test_a_single_case_of_a_class_has_no_variance_of_its_own():
    """One positive above seven of eight negatives: a variance of 1/8 over 8."""
    labels, values = np.arange(9) == 8, np.array([1.0, 2, 3, 4, 5, 6, 7, 9, 8])
    for truth, scores in ((labels, values), (~labels, -values)):
        low, high = delong.auc_interval(truth, scores)
        assert low == pytest.approx(7 / 8 - 1.959964 / 8, abs=1e-6) and high == 1
        areas, matrix = delong.covariance(truth, [scores])
        assert (areas[0], matrix[0, 0]) == (7 / 8, pytest.approx(1 / 64))


def test_the_smaller_class_tells_how_sure_a_perfect_ranking_is():
    labels = np.arange(8) > 4
    for truth in (labels, ~labels[::-1]):
        assert delong.estimate(truth, np.arange(8.0)) == metrics.shares.Estimate(
            1, pytest.approx(0.025 ** (1 / 3)), 1)
