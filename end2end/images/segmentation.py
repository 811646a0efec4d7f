"""Finds the breast in a mammogram."""

import cv2
import numpy as np
from numpy.typing import NDArray


def segment_breast(
    image: NDArray, *, low_int_threshold: float = 0.05, crop: bool = True
) -> tuple[NDArray, tuple[int, int, int, int]]:
    """Keeps the largest bright object, holes filled, and crops to it.

    The largest outer contour of what exceeds the threshold after scaling to 8 bits; of
    equals, the first (documented behaviour of the original).

    Args:
        image: array `(rows, columns)` of any number type, from 0.
        low_int_threshold: below 1 a share of the maximum, else a level of 0-255.
        crop: cut out the bounding box; otherwise only blacken what lies outside.

    Returns:
        The image in its own type, and the bounding box `(x, y, width, height)`.

    Raises:
        ValueError: the image is black, or nothing exceeds the threshold.
    """
    maximum = image.max()
    if maximum <= 0:
        raise ValueError(
            "the image is black, so no breast can be found; check the file.")
    levels = (image.astype(np.float32) / maximum * 255).astype(np.uint8)
    if low_int_threshold < 1:
        low_int_threshold = int(levels.max() * low_int_threshold)
    _, bright = cv2.threshold(levels, low_int_threshold, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(bright, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        raise ValueError(
            f"nothing in the image is brighter than {low_int_threshold} of 255; lower "
            "low_int_threshold.")
    largest = int(np.argmax([cv2.contourArea(contour) for contour in contours]))
    mask = np.zeros(levels.shape, np.uint8)
    cv2.drawContours(mask, contours, largest, 1, thickness=cv2.FILLED)
    x, y, width, height = cv2.boundingRect(contours[largest])
    breast = np.where(mask > 0, image, np.zeros((), image.dtype))
    if crop:
        breast = breast[y:y + height, x:x + width]
    return breast, (x, y, width, height)
