"""Endless batches with Keras's words: what `MammogramDataGenerator.flow` returns.

The training of this project uses `image_batches.ImageBatches`; these are for scripts
written against the original's or Keras's generators. They are iterators, sequences that
Keras's `fit` takes, and safe for several threads: unlike the original's, several
workers of `fit` do not repeat the batches.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end.data import image_batches
from end2end.images import warps
from end2end.utils import files

if TYPE_CHECKING:
    from end2end.augment.generator import MammogramDataGenerator

# Instead of targets: each batch of images is its own target.
INPUT = "input"


class Flow:
    """Yields `x`, `(x, y)` or `(x, y, weights)` without end.

    `flow[i]` is batch i of the present sweep, `len(flow)` the batches of a sweep;
    `on_epoch_end` draws a new order, `reset` begins a sweep anew.

    Args:
        generator: `augment.MammogramDataGenerator`.
        load: function from an index to an image `(rows, columns, channels)`, or to a
            tuple of such images, each warped by itself: then x is a list of arrays.
            None in place of an image gives zeros, untouched.
        num_images: how many there are.
        image_shape: `(rows, columns, channels)` of each image.
        views: how many images `load` gives.
        targets: array `(num_images, ...)` to yield as y, a list of such arrays, `INPUT`
            for the images themselves, or None for x alone.
        extras: further arrays `(num_images, ...)` yielded beside the images.
        weights: array `(num_images,)` to yield as sample weights.
        labels: class numbers `(num_images,)`, whose balance in a batch gives weights
            instead; or None.
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
            load: Callable[[int], NDArray | tuple[NDArray | None, ...]],
            num_images: int, *, image_shape: Sequence[int], views: int = 1,
            targets: NDArray | list[NDArray] | str | None = None,
            extras: Sequence[NDArray] = (), weights: NDArray | None = None,
            labels: NDArray | None = None, batch_size: int = 32, shuffle: bool = True,
            seed: int | None = None,
            preprocess: Callable[[NDArray], NDArray] | None = None,
            save_to_dir: str | os.PathLike | None = None, save_prefix: str = "",
            save_format: str = "png") -> None:
        super().__init__()
        self.generator, self._load = generator, load
        self.n = self.num_images = self.samples = self.nb_sample = num_images
        self.image_shape, self._views = tuple(image_shape), views
        self._targets = targets
        self._extras, self.sample_weight = tuple(extras), weights
        self._balance_labels = labels
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.preprocess = preprocess
        self.save_to_dir = save_to_dir and files.writable_folder(save_to_dir)
        self.save_prefix, self.save_format = save_prefix, save_format
        self.batch_index = self.total_batches_seen = 0
        self.index_array = None
        self.lock = threading.RLock()

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def __getitem__(self, index: int):
        if not -len(self) <= index < len(self):
            # Keras's own error for it; an IndexError would end a loop in silence.
            raise ValueError(
                f"batch {index} was asked for, but a sweep has {len(self)} batches; "
                f"expected 0 to {len(self) - 1}.")
        with self.lock:
            number, stream = self._stream()
            if self.index_array is None:
                self._draw_order(stream)
            finish = self._batch(number, index % len(self), stream)
        return finish()

    def on_epoch_end(self) -> None:
        """Draws the order of the next sweep, as Keras does between epochs."""
        with self.lock:
            self._draw_order(np.random if self.seed is None else
                             warps.seeded(self.seed + self.total_batches_seen))

    def reset(self) -> None:
        """Starts a sweep; the count of batches that moves the seed goes on."""
        self.batch_index = 0

    def next(self) -> Any:
        """The next batch."""
        with self.lock:
            number, stream = self._stream()
            if self.batch_index == 0 or self.index_array is None:
                self._draw_order(stream)
            finish = self._batch(number, self.batch_index, stream)
            self.batch_index = (self.batch_index + 1) % len(self)
        return finish()

    def _stream(self):
        """Number and stream of random numbers of the batch that comes next."""
        number = self.total_batches_seen
        self.total_batches_seen += 1
        return number, (np.random if self.seed is None
                        else warps.seeded(self.seed + number))

    def _draw_order(self, stream):
        self.index_array = (
            stream.permutation(self.n) if self.shuffle else np.arange(self.n))

    def _batch(self, number, place, stream):
        """Draws for a batch; returns the function that makes it, outside the lock."""
        start = place * self.batch_size
        indices = self.index_array[start:start + self.batch_size]
        draws = [[self.generator.draw(stream, self.image_shape[2])
                  for _ in range(self._views)] for _ in indices]
        return functools.partial(self._finished, number, indices, draws)

    def _finished(self, number, indices, draws):
        samples = [self._warped(self._load(index), warps_of_views)
                   for index, warps_of_views in zip(indices, draws, strict=True)]
        x = [np.stack(view) for view in zip(*samples, strict=True)]
        if self.save_to_dir:
            self._save(x[0], indices, number)
        if self.preprocess is not None:
            x = [self.preprocess(view) for view in x]
        x += [extra[indices] for extra in self._extras]
        x = x[0] if len(x) == 1 else x
        if self._targets is None:
            return x
        return (x, self._targets_of(x, indices), *self._weights_of(indices))

    def _targets_of(self, x, indices):
        if isinstance(self._targets, str):
            return x.copy()
        if isinstance(self._targets, list):
            return [target[indices] for target in self._targets]
        return self._targets[indices]

    def _weights_of(self, indices):
        """The weights of a batch in a list, or an empty one."""
        if self._balance_labels is not None:
            return [image_batches.balance_weights(self._balance_labels[indices])]
        return [] if self.sample_weight is None else [self.sample_weight[indices]]

    def _warped(self, image, draws):
        """The images of one sample, warped and standardised; absent ones are zeros."""
        finished = []
        views = image if isinstance(image, tuple) else (image,)
        for view, warp in zip(views, draws, strict=True):
            warped = (np.zeros(self.image_shape, self.generator.dtype) if view is None
                      else self.generator.apply(view, warp))
            if self.generator.data_format == "channels_first":
                warped = np.moveaxis(warped, -1, 0)
            finished.append(
                warped if view is None else self.generator.standardize(warped))
        return finished

    def _save(self, x, indices, number):
        for index, image in zip(indices, x, strict=True):
            if self.generator.data_format == "channels_first":
                image = np.moveaxis(image, 0, -1)
            low, high = float(image.min()), float(image.max())
            levels = ((image - low) * (255 / (high - low or 1))).astype(np.uint8)
            if levels.shape[2] >= 3:
                levels = levels[..., [2, 1, 0, *range(3, levels.shape[2])]]
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            cv2.imwrite(str(self.save_to_dir / name), levels)


