"""Hard examples: patches where a patch classifier errs, in place of drawn ones.

The wish of the discussion of Shen et al. 2019. A false positive is a place beside all
outlines that the classifier does not call background, a false negative one on an
outlined lesion that it does not call that lesion's class. The worst errors take the
places of the last of the drawn patches, so each mammogram keeps as many patches of each
class, under the same names.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import math
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from end2end import config
from end2end.data.patches import geometry, patch_files, roi_table, sampling
from end2end.utils import files

FALSE_POSITIVE, FALSE_NEGATIVE = "false-positive", "false-negative"
# Errors nearer to a worse one of the same class than this share of a patch show the
# same place (our choice: the step of the sliding window of `explanation.patch_maps`).
LEAST_DISTANCE = 1 / 4


@dataclasses.dataclass(frozen=True)
class HardExamples:
    """A `sampling.Replacement` by the errors of a patch classifier.

    Attributes:
        classify: from a picture `(rows, columns)` to a map of the classifier on it, an
            object with `probabilities`, float `(rows, columns, classes)`, and `first`
            and `step`, pixels down and across, as `explanation.patch_maps.PatchMap`.
        classes: names of the classes, which are the class folders.
        share: greatest share of the drawn patches to replace, above 0 to 1.
        key: all that the maps depend on.
    """

    classify: Callable[[NDArray], Any]
    classes: Sequence[str]
    share: float
    key: str

    def draws(self, task: sampling.Task,
              drawn: Iterator[sampling.Draw]) -> Iterator[sampling.Draw]:
        """The drawn patches of one mammogram, the last of each lesion and of the
        background replaced by the worst errors, as far as there are errors."""
        try:
            regions = [sampling.read_region(task, path) for path in task.job.masks]
        except sampling.Unusable:
            # The draws meet the same file and say so.
            yield from drawn
            return
        errors = Errors(task, regions, self.classify(task.picture), tuple(self.classes))
        places = {}
        for key, group in itertools.groupby(drawn, errors.place):
            group = list(group)
            if key not in places:
                places[key] = errors.worst(*key)
            hard = list(itertools.islice(places[key], int(self.share * len(group))))
            kept = len(group) - len(hard)
            yield from group[:kept]
            for draw, (center, kind) in zip(group[kept:], hard, strict=True):
                task.say(f"in place of number {draw.number} of {draw.folder}: a {kind} "
                         f"at (x,y) center= {center}")
                yield draw._replace(center=center, kind=kind)


@dataclasses.dataclass(frozen=True)
class Errors:
    """Where a classifier errs on one mammogram.

    Attributes:
        task: the mammogram.
        regions: its lesions, in the order of the table.
        patch_map: of the classifier; see `HardExamples.classify`.
        classes: names of the classes.
    """

    task: sampling.Task
    regions: Sequence[geometry.Region]
    patch_map: Any
    classes: tuple[str, ...]

    def place(self, draw: sampling.Draw) -> tuple[str, int | None]:
        """Class folder of a drawn patch, and the lesion it is of; None: background."""
        if draw.folder == self.task.options.background_folder:
            return draw.folder, None
        return draw.folder, self.task.job.rows.index(draw.row)

    def worst(self, folder: str,
              lesion: int | None) -> Iterator[tuple[tuple[int, int], str]]:
        """Errors on a lesion, or beside all of them, the worst first.

        Args:
            folder: class that is the truth there.
            lesion: number of the lesion; None for the background.

        Yields:
            centre (x, y) in the padded image, and the kind of error.
        """
        truth = self.classes.index(folder)
        probabilities = self.patch_map.probabilities
        wrong = probabilities.argmax(axis=-1) != truth
        kind = FALSE_POSITIVE if lesion is None else FALSE_NEGATIVE
        centers = []
        for index in np.argsort(probabilities[..., truth], axis=None, kind="stable"):
            cell = np.unravel_index(index, wrong.shape)
            if not wrong[cell]:
                continue
            center = self._center(cell)
            if self._belongs(center, lesion) and self._apart(center, centers):
                centers.append(center)
                yield center, kind

    def _center(self, cell):
        y, x = (round(first + step * index) + self.task.margin for first, step, index
                in zip(self.patch_map.first, self.patch_map.step, cell, strict=True))
        return x, y

    def _belongs(self, center, lesion):
        """Whether a patch there would be one of the lesion, or background."""
        options = self.task.options
        if lesion is not None:
            return self.regions[lesion].overlaps(
                center, options.patch_size, options.lesion_overlap)
        return not any(region.overlaps(center, options.patch_size,
                                       options.background_overlap)
                       for region in self.regions)

    def _apart(self, center, others):
        least = LEAST_DISTANCE * self.task.options.patch_size
        return all(math.dist(center, other) >= least for other in others)


def check(
        options: config.SamplingOptions, share: float, classes: Sequence[str],
        size: Sequence[int]) -> None:
    """Refuses what cannot give hard examples.

    Args:
        options: how patches are drawn.
        share: of them to replace.
        classes: of the classifier.
        size: height and width of its patches in pixels.

    Raises:
        files.InputError: the share replaces nothing, or the classifier is of other
            classes or patches.
    """
    most = max(options.lesion_count, options.background_count)
    if not 1 <= share * most <= most:
        raise files.InputError(
            f"--share {share:g} of {most} patches is no patch to replace; expected "
            f"{1 / max(most, 1):g} to 1.")
    missing = [folder for folder in roi_table.class_folders(options)
               if folder not in classes]
    if missing:
        raise files.InputError(
            f"the patch classifier has the classes {', '.join(classes)}, and "
            f"{missing[0]} is not among them; expected one trained on such patches.")
    if tuple(size) != (options.patch_size,) * 2:
        raise files.InputError(
            f"the patch classifier was trained on patches of {size[0]}x{size[1]} "
            f"pixels, and --patch-size is {options.patch_size}; expected the same.")


def counts(paths: Iterable[pathlib.Path]) -> str:
    """How many patches are which kind of hard example, as a sentence."""
    kinds = collections.Counter(map(patch_files.read_kind, paths))
    total = sum(kinds.values())
    return (f"{total} patches: {kinds[FALSE_POSITIVE]} false positives, "
            f"{kinds[FALSE_NEGATIVE]} false negatives, {kinds['']} as drawn.")
