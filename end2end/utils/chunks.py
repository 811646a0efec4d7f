"""Long arrays piece by piece, so that results between steps take no memory to speak of.

A million scores are 8 MB; an expression of numpy on all of them holds several arrays as
long at once. Where an array lies in a temporary file (`utils.mapped`), so do the
results, and no more than a few pieces are in memory, whatever the number of rows.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from end2end.utils import mapped

LENGTH = 1 << 16
# Each how many-th number of a sorted piece is looked at when pieces are merged.
_STRIDE = 256


def slices(count: int, *arrays: object) -> Iterator[slice]:
    """Slices of at most 65,536 rows that cover `count` rows in order.

    Args:
        count: of rows.
        arrays: those worked on; where they lie in files, the memory of the last slice
            is given back before the next.
    """
    for start in range(0, count, LENGTH):
        yield slice(start, min(start + LENGTH, count))
        mapped.release(*arrays)


def each(function: Callable[..., NDArray], *arrays: NDArray,
         dtype: DTypeLike = np.float64) -> NDArray:
    """`function(*arrays)` for a function of each row alone; `(n,)` of `dtype`."""
    result = mapped.empty(len(arrays[0]), dtype, arrays[0])
    for rows in slices(len(result), result, *arrays):
        result[rows] = function(*(values[rows] for values in arrays))
    return result


def chosen(values: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    """`values[mask]`."""
    result, start = mapped.empty(int(mask.sum()), values.dtype, values), 0
    for rows in slices(len(values), result, values):
        part = values[rows][mask[rows]]
        result[start:start + len(part)] = part
        start += len(part)
    return result


def extremes(values: NDArray) -> tuple[float, float]:
    """Least and greatest of some numbers, infinite where there is none."""
    low, high = np.inf, -np.inf
    for rows in slices(len(values), values):
        low, high = min(low, values[rows].min()), max(high, values[rows].max())
    return low, high


def total(values: NDArray, mask: NDArray[np.bool_] | None = None) -> float:
    """Sum of the numbers, of those where `mask` is true if there is one."""
    return float(sum(
        values[rows].sum(where=True if mask is None else mask[rows], dtype=np.float64)
        for rows in slices(len(values), values)))


def product(first: NDArray, second: NDArray) -> float:
    """`first @ second`."""
    return float(sum(first[rows] @ second[rows]
                     for rows in slices(len(first), first, second)))


def cumulated(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`np.cumsum(values)`."""
    result, before = mapped.empty(len(values), np.float64, values), 0.0
    for rows in slices(len(values), result, values):
        part = values[rows].astype(np.float64)
        part[0] += before
        result[rows] = np.cumsum(part, out=part)
        before = part[-1]
    return result


# By place -------------------------------------------------------------------------


def places(ascending: NDArray, values: NDArray, side: str = "left") -> NDArray:
    """`np.searchsorted` in int32, in pieces: how many of `ascending` lie before each.

    Args:
        ascending: sorted, `(m,)`.
        values: `(n,)`.
        side: `left`: those below the value; `right`: those up to it.

    Returns:
        int32 `(n,)`.
    """
    result = mapped.empty(len(values), np.int32, values)
    for rows in slices(len(values), result, values):
        part = values[rows]
        if mapped.file_of(ascending) is None:
            result[rows] = np.searchsorted(ascending, part, side)
            continue
        order = np.argsort(part)
        result[rows][order] = _places_in_pieces(ascending, part[order], side)
    return result


def _places_in_pieces(ascending, values, side):
    """As `places`, of values in ascending order."""
    result, start = np.full(len(values), len(ascending)), 0
    for rows in slices(len(ascending), ascending):
        part = ascending[rows]
        # The next piece may go on with numbers equal to the last of this one.
        stop = int(np.searchsorted(
            values, part[-1], "right" if side == "left" else "left"))
        result[start:stop] = rows.start + np.searchsorted(
            part, values[start:stop], side)
        start = max(start, stop)
    return result


