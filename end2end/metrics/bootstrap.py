"""Confidence intervals by drawing cases again, all runs at once.

Shen et al. 2019 draw images (or breasts) 3000 times with replacement and take the
middle 95 % of the results. A draw is kept as how often each case was drawn, so a
statistic is one weighted sum over a `(runs, cases)` array.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from end2end import config

RUNS = config.BOOTSTRAP_RUNS
SEED = config.BOOTSTRAP_SEED
LEVEL = 0.95
# Counts held at once: what stays in a processor's cache, whatever the number of cases.
BLOCK = 100_000


def draws(
        num_cases: int, *, runs: int = RUNS, seed: int | np.random.Generator = SEED,
        groups: Sequence | None = None) -> Iterator[NDArray[np.int64]]:
    """Yields how often each case is drawn, some runs at a time.

    Args:
        num_cases: number of cases.
        runs: number of draws in all.
        seed: whole number, or a `numpy.random.Generator`.
        groups: one key per case; cases of one key (a breast, a patient) are drawn
            together. None draws cases one by one.

    Yields:
        int arrays `(some runs, num_cases)`; their rows are the runs in order.
    """
    rng = np.random.default_rng(seed)
    inverse, num_units = None, num_cases
    if groups is not None:
        keys, inverse = np.unique(np.asarray(groups), return_inverse=True)
        num_units = len(keys)
    block = max(1, BLOCK // num_cases)
    for start in range(0, runs, block):
        rows = min(block, runs - start)
        units = rng.integers(0, num_units, (rows, num_units))
        units += np.arange(rows)[:, None] * num_units
        counts = np.bincount(units.ravel(), minlength=rows * num_units)
        counts = counts.reshape(rows, num_units)
        yield counts if inverse is None else counts[:, inverse]


def replicates(
        statistic: Callable[[NDArray], NDArray], num_cases: int, *, runs: int = RUNS,
        seed: int | np.random.Generator = SEED,
        groups: Sequence | None = None) -> NDArray[np.float64]:
    """Values of a statistic over all draws.

    Args:
        statistic: takes weights `(runs, num_cases)`, returns `(runs,)` or
            `(runs, k)`; NaN where a draw has no value (one class only).

    Returns:
        float64 array `(runs,)` or `(runs, k)`.
    """
    parts = [statistic(counts) for counts in draws(
        num_cases, runs=runs, seed=seed, groups=groups)]
    return np.concatenate(parts)


def interval(values: NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """The middle `level` of the values, NaN left out.

    Returns:
        (low, high), floats; NaN where no value is left.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)


def corrected_interval(
        values: NDArray[np.float64], estimate: float, influence: NDArray[np.float64],
        level: float = LEVEL) -> tuple[float, float]:
    """The middle of the values, corrected for their bias and skewness (BCa).

    Where an AUC is near 1 or cases are few, the plain middle covers the truth too
    rarely. Efron B. Better bootstrap confidence intervals. JASA 82, 171-185 (1987).

    Args:
        values: of the statistic over all draws.
        estimate: the statistic itself.
        influence: what each drawn unit adds to the statistic, with mean 0.

    Returns:
        (low, high), floats; NaN where no value is finite.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    below = ((values < estimate).mean() + (values <= estimate).mean()) / 2
    least = 0.5 / len(values)
    bias = scipy.special.ndtri(min(max(below, least), 1 - least))
    spread = (influence**2).sum() ** 1.5
    skewness = (influence**3).sum() / (6 * spread) if spread > 0 else 0.0
    tail = scipy.special.ndtri((1 - level) / 2)
    shares = [scipy.special.ndtr(bias + (bias + z) / (1 - skewness * (bias + z)))
              for z in (tail, -tail)]
    low, high = np.quantile(values, shares)
    return float(low), float(high)
