"""Decision curves: what acting on a score is worth at a threshold of risk.

Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction
models. Med Decis Making 26, 565-574 (2006). Net benefit is the share of cancers found
less the share of false alarms, which weighs as the odds of the threshold.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from end2end.metrics import calibration, clusters, precision
from end2end.metrics.shares import Estimate

QUANTILE = 1.959963984540054


def curve(
        labels: ArrayLike, scores: ArrayLike, thresholds: Sequence[float], *,
        prevalence: float | None = None, groups: ArrayLike | None = None
) -> list[dict[str, Estimate | float]]:
    """Net benefit of a model and of recalling everybody, at each threshold.

    Args:
        labels: 0 or 1, `(n,)`.
        scores: probabilities of cancer, `(n,)`.
        thresholds: risks from which on a woman is recalled, between 0 and 1.
        prevalence: share of cancers to which the classes are re-weighted; None: that of
            the cases.
        groups: one key per case; cases of one key depend on each other.

    Returns:
        list of dicts with `threshold` and `Estimate`s `model`, `all` and `gain`, by
        which the model is better than the better of recalling all and none.

    Raises:
        files.InputError: see `calibration.check`.
    """
    labels, scores = calibration.check(labels, scores)
    weights = precision.class_weights(labels, prevalence)
    fixed = prevalence is not None
    rows = []
    for threshold in thresholds:
        worth = np.where(labels, 1.0, -threshold / (1 - threshold)) * weights
        model, everybody = worth * (scores >= threshold), worth
        rest = everybody if everybody.mean() > 0 else np.zeros(len(worth))
        rows.append(dict(threshold=float(threshold), **{
            name: _mean(values, labels if fixed else None, groups)
            for name, values in (("model", model), ("all", everybody),
                                 ("gain", model - rest))}))
    return rows


def _mean(values, labels, groups):
    """Mean of one number per case with its interval; of each class apart where the
    share of the classes is fixed."""
    deviations = values - values.mean()
    if labels is not None:
        for cases in (labels, ~labels):
            deviations[cases] = values[cases] - values[cases].mean()
    if groups is not None:
        deviations = clusters.summed(deviations, groups)
    count = len(deviations)
    half = QUANTILE * math.sqrt(
        float((deviations**2).sum()) * count / max(count - 1, 1)) / len(values)
    value = float(values.mean())
    return Estimate(value, value - half, value + half)
