"""Tests of end2end.metrics.sample_size."""

import numpy as np
import pytest
from statsmodels.stats import proportion

from end2end.metrics import sample_size


def test_the_variance_is_that_of_hanley_and_mcneil_by_hand():
    # Q1 = 0.8 / 1.2, Q2 = 1.28 / 1.8; 10 positives, 20 negatives.
    expected = (0.16 + 9 * (2 / 3 - 0.64) + 19 * (1.28 / 1.8 - 0.64)) / 200
    assert sample_size.auc_variance(0.8, 10, 20) == pytest.approx(expected)


def test_the_least_number_is_enough_and_one_less_is_not():
    count = sample_size.for_auc_width(0.85, 0.1, 0.1)
    widths = [2 * 1.959964 * np.sqrt(sample_size.auc_variance(
        0.85, 0.1 * cases, 0.9 * cases)) for cases in (count - 1, count)]
    assert widths[1] <= 0.1 < widths[0]


def test_the_planned_power_is_reached_in_simulated_studies():
    from end2end.metrics import delong

    count = sample_size.for_auc_above(0.85, 0.78, 0.3, power=0.8)
    rng, shown = np.random.default_rng(1), 0
    for _ in range(400):
        labels = np.arange(count) < 0.3 * count
        scores = rng.normal(size=count) + 1.4657 * labels
        shown += delong.auc_interval(labels, scores)[0] > 0.78
    # The formula is of exponential scores, whose AUC varies a little more.
    assert 0.76 < shown / 400 < 0.95


def test_a_rate_needs_what_statsmodels_says():
    expected = proportion.samplesize_confint_proportion(0.869, 0.05)
    assert sample_size.for_rate_width(0.869, 0.1, 1.0) == int(np.ceil(expected))
    assert sample_size.for_rate_width(0.869, 0.1, 0.1) == int(np.ceil(10 * expected))


def test_the_ratio_of_observed_and_expected_has_the_width_asked_for():
    count = sample_size.for_observed_expected(0.2, 0.1)
    error = np.sqrt(0.9 / (count * 0.1))
    assert 2 * np.sinh(1.959964 * error) == pytest.approx(0.2, rel=1e-3)


def test_the_table_has_a_row_more_with_a_bound():
    rows = sample_size.table(0.85, 0.1)
    assert len(sample_size.table(0.85, 0.1, bound=0.8)) == len(rows) + 1 == 5
    assert all(row["cancers"] == int(np.ceil(row["cases"] * 0.1)) for row in rows)


def test_the_least_number_is_halved_down_to_from_either_side():
    for least in (1, 3, 4, 5, 6, 7, 13, 24, 25, 700):
        assert sample_size._least(lambda count, least=least: count >= least,
                                  start=3) == max(least, 3)
    assert sample_size._least(lambda count: False, start=3) == sample_size.MOST


def test_a_study_has_two_cases_of_each_class_at_least():
    for prevalence, least in ((0.1, 20), (0.75, 8)):
        assert sample_size.for_auc_width(0.85, 1.9, prevalence) == least
        assert sample_size.for_auc_above(0.999, 0.1, prevalence, power=0.5) == least
