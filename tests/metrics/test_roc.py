"""Tests of end2end.metrics and end2end.bootstrap."""

import known_scores as known
import numpy as np
import pytest
import recorded
from sklearn import metrics as reference

from end2end import metrics
from end2end.metrics import roc
from end2end.utils import files


def cases(count, *, seed=0, shift=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    labels[:2] = 0, 1
    return labels, rng.normal(size=count) + shift * labels


@pytest.mark.parametrize("count", (2, 7, 400))
@pytest.mark.parametrize("decimals", (0, 1, 9))
def test_auc_equals_scikit_learn_with_and_without_ties_and_weights(count, decimals):
    labels, scores = cases(count)
    scores = np.round(scores, decimals)
    weights = np.random.default_rng(1).random(count)
    assert abs(metrics.auc(labels, scores)
               - reference.roc_auc_score(labels, scores)) < 1e-12
    assert abs(metrics.auc(labels, scores, weights=weights)
               - reference.roc_auc_score(labels, scores, sample_weight=weights)) < 1e-12


def test_auc_of_known_rankings():
    assert metrics.auc([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == 1
    assert metrics.auc([0, 0, 1, 1], [0.4, 0.3, 0.2, 0.1]) == 0
    assert metrics.auc([0, 1, 0, 1], [5, 5, 5, 5]) == 0.5
    assert metrics.auc([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.3]) == 0.75


@pytest.mark.parametrize("labels, scores, words", [
    ([1, 1, 1], [0.1, 0.2, 0.3], "needs both classes, but all 3 labels are .1.. Ch"),
    ([0, 0], [0.1, 0.2], "needs both classes, but all 2 labels are .0.. Check"),
    ([], [], "needs both classes"),
    ([0, 1], [0.1], "do not fit"),
    ([[0, 1]], [[0.1, 0.2]], "shape .1, 2. and scores of shape .1, 2. do not fit"),
    ([0, 9, 2, 3], [0.1, 0.2, 0.3, 0.4], "label 2 is neither 0 nor 1"),
    ([0, 1, 1], [0.1, float("nan"), float("inf")], "2 of 3 scores are not finite"),
])
def test_wrong_labels_or_scores_are_refused_by_name(labels, scores, words):
    with pytest.raises(files.InputError, match=words):
        metrics.auc(labels, scores)


@pytest.mark.parametrize("weights", [[1, 2], [1, 2, -1], [1, 2, float("nan")]])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(files.InputError, match=(
            "^weights do not fit; expected one number from 0 on per case.$")):
        metrics.auc([0, 1, 1], [0.1, 0.2, 0.3], weights=weights)


@pytest.mark.parametrize("weights", [[0, 1, 0], [1, 0, 0]])
def test_cases_of_no_weight_are_not_there(weights):
    with pytest.raises(files.InputError, match="needs both classes"):
        metrics.auc([0, 1, 1], [0.1, 0.2, 0.3], weights=weights)


def test_a_share_needs_cases():
    with pytest.raises(files.InputError, match=(
            "^there are no cases to take a share of.$")):
        metrics.share_interval([])


def test_the_roc_curve_equals_scikit_learns():
    labels, scores = cases(50)
    scores = scores.round(1)
    ours = metrics.roc_curve(labels, scores)
    theirs = reference.roc_curve(labels, scores, drop_intermediate=False)
    for point, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(point, other)


def test_the_difference_of_a_model_to_itself_is_nothing():
    labels, scores = cases(50)
    assert metrics.auc_difference_interval(labels, scores, 2 * scores) == (0, 0)


def test_a_better_model_has_an_interval_above_zero():
    labels, scores = cases(300, shift=3)
    noise = np.random.default_rng(5).normal(size=300)
    low, high = metrics.auc_difference_interval(labels, scores, noise)
    assert 0.3 < low < high < 0.7


def test_the_interval_of_a_share_is_that_of_a_proportion():
    low, high = metrics.share_interval(np.arange(400) % 4 > 0, runs=3000)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert abs(low - (0.75 - half)) < 0.01 and abs(high - (0.75 + half)) < 0.01


def test_operating_points_of_ten_cases_by_hand():
    labels = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    scores = [1, 2, 3, 4, 8, 3, 5, 6, 7, 9]
    assert metrics.sensitivity_specificity(labels, scores, 5) == (0.8, 0.8)
    assert metrics.threshold_at_sensitivity(labels, scores, 0.8) == 5
    assert metrics.threshold_at_sensitivity(labels, scores, 0.81) == 3
    assert roc.threshold_at_specificity(labels, scores, 0.8) == 5
    assert roc.threshold_at_specificity(labels, scores, 1) == 9


def test_a_threshold_above_all_scores_exists_where_specificity_needs_it():
    threshold = roc.threshold_at_specificity([0, 1], [2.0, 1.0], 1.0)
    assert metrics.sensitivity_specificity([0, 1], [2.0, 1.0], threshold) == (0, 1)


@pytest.mark.parametrize("share", [86.9, 0, -0.5])
def test_a_share_out_of_range_is_refused(share):
    for function, name in (
            (metrics.threshold_at_sensitivity, "sensitivity"),
            (roc.threshold_at_specificity, "specificity"),
            (roc.specificity_at_sensitivity_interval, "operating point")):
        with pytest.raises(files.InputError, match=f"^{name} {share} is not a share;"):
            function([0, 1], [0, 1], share)


def test_draws_of_one_class_have_no_operating_point():
    counts = np.array([[2, 0], [0, 2], [1, 1]])
    found = roc._specificity_of_draws(np.array([False, True]), np.arange(2.0), 0.5)
    np.testing.assert_array_equal(found(counts), [np.nan, np.nan, 1])


def test_a_share_of_cases_is_a_whole_number_of_them_and_one_at_least():
    needs = [roc.needed(share, 100, "x") for share in (1e-12, 0.07, 0.0701, 1)]
    assert needs == [1, 7, 8, 100]   # 0.07 times 100 is a little above 7


def test_confusion_rows_sum_to_one_where_a_class_has_cases():
    counts = metrics.confusion_matrix([0, 0, 1], [0, 1, 1], 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    shares = metrics.confusion_matrix([0, 0, 1], [0, 1, 1], 3, normalize=True)
    assert shares.tolist() == [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]]


def test_an_interval_by_patients_corrects_by_what_each_patient_adds():
    labels, scores = cases(40, seed=2)
    patients = np.arange(40) // 4
    values = roc.bootstrap.replicates(
        roc.auc_of_draws(labels.astype(bool), scores), 40, runs=300, seed=1,
        groups=patients)
    area = metrics.auc(labels, scores)
    # What a case adds, by the share of the other class that it ranks rightly.
    positive, negative = scores[labels == 1], scores[labels == 0]
    adds = np.array([
        ((negative < score).mean() - area) / len(positive) if label else
        ((positive > score).mean() - area) / len(negative)
        for label, score in zip(labels, scores, strict=True)])
    by_patient = adds.reshape(10, 4).sum(axis=1)
    expected = roc.bootstrap.corrected_interval(values, area, by_patient)
    assert metrics.auc_interval(
        labels, scores, runs=300, seed=1, groups=patients) == pytest.approx(expected)
    assert metrics.auc_interval(labels, scores, runs=300, seed=1) != pytest.approx(
        expected)


def test_each_case_places_among_the_other_class_by_hand():
    labels = np.array([0, 1, 0, 1, 0], bool)
    scores = np.array([0.1, 0.3, 0.3, 0.9, 0.5])
    # Of positives the share below, of negatives the share above; ties one half.
    np.testing.assert_allclose(
        roc.placements(labels, scores), [1, 1.5 / 3, 1.5 / 2, 1, 1 / 2])


def test_all_functions_of_the_curve_are_as_recorded():
    labels, values = known.LABELS[:31], known.FIRST[:31]
    groups = np.arange(31) // 3
    weights = 1 + np.arange(31) % 4
    draw = dict(runs=30, seed=3)
    said = dict(
        curve=metrics.roc_curve(labels, values), weighted=metrics.roc_curve(
            labels, values, weights=weights), auc=metrics.auc(
                labels, values, weights=weights),
        placements=roc.placements(labels == 1, values), interval=[
            metrics.auc_interval(labels, values, groups=grouped, **draw)
            for grouped in (None, groups)],
        difference=[roc.auc_difference_interval(
            labels, values, known.SECOND[:31], groups=grouped, **draw)
            for grouped in (None, groups)],
        shares=[roc.share_interval(labels == 1, groups=grouped, **draw)
                for grouped in (None, groups)])
    for share in (0.5, 0.8, 0.95, 1):
        said[share] = [function(labels, values, share) for function in (
            roc.threshold_at_sensitivity, roc.threshold_at_specificity,
            roc.specificity_at_sensitivity, roc.sensitivity_at_specificity)] + [
            function(labels, values, share, **draw) for function in (
                roc.specificity_at_sensitivity_interval,
                roc.sensitivity_at_specificity_interval)]
    recorded.check("metrics-roc", said)
