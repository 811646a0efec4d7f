"""Batches of images for training and prediction, balanced by class."""

from __future__ import annotations

import collections
import concurrent.futures
import copy
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from end2end import images
from end2end.images import warps
from end2end.utils import files

if TYPE_CHECKING:
    from end2end import config
    from end2end.data import image_lists

# Images, of breasts a pair of CC and MLO; one-hot labels or None; weights or None: what
# `ImageBatches.batch` returns.
Images = NDArray[np.float32] | tuple[NDArray[np.float32], NDArray[np.float32]]
Batch = tuple[Images, NDArray[np.float32] | None,
              NDArray[np.float32] | None]


class Generator(Protocol):
    """What draws and applies warps: `augment.MammogramDataGenerator`."""

    def draw(self, rng: np.random.RandomState, channels: int) -> warps.Warp:
        """Draws one warp."""
        ...

    def apply_grey(self, plane: NDArray[np.float32], warp: warps.Warp, *,
                   pixel_mean: float, out: NDArray[np.float32]) -> None:
        """Warps a grey image into the channels of `out`."""
        ...


def balance_weights(labels: NDArray[np.integer]) -> NDArray[np.float32]:
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


def mixed(values: NDArray[np.float32], share: float,
          partners: NDArray[np.integer]) -> NDArray[np.float32]:
    """A share of each row and the rest of its partner's: mixup of Zhang et al. 2018.

    Args:
        values: `(batch, ...)`: images, one-hot labels or weights.
        share: of the row itself, 0 to 1.
        partners: int array `(batch,)`: whose row is mixed with each.
    """
    share = np.float32(share)
    return share * values + (1 - share) * values[partners]


