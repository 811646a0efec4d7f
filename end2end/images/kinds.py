"""Tells scanned film from digital mammograms, by tags first and then by the picture.

Film is exposed and developed, then scanned: the scanner's limit cuts off the black, and
the edge of the film, dust and lead letters stay in the air. A digital picture is
computed: its air is one even grey up to a sharp skin line, and the thin rim of the
breast is brightened. Where the evidence is thin the answer is "not known".

The thresholds were set on twelve real films of CBIS-DDSM in five sizes and depths, and
on digital pictures made from the physics of acquisition, since no real digital
mammogram could be had; docs/data.md has the table of errors.
"""

import collections
import dataclasses
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.dicom import acquisition, appearance

FILM, DIGITAL, UNKNOWN = acquisition.FILM, acquisition.DIGITAL, acquisition.UNKNOWN

# A strip along a side that is gone 6 % of the height further in: on the clearest side
# of films 0.67 to 1 of its length, of made digital pictures 0 to 0.15.
STRIP, STRIP_DROP = 0.6, 0.4
# Length of the limit of the black over that of its smoothed outline: films 1.2 to 9
# natively, made digital pictures 1.00 to 1.10.
RAGGED_DIGITAL, RAGGED_LEVELS = 1.15, (1, 8)
# Share of the air with another grey than the ground, markers left aside.
STRAY_DIGITAL = 5e-4
# Brightness 2 % of the height below the skin over that at 8 to 15 %: films 0.21 to
# 0.61, made digital pictures 0.49 to 0.89.
SKIN_DIGITAL = 0.66
# Least share of air for a judgement of it.
LEAST_AIR = 0.08
# Digital pictures of up to 14 bits are often stored in 16.
DIGITAL_TOP = 16383
# Steps between the values of all eight native files of CBIS-DDSM that were measured:
# 22 or 23, 22.017 on average.
CBIS_STEPS, CBIS_STEP_LOW, CBIS_STEP_HIGH = (22, 23), 21.9, 22.3
# A marker: one compact bright group of parts, and at most so many of them.
MARKERS, MARKER_AREA, MARKER_LEVEL = 3, 150, 100
MARKER_SIDE, MARKER_BOX, SPECK_AREA = 0.35, 0.05, 30

