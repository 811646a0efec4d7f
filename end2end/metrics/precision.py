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
    if prevalence is None:
        return np.ones(len(labels))
    count = len(labels)
    return np.where(labels, prevalence * count / labels.sum(),
                    (1 - prevalence) * count / (~labels).sum())


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
    weights = class_weights(labels, prevalence)
    area, influence = _influence(labels, scores, weights)
    if prevalence is not None:  # the share of each class is fixed
        for cases in (labels, ~labels):
            influence[cases] -= influence[cases].mean()
    if groups is not None:
        influence = clusters.summed(influence, groups)
    if not 0 < area < 1:
        return Estimate(area, 0.025 ** (1 / int(labels.sum())) if area else 0.0, area)
    half = clusters.quantile(influence) * math.sqrt(float((influence**2).sum())) / (
        area * (1 - area))
    low, high = special.expit([special.logit(area) - half, special.logit(area) + half])
    return Estimate(area, float(low), float(high))


def _influence(labels, scores, weights):
    """Average precision, and what each case adds to it, `(n,)`."""
    values, place = np.unique(-scores, return_inverse=True)
    positive = np.bincount(place, weights * labels, len(values))
    negative = np.bincount(place, weights * ~labels, len(values))
    hits, called = np.cumsum(positive), np.cumsum(positive + negative)
    precision, total = hits / called, hits[-1]
    area = float((positive * precision).sum() / total)
    # A case changes the precision of every positive at or below its score.
    gain = positive * (called - hits) / called**2 / total
    loss = positive * hits / called**2 / total
    gain, loss = (np.cumsum(part[::-1])[::-1] for part in (gain, loss))
    influence = np.where(labels, (precision[place] - area) / total + gain[place],
                         -loss[place])
    return area, influence * weights
