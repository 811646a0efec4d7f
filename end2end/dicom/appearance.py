"""Brings any mammogram to one size and depth, in which its appearance is measured.

What is told from a picture (film or digital, inverted, cropped, ...) must not depend on
the resolution or the bit depth of the file.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# Height of what is measured, and of the small picture in which objects are found.
ROWS = 1152
SMALL_ROWS = 288
# Of the brightest pixels so many are left aside: burned-in labels outshine the tissue.
WHITE_PERCENTILE = 99.8
# Below so many pixels along a side, or of a single grey, nothing can be told.
LEAST_SIDE = 128


def can_be_judged(image: NDArray) -> bool:
    """Whether a picture is large enough, and not of a single grey."""
    return min(image.shape) >= LEAST_SIDE and bool(image.min() < image.max())


def unframed(image: NDArray) -> NDArray:
    """Cuts off a drawn frame or padding: lines of one grey along all four sides.

    Args:
        image: array `(rows, columns)`.

    Returns:
        The inner part; the image itself where it has no frame.
    """
    tolerance = 0.01 * (float(image.max()) - float(image.min()))
    width = 0
    for width in range(max(image.shape) // 6 + 1):
        inner = image[width:image.shape[0] - width, width:image.shape[1] - width]
        if min(inner.shape) < 64 or _spread_of_sides(inner) > tolerance:
            break
    if width == 0:
        return image
    width += 2  # what resizing has smeared of it
    return image[width:image.shape[0] - width, width:image.shape[1] - width]


def _spread_of_sides(image):
    sides = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return float(np.ptp(sides.astype(np.float32)))


def grey_levels(image: NDArray) -> NDArray[np.float32]:
    """The image in at most `ROWS` rows, from 0 (darkest) to 255 (white).

    Args:
        image: array `(rows, columns)` of any number type.

    Returns:
        float32 array, 0-255.
    """
    image = unframed(image)
    factor = ROWS / image.shape[0]
    if factor < 1:
        size = (max(1, round(image.shape[1] * factor)), ROWS)
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    levels = image.astype(np.float32)
    low, high = float(levels.min()), float(np.percentile(levels, WHITE_PERCENTILE))
    levels -= np.float32(low)
    levels *= np.float32(255 / max(high - low, 1e-6))
    return np.clip(levels, 0, 255)


def has_bright_background(levels: NDArray) -> bool:
    """Whether the commonest grey is bright, lies along the sides, and little is dark.

    All of twelve real films are found when inverted; none is when upright.

    Args:
        levels: from `grey_levels`, 0-255.
    """
    shares = np.bincount((levels / 8).astype(int).ravel()) / levels.size
    mode = int(shares.argmax())
    inset = max(1, min(levels.shape) // 25)
    sides = np.concatenate([levels[inset], levels[-inset],
                            levels[:, inset], levels[:, -inset]])
    along_sides = float((np.abs(sides / 8 - mode - 0.5) <= 2).mean())
    share = float(shares[mode - 1:mode + 2].sum())
    return (mode >= 18 and share >= 0.25 and along_sides >= 0.3
            and float(shares[:3].sum()) < 0.12)


def small(levels: NDArray, *, least_columns: int = 8) -> NDArray[np.float32]:
    """`grey_levels` in `SMALL_ROWS` rows, by area."""
    columns = round(levels.shape[1] * SMALL_ROWS / levels.shape[0])
    return cv2.resize(levels, (max(least_columns, columns), SMALL_ROWS),
                      interpolation=cv2.INTER_AREA)


def padded(mask: NDArray, width: int) -> NDArray[np.uint8]:
    """A mask with room around, for objects that reach beyond the picture."""
    return cv2.copyMakeBorder(
        mask.astype(np.uint8), width, width, width, width, cv2.BORDER_REPLICATE)


def cut(mask: NDArray, width: int) -> NDArray:
    """Undoes `padded`."""
    return mask[width:-width, width:-width]


def grown(mask: NDArray, size: int) -> NDArray[np.bool_]:
    """A mask dilated by a square of so many pixels, as if it went on outside."""
    larger = cv2.dilate(padded(mask, size), np.ones((size, size), np.uint8))
    return cut(larger, size).astype(bool)


def solid_object(mask: NDArray) -> NDArray[np.bool_]:
    """The largest thick object of a mask of `SMALL_ROWS` rows.

    Thin parts are removed first (an opening by a disc of 21 pixels); of the parts left
    the one with the greatest product of area and depth is taken.

    Returns:
        bool array of the same shape; all False where nothing is thick enough.
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (21, 21))
    opened = cut(cv2.morphologyEx(padded(mask, 12), cv2.MORPH_OPEN, disc), 12)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return np.zeros(mask.shape, bool)
    depth = cv2.distanceTransform(opened, cv2.DIST_L2, 3)
    sizes = [statistics[k, cv2.CC_STAT_AREA] * float(depth[labels == k].max())
             for k in range(1, count)]
    return labels == 1 + int(np.argmax(sizes))


def depth_below_skin(mask: NDArray) -> NDArray[np.float32]:
    """Distance of each pixel of the breast from its edge, in percent of the height.

    The sides of the picture are no edge, since the breast goes on beyond them.
    """
    distance = cv2.distanceTransform(padded(mask, 30), cv2.DIST_L2, 5)
    return cut(distance, 30) * np.float32(100 / mask.shape[0])
