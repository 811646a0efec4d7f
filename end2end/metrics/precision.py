"""Precision-recall curve and the area under it, at the prevalence of one's choice.

Precision is the positive predictive value, recall the sensitivity. The area is the
average precision, as scikit-learn's `average_precision_score`. Its variance comes from
what each case adds to it (infinitesimal jackknife: Efron B. The jackknife, the
bootstrap and other resampling plans. SIAM 1982), on the scale of the log odds: Boyd K,
Eng KH, Page CD. Area under the precision-recall curve: point estimates and confidence
intervals. ECML PKDD 2013. A few cases with high scores make most of it, so the quantile
is that of `clusters.quantile`.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from end2end.metrics import clusters, roc
from end2end.metrics.shares import Estimate
from end2end.utils import chunks


def curve(
        labels: ArrayLike, scores: ArrayLike, *, prevalence: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall at each distinct score.

    Args:
        labels, scores: see `metrics.auc`.
        prevalence: share of cancers to which the classes are re-weighted; None: that
            of the cases.

    Returns:
        precision, recall (ascending) and threshold (descending), float64 arrays.

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = roc.check(labels, scores)
    weights = class_weights(labels, prevalence)
    false, true, thresholds = roc.roc_curve(labels, scores)
    hits = true[1:] * weights[labels].sum()
    alarms = false[1:] * weights[~labels].sum()
    return hits / (hits + alarms), true[1:], thresholds[1:]


def class_weights(
        labels: NDArray[np.bool_], prevalence: float | None) -> NDArray[np.float64]:
    """Weights that give the positives a share of all: float64 `(n,)`, of mean 1."""
    return np.where(labels, *pair_of_weights(labels, prevalence))


def pair_of_weights(
        labels: NDArray[np.bool_], prevalence: float | None) -> tuple[float, float]:
    """The weight of each positive and of each negative; see `class_weights`."""
    if prevalence is None:
        return 1.0, 1.0
    count, positive = len(labels), int(labels.sum())
    return (prevalence * count / positive,
            (1 - prevalence) * count / (count - positive))


def average_precision(
        labels: ArrayLike, scores: ArrayLike, *, prevalence: float | None = None,
        groups: ArrayLike | None = None) -> Estimate:
    """Area under the precision-recall curve with its 95 % interval.

    Args:
        labels, scores, prevalence: see `curve`.
        groups: one key per case; cases of one key depend on each other.

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = roc.check(labels, scores)
    area, influence = _influence(labels, scores, prevalence)
    if prevalence is not None:  # the share of each class is fixed
        means = np.array([chunks.total(influence, labels == kind) / (
            labels == kind).sum() for kind in (False, True)])
        influence = chunks.each(
            lambda part, label: part - means[label.astype(int)], influence, labels)
    if groups is not None:
        influence = clusters.summed(influence, groups)
    if area >= 1:
        return Estimate(area, 0.025 ** (1 / int(labels.sum())), area)
    half = clusters.quantile(influence) * math.sqrt(
        chunks.product(influence, influence)) / (area * (1 - area))
    low, high = special.expit([special.logit(area) - half, special.logit(area) + half])
    return Estimate(area, float(low), float(high))


def _influence(labels, scores, prevalence):
    """Average precision, and what each case adds to it, `(n,)`."""
    weight, negative_weight = pair_of_weights(labels, prevalence)
    values, positive = chunks.distinct(chunks.ascending(chunks.chosen(scores, labels)))
    positive = chunks.each(lambda count: weight * count, positive)
    hits = _from_above(positive)
    # How many of these values lie at or below a negative: those whose precision it
    # lowers, as a positive raises that of its own and of all below.
    place = chunks.places(values, scores, "right")
    alarms = chunks.counted(place, len(values) + 1, ~labels)
    called = chunks.each(lambda hit, alarm: hit + negative_weight * alarm,
                         hits, _from_above(alarms)[1:])
    total = float(hits[0])
    area = chunks.total(chunks.each(
        lambda count, hit, call: count * hit / call, positive, hits, called)) / total
    falls = chunks.cumulated(chunks.each(
        lambda count, hit, call: count / call**2 / total * (call - hit),
        positive, hits, called))
    gain = chunks.each(
        lambda fall, hit, call: weight * (fall + (hit / call - area) / total),
        falls, hits, called)
    loss = chunks.cumulated(chunks.each(
        lambda count, hit, call: -negative_weight * (count / call**2 / total * hit),
        positive, hits, called))

    def of_rows(below, label):
        before = np.maximum(below, 1) - 1
        return np.where(label, chunks.looked_up(gain, before), np.where(
            below > 0, chunks.looked_up(loss, before), 0.0))
    return area, chunks.each(of_rows, place, labels)


def _from_above(values):
    """Sums of each value and all behind it."""
    return chunks.cumulated(values[::-1])[::-1]
