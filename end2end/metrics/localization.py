"""Whether marks lie where the lesions are: FROC curves and JAFROC.

Chakraborty DP, Berbaum KS. Observer studies involving detection and localization:
modeling, analysis, and validation. Med Phys 31, 2313-2330 (2004). The figure of merit
of JAFROC is how often a lesion is marked with a higher rating than the highest mark on
an image without a lesion: an AUC of lesions against such images.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from end2end.metrics import bootstrap, delong
from end2end.metrics.shares import Estimate
from end2end.utils import files

# Marks of an image, none of which lies on a lesion, at which sensitivity is stated.
RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
# Thresholds of the curve that the bootstrap looks at.
STEPS = 400


@dataclasses.dataclass(frozen=True)
class Marks:
    """All marks on a set of images, by what they lie on.

    Attributes:
        count: number of images; images are 0 to `count - 1`.
        false_image, false_rating: image and rating of each mark off every lesion.
        lesion_image, lesion_rating: image of each lesion, and the highest rating of the
            marks on it, `-inf` where there is none.
        groups: key of the woman of each image, `(count,)`, or None.
    """

    count: int
    false_image: NDArray[np.integer]
    false_rating: NDArray[np.float64]
    lesion_image: NDArray[np.integer]
    lesion_rating: NDArray[np.float64]
    groups: tuple | None = None

    @property
    def diseased(self) -> NDArray[np.bool_]:
        """Whether each image has a lesion, `(count,)`."""
        return np.bincount(self.lesion_image, minlength=self.count) > 0

    @property
    def highest_false(self) -> NDArray[np.float64]:
        """Highest rating off the lesions by image, `-inf` where nothing is marked."""
        highest = np.full(self.count, -np.inf)
        np.maximum.at(highest, self.false_image, self.false_rating)
        return highest


def froc_curve(
        marks: Marks) -> tuple[NDArray[np.float64], NDArray[np.float64],
                               NDArray[np.float64]]:
    """Share of lesions marked against false marks per image, over all thresholds.

    Returns:
        false marks per image and sensitivity (ascending), and threshold (descending,
        infinite first).
    """
    ratings = np.concatenate([marks.false_rating, marks.lesion_rating])
    thresholds = np.unique(ratings[np.isfinite(ratings)])[::-1]
    false, lesions = np.sort(marks.false_rating), np.sort(marks.lesion_rating)
    per_image = (len(false) - np.searchsorted(false, thresholds)) / marks.count
    detected = (len(lesions) - np.searchsorted(lesions, thresholds)) / max(
        len(lesions), 1)
    return (np.r_[0.0, per_image], np.r_[0.0, detected], np.r_[np.inf, thresholds])


def sensitivity_at(
        marks: Marks, rates: Sequence[float] = RATES, *, runs: int = bootstrap.RUNS,
        seed: int = bootstrap.SEED) -> list[Estimate]:
    """Sensitivity at given numbers of false marks per image; images (women) are drawn.

    Raises:
        files.InputError: no lesion.
    """
    if not len(marks.lesion_image):
        raise files.InputError(
            "no image has a lesion that could be marked; give outlines of lesions.")
    per_image, detected, thresholds = froc_curve(marks)
    steps = thresholds[np.unique(np.linspace(
        0, len(thresholds) - 1, STEPS).astype(int))]
    hits = _counts(marks.lesion_image, marks.lesion_rating, steps, marks.count)
    false = _counts(marks.false_image, marks.false_rating, steps, marks.count)
    lesions = np.bincount(marks.lesion_image, minlength=marks.count)

    def statistic(draws):
        shares = draws @ hits / np.maximum(draws @ lesions, 1)[:, None]
        marked = draws @ false / draws.sum(axis=1)[:, None]
        return np.stack([(shares * (marked <= rate + 1e-12)).max(axis=1)
                         for rate in rates], axis=1)
    values = bootstrap.replicates(statistic, marks.count, runs=runs, seed=seed,
                                  groups=marks.groups)
    return [Estimate(float(detected[per_image <= rate + 1e-12].max()),
                     *bootstrap.interval(values[:, place]))
            for place, rate in enumerate(rates)]


def _counts(images, ratings, thresholds, count):
    """How many marks of each image reach each threshold, `(count, thresholds)`."""
    cells = np.zeros((count, len(thresholds) + 1))
    # Thresholds descend: a mark counts from the first that it reaches on.
    first = np.searchsorted(-thresholds, -ratings)
    np.add.at(cells, (images, first), 1)
    return np.cumsum(cells, axis=1)[:, :-1]


def jafroc(readings: Sequence[Marks]) -> tuple[NDArray[np.float64],
                                               NDArray[np.float64]]:
    """JAFROC figures of merit of several readings of the same images.

    Args:
        readings: `Marks` of one set of images and lesions.

    Returns:
        figures `(k,)` and their covariances `(k, k)`, for `metrics.readers`.

    Raises:
        files.InputError: all images have a lesion, or none has.
    """
    first, *_ = readings
    normal = ~first.diseased
    if not normal.any() or normal.all():
        raise files.InputError(
            "JAFROC needs images with and without a lesion; expected both.")
    keys = np.arange(first.count) if first.groups is None else np.unique(
        np.asarray(first.groups), return_inverse=True)[1]
    labels = np.r_[np.ones(len(first.lesion_image)), np.zeros(normal.sum())]
    # What is not marked lies below all others.
    ratings = [np.maximum(np.r_[marks.lesion_rating, marks.highest_false[normal]],
                          np.finfo(np.float64).min) for marks in readings]
    return delong.covariance(
        labels, ratings, np.r_[keys[first.lesion_image], keys[normal]])


def jafroc_estimate(marks: Marks) -> Estimate:
    """JAFROC figure of merit of one reading, with its 95 % interval."""
    (area,), ((variance,),) = jafroc([marks])
    counts = (len(marks.lesion_image), int((~marks.diseased).sum()))
    return Estimate(float(area), *delong.logit_interval(area, variance, counts))


# Marks of a map ---------------------------------------------------------------------


def peaks(values: ArrayLike, *, distance: int, cutoff: float = 0.0, most: int = 20
          ) -> list[tuple[int, int, float]]:
    """Places where a map is highest, at least some cells from each other.

    Args:
        values: map `(rows, columns)`, higher means more suspicious.
        distance: least distance of two marks, in cells.
        cutoff: marks are above it.
        most: number of marks, the highest first.

    Returns:
        list of row, column and value.
    """
    values = np.asarray(values, np.float64)
    highest = ndimage.maximum_filter(values, size=2 * distance + 1, mode="nearest")
    areas, count = ndimage.label((values == highest) & (values > cutoff))
    # A flat top is a single mark, in its middle.
    middles = ndimage.center_of_mass(np.ones_like(values), areas, range(1, count + 1))
    tops = ndimage.maximum(values, areas, range(1, count + 1)) if count else []
    marked = [(round(row), round(column), float(top))
              for (row, column), top in zip(middles, tops, strict=True)]
    return sorted(marked, key=lambda mark: -mark[2])[:most]


def on_lesions(
        marks: Sequence[tuple[int, int, float]], masks: Sequence[NDArray[np.bool_]], *,
        tolerance: int = 0) -> tuple[list[float], list[float]]:
    """Tells marks on lesions from others.

    Args:
        marks: of `peaks`.
        masks: one bool array `(rows, columns)` per lesion.
        tolerance: pixels by which each lesion is widened.

    Returns:
        ratings of the marks off every lesion, and of each lesion the highest rating on
        it, `-inf` where there is none.
    """
    if tolerance:
        masks = [ndimage.distance_transform_edt(~np.asarray(mask, bool)) <= tolerance
                 for mask in masks]
    ratings, false = [-np.inf] * len(masks), []
    for row, column, rating in marks:
        hits = [place for place, mask in enumerate(masks) if mask[row, column]]
        for place in hits:
            ratings[place] = max(ratings[place], rating)
        if not hits:
            false.append(rating)
    return false, ratings
