"""Measures of a mammogram that a drawn one must share with a real one.

Everything but the steps between the values is measured at 1152x896 pixels, the size at
which the networks see mammograms.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.dicom import appearance
from end2end.images import kinds

SIZE = (1152, 896)
# Of the breast: brighter than this share of the brightest percentile; of the air: not
# nearer to the breast than so many pixels of `appearance.SMALL_ROWS` rows.
BREAST_LEVEL, AIR_MARGIN = 0.05, 15
# Depths below the skin, in percent of the height, and the depths they are held against.
DEPTHS, DEEP = (0.5, 1, 2, 3, 5, 8), (8, 15)
# Bands of the power spectrum, cycles per pixel, on windows of so many pixels.
WINDOW, LOW_BAND, HIGH_BAND = 128, (0.02, 0.12), (0.15, 0.45)


def measures(image: NDArray) -> dict[str, float]:
    """What is measured of one mammogram.

    Args:
        image: uint16 array `(rows, columns)` as stored, background dark.

    Returns:
        number by name; nan where a picture does not allow the measure.
    """
    steps = _steps(image)
    image = resized(image)
    breast, share = _breast(image)
    white = max(float(np.percentile(image, 99.5)) - float(image.min()), 1.0)
    air = _in_full(~appearance.grown(breast, AIR_MARGIN), image.shape)
    evidence = kinds.evidence(image)
    return {
        **_greys(image), "breast area": float(breast.mean()),
        **_air(image, air, white), "sides with a film edge": evidence.edges,
        "raggedness of the black": evidence.ragged, "specks": evidence.specks,
        **_noise(image, breast, air, white), **_spectrum(image / white, breast),
        **_rim(share, breast),
        "deviation / mean of the breast": float(
            share[breast].std() / share[breast].mean()) if breast.any() else np.nan,
        "median / 99th percentile of the breast": float(
            np.median(share[breast]) / np.percentile(share[breast], 99)
        ) if breast.any() else np.nan, **steps}


def spread(rows: Iterable[dict[str, float]]) -> dict[str, tuple[float, ...]]:
    """Least, median and greatest of each measure over several pictures."""
    rows = list(rows)
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: tuple(float(pick(values)) for pick in (
        np.nanmin, np.nanmedian, np.nanmax)) for name, values in table.items()}


def resized(image: NDArray) -> NDArray:
    """At 1152x896, as the downloads are prepared."""
    if image.shape == SIZE:
        return image
    return cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def _steps(image):
    values = np.unique(image)
    steps = np.diff(values[:max(2, int(0.9 * len(values)))])
    return {"step between the values, as stored": float(np.median(steps)),
            "distinct values, as stored": len(values)}


def _greys(image):
    counts = np.bincount(image.ravel())
    counts = counts[counts > 0]
    return {"share of black": float(counts[0] / image.size),
            "share of the second commonest value": float(
                np.sort(counts)[-2:][0] / image.size),
            "share of the brightest value": float(counts[-1] / image.size),
            "brightest value": int(image.max())}


def _breast(image):
    """Mask in `SMALL_ROWS` rows, and the small picture as a share of white."""
    small = appearance.small(image.astype(np.float32))
    low, high = np.percentile(small, 2), np.percentile(small, 99)
    share = (small - low) / max(high - low, 1e-9)
    bright = share > BREAST_LEVEL
    body = appearance.grown(appearance.solid_object(bright), 5)
    return body & bright, share


def _in_full(mask, shape):
    return cv2.resize(mask.astype(np.uint8), shape[::-1],
                      interpolation=cv2.INTER_NEAREST).astype(bool)


def _air(image, air, white):
    if not air.any():
        return dict.fromkeys(("air not black", "air brighter than 20 % of white"),
                             np.nan)
    values = image[air].astype(np.float32) - float(image.min())
    return {"air not black": float((values > 0).mean()),
            "air brighter than 20 % of white": float((values > 0.2 * white).mean())}


def _noise(image, breast, air, white):
    """From the diagonal details of the finest scale (Haar)."""
    a = image[:image.shape[0] // 2 * 2, :image.shape[1] // 2 * 2].astype(np.float32)
    corners = a[::2, ::2], a[1::2, ::2], a[::2, 1::2], a[1::2, 1::2]
    detail = (corners[0] - corners[1] - corners[2] + corners[3]) / 2
    level = sum(corners) / 4
    inner = cv2.erode(breast.astype(np.uint8), np.ones((9, 9), np.uint8))
    tissue = _in_full(inner, detail.shape)
    outside = _in_full(air, detail.shape)
    result = {
        "noise in the air / white": float(detail[outside].std() / white)
        if outside.any() else np.nan,
        "noise in the tissue / white": _robust(detail[tissue]) / white}
    levels, details = level[tissue], detail[tissue]
    cuts = np.percentile(levels, (0, 25, 50, 75, 100)) if levels.size else []
    quarters = [(levels >= low) & (levels <= high)
                for low, high in zip(cuts, cuts[1:], strict=False)]
    points = [(np.median(levels[part]), _robust(details[part])) for part in quarters]
    result["noise against signal (slope of logarithms)"] = _slope(points)
    return result


def _robust(values):
    if not values.size:
        return float("nan")
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _slope(points):
    """Of the logarithms of pairs of positive numbers."""
    points = np.array([pair for pair in points if min(pair) > 0])
    if len(points) < 2:
        return float("nan")
    return float(np.polyfit(*np.log(points).T, 1)[0])


def _spectrum(share, breast):
    """Exponents beta of the power 1/f^beta in the breast, in two bands."""
    inner = cv2.erode(appearance.padded(breast, 6), np.ones((11, 11), np.uint8))
    inside = _in_full(appearance.cut(inner, 6), share.shape)
    window = np.outer(np.hanning(WINDOW), np.hanning(WINDOW))
    spectra = []
    for row in range(0, share.shape[0] - WINDOW, WINDOW // 2):
        for column in range(0, share.shape[1] - WINDOW, WINDOW // 2):
            part = np.s_[row:row + WINDOW, column:column + WINDOW]
            if inside[part].mean() > 0.97:
                level = _without_plane(share[part].astype(np.float32))
                spectra.append(np.abs(np.fft.fft2(level * window)) ** 2)
    names = "beta, 0.02 to 0.12 cycles/pixel", "beta, 0.15 to 0.45 cycles/pixel"
    if not spectra:
        return dict.fromkeys(names, np.nan)
    power, axis = np.mean(spectra, axis=0), np.fft.fftfreq(WINDOW)
    frequency = np.hypot(axis[:, None], axis)
    return {name: -_slope(_bands(frequency, power, *band))
            for name, band in zip(names, (LOW_BAND, HIGH_BAND), strict=True)}


def _without_plane(part):
    rows, columns = np.mgrid[:part.shape[0], :part.shape[1]]
    axes = np.stack([np.ones(part.size), rows.ravel(), columns.ravel()], axis=1)
    return part - (axes @ np.linalg.lstsq(axes, part.ravel(), rcond=None)[0]).reshape(
        part.shape)


def _bands(frequency, power, low, high):
    limits = np.geomspace(low, high, 9)
    parts = [(frequency >= least) & (frequency < most)
             for least, most in zip(limits, limits[1:], strict=False)]
    return [(frequency[part].mean(), power[part].mean())
            for part in parts if part.any()]


def _rim(share, breast):
    """Brightness below the skin as a share of that further in."""
    depth = appearance.depth_below_skin(breast)
    deep = (depth > DEEP[0]) & (depth < DEEP[1])
    inner = float(np.median(share[deep])) if deep.any() else np.nan
    result = {}
    for percent in DEPTHS:
        near = np.abs(depth - percent) < 0.35
        result[f"brightness {percent:g} % below the skin"] = (
            float(np.median(share[near])) / inner if near.any() else np.nan)
    return result
