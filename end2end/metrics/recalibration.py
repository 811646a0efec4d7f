"""Calibration intercept and slope, and scores recalibrated by them.

Cox DR. Two further applications of a model for binary regression. Biometrika 45,
562-565 (1958); Van Calster B et al. Calibration: the Achilles heel of predictive
analytics. BMC Medicine 17, 230 (2019). A recalibration holds for a share of cancers
like that of the set it was found on; `shifted` moves it to another one (King G, Zeng L.
Logistic regression in rare events data. Political Analysis 9, 137-163, 2001).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from end2end.metrics import calibration, clusters
from end2end.metrics.shares import Estimate
from end2end.utils import chunks, files, mapped

QUANTILE = 1.959963984540054
STEPS = 50


def logits(scores: ArrayLike) -> NDArray[np.float64]:
    """Log odds of probabilities, those of 0 and 1 a little inside."""
    def inside(values):
        return scipy.special.logit(
            np.clip(values, calibration.CLIP, 1 - calibration.CLIP))
    values = np.asarray(scores, np.float64)
    return chunks.each(inside, values) if values.ndim == 1 else inside(values)


def summary(
        labels: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None
) -> dict[str, Any]:
    """How far probabilities are from the share of cancers.

    Args:
        labels: 0 or 1, `(n,)`.
        scores: probabilities of cancer, `(n,)`.
        groups: one key per case; cases of one key depend on each other.

    Returns:
        dict of `Estimate`s: `intercept` (calibration in the large: 0 is right, below 0
        the scores are too high), `slope` (1 is right, below 1 they are too sure), and
        `observed_expected`, cancers over the sum of the scores; and
        `recalibration`, pair of intercept and slope for `recalibrated`.

    Raises:
        files.InputError: see `calibration.check`, or the classes do not overlap.
    """
    labels, scores = calibration.check(labels, scores)
    positions = logits(scores)
    ones = np.broadcast_to(1.0, labels.shape)
    (large,), ((error,),) = fit(labels, [ones], offset=positions, groups=groups)
    both, errors = fit(labels, [ones, positions], groups=groups)
    return dict(
        intercept=_wald(large, error), slope=_wald(both[1], errors[1, 1]),
        observed_expected=observed_expected(labels, scores, groups=groups),
        recalibration=(float(both[0]), float(both[1])))


def _wald(value, variance):
    half = QUANTILE * math.sqrt(variance)
    return Estimate(float(value), float(value - half), float(value + half))


def observed_expected(
        labels: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None
) -> Estimate:
    """Cancers over the sum of the scores, its interval on the scale of the logarithm
    (Debray TPA et al. BMJ 356, i6460, 2017)."""
    labels, scores = calibration.check(labels, scores)
    positive = int(labels.sum())
    ratio = positive / chunks.total(scores)
    influence = chunks.each(
        lambda score, label: (label - score * ratio) / positive, scores, labels)
    if groups is not None:
        influence = clusters.summed(influence, groups)
    half = QUANTILE * math.sqrt(chunks.product(influence, influence))
    return Estimate(ratio, ratio * math.exp(-half), ratio * math.exp(half))


def fit(
        labels: NDArray[np.bool_], columns: Sequence[NDArray[np.float64]], *,
        offset: NDArray[np.float64] | None = None, groups: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logistic regression by Newton's method.

    Args:
        labels: bool `(n,)`.
        columns: `k` of `(n,)`.
        offset: added to the log odds, `(n,)`; None: 0.
        groups: one key per case; the covariance is then that of independent groups
            (Liang KY, Zeger SL. Biometrika 73, 13-22, 1986).

    Returns:
        coefficients `(k,)` and their covariance `(k, k)`.

    Raises:
        files.InputError: no finite coefficients fit best, since the columns tell the
            classes apart without an error.
    """
    weights = np.zeros(len(columns))
    for _ in range(STEPS):
        gradient, information = np.zeros(len(columns)), 0.0
        for part, chances, residuals in _passes(labels, columns, offset, weights):
            information = information + part @ (part * (chances * (1 - chances))).T
            gradient += part @ residuals
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        # A step of more than 5 units would overshoot.
        step *= min(1.0, 5 / max(float(np.abs(step).max()), 1e-300))
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            return weights, _covariance(
                _passes(labels, columns, offset, weights), information, groups)
    raise files.InputError(
        "the scores tell cancers from other cases without an error, or are all equal, "
        "so no recalibration can be found; use a larger set.")


def _passes(labels, columns, offset, weights):
    """Columns `(k, rows)`, chances and residuals, some rows after the other."""
    for rows in chunks.slices(len(labels), offset, *columns):
        part = np.stack([column[rows] for column in columns])
        odds = weights @ part
        chances = scipy.special.expit(odds if offset is None else odds + offset[rows])
        yield part, chances, labels[rows] - chances


def _covariance(passes, information, groups):
    inverse = np.linalg.inv(information)
    if groups is None:
        return inverse
    place, start = clusters.codes(groups), 0
    pulls = [mapped.empty(len(place), np.float64, place) for _ in inverse]
    for part, _, residuals in passes:
        rows = slice(start, start := start + len(residuals))
        for pull, values in zip(pulls, part * residuals, strict=True):
            pull[rows] = values
        mapped.release(*pulls)
    parts = [clusters.summed(pull, place) for pull in pulls]
    middle = np.array([[chunks.product(first, second) for second in parts]
                       for first in parts])
    count = len(parts[0])
    return inverse @ middle @ inverse * count / max(count - 1, 1)


# Recalibrated scores ----------------------------------------------------------------


def recalibrated(
        scores: ArrayLike, intercept: float, slope: float) -> NDArray[np.float64]:
    """Probabilities with their log odds times `slope` plus `intercept`.

    With a slope above 0 the order of the images does not change, nor does the AUC.
    """
    return scipy.special.expit(intercept + slope * logits(scores))


def shifted(intercept: float, *, from_share: float, to_share: float) -> float:
    """The intercept for another share of cancers than that it was found at."""
    return float(intercept + scipy.special.logit(to_share)
                 - scipy.special.logit(from_share))


# What a model carries -------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Stored:
    """The calibration that a model carries for one way of scoring.

    Attributes:
        intercept, slope: for `recalibrated`; a temperature is its slope's inverse.
        note: a sentence on what was done, for places where the scores are shown.
    """

    intercept: float
    slope: float
    note: str = ""

    def applied(self, scores: ArrayLike) -> NDArray[np.float64]:
        """The scores recalibrated."""
        return recalibrated(scores, self.intercept, self.slope)


def stored(card: Mapping[str, Any], scheme: str) -> Stored | None:
    """The calibration of a card for one way of scoring; None where there is none.

    A recalibration for a site goes before the temperature of the validation set.

    Args:
        card: of a model (`checkpoints.card_fields`).
        scheme: `plain` or `flips`.
    """
    calibrations = card.get("calibration") or {}
    row = (calibrations.get("logistic") or {}).get(scheme)
    if row:
        return Stored(row["intercept"], row["slope"], "calibrated score recalibrated "
                      f"on {row.get('source', 'an unnamed set')}")
    temperature = (calibrations.get("temperature") or {}).get(scheme)
    return Stored(0.0, 1 / temperature) if temperature else None
