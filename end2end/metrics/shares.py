"""Shares of cases (sensitivity, specificity) with intervals, and what combines them.

A share of `n` cases of several women each counts as that of fewer independent cases:
Rao JNK, Scott AJ. A simple method for the analysis of clustered binary data.
Biometrics 48, 577-585 (1992). Limits of sums and differences come from the limits of
their parts: Zou GY, Donner A. Construction of confidence limits about effect measures.
Statistics in Medicine 27, 1693-1702 (2008), called MOVER.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end.metrics import calibration, clusters
from end2end.utils import chunks

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: the estimate.
        low, high: limits.
    """

    value: float
    low: float
    high: float

    @property
    def interval(self) -> Interval:
        """The two limits."""
        return self.low, self.high

    def scaled(self, factor: float) -> "Estimate":
        """The same times a factor from 0 on."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


def share(hits: ArrayLike, groups: ArrayLike | None = None) -> Estimate:
    """Share of hits with the interval of Wilson 1927.

    Args:
        hits: bool `(n,)`, at least one.
        groups: one key per case; cases of one key depend on each other.
    """
    hits = np.asarray(hits, bool)
    count, rate = len(hits), float(hits.mean())
    size = count if groups is None else effective_size(hits, groups)
    low, high = calibration.wilson_interval(rate * size, size)
    return Estimate(rate, low, high)


def effective_size(values: NDArray, groups: ArrayLike) -> float:
    """Number of independent cases that tell as much as these (Rao and Scott 1992).

    Args:
        values: bool, or 0 and 1, `(n,)`.
        groups: one key per case.

    Returns:
        float, at most `n`; `n` where all values are equal or all keys differ.
    """
    count, rate = len(values), float(np.mean(values))
    place = clusters.codes(groups)
    length = int(chunks.extremes(place)[1]) + 1
    sizes = chunks.counted(place, length)
    number = int(chunks.total(chunks.each(np.sign, sizes)))
    simple = rate * (1 - rate) / count
    if number in (1, count) or simple == 0:
        return float(count)
    excess = chunks.each(lambda hits, size: hits - rate * size,
                         chunks.counted(place, length, values), sizes)
    variance = number / (number - 1) * chunks.product(excess, excess) / count**2
    return count / max(1.0, variance / simple)


def total(first: Estimate, second: Estimate) -> Estimate:
    """Sum of two independent estimates (MOVER)."""
    value = first.value + second.value
    low = math.hypot(first.value - first.low, second.value - second.low)
    high = math.hypot(first.high - first.value, second.high - second.value)
    return Estimate(value, value - low, value + high)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """First less second, of two independent estimates (MOVER)."""
    return total(first, Estimate(-second.value, -second.high, -second.low))
