"""Class folders, manifests and arrays to batches; balance weights."""

import collections
import concurrent.futures
import copy
import dataclasses
import logging
import math
import os
import pathlib

import numpy as np

from end2end import files, images, manifests, warps

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
    """

    paths: tuple
    labels: np.ndarray | None = None
    classes: tuple = ()
    patients: tuple | None = None
    lateralities: tuple | None = None
    views: tuple | None = None
    arrays: tuple | None = None

    def __len__(self):
        return len(self.paths)

    def read(self, index):
        """One image as it is on disk or in memory, `(rows, columns)`."""
        if self.arrays is not None:
            return self.arrays[index]
        return images.read_image(self.paths[index])


def from_arrays(arrays, labels=None, classes=()):
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


def list_classes(folder, classes=None):
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
    paths, labels = [], []
    for label, name in enumerate(classes):
        if not (folder / name).is_dir():
            log.warning("%s has no class folder %r; that class has no images.",
                        folder, name)
            continue
        found = files.list_images(folder / name)
        paths += found
        labels += [label] * len(found)
    if not paths:
        raise files.InputError(
            f"{folder} has no images in class folders ({', '.join(classes)}); expected "
            "one folder per class with PNG, JPEG, PGM, TIFF or DICOM files. Check the "
            "path and --class-list.")
    return ImageList(tuple(paths), np.array(labels, np.int64), tuple(classes))


def find_images(path, classes=None):
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
    found = files.list_images(folder)
    if not found:
        raise files.InputError(
            f"{folder} has no images; expected PNG, JPEG, BMP, PGM, TIFF or DICOM "
            "files. Check the path.")
    return ImageList(tuple(found), classes=tuple(classes or ()))


def find_splits(paths, classes=None):
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


def read_manifest(path, classes=None):
    """Reads a CSV of image paths, with label, patient, laterality and view if given.

    Args:
        path: CSV with a header, separated by commas, semicolons or tabs. Relative
            image paths start from its folder.
        classes: names of the classes; labels are these names or 0, 1, ... Where None,
            sorted names, or ("neg", "pos") for labels 0 and 1.

    Returns:
        `ImageList`, in the order of the rows.

    Raises:
        files.InputError: no path column, no rows, a missing image, a foreign label.
    """
    path = files.existing_text(path, "manifest")
    rows = manifests.rows(path)
    paths = tuple(path.parent / row["path"] for row in rows)
    # os.path, since a text that cannot be a name is missing too.
    missing = [image for image in paths if not os.path.isfile(image)]
    if missing:
        raise files.InputError(
            f"manifest {path} names {len(missing)} images that do not exist, the first "
            f"{missing[0]}; relative paths start from the manifest's folder.")
    labels = None
    if "label" in rows[0]:
        labels, classes = manifests.labels(
            [row["label"] for row in rows], classes, path)
    columns = {name + "s": tuple(row[name] for row in rows)
               for name in ("patient", "view") if name in rows[0]}
    if "laterality" in rows[0]:
        columns["lateralities"] = tuple(row["laterality"] for row in rows)
    return ImageList(paths, labels, tuple(classes or ()), **columns)


def balance_weights(labels):
    """Sample weights that give each class present in a batch the same total.

    Args:
        labels: int array `(batch,)`.

    Returns:
        float32 array: batch size over the number of images of the class; 1 for a batch
        of one class (documented behaviour of the original).
    """
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    shares = (counts / len(labels)).astype(np.float32)
    return (1 / shares)[place]


def batch_indices(b, *, num_images, batch_size, seed, shuffle):
    """Which images batch `b` holds, counted over the whole run.

    As in Keras 2.0.8, batch b draws from the stream of seed + b, and the first batch of
    a sweep draws the sweep's permutation from it before anything else.

    Returns:
        int array, and the stream that goes on with the batch's warps; the stream is the
        thread's own and serves until the next call.
    """
    per_sweep = math.ceil(num_images / batch_size)
    sweep, place = divmod(b, per_sweep)
    order = np.arange(num_images)
    if shuffle:
        order = warps.seeded((seed + sweep * per_sweep) % 2**32).permutation(num_images)
    stream = warps.seeded((seed + b) % 2**32)
    if shuffle and place == 0:
        stream.permutation(num_images)
    return order[place * batch_size:(place + 1) * batch_size], stream


class ImageBatches:
    """Batches of network inputs; batch b is a pure function of the seed and b.

    Batches are counted over the whole run: `len(self)` of them are one sweep, after
    which the images come again, newly permuted where `shuffle` is set. Any number of
    threads gives the same batches.

    Args:
        images: `ImageList`, from files or arrays.
        options: `ImageOptions`.
        batch_size: images per batch; the last of a sweep may be shorter.
        seed: of the random stream (`batch_indices`); None draws one.
        shuffle: permute the images in each sweep.
        augment: `augment.MammogramDataGenerator` whose warps are applied, or None.
        balance: give weights that balance the classes of each batch.
        cache: keep resized images in memory, in the type of the files.

    Raises:
        files.InputError: no images, or none of the labels that balancing needs.
    """

    def __init__(  # noqa: PLR0913 - each is one choice of the training loop
            self, images, options, *, batch_size, seed=None, shuffle=False,
            augment=None, balance=False, cache=False):
        if len(images) == 0:
            raise files.InputError("there are no images to make batches of.")
        if balance and images.labels is None:
            raise files.InputError("balanced batches need labels; give class folders.")
        self.images, self.options, self.batch_size = images, options, batch_size
        self.seed = np.random.SeedSequence().entropy % 2**31 if seed is None else seed
        self.shuffle, self.augment, self.balance = shuffle, augment, balance
        self._cache = {} if cache else None
        self._share = None

    @property
    def num_images(self):
        return len(self.images)

    @property
    def labels(self):
        """int array `(num_images,)`, or None."""
        return self.images.labels

    def __len__(self):
        return math.ceil(self.num_images / self.batch_size)

    def shared(self, share):
        """The same batches, of each only some images, with the weights they have there.

        Args:
            share: turns the number of images of a batch into an int array: which of
                them are read, in that order.
        """
        some = copy.copy(self)
        some._share = share
        return some

    def size(self, b):
        """Number of images of batch `b`, all of them counted."""
        return min(self.batch_size,
                   self.num_images - b % len(self) * self.batch_size)

    def batch(self, b):
        """Makes batch `b`, counted over the whole run from 0.

        Returns:
            Images, float32 `(n, height, width, channels)`; one-hot labels, float32
            `(n, num_classes)`, or None; weights, float32 `(n,)`, or None.
        """
        indices, stream = batch_indices(
            b, num_images=self.num_images, batch_size=self.batch_size, seed=self.seed,
            shuffle=self.shuffle)
        # All draws before any work: the stream belongs to the thread.
        drawn = [self.augment and self.augment.draw(stream, self.options.channels)
                 for _ in indices]
        which = (np.arange(len(indices)) if self._share is None
                 else self._share(len(indices)))
        inputs = self._inputs(indices[which], [drawn[place] for place in which])
        if self.labels is None:
            return inputs, None, None
        labels = self.labels[indices]
        one_hot = np.eye(len(self.images.classes), dtype=np.float32)[labels[which]]
        return inputs, one_hot, balance_weights(labels)[which] if self.balance else None

    def batches(self, start=0, stop=None, *, workers=1):
        """Yields batches `start` to `stop` in order, made ahead by some threads."""
        stop = len(self) if stop is None else stop
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            waiting = collections.deque()
            try:
                for b in range(start, stop):
                    waiting.append(pool.submit(self.batch, b))
                    if len(waiting) > workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _inputs(self, indices, drawn):
        mean = self.options.pixel_mean if self.options.center else 0.0
        inputs = None
        for place, (index, warp) in enumerate(zip(indices, drawn, strict=True)):
            grey = images.intensities(self._resized(index), self.options)
            shape = (len(indices), *grey.shape, self.options.channels)
            if inputs is None:
                inputs = np.empty(shape, np.float32)
            elif inputs.shape != shape:
                raise files.InputError(
                    f"image {self.images.paths[index]} becomes {grey.shape} pixels, "
                    f"others of its batch {inputs.shape[1:3]}; give --img-size, or a "
                    "batch size of 1.")
            if warp is None:
                inputs[place] = (grey - np.float32(mean))[..., None]
            else:
                self.augment.apply_grey(grey, warp, mean=mean, out=inputs[place])
        return inputs

    def _resized(self, index):
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        image = images.resized(self.images.read(index), self.options)
        if self._cache is not None:
            self._cache[index] = image
        return image
