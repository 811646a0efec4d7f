"""Maps and outlines laid over a mammogram, as pictures and as transparent layers."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end import saliency
from end2end.data import rois
from end2end.explanation import lines

# Red, green, blue. Blue and green as in Figure 4 of Shen et al. 2019, in shades that
# differ for every kind of colour vision; benign outlines are dashed besides.
BLUE, GREEN, GREY = (0, 114, 255), (0, 190, 120), (200, 200, 200)
WHITE = (255, 255, 255)
# Violet to yellow: its lightness grows evenly, so that it reads the same for every kind
# of colour vision and in print, and no tissue is as yellow.
COLOURS = cv2.COLORMAP_PLASMA
# Of the strongest places: of maps of single pixels, and of maps that cover areas, under
# which the tissue is to be seen.
OPACITIES = dict(dots=0.9, areas=0.5)
# Of lines, by their kind.
LINE_COLOURS = dict(map=WHITE, malignant=BLUE, benign=GREEN, unknown=GREY)


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


def in_colour(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey picture `(rows, columns)` as RGB `(rows, columns, 3)`."""
    return np.repeat(grey[..., None], 3, axis=-1)


def blended(picture: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lays an RGBA layer over an RGB picture of the same size."""
    share = above[..., 3:].astype(np.float32) / 255
    return np.rint(picture * (1 - share) + above[..., :3] * share).astype(np.uint8)


def coloured(strength: NDArray, opacity: float = 0.9) -> NDArray[np.uint8]:
    """A map as a transparent layer, from violet (weak) to yellow (strong).

    Args:
        strength: `(rows, columns)`, 0 to 1.
        opacity: of the strongest places.

    Returns:
        uint8 `(rows, columns, 4)`; clear up to `saliency.CUTOFF`, and the weaker, the
        clearer.
    """
    share = np.clip(strength, 0, 1)
    colours = cv2.applyColorMap(np.rint(share * 255).astype(np.uint8), COLOURS)
    alpha = np.rint(255 * opacity * np.sqrt(share)).astype(np.uint8)
    alpha[share < saliency.CUTOFF] = 0
    return np.dstack([colours[..., ::-1], alpha])


def outline_layer(
        shape: Sequence[int], regions: Sequence[rois.Region]) -> NDArray[np.uint8]:
    """Outlines of lesions as a transparent layer.

    Args:
        shape: (rows, columns).
        regions: list of `rois.Region`, with masks of that shape.

    Returns:
        uint8 `(rows, columns, 4)`.
    """
    return lines.drawn(
        lines.of_regions(regions, tuple(shape)), tuple(shape), LINE_COLOURS)


def colour_tables() -> dict[str, str]:
    """The colours of maps by `OPACITIES`, for pages: base64 of 256 times red, green,
    blue and opacity."""
    ramp = np.linspace(0, 1, 256)[None]
    return {name: base64.b64encode(coloured(ramp, opacity)[0].tobytes()).decode()
            for name, opacity in OPACITIES.items()}


def colour_bar(rows: int, title: str = "") -> NDArray[np.uint8]:
    """The colours of maps with their numbers, from 0 to 1.

    Args:
        rows: height.
        title: above it.

    Returns:
        uint8 `(rows, columns, 3)`; at least 60 rows, on black.
    """
    rows = max(rows, 60)
    size = rows / 420
    gap, width = round(44 * size), round(26 * size)
    bar = np.zeros((rows, max(round(120 * size), len(title) * round(15 * size)), 3),
                   np.uint8)
    share = np.linspace(1, 0, rows - 2 * gap)[:, None]
    layer = coloured(np.repeat(share, width, axis=1), 1.0)
    # Over a middle grey, as over tissue.
    bar[gap:rows - gap, :width] = blended(np.full((*layer.shape[:2], 3), 90, np.uint8),
                                          layer)
    for value in TICKS:
        row = round(gap + (1 - value) * (rows - 2 * gap - 1))
        cv2.line(bar, (width, row), (width + round(7 * size), row), WHITE, 1)
        written(bar, f"{value:g}", (width + round(11 * size), row + round(8 * size)),
                size)
    written(bar, title, (0, round(24 * size)), size)
    return bar


TICKS = (0, 0.25, 0.5, 0.75, 1)


def written(
        picture: NDArray[np.uint8], text: str, place: tuple[int, int],
        size: float) -> None:
    """Writes white text into an RGB picture.

    Args:
        picture: uint8 `(rows, columns, 3)`; changed.
        text: a line; signs outside ASCII become question marks.
        place: column and row of its lower left corner.
        size: 1 for letters of some 17 pixels.
    """
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(picture, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * size, WHITE,
                max(1, round(1.6 * size)), cv2.LINE_AA)


def with_bar(picture: NDArray[np.uint8], title: str = "") -> NDArray[np.uint8]:
    """A picture with the colour bar in its emptiest corner.

    Args:
        picture: uint8 `(rows, columns, 3)`; those too small for a bar stay as they are.
        title: above the bar.
    """
    rows = round(picture.shape[0] * 0.28)
    bar = colour_bar(rows, title)
    if rows < bar.shape[0] or bar.shape[1] > picture.shape[1] // 2:
        return picture
    margin = round(picture.shape[0] * 0.01)
    corners = [(down, across)
               for down in (picture.shape[0] - margin - rows, margin)
               for across in (picture.shape[1] - margin - bar.shape[1], margin)]
    places = [(slice(down, down + rows), slice(across, across + bar.shape[1]))
              for down, across in corners]
    place = min(places, key=lambda place: float(picture[place].mean()))
    picture = picture.copy()
    picture[place] = bar
    return picture


def png(picture: NDArray[np.uint8]) -> bytes:
    """A grey, RGB or RGBA uint8 picture as bytes of PNG."""
    return _encode(picture, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 6])


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
