"""Scores combined: models of an ensemble, views of a breast, breasts of a woman."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from end2end.tables.scores import Scores
from end2end.utils import files

VIEWS = ("CC", "MLO")


def ensemble(members: Sequence[Scores], names: Sequence[str]) -> Scores:
    """Mean of the scores of several models on the same images (Shen et al. 2019).

    Args:
        members: `Scores` of two classes, of the same images in any order.
        names: of the models.

    Returns:
        `Scores` in the order of the first, with the score of each model.

    Raises:
        files.InputError: the images or their labels differ.
    """
    first = members[0]
    aligned = [align(first, other, name)
               for other, name in zip(members, names, strict=True)]
    models = {name: member.values for name, member in zip(names, aligned, strict=True)}
    return dataclasses.replace(
        first, values=np.mean([member.values for member in aligned], axis=0),
        models=models)


def align(first: Scores, other: Scores, name: str = "the other file") -> Scores:
    """`other` in the order of `first`; both must have the same images and labels.

    Images are matched by path, or by file name where paths differ.

    Raises:
        files.InputError: an image is missing, comes twice or has another label.
    """
    for key in (str, lambda path: pathlib.PurePath(path).name):
        keys, others = list(map(key, first.paths)), list(map(key, other.paths))
        if len(set(keys)) == len(keys) and sorted(keys) == sorted(others):
            break
    else:
        missing = sorted(set(keys) ^ set(others)) or ["some of them twice"]
        raise files.InputError(
            f"{name} has other images than the first; differing: {missing[0]} "
            f"({len(missing)} in all). Score the same images with each model.")
    place = {key: i for i, key in enumerate(others)}
    aligned = other.subset([place[key] for key in keys])
    if (first.labels is not None and aligned.labels is not None
            and (first.labels != aligned.labels).any()):
        where = int(np.flatnonzero(first.labels != aligned.labels)[0])
        raise files.InputError(
            f"{name} has another label for {first.paths[where]}; correct one of them.")
    return aligned


def breasts(scores: Scores, *, both_views: bool = True) -> Scores:
    """One row per breast: the mean of its CC and its MLO score (Shen et al. 2019).

    Several images of one view are averaged first. A breast is positive where any of
    its images is.

    Args:
        scores: of two classes.
        both_views: leave out breasts without both views, as in the paper.

    Returns:
        `Scores`; `paths` are `patient_laterality`.

    Raises:
        files.InputError: no breast is left.
    """
    groups = {}
    for i, key in enumerate(zip(scores.patients, scores.lateralities, strict=True)):
        if all(key):
            groups.setdefault(key, {}).setdefault(scores.views[i], []).append(i)
    if both_views:
        groups = {key: views for key, views in groups.items()
                  if all(view in views for view in VIEWS)}
    if not groups:
        raise files.InputError(
            "no breast has both views with known patient, side and view; expected "
            "these columns, or file names such as P_00001_LEFT_CC.png.")
    by_breast = [[v for name, v in sorted(views.items())
                  if not both_views or name in VIEWS] for views in groups.values()]

    def mean(values):
        return np.array([np.mean([values[indices].mean() for indices in views])
                         for views in by_breast])
    return Scores(
        tuple("_".join(key) for key in groups), mean(scores.values),
        _any_positive(scores, [sum(views, []) for views in by_breast]), scores.classes,
        patients=tuple(key[0] for key in groups),
        lateralities=tuple(key[1] for key in groups),
        views=tuple("+".join(sorted(views)) for views in groups.values()),
        models={name: mean(values) for name, values in scores.models.items()})


def women(scores: Scores) -> Scores:
    """One row per patient: the highest of her breasts' scores.

    Each breast counts as the mean of its views (`breasts`, single views included);
    images of unknown side are one breast.

    Returns:
        `Scores`; `paths` are the patients.

    Raises:
        files.InputError: no patient is known.
    """
    sided = dataclasses.replace(
        scores, lateralities=tuple(side or "?" for side in scores.lateralities))
    single = breasts(sided, both_views=False)
    groups = {}
    for i, patient in enumerate(single.patients):
        groups.setdefault(patient, []).append(i)

    def highest(values):
        return np.array([values[indices].max() for indices in groups.values()])
    return Scores(
        tuple(groups), highest(single.values),
        _any_positive(single, list(groups.values())), scores.classes,
        patients=tuple(groups),
        models={name: highest(values) for name, values in single.models.items()})


def _any_positive(scores, groups):
    if scores.labels is None:
        return None
    return np.array([scores.labels[indices].max() for indices in groups])
