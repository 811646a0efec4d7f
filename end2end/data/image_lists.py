"""Class folders, manifests and arrays to batches; balance weights."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from end2end import images
from end2end.tables import identity, manifests, vocabulary
from end2end.utils import commands, files, listing, quiet

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class ImageList:
    """Images with their labels, in a fixed order.

    Attributes:
        paths: one per image; for images in memory a name.
        labels: int array, index into `classes`; None where unknown.
        classes: names of the classes, in the order of a model's outputs.
        patients, lateralities, views: one per image, empty text where unknown; None
            where the source has no such column.
        arrays: the images themselves `(rows, columns)`, where they are in memory.
        rows: of the manifest, dicts by meaning (`tables.manifests`), one per image.
        left: pairs of path and reason, of files in the folder not looked at.
        partner: the second view of each row, where a row is a breast (`breasts`).
    """

    paths: tuple
    labels: np.ndarray | None = None
    classes: tuple = ()
    patients: tuple | None = None
    lateralities: tuple | None = None
    views: tuple | None = None
    arrays: tuple | None = None
    rows: tuple | None = None
    left: tuple = ()
    partner: "ImageList | None" = None

    def __len__(self) -> int:
        return len(self.paths)

    def identities(self) -> list[identity.Identity]:
        """Who and what each image shows, from manifest, tags and names, unsettled
        (`images.belonging`); of images in memory nothing is known."""
        if self.arrays is not None:
            return [identity.Identity(str(path)) for path in self.paths]
        return [images.identify(path, manifest=row) for path, row in zip(
            self.paths, self.rows or self._columns(), strict=True)]

    def _columns(self):
        """What is known of the images without a manifest, as its rows."""
        known = [(name, cells) for name, cells in (
            ("patient", self.patients), ("laterality", self.lateralities),
            ("view", self.views)) if cells]
        if not known:
            return (None,) * len(self)
        return [{name: cells[i] for name, cells in known} for i in range(len(self))]

    def read(self, index: int) -> np.ndarray:
        """One image as it is on disk or in memory, `(rows, columns)`."""
        if self.arrays is not None:
            return self.arrays[index]
        return images.read_image(self.paths[index])


def from_arrays(
        arrays: Sequence[NDArray] | NDArray,
        labels: Sequence[int] | NDArray | None = None, classes: Sequence[str] = ()
) -> ImageList:
    """Makes an `ImageList` of images in memory.

    Args:
        arrays: `(n, rows, columns)`, or a list of `(rows, columns)`; uint8, uint16 or
            float32, as `images.scaled` takes them.
        labels: class numbers, or None.
        classes: names of the classes; "0", "1", ... where empty.

    Raises:
        ValueError: an image is not two-dimensional, or the labels do not fit.
    """
    arrays = tuple(map(np.asarray, arrays))
    for k, array in enumerate(arrays):
        if array.ndim != 2:
            raise ValueError(
                f"image {k} has the shape {array.shape}; expected (rows, columns).")
    if labels is not None:
        labels = np.asarray(labels, np.int64)
        classes = tuple(classes) or tuple(map(str, range(labels.max(initial=0) + 1)))
        if labels.shape != (len(arrays),) or not (
                (labels >= 0) & (labels < len(classes))).all():
            raise ValueError(
                f"labels of shape {labels.shape} do not fit {len(arrays)} images and "
                f"{len(classes)} classes; expected one class number per image.")
    names = tuple(pathlib.Path(f"image-{k}") for k in range(len(arrays)))
    return ImageList(names, labels, tuple(classes), arrays=arrays)


def list_classes(folder: files.Path, classes: Sequence[str] | None = None) -> ImageList:
    """Lists the images of class folders, recursively and by sorted name.

    Args:
        folder: holds one folder per class.
        classes: their names, in the order of the labels 0, 1, ...; sorted names of all
            sub-folders where None.

    Returns:
        `ImageList`. A class without a folder has no images, with a warning.

    Raises:
        files.InputError: there is no folder, or no image in any class.
    """
    folder = files.existing_folder(folder)
    if classes is None:
        classes = sorted(path.name for path in folder.iterdir()
                         if path.is_dir() and not path.name.startswith("."))
    paths, labels, left = [], [], []
    for label, name in enumerate(classes):
        if not (folder / name).is_dir():
            log.warning("%s has no class folder %r; that class has no images.",
                        folder, name)
            continue
        with quiet.collecting_later():
            survey = files.survey(folder / name, strict=True)
        paths += survey.images
        left += survey.left
        labels += [label] * len(survey.images)
    if not paths:
        raise files.InputError(
            f"{folder} has no images in class folders ({', '.join(classes)}); expected "
            "one folder per class with PNG, JPEG, PGM, TIFF or DICOM files. Check the "
            "path and --class-list.")
    return ImageList(tuple(paths), np.array(labels, np.int64), tuple(classes),
                     left=(*left, *_outside(folder, classes)))


def _outside(folder, classes):
    """Files of a folder that lie in none of its class folders, with that reason."""
    outside = []
    for entry in folder.iterdir():
        if entry.name not in classes:
            outside += entry.rglob("*") if _is_own_folder(entry) else [entry]
    return [(path, "outside the class folders")
            for path in sorted(outside, key=listing.in_order) if path.is_file()]


def _is_own_folder(path):
    """Links to folders are not followed, for they may lead round in circles."""
    return path.is_dir() and not path.is_symlink()


def find_images(path: files.Path, classes: Sequence[str] | None = None) -> ImageList:
    """Lists the images of a class folder, a plain folder, a manifest or one file.

    Args:
        path: folder, CSV manifest or image file.
        classes: class names in the order of the labels. A folder without any of their
            sub-folders is listed without labels.

    Returns:
        `ImageList`.

    Raises:
        files.InputError: nothing is there.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() == ".csv":
        return read_manifest(path, classes)
    if path.is_file():
        return ImageList((path,), classes=tuple(classes or ()))
    folder = files.existing_folder(path, "image folder")
    if classes and any((folder / name).is_dir() for name in classes):
        return list_classes(folder, classes)
    survey = files.survey(folder, strict=True)
    if not survey.images:
        raise files.InputError(
            f"{folder} has no images; expected PNG, JPEG, BMP, PGM, TIFF or DICOM "
            "files. Check the path.")
    return ImageList(tuple(survey.images), classes=tuple(classes or ()),
                     left=tuple(survey.left))