@functools.cache
def _sequence_class():
    """`Flow` as a sequence that Keras's `fit` takes; read when a flow is made."""
    import keras

    return type("Flow", (Flow, keras.utils.PyDataset), {"__doc__": Flow.__doc__})


def make(*arguments: Any, **options: Any) -> Flow:
    """A `Flow` that Keras's `fit`, `evaluate` and `predict` take too."""
    return _sequence_class()(*arguments, **options)


def from_arrays(  # noqa: PLR0913 - Keras's arguments
        generator: MammogramDataGenerator, x: Any, y: ArrayLike | None = None, *,
        sample_weight: ArrayLike | None = None, subset: str | None = None,
        ignore_class_split: bool = False, auto_batch_balance: bool | None = None,
        **options: Any) -> Flow:
    """Batches of images in memory: `MammogramDataGenerator.flow`.

    Args:
        generator: `augment.MammogramDataGenerator`.
        x: images `(n, rows, columns, channels)` of 1, 3 or 4 channels; or a pair of
            these and other arrays `(n, ...)`, one or a list.
        y: labels `(n, ...)`, or None.
        sample_weight: array `(n,)`, or None.
        subset: `training` or `validation` images of the generator's split.
        ignore_class_split: allow the subsets to differ in their classes.
        auto_batch_balance: yield weights that balance the classes of each batch; the
            convention's where None.
        options: of `Flow`.

    Raises:
        ValueError: shapes do not fit, labels to be balanced are neither class numbers
            nor one-hot, or the classes of the subsets differ.
    """
    x, extras = (x if isinstance(x, tuple | list) else (x, []))
    extras = extras if isinstance(extras, list) else [extras]
    arrays = [np.asarray(x, generator.dtype), *map(np.asarray, extras)]
    y = None if y is None else np.asarray(y)
    weights = None if sample_weight is None else np.asarray(sample_weight)
    _check_lengths(arrays, y, weights)
    chosen = _subset(generator, subset, len(arrays[0]), y, ignore_class_split)
    x, *extras = (array[chosen] for array in arrays)
    y, weights = (None if values is None else values[chosen]
                  for values in (y, weights))
    shape = _image_shape(x, generator)
    if auto_batch_balance is None:
        auto_batch_balance = generator.convention.balanced and weights is None
    labels = class_numbers(y) if auto_batch_balance and y is not None else None
    first = generator.data_format == "channels_first"
    flow = make(
        generator, lambda index: np.moveaxis(x[index], 0, -1) if first else x[index],
        len(x), image_shape=shape, targets=y, extras=extras, weights=weights,
        labels=labels, **options)
    flow.x, flow.y, flow.x_misc = x, y, extras
    return flow


