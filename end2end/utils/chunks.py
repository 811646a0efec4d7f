"""Long arrays piece by piece, so that results between steps take no memory to speak of.

A million scores are 8 MB; an expression of numpy on all of them holds several arrays as
long at once.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LENGTH = 1 << 16


def slices(count: int) -> Iterator[slice]:
    """Slices of at most 65,536 rows that cover `count` rows in order."""
    for start in range(0, count, LENGTH):
        yield slice(start, min(start + LENGTH, count))


def places(ascending: NDArray, values: NDArray, side: str = "left") -> NDArray:
    """`np.searchsorted` in int32, in pieces: how many of `ascending` lie before each.

    Args:
        ascending: sorted, `(m,)`.
        values: `(n,)`.
        side: `left`: those below the value; `right`: those up to it.

    Returns:
        int32 `(n,)`.
    """
    result = np.empty(len(values), np.int32)
    for rows in slices(len(values)):
        result[rows] = np.searchsorted(ascending, values[rows], side)
    return result


def counted(places: NDArray, length: int, weights: NDArray | None = None) -> NDArray:
    """`np.bincount` in pieces: float64 `(length,)`.

    Args:
        places: whole numbers from 0 to `length - 1`, `(n,)`.
        length: of the result.
        weights: added up by place, `(n,)` of numbers or bool; None: 1 each.
    """
    total = np.zeros(length)
    for rows in slices(len(places)):
        np.add.at(total, places[rows],
                  1.0 if weights is None else weights[rows].astype(np.float64))
    return total