def find_splits(
        paths: Sequence[files.Path], classes: Sequence[str] | None = None
) -> dict[str, ImageList]:
    """Lists several sets of images, by the names of their folders or manifests.

    Args:
        paths: as for `find_images`; a folder with the sub-folders `train`, `val` or
            `test` stands for these.
        classes: class names, as for `find_images`.

    Returns:
        dict of name to `ImageList`, in the order given.
    """
    places = []
    for path in map(pathlib.Path, paths):
        splits = [path / name for name in ("train", "val", "test")
                  if (path / name).is_dir()]
        places += splits or [path]
    names = [place.stem if place.is_file() else place.resolve().name
             for place in places]
    if len(set(names)) < len(names):
        names = list(map(str, places))
    return {name: find_images(place, classes)
            for name, place in zip(names, places, strict=True)}


def read_manifest(path: files.Path, classes: Sequence[str] | None = None) -> ImageList:
    """Reads a CSV of image paths, with label, patient, laterality and view if given.

    Args:
        path: CSV with a header, separated by commas, semicolons or tabs. Relative
            image paths start from its folder.
        classes: names of the classes; labels are these names or 0, 1, ... Where None,
            sorted names, or ("neg", "pos") for labels 0 and 1.

    Returns:
        `ImageList`, in the order of the rows; several lines of one image count once.

    Raises:
        files.InputError: no path column, no rows, a missing image, a foreign label, two
            labels of one image.
    """
    path = files.existing_text(path, "manifest")
    by_path = manifests.by_path(manifests.rows(path), path.parent)
    paths, rows = tuple(by_path), tuple(by_path.values())
    # os.path, since a text that cannot be a name is missing too.
    missing = [image for image in paths if not os.path.isfile(image)]
    if missing:
        many = commands.counted(len(missing), "image that does", "images that do")
        raise files.InputError(
            f"manifest {path} names {many} not exist, the first {missing[0]}; relative "
            "paths start from the manifest's folder.")
    labels, columns = None, next(iter(rows))
    if "label" in columns:
        _check_labels(paths, rows, path)
        labels, classes = vocabulary.labels(
            [row["label"] for row in rows], classes, path)
    known = {plural: tuple(row[name] for row in rows) for plural, name in (
        ("patients", "patient"), ("lateralities", "laterality"), ("views", "view"))
        if name in columns}
    return ImageList(paths, labels, tuple(classes or ()), rows=rows, **known)


def _check_labels(paths, rows, manifest):
    for path, row in zip(paths, rows, strict=True):
        if "label" in row.get("differing", ()):
            raise files.InputError(
                f"manifest {manifest} gives {path} two labels; decide for one.")