def _check_lengths(arrays, y, weights):
    counts = [len(array) for array in arrays]
    if len(set(counts)) > 1:
        raise ValueError(
            "All of the arrays in `x` should have the same length; they have "
            f"{', '.join(map(str, counts))}.")
    for name, values in (("`y` (labels)", y), ("`sample_weight`", weights)):
        if values is not None and len(values) != counts[0]:
            raise ValueError(
                f"`x` (images tensor) and {name} should have the same length; there "
                f"are {counts[0]} images and {len(values)} values.")


def _image_shape(x, generator):
    """`(rows, columns, channels)` of images in memory."""
    first = generator.data_format == "channels_first"
    if x.ndim != 4 or x.shape[1 if first else 3] not in (1, 3, 4):
        raise ValueError(
            f"images have the shape {x.shape}; expected four dimensions, (n, rows, "
            "columns, channels), with 1, 3 or 4 channels.")
    return (*x.shape[2:], x.shape[1]) if first else x.shape[1:]


def _subset(generator, name, count, y, ignore_class_split):
    """Slice of the images of a subset; of all images where there is none."""
    first, last = split(generator, name, count)
    if name is not None and y is not None and not ignore_class_split:
        border = int(count * generator.validation_split)
        if not np.array_equal(np.unique(y[:border]), np.unique(y[border:])):
            raise ValueError(
                "Training and validation subsets have different number of classes "
                "after the split; shuffle the images first if they are sorted by "
                "class, or pass ignore_class_split=True.")
    return slice(first, last)


def split(
        generator: MammogramDataGenerator, subset: str | None, count: int
) -> tuple[int, int]:
    """First image of a subset and the one after its last; the validation images come
    first.

    Args:
        generator: has the `validation_split`.
        subset: `training`, `validation`, or None for all.
        count: images that are split.

    Raises:
        ValueError: an unknown subset.
    """
    border = int(count * generator.validation_split)
    borders = {"validation": (0, border), "training": (border, count),
               None: (0, count)}
    if subset not in borders:
        raise ValueError(
            f"Invalid subset name: {subset!r}; expected 'training' or 'validation'.")
    return borders[subset]


def class_numbers(y: NDArray) -> NDArray:
    """Class numbers `(n,)` of labels that are class numbers or one-hot.

    Raises:
        ValueError: they are neither.
    """
    if y.ndim == 1:
        return y
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return y.argmax(axis=1)
    raise ValueError(
        f"labels of shape {y.shape} are neither class numbers nor one-hot; expected "
        "(n,), or (n, classes) with a single 1 in each row. Balancing batches needs "
        "them; auto_batch_balance=False does without.")
