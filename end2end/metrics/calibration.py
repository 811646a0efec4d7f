"""Calibration of scores: reliability curve, Brier score, temperature scaling.

Calibrated scores of 0.7 mean seven cancers in ten.

Guo C, Pleiss G, Sun Y, Weinberger KQ. On calibration of modern neural networks. ICML
2017. A calibration holds for a share of cancers like that of the set it was found on;
among screened women cancers are far rarer.
"""

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from end2end.metrics import bootstrap, roc
from end2end.utils import chunks, files

# Probabilities nearer to 0 or 1 than this are moved there before their logarithm.
CLIP = 1e-7
TEMPERATURES = (0.02, 50.0)


def check(
        labels: ArrayLike,
        scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """As `metrics.check`, and the scores must be probabilities.

    Raises:
        files.InputError: a score lies outside 0 to 1.
    """
    labels, scores, _ = roc.check(labels, scores)
    low, high = chunks.extremes(scores)
    if low < 0 or high > 1:
        raise files.InputError(
            f"scores from {low:g} to {high:g} are not probabilities; calibration needs "
            "numbers from 0 to 1.")
    return labels, scores


def brier_score(labels: ArrayLike, scores: ArrayLike) -> float:
    """Mean squared distance of probability and outcome: 0 is perfect, 0.25 a coin.

    Args:
        labels: 0 or 1, `(n,)`.
        scores: probabilities of cancer, `(n,)`.

    Raises:
        files.InputError: see `check`.
    """
    labels, scores = check(labels, scores)
    distance = chunks.each(np.subtract, scores, labels)
    return chunks.product(distance, distance) / len(distance)


def brier_interval(
        labels: ArrayLike, scores: ArrayLike, **draw: Any) -> tuple[float, float]:
    """95 % interval of the Brier score; `draw` as in `metrics.auc_interval`."""
    labels, scores = check(labels, scores)
    return roc.share_interval((scores - labels) ** 2, **draw)


def reliability(
        labels: ArrayLike, scores: ArrayLike, *,
        bins: int = 10) -> list[dict[str, Any]]:
    """Reliability curve: share of cancers by score, in bins of equal width.

    Args:
        labels: 0 or 1, `(n,)`.
        scores: probabilities of cancer, `(n,)`.
        bins: number of bins of 0 to 1.

    Returns:
        list of dicts, one per bin with cases: `low`, `high`, `count`, `mean_score`,
        `share` of cancers and its 95 % `interval` (Wilson).

    Raises:
        files.InputError: see `check`.
    """
    labels, scores = check(labels, scores)
    place = np.minimum((scores * bins).astype(int), bins - 1)
    rows = []
    for i in range(bins):
        in_bin = place == i
        if in_bin.any():
            rows.append(dict(
                low=i / bins, high=(i + 1) / bins, count=int(in_bin.sum()),
                mean_score=float(scores[in_bin].mean()),
                share=float(labels[in_bin].mean()),
                interval=wilson_interval(int(labels[in_bin].sum()), int(in_bin.sum()))))
    return rows


def wilson_interval(hits: float, count: float) -> tuple[float, float]:
    """95 % interval of a share of few cases (Wilson 1927)."""
    z2 = 1.959963984540054 ** 2
    share = hits / count
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (
        1 + z2 / count)
    return float(max(0, middle - half)), float(min(1, middle + half))


def expected_error(rows: list[dict[str, Any]]) -> float:
    """Mean distance of score and share of cancers over the bins of `reliability`."""
    total = sum(row["count"] for row in rows)
    return sum(row["count"] * abs(row["mean_score"] - row["share"])
               for row in rows) / total


def fit_temperature(labels: ArrayLike, scores: ArrayLike) -> float:
    """The temperature that makes scores most likely: above 1 they were too sure.

    Args:
        labels: 0 or 1, `(n,)`; of images that did not train the model.
        scores: probabilities of cancer, `(n,)`.

    Returns:
        float from 0.02 to 50; the log odds are divided by it (`recalibration.Stored`).

    Raises:
        files.InputError: see `check`.
    """
    labels, scores = check(labels, scores)
    logits = scipy.special.logit(np.clip(scores, CLIP, 1 - CLIP))
    signed = np.where(labels, logits, -logits)

    def loss(log_temperature):
        return -scipy.special.log_expit(signed / np.exp(log_temperature)).mean()

    minimum = scipy.optimize.minimize_scalar(
        loss, bounds=np.log(TEMPERATURES), method="bounded", options=dict(xatol=1e-6))
    return float(np.exp(minimum.x))


def summary(
        labels: ArrayLike, scores: ArrayLike, *, runs: int = bootstrap.RUNS,
        seed: int | np.random.Generator = bootstrap.SEED) -> dict[str, Any]:
    """Brier score with interval, reliability curve, its mean error, temperature.

    Raises:
        files.InputError: see `check`.
    """
    rows = reliability(labels, scores)
    temperature = fit_temperature(labels, scores)
    return dict(
        brier=brier_score(labels, scores),
        brier_interval=brier_interval(labels, scores, runs=runs, seed=seed),
        expected_error=expected_error(rows), temperature=temperature,
        bins=rows)
