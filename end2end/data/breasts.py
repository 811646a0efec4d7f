"""Images to breasts: CC and MLO of each, for networks of two views."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

import numpy as np

from end2end.data.image_lists import ImageList
from end2end.images import belonging
from end2end.utils import commands, files

log = logging.getLogger(__name__)

VIEWS = ("CC", "MLO")


def paired(images: ImageList, *, say: Callable[[str], object] = log.info) -> ImageList:
    """One row for each breast of an exam, with its CC and its MLO.

    Patient, exam, side and view are those that manifest, tags and names tell, and of
    several images of a view the one that votes is taken, as in prediction. A view that
    is missing is replaced by the other one, so that the network sees the same image
    twice. A breast has the class of the highest number among its images (`pos`).

    Args:
        images: from files, with or without labels.
        say: takes a line on what became of the images.

    Returns:
        `ImageList` of the CC (or the only) views, with the MLO (or the same) views as
        its `partner`.

    Raises:
        files.InputError: no image has a known side and is a CC or an MLO.
    """
    places = _places(images)
    if not places:
        raise files.InputError(
            "no breast is known: a network of two views needs side (L, R) and view "
            "(CC, MLO) of the images, from file names, DICOM tags or the columns "
            "patient, laterality and view of a manifest.")
    counts = [sum(set(views) == wanted for views in places)
              for wanted in (set(VIEWS), {"CC"}, {"MLO"})]
    say(f"{commands.counted(len(places), 'breast')}: {counts[0]} with both views, "
        f"{counts[1]} with CC only, {counts[2]} with MLO only (a view without the "
        "other stands twice)")
    if left := len(images) - sum(map(len, places)):
        say(f"{left} of {len(images)} images are left out: no known side, another view "
            "than CC and MLO, or another image of the view counts")
    first, second = ([views.get(view, next(iter(views.values()))) for views in places]
                     for view in VIEWS)
    labels = None
    if images.labels is not None:
        labels = np.array([max(images.labels[list(views.values())])
                           for views in places], np.int64)
    return dataclasses.replace(
        _subset(images, first), labels=labels, partner=_subset(images, second))


def _places(images):
    """Index of the image of each view, a dict for each breast, in order."""
    breasts: dict[tuple, dict[str, int]] = {}
    voting = belonging.elected(belonging.settle(images.identities()))
    for index, image in enumerate(voting):
        if image.votes == "yes" and image.laterality and image.view in VIEWS:
            breast = (image.study, image.laterality)
            breasts.setdefault(breast, {}).setdefault(image.view, index)
    return list(breasts.values())


def _subset(images, places):
    """Some images of a list, in this order, with what is known of each."""
    columns = ("paths", "patients", "lateralities", "views", "arrays", "rows")
    return dataclasses.replace(images, labels=None, **{
        name: values and tuple(values[place] for place in places)
        for name, values in ((name, getattr(images, name)) for name in columns)})
