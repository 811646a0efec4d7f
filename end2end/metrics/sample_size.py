"""How many cases a planned validation needs.

For the AUC: Hanley JA, McNeil BJ. The meaning and use of the area under a receiver
operating characteristic (ROC) curve. Radiology 143, 29-36 (1982). For rates and the
calibration: Riley RD et al. Minimum sample size for external validation of a clinical
prediction model with a binary outcome. Statistics in Medicine 40, 4230-4251 (2021).
"""

import math
from typing import Any

from scipy import special

QUANTILE = 1.959963984540054
MOST = 10**9


def auc_variance(area: float, positives: float, negatives: float) -> float:
    """Variance of an AUC of that many cases (Hanley and McNeil 1982)."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + (positives - 1) * (first - area**2)
            + (negatives - 1) * (second - area**2)) / (positives * negatives)


def for_auc_width(area: float, width: float, prevalence: float) -> int:
    """Least number of cases with which the 95 % interval of an AUC is this wide."""
    return _least(lambda count: 2 * QUANTILE * math.sqrt(auc_variance(
        area, count * prevalence, count * (1 - prevalence))) <= width,
        start=math.ceil(2 / min(prevalence, 1 - prevalence)))


def for_auc_above(
        area: float, bound: float, prevalence: float, *, power: float = 0.9) -> int:
    """Least number of cases to show (one-sided, 2.5 %) that an AUC is above a bound.

    Args:
        area: AUC that is expected.
        bound: AUC that is to be excluded, below `area`.
        prevalence: share of cancers in the set.
        power: share of such studies that would show it.
    """
    def enough(count):
        counts = count * prevalence, count * (1 - prevalence)
        return (area - bound) >= (
            QUANTILE * math.sqrt(auc_variance(bound, *counts))
            + special.ndtri(power) * math.sqrt(auc_variance(area, *counts)))
    return _least(enough, start=math.ceil(2 / min(prevalence, 1 - prevalence)))


def for_rate_width(rate: float, width: float, share: float) -> int:
    """Least number of cases for the interval of a rate of one class to be this wide.

    Args:
        rate: sensitivity or specificity that is expected.
        width: of its 95 % interval.
        share: of the class among all cases.
    """
    return math.ceil(4 * QUANTILE**2 * rate * (1 - rate) / width**2 / share)


def for_observed_expected(width: float, prevalence: float) -> int:
    """Least number of cases for the ratio of observed to expected cancers, about 1, to
    have an interval of this width (Riley et al. 2021, criterion 1)."""
    error = math.asinh(width / 2) / QUANTILE
    return math.ceil((1 - prevalence) / (prevalence * error**2))


def _least(enough, *, start):
    """The least whole number from `start` on for which `enough` holds."""
    low = high = start
    while not enough(high):
        if high > MOST:
            return MOST
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def table(area: float, prevalence: float, *, bound: float | None = None,
          rate: float = 0.869, width: float = 0.1, power: float = 0.9
          ) -> list[dict[str, Any]]:
    """Cases needed for each of the aims of a validation.

    Args:
        area: AUC that is expected.
        prevalence: share of cancers in the planned set.
        bound: AUC to be excluded; left out where None.
        rate: sensitivity and specificity that are expected.
        width: of the 95 % intervals.
        power: of the test against the bound.

    Returns:
        list of dicts with `aim`, `cases` and `cancers`.
    """
    aims = {f"AUC {area:g} with an interval {width:g} wide":
            for_auc_width(area, width, prevalence)}
    if bound is not None:
        aims[f"AUC {area:g} shown to be above {bound:g} with a power of {power:g}"] = \
            for_auc_above(area, bound, prevalence, power=power)
    aims[f"sensitivity {rate:g} with an interval {width:g} wide"] = for_rate_width(
        rate, width, prevalence)
    aims[f"specificity {rate:g} with an interval {width:g} wide"] = for_rate_width(
        rate, width, 1 - prevalence)
    aims[f"observed over expected cancers with an interval {2 * width:g} wide"] = \
        for_observed_expected(2 * width, prevalence)
    return [dict(aim=aim, cases=cases, cancers=math.ceil(cases * prevalence))
            for aim, cases in aims.items()]
