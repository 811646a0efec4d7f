"""The variance of AUCs after DeLong et al. 1988, without drawing cases.

DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more
correlated receiver operating characteristic curves. Biometrics 44, 837-845 (1988).
Images of one woman are alike: Obuchowski NA. Nonparametric analysis of clustered ROC
curve data. Biometrics 53, 567-578 (1997).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from end2end.metrics import clusters, roc
from end2end.metrics.shares import Estimate
from end2end.utils import chunks

# Of the normal distribution, for 95 %.
QUANTILE = 1.959963984540054


def auc_interval(labels: ArrayLike, scores: ArrayLike) -> tuple[float, float]:
    """95 % interval of the AUC, cut at 0 and 1.

    Returns:
        (low, high).

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = roc.check(labels, scores)
    places = roc.placements(labels, scores)
    area, half = _mean(labels, places), QUANTILE * math.sqrt(_variance(labels, places))
    return max(0.0, area - half), min(1.0, area + half)


def compare(
        labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike) -> dict[str, Any]:
    """Difference of two AUCs on the same cases.

    Args:
        labels: 0 or 1, `(n,)`.
        scores_a, scores_b: `(n,)` each.

    Returns:
        dict with `difference` (a - b), `standard_error`, `interval` (95 %) and
        `p_value` (two-sided; 1 where the models rank alike).

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores_a, _ = roc.check(labels, scores_a)
    scores_b = roc.check(labels, scores_b)[1]
    places = roc.placements(labels, scores_a) - roc.placements(labels, scores_b)
    difference = _mean(labels, places)
    error = math.sqrt(_variance(labels, places))
    z = abs(difference) / error if error > 0 else (math.inf if difference else 0.0)
    half = QUANTILE * error
    return dict(difference=difference, standard_error=error,
                interval=(difference - half, difference + half),
                p_value=float(special.erfc(z / math.sqrt(2))))


def _mean(labels, places):
    return chunks.total(places, labels) / int(labels.sum())


def _variance(labels, places):
    """Variance of the mean; that of a single case is taken as 0."""
    return sum(float(values.var(ddof=1)) / len(values)
               for values in (places[labels], places[~labels]) if len(values) > 1)


# Several AUCs on the same cases ----------------------------------------------------


def covariance(
        labels: ArrayLike, scores: Sequence[ArrayLike],
        groups: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUCs of several scores of the same cases, and their covariances.

    Args:
        labels: 0 or 1, `(n,)`.
        scores: `k` arrays `(n,)`.
        groups: one key per case; cases of one key (a woman) depend on each other. None:
            all cases are independent (DeLong 1988), else Obuchowski 1997.

    Returns:
        float64 arrays `(k,)` and `(k, k)`.

    Raises:
        files.InputError: see `metrics.check`.
    """
    areas, parts = zip(*(_by_unit(labels, values, groups) for values in scores),
                       strict=True)
    return np.array(areas), np.array(
        [[chunks.product(first, second) for second in parts] for first in parts])


def _by_unit(labels, scores, groups):
    """AUC, and the share of each case or group in its chance."""
    area, parts = influence(labels, scores)
    return area, parts if groups is None else clusters.summed(parts, groups)


def influence(
        labels: ArrayLike, scores: ArrayLike) -> tuple[float, NDArray[np.float64]]:
    """AUC, and the share of each case in its chance.

    Returns:
        AUC, and float64 `(n,)` whose squares add up to the variance of DeLong 1988.

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = roc.check(labels, scores)
    parts = roc.placements(labels, scores)
    area, positive = _mean(labels, parts), int(labels.sum())
    divisors = np.array([math.sqrt(count * max(count - 1, 1))
                         for count in (len(labels) - positive, positive)])
    return area, chunks.each(
        lambda part, label: (part - area) / divisors[label.astype(int)], parts, labels)


def estimate(
        labels: ArrayLike, scores: ArrayLike,
        groups: ArrayLike | None = None) -> Estimate:
    """AUC with its 95 % interval on the scale of its log odds.

    Pepe MS. The statistical evaluation of medical tests. Oxford 2003, section 5.2.5: it
    stays within 0 and 1 and covers better than the plain one near 1; the quantile is
    `clusters.quantile`.

    Args:
        labels, scores: see `metrics.auc`.
        groups: one key per case; cases of one key depend on each other.

    Raises:
        files.InputError: see `metrics.check`.
    """
    area, parts = _by_unit(labels, scores, groups)
    labels = np.asarray(labels, bool)
    counts = int(labels.sum()), int((~labels).sum())
    return Estimate(area, *logit_interval(
        area, chunks.product(parts, parts), counts, quantile=clusters.quantile(parts)))


def logit_interval(area: float, variance: float, counts: tuple[int, int], *,
                   quantile: float = QUANTILE) -> tuple[float, float]:
    """95 % interval of an AUC on the scale of its log odds.

    An AUC of exactly 0 or 1 has no variance: it gets the limit at which all of the
    smaller class would be on the right side in one of forty studies.

    Args:
        area: AUC.
        variance: of it.
        counts: of positives and negatives.
        quantile: number of standard errors on each side.
    """
    least = 0.025 ** (1 / max(min(counts), 1))
    if area <= 0 or area >= 1:
        return (0.0, 1 - least) if area <= 0 else (least, 1.0)
    half = quantile * math.sqrt(variance) / (area * (1 - area))
    middle = math.log(area / (1 - area))
    low, high = special.expit([middle - half, middle + half])
    return float(low), float(high)


def paired(areas: NDArray[np.float64], matrix: NDArray[np.float64], first: int,
           second: int) -> Estimate:
    """Difference of two AUCs on the same cases, with its 95 % interval.

    Args:
        areas, matrix: of `covariance`.
        first, second: positions; the difference is `first` less `second`.
    """
    value = float(areas[first] - areas[second])
    variance = matrix[first, first] + matrix[second, second] - 2 * matrix[first, second]
    half = QUANTILE * math.sqrt(max(float(variance), 0.0))
    return Estimate(value, value - half, value + half)


def p_value(difference: Estimate) -> float:
    """Two-sided p value of no difference, read from the 95 % interval: from the limit
    nearer to 0, as intervals need not be symmetric."""
    limit = difference.low if difference.value > 0 else difference.high
    error = abs(difference.value - limit) / QUANTILE
    if error == 0:
        return 1.0 if difference.value == 0 else 0.0
    return float(special.erfc(abs(difference.value) / error / math.sqrt(2)))
