"""Flows from files: class folders, tables, lists, and exams of two views.

By the convention `original` files are mammograms, read and scaled as everywhere in this
project (PNG, TIFF, DICOM ...; `images.scaled`); by the convention `keras` they are
pictures, read by `keras.utils.load_img`.
"""

from __future__ import annotations

import logging
import os
import pathlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from end2end import config, images
from end2end.augment import flows
from end2end.data import image_lists
from end2end.utils import files

if TYPE_CHECKING:
    import pandas

    from end2end.augment.generator import MammogramDataGenerator

log = logging.getLogger(__name__)

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
# What a sample's target is; the last two are for tables only.
FOLDER_MODES = ("categorical", "binary", "sparse", flows.INPUT, None)
TABLE_MODES = (*FOLDER_MODES, "raw", "multi_output")
CLASS_MODES = ("categorical", "binary", "sparse")
# File names that Keras takes for pictures.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
BREASTS, VIEWS = ("L", "R"), ("CC", "MLO")


def reader(  # noqa: PLR0913 - the original's and Keras's arguments
        generator: MammogramDataGenerator, target_size: Sequence[int], *,
        color_mode: str | None = None, interpolation: str = "nearest",
        keep_aspect_ratio: bool = False, target_height: int | None = None,
        target_scale: float | None = None, rescale_factor: float | None = None,
        equalize_hist: bool = False, dup_3_channels: bool = False
) -> tuple[Callable[[pathlib.Path], NDArray], tuple[int, ...]]:
    """How files become images, by the generator's convention.

    Args:
        generator: `augment.MammogramDataGenerator`.
        target_size: (height, width) in pixels.
        color_mode: `grayscale`, `rgb` or `rgba`; the convention's where None. The
            original has grey images, of one or of three equal channels.
        interpolation, keep_aspect_ratio: `keras` only, as for `keras.utils.load_img`.
        target_height: `original` only: height in pixels with the image's own aspect;
            wins.
        target_scale: `original` only: stretch each image so that its maximum becomes
            this.
        rescale_factor: `original` only: multiply intensities.
        equalize_hist: `original` only: equalise the histogram.
        dup_3_channels: `original` only: three equal channels, as `color_mode="rgb"`.

    Returns:
        Function from a path to an array `(rows, columns, channels)`, and its shape.

    Raises:
        ValueError: an unknown color mode, or one that the convention does not have.
    """
    color_mode = color_mode or (
        "rgb" if dup_3_channels else generator.convention.colors)
    if color_mode not in CHANNELS:
        raise ValueError(
            f"Invalid color mode: {color_mode!r}; expected 'rgb', 'rgba' or "
            "'grayscale'.")
    channels, size = CHANNELS[color_mode], tuple(target_size)
    if generator.convention.colors == "rgb":
        return _picture_reader(generator, size, color_mode, interpolation,
                               keep_aspect_ratio), (*size, channels)
    if channels == 4:
        raise ValueError(
            "color_mode='rgba' has no meaning for mammograms; expected 'grayscale' or "
            "'rgb', or a generator with convention='keras'.")
    options = config.ImageOptions(
        size=size, height=target_height, stretch_max_to=target_scale,
        intensity_scale=rescale_factor, equalize_histogram=equalize_hist,
        channels=channels)

    def read(path):
        return images.scaled(images.read_image(path), options)
    return read, (*size, channels)


def _picture_reader(generator, size, color_mode, interpolation, keep_aspect_ratio):
    from keras import utils

    def read(path):
        picture = utils.load_img(
            path, color_mode=color_mode, target_size=size, interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio)
        return utils.img_to_array(
            picture, data_format="channels_last", dtype=generator.dtype.name)
    return read


