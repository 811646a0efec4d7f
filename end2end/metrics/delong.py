"""The variance of AUCs after DeLong et al. 1988, as a check of the bootstrap.

DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more
correlated receiver operating characteristic curves. Biometrics 44, 837-845 (1988).
"""

import math
from typing import Any

from numpy.typing import ArrayLike
from scipy import special

from end2end.metrics import roc

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
    return float(places[labels].mean())


def _variance(labels, places):
    """Variance of the mean; that of a single case is taken as 0."""
    return sum(float(values.var(ddof=1)) / len(values)
               for values in (places[labels], places[~labels]) if len(values) > 1)
