"""Bright and dark blobs of a picture, as OpenCV 3.4 found them.

Later versions keep the outlines of a blob in another order, which moves one blob in
five or loses it; the hard negatives of the original need the older behaviour.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

THRESHOLDS = range(int(0.5 * 255), int(0.95 * 255), 10)
LEAST_AREA = 3
LEAST_DISTANCE = 10.0  # between two blobs, pixels
LEAST_OUTLINES = 2     # thresholds at which a blob must be seen
# An outline of fewer pixels encloses less than `LEAST_AREA`.
SHORTEST_OUTLINE = 6

Outline = tuple[float, float, float]  # x, y and radius


def find_blobs(
        levels: NDArray[np.uint8], *,
        most_area: float) -> list[tuple[np.float32, np.float32]]:
    """Finds blobs of any shape: outlines that return at neighbouring thresholds.

    Args:
        levels: uint8 array `(rows, columns)`.
        most_area: area that a blob stays below, square pixels.

    Returns:
        list of centres (x, y), float32.
    """
    blobs = []
    middles = np.zeros((3, 0))  # x, y and radius of the middle outline of each blob
    for threshold in THRESHOLDS:
        outlines = find_outlines(levels, threshold, most_area)
        fresh = []
        for outline in outlines:
            index = first_near(middles, outline)
            if index is None:
                fresh.append([outline])
            else:
                insert(blobs[index], outline)
                middles[:, index] = blobs[index][len(blobs[index]) // 2]
        blobs += fresh
        middles = np.concatenate(
            [middles, np.array([blob[0] for blob in fresh]).reshape(-1, 3).T], axis=1)
    return [center(blob) for blob in blobs if len(blob) >= LEAST_OUTLINES]


def find_outlines(
        levels: NDArray[np.uint8], threshold: int, most_area: float) -> list[Outline]:
    """Outer and inner outlines at one threshold.

    Returns:
        list of (x, y, radius): centroid, and median distance of the outline from it.
    """
    _, bright = cv2.threshold(levels, threshold, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(bright, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    outlines = []
    for contour in contours:
        if len(contour) < SHORTEST_OUTLINE:
            continue
        moments = cv2.moments(contour)
        area = moments["m00"]
        if LEAST_AREA <= area < most_area:
            x, y = moments["m10"] / area, moments["m01"] / area
            across, down = contour.squeeze(1).T
            distances = np.sort(np.sqrt((across - x) ** 2 + (down - y) ** 2))
            count = len(distances)
            radius = (distances[(count - 1) // 2] + distances[count // 2]) / 2
            outlines.append((x, y, float(radius)))
    return outlines


def first_near(middles: NDArray[np.float64], outline: Outline) -> int | None:
    """Index of the first blob that an outline belongs to, or None."""
    x, y, radius = outline
    across, down = middles[0] - x, middles[1] - y
    reach = np.maximum(middles[2], max(LEAST_DISTANCE, radius))
    near = np.sqrt(across * across + down * down) < reach
    return int(near.argmax()) if near.any() else None


def insert(blob: list[Outline], outline: Outline) -> None:
    """Adds an outline to a blob, about in the order of the radius.

    OpenCV 3.4 compared neighbours while it shifted them, so an outline mostly moves
    down by one place only.
    """
    blob.append(outline)
    place = len(blob) - 1
    while place and blob[place][2] < blob[place - 1][2]:
        blob[place] = blob[place - 1]
        place -= 1
    blob[place] = outline


def center(blob: list[Outline]) -> tuple[np.float32, np.float32]:
    """Mean centre of the outlines of a blob, in their order."""
    share = 1.0 / len(blob)
    return tuple(np.float32(sum(outline[axis] for outline in blob) * share)
                 for axis in (0, 1))
