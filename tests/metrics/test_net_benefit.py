"""Tests of end2end.metrics.net_benefit."""

import known_scores as known
import numpy as np
import pytest

from end2end.metrics import net_benefit
from end2end.utils import files

THRESHOLDS = (0.1, 0.3, 0.5)


@pytest.mark.parametrize("prevalence, model, everybody", (
    (None, (0.270370, 0.128571, -0.016667), (0.259259, 0.047619, -0.333333)),
    (0.1, (0.015, -0.141429, -0.25), (0.0, -0.285714, -0.8))))
def test_net_benefits_are_those_of_dcurves(prevalence, model, everybody):
    rows = net_benefit.curve(
        known.LABELS, known.FIRST, THRESHOLDS, prevalence=prevalence)
    assert [row["model"].value for row in rows] == pytest.approx(model, abs=1e-6)
    assert [row["all"].value for row in rows] == pytest.approx(everybody, abs=1e-6)


def test_the_gain_is_over_the_better_of_all_and_none():
    rows = net_benefit.curve(known.LABELS, known.FIRST, THRESHOLDS)
    assert [row["gain"].value for row in rows] == pytest.approx(
        [0.270370 - 0.259259, 0.128571 - 0.047619, -0.016667], abs=1e-5)
    assert all(row["gain"].low < row["gain"].value < row["gain"].high for row in rows)


def test_recalling_all_that_gains_nothing_leaves_the_gain_to_the_model():
    row, = net_benefit.curve([1, 0, 1, 0], [0.9, 0.8, 0.5, 0.1], (0.5,))
    assert (row["all"].value, row["model"].value) == (0, 0.25)
    assert row["gain"] == row["model"]


@pytest.mark.parametrize(("groups", "error"), [
    # Worth 1, -1, 1 and 0 around 1/4: 1/2 and -1/2 of two women, 0 of one.
    ([0, 1, 0, 1], None), ([7, 7, 7, 7], 0)])
def test_few_women_are_as_sure_as_their_number(groups, error):
    row, = net_benefit.curve([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], (0.5,), groups=groups)
    if error is None:
        error = np.sqrt(2 * 1.5**2 * 2 / 1) / 4
    assert row["model"].high - 0.25 == pytest.approx(1.959963984540054 * error)


def test_at_a_fixed_share_of_cancers_recalling_all_has_no_chance_left():
    row, = net_benefit.curve(known.LABELS, known.FIRST, (0.2,), prevalence=0.3)
    assert row["all"].low == pytest.approx(row["all"].high)


def test_images_of_one_woman_widen_the_band():
    twice = [np.repeat(values, 2) for values in (
        known.LABELS, known.FIRST, known.CASES)]
    alone, = net_benefit.curve(*twice[:2], (0.3,))
    women, = net_benefit.curve(*twice[:2], (0.3,), groups=twice[2])
    once, = net_benefit.curve(known.LABELS, known.FIRST, (0.3,))
    def width(row):
        return row["model"].high - row["model"].low
    assert width(women) == pytest.approx(width(once), rel=0.01)
    assert width(alone) < 0.8 * width(women)


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(files.InputError, match="not probabilities"):
        net_benefit.curve(known.LABELS, 10 * known.FIRST, (0.3,))


def test_a_score_of_the_threshold_itself_recalls():
    row, = net_benefit.curve([0, 1, 1], [0.25, 0.25, 0.125], (0.25,))
    assert row["model"].value == pytest.approx((1 - 1 / 3) / 3)
    # Recalling all is worth more than nothing: 2/3 less a third of 1/3.
    assert row["all"].value == pytest.approx((2 - 1 / 3) / 3)


def test_one_woman_with_all_cases_leaves_no_chance():
    row, = net_benefit.curve([0, 1, 1], [0.25, 0.25, 0.5], (0.2,), groups=[7, 7, 7])
    assert row["model"].interval == pytest.approx([row["model"].value] * 2)