def from_directory(  # noqa: PLR0913 - the original's arguments
        generator: MammogramDataGenerator, directory: str | os.PathLike,
        target_size: Sequence[int] = (256, 256), *,
        classes: Sequence[str] | None = None, class_mode: str | None = "categorical",
        auto_batch_balance: bool = False, follow_links: bool = False,
        subset: str | None = None, **options: Any) -> flows.Flow:
    """Batches of class folders: `MammogramDataGenerator.flow_from_directory`.

    Args:
        generator: `augment.MammogramDataGenerator`.
        directory: holds one folder per class.
        target_size: (height, width) in pixels.
        classes: names in the order of the labels; sorted sub-folders where None.
        class_mode: `categorical` (one-hot float32), `binary` (float32), `sparse`
            (int; float32 by `keras`), `input` (the images) or None (x alone).
        auto_batch_balance: yield weights that balance each batch.
        follow_links: walk into linked folders.
        subset: `training` or `validation` files of the generator's split, taken from
            each class folder.
        options: of `reader` and of `flows.Flow`.

    Returns:
        `flows.Flow` with `filenames` (relative), `filepaths`, `labels`, `classes`,
        `class_indices`, `nb_class`.

    Raises:
        files.InputError: no images there.
        ValueError: an unknown class mode, subset or color mode.
    """
    _check_mode(class_mode, FOLDER_MODES)
    read, shape, options = _reading(generator, target_size, options)
    flows.split(generator, subset, 0)
    paths, labels, names = _class_files(generator, directory, classes, follow_links)
    if subset is not None:
        chosen = _subset_per_class(generator, subset, labels)
        paths, labels = [paths[k] for k in chosen], labels[chosen]
    flow = flows.make(
        generator, lambda index: read(paths[index]), len(paths), image_shape=shape,
        targets=_targets(class_mode, labels, len(names), generator),
        labels=labels if auto_batch_balance else None, **options)
    folder = pathlib.Path(directory)
    flow.directory, flow.class_mode = folder, class_mode
    flow.filepaths = [str(path) for path in paths]
    flow.filenames = [str(path.relative_to(folder)) for path in paths]
    flow.labels = flow.classes = labels
    flow.class_indices = {name: k for k, name in enumerate(names)}
    flow.nb_class = flow.num_classes = len(names)
    return flow


def _reading(generator, target_size, options):
    """Function, image shape, and the options that are not of `reader`."""
    reading = {name: options.pop(name) for name in list(options)
               if name in reader.__kwdefaults__}
    return *reader(generator, target_size, **reading), options


def _check_mode(mode, modes):
    if mode not in modes:
        raise ValueError(
            f"Invalid class_mode: {mode!r}; expected one of "
            f"{', '.join(map(str, modes))}.")


def _class_files(generator, directory, classes, follow_links):
    """Paths, class numbers and class names of class folders, sorted by name."""
    if generator.convention.colors == "grayscale" and not follow_links:
        listed = image_lists.list_classes(directory, classes)
        return list(listed.paths), listed.labels, listed.classes
    folder = files.existing_folder(directory)
    names = list(classes or sorted(
        path.name for path in folder.iterdir() if path.is_dir()))
    paths, labels = [], []
    for label, name in enumerate(names):
        for place, _, entries in sorted(
                os.walk(folder / name, followlinks=follow_links)):
            chosen = [pathlib.Path(place) / entry for entry in sorted(entries)
                      if entry.lower().endswith(SUFFIXES)]
            paths += chosen
            labels += [label] * len(chosen)
    if not paths:
        raise files.InputError(
            f"{folder} has no images in class folders ({', '.join(names)}); expected "
            f"one folder per class with files that end in {', '.join(SUFFIXES)}.")
    return paths, np.array(labels, np.int64), tuple(names)


def _subset_per_class(generator, subset, labels):
    """Indices of a subset: the first share of each class is for validation."""
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        first, last = flows.split(generator, subset, len(members))
        chosen += members[first:last].tolist()
    return chosen


def _targets(mode, labels, num_classes, generator):
    """What `Flow` yields as y."""
    number = generator.dtype if generator.convention.float_labels else np.float32
    return {
        "categorical": lambda: np.eye(num_classes, dtype=number)[labels],
        "binary": lambda: labels.astype(number),
        "sparse": lambda: (labels.astype(number) if generator.convention.float_labels
                           else labels),
    }.get(mode, lambda: mode)()


