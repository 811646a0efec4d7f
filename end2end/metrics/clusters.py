"""Cases that depend on each other: all of one woman, one number per woman."""

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from end2end.utils import chunks, mapped


def codes(groups: ArrayLike) -> NDArray[np.integer]:
    """Whole numbers from 0 on, equal for equal keys, `(n,)`.

    Args:
        groups: one key per case. Keys of type int32 that are such numbers already
            (`tables.columns`) stay, since sorting a million takes its time; so do those
            of a temporary file, though some numbers may then have no case.
    """
    keys = np.asarray(groups)
    if keys.dtype == np.int32 and len(keys):
        low, high = chunks.extremes(keys)
        if low >= 0 and (high < len(keys) or mapped.file_of(keys) is not None):
            return keys
    return np.unique(keys, return_inverse=True)[1]


def summed(parts: NDArray[np.float64], groups: ArrayLike) -> NDArray[np.float64]:
    """Shares of the cases, `(n,)` or `(rows, n)`, added up by key: `(keys,)` or
    `(rows, keys)`."""
    place = codes(groups)
    length = int(chunks.extremes(place)[1]) + 1
    if parts.ndim == 1:
        return chunks.counted(place, length, parts)
    return np.array([chunks.counted(place, length, row) for row in parts])


def quantile(parts: NDArray[np.float64]) -> float:
    """The number of standard errors on each side of a 95 % interval.

    That of t with as many degrees of freedom as there are units that make most of the
    variance (Satterthwaite FE. Biometrics Bulletin 2, 110-114, 1946).

    Args:
        parts: shares of the units in the chance of an estimate, `(units,)`.
    """
    total = spread = 0.0
    for rows in chunks.slices(len(parts), parts):
        squares = parts[rows] ** 2
        total += float(squares.sum())
        spread += float(squares @ squares)
    freedom = total**2 / spread if spread > 0 else np.inf
    return float(scipy.stats.t.ppf(0.975, freedom))
