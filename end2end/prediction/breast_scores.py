"""Scores of breasts by models of two views: one row for each breast of an exam."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from end2end import checkpoints
from end2end.data import breasts, image_lists
from end2end.model_files import safe_loading
from end2end.prediction import identity_cells, inputs, scoring
from end2end.tables import scores
from end2end.utils import commands, files

if TYPE_CHECKING:
    from end2end.checkpoints import Classifier

log = logging.getLogger(__name__)

COLUMNS = ("patient", "exam", "laterality", "cc", "mlo", "label", "score", "flags")
NOTE = "its {} is missing; the other view stands in its place"


def take_breasts(models: Sequence[pathlib.Path]) -> bool:
    """Whether models are of two views, by their cards.

    Raises:
        files.InputError: some are and some are not, or a file is no model.
    """
    kinds = set()
    for path in models:
        with safe_loading.opened(path) as stored:
            card = checkpoints.saved_models.card_beside(path, stored.card)
        kinds.add(card.get("kind") == checkpoints.outputs.TWO_VIEWS)
    if len(kinds) > 1:
        raise files.InputError(
            "some models take one image and some take two views; their scores have "
            "other rows. Score them by two calls.")
    return kinds == {True}


def score(
        classifiers: Sequence[Classifier], given: inputs.Inputs, *,
        flips: bool = False, refuse_unfit: bool = False,
        say: Callable[[str], object] = log.info
) -> tuple[list[dict[str, str]], list[tuple[pathlib.Path, str]]]:
    """Scores every breast of which an image is there.

    Args:
        classifiers: all of two views; their scores are averaged.
        given: images of the command line.
        flips: average over the four flips.
        refuse_unfit: refuse breasts of which a picture is no basis for a score.
        say: takes lines on what became of the images.

    Returns:
        rows, dicts by `COLUMNS`, `score_NAME` of each of several models and `notes`;
        and pairs of path and reason, of breasts that could not be scored.

    Raises:
        files.InputError: no breast is known.
    """
    listed = image_lists.ImageList(
        tuple(given.paths), rows=tuple(row or None for row in given.rows.values()))
    pairs = breasts.paired(listed, say=say)
    identities = given.identities()
    cells = identity_cells.cells(list(identities.values()), identity_cells.Numbered())
    rows, failures = [], []
    for single in _singles(pairs):
        (first,), (second,) = single.paths, single.partner.paths
        try:
            flags = _flags((first, second), classifiers, refuse_unfit=refuse_unfit,
                           identities=identities)
            values = [_cancer(classifier, single, flips) for classifier in classifiers]
        except (files.InputError, OSError) as error:
            failures.append((first, commands.one_line(error)))
            continue
        known = cells[str(first)]
        views = dict(cc=first, mlo=second)
        missing = []
        if first == second:
            missing = [view for view in views if view.upper() != known["view"]]
            views |= dict.fromkeys(missing, "")
        rows.append(dict(
            {name: known[name] for name in ("patient", "exam", "laterality")},
            **{view: str(path) for view, path in views.items()},
            label=(given.rows[first] or {}).get("label", ""),
            score=scores.number(sum(values) / len(values)),
            flags=flags,
            notes="".join(NOTE.format(view.upper()) for view in missing)) | {
                f"score_{classifier.name}": scores.number(value)
                for classifier, value in zip(classifiers, values, strict=True)
                if len(values) > 1})
    return rows, failures


def _cancer(classifier, breast, flips):
    (values,) = scoring.predict(classifier, breast, flips=flips)
    return float(values[scores.positive_class(classifier.classes)])


def _flags(paths, classifiers, **reading):
    """What is flagged of either view, each once."""
    flags = dict.fromkeys(
        flag for path in dict.fromkeys(paths)
        for flag in scoring.prepare(path, classifiers, **reading).flags)
    return identity_cells.SEPARATOR.join(flags)


def _singles(pairs: image_lists.ImageList) -> Iterator[image_lists.ImageList]:
    """Each breast as a list of one."""
    for first, second in zip(pairs.paths, pairs.partner.paths, strict=True):
        partner = image_lists.ImageList((second,))
        yield dataclasses.replace(partner, paths=(first,), partner=partner)
