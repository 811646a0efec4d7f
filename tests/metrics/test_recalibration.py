"""Tests of end2end.metrics.recalibration."""

import known_scores as known
import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

from end2end.metrics import calibration, recalibration
from end2end.utils import files


def test_intercept_and_slope_are_those_of_glm_in_r():
    rows = recalibration.summary(known.LABELS, known.FIRST)
    assert rows["intercept"].value == pytest.approx(-0.670571862506, abs=1e-9)
    assert (rows["intercept"].high - rows["intercept"].value) / 1.959963984540054 == \
        pytest.approx(0.312490694392, abs=1e-6)
    assert rows["recalibration"] == pytest.approx(
        (-0.664336719149, 0.947231267302), abs=1e-9)
    assert (rows["slope"].high - rows["slope"].value) / 1.959963984540054 == \
        pytest.approx(0.320927633793, abs=1e-6)
    assert rows["observed_expected"].value == pytest.approx(
        known.LABELS.sum() / known.FIRST.sum())


def test_errors_of_women_are_those_of_statsmodels():
    women = known.CASES // 3
    columns = sm.add_constant(recalibration.logits(known.FIRST))
    expected = sm.Logit(known.LABELS, columns).fit(
        disp=0, cov_type="cluster", cov_kwds=dict(groups=women, use_correction=False))
    _, errors = recalibration.fit(known.LABELS.astype(bool), columns.T, groups=women)
    count = len(set(women))
    np.testing.assert_allclose(
        errors, expected.cov_params() * count / (count - 1), rtol=1e-5)


def test_recalibrated_scores_are_calibrated_and_keep_their_order():
    rng = np.random.default_rng(3)
    logits = rng.normal(-1, 1.5, 20_000)
    labels = rng.random(20_000) < special.expit(logits)
    spoilt = special.expit(1.7 * logits + 0.8)
    fit = recalibration.summary(labels, spoilt)
    mended = recalibration.recalibrated(spoilt, *fit["recalibration"])
    rows = recalibration.summary(labels, mended)
    assert rows["slope"].value == pytest.approx(1, abs=1e-6)
    assert rows["intercept"].value == pytest.approx(0, abs=1e-6)
    assert calibration.brier_score(labels, mended) < calibration.brier_score(
        labels, spoilt)
    assert (np.diff(mended[np.argsort(spoilt)]) >= 0).all()
    assert fit["slope"].high < 1 < rows["slope"].high


def test_another_share_of_cancers_moves_the_mean_score():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 1, 200_000)
    labels = rng.random(200_000) < special.expit(logits)
    intercept = recalibration.shifted(0.0, from_share=labels.mean(), to_share=0.01)
    weights = np.where(labels, 0.01 / labels.mean(), 0.99 / (1 - labels.mean()))
    mean = np.average(recalibration.recalibrated(
        special.expit(logits), intercept, 1.0), weights=weights)
    assert mean == pytest.approx(0.01, rel=0.03)


@pytest.mark.parametrize("scores", ([0.1, 0.2, 0.8, 0.9], [0.5] * 4))
def test_scores_that_divide_the_classes_or_not_at_all_are_refused(scores):
    with pytest.raises(files.InputError, match="no recalibration"):
        recalibration.summary([0, 0, 1, 1], scores)


def test_a_recalibration_for_a_site_goes_before_a_temperature():
    card = dict(calibration=dict(
        temperature=dict(plain=2.0, flips=4.0),
        logistic=dict(plain=dict(intercept=0.5, slope=1.5, source="Site A"))))
    stored = recalibration.stored(card, "plain")
    assert stored.note == "calibrated score recalibrated on Site A"
    assert stored.applied(0.5) == pytest.approx(special.expit(0.5))
    assert recalibration.stored(card, "flips") == recalibration.Stored(0, 0.25)
    del card["calibration"]["logistic"]["plain"]["source"]
    assert recalibration.stored(card, "plain").note == (
        "calibrated score recalibrated on an unnamed set")
    assert recalibration.stored(dict(calibration=None), "plain") is None
    assert recalibration.stored({}, "plain") is None


def test_one_woman_with_all_rows_has_a_covariance():
    labels = np.array([0, 1, 0, 1, 1], bool)
    columns = [np.ones(5), np.array([0.0, 0.5, 1, 1.5, 0.25])]
    weights, alone = recalibration.fit(labels, columns)
    _, woman = recalibration.fit(labels, columns, groups=np.zeros(5))
    # Her pulls add up to nothing where the fit is best.
    np.testing.assert_allclose(woman, np.zeros((2, 2)), atol=1e-15)
    chances = special.expit(weights @ columns)
    assert chances.sum() == pytest.approx(3) and alone[0, 0] > 0
