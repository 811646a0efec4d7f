"""Some of the patients of a set of images: for learning curves and for validation."""

import dataclasses

import numpy as np

from end2end import files, splits


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
        share: of the patients, 0 to 1, rounded up.
        seed: of the draw.

    Returns:
        two `ImageList`: the rest, and the part set apart.
    """
    names, labels = patients_of(found)
    rest, apart = splits.stratified_split(names, labels, share, seed=seed)
    return of_patients(found, rest), of_patients(found, apart)


def nested(found, counts, *, seed):
    """Subsets of the patients, each holding the smaller ones, with both classes.

    The share of patients with a positive image is kept as far as whole patients allow.

    Args:
        found: `datasets.ImageList` with patients.
        counts: numbers of patients, 2 or more each; None is all of them.
        seed: of the order in which patients are drawn.

    Returns:
        dict from count to `ImageList`; a count above that of all patients is all.
    """
    names, labels = patients_of(found)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    groups = {value: [names[i] for i in order if labels[i] == value]
              for value in (0, 1)}
    share = sum(labels) / len(labels)
    subsets = {}
    for count in counts:
        wanted = min(count or len(names), len(names))
        positives = min(max(round(share * wanted), 1), len(groups[1]))
        negatives = min(wanted - positives, len(groups[0]))
        subsets[count] = of_patients(
            found, groups[1][:positives] + groups[0][:negatives])
    return subsets