def from_dataframe(  # noqa: PLR0913 - Keras's arguments
        generator: MammogramDataGenerator, dataframe: pandas.DataFrame,
        directory: str | os.PathLike | None = None, *, x_col: str = "filename",
        y_col: str | Sequence[str] | None = "class", weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256), classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical", subset: str | None = None,
        validate_filenames: bool = True, **options: Any) -> flows.Flow:
    """Batches of the files that a table names:
    `MammogramDataGenerator.flow_from_dataframe`.

    Args:
        generator: `augment.MammogramDataGenerator`.
        dataframe: a row per image; it stays unchanged.
        directory: which names are relative to; None where they are paths.
        x_col: column of names.
        y_col: column of labels: texts, or lists of texts for several classes at once
            (`categorical`); a list of columns for `multi_output` and `raw`.
        weight_col: column of sample weights, numbers.
        target_size: (height, width) in pixels.
        classes: the classes to keep, in the order of their numbers; all, sorted, where
            None.
        class_mode: as for `from_directory`, and `raw` (the values of the column) and
            `multi_output` (a list of the columns' values).
        subset: `training` or `validation` rows of the generator's split.
        validate_filenames: leave out rows whose file is absent or no picture by its
            name, and say how many.
        options: of `reader` and of `flows.Flow`; `has_ext`, `sort` and
            `drop_duplicates` of older Keras have no effect.

    Returns:
        `flows.Flow` with `filenames`, `filepaths`, `labels` and, by class, `classes`
        and `class_indices`.

    Raises:
        ValueError: an unknown class mode, subset or color mode, or `binary` without two
            classes.
        TypeError: a column holds what its mode cannot use.
    """
    for name in ("has_ext", "sort", "drop_duplicates"):
        if options.pop(name, None) is not None:
            warnings.warn(f"{name} has no effect any more; leave it out.",
                          DeprecationWarning, stacklevel=3)
    class_mode = "raw" if class_mode == "other" else class_mode
    _check_columns(dataframe, x_col, y_col, weight_col, class_mode)
    read, shape, options = _reading(generator, target_size, options)
    rows = dataframe.reset_index(drop=True)
    paths = [pathlib.Path(directory or "", name) for name in rows[x_col]]
    chosen = [k for k, path in enumerate(paths) if not validate_filenames or (
        path.name.lower().endswith(SUFFIXES) and path.is_file())]
    if len(chosen) < len(rows):
        log.warning("%d of %d rows name no picture that exists; they are left out.",
                    len(rows) - len(chosen), len(rows))
    names = labels = None
    if class_mode in CLASS_MODES:
        chosen, labels, names = _labels_of_rows(
            [rows[y_col][k] for k in chosen], chosen, classes, class_mode)
    first, last = flows.split(generator, subset, len(chosen))
    chosen = chosen[first:last]
    rows, paths = rows.iloc[chosen], [paths[k] for k in chosen]
    labels = labels and labels[first:last]
    flow = flows.make(
        generator, lambda index: read(paths[index]), len(paths), image_shape=shape,
        targets=_targets_of_rows(rows, labels, names, y_col, class_mode, generator),
        weights=rows[weight_col].to_numpy() if weight_col else None, **options)
    flow.directory, flow.class_mode = directory, class_mode
    flow.filenames = rows[x_col].tolist()
    flow.filepaths = [str(path) for path in paths]
    flow.labels = flow._targets if labels is None else labels
    if names is not None:
        flow.classes = labels
        flow.class_indices = {name: k for k, name in enumerate(names)}
        flow.nb_class = flow.num_classes = len(names)
    return flow


def _check_columns(rows, x_col, y_col, weight_col, mode):
    """Refuses columns that the class mode cannot use."""
    _check_mode(mode, TABLE_MODES)
    if mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            f"class_mode='multi_output' needs a list of columns; y_col is {y_col!r}.")
    if not all(isinstance(name, str) for name in rows[x_col]):
        raise TypeError(f"x_col={x_col!r} has values that are no texts.")
    kinds = dict(binary=str, sparse=str, categorical=(str, list, tuple)).get(mode)
    if kinds and not all(isinstance(label, kinds) for label in rows[y_col]):
        raise TypeError(
            f"y_col={y_col!r} has values that class_mode={mode!r} cannot use; expected "
            "class names as texts" + (
                ", or lists of them." if mode == "categorical" else "."))
    if weight_col and not np.issubdtype(rows[weight_col].to_numpy().dtype, np.number):
        raise TypeError(f"weight_col={weight_col!r} has values that are no numbers.")


def _labels_of_rows(labels, chosen, classes, mode):
    """Rows with a class, their class numbers (a list where a row has several), and the
    names of the classes."""
    names = list(dict.fromkeys(classes)) if classes else sorted(
        {name for label in labels for name in _listed(label)})
    if mode == "binary" and len(names) != 2:
        raise ValueError(
            f"class_mode='binary' needs two classes; there are {len(names)}.")
    number = {name: k for k, name in enumerate(names)}
    numbers = []
    for label in labels:
        values = [number[name] for name in _listed(label) if name in number]
        numbers.append(values if isinstance(label, list | tuple)
                       else (values or [None])[0])
    rows = [(k, value) for k, value in zip(chosen, numbers, strict=True)
            if value not in (None, [])]
    if len(rows) < len(chosen):
        log.warning("%d rows have none of the classes %s; they are left out.",
                    len(chosen) - len(rows), ", ".join(map(str, names)))
    return [k for k, _ in rows], [value for _, value in rows], names


def _listed(label):
    return label if isinstance(label, list | tuple) else [label]


def _targets_of_rows(rows, labels, names, y_col, mode, generator):
    """What `Flow` yields as y."""
    if mode == "raw":
        return rows[y_col].to_numpy()
    if mode == "multi_output":
        return [np.array(rows[column].tolist()) for column in y_col]
    if mode == "categorical":
        one_hot = np.zeros((len(labels), len(names)), generator.dtype)
        for row, label in zip(one_hot, labels, strict=True):
            row[label] = 1
        return one_hot
    return _targets(mode, None if labels is None else np.array(labels, np.int64),
                    0 if names is None else len(names), generator)


