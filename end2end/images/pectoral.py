"""Finds the pectoral muscle, a bright triangle at the chest wall, and removes it.

Its edge is looked for as the straight line that has brighter pixels on its inner side
everywhere (as in Karssemeijer 1998, Phys Med Biol 43:365, with a comparison of the two
sides in place of a Hough transform).
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.images import segmentation

# The edge is looked for in pictures of so many rows, smoothed by so many pixels, from
# values so many pixels before and behind it, at so many points.
ROWS, SMOOTHING, DISTANCE, POINTS = 256, 2.5, 4, 60
# Where the line may meet the upper border and the chest wall, as shares of the breast's
# width and height, and how steep it may be.
ACROSS, DOWN, STEEPNESS = (0.12, 0.95), (0.25, 0.98), (0.8, 4.5)
# Points with breast on both sides, at least; of the points a quarter may have a step
# below EDGE, a share of the range of grey values in the breast. On the films and DICOMs
# at hand the step was 0.15 to 0.32 in oblique views, at most 0.04 in others.
INSIDE, EDGE = 0.85, 0.1
# Pixels by which the removed part reaches beyond the line, over the edge's own width.
MARGIN = 2


@dataclasses.dataclass(frozen=True)
class Muscle:
    """The edge of the muscle in a picture of `ROWS` rows, chest wall to the left.

    Attributes:
        corner: column and row of the breast's upper corner at the chest wall.
        across, down: how far from it the edge meets the upper border and the wall.
        step: what the inner side is brighter at three quarters of the edge, as a share
            of the range of grey values in the breast.
        mirrored: whether the chest wall is at the right of the image.
        columns: of the picture.
    """

    corner: tuple[int, int]
    across: float
    down: float
    step: float
    mirrored: bool
    columns: int

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """True inside the muscle, in an image of some shape `(rows, columns)`."""
        rows, columns = (np.arange(count) for count in shape)
        if self.mirrored:
            columns = columns[::-1]
        x = (columns + 0.5) * self.columns / shape[1] - self.corner[0]
        y = (rows + 0.5) * ROWS / shape[0] - self.corner[1]
        reach = 1 + MARGIN * np.hypot(1 / self.across, 1 / self.down)
        return x[None] / self.across + y[:, None] / self.down < reach


def pectoral_muscle(image: NDArray) -> Muscle | None:
    """The pectoral muscle of a mammogram.

    Args:
        image: array `(rows, columns)` of any number type, from 0, upright.

    Returns:
        `Muscle`; None where no edge is plain enough, as in craniocaudal views, and in
        a black image.
    """
    maximum = float(image.max())
    if maximum <= 0:
        return None
    columns = max(8, round(image.shape[1] * ROWS / image.shape[0]))
    small = cv2.resize(image.astype(np.float32) / maximum, (columns, ROWS),
                       interpolation=cv2.INTER_AREA)
    breast, (x, _, width, _) = segmentation.segment_breast(small, crop=False)
    inside = cv2.morphologyEx(
        (breast > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5))).astype(bool)
    strip = max(2, width // 10)
    mirrored = bool(inside[:, x + width - strip:x + width].sum()
                    > inside[:, x:x + strip].sum())
    if mirrored:
        small, inside = small[:, ::-1], inside[:, ::-1]
    return _strongest_edge(cv2.GaussianBlur(small, (0, 0), SMOOTHING), inside, mirrored)


def _strongest_edge(picture, inside, mirrored):
    """The line with the greatest step, if that is great enough."""
    x, y, width, height = cv2.boundingRect(inside.astype(np.uint8))
    across, down = np.meshgrid(
        np.arange(int(ACROSS[0] * width), int(ACROSS[1] * width) + 1, 3),
        np.arange(int(DOWN[0] * height), int(DOWN[1] * height) + 1, 4))
    steep = down / np.maximum(across, 1)
    possible = (across > 0) & (steep >= STEEPNESS[0]) & (steep <= STEEPNESS[1])
    if not possible.any():
        return None
    across, down = across[possible], down[possible]
    steps, known = _steps(picture, inside, (x, y), across, down)
    low, high = np.percentile(picture[inside], (5, 95))
    steps /= max(high - low, 1e-6)
    quarter = np.array([np.percentile(row[ok], 25) if ok.mean() >= INSIDE else -1
                        for row, ok in zip(steps, known, strict=True)])
    mean = np.where(known, np.clip(steps, -0.1, 0.25), 0).sum(1) / known.sum(1).clip(1)
    best = int(np.argmax(np.where(quarter > -1, quarter + mean, -1)))
    if quarter[best] < EDGE:
        return None
    return Muscle((x, y), float(across[best]), float(down[best]), float(quarter[best]),
                  mirrored, picture.shape[1])


def _steps(picture, inside, corner, across, down):
    """Differences of the two sides along lines, and where both sides are in the breast.

    Returns:
        arrays `(lines, POINTS)`.
    """
    share = np.linspace(0.04, 0.9, POINTS)
    x = corner[0] + across[:, None] * (1 - share)
    y = corner[1] + down[:, None] * share
    length = np.hypot(across, down)
    right, below = DISTANCE * (down / length)[:, None], DISTANCE * (
        across / length)[:, None]
    # The skin line is an edge too: the outer side keeps away from it.
    deep = cv2.erode(inside.astype(np.uint8), np.ones((9, 9)),
                     borderType=cv2.BORDER_CONSTANT, borderValue=1).astype(bool)
    values, known = [], []
    for sign, region in ((-1, inside), (1, deep)):
        rows = np.clip(np.round(y + sign * below).astype(int), 0, ROWS - 1)
        columns = np.clip(np.round(x + sign * right).astype(int), 0,
                          picture.shape[1] - 1)
        values.append(picture[rows, columns])
        known.append(region[rows, columns])
    return values[0] - values[1], known[0] & known[1]


def remove_pectoral(image: NDArray) -> NDArray:
    """Makes the pectoral muscle black, where its edge is plain enough.

    Args:
        image: array `(rows, columns)` of any number type, from 0, upright.

    Returns:
        a copy of the image in its own type; the image itself where no muscle is seen.
    """
    muscle = pectoral_muscle(image)
    if muscle is None:
        return image
    return np.where(muscle.mask(image.shape), np.zeros((), image.dtype), image)
