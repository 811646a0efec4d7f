"""What a threshold would mean in screening: recalls, cancers found, predictive values.

Test sets hold far more cancers than screening does. Sensitivity and specificity are
taken from the set, the share of cancers from the user.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from end2end.metrics import calibration, roc, shares
from end2end.metrics.shares import Estimate
from end2end.utils import chunks

# Rates of a share of no cases or of all, before their logarithm: half a case.
HALF = 0.5


def at_threshold(
        labels: ArrayLike, scores: ArrayLike, threshold: float, *, prevalence: float,
        groups: ArrayLike | None = None) -> dict[str, Any]:
    """All rates of one threshold that was found elsewhere.

    Args:
        labels, scores: see `metrics.auc`.
        threshold: a case with this score or more is called positive.
        prevalence: share of cancers among those to be screened.
        groups: one key per case; cases of one key depend on each other.

    Returns:
        dict of `threshold` and `Estimate`s: `sensitivity`, `specificity`, and at the
        prevalence `recall_rate`, `cancer_detection_rate` (of all screened),
        `positive_predictive_value`, `negative_predictive_value`.

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = roc.check(labels, scores)
    def rate(cases, right):
        hits = chunks.each(right, chunks.chosen(scores, cases), dtype=bool)
        return shares.share(hits, None if groups is None else chunks.chosen(
            np.asarray(groups), cases))
    rates = dict(sensitivity=rate(labels, lambda part: part >= threshold),
                 specificity=rate(~labels, lambda part: part < threshold))
    counts = (int(labels.sum()), int((~labels).sum()))
    return dict(threshold=float(threshold), **rates,
                **at_prevalence(*rates.values(), counts, prevalence))


def at_prevalence(
        sensitivity: Estimate, specificity: Estimate, counts: tuple[int, int],
        prevalence: float) -> dict[str, Estimate]:
    """Recall rate, detection rate and predictive values at a prevalence.

    Args:
        sensitivity, specificity: of independent cases.
        counts: of positives and negatives behind them.
        prevalence: share of cancers, between 0 and 1.
    """
    false_positive = _opposite(specificity)
    detection = sensitivity.scaled(prevalence)
    odds = prevalence / (1 - prevalence)
    positive, negative = counts
    return dict(
        recall_rate=shares.total(detection, false_positive.scaled(1 - prevalence)),
        cancer_detection_rate=detection,
        positive_predictive_value=_of_ratio(
            sensitivity, false_positive, odds, (positive, negative)),
        negative_predictive_value=_of_ratio(
            specificity, _opposite(sensitivity), 1 / odds, (negative, positive)))


def _opposite(rate):
    return Estimate(1 - rate.value, 1 - rate.high, 1 - rate.low)


def _of_ratio(right, wrong, odds, counts):
    """`odds right / (odds right + wrong)`, with limits from those of the log ratio."""
    value = odds * right.value + wrong.value
    value = odds * right.value / value if value > 0 else math.nan
    ratio = shares.difference(
        _logarithm(right, counts[0]), _logarithm(wrong, counts[1]))

    def predicted(log_ratio):
        return 1 / (1 + math.exp(-log_ratio) / odds)
    # Without a wrong call no ratio is too high, without a right one none too low.
    return Estimate(value, predicted(ratio.low) if right.value > 0 else 0.0,
                    predicted(ratio.high) if wrong.value > 0 else 1.0)


def _logarithm(rate, count):
    """Log of a rate; a rate of 0 is taken as half a case."""
    return Estimate(*(math.log(max(value, least)) for value, least in (
        (rate.value, HALF / (count + 1)), (rate.low, HALF / (count + 1) / 8),
        (rate.high, HALF / (count + 1)))))


# One rate where the other is fixed -------------------------------------------------


def sensitivity_at_specificity(
        labels: ArrayLike, scores: ArrayLike, specificity: float, *,
        groups: ArrayLike | None = None) -> Estimate:
    """Sensitivity at the threshold of a specificity, whose chance counts too.

    The threshold is a quantile of the negatives and has an interval of its own; the
    limits of the sensitivity there and those of its own share are combined (MOVER).

    Args:
        labels, scores: see `metrics.auc`.
        specificity: above 0, below 1.
        groups: one key per case.

    Raises:
        files.InputError: see `metrics.check`, or the share is out of range.
    """
    labels, scores, _ = roc.check(labels, scores)
    return _other_rate(~labels, scores, specificity, groups, name="specificity")


def specificity_at_sensitivity(
        labels: ArrayLike, scores: ArrayLike, sensitivity: float, *,
        groups: ArrayLike | None = None) -> Estimate:
    """Specificity at the threshold of a sensitivity; as `sensitivity_at_specificity`
    with the classes and the direction of the scores exchanged."""
    labels, scores, _ = roc.check(labels, scores)
    return _other_rate(
        labels, scores, sensitivity, groups, name="sensitivity", turned=np.negative)


def _other_rate(cases, scores, share, groups, *, name, turned=np.positive):
    """How many of the other cases lie above the quantile of some `cases`, by what
    `turned` makes of the scores."""
    fixed, others = (chunks.each(turned, chunks.chosen(scores, rows))
                     for rows in (cases, ~cases))
    keys = (None, None) if groups is None else [
        chunks.chosen(np.asarray(groups), rows) for rows in (cases, ~cases)]
    ordered = chunks.ascending(fixed)
    last = ordered[roc.needed(share, len(ordered), name) - 1]
    size = len(ordered) if groups is None else shares.effective_size(
        chunks.each(lambda part: part <= last, fixed, dtype=bool), keys[0])
    rate = shares.share(
        chunks.each(lambda part: part > last, others, dtype=bool), keys[1])

    def from_place(limit):
        edge = ordered[math.ceil(limit * (len(ordered) - 1))]
        return float(chunks.each(lambda part: part >= edge, others, dtype=bool).mean())
    at_low, at_high = map(from_place, calibration.wilson_interval(share * size, size))
    at_low, at_high = max(at_low, rate.value), min(at_high, rate.value)
    return Estimate(
        rate.value,
        max(0.0, rate.value - math.hypot(rate.value - rate.low, rate.value - at_high)),
        min(1.0, rate.value + math.hypot(rate.high - rate.value, at_low - rate.value)))
