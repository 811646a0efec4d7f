"""Tests of end2end.metrics.precision."""

import known_scores as known
import numpy as np
import pytest
from sklearn import metrics as reference

from end2end.metrics import precision


def test_the_area_is_scikit_learns_with_and_without_ties_and_weights():
    for scores in (known.FIRST, known.FIRST.round(1)):
        assert precision.average_precision(known.LABELS, scores).value == pytest.approx(
            reference.average_precision_score(known.LABELS, scores), abs=1e-12)
        weights = precision.class_weights(known.LABELS.astype(bool), 0.05)
        assert weights.mean() == pytest.approx(1)
        assert precision.average_precision(
            known.LABELS, scores, prevalence=0.05).value == pytest.approx(
            reference.average_precision_score(
                known.LABELS, scores, sample_weight=weights), abs=1e-12)


def test_the_curve_is_scikit_learns():
    share, recall, threshold = precision.curve(known.LABELS, known.FIRST)
    expected = reference.precision_recall_curve(known.LABELS, known.FIRST)
    np.testing.assert_allclose(share, expected[0][:-1][::-1])
    np.testing.assert_allclose(recall, expected[1][:-1][::-1])
    np.testing.assert_allclose(threshold, expected[2][::-1])


def test_what_cases_add_is_what_leaving_them_out_takes_away():
    labels = known.LABELS.astype(bool)
    area, influence = precision._influence(labels, known.FIRST, None)
    without = [reference.average_precision_score(
        np.delete(labels, i), np.delete(known.FIRST, i)) for i in range(60)]
    assert np.corrcoef(influence, area - np.array(without))[0, 1] > 0.99
    assert influence.sum() == pytest.approx(0, abs=1e-12)


def test_perfect_scores_have_a_lower_limit_below_1():
    estimate = precision.average_precision([0, 0, 1, 1, 1], [1, 2, 3, 4, 5])
    assert estimate.value == estimate.high == 1
    assert estimate.low == pytest.approx(0.025 ** (1 / 3))
