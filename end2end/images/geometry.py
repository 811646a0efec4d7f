"""Where the cells of a network's input lie on the mammogram, and pictures of both.

A network sees a mammogram at a size and mostly at an aspect of its own. Everything that
people look at, and every coordinate that leaves the program, is of the mammogram. The
two differ by a factor for the rows and one for the columns, with pixels as areas: the
centre of the first pixel lies half a pixel from the edge of the picture, as
`scaling.resized` has it.
"""

import os
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end.dicom import parsing
from end2end.utils import files

Shape = tuple[int, int]


def fitted(shape: Shape, most_rows: int | None) -> Shape:
    """The size of a picture of a mammogram: its own aspect, never enlarged.

    Args:
        shape: (rows, columns) of the mammogram.
        most_rows: of the longer side of the picture; None for the mammogram's own size.

    Returns:
        (rows, columns), each at least 1.
    """
    longest = max(shape)
    if most_rows is None or longest <= most_rows:
        return shape
    rows, columns = (max(1, round(side * most_rows / longest)) for side in shape)
    return rows, columns


def picture(pixels: NDArray, shape: Shape) -> NDArray:
    """A mammogram at a size that `fitted` gave.

    Args:
        pixels: array `(rows, columns)` of any number type.

    Returns:
        array of `shape` and the same type; means over areas.
    """
    if pixels.shape == shape:
        return pixels
    return cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA)


def onto(values: NDArray, shape: Shape) -> NDArray:
    """A map of the network's grid laid onto a picture of the mammogram.

    Args:
        values: float32 or uint8 `(height, width)`.
        shape: (rows, columns) of the picture.

    Returns:
        array of `shape`; between the centres of cells values run evenly, and where the
        picture is the coarser one they are means over its pixels.
    """
    if values.shape == shape:
        return values
    shrinks = shape[0] < values.shape[0] and shape[1] < values.shape[1]
    return cv2.resize(values, shape[::-1], interpolation=cv2.INTER_AREA if shrinks
                      else cv2.INTER_LINEAR)


def placed(values: NDArray, box: tuple[slice, slice], shape: Shape) -> NDArray:
    """A map of a part of a mammogram as a map of all of it, 0 elsewhere.

    Args:
        values: float32 `(height, width)`, over the part.
        box: rows and columns of the part.
        shape: (rows, columns) of the mammogram.

    Returns:
        array of the same type, with cells about as large as those of `values`.
    """
    whole, places = [], []
    for part, side, cells in zip(box, shape, values.shape, strict=True):
        whole.append(round(cells * side / (part.stop - part.start)))
        # It ends within the whole: half a cell is not reached on both sides.
        start = round(part.start / side * whole[-1])
        places.append(slice(start, start + cells))
    result = np.zeros(whole, values.dtype)
    result[tuple(places)] = values
    return result


def points(points: ArrayLike, grid: Shape, shape: Shape) -> NDArray[np.float64]:
    """Points of one grid as points of another over the same mammogram.

    Args:
        points: `(n, 2)`, column and row; whole numbers are centres of pixels.
        grid: (rows, columns) that they count in.
        shape: (rows, columns) of the other.

    Returns:
        float64 `(n, 2)`.
    """
    factor = np.array([shape[1] / grid[1], shape[0] / grid[0]])
    return (np.asarray(points, np.float64) + 0.5) * factor - 0.5


def pixel_spacing(header: Mapping) -> float | None:
    """Millimetres between the rows of a mammogram, at the breast or the detector.

    Args:
        header: `pydicom.Dataset` of the mammogram.

    Returns:
        None where unknown, or where rows and columns differ.
    """
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            down, across = map(float, header.get(name) or ())
        except (TypeError, ValueError):
            continue
        if down < 10 and abs(down - across) < 0.01 * down:  # so that it is above 0
            return down
    return None


def spacing_of(path: str | os.PathLike) -> float | None:
    """`pixel_spacing` of a file; None where it is no DICOM file or cannot be read."""
    try:
        if not files.is_dicom(files.existing_file(path, "image")):
            return None
        with parsing.refusing(path):
            return pixel_spacing(parsing.read_header(path)[0])
    except (files.InputError, OSError):
        return None
