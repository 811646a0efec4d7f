"""Finds the rescale factor from the bits of an image (`--rescale-factor auto`).

What a file declares is taken where it says something. Sixteen bits say nothing, since
detectors of 12 bits are often stored so (INbreast); then the greatest value tells the
bits, not the factor itself: images of one exam must not be scaled each by its own
brightest pixel.
"""

import numpy as np
from numpy.typing import NDArray

from end2end.dicom import grey_levels

# As in the original, 255/65535 is rounded to six decimals.
SCALE_OF_16_BITS = 0.003891
# Bicubic resizing overshoots the range of its source a little: 4100 is of 12 bits.
OVERSHOOT = 1.015


def of_maximum(maximum: float) -> int:
    """The usual bit depth (8, 10, 12, 14 or 16) that a greatest value tells."""
    if maximum <= 255:
        return 8
    return grey_levels.depth_of(maximum / OVERSHOOT)


def depth(image: NDArray, declared: int | None = None) -> int:
    """Bits of one image.

    Args:
        image: array `(rows, columns)` from `images.read_image`.
        declared: bits that the file declares, None where it says nothing.
    """
    if image.dtype == np.uint8:
        return 8
    return declared or of_maximum(float(image.max()))


def scale(bits: int) -> float | None:
    """The factor that brings images of so many bits to 0-255, to four digits.

    Returns:
        None for 8 bits (nothing to scale), 0.003891 for 16.
    """
    if bits <= 8:
        return None
    return SCALE_OF_16_BITS if bits >= 16 else float(f"{255 / ((1 << bits) - 1):.4g}")