def from_img_list(  # noqa: PLR0913 - the original's arguments
        generator: MammogramDataGenerator, paths: Sequence[str | os.PathLike],
        labels: Sequence[int] | None, target_size: Sequence[int] = (1152, 896), *,
        class_mode: str | None = "binary", auto_batch_balance: bool = False,
        **options: Any) -> flows.Flow:
    """Batches of listed files: `MammogramDataGenerator.flow_from_img_list`.

    Args:
        generator: `augment.MammogramDataGenerator`.
        paths: image files.
        labels: class number of each, from 0; None with `class_mode=None`.
        target_size: (height, width) in pixels.
        class_mode: as for `from_directory`.
        auto_batch_balance: yield weights that balance each batch.
        options: of `reader` and of `flows.Flow`.

    Raises:
        ValueError: no files, lists of different lengths, or an unknown mode.
    """
    _check_mode(class_mode, FOLDER_MODES)
    paths = [pathlib.Path(path) for path in paths]
    if not paths or (labels is not None and len(labels) != len(paths)):
        raise ValueError(
            f"there are {len(paths)} files and "
            f"{'no' if labels is None else len(labels)} labels; expected at least one "
            "file, and a label for each.")
    if labels is None and (class_mode in CLASS_MODES or auto_batch_balance):
        raise ValueError(
            f"class_mode={class_mode!r} needs labels; pass them, or class_mode=None.")
    read, shape, options = _reading(generator, target_size, options)
    labels = None if labels is None else np.asarray(labels, np.int64)
    flow = flows.make(
        generator, lambda index: read(paths[index]), len(paths), image_shape=shape,
        targets=_targets(class_mode, labels,
                         0 if labels is None else int(labels.max()) + 1, generator),
        labels=labels if auto_batch_balance else None, **options)
    flow.filenames = flow.filepaths = [str(path) for path in paths]
    flow.labels = labels
    return flow


def from_exam_list(
        generator: MammogramDataGenerator, exams: Sequence[Mapping[str, Any]],
        target_size: Sequence[int] = (1152, 896), *,
        class_mode: str | None = "binary", **options: Any) -> flows.Flow:
    """Batches of breasts with their two views:
    `MammogramDataGenerator.flow_from_exam_list`.

    A sample is a breast. Its x is the CC and the MLO image, each warped by itself; an
    absent view is an image of zeros, untouched, as in the original, and so is a label
    that is not known 0 there. Of several files of a view the first is taken; the
    original's training drew one at random.

    Args:
        generator: `augment.MammogramDataGenerator`.
        exams: dicts with the breasts `L` and `R`, or one of them: dicts with `cancer`
            (0, 1, or None or NaN where not known), `CC` and `MLO` (a path, a list of
            paths, or None).
        target_size: (height, width) in pixels.
        class_mode: as for `from_img_list`; of two classes.
        options: of `reader` and of `flows.Flow`.

    Returns:
        `flows.Flow` with `breasts`: pairs of the exam's index and the side.

    Raises:
        ValueError: no breast has an image, or an unknown mode.
    """
    _check_mode(class_mode, tuple(mode for mode in FOLDER_MODES if mode != flows.INPUT))
    read, shape, options = _reading(generator, target_size, options)
    breasts = [
        (k, side, [_first(exam[side].get(view)) for view in VIEWS],
         exam[side].get("cancer"))
        for k, exam in enumerate(exams) for side in BREASTS if exam.get(side)]
    imaged = [breast for breast in breasts if any(breast[2])]
    if not imaged:
        raise ValueError(
            f"none of the {len(exams)} exams has an image; expected dicts with L or R, "
            "each with CC or MLO.")
    if len(imaged) < len(breasts):
        log.warning("%d breasts have no image; they are left out.",
                    len(breasts) - len(imaged))
    unknown = sum(cancer is None or cancer != cancer for *_, cancer in imaged)
    if unknown and class_mode is not None:
        log.warning("%d breasts have no label; they count as 0, as in the original.",
                    unknown)
    labels = np.array([0 if cancer is None or cancer != cancer else int(cancer)
                       for *_, cancer in imaged], np.int64)

    def load(index):
        return tuple(path and read(pathlib.Path(path)) for path in imaged[index][2])
    flow = flows.make(
        generator, load, len(imaged), image_shape=shape, views=len(VIEWS),
        targets=_targets(class_mode, labels, 2, generator), **options)
    flow.breasts = [(k, side) for k, side, *_ in imaged]
    flow.labels = labels
    return flow


def _first(paths):
    """The first file of a view, or None."""
    if not paths:
        return None
    return paths if isinstance(paths, str | os.PathLike) else paths[0]
