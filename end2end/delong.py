"""The variance of AUCs after DeLong et al. 1988, as a check of the bootstrap.

DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more
correlated receiver operating characteristic curves. Biometrics 44, 837-845 (1988).
"""

import math

import numpy as np
from scipy import special, stats

from end2end import metrics

# Of the normal distribution, for 95 %.
QUANTILE = 1.959963984540054


def placements(labels, scores):
    """How each case places among those of the other class.

    Returns:
        For each positive the share of negatives below it, for each negative the share
        of positives above it (ties one half); both have the AUC as mean.
    """
    positive, negative = scores[labels], scores[~labels]
    m, n = len(positive), len(negative)
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - stats.rankdata(positive)) / n
    below = 1 - (ranks[m:] - stats.rankdata(negative)) / m
    return above, below


def auc_interval(labels, scores):
    """95 % interval of the AUC, cut at 0 and 1.

    Returns:
        (low, high).

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = metrics.check(labels, scores)
    above, below = placements(labels, scores)
    half = QUANTILE * math.sqrt(_variance(above, below))
    return max(0.0, above.mean() - half), min(1.0, above.mean() + half)


def compare(labels, scores_a, scores_b):
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
    labels, scores_a, _ = metrics.check(labels, scores_a)
    scores_b = metrics.check(labels, scores_b)[1]
    pairs = zip(placements(labels, scores_a), placements(labels, scores_b), strict=True)
    above, below = (one - other for one, other in pairs)
    difference, error = float(above.mean()), math.sqrt(_variance(above, below))
    z = abs(difference) / error if error > 0 else (math.inf if difference else 0.0)
    half = QUANTILE * error
    return dict(difference=difference, standard_error=error,
                interval=(difference - half, difference + half),
                p_value=float(special.erfc(z / math.sqrt(2))))


def _variance(above, below):
    """Variance of the mean; that of a single case is taken as 0."""
    return sum(float(values.var(ddof=1)) / len(values)
               for values in (above, below) if len(values) > 1)
