"""Regions of interest, and where patches come from: lesions, background, a grid.

All coordinates are those of the padded image: the picture with a black margin of half a
patch on every side, so that a patch may be centred on any of its pixels. The margin is
never made; `cut` fills in what lies outside.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.data.patches import blobs

# The original's fixed seed (documented behaviour): of every lesion, of every image's
# hard negatives.
ORIGINAL_SEED = 12345
# Trials before the overlap asked of a lesion patch is lowered, and by how much.
RELAX_AFTER = 1000
RELAX_BY = 0.05
# Least share of a background patch that is breast, where tissue is asked for.
TISSUE_SHARE = 0.5


class NoPlace(ValueError):
    """No patch can be placed as asked."""


@dataclasses.dataclass(frozen=True)
class Region:
    """One outlined lesion: the largest contour of its mask, and the mask's pixels.

    Made by `find_region`; (x, y) in pixels of the padded image.
    """

    box: tuple         # x, y, width, height of the largest contour
    centroid: tuple    # x, y of the largest contour, cut to whole pixels
    area: int          # pixels of the whole mask, all its contours
    counts: np.ndarray  # summed-area table of the mask's bounding box
    origin: tuple      # x, y of that bounding box
    shape: tuple       # height and width of the padded image

    def covered(self, center: tuple[int, int], patch_size: int) -> tuple[int, int]:
        """Pixels of the mask in a patch, and pixels of the patch in the padded image.

        Args:
            center: x, y.
            patch_size: side of the patch in pixels; odd sizes count as one less.
        """
        half = patch_size // 2
        sides, inside = [], []
        limits = zip(center, self.origin, self.counts.shape[::-1], self.shape[::-1],
                     strict=True)
        for middle, origin, length, limit in limits:
            first, last = max(0, middle - half), min(limit, middle + half)
            sides.append(max(0, last - first))
            inside.append((min(max(first - origin, 0), length - 1),
                           min(max(last - origin, 0), length - 1)))
        (left, right), (top, bottom) = inside
        table = self.counts
        pixels = (int(table[bottom, right]) - int(table[top, right])
                  - int(table[bottom, left]) + int(table[top, left]))
        return pixels, sides[0] * sides[1]

    def overlaps(self, center: tuple[int, int], patch_size: int, cutoff: float) -> bool:
        """Whether more than `cutoff` of the lesion is in the patch, or of the patch in
        the lesion."""
        pixels, patch_area = self.covered(center, patch_size)
        # A window outside the image has no area and no lesion.
        return (pixels / self.area > cutoff
                or (patch_area != 0 and pixels / patch_area > cutoff))

    def fills(self, center: tuple[int, int], patch_size: int, share: float) -> bool:
        """Whether at least `share` of the patch is in the region."""
        pixels, patch_area = self.covered(center, patch_size)
        return pixels >= share * patch_area

    def all_covered(self, patch_size: int) -> NDArray[np.integer]:
        """`covered` pixels for every centre on the picture, int array."""
        half = patch_size // 2
        edges = []
        for axis in (0, 1):
            centers = np.arange(half, self.shape[axis] - half) - self.origin[1 - axis]
            last = self.counts.shape[axis] - 1
            edges.append([np.clip(centers + side, 0, last) for side in (-half, half)])
        (top, bottom), (left, right) = edges
        table = self.counts
        return (table[np.ix_(bottom, right)] - table[np.ix_(top, right)]
                - table[np.ix_(bottom, left)] + table[np.ix_(top, left)])


def find_region(mask: NDArray[np.uint8], *, margin: int = 0) -> Region:
    """Finds the lesion that a mask outlines.

    Of several contours the one with the largest area counts (of equals the first); the
    others count in the overlap only. A contour without area, such as a line, gets the
    centre of its box (documented behaviour of the original).

    Args:
        mask: uint8 array `(rows, columns)`; above 0 is lesion.
        margin: of the padded image in pixels: half a patch.

    Returns:
        `Region` in padded coordinates.

    Raises:
        ValueError: the mask is empty.
    """
    left, top, columns, rows = cv2.boundingRect(mask)
    if not columns:
        raise ValueError("the mask is empty; expected an outlined lesion.")
    lesion = (mask[top:top + rows, left:left + columns] > 0).view(np.uint8)
    origin = (left + margin, top + margin)
    contours, _ = cv2.findContours(
        lesion, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE, offset=origin)
    largest = contours[int(np.argmax(list(map(cv2.contourArea, contours))))]
    x, y, width, height = cv2.boundingRect(largest)
    moments = cv2.moments(largest)
    if not moments["m00"]:
        centroid = (x + width // 2, y + height // 2)
    else:
        centroid = (int(moments["m10"] / moments["m00"]),
                    int(moments["m01"] / moments["m00"]))
    counts = cv2.integral(lesion)
    padded = (mask.shape[0] + 2 * margin, mask.shape[1] + 2 * margin)
    return Region((x, y, width, height), centroid, int(counts[-1, -1]), counts, origin,
                  padded)


def tissue_region(breast: NDArray[np.uint8], *, margin: int = 0) -> Region:
    """The breast as a `Region`, to ask how much of a patch is tissue.

    Args:
        breast: uint8 array `(rows, columns)`; above 0 is breast.
        margin: of the padded image in pixels.
    """
    inside = breast > 0
    counts = cv2.integral(inside.view(np.uint8))
    padded = (breast.shape[0] + 2 * margin, breast.shape[1] + 2 * margin)
    return Region((), (), int(inside.sum()), counts, (margin, margin), padded)


def cut(image: NDArray, center: tuple[int, int], patch_size: int) -> NDArray:
    """Cuts one patch; what lies outside the image is black.

    Args:
        image: array `(rows, columns)`, without a margin.
        center: x, y in the padded image.
        patch_size: side in pixels; an odd size gives one pixel less.

    Returns:
        Array `(side, side)` of the same type; a view where it lies inside.
    """
    side = patch_size // 2 * 2
    # A margin of half a patch and half a patch back to the corner cancel out.
    left, top = center[0] - side, center[1] - side
    rows, columns = image.shape
    if left >= 0 and top >= 0 and left + side <= columns and top + side <= rows:
        return image[top:top + side, left:left + side]
    patch = np.zeros((side, side), image.dtype)
    first, last = max(top, 0), min(top + side, rows)
    start, stop = max(left, 0), min(left + side, columns)
    if first < last and start < stop:
        patch[first - top:last - top, start - left:stop - left] = (
            image[first:last, start:stop])
    return patch


def lesion_centers(
        rng: np.random.RandomState, region: Region, count: int, *, patch_size: int,
        lesion_overlap: float,
        say: Callable[[str], object] = lambda text: None) -> Iterator[tuple[int, int]]:
    """Draws centres of lesion patches in the lesion's box.

    After `RELAX_AFTER` trials in vain the overlap asked for is lowered by `RELAX_BY`,
    for the rest of this lesion (documented behaviour of the original).

    Args:
        rng: `numpy.random.RandomState`; x is drawn first.
        region: `Region`.
        count: how many.
        patch_size: side of a patch in pixels.
        lesion_overlap: share of patch or lesion that the overlap must exceed.
        say: is called with a notice when the overlap asked for is lowered.

    Yields:
        x, y.

    Raises:
        NoPlace: the overlap asked for was lowered to zero.
    """
    x, y, width, height = region.box
    for _ in range(count):
        trials = 0
        while True:
            center = (rng.randint(x, x + width), rng.randint(y, y + height))
            trials += 1
            if trials >= RELAX_AFTER:
                lesion_overlap -= RELAX_BY
                if lesion_overlap <= 0:
                    raise NoPlace(f"no patch of {patch_size} pixels overlaps the "
                                  "lesion; try another --patch-size")
                say(f"no patch in {trials} trials, lowered the overlap cutoff to "
                    f"{lesion_overlap:.2f}")
                trials = 0
            if region.overlaps(center, patch_size, lesion_overlap):
                break
        yield center


def background_centers(
        rng: np.random.RandomState, lesions: Sequence[Region], count: int, *,
        patch_size: int, background_overlap: float,
        tissue: Region | None = None) -> Iterator[tuple[int, int]]:
    """Draws centres of background patches anywhere on the picture.

    Args:
        rng: `numpy.random.RandomState`; x is drawn first.
        lesions: `Region`s that a patch must not overlap.
        count: how many.
        patch_size: side of a patch in pixels.
        background_overlap: greatest overlap, as a share of the patch and the lesion.
        tissue: breast as a `Region`; `TISSUE_SHARE` of a patch must be breast.

    Yields:
        x, y.

    Raises:
        NoPlace: no pixel of the picture can be a centre.
    """
    half = patch_size // 2
    height, width = lesions[0].shape

    def fits(center):
        if tissue is not None and not tissue.fills(center, patch_size, TISSUE_SHARE):
            return False
        return not any(lesion.overlaps(center, patch_size, background_overlap)
                       for lesion in lesions)

    trials, possible = 0, False
    for _ in range(count):
        while True:
            center = (rng.randint(half, width - half), rng.randint(half, height - half))
            if fits(center):
                break
            trials += 1
            # The original never stopped; here all places are looked at, once.
            if trials >= RELAX_AFTER and not possible:
                possible = _any_place(lesions, patch_size, background_overlap, tissue)
                if not possible:
                    raise NoPlace(f"no background patch of {patch_size} pixels fits "
                                  "beside the lesions")
        yield center


def _any_place(lesions, patch_size, background_overlap, tissue):
    """Whether any pixel of the picture can be the centre of a background patch."""
    places = np.ones(lesions[0].all_covered(patch_size).shape, bool)
    area = (patch_size // 2 * 2) ** 2
    for lesion in lesions:
        pixels = lesion.all_covered(patch_size)
        places &= ((pixels / lesion.area <= background_overlap)
                   & (pixels / area <= background_overlap))
    if tissue is not None:
        places &= tissue.all_covered(patch_size) >= TISSUE_SHARE * area
    return bool(places.any())


def blob_centers(
        rng: np.random.RandomState, image: NDArray, lesions: Sequence[Region],
        count: int, *, patch_size: int,
        background_overlap: float) -> Iterator[tuple[int, int]]:
    """Finds lesion-like blobs outside the lesions: hard negatives.

    Args:
        rng: `numpy.random.RandomState`, for the order of the blobs.
        image: array `(rows, columns)`, without a margin.
        lesions: `Region`s that a patch must not overlap.
        count: how many at most.
        patch_size: side of a patch in pixels; a blob is at most one patch large.
        background_overlap: greatest overlap, as a share of the patch and the lesion.

    Yields:
        x, y.
    """
    half = patch_size // 2
    levels = image / max(float(image.max()), 1.0) * 255
    padded = np.pad(levels.astype(np.uint8), half)
    centers = blobs.find_blobs(padded, most_area=patch_size * patch_size)
    drawn = (tuple(int(value) for value in centers[index])
             for index in rng.permutation(len(centers)))
    yield from itertools.islice((
        center for center in drawn if not any(
            lesion.overlaps(center, patch_size, background_overlap)
            for lesion in lesions)), count)


def sliding_grid(length: int, *, patch_size: int, stride: int) -> NDArray[np.integer]:
    """First pixels of the windows that slide over one side of a picture.

    The windows are centred: what the stride leaves over is a gap on both sides. Their
    number is the original's, rounded half away from zero.

    Args:
        length: height or width in pixels, margins included.
        patch_size: side of a window in pixels.
        stride: step in pixels.

    Returns:
        int array, ascending; empty where the side is not longer than a window.
    """
    number = max(0, math.floor((length - patch_size) / stride + 0.49 + 0.5))
    gap = int((length - (patch_size + (number - 1) * stride)) / 2)
    return gap + stride * np.arange(number)
