"""Maps and outlines laid over a mammogram, as pictures and as transparent layers."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end.data import rois

# Red, green, blue. Blue and green as in Figure 4 of Shen et al. 2019, in shades that
# differ for every kind of colour vision; benign outlines are dashed besides.
RED, BLUE, GREEN, GREY = (255, 40, 0), (0, 114, 255), (0, 190, 120), (200, 200, 200)
OUTLINES = {True: BLUE, False: GREEN, None: GREY}
DASH = 8


def grey8(image: ArrayLike, *, height: int | None = None) -> NDArray[np.uint8]:
    """A mammogram as 8-bit grey for looking at.

    Args:
        image: array `(rows, columns)` from 0, of any number type.
        height: of the result in pixels; default that of the image. Never enlarged.

    Returns:
        uint8 `(rows, columns)`; the 99.9th percentile becomes white.
    """
    pixels = np.asarray(image, np.float32)
    if height is not None and height < pixels.shape[0]:
        width = max(1, round(pixels.shape[1] * height / pixels.shape[0]))
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    white = float(np.percentile(pixels, 99.9)) or float(pixels.max()) or 1.0
    return np.clip(pixels * (255 / white), 0, 255).astype(np.uint8)


def draw(
        grey: NDArray[np.uint8], strength: NDArray | None = None,
        regions: Sequence[rois.Region] = ()) -> NDArray[np.uint8]:
    """A mammogram with red dots where a map is above 0, and outlined lesions.

    Args:
        grey: uint8 `(rows, columns)`.
        strength: float32 of the same shape, 0 to 1; red grows with it.
        regions: list of `rois.Region`; malignant ones blue, benign ones green and
            dashed.

    Returns:
        uint8 `(rows, columns, 3)`, red first.
    """
    picture = np.repeat(grey[..., None], 3, axis=-1)
    if strength is not None:
        picture = blended(picture, layer(strength))
    return blended(picture, outline_layer(grey.shape, regions))


def blended(picture: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lays an RGBA layer over an RGB picture of the same size."""
    share = above[..., 3:].astype(np.float32) / 255
    return np.rint(picture * (1 - share) + above[..., :3] * share).astype(np.uint8)


def layer(strength: NDArray, colour: tuple[int, int, int] = RED) -> NDArray[np.uint8]:
    """A map as a transparent layer of one colour.

    Args:
        strength: `(rows, columns)`, 0 to 1.

    Returns:
        uint8 `(rows, columns, 4)`; clear where the map is 0. The root of the strength
        is shown, so that weak places can be seen.
    """
    picture = np.zeros((*strength.shape, 4), np.uint8)
    picture[..., :3] = colour
    picture[..., 3] = np.rint(255 * np.sqrt(np.clip(strength, 0, 1)))
    return picture


def heat_layer(probabilities: NDArray) -> NDArray[np.uint8]:
    """Probabilities as a transparent layer, dark violet to yellow.

    Args:
        probabilities: `(rows, columns)`, 0 to 1.

    Returns:
        uint8 `(rows, columns, 4)`; the more probable, the less transparent.
    """
    share = np.clip(probabilities, 0, 1)
    colours = cv2.applyColorMap(
        np.rint(share * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    alpha = np.rint(230 * np.sqrt(share)).astype(np.uint8)
    return np.dstack([colours[..., ::-1], alpha])


# How a map is coloured: maps of single pixels, and maps that cover areas.
LAYERS = {"dots": layer, "areas": heat_layer}


def outline_layer(
        shape: Sequence[int], regions: Sequence[rois.Region]) -> NDArray[np.uint8]:
    """Outlines of lesions as a transparent layer.

    Args:
        shape: (rows, columns).
        regions: list of `rois.Region`, with masks of that shape.

    Returns:
        uint8 `(rows, columns, 4)`.
    """
    thickness = max(1, round(shape[0] / 400))
    picture = np.zeros((*shape, 4), np.uint8)
    for region in regions:
        contours, _ = cv2.findContours(
            region.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        colour = (*OUTLINES[region.malignant], 255)
        for contour in contours:
            for piece in _pieces(contour[:, 0], dashed=region.malignant is False,
                                 dash=DASH * thickness):
                cv2.polylines(picture, [piece], False, colour, thickness)
    return picture


def _pieces(points, *, dashed, dash):
    points = np.concatenate([points, points[:1]])
    if not dashed:
        return [points]
    return [points[start:start + dash] for start in range(0, len(points), 2 * dash)]


def png(picture: NDArray[np.uint8]) -> bytes:
    """A grey, RGB or RGBA uint8 picture as bytes of PNG."""
    return _encode(picture, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 9])


def jpeg(picture: NDArray[np.uint8], quality: int = 80) -> bytes:
    """A grey or RGB uint8 picture as bytes of JPEG."""
    return _encode(picture, ".jpg", [
        cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])


def webp(picture: NDArray[np.uint8], quality: int = 80) -> bytes:
    """An RGBA uint8 picture as bytes of WebP."""
    return _encode(picture, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


ORDERS = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def _encode(picture, suffix, parameters):
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, ORDERS[picture.shape[2]])
    return cv2.imencode(suffix, picture, parameters)[1].tobytes()
