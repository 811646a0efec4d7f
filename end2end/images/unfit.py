"""Tells from the picture when a mammogram is no basis for a score.

Each rule says what is seen and what to do. The thresholds were set so that none of
twelve real films of CBIS-DDSM is flagged wrongly; docs/pictures.md has the counts of
hits and misses. Implants, pacemakers and needles were drawn for that, so expect fewer
hits on real ones, and rely on tags where there are any.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.dicom import appearance

ADVICE = "do not use the score: "

# Of the small picture this much is left out along each side: film edges and frames.
MARGIN = round(0.03 * appearance.SMALL_ROWS)
# As hung, the chest wall of a left breast is on the left of the picture.
CHEST_SIDES = {"L": "left", "R": "right"}
# Height at which large objects of metal are looked for.
OBJECT_ROWS = 576


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """One picture as the rules look at it.

    Attributes:
        shape: (rows, columns) of the file.
        levels: `appearance.grey_levels`, float32 0-255.
        picture: the same in 288 rows, without `MARGIN`.
        body: mask of the largest solid object of `picture`.
        contact: share of each side of `picture` that the object covers.
        laterality: "L", "R" or empty, as stated.
    """

    shape: tuple[int, int]
    levels: NDArray[np.float32]
    picture: NDArray[np.float32]
    body: NDArray[np.bool_]
    contact: dict[str, float]
    laterality: str = ""

    @property
    def area(self) -> float:
        """Share of the picture that the object covers."""
        return float(self.body.mean())


def view(image: NDArray, *, laterality: str = "") -> View:
    """Prepares one picture for the rules.

    Args:
        image: array `(rows, columns)`, as `appearance.can_be_judged` takes it.
        laterality: the stated side, "L", "R" or empty.
    """
    levels = appearance.grey_levels(image)
    picture = appearance.small(levels, least_columns=64)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    body = appearance.solid_object(picture > np.percentile(picture, 2) + 15)
    sides = dict(top=body[0], bottom=body[-1], left=body[:, 0], right=body[:, -1])
    contact = {name: float(side.mean()) for name, side in sides.items()}
    return View(image.shape, levels, picture, body, contact, laterality)


def is_noise(scan: View) -> bool:
    """Whether neighbouring pixels have nothing to do with each other."""
    centred = scan.picture - scan.picture.mean()
    variance = max(float((centred * centred).mean()), 1e-9)
    return float((centred[1:] * centred[:-1]).mean()) / variance < 0.6


def is_inverted(scan: View) -> bool:
    """Whether the background is bright; see `appearance.has_bright_background`."""
    return appearance.has_bright_background(scan.levels)


def chest_side(scan: View) -> str | None:
    """The side along which the breast leaves the picture, None where it is unclear."""
    if scan.area < 0.03:
        return None
    contact = scan.contact
    level = max(contact["left"], contact["right"])
    upright = max(contact["top"], contact["bottom"])
    if abs(contact["left"] - contact["right"]) >= 0.3 and level >= upright - 0.25:
        return "left" if contact["left"] > contact["right"] else "right"
    if abs(contact["top"] - contact["bottom"]) >= 0.3 and upright >= level + 0.35:
        return "top" if contact["top"] > contact["bottom"] else "bottom"
    return None


def is_turned(scan: View) -> bool:
    """Whether the chest wall is along the top or bottom, or the picture lies."""
    lying = scan.shape[1] > 1.1 * scan.shape[0]
    return lying or chest_side(scan) in ("top", "bottom")


def is_against_side(scan: View) -> bool:
    """Whether the chest wall is not on the side where the stated breast has it."""
    side, stated = chest_side(scan), CHEST_SIDES.get(scan.laterality)
    return stated is not None and side in ("left", "right") and side != stated


def is_cropped(scan: View) -> bool:
    """Whether the object reaches the side opposite the chest wall, so has no skin."""
    contact = scan.contact
    return (min(contact["left"], contact["right"]) >= 0.25 or scan.area > 0.92
            or sum(share >= 0.6 for share in contact.values()) >= 3
            or min(contact["top"], contact["bottom"]) >= 0.4)


def is_no_breast(scan: View) -> bool:
    """Whether there is nothing solid, a drawing without grain, or a part across."""
    if scan.area < 0.04:
        return True
    core = cv2.erode(scan.body.astype(np.uint8), np.ones((9, 9), np.uint8))
    inside = _enlarged(core, scan.levels.shape)
    square = np.ones((5, 5), np.uint8)
    spread = cv2.dilate(scan.levels, square) - cv2.erode(scan.levels, square)
    # Film is saturated on a few percent only; where more is as bright and even, it may
    # be an implant, and the tissue around it tells.
    tissue = inside & (scan.levels < 200)
    judged = tissue if tissue.sum() > 0.02 * inside.sum() else inside
    drawing = not inside.any() or float((spread[judged] < 0.75).mean()) > 0.5
    contact = scan.contact
    across = (min(contact["top"], contact["bottom"]) > 0.08
              and max(contact["left"], contact["right"]) < 0.05)
    return drawing or across


def has_implant(scan: View) -> bool:
    """Whether a large smooth oval in the breast is far brighter than the rest."""
    if scan.area < 0.05:
        return False
    candidates = [candidate for level in np.linspace(70, 225, 10)
                  for candidate in _ovals(scan, level)]
    if not candidates:
        return False
    overlap, brightness = max(candidates)
    return overlap >= 0.86 and brightness >= 0.6


def _ovals(scan, level):
    """(overlap with an ellipse, brightness) of what exceeds a level in the breast."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    bright = cv2.morphologyEx(
        ((scan.picture > level) & scan.body).astype(np.uint8), cv2.MORPH_OPEN, disc)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(bright)
    for k in range(1, count):
        if statistics[k, cv2.CC_STAT_AREA] < 0.1 * scan.body.sum():
            continue
        part = cv2.morphologyEx(
            (labels == k).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        overlap = _overlap_with_ellipse(part)
        measured = _oval_contrast(scan, part)
        if overlap and measured:
            # An oval without a rim or with texture is no implant, whatever its form.
            yield overlap if measured[1] else overlap - 1, measured[0]


def _overlap_with_ellipse(part):
    """Intersection over union of a mask and the ellipse through its free outline."""
    rows, columns = part.shape
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(outlines, key=cv2.contourArea)[:, 0]
    free = points[(points[:, 0] > 1) & (points[:, 0] < columns - 2)
                  & (points[:, 1] > 1) & (points[:, 1] < rows - 2)]
    if len(free) < 60:
        return 0.0
    ellipse = cv2.fitEllipse(free.reshape(-1, 1, 2))
    if min(ellipse[1]) < 20 or max(ellipse[1]) > 2.5 * min(ellipse[1]):
        return 0.0
    drawn = np.zeros_like(part)
    cv2.ellipse(drawn, ellipse, 1, -1)
    return float((drawn & part).sum() / max((drawn | part).sum(), 1))


def _oval_contrast(scan, part):
    """(brightness 0-1, whether smooth with a clear rim) of a part, or None."""
    core = cv2.erode(part, np.ones((9, 9), np.uint8)).astype(bool)
    rim = (cv2.dilate(part, np.ones((11, 11), np.uint8)).astype(bool)
           & ~cv2.dilate(part, np.ones((5, 5), np.uint8)).astype(bool) & scan.body)
    if core.sum() < 100 or rim.sum() < 40:
        return None
    texture = np.abs(scan.picture - cv2.GaussianBlur(scan.picture, (0, 0), 2))
    inner = float(np.median(scan.picture[core]))
    step = (inner - float(np.percentile(scan.picture[rim], 75))) / 255
    smooth = float(np.percentile(texture[core], 75)) / max(inner, 1)
    return inner / 255, step >= 0.15 and smooth <= 0.008


def has_foreign_object(scan: View) -> bool:
    """Whether something large in the breast is white up to an edge sharper than tissue.

    Found of drawn pacemakers 8 of 12 (missed over saturated tissue), needles 9 of 12.
    Pictures of fewer than `OBJECT_ROWS` rows are not judged: calcifications have sharp
    edges there.
    """
    if scan.area < 0.04 or scan.levels.shape[0] < OBJECT_ROWS:
        return False
    factor = OBJECT_ROWS / scan.levels.shape[0]
    picture = cv2.resize(
        scan.levels, (round(scan.levels.shape[1] * factor), OBJECT_ROWS),
        interpolation=cv2.INTER_AREA)
    margin = round(0.03 * picture.shape[0])
    picture = picture[margin:-margin, margin:-margin]
    inside = _enlarged(cv2.erode(scan.body.astype(np.uint8), np.ones((3, 3), np.uint8)),
                       picture.shape)
    white = ((picture >= 240) & inside).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(white)
    large = [k for k in range(1, count)
             if boxes[k, cv2.CC_STAT_AREA] >= 320 or max(boxes[k, 2:4]) >= 60]
    contrasts = [_sharpness(picture, labels == k) for k in large]
    if not contrasts:
        return False
    dark_rim, fall = max(contrasts)
    return fall >= 0.2 and dark_rim >= 0.85


def _sharpness(picture, part):
    """(share of the rim that is much darker, fall of grey within 3 to 4 pixels)."""
    mask = part.astype(np.uint8)
    rim = (cv2.dilate(mask, np.ones((9, 9), np.uint8))
           - cv2.dilate(mask, np.ones((5, 5), np.uint8))).astype(bool)
    if not rim.any():
        return 0.0, 0.0
    fall = (np.median(picture[part]) - np.median(picture[rim])) / 255
    return float((picture[rim] < 200).mean()), float(fall)


def _enlarged(mask, shape):
    return cv2.resize(mask.astype(np.uint8), shape[::-1],
                      interpolation=cv2.INTER_NEAREST).astype(bool)


@dataclasses.dataclass(frozen=True)
class Rule:
    """What is looked for.

    Attributes:
        kind: its name in tables.
        holds: function of a `View`.
        sentence: what is said of the picture, and what to do.
        ends: whether the rules after it mean nothing where it holds.
        refuses: whether `--refuse-unfit` takes the score away.
    """

    kind: str
    holds: Callable[[View], bool]
    sentence: str
    ends: bool = False
    refuses: bool = True


RULES = (
    Rule("no breast", is_noise,
         "the picture is noise and shows no breast; leave it out", ends=True),
    Rule("inverted", is_inverted,
         "the background is bright, so the picture is inverted (MONOCHROME1); invert "
         "it", ends=True),
    Rule("turned", is_turned,
         "the picture is turned by a quarter; turn it upright"),
    Rule("no breast", is_no_breast,
         "no breast is seen (a drawing, text or another body part); leave it out",
         ends=True),
    Rule("cropped", is_cropped,
         "the breast is cut off, no skin line is seen on the side opposite the chest "
         "wall; use the whole mammogram"),
    # CBIS-DDSM holds films that were scanned mirrored (P_00127 RIGHT, both views), and
    # networks are trained with flips.
    Rule("against side", is_against_side,
         "the chest wall is not on the side of the stated breast, so the picture is "
         "mirrored or its side is wrong; check the side", refuses=False),
    Rule("implant", has_implant,
         "a large smooth oval as of an implant; networks were not trained on implants"),
    Rule("foreign object", has_foreign_object,
         "a large white object with sharp edges (pacemaker, needle, label) lies in the "
         "breast; use a picture without it"),
)

# What needs no look at the picture.
ONE_GREY = "the picture has a single grey value and shows no breast; leave it out"

# What is said of pictures that are told to be no screening view: rows of
# `tables.kinds`, and conditions of `dicom.kinds`.
SLICE = ("{} that it is a slice or projection of tomosynthesis; use the "
         "two-dimensional or synthetic picture")
CONTRAST = "{} that contrast was given; use a picture without"
IMPLANT = "{} that it shows an implant; networks were not trained on implants"
TOLD = {
    "implant": IMPLANT, "implant displaced": IMPLANT,
    "spot": "{} that it is a spot compression view; use the screening view",
    "magnified": "{} that it is a magnified view; use the screening view",
    "specimen": "{} that it shows a specimen; leave it out",
    "needle": "{} that it shows a biopsy or the placing of a needle or wire; "
              "use a picture from before it",
    "contrast": CONTRAST, "recombined": CONTRAST, "low energy": CONTRAST,
    "high energy": CONTRAST, "slice": SLICE, "projection": SLICE,
    "region": "{} that it is a region cut out of a mammogram; use the whole mammogram",
}
TAGS_SAY = "the tags say"


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a picture is no basis for a score.

    Attributes:
        kind: one of the kinds of `RULES` or `TOLD`.
        sentence: the flag, beginning with `ADVICE`.
        refuses: whether `--refuse-unfit` takes the score away.
    """

    kind: str
    sentence: str
    refuses: bool = True


def reasons(
    image: NDArray, *, laterality: str = "", tellers: Mapping[str, str] | None = None
) -> tuple[Reason, ...]:
    """Why a picture is no basis for a score; empty where nothing is known or seen.

    Args:
        image: array `(rows, columns)` from `images.read_image`, background dark.
        laterality: the stated side, "L", "R" or empty.
        tellers: by kind, who tells it, such as "the tags say"; those of `TOLD` stand
            first.
    """
    by_kind = {kind: Reason(kind, ADVICE + TOLD[kind].format(teller))
               for kind, teller in (tellers or {}).items() if kind in TOLD}
    if image.min() == image.max():
        by_kind.setdefault("no breast", Reason("no breast", ADVICE + ONE_GREY))
    if not appearance.can_be_judged(image):
        return tuple(by_kind.values())
    scan = view(image, laterality=laterality)
    for rule in RULES:
        if rule.holds(scan):
            by_kind.setdefault(
                rule.kind, Reason(rule.kind, ADVICE + rule.sentence, rule.refuses))
            if rule.ends:
                break
    return tuple(by_kind.values())


def meaningless(holding: Iterable[Reason]) -> bool:
    """Whether a picture cannot be compared with others: inverted, or no breast."""
    ending = {rule.kind for rule in RULES if rule.ends}
    return any(reason.kind in ending for reason in holding)
