"""Endless batches with Keras's words: what `MammogramDataGenerator.flow` returns.

The training of this project uses `image_batches.ImageBatches`; these are for scripts
written against the original's or Keras's generators. Unlike those, several workers of
`fit` do not repeat the batches, since one iterator serves them all.
"""

from __future__ import annotations

import os
import pathlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end import config, images
from end2end.data import image_batches, image_lists
from end2end.images import warps
from end2end.utils import files

if TYPE_CHECKING:
    from end2end.augment.generator import MammogramDataGenerator

CLASS_MODES = ("categorical", "binary", "sparse", None)


class Flow:
    """Yields `(x, y)`, or `(x, y, weights)` with balanced batches, without end.

    Args:
        generator: `augment.MammogramDataGenerator`.
        load: function from an index to a float32 image `(rows, columns, channels)`.
        num_images: how many there are.
        channels: of each image.
        targets: array `(num_images, ...)` to yield as y, or None for x alone.
        labels: class numbers `(num_images,)`, which balance the batches; or None.
        batch_size: the last of a sweep may be shorter.
        shuffle: permute the images in each sweep.
        seed: batch b of the run draws from NumPy's legacy stream of seed + b; None
            goes on with NumPy's global generator.
        preprocess: function applied to each finished batch.
        save_to_dir, save_prefix, save_format: write each image that is yielded there,
            stretched to 8 bits.
    """

    def __init__(  # noqa: PLR0913 - Keras's arguments
            self, generator: MammogramDataGenerator,
            load: Callable[[int], NDArray[np.float32]], num_images: int, *,
            channels: int, targets: NDArray | None = None,
            labels: NDArray | None = None, batch_size: int = 32, shuffle: bool = True,
            seed: int | None = None,
            preprocess: Callable[[NDArray], NDArray] | None = None,
            save_to_dir: str | os.PathLike | None = None, save_prefix: str = "",
            save_format: str = "png") -> None:
        self.generator, self._load = generator, load
        self.n = self.num_images = self.samples = self.nb_sample = num_images
        self.channels = channels
        self._targets, self._balance_labels = targets, labels
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.preprocess = preprocess
        self.save_to_dir = save_to_dir and files.writable_folder(save_to_dir)
        self.save_prefix, self.save_format = save_prefix, save_format
        self.batch_index = self.total_batches_seen = 0
        self._order = None
        self.lock = threading.Lock()

    def __len__(self):
        return -(-self.n // self.batch_size)

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def reset(self) -> None:
        """Starts a sweep; the count of batches that moves the seed goes on."""
        self.batch_index = 0

    def next(self) -> NDArray | tuple[NDArray, ...]:
        """The next batch."""
        with self.lock:
            number = self.total_batches_seen
            indices, stream = self._next_indices()
            draws = [self.generator.draw(stream, self.channels) for _ in indices]
        x = np.stack([self._finished(self._load(index), warp)
                      for index, warp in zip(indices, draws, strict=True)])
        if self.save_to_dir:
            self._save(x, indices, number)
        if self.preprocess is not None:
            x = self.preprocess(x)
        if self._targets is None:
            return x
        y = self._targets[indices]
        if self._balance_labels is None:
            return x, y
        return x, y, image_batches.balance_weights(self._balance_labels[indices])

    def _next_indices(self):
        stream = np.random
        if self.seed is not None:
            stream = warps.seeded(self.seed + self.total_batches_seen)
        if self.batch_index == 0 or self._order is None:
            self._order = (stream.permutation(self.n) if self.shuffle
                           else np.arange(self.n))
        start = self.batch_index * self.batch_size
        self.batch_index = (self.batch_index + 1) % len(self)
        self.total_batches_seen += 1
        return self._order[start:start + self.batch_size], stream

    def _finished(self, image, warp):
        warped = self.generator.apply(image, warp)
        if self.generator.data_format == "channels_first":
            warped = np.moveaxis(warped, -1, 0)
        return self.generator.standardize(warped)

    def _save(self, x, indices, number):
        for index, image in zip(indices, x, strict=True):
            if self.generator.data_format == "channels_first":
                image = np.moveaxis(image, 0, -1)
            low, high = float(image.min()), float(image.max())
            levels = (image - low) * (255 / (high - low or 1))
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            cv2.imwrite(str(self.save_to_dir / name), levels.astype(np.uint8))


def from_arrays(
        generator: MammogramDataGenerator, x: ArrayLike, y: ArrayLike | None = None, *,
        auto_batch_balance: bool = True, **options: Any) -> Flow:
    """Batches of images in memory: `MammogramDataGenerator.flow`.

    Args:
        generator: `augment.MammogramDataGenerator`.
        x: images `(n, rows, columns, channels)` of 1, 3 or 4 channels.
        y: class numbers `(n,)`, one-hot `(n, classes)`, or None.
        auto_batch_balance: yield weights too.
        options: of `Flow`.

    Raises:
        ValueError: shapes do not fit, or labels are not one-hot.
    """
    x = np.asarray(x, np.float32)
    channels_first = generator.data_format == "channels_first"
    if x.ndim != 4 or x.shape[1 if channels_first else 3] not in (1, 3, 4):
        raise ValueError(
            f"images have the shape {x.shape}; expected four dimensions, (n, rows, "
            "columns, channels), with 1, 3 or 4 channels.")

    def load(index):
        return np.moveaxis(x[index], 0, -1) if channels_first else x[index]

    targets = None if y is None else np.asarray(y)
    labels = None if y is None else _class_numbers(targets, len(x))
    flow = Flow(generator, load, len(x), targets=targets,
                channels=x.shape[1 if channels_first else 3],
                labels=labels if auto_batch_balance else None, **options)
    flow.x, flow.y = x, targets
    return flow


def _class_numbers(y, count):
    """Class numbers of labels that are class numbers or one-hot."""
    if len(y) != count:
        raise ValueError(
            f"there are {count} images and {len(y)} labels; expected one label each.")
    if y.ndim == 1:
        return y
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return y.argmax(axis=1)
    raise ValueError(
        f"labels of shape {y.shape} are neither class numbers nor one-hot; expected "
        "(n,), or (n, classes) with a single 1 in each row.")


def from_directory(  # noqa: PLR0913 - the original's arguments
        generator: MammogramDataGenerator, directory: str | os.PathLike,
        target_size: Sequence[int] = (256, 256), *, target_height: int | None = None,
        target_scale: float | None = None, rescale_factor: float | None = None,
        equalize_hist: bool = False, dup_3_channels: bool = False,
        classes: Sequence[str] | None = None, class_mode: str | None = "categorical",
        auto_batch_balance: bool = False, **options: Any) -> Flow:
    """Batches of class folders: `MammogramDataGenerator.flow_from_directory`.

    Args:
        generator: `augment.MammogramDataGenerator`.
        directory: holds one folder per class.
        target_size: (height, width) in pixels.
        target_height: height in pixels with the image's own aspect; wins.
        target_scale: stretch each image so that its maximum becomes this.
        rescale_factor: multiply intensities.
        equalize_hist: equalise the histogram.
        dup_3_channels: three equal channels instead of one.
        classes: names in the order of the labels; sorted sub-folders where None.
        class_mode: `categorical` (one-hot float32), `binary` (float32), `sparse`
            (int) or None (x alone).
        auto_batch_balance: yield weights too.
        options: of `Flow`.

    Returns:
        `Flow` with `filenames` (relative), `labels`, `class_indices`, `nb_class`.

    Raises:
        files.InputError: no images there.
        ValueError: unknown class mode.
    """
    if class_mode not in CLASS_MODES:
        raise ValueError(
            f"class_mode={class_mode!r}; expected categorical, binary, sparse or None.")
    listed = image_lists.list_classes(directory, classes)
    reading = config.ImageOptions(
        size=tuple(target_size), height=target_height, stretch_max_to=target_scale,
        intensity_scale=rescale_factor, equalize_histogram=equalize_hist,
        channels=3 if dup_3_channels else 1)
    targets = {
        "categorical": np.eye(len(listed.classes), dtype=np.float32)[listed.labels],
        "binary": listed.labels.astype(np.float32), "sparse": listed.labels, None: None,
    }[class_mode]
    flow = Flow(generator, lambda index: images.scaled(listed.read(index), reading),
                len(listed), targets=targets, channels=reading.channels,
                labels=listed.labels if auto_batch_balance else None, **options)
    folder = pathlib.Path(directory)
    flow.directory = folder
    flow.filenames = [str(path.relative_to(folder)) for path in listed.paths]
    flow.labels = flow.classes = listed.labels
    flow.class_indices = {name: k for k, name in enumerate(listed.classes)}
    flow.nb_class = flow.num_classes = len(listed.classes)
    return flow
