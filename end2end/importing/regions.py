"""Boxes, circles and contours as masks, in the form that patch sampling takes."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.importing import records


def corners(region: records.Region) -> list[tuple[float, float]]:
    """Corners of the smallest box around a region that is no mask, top left first."""
    if region.shape == "circle":
        (x, y), (radius, _) = region.points
        return [(x - radius, y - radius), (x + radius, y + radius)]
    columns, rows = zip(*region.points, strict=True)
    return [(min(columns), min(rows)), (max(columns), max(rows))]


def misplaced(region: records.Region, shape: Sequence[int]) -> str:
    """What is wrong with where a region lies; an empty text where nothing is.

    Args:
        region: no mask.
        shape: (rows, columns) of the picture.
    """
    values = [value for point in region.points for value in point]
    if not values or not all(map(math.isfinite, values)):
        return "has no place"
    if region.shape == "circle" and max(region.points[1]) <= 0:
        return "has no radius"
    if region.shape == "box" and not all(
            first < last for first, last in zip(*region.points, strict=True)):
        return "has corners that do not make a box"
    (left, top), (right, bottom) = corners(region)
    if right <= 0 or bottom <= 0 or left >= shape[1] or top >= shape[0]:
        return "lies outside the picture"
    if left < 0 or top < 0 or right > shape[1] or bottom > shape[0]:
        return "reaches beyond the picture and is cut there"
    return ""


def drawn(region: records.Region, shape: Sequence[int], size: Sequence[int]
          ) -> NDArray[np.uint8]:
    """A region as a mask at the size of the result.

    Args:
        region: no mask, not outside the picture.
        shape: (rows, columns) of the file.
        size: (height, width) of the result.

    Returns:
        uint8 array `size` of 0 and 255, with one pixel at least.
    """
    mask = np.zeros(tuple(size), np.uint8)
    scale = np.array([size[1] / shape[1], size[0] / shape[0]])
    if region.shape == "circle":
        centre, radius = np.array(region.points) * scale
        rows, columns = np.ogrid[:size[0], :size[1]]
        axes = np.maximum(radius, 0.5)
        inside = (((columns + 0.5 - centre[0]) / axes[0]) ** 2
                  + ((rows + 0.5 - centre[1]) / axes[1]) ** 2) <= 1
        mask[inside] = 255
    elif region.shape == "box":
        first, last = np.array(region.points) * scale
        # Pixels whose middle lies inside.
        left, top = np.maximum(np.ceil(first - 0.5), 0).astype(int)
        right, bottom = np.ceil(last - 0.5).astype(int)
        mask[top:bottom, left:right] = 255
    else:
        points = np.rint(np.array(region.points, float) * scale).astype(np.int32)
        if len(points) > 2:
            cv2.fillPoly(mask, [points], 255)
        inside = np.clip(points, 0, np.array([size[1] - 1, size[0] - 1]))
        mask[inside[:, 1], inside[:, 0]] = 255
    if not mask.any():
        middle = np.array(corners(region)).mean(axis=0) * scale
        column, row = np.clip(middle, 0, [size[1] - 1, size[0] - 1]).astype(int)
        mask[row, column] = 255
    return mask


def as_text(region: records.Region) -> str:
    """A region as a cell: `box 12 34 56 78`, `circle 100 200 30`, `contour 57 points`.
    """
    if region.shape == "contour":
        return f"contour {len(region.points)} points"
    if region.shape == "mask":
        return "mask"
    values = [value for point in region.points for value in point]
    if region.shape == "circle":
        values = values[:3]
    return " ".join([region.shape, *(f"{value:g}" for value in values)])
