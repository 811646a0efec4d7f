"""AUC, accuracy, operating points and confusion matrices, with their intervals.

Labels are 0 (no cancer) or 1 (cancer), scores any finite numbers that rise with
suspicion. A case is called positive where its score is at least the threshold.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end.metrics import bootstrap
from end2end.utils import chunks, files, mapped


def check(
        labels: ArrayLike, scores: ArrayLike,
        weights: ArrayLike | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Labels as bool, scores and weights as float64, all `(n,)`; not to be changed.

    Raises:
        files.InputError: lengths differ, a label is not 0 or 1, a score is not finite,
            a weight is negative, or only one class is present.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise files.InputError(
            f"labels of shape {labels.shape} and scores of shape {scores.shape} do not "
            "fit; expected one label and one score per case.")
    if labels.dtype != bool and not np.isin(labels, (0, 1)).all():
        others = sorted(set(labels.tolist()) - {0, 1})
        raise files.InputError(
            f"label {others[0]!r} is neither 0 nor 1; expected 1 for cancer, 0 for "
            "not.")
    finite = int(chunks.total(chunks.each(np.isfinite, scores, dtype=bool)))
    if finite < len(scores):
        raise files.InputError(
            f"{len(scores) - finite} of {len(scores)} scores are not finite numbers; "
            "leave those cases out.")
    labels = np.asarray(labels, bool)
    if weights is None:
        weights = np.broadcast_to(1.0, labels.shape)
        present = labels
    else:
        weights = np.asarray(weights, np.float64)
        if weights.shape != labels.shape or not (weights >= 0).all():
            raise files.InputError(
                "weights do not fit; expected one number from 0 on per case.")
        present = labels[weights > 0]
    if not present.any() or present.all():
        raise files.InputError(
            f"AUC needs both classes, but all {len(labels)} labels are "
            f"{[int(value) for value in present[:1]]}. Check that the split folder has "
            "images under both 'neg' and 'pos'.")
    return labels, scores, weights


# Curves ---------------------------------------------------------------------------


def auc(
        labels: ArrayLike, scores: ArrayLike, *,
        weights: ArrayLike | None = None) -> float:
    """Area under the ROC curve: how often a cancer scores above a non-cancer.

    Ties count one half. Equal to scikit-learn's `roc_auc_score`.

    Args:
        labels: 0 or 1, `(n,)`.
        scores: `(n,)`.
        weights: of the cases, `(n,)`; default 1.

    Returns:
        float, 0 to 1.

    Raises:
        files.InputError: see `check`.
    """
    labels, scores, weights = check(labels, scores, weights)
    return auc_of_draws(labels, scores)(weights[None]).item()


def auc_of_draws(
        labels: NDArray[np.bool_],
        scores: NDArray[np.float64]) -> Callable[[NDArray], NDArray[np.float64]]:
    """A statistic for `bootstrap.replicates`: AUC of each draw of the cases.

    Sorts once; a draw of one class only gives NaN.
    """
    by_score = _ByScore(labels, scores)

    def statistic(counts):
        positive, negative = by_score(counts)
        below = np.cumsum(negative, axis=1)
        wins = np.einsum("ij,ij->i", positive, 2 * below - negative)
        pairs = 2 * positive.sum(axis=1) * below[:, -1]
        return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)

    return statistic


class _ByScore:
    """Weights of positives and negatives at each distinct score, ascending."""

    def __init__(self, labels, scores):
        self.order = np.argsort(scores, kind="stable")
        ranked = scores[self.order]
        self.positive = labels[self.order]
        self.starts = np.flatnonzero(np.diff(ranked, prepend=-np.inf) > 0)
        self.values = ranked[self.starts]
        self.ties = len(self.starts) < len(ranked)

    def __call__(self, counts):
        counts = counts[:, self.order]
        positive = counts * self.positive
        negative = counts - positive
        if self.ties:
            positive = np.add.reduceat(positive, self.starts, axis=1)
            negative = np.add.reduceat(negative, self.starts, axis=1)
        return positive, negative


def roc_curve(
        labels: ArrayLike, scores: ArrayLike, *,
        weights: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points of the ROC curve, one per distinct score.

    Returns:
        False positive rate, true positive rate (both from 0 to 1, ascending) and
        threshold (descending, infinite first), float64 arrays of equal length.

    Raises:
        files.InputError: see `check`.
    """
    labels, scores, weights = check(labels, scores, weights)
    by_score = _ByScore(labels, scores)
    rates = []
    for (weights_by_score,) in by_score(weights[None]):
        rising = np.concatenate([[0.0], np.cumsum(weights_by_score[::-1])])
        rates.append(rising / rising[-1])
    true, false = rates
    return false, true, np.concatenate([[np.inf], by_score.values[::-1]])


