"""Tests of end2end.calibration."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as reference

from end2end.metrics import calibration, recalibration
from end2end.utils import files


def well_calibrated(count, *, temperature=1.0, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, count)
    labels = (rng.random(count) < special.expit(logits)).astype(int)
    return labels, special.expit(logits * temperature)


def test_brier_score_equals_scikit_learns():
    labels, scores = well_calibrated(200)
    assert calibration.brier_score(labels, scores) == pytest.approx(
        reference.brier_score_loss(labels, scores), abs=1e-12)


@pytest.mark.parametrize("temperature", (0.5, 1.0, 3.0))
def test_the_temperature_that_spoilt_the_scores_is_found(temperature):
    labels, scores = well_calibrated(20000, temperature=temperature)
    found = calibration.fit_temperature(labels, scores)
    assert found == pytest.approx(temperature, rel=0.06)
    mended = recalibration.recalibrated(scores, 0.0, 1 / found)
    assert calibration.expected_error(calibration.reliability(labels, mended)) < 0.02


def test_reliability_of_four_cases_by_hand():
    rows = calibration.reliability([0, 1, 1, 1], [0.05, 0.07, 0.95, 1.0])
    assert [(row["low"], row["count"], row["share"]) for row in rows] == [
        (0.0, 2, 0.5), (0.9, 2, 1.0)]
    assert rows[1]["mean_score"] == pytest.approx(0.975)
    assert calibration.expected_error(rows) == pytest.approx((0.44 + 0.025) / 2)


def test_the_wilson_interval_of_none_in_ten():
    low, high = calibration.wilson_interval(0, 10)
    assert low == 0 and high == pytest.approx(0.2775, abs=1e-4)
    assert calibration.wilson_interval(10, 10) == (pytest.approx(1 - high), 1)


@pytest.mark.parametrize("scores, words", [
    ([-2.0, 3.0], "from -2 to 3"), ([-0.125, 1.0], "from -0.125 to 1"),
    ([0.0, 1.125], "from 0 to 1.125")])
def test_scores_that_are_no_probabilities_are_refused(scores, words):
    with pytest.raises(files.InputError, match=f"scores {words} are not probabilities"):
        calibration.brier_score([0, 1], scores)
    assert calibration.brier_score([0, 1], [0.0, 1.0]) == 0


def test_scores_of_0_and_1_are_sure_up_to_a_tenth_of_a_millionth():
    labels, sure = [0, 1, 1, 0, 1], np.array([0, 1, 0.25, 0.5, 0.75])
    clipped = np.clip(sure, calibration.CLIP, 1 - calibration.CLIP)
    assert calibration.fit_temperature(labels, sure) == calibration.fit_temperature(
        labels, clipped) < 50
    np.testing.assert_allclose(
        recalibration.logits([[0, 0.5], [1, 0.75]]),
        [[-16.118096, 0], [16.118096, np.log(3)]], rtol=1e-6)
    np.testing.assert_allclose(
        recalibration.logits([0, 1]), [-16.118096, 16.118096], rtol=1e-6)
