"""Scores combined: models of an ensemble, views of a breast, breasts of a woman."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from end2end.tables.scores import Scores
from end2end.utils import files

VIEWS = ("CC", "MLO")
# What stands for a patient that is not known.
UNKNOWN = "unknown"


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


def exam_key(scores: Scores, i: int) -> tuple[str, str, str]:
    """What is equal for images of one exam of one woman, of image `i`.

    Returns:
        (patient, exam, path); the path is empty unless both are unknown, in which case
        the image is an exam of its own.
    """
    known = scores.patients[i] or scores.exams[i]
    return scores.patients[i], scores.exams[i], "" if known else scores.paths[i]


def breast_groups(scores: Scores) -> dict[tuple, dict[str, list[int]]]:
    """Positions of the images of each breast that vote, by view.

    Returns:
        dict of (exam key, side) to dict of view to list of positions.
    """
    groups = {}
    for i, side in enumerate(scores.lateralities):
        if side and scores.votes[i] in ("yes", ""):
            views = groups.setdefault((exam_key(scores, i), side), {})
            views.setdefault(scores.views[i], []).append(i)
    return groups


def breasts(scores: Scores, *, both_views: bool = True) -> Scores:
    """One row per breast of an exam: the mean of its CC and its MLO score (Shen et al.
    2019).

    Images that do not vote are left aside; several images of one view, in tables that
    do not say which of them votes, are averaged first. A breast is positive where any
    of its images is.

    Args:
        scores: of two classes.
        both_views: leave out breasts without both views, as in the paper, and those of
            unknown patient and exam.

    Returns:
        `Scores`; `paths` are `patient_laterality`, with the exam in between where a
        patient has several.

    Raises:
        files.InputError: no breast is left.
    """
    groups = breast_groups(scores)
    if both_views:
        groups = {key: views for key, views in groups.items()
                  if not key[0][2] and all(view in views for view in VIEWS)}
    if not groups:
        raise files.InputError(
            "no breast has both views with known patient, side and view; expected "
            "these columns, or file names such as P_00001_LEFT_CC.png.")
    chosen = [[v for name, v in sorted(views.items())
               if not both_views or name in VIEWS] for views in groups.values()]

    def mean(values):
        return np.array([_mean(values, views) for views in chosen])
    names = exam_names(key for key, _ in groups)
    return Scores(
        tuple(f"{names[key]}_{side}" for key, side in groups), mean(scores.values),
        _any_positive(scores, [sum(views, []) for views in chosen]), scores.classes,
        patients=tuple(key[0] for key, _ in groups),
        lateralities=tuple(side for _, side in groups),
        views=tuple("+".join(sorted(filter(None, views))) for views in groups.values()),
        exams=tuple(key[1] for key, _ in groups),
        models={name: mean(values) for name, values in scores.models.items()})


def _mean(values, views):
    return np.mean([values[places].mean() for places in views])


def exam_names(keys: Iterable[tuple[str, str, str]]) -> dict[tuple, str]:
    """Names of exams: that of the patient, with the exam where she has several.

    Args:
        keys: of `exam_key`.

    Returns:
        dict by key.
    """
    keys = list(dict.fromkeys(keys))
    several = collections.Counter(patient for patient, _, _ in keys)
    return {key: "_".join(filter(None, (
        key[0] or UNKNOWN, key[1] if several[key[0]] > 1 or not key[0] else "",
        pathlib.PurePath(key[2]).name))) for key in keys}


def counted_exams(scores: Scores) -> list[tuple[str, str, str]]:
    """Keys of the exams that `women` has a row of, in its order."""
    return list(_parts(scores))


def women(scores: Scores) -> Scores:
    """One row per exam of each patient: the highest of her breasts' scores.

    Each breast counts as the mean of its views (`breasts`, single views included);
    images of unknown side are one breast, and those that vote `alone` count as they
    are. Never a mean or a maximum over exams.

    Returns:
        `Scores`; `paths` are the patients, with the exam where there are several.

    Raises:
        files.InputError: no image votes.
    """
    parts = _parts(scores)
    if not parts:
        raise files.InputError(
            "no image counts for a patient; expected known patients or exams.")
    def highest(values):
        return np.array([max(_mean(values, views) for views in breasts)
                         for breasts in parts.values()])
    names = exam_names(parts)
    return Scores(
        tuple(names[key] for key in parts), highest(scores.values),
        _any_positive(scores, [sum((sum(views, []) for views in breasts), [])
                               for breasts in parts.values()]), scores.classes,
        patients=tuple(key[0] for key in parts), exams=tuple(key[1] for key in parts),
        models={name: highest(values) for name, values in scores.models.items()})


def _parts(scores):
    """By exam, what counts for it: lists of the positions of each view of a breast."""
    parts = {}
    for (key, _), views in breast_groups(scores).items():
        parts.setdefault(key, []).append(list(views.values()))
    unsided = {}
    for i, (side, vote) in enumerate(
            zip(scores.lateralities, scores.votes, strict=True)):
        if vote == "alone":
            parts.setdefault(exam_key(scores, i), []).append([[i]])
        elif not side and not vote:
            unsided.setdefault(exam_key(scores, i), {}).setdefault(
                scores.views[i], []).append(i)
    for key, views in unsided.items():
        parts.setdefault(key, []).append(list(views.values()))
    return parts


def _any_positive(scores, groups):
    if scores.labels is None:
        return None
    return np.array([scores.labels[places].max() for places in groups])