# Intervals ------------------------------------------------------------------------


def auc_interval(
        labels: ArrayLike, scores: ArrayLike, *, runs: int = bootstrap.RUNS,
        seed: int | np.random.Generator = bootstrap.SEED,
        groups: Sequence | None = None) -> tuple[float, float]:
    """95 % interval of the AUC by bootstrap (Shen et al. 2019, Results).

    Bias-corrected and accelerated (`bootstrap.corrected_interval`).

    Args:
        labels, scores: see `auc`.
        runs: number of draws.
        seed: whole number or `numpy.random.Generator`.
        groups: one key per case, to draw breasts or patients instead of images.

    Returns:
        (low, high).

    Raises:
        files.InputError: see `check`.
    """
    labels, scores, _ = check(labels, scores)
    values = bootstrap.replicates(
        auc_of_draws(labels, scores), len(labels), runs=runs, seed=seed, groups=groups)
    places = placements(labels, scores)
    area = float(places[labels].mean())
    influence = (places - area) / np.where(labels, labels.sum(), (~labels).sum())
    if groups is not None:
        _, inverse = np.unique(np.asarray(groups), return_inverse=True)
        influence = np.bincount(inverse, influence)
    return bootstrap.corrected_interval(values, area, influence)


def placements(
        labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How each case places among those of the other class.

    Args:
        labels: bool `(n,)`.
        scores: `(n,)`.

    Returns:
        float64 `(n,)`: of a positive the share of negatives below it, of a negative the
        share of positives above it (ties one half); both have the AUC as mean.
    """
    places = mapped.empty(len(scores), np.float64, scores)
    for positive in (True, False):
        others = chunks.ascending(chunks.chosen(scores, labels != positive))
        halves = 2 * len(others)
        for rows in chunks.slices(len(scores), scores, places):
            cases = labels[rows] == positive
            values = scores[rows][cases]
            below = (chunks.places(others, values, "left").astype(np.int64)
                     + chunks.places(others, values, "right"))
            places[rows][cases] = (below if positive else halves - below) / halves
    return places


def auc_difference_interval(
        labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, *,
        runs: int = bootstrap.RUNS, seed: int | np.random.Generator = bootstrap.SEED,
        groups: Sequence | None = None) -> tuple[float, float]:
    """95 % interval of AUC(a) - AUC(b) on the same cases, by bootstrap.

    Both models see the same draws. The difference is significant where the interval
    excludes 0 (Shen et al. 2019, Results).

    Args and returns as `auc_interval`.
    """
    labels, scores_a, _ = check(labels, scores_a)
    scores_b = check(labels, scores_b)[1]
    first, second = auc_of_draws(labels, scores_a), auc_of_draws(labels, scores_b)
    return bootstrap.interval(bootstrap.replicates(
        lambda counts: first(counts) - second(counts), len(labels), runs=runs,
        seed=seed, groups=groups))


def share_interval(
        hits: ArrayLike, *, runs: int = bootstrap.RUNS,
        seed: int | np.random.Generator = bootstrap.SEED,
        groups: Sequence | None = None) -> tuple[float, float]:
    """95 % interval of a share, such as the accuracy, by bootstrap.

    Args:
        hits: bool `(n,)`, whether each case counts.
        runs, seed, groups: see `auc_interval`.

    Returns:
        (low, high).

    Raises:
        files.InputError: there is no case.
    """
    hits = np.asarray(hits, np.float64)
    if not len(hits):
        raise files.InputError("there are no cases to take a share of.")
    return bootstrap.interval(bootstrap.replicates(
        lambda counts: counts @ hits / counts.sum(axis=1), len(hits), runs=runs,
        seed=seed, groups=groups))


# Operating points -----------------------------------------------------------------


def sensitivity_specificity(
        labels: ArrayLike, scores: ArrayLike, threshold: float) -> tuple[float, float]:
    """Shares of cancers found and of non-cancers left alone at a threshold.

    Returns:
        (sensitivity, specificity), floats from 0 to 1.

    Raises:
        files.InputError: see `check`.
    """
    labels, scores, _ = check(labels, scores)
    called = chunks.each(lambda part: part >= threshold, scores, dtype=bool)
    return float(called[labels].mean()), float((~called[~labels]).mean())


def threshold_at_sensitivity(
        labels: ArrayLike, scores: ArrayLike, sensitivity: float) -> float:
    """The highest threshold that finds at least this share of the cancers.

    Args:
        labels, scores: see `auc`.
        sensitivity: above 0, up to 1; 0.869 is the average of U.S. radiologists
            (Shen et al. 2019, Introduction).

    Returns:
        float, one of the scores; a case with that score is positive.

    Raises:
        files.InputError: see `check`, or the share is out of range.
    """
    labels, scores, _ = check(labels, scores)
    positive = chunks.ascending(chunks.chosen(scores, labels))[::-1]
    return float(positive[needed(sensitivity, len(positive), "sensitivity") - 1])


def threshold_at_specificity(
        labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """The lowest threshold that leaves at least this share of the non-cancers alone.

    Args, returns and raises as `threshold_at_sensitivity`; the threshold is the next
    higher score than those to leave alone, or just above all scores.
    """
    labels, scores, _ = check(labels, scores)
    negative = chunks.ascending(chunks.chosen(scores, ~labels))
    last = negative[needed(specificity, len(negative), "specificity") - 1]
    higher = scores.min(where=scores > last, initial=np.inf)
    return float(higher if np.isfinite(higher) else np.nextafter(last, np.inf))


def specificity_at_sensitivity(
        labels: ArrayLike, scores: ArrayLike, sensitivity: float) -> float:
    """Specificity at `threshold_at_sensitivity`; args and errors as there."""
    threshold = threshold_at_sensitivity(labels, scores, sensitivity)
    return sensitivity_specificity(labels, scores, threshold)[1]


def sensitivity_at_specificity(
        labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """Sensitivity at `threshold_at_specificity`; args and errors as there."""
    threshold = threshold_at_specificity(labels, scores, specificity)
    return sensitivity_specificity(labels, scores, threshold)[0]


def specificity_at_sensitivity_interval(
        labels: ArrayLike, scores: ArrayLike, sensitivity: float,
        **draw: Any) -> tuple[float, float]:
    """95 % interval of `specificity_at_sensitivity`, the threshold found for each
    draw; `draw`: runs, seed, groups of `auc_interval`."""
    return _point_interval(_specificity_of_draws, labels, scores, sensitivity, draw)


def sensitivity_at_specificity_interval(
        labels: ArrayLike, scores: ArrayLike, specificity: float,
        **draw: Any) -> tuple[float, float]:
    """95 % interval of `sensitivity_at_specificity`, the threshold found for each
    draw; `draw`: runs, seed, groups of `auc_interval`."""
    return _point_interval(_sensitivity_of_draws, labels, scores, specificity, draw)


def _point_interval(statistic, labels, scores, share, draw):
    labels, scores, _ = check(labels, scores)
    needed(share, 1, "operating point")
    return bootstrap.interval(bootstrap.replicates(
        statistic(labels, scores, share), len(labels), **draw))


def _specificity_of_draws(labels, scores, sensitivity):
    by_score = _ByScore(labels, scores)

    def statistic(counts):
        positive, negative = by_score(counts)
        detected = np.cumsum(positive[:, ::-1], axis=1)
        called = np.cumsum(negative[:, ::-1], axis=1)
        enough = detected >= sensitivity * detected[:, -1:] - 1e-9
        place = enough.argmax(axis=1)
        totals = called[:, -1]
        with np.errstate(invalid="ignore"):
            return np.where(detected[:, -1] > 0, 1 - called[
                np.arange(len(place)), place] / totals, np.nan)

    return statistic


def _sensitivity_of_draws(labels, scores, specificity):
    # The same question with the classes and the direction of the scores exchanged.
    return _specificity_of_draws(~labels, -scores, specificity)


def needed(share: float, count: int, what: str) -> int:
    """Least number of `count` cases that makes `share`; rounding errors forgiven.

    Raises:
        files.InputError: `share`, called `what`, is not above 0 and up to 1.
    """
    if not 0 < share <= 1:
        raise files.InputError(
            f"{what} {share} is not a share; expected a number above 0, up to 1.")
    return max(1, math.ceil(share * count - 1e-9))


# Classes --------------------------------------------------------------------------


def confusion_matrix(
        labels: ArrayLike, predicted: ArrayLike, num_classes: int, *,
        normalize: bool = False) -> NDArray:
    """How often each class (row) was called each class (column).

    Args:
        labels, predicted: class numbers `(n,)`.
        num_classes: rows and columns of the result.
        normalize: divide each row by its sum, as Figure 2 of Shen et al. 2019; a class
            without cases has a row of zeros.

    Returns:
        int64 array `(num_classes, num_classes)`, float64 where normalised.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    counts = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    counts = counts.reshape(num_classes, num_classes)
    if not normalize:
        return counts
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

