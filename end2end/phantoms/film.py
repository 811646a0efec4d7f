"""Turns the drawing of a breast into a film scanned as those of CBIS-DDSM.

What is seen on real films, in the order in which it comes about: grain, fog and light
that leaked into the cassette, dust, lead letters, the edge of the film; then the
scanner: everything darker than its limit is exactly 0, and the values are steps of some
11.5 bits stretched to 16. The numbers were set so that the measures of the pictures
lie within those of twelve real films (`python -m benchmarks.phantom_measures`).

All lengths are fractions of the height of the picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.phantoms import labels

WHITE = 65535
# The values of the eight native files that were measured are 22.017 apart on average.
STEP = WHITE / 2976
# The scanner's limit: deviations of the grain, and above them a fraction of white.
LIMIT, LIMIT_OF_GRAIN = (0.0, 0.01), 3.3
# Brightness of the breast.
GAIN = (0.82, 0.95)
# Where the characteristic curve of film begins to rise: thin tissue stays dark.
SHOULDER = 0.8
# Grain in the dark and in the light, as a fraction of white.
GRAIN_DARK, GRAIN_LIGHT = (0.004, 0.01), (0.002, 0.006)
# The strip of unexposed film along a side: how wide, its corners, how bright.
STRIP_WIDTH, CORNER, TILT = (0.0012, 0.003), (0.0, 0.04), 0.003
STRIP_SOFTNESS, STRIP_BRIGHTNESS = 0.0008, (0.86, 1.1)
CHEST_STRIP, CHEST_STRIP_WIDTH = 0.2, (0.001, 0.003)
LEAKS, LEAK_BRIGHTNESS, LEAK_REACH = 0.5, (0.03, 0.12), (0.02, 0.08)
SPECKS, SPECK_RADIUS = (6, 30), (0.0003, 0.0012)
LABEL_BRIGHTNESS = (0.5, 0.95)


def expose(
    rng: np.random.Generator, picture: NDArray[np.float32], *, side: str, view: str
) -> NDArray[np.uint16]:
    """A film of the breast, developed and scanned.

    Args:
        rng: draws everything that is not the breast.
        picture: float array `(rows, columns)`, fractions of white, 0 outside the
            breast; chest wall at the left for `LEFT`.
        side: `LEFT` or `RIGHT`.
        view: `CC` or `MLO`.

    Returns:
        uint16 array `(rows, columns)` with the steps of CBIS-DDSM.
    """
    size = picture.shape
    dark, light = rng.uniform(*GRAIN_DARK), rng.uniform(*GRAIN_LIGHT)
    limit = LIMIT_OF_GRAIN * dark + rng.uniform(*LIMIT)
    scan = rng.uniform(*GAIN) * _developed(picture) + _leak(rng, size, side)
    scan = (scan + _grain(rng, scan, dark, light) - limit) / (1 - limit)
    scan = np.maximum(scan, _specks(rng, size))
    letters = labels.lead_letters(rng, size, side[0] + view, side)
    scan = np.maximum(scan, letters * rng.uniform(*LABEL_BRIGHTNESS))
    edge = _edge(rng, size, side)
    scan += edge * (rng.uniform(*STRIP_BRIGHTNESS) - scan)
    steps = np.rint(np.clip(scan, 0, 1) * (WHITE / STEP))
    return np.rint(steps * STEP).astype(np.uint16)


def _developed(picture):
    """The characteristic curve of film, 0 to 0 and 1 to 1."""
    picture = np.clip(picture, 0, None)
    return (1 + SHOULDER) * picture**2 / (picture + SHOULDER)


def _grain(rng, picture, dark, light):
    """Grain of two deviations, in the dark and in the light."""
    grain = rng.standard_normal(picture.shape, np.float32)
    return grain * (dark + (light - dark) * np.clip(picture / 0.6, 0, 1))


def _leak(rng, size, side):
    """Light that fell in at a side: bright at the edge, over a part of it."""
    leak = np.zeros(size, np.float32)
    if rng.random() >= LEAKS:
        return leak
    rows, columns = _from_sides(size, side)
    along = np.exp(-((rows - rng.uniform(0, 1)) / rng.uniform(0.05, 0.4)) ** 2)
    across = np.exp(-columns / rng.uniform(*LEAK_REACH))
    return (rng.uniform(*LEAK_BRIGHTNESS) * along * across).astype(np.float32)


def _from_sides(size, side):
    """Row, and the distance from the side away from the chest wall, per pixel."""
    height, width = size
    columns = np.arange(width)[None] / height
    far = columns[:, ::-1] if side == "LEFT" else columns
    return np.arange(height)[:, None] / height, far


def _specks(rng, size):
    """Dust and scratches, bright."""
    layer = np.zeros(size, np.float32)
    height, width = size
    for _ in range(rng.integers(*SPECKS)):
        radius = rng.uniform(*SPECK_RADIUS) * height
        place = int(rng.integers(width)), int(rng.integers(height))
        level = float(rng.uniform(0.1, 1))
        if radius < 1:
            layer[place[1], place[0]] = level * max(radius, 0.3)
        else:
            cv2.circle(layer, place, int(radius), level, -1, cv2.LINE_AA)
    return layer


def _edge(rng, size, side):
    """Where the film was not exposed: outside a rectangle with round corners.

    At least one of the three sides away from the chest wall has such a strip.
    """
    height, width = size
    far = "right" if side == "LEFT" else "left"
    near = "left" if side == "LEFT" else "right"
    widths = dict.fromkeys(("top", "bottom", "left", "right"), -0.1)
    sides = rng.permutation(["top", "bottom", far])[:rng.integers(1, 3)]
    for name in sides:
        widths[str(name)] = max(rng.uniform(*STRIP_WIDTH), 1.6 / height)
    if rng.random() < CHEST_STRIP:
        widths[near] = rng.uniform(*CHEST_STRIP_WIDTH)
    rows, columns = np.ogrid[:height, :width]
    rows, columns = (rows + 0.5) / height, (columns + 0.5) / height
    tilt, radius = rng.uniform(-TILT, TILT), rng.uniform(*CORNER)
    slanted_rows, slanted_columns = rows + tilt * columns, columns - tilt * rows
    outside_rows = np.maximum(widths["top"] + radius - slanted_rows,
                              slanted_rows - 1 + widths["bottom"] + radius)
    outside_columns = np.maximum(
        widths["left"] + radius - slanted_columns,
        slanted_columns - width / height + widths["right"] + radius)
    distance = np.hypot(np.maximum(outside_rows, 0), np.maximum(outside_columns, 0))
    distance += np.minimum(np.maximum(outside_rows, outside_columns), 0) - radius
    softness = max(STRIP_SOFTNESS, 0.25 / height)
    return (1 / (1 + np.exp(-np.clip(distance / softness, -30, 30)))).astype(np.float32)
