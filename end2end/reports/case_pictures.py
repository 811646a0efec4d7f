"""Mammograms with their layers as cases of a report, small enough to be many."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.data import rois
from end2end.explanation import lines, maps, methods, overlays
from end2end.reports import report, views

# A page of 400 cases stays below 25 MB; base64 makes four bytes of three.
PAGE_BYTES = 24_000_000 * 3 // 4
MOST_BYTES = 1_000_000
# Share of the mammogram itself; the layers divide the rest.
PICTURE_SHARE = 0.7
SCALES = (1.0, 0.75, 0.55, 0.4, 0.3, 0.2, 0.14, 0.1, 0.07)
QUALITIES = (85, 65, 45)


def bytes_per_case(count: int) -> int:
    """How many bytes each of so many cases may take."""
    return min(MOST_BYTES, PAGE_BYTES // max(count, 1))


def coloured(method: str, strength: NDArray) -> NDArray:
    """The map of a method as a transparent layer in the colours of the method.

    Args:
        method: name, of `methods.METHODS`.
        strength: float32 `(rows, columns)`, 0 to 1.

    Returns:
        uint8 `(rows, columns, 4)`.
    """
    return overlays.coloured(
        strength, overlays.OPACITIES[methods.METHODS[method].colours])


def drawn(
        explained: maps.Explained, method: str,
        regions: Sequence[rois.Region] = (), *, contour: bool = True) -> NDArray:
    """A mammogram under one of its maps, with outlined lesions.

    Args:
        explained: `maps.Explained`.
        method: name, of `methods.METHODS`.
        regions: list of `rois.Region`.
        contour: whether a line surrounds where the map is strong.

    Returns:
        uint8 `(rows, columns, 3)`, red first.
    """
    picture = overlays.blended(overlays.in_colour(explained.grey),
                               coloured(method, explained.on_picture(method)))
    shape = explained.grey.shape
    shown = lines.of_regions(regions, shape)
    if contour:
        shown = [*lines.of_map(explained.maps[method], shape), *shown]
    return overlays.blended(
        picture, lines.drawn(shown, shape, overlays.LINE_COLOURS))


def case(
        explained: maps.Explained, *, name: str, regions: Sequence[rois.Region] = (),
        limit: int = MOST_BYTES, **facts: Any) -> report.Case:
    """One case of a report.

    Args:
        explained: one image with its maps.
        name: of the case.
        regions: list of `rois.Region` on the grid of its picture.
        limit: bytes of all its pictures together, met by smaller or coarser pictures;
            lines keep their place whatever the picture loses.
        facts: further fields of `report.Case`: `details`, `hanging`, ...

    Returns:
        `report.Case`.
    """
    names = list(explained.maps)
    share = PICTURE_SHARE if names else 1.0
    each = int(limit * (1 - share) / max(len(names), 1))
    facts.setdefault("hanging", views.hanging(explained, side="", view=""))
    return report.Case(
        name, fitted(explained.grey, overlays.webp, int(limit * share)),
        explained.score, explained.label,
        tuple(layer(explained, method, each) for method in names),
        lines=tuple(views.line_data(
            explained, regions, contour=next(iter(names), None))), **facts)


def layer(explained: maps.Explained, method: str, limit: int) -> report.Layer:
    """The map of a method as a layer of a case, in at most so many bytes."""
    row = methods.METHODS[method]
    grey = np.rint(255 * explained.maps[method]).astype(np.uint8)
    return report.Layer(method, row.title, fitted(grey, overlays.webp, limit),
                        row.colours, explained.legends.get(method, row.legend))


def fitted(picture: NDArray, encode: Callable[..., bytes], limit: int) -> bytes:
    """A picture as bytes, as large and fine as the limit allows; else the smallest."""
    largest = math.inf
    for scale in SCALES:
        if largest < scale != SCALES[-1]:
            continue
        smaller = cv2.resize(
            picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for quality in QUALITIES:
            data = encode(smaller, quality)
            if len(data) <= limit:
                return data
        # Bytes go with the area, roughly.
        largest = 1.3 * scale * (limit / len(data)) ** 0.5
    return data