# A training set has a usual kind if this share of its known images is of it, and at
# least so many images, and this share of all, are known.
USUAL_SHARE, LEAST_KNOWN, LEAST_KNOWN_SHARE = 0.9, 3, 0.2


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is measured of one picture, at 1152 rows and 256 levels.

    Attributes:
        edges: number of sides other than the chest wall with the edge of a film.
        ragged: length of the limit of the black over that of its smoothed outline, 1
            for a drawn line; nan where there is no black.
        stray: share of the air with another grey than the ground.
        specks: number of spots in the air.
        skin: brightness 2 % of the height below the skin over that further in.
        ground_share: share of pixels at the darkest grey.
        air: share of pixels outside the breast.
        comb: whether the values have the steps of CBIS-DDSM.
        few_bits: whether 16-bit values use at most 14 bits.
    """

    edges: int
    ragged: float
    stray: float
    specks: int
    skin: float
    ground_share: float
    air: float
    comb: bool
    few_bits: bool


def evidence(image: NDArray) -> Evidence:
    """Measures what tells film from digital.

    Args:
        image: array `(rows, columns)` from `images.read_image`, background dark. Of
            pictures too small to judge nothing is measured.
    """
    if not appearance.can_be_judged(image):
        return Evidence(0, np.nan, np.nan, 0, np.nan, np.nan, np.nan, False, False)
    levels = appearance.grey_levels(image)
    picture = appearance.small(levels)
    breast, chest = _breast(picture)
    air = cv2.resize((~appearance.grown(breast, 15)).astype(np.uint8),
                     levels.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
    stray, specks = _in_the_air(levels, air)
    comb, few_bits = _values(image)
    return Evidence(
        edges=_film_edges(levels, chest), ragged=_raggedness(levels),
        stray=stray / max(int(air.sum()), 1), specks=specks,
        skin=_skin(picture, breast), ground_share=float((levels < 1).mean()),
        air=float(air.mean()), comb=comb, few_bits=few_bits)


def of_picture(measured: Evidence) -> str:
    """`FILM`, `DIGITAL` or `UNKNOWN`, from the picture alone."""
    clean = (measured.air >= LEAST_AIR and measured.stray <= STRAY_DIGITAL
             and measured.specks == 0 and measured.ragged <= RAGGED_DIGITAL)
    if measured.comb:
        return FILM
    if measured.edges:
        return UNKNOWN if measured.few_bits and clean else FILM
    if clean and (measured.skin >= SKIN_DIGITAL or measured.few_bits):
        return DIGITAL
    return UNKNOWN


def joined(tagged: str, pictured: str) -> str:
    """The kind by tags and by the picture; `UNKNOWN` where they contradict."""
    known = {kind for kind in (tagged, pictured) if kind != UNKNOWN}
    return known.pop() if len(known) == 1 else UNKNOWN


def kind(image: NDArray, *, tagged: str = UNKNOWN) -> str:
    """`FILM`, `DIGITAL` or `UNKNOWN`.

    Args:
        image: array `(rows, columns)`, background dark.
        tagged: what the tags or the name say (`dicom.acquisition`).
    """
    return joined(tagged, of_picture(evidence(image)))


def usual(counts: dict[str, int]) -> str:
    """The kind of a training set, `UNKNOWN` where it is mixed or hardly known.

    Args:
        counts: number of images by kind.
    """
    known = {name: counts.get(name, 0) for name in (FILM, DIGITAL)}
    total = sum(known.values())
    if total < max(LEAST_KNOWN, LEAST_KNOWN_SHARE * sum(counts.values())):
        return UNKNOWN
    most = max(known, key=lambda name: known[name])
    return most if known[most] >= USUAL_SHARE * total else UNKNOWN


def counted(kinds: Iterable[str]) -> dict[str, int]:
    """How many images are of each kind."""
    counts = collections.Counter(kinds)
    return {name: counts[name] for name in (FILM, DIGITAL, UNKNOWN)}


def _breast(picture):
    """Mask of the breast in the small picture, and the side of the chest wall.

    The outermost pixels of the other sides are left out: film edges run there.
    """
    bright = (picture > np.percentile(picture, 2) + 12).astype(np.uint8)
    columns = picture.shape[1]
    near, far = max(1, columns // 25), max(2, columns // 8)
    chest = ("left" if bright[:, near:far].mean() >= bright[:, -far:-near].mean()
             else "right")
    bright[:4], bright[-4:] = bright[4], bright[-5]
    bright[:, :5] = bright[:, 5:6] if chest == "left" else 0
    bright[:, -5:] = bright[:, -6:-5] if chest == "right" else 0
    body = appearance.solid_object(bright)
    return appearance.grown(body, 5) & bright.astype(bool), chest


def _film_edges(levels, chest):
    """Number of sides other than the chest wall with a strip that soon ends."""
    bright = levels > np.percentile(levels, 2) + 5
    height = levels.shape[0]
    sides = dict(top=bright, bottom=bright[::-1], left=bright.T,
                 right=bright[:, ::-1].T)
    count = 0
    for name, side in sides.items():
        outer = max(side[k].mean() for k in range(max(2, height // 300)))
        inner = side[height // 18:max(height // 16, height // 18 + 1)].mean()
        count += name != chest and outer >= STRIP and outer - inner >= STRIP_DROP
    return int(count)


def _raggedness(levels):
    """The smaller of two: at the limit of the black, and where JPEG does not ring."""
    width = 2 * round(levels.shape[0] / 288) + 1
    ratios = []
    for level in RAGGED_LEVELS:
        bright = (levels >= level).astype(np.uint8)
        length = _changes(cv2.medianBlur(bright, max(3, width)))
        if length > 0.3 * sum(levels.shape):
            ratios.append(_changes(bright) / length)
    return min(ratios, default=float("nan"))


def _changes(mask):
    return int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())


def _in_the_air(levels, air):
    """Pixels and spots in the air with another grey than the ground, but markers."""
    if not air.any():
        return 0, 0
    other = (np.abs(levels - np.median(levels[air])) > 1.5) & air
    groups = cv2.dilate(other.astype(np.uint8), np.ones((25, 25), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(groups)
    areas = np.bincount(labels[other], minlength=count)
    stray, specks, markers = 0, 0, 0
    for k in range(1, count):
        if markers < MARKERS and _is_marker(levels, labels == k, other, boxes[k],
                                            areas[k]):
            markers += 1
        else:
            stray += int(areas[k])
            specks += int(areas[k] < SPECK_AREA)
    return stray, specks


def _is_marker(levels, group, other, box, area):
    _, _, width, height, _ = box
    compact = (max(width, height) < MARKER_SIDE * levels.shape[0]
               and width * height < MARKER_BOX * levels.size)
    if area <= MARKER_AREA or not compact:
        return False
    return bool(np.percentile(levels[group & other], 90) > MARKER_LEVEL)


def _skin(picture, breast):
    depth = appearance.depth_below_skin(breast)
    deep, near = (depth > 8) & (depth < 15), (depth > 1.65) & (depth < 2.35)
    if not deep.any() or not near.any():
        return float("nan")
    base = np.percentile(picture, 2)
    inner = max(float(np.median(picture[deep]) - base), 1e-6)
    return float(np.median(picture[near]) - base) / inner


def _values(image):
    """Whether the values have the steps of CBIS-DDSM; whether they use few bits."""
    if image.dtype != np.uint16:
        return False, False
    values = np.flatnonzero(np.bincount(image.ravel()))
    top = int(values[-1])
    few_bits = 255 < top <= DIGITAL_TOP
    if not 256 < len(values) < 6000 or top <= 20000:
        return False, few_bits
    steps = np.diff(values[:int(0.6 * len(values))])
    comb = (np.isin(steps, CBIS_STEPS).mean() > 0.98
            and CBIS_STEP_LOW < steps.mean() < CBIS_STEP_HIGH)
    return bool(comb), few_bits
