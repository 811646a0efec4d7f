"""Leaves out of a test set what is no basis for a score (`--refuse-unfit`)."""

import dataclasses
from collections.abc import Collection

import numpy as np

from end2end import prediction
from end2end.data import image_lists
from end2end.images import reading
from end2end.utils import files


def unfit_images(images: image_lists.ImageList) -> dict[str, str]:
    """Pictures of a test set that are no basis for a score, with the reason.

    Raises:
        files.InputError: an image cannot be read.
    """
    refused = {}
    for path, row in zip(images.paths, images.rows or (None,) * len(images),
                         strict=True):
        image = reading.read(path, manifest=row)
        try:
            prediction.check_fit(image, prediction.unfit_reasons(image))
        except files.InputError as error:
            refused[str(path)] = str(error).removeprefix(f"{path} ")
    return refused


def without(images: image_lists.ImageList, paths: Collection[str]
            ) -> image_lists.ImageList:
    """A test set without some of its images."""
    places = [k for k, path in enumerate(images.paths) if str(path) not in paths]
    columns = {field.name: getattr(images, field.name)
               for field in dataclasses.fields(images)
               if field.name not in ("classes", "left")}
    return dataclasses.replace(images, **{
        name: values[places] if isinstance(values, np.ndarray)
        else tuple(values[k] for k in places)
        for name, values in columns.items() if values is not None})
