"""Contours of maps and outlines of lesions, as lines over a mammogram."""

import dataclasses
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end import images, saliency
from end2end.data import rois

# Where a map reaches this, smoothed, it is surrounded by a contour.
LEVEL = 0.5
# Contours are followed on a grid with so many pixels along its longer side.
FINE_SIDE = 1024
# In pixels of that grid; a line may leave the contour so far.
TOLERANCE = 0.5
# Areas below this share of the picture are the work of single pixels.
LEAST_AREA = 1e-4
KINDS = {True: "malignant", False: "benign", None: "unknown"}
DASHED = "benign"


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """A closed line.

    Attributes:
        points: float64 `(n, 2)`, column and row in pixels of a picture, whole numbers
            being the centres of pixels.
        kind: `map`, or of a lesion `malignant`, `benign` or `unknown`.
    """

    points: NDArray[np.float64]
    kind: str


def smoothed(strength: NDArray) -> NDArray[np.float32]:
    """A map without the grain of single pixels, with the maximum that it had.

    Args:
        strength: float32 `(height, width)`, 0 to 1.
    """
    if strength.max() <= 0:
        return np.zeros(strength.shape, np.float32)
    smooth = cv2.GaussianBlur(
        strength.astype(np.float32), (0, 0),
        max(saliency.BLUR * strength.shape[0], 0.1))
    return smooth * (float(strength.max()) / float(smooth.max()))


def prominent(
        strength: NDArray, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The areas of a picture where a map is strong, numbered from the strongest.

    There the smoothed map reaches `LEVEL`.

    Args:
        strength: float32 `(height, width)` of the network's grid, 0 to 1.
        shape: (rows, columns) of the picture.

    Returns:
        uint8 of `shape`: 0 outside, else the number of the area; at most 255 areas.
    """
    values = images.geometry.onto(smoothed(strength), shape)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(
        (values >= LEVEL).astype(np.uint8))
    peaks = [(float(values[parts == part].max()), part) for part in range(1, count)
             if sizes[part, cv2.CC_STAT_AREA] >= LEAST_AREA * values.size]
    numbers = np.zeros(count, np.uint8)
    for number, (_, part) in enumerate(sorted(peaks, reverse=True)[:255], 1):
        numbers[part] = number
    return numbers[parts]


def of_map(strength: NDArray, shape: tuple[int, int]) -> list[Line]:
    """The contours of a map on a picture.

    Args:
        strength: float32 `(height, width)`, 0 to 1.
        shape: (rows, columns) of the picture.
    """
    fine = images.geometry.fitted(shape, FINE_SIDE)
    mask = prominent(strength, fine) > 0
    return [Line(points, "map") for points in around(mask, shape)]


def of_regions(
        regions: Iterable[rois.Region], shape: tuple[int, int]) -> list[Line]:
    """The outlines of lesions on a picture of (rows, columns)."""
    return [Line(points, KINDS[region.malignant]) for region in regions
            for points in around(region.mask, shape)]


def around(
        mask: NDArray[np.bool_], shape: tuple[int, int]) -> list[NDArray[np.float64]]:
    """The outer boundaries of a mask as points on a picture, `(n, 2)` each.

    Args:
        mask: bool `(rows, columns)` over the same mammogram.
        shape: (rows, columns) of the picture.
    """
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [images.geometry.points(
        cv2.approxPolyDP(contour, TOLERANCE, True)[:, 0], mask.shape, shape)
        for contour in contours]


def drawn(
        lines: Sequence[Line], shape: tuple[int, int],
        colours: dict[str, tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Lines as a transparent layer, smooth and as wide as the picture needs.

    Args:
        lines: in pixels of the picture.
        shape: (rows, columns) of the picture.
        colours: red, green and blue by kind.

    Returns:
        uint8 `(rows, columns, 4)`; benign lines are dashed.
    """
    layer = np.zeros((*shape, 4), np.uint8)
    width = max(1, round(max(shape) / 600))
    for line in lines:
        strength = np.zeros(shape, np.uint8)
        for piece in _pieces(line.points, 8 * width if line.kind == DASHED else 0):
            # OpenCV takes sixteenths of pixels.
            cv2.polylines(strength, [np.rint(piece * 16).astype(np.int32)], False, 255,
                          width, cv2.LINE_AA, 4)
        stronger = strength > layer[..., 3]
        layer[stronger, :3] = colours[line.kind]
        layer[stronger, 3] = strength[stronger]
    return layer


def _pieces(points, dash):
    """The closed line, or its dashes."""
    closed = np.concatenate([points, points[:1]])
    if not dash:
        return [closed]
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    starts = np.arange(0, lengths[-1], 2 * dash)
    return [np.stack([np.interp(np.linspace(start, start + dash, 9), lengths, axis)
                      for axis in closed.T], axis=1) for start in starts]
