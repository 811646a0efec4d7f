"""Tests of end2end.metrics.subgroups."""

import numpy as np
import pytest
from statsmodels.stats import multitest

from end2end import metrics
from end2end.metrics import subgroups


def women(*, planted, seed, count=1200):
    """Two breasts of each woman; in group `c` of the second column scores are worse."""
    rng = np.random.default_rng(seed)
    keys = np.repeat(np.arange(count // 2), 2)
    labels = rng.random(count) < 0.3
    first = rng.choice(["x", "y"], count // 2)[keys]
    second = rng.choice(["a", "b", "c", "d"], count // 2)[keys]
    shift = np.where((second == "c") & planted, 0.3, 1.8)
    scores = (rng.normal(size=count // 2)[keys] * 0.5 + rng.normal(size=count)
              + shift * labels)
    return labels, scores, dict(first=first, second=second), keys


def test_a_planted_gap_is_found_and_is_the_worst_group():
    labels, scores, columns, keys = women(planted=True, seed=1)
    rows = subgroups.describe(labels, scores, columns, threshold=0.9, groups=keys)
    beyond = [(row.column, row.value) for row in rows
              if row.gap.adjusted <= subgroups.RATE and row.gap.difference.value < 0]
    assert beyond == [("second", "c")]
    assert subgroups.worst(rows).value == "c"


def test_absent_gaps_are_found_in_no_more_than_the_stated_share_of_sets():
    alarms = 0
    for seed in range(100):
        labels, scores, columns, keys = women(planted=False, seed=seed, count=600)
        rows = subgroups.describe(labels, scores, columns, threshold=0.9, groups=keys)
        alarms += any(row.gap.adjusted <= subgroups.RATE for row in rows)
    assert alarms <= 11   # 5 expected; more than 11 in less than 1 of 200 times


def test_a_group_has_the_statistics_of_its_rows():
    labels, scores, columns, _ = women(planted=True, seed=2)
    row = subgroups.describe(labels, scores, columns, threshold=0.9)[3]
    inside = columns["second"] == "b"
    assert (row.value, row.count, row.positive) == (
        "b", inside.sum(), labels[inside].sum())
    assert row.auc.value == pytest.approx(metrics.auc(labels[inside], scores[inside]))
    assert row.sensitivity.value == pytest.approx(
        (scores[inside & labels] >= 0.9).mean())
    assert row.gap.difference.value == pytest.approx(
        row.auc.value - metrics.auc(labels[~inside], scores[~inside]))


def test_small_groups_are_counted_and_not_judged():
    labels, scores, _, _ = women(planted=False, seed=3)
    columns = dict(rare=np.where(np.arange(len(labels)) < 15, "few", "many"))
    few, many = subgroups.describe(labels, scores, columns, threshold=0.9)
    assert few.count == 15 and few.auc is None and few.gap is None
    assert many.auc is not None and many.gap is None


def test_p_values_are_adjusted_as_statsmodels_does():
    labels, scores, columns, keys = women(planted=True, seed=4)
    rows = subgroups.describe(labels, scores, columns, threshold=0.9, groups=keys)
    expected = multitest.multipletests([row.gap.p_value for row in rows],
                                       method="fdr_bh")[1]
    np.testing.assert_allclose([row.gap.adjusted for row in rows], expected)


def test_numbers_become_bands_that_hold_their_lower_edge():
    assert subgroups.bands(["39.9", "40", "55", "70", "", "old"], [40, 50, 60]) == [
        "below 40", "40 to 50", "50 to 60", "60 and more", "", ""]


def test_no_judged_group_leaves_all_as_they_are():
    rows = [subgroups.Group("view", "CC", 3, 1)]
    assert subgroups.adjusted(rows) == rows and subgroups.worst(rows) is None


@pytest.mark.parametrize(("least", "judged"), [(3, True), (4, False)])
def test_a_group_needs_so_many_of_each_class_inside_and_outside(least, judged):
    labels = np.array([1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0])
    inside = np.where(np.arange(13) < 6, "in", "")
    row, = subgroups.describe(labels, np.arange(13.0), dict(place=inside),
                              threshold=4, least=least)
    assert (row.auc is not None) == (row.gap is not None) == judged
    assert not judged or row.specificity.value == pytest.approx(1 / 3)
    for flipped in (labels, 1 - labels):
        row, = subgroups.describe(
            flipped[:12], np.arange(12.0), dict(place=inside[:12][::-1]), threshold=4,
            least=least)
        assert (row.gap is not None) == judged


def test_values_stand_in_the_order_of_their_numbers_before_other_texts():
    texts = ["b", "100 to 200", "9 mm", "a", "", "20"]
    rows = subgroups.describe(np.arange(6) % 2, np.arange(6.0), dict(x=texts),
                              threshold=1)
    assert [row.value for row in rows] == ["9 mm", "20", "100 to 200", "a", "b"]
    assert subgroups.bands(["inf", "nan", "50"], [50]) == ["", "", "50 and more"]