def looked_up(values: NDArray, places: NDArray) -> NDArray:
    """`values[places]` of at most `LENGTH` places, `(n,)`."""
    if mapped.file_of(values) is None:
        return values[places]
    result = np.empty(len(places), values.dtype)
    for rows in slices(len(values), values):
        inside = (places >= rows.start) & (places < rows.stop)
        result[inside] = values[places[inside]]
    return result


def counted(places: NDArray, length: int, weights: NDArray | None = None) -> NDArray:
    """`np.bincount` in pieces: float64 `(length,)`.

    Args:
        places: whole numbers from 0 to `length - 1`, `(n,)`.
        length: of the result.
        weights: added up by place, `(n,)` of numbers or bool; None: 1 each.
    """
    if mapped.file_of(places) is None:
        result = np.zeros(length)
        _count(result, places, weights)
        return result
    result = mapped.empty(length, np.float64, places)
    for part in slices(length, result):
        result[part] = 0
        _count(result[part], places, weights, part.start)
    return result


def _count(result, places, weights, first=0):
    """Adds weights to a result that begins at a place; others are passed over."""
    for rows in slices(len(places), places, weights):
        part = places[rows] - first
        values = np.ones(len(part)) if weights is None else weights[rows].astype(
            np.float64)
        inside = (part >= 0) & (part < len(result))
        np.add.at(result, part[inside], values[inside])


# In order -------------------------------------------------------------------------


def ascending(values: NDArray) -> NDArray:
    """`np.sort(values)`; of a file, pieces are sorted and then merged."""
    if mapped.file_of(values) is None:
        return np.sort(values)
    runs = mapped.empty(len(values), values.dtype, values)
    parts, samples = list(slices(len(values))), []
    for rows in slices(len(values), values, runs):
        part = np.sort(values[rows])
        runs[rows] = part
        samples.append(part[::_STRIDE].copy())
    pivots = np.unique(np.sort(np.concatenate(samples))[::_STRIDE])
    result = mapped.empty(len(values), values.dtype, values)
    place = 0
    for numbers, count in _merged(runs, parts, pivots):
        for rows in slices(count, result, runs):
            result[place + rows.start:place + rows.stop] = (
                numbers if numbers.ndim == 0 else numbers[rows])
        place += count
    return result


def _merged(runs, parts, pivots):
    """Numbers between two pivots in order, then the pivot and how often it comes."""
    lefts, rights = np.empty((2, len(pivots) + 1, len(parts)), int)
    for column, rows in enumerate(parts):
        lefts[:-1, column] = np.searchsorted(runs[rows], pivots, "left")
        rights[:-1, column] = np.searchsorted(runs[rows], pivots, "right")
        lefts[-1, column] = rights[-1, column] = rows.stop - rows.start
        mapped.release(runs)
    starts = np.zeros(len(parts), int)
    for number, (stops, ends) in enumerate(zip(lefts, rights, strict=True)):
        between = np.sort(np.concatenate([
            runs[rows][start:stop]
            for rows, start, stop in zip(parts, starts, stops, strict=True)]))
        yield between, len(between)
        if number < len(pivots):
            yield pivots[number], int((ends - stops).sum())
        starts = ends


def distinct(ascending: NDArray) -> tuple[NDArray, NDArray[np.float64]]:
    """Distinct numbers of a sorted array, and how often each comes: `(m,)` each."""
    numbers = mapped.empty(len(ascending), ascending.dtype, ascending)
    starts = mapped.empty(len(ascending) + 1, np.int64, ascending)
    count, last = 0, np.nan
    for rows in slices(len(ascending), ascending, numbers, starts):
        part = ascending[rows]
        new = np.append(part[0] != last, part[1:] != part[:-1])
        places = slice(count, count + int(new.sum()))
        numbers[places], starts[places] = part[new], np.flatnonzero(new) + rows.start
        count, last = places.stop, part[-1]
    starts[count] = len(ascending)
    return numbers[:count], each(np.subtract, starts[1:count + 1], starts[:count])