def batch_indices(
        b: int, *, num_images: int, batch_size: int, seed: int,
        shuffle: bool) -> tuple[NDArray[np.integer], np.random.RandomState]:
    """Which images batch `b` holds, counted over the whole run.

    As in Keras 2.0.8, batch b draws from the stream of seed + b, and the first batch of
    a sweep draws the sweep's permutation from it before anything else.

    Returns:
        int array, and the stream that goes on with the batch's warps; the stream is the
        thread's own and serves until the next call.
    """
    per_sweep = -(-num_images // batch_size)
    sweep, place = divmod(b, per_sweep)
    start, stop = place * batch_size, min((place + 1) * batch_size, num_images)
    indices = (_order((seed + sweep * per_sweep) % 2**32, num_images)[start:stop]
               if shuffle else np.arange(start, stop))
    stream = warps.seeded((seed + b) % 2**32)
    if shuffle and place == 0:
        stream.permutation(num_images)
    return indices, stream


@functools.lru_cache(maxsize=4)
def _order(seed, num_images):
    """The permutation of a sweep; were it drawn for each batch, the time of a sweep
    would grow with the square of the number of images."""
    order = warps.seeded(seed).permutation(num_images)
    order.flags.writeable = False
    return order


class ImageBatches:
    """Batches of network inputs; batch b is a pure function of the seed and b.

    Batches are counted over the whole run: `len(self)` of them are one sweep, after
    which the images come again, newly permuted where `shuffle` is set. Any number of
    threads gives the same batches.

    Args:
        images: `ImageList`, from files or arrays; of breasts both views come.
        options: `ImageOptions`.
        batch_size: images per batch; the last of a sweep may be shorter.
        seed: of the random stream (`batch_indices`); None draws one.
        shuffle: permute the images in each sweep.
        generator: `augment.MammogramDataGenerator` whose warps are applied, or None.
        balance_batches: give weights that balance the classes of each batch.
        mixup: images are mixed in pairs, in shares from the beta distribution with both
            parameters this number (Zhang et al. 2018); 0 for none.
        cache: keep resized images in memory, in the type of the files.

    Raises:
        files.InputError: no images, or none of the labels that balancing needs.
    """

    def __init__(  # noqa: PLR0913 - each is one choice of the training loop
            self, images: image_lists.ImageList, options: config.ImageOptions, *,
            batch_size: int, seed: int | None = None, shuffle: bool = False,
            generator: Generator | None = None,
            balance_batches: bool = False, mixup: float = 0.0,
            cache: bool = False) -> None:
        if len(images) == 0:
            raise files.InputError("there are no images to make batches of.")
        if balance_batches and images.labels is None:
            raise files.InputError("balanced batches need labels; give class folders.")
        self.images, self.options, self.batch_size = images, options, batch_size
        self.seed = np.random.SeedSequence().entropy % 2**31 if seed is None else seed
        self.shuffle, self.generator = shuffle, generator
        self.balance_batches, self.mixup = balance_batches, mixup
        self._cache = {} if cache else None
        self._share = None
        self._partner = None if images.partner is None else ImageBatches(
            images.partner, options, batch_size=batch_size, generator=generator,
            cache=cache)

    @property
    def num_images(self) -> int:
        """Images of one sweep."""
        return len(self.images)

    @property
    def labels(self) -> NDArray[np.integer] | None:
        """int array `(num_images,)`, or None."""
        return self.images.labels

    def __len__(self):
        return -(-self.num_images // self.batch_size)

    def shared(self, share: Callable[[int], NDArray[np.integer]]) -> ImageBatches:
        """The same batches, of each only some images, with the weights they have there.

        Args:
            share: turns the number of images of a batch into an int array: which of
                them are read, in that order.
        """
        some = copy.copy(self)
        some._share = share
        return some

    def size(self, b: int) -> int:
        """Number of images of batch `b`, all of them counted."""
        return min(self.batch_size,
                   self.num_images - b % len(self) * self.batch_size)

    def batch(self, b: int) -> Batch:
        """Makes batch `b`, counted over the whole run from 0.

        Returns:
            Images, float32 `(n, height, width, channels)`, of breasts a pair of such,
            each warped by itself; one-hot labels, float32 `(n, num_classes)`, or None;
            weights, float32 `(n,)`, or None. With `mixup` all of them are mixed.
        """
        indices, stream = batch_indices(
            b, num_images=self.num_images, batch_size=self.batch_size, seed=self.seed,
            shuffle=self.shuffle)
        which = (np.arange(len(indices)) if self._share is None
                 else self._share(len(indices)))
        # All draws before any work: the stream belongs to the thread.
        views = [(view, [self.generator and self.generator.draw(
            stream, self.options.channels) for _ in indices])
                 for view in (self, self._partner) if view is not None]
        mixing = self.mixup and (stream.beta(self.mixup, self.mixup),
                                 stream.permutation(len(indices)))
        inputs = tuple(view._inputs(indices[which], [draws[place] for place in which])
                       for view, draws in views)
        one_hot = weights = None
        if self.labels is not None:
            labels = self.labels[indices]
            one_hot = np.eye(len(self.images.classes), dtype=np.float32)[labels[which]]
            weights = balance_weights(labels)[which] if self.balance_batches else None
        if mixing:
            inputs = tuple(mixed(view, *mixing) for view in inputs)
            one_hot, weights = (values if values is None else mixed(values, *mixing)
                                for values in (one_hot, weights))
        return inputs if len(inputs) > 1 else inputs[0], one_hot, weights

    def batches(
            self, start: int = 0, stop: int | None = None, *,
            workers: int = 1) -> Iterator[Batch]:
        """Yields batches `start` to `stop` in order, made ahead by some threads."""
        stop = len(self) if stop is None else stop
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            waiting = collections.deque()
            for b in range(start, stop):
                waiting.append(pool.submit(self.batch, b))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _inputs(self, indices, draws):
        pixel_mean = self.options.pixel_mean if self.options.center else 0.0
        inputs = None
        for place, (index, warp) in enumerate(zip(indices, draws, strict=True)):
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
                inputs[place] = (grey - np.float32(pixel_mean))[..., None]
            else:
                self.generator.apply_grey(
                    grey, warp, pixel_mean=pixel_mean, out=inputs[place])
        return inputs

    def _resized(self, index):
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        image = images.resized(self.images.read(index), self.options)
        if self._cache is not None:
            self._cache[index] = image
        return image
