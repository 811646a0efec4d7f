"""The picture of a Secondary Capture: a mammogram under its map, with what it is and is
not written below it."""

import math
import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.explanation import overlays

NOTICE = "Research use only: no medical device, not for diagnosis."
# Columns of letters in a line of the band, and its smallest width in pixels.
LETTERS = 58
LEAST_WIDTH = 480
# Lengths of scale bars in millimetres; the longest that fits is drawn.
LENGTHS = (50, 20, 10, 5, 2, 1)


def with_band(
        picture: NDArray[np.uint8], lines: Sequence[str], *,
        spacing: float | None = None) -> NDArray[np.uint8]:
    """A picture with a black band below it that holds text, colours and a scale bar.

    The picture stands in the upper left corner, pixel for pixel.

    Args:
        picture: uint8 `(rows, columns, 3)`.
        lines: sentences; they are broken to the width.
        spacing: millimetres of a pixel of the picture; None where unknown: then there
            is no bar of millimetres.

    Returns:
        uint8 `(rows, columns, 3)`, larger than the picture.
    """
    width = max(picture.shape[1], LEAST_WIDTH)
    size = width * 0.8 / LETTERS / 13.5
    step = math.ceil(30 * size)
    text = [part for line in lines for part in textwrap.wrap(line, LETTERS)]
    bar_rows = 10 * step
    band = np.zeros((max(len(text) * step, bar_rows) + 3 * step, width, 3), np.uint8)
    for number, line in enumerate(text, 1):
        overlays.written(band, line, (step // 2, number * step + step // 4), size)
    bar = overlays.colour_bar(bar_rows)
    band[step // 2:step // 2 + bar_rows, -bar.shape[1]:] = bar
    _draw_scale(band, spacing, step, size)
    whole = np.zeros((picture.shape[0] + len(band), width, 3), np.uint8)
    whole[:picture.shape[0], :picture.shape[1]] = picture
    whole[picture.shape[0]:] = band
    return whole


def _draw_scale(band, spacing, step, size):
    """A bar of millimetres in the last line of the band, or the words that none is."""
    row = len(band) - step
    if not spacing:
        overlays.written(band, "pixels of unknown size, or not square: no scale bar",
                         (step // 2, row), size)
        return
    length = next((length for length in LENGTHS
                   if length / spacing <= band.shape[1] / 2), LENGTHS[-1])
    end = step // 2 + round(length / spacing)
    cv2.line(band, (step // 2, row), (end, row), overlays.WHITE, max(2, step // 8))
    overlays.written(band, f"{length} mm at the detector", (end + step, row), size)
