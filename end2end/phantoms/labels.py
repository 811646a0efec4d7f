"""Draws the labels of side and view: lead letters on film, burned-in text on digital.

Lead letters lie on the cassette by hand: slanted, soft, in the upper corner away from
the chest wall, now and then cut by the edge of the film. All lengths are fractions of
the height of the picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# Shares of pictures without a label: of real films 2 of 12 show none.
NO_LETTERS, NO_BURNED_IN = 0.15, 0.2
# Height of the letters, their slant in degrees, and how far their middle lies from the
# top and from the side away from the chest wall, as seen on twelve real films.
LETTER_HEIGHT, SLANT = (0.022, 0.04), 50
FROM_TOP, FROM_SIDE = (0.03, 0.2), (0.04, 0.2)
SOFTNESS = (0.0006, 0.0016)


def lead_letters(
    rng: np.random.Generator, size: tuple[int, int], text: str, side: str
) -> NDArray[np.float32]:
    """Lead letters of a film, in most films.

    Args:
        rng: draws whether, where and how.
        size: (height, width) in pixels.
        text: such as `LCC`.
        side: `LEFT` (chest wall at the left) or `RIGHT`.

    Returns:
        float32 array `size`, 0 where there is none, 1 inside the letters.
    """
    layer = np.zeros(size, np.float32)
    if rng.random() < NO_LETTERS:
        return layer
    height, width = size
    letters = _letters(text, max(5, rng.uniform(*LETTER_HEIGHT) * height))
    slant = rng.uniform(-SLANT, SLANT)
    row = rng.uniform(*FROM_TOP) * height
    column = rng.uniform(*FROM_SIDE) * height
    column = width - column if side == "LEFT" else column
    turn = cv2.getRotationMatrix2D(
        (letters.shape[1] / 2, letters.shape[0] / 2), slant, 1)
    turn[:, 2] += (column - letters.shape[1] / 2, row - letters.shape[0] / 2)
    layer = cv2.warpAffine(letters, turn, (width, height))
    softness = max(0.4, rng.uniform(*SOFTNESS) * height)
    return np.clip(cv2.GaussianBlur(layer, (0, 0), softness), 0, 1)


def _letters(text, height):
    """The text upright, float32 0 to 1, letters of `height` pixels."""
    font, scale = cv2.FONT_HERSHEY_DUPLEX, height / 22
    thickness = max(1, round(3 * scale))
    (long, tall), below = cv2.getTextSize(text, font, scale, thickness)
    canvas = np.zeros((tall + below + 2 * thickness, long + 2 * thickness), np.uint8)
    cv2.putText(canvas, text, (thickness, tall + thickness), font, scale, 255,
                thickness, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def burn_in(
    rng: np.random.Generator, picture: NDArray[np.uint16], text: str, side: str,
    white: int
) -> None:
    """Writes a label into a corner away from the chest wall, in most pictures.

    Args:
        rng: draws whether, where and how.
        picture: uint16 array `(rows, columns)`, changed in place.
        text: such as `L CC`.
        side: `LEFT` (chest wall at the left) or `RIGHT`.
        white: the value of white.
    """
    if rng.random() < NO_BURNED_IN:
        return
    height, width = picture.shape
    scale = height / 900
    (long, tall), _ = cv2.getTextSize(
        text, cv2.FONT_HERSHEY_SIMPLEX, scale, max(1, round(2 * scale)))
    margin = max(1, height // 50)
    left = width - long - margin if side == "LEFT" else margin
    bottom = tall + margin if rng.random() < 0.5 else height - margin
    label = np.zeros((height, width), np.uint8)
    if rng.random() < 0.4:                      # a white plate with black letters
        cv2.rectangle(label, (left - 2, bottom - tall - 2), (left + long, bottom + 2),
                      255, -1)
    colour = 0 if label.any() else 255
    cv2.putText(label, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, colour,
                max(1, round(2 * scale)), cv2.LINE_AA)
    np.maximum(picture, (label * (0.95 * white / 255)).astype(np.uint16), out=picture)
