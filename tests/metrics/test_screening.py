"""Tests of end2end.metrics.screening."""

import known_scores as known
import numpy as np
import pytest
import recorded

from end2end.metrics import screening


def enriched():
    """100 cancers, 90 of them called; 400 others, 40 of them called."""
    labels = np.repeat([1, 1, 0, 0], (90, 10, 40, 360))
    return labels, np.repeat([0.8, 0.2, 0.8, 0.2], (90, 10, 40, 360))


def test_rates_at_a_prevalence_are_those_of_ten_thousand_women():
    labels, scores = enriched()
    rates = screening.at_threshold(labels, scores, 0.5, prevalence=0.01)
    # Of 10,000 women 100 have cancer: 90 called, and 990 of the other 9900.
    expected = dict(
        sensitivity=0.9, specificity=0.9, recall_rate=0.108,
        cancer_detection_rate=0.009, positive_predictive_value=90 / 1080,
        negative_predictive_value=8910 / 8920)
    for name, value in expected.items():
        assert rates[name].value == pytest.approx(value), name
        assert rates[name].low < value < rates[name].high


def test_no_case_called_gives_no_predictive_value_but_limits():
    labels, scores = enriched()
    rates = screening.at_threshold(labels, scores, 2.0, prevalence=0.01)
    ppv = rates["positive_predictive_value"]
    assert np.isnan(ppv.value) and 0 <= ppv.low <= ppv.high <= 1
    assert rates["recall_rate"].value == 0


def test_without_a_false_alarm_the_upper_limit_is_1():
    labels, scores = np.repeat([1, 0], (10, 20)), np.repeat([0.9, 0.1], (10, 20))
    ppv = screening.at_threshold(
        labels, scores, 0.5, prevalence=0.006)["positive_predictive_value"]
    assert ppv.value == ppv.high == 1 and 0 < ppv.low < 0.2


def test_the_reverse_exchanges_the_classes():
    rng = np.random.default_rng(4)
    labels = rng.random(300) < 0.4
    scores = rng.normal(size=300) + labels
    reverse = screening.specificity_at_sensitivity(labels, scores, 0.8)
    direct = screening.sensitivity_at_specificity(~labels, -scores, 0.8)
    assert reverse == direct and 0 < reverse.low < reverse.value < reverse.high < 1


def test_a_case_at_the_last_score_of_the_other_class_is_not_above_it():
    found = screening.sensitivity_at_specificity([0, 0, 1, 1], [1, 2, 1, 3], 0.5)
    assert found.value == 0.5


def test_the_chance_of_the_threshold_widens_the_interval():
    from end2end.metrics import shares

    rng = np.random.default_rng(5)
    labels = np.arange(400) % 2
    scores = rng.normal(size=400) + labels
    fixed = screening.sensitivity_at_specificity(labels, scores, 0.9)
    plain = shares.share(scores[labels == 1] >= np.sort(scores[labels == 0])[180])
    assert fixed.high - fixed.low > 1.1 * (plain.high - plain.low)


@pytest.mark.parametrize(("threshold", "name"), [
    (2.0, "positive_predictive_value"), (0.0, "negative_predictive_value")])
def test_of_what_is_never_said_nothing_but_the_least_limit_is_known(threshold, name):
    labels, scores = enriched()
    rate = screening.at_threshold(labels, scores, threshold, prevalence=0.01)[name]
    assert np.isnan(rate.value) and (rate.low, rate.high) == (0, 1)


def test_rates_at_every_threshold_are_as_recorded():
    labels, scores = known.LABELS[:31], known.FIRST[:31].round(2)
    women = (6 * scores).astype(int)   # images of one woman are alike
    recorded.check("screening", [
        screening.at_threshold(labels, scores, threshold, prevalence=0.02,
                               groups=groups)
        for threshold in (0.0, 0.2, 0.45, 0.95, 2.0) for groups in (None, women)] + [
        function(labels, scores, share, groups=groups)
        for function in (screening.sensitivity_at_specificity,
                         screening.specificity_at_sensitivity)
        for share in (0.05, 0.5, 0.9, 1) for groups in (None, women)])
