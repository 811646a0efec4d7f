"""Some of the patients of a set of images: for learning curves and for validation."""

import dataclasses

import numpy as np

from end2end.utils import files


def patients_of(found):
    """Patients of an `ImageList` in sorted order, and 1 for those with a positive.

    Raises:
        files.InputError: the list does not say whose the images are.
    """
    if not found.patients or not all(found.patients):
        raise files.InputError(
            "nothing says which patient an image is of; expected a CSV manifest with "
            "the columns path, label and patient (inbreast.prepare writes images.csv).")
    positive = {}
    for patient, label in zip(found.patients, found.labels, strict=True):
        positive[patient] = max(int(label > 0), positive.get(patient, 0))
    names = sorted(positive)
    return names, [positive[name] for name in names]


def of_patients(found, names):
    """The images of some patients, in the order of the list."""
    which = [i for i, patient in enumerate(found.patients) if patient in set(names)]

    def some(values):
        return None if values is None else tuple(values[i] for i in which)

    return dataclasses.replace(
        found, paths=some(found.paths), labels=np.asarray(found.labels)[which],
        patients=some(found.patients), lateralities=some(found.lateralities),
        views=some(found.views))


def set_apart(found, share, *, seed):
    """Splits images by patient into a rest and a share, both with both classes.

    Args:
        found: `datasets.ImageList` with patients.
        share: of the patients with and of those without a positive image, 0 to 1; at
            least one of each.
        seed: of the draw.

    Returns:
        two `ImageList`: the rest, and the part set apart.

    Raises:
        files.InputError: fewer than two patients of a class.
    """
    rest, apart = [], []
    for group in groups_of(found, seed=seed):
        count = min(max(round(share * len(group)), 1), len(group) - 1)
        apart += group[:count]
        rest += group[count:]
    return of_patients(found, rest), of_patients(found, apart)


def groups_of(found, *, seed):
    """Patients without and with a positive image, each in random order.

    Raises:
        files.InputError: fewer than two patients in one of them.
    """
    names, labels = patients_of(found)
    order = np.random.default_rng(seed).permutation(len(names))
    groups = [[names[i] for i in order if labels[i] == value] for value in (0, 1)]
    if min(map(len, groups)) < 2:
        raise files.InputError(
            f"{len(groups[0])} patients without and {len(groups[1])} with a positive "
            "image; expected two of each, to train and to validate. Add patients.")
    return groups


def nested(found, counts, *, seed):
    """Subsets of the patients, each holding the smaller ones, two or more per class.

    The share of patients with a positive image is kept as far as whole patients allow.

    Args:
        found: `datasets.ImageList` with patients.
        counts: numbers of patients, 4 or more each; None is all of them.
        seed: of the order in which patients are drawn.

    Returns:
        dict from count to `ImageList`; a count above that of all patients is all.
    """
    negative, positive = groups_of(found, seed=seed)
    everybody = len(negative) + len(positive)
    subsets = {}
    for count in counts:
        wanted = min(count or everybody, everybody)
        positives = min(max(round(len(positive) / everybody * wanted), 2),
                        len(positive))
        subsets[count] = of_patients(
            found, positive[:positives] + negative[:wanted - positives])
    return subsets
