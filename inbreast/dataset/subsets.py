"""Some of the patients of a set of images: for learning curves and for validation."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from end2end.data import image_lists
from end2end.utils import files


def patients_of(images: image_lists.ImageList) -> tuple[list[str], list[int]]:
    """Patients of an `ImageList` in sorted order, and 1 for those with a positive.

    Raises:
        files.InputError: the list does not say whose the images are.
    """
    if not images.patients or not all(images.patients):
        raise files.InputError(
            "nothing says which patient an image is of; expected a CSV manifest with "
            "the columns path, label and patient (inbreast.prepare writes images.csv).")
    positive = collections.defaultdict(int)
    for patient, label in zip(images.patients, images.labels, strict=True):
        positive[patient] = max(positive[patient], int(label > 0))
    names = sorted(positive)
    return names, [positive[name] for name in names]


def of_patients(
        images: image_lists.ImageList, names: Iterable[str]) -> image_lists.ImageList:
    """The images of some patients, in the order of the list."""
    which = [i for i, patient in enumerate(images.patients) if patient in set(names)]

    def some(values):
        return None if values is None else tuple(values[i] for i in which)

    return dataclasses.replace(
        images, paths=some(images.paths), labels=np.asarray(images.labels)[which],
        patients=some(images.patients), lateralities=some(images.lateralities),
        views=some(images.views))


def set_apart(
        images: image_lists.ImageList, share: float, *,
        seed: int) -> tuple[image_lists.ImageList, image_lists.ImageList]:
    """Splits images by patient into a rest and a share, both with both classes.

    Args:
        images: a list with patients.
        share: of the patients with and of those without a positive image, 0 to 1; at
            least one of each.
        seed: of the draw.

    Returns:
        two `ImageList`: the rest, and the part set apart.

    Raises:
        files.InputError: fewer than two patients of a class.
    """
    rest, apart = [], []
    for group in groups_of(images, seed=seed):
        count = min(max(round(share * len(group)), 1), len(group) - 1)
        apart += group[:count]
        rest += group[count:]
    return of_patients(images, rest), of_patients(images, apart)


def added(
        images: image_lists.ImageList, part: image_lists.ImageList, share: float, *,
        seed: int) -> tuple[image_lists.ImageList, image_lists.ImageList | None]:
    """Validation patients beside a subset, so that all of the subset train.

    Args:
        images: all images that may be trained on, with patients.
        part: the subset.
        share: of the number of patients in the subset, to be added for validation.
        seed: of the draw; that of the subset gives those next in its order.

    Returns:
        the subset, and the images of the other patients, with and without a positive
        image as in the subset as far as the rest allows; None where the rest has too
        few patients, or only one class.
    """
    inside = set(part.patients)
    negative, positive = ([name for name in group if name not in inside]
                          for group in groups_of(images, seed=seed))
    _, labels = patients_of(part)
    count = max(round(share * len(inside)), 2)
    if count > len(negative) + len(positive) or not (negative and positive):
        return part, None
    positives = round(count * sum(labels) / len(labels))
    positives = min(max(positives, count - len(negative), 1), len(positive), count - 1)
    return part, of_patients(
        images, positive[:positives] + negative[:count - positives])


def within(
        images: image_lists.ImageList, part: image_lists.ImageList, share: float, *,
        seed: int) -> tuple[image_lists.ImageList, image_lists.ImageList | None]:
    """Validation patients out of a subset; see `set_apart`, and `added` for the rest.
    """
    return set_apart(part, share, seed=seed)


def folds(
        images: image_lists.ImageList, part: image_lists.ImageList, share: float, *,
        seed: int) -> tuple[image_lists.ImageList, None]:
    """All of a subset, which is dealt into folds while it trains (`pipeline.folds`).
    """
    groups_of(part, seed=seed)
    return part, None


def fixed(
        images: image_lists.ImageList, part: image_lists.ImageList, share: float, *,
        seed: int) -> tuple[image_lists.ImageList, None]:
    """All of a subset, which trains for a fixed number of epochs."""
    return part, None


def groups_of(images: image_lists.ImageList, *, seed: int) -> list[list[str]]:
    """Patients without and with a positive image, each in random order.

    Raises:
        files.InputError: fewer than two patients in one of them.
    """
    names, labels = patients_of(images)
    order = np.random.default_rng(seed).permutation(len(names))
    groups = [[names[i] for i in order if labels[i] == value] for value in (0, 1)]
    if min(map(len, groups)) < 2:
        raise files.InputError(
            f"{len(groups[0])} patients without and {len(groups[1])} with a positive "
            "image; expected two of each, to train and to validate. Add patients.")
    return groups


def nested(
        images: image_lists.ImageList, counts: Sequence[int | None], *,
        seed: int) -> dict[int | None, image_lists.ImageList]:
    """Subsets of the patients, each holding the smaller ones, two or more per class.

    The share of patients with a positive image is kept as far as whole patients allow.

    Args:
        images: a list with patients.
        counts: numbers of patients, 4 or more each; None is all of them.
        seed: of the order in which patients are drawn.

    Returns:
        dict from count to `ImageList`; a count above that of all patients is all.
    """
    negative, positive = groups_of(images, seed=seed)
    everybody = len(negative) + len(positive)
    subsets = {}
    for count in counts:
        size = min(count or everybody, everybody)
        positives = max(round(len(positive) / everybody * size), 2)
        subsets[count] = of_patients(
            images, positive[:positives] + negative[:size - positives])
    return subsets
