"""How mammograms are hung and what lines lie over them, for the viewer of pages."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from end2end import images
from end2end.data import rois
from end2end.explanation import lines, maps
from end2end.images import unfit
from end2end.reports import report

# Decimals of the points of lines, as shares of the picture: a tenth of a pixel of 1000.
DECIMALS = 4


def chest_wall(picture: NDArray) -> str:
    """The side of the chest wall: `left`, `right`, or empty where neither is.

    Args:
        picture: mammogram or picture of one, array `(rows, columns)`.
    """
    if min(picture.shape) < 32 or picture.min() == picture.max():
        return ""
    side = unfit.chest_side(unfit.view(picture))
    return side if side in ("left", "right") else ""


def hanging(
        explained: maps.Explained, *, side: str, view: str,
        exam: str = "") -> report.Hanging:
    """How an image is hung; side, view and exam as its table says."""
    return report.Hanging(
        side, view, chest_wall(explained.grey),
        explained.source or explained.grey.shape,
        images.geometry.spacing_of(explained.path), exam)


def line_data(
        explained: maps.Explained, regions: Sequence[rois.Region] = (), *,
        contour: str | None = None) -> list[dict]:
    """Contours of a map and outlines of lesions, as JSON for the viewer.

    Args:
        explained: the image.
        regions: on the grid of `explained.grey`.
        contour: method whose map is surrounded, or None.
    """
    shape = explained.grey.shape
    drawn = lines.of_regions(regions, shape)
    if contour is not None:
        drawn = [*lines.of_map(explained.maps[contour], shape), *drawn]
    size = np.array(shape[::-1])
    return [dict(kind=line.kind, points=np.round(
        (line.points + 0.5) / size, DECIMALS).tolist()) for line in drawn]
