"""A patch classifier over a whole mammogram, both ways, and what is read from the map.

Sliding: one patch after the other. Convolutional: one pass of the network. Keras is
imported only where a model is built.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end import images, models
from end2end.data.patches import geometry
from end2end.heatmaps import regions, shared_windows

if TYPE_CHECKING:
    import keras

    from end2end import config

# A patch classifier: a `keras.Model`, any callable, or an object with a `predict`.
Model = Any
Preparation = Callable[[NDArray], NDArray[np.float32]]


def sliding_heatmap(
        model: Model, image: NDArray, *, patch_size: int, stride: int,
        prepare: Preparation | None = None, margin: int | None = None,
        batch_size: int = 128) -> NDArray[np.float32]:
    """Classifies every window of a mammogram.

    Where `prepare` gives a pixel the same value in every window, windows share what a
    plain chain of convolutions computes of them (`shared_windows`); scores differ by
    rounding. The memory needed is that of one batch, and of what the windows of a strip
    one and a half patches high share, however high the image is.

    Args:
        model: a patch classifier: a `keras.Model`, or any callable (or object with a
            `predict`) from float32 `(n, patch_size, patch_size, channels)` to scores
            `(n, classes)`.
        image: array `(rows, columns)` or `(rows, columns, channels)`.
        patch_size: side of a window in pixels.
        stride: step in pixels.
        prepare: from windows of the image, `(n, patch_size, patch_size, ...)`, to the
            model's input; default float32 with the model's number of channels. An
            attribute `by_pixel` that is true says that windows do not matter to it.
        margin: black pixels added around the image; default half a patch, so that
            windows are centred on the image from edge to edge.
        batch_size: windows of one call of the model.

    Returns:
        float32 `(rows, columns, classes)` on the grid of `geometry.sliding_grid`.

    Raises:
        ValueError: no window fits.
    """
    margin = patch_size // 2 if margin is None else margin
    padded = np.pad(image, [(margin, margin)] * 2 + [(0, 0)] * (image.ndim - 2))
    tops, lefts = (geometry.sliding_grid(length, patch_size=patch_size, stride=stride)
                   for length in padded.shape[:2])
    if not len(tops) or not len(lefts):
        raise ValueError(
            f"an image of {image.shape[0]}x{image.shape[1]} pixels has no window of "
            f"{patch_size}; choose a smaller patch size or a margin.")
    by_pixel = prepare is None or getattr(prepare, "by_pixel", False)
    if prepare is None:
        prepare = with_channels(input_channels(model))
    shared = shared_windows.plan(
        model, patch_size=patch_size, stride=stride) if by_pixel else None
    if shared is not None:
        across = slice(lefts[0], lefts[-1] + patch_size)
        blocks = (tops[start:start + shared.rows]
                  for start in range(0, len(tops), shared.rows))
        return np.concatenate([shared.block(
            prepare(padded[None, rows[0]:rows[-1] + patch_size, across])[0],
            batch_size=batch_size) for rows in blocks])
    corners = [(top, left) for top in tops for left in lefts]
    scores = []
    for start in range(0, len(corners), batch_size):
        windows = np.stack([padded[top:top + patch_size, left:left + patch_size]
                            for top, left in corners[start:start + batch_size]])
        scores.append(predict(model, prepare(windows)))
    return np.concatenate(scores).reshape(len(tops), len(lefts), -1)


def convolutional_heatmap(
        patch_model: keras.Model, image: NDArray, *, pool_size: Sequence[int] = (7, 7),
        strides: Sequence[int] = (1, 1)) -> NDArray[np.float32]:
    """Classifies every patch of a mammogram in one pass of the network.

    The patch head, with softmax, after an average over `pool_size` cells of the feature
    map; a cell equals the patch classifier where the pool is as large as its own
    feature map (7x7 for a patch of 224 at a stride of 32).

    Args:
        patch_model: a patch classifier (`keras.Model`); for many images, give the
            result of `models.heatmap_model` instead, which is made once.
        image: network input, float32 `(rows, columns)` or `(rows, columns, channels)`.
        pool_size: cells averaged, (height, width).
        strides: of the average, in cells.

    Returns:
        float32 `(rows, columns, classes)`; 30x22 at 1152x896 and a stride of 32.
    """
    model = patch_model
    if len(model.output_shape) == 2:
        model = models.heatmap_model(
            patch_model, pool=tuple(pool_size), strides=tuple(strides))
    batch = np.asarray(image, np.float32)[None]
    if batch.ndim == 3:
        batch = with_channels(input_channels(model))(batch)
    return predict(model, batch)[0]


def network(
        patch_model: keras.Model, size: Sequence[int], *,
        activation: str = "softmax") -> tuple[keras.Model, tuple[int, int]]:
    """The network of a patch classifier for whole images.

    Args:
        patch_model: a patch classifier (`keras.Model`).
        size: (height, width) of its patches in pixels.
        activation: of the patch head.

    Returns:
        `keras.Model` of `models.heatmap_model`, and the cells that it averages (height,
        width): all cells of a patch, so that a cell of the map is a patch.
    """
    import keras

    trunk = keras.Model(patch_model.inputs, models.patch_features(patch_model))
    pool = trunk.compute_output_shape(
        (1, *size, models.input_channels(patch_model)))[1:3]
    return models.heatmap_model(
        patch_model, pool=pool, activation=activation), pool


def windows_of_cells(
        image: NDArray, shape: Sequence[int], *, pool: Sequence[int],
        patch_size: Sequence[int]) -> NDArray[np.float32]:
    """The windows that the cells of a convolutional heatmap stand for.

    Args:
        image: network input, float32 `(rows, columns, channels)`.
        shape: (rows, columns) of the heatmap, made with a stride of one cell.
        pool: cells averaged, (height, width).
        patch_size: (height, width) of a patch in pixels.

    Returns:
        float32 `(cells, height, width, channels)`, row by row.
    """
    steps = [round(size / count) for size, count in zip(patch_size, pool, strict=True)]
    height, width = patch_size
    return np.stack([
        image[i * steps[0]:i * steps[0] + height, j * steps[1]:j * steps[1] + width]
        for i in range(shape[0]) for j in range(shape[1])])


def predict(model: Model, batch: NDArray) -> NDArray[np.float32]:
    """Scores of a batch from a `keras.Model` or any callable, float32, classes last."""
    call = getattr(model, "predict_on_batch", None) or getattr(model, "predict", model)
    scores = np.asarray(call(batch), np.float32)
    return scores if scores.ndim > 1 else scores[:, None]


def input_channels(model: Model) -> int:
    """Channels of a model's input; 3 for a callable that does not say."""
    shape = getattr(model, "input_shape", None)
    return shape[-1] if shape else 3


def with_channels(channels: int) -> Preparation:
    """A `prepare` that makes float32 and repeats grey to so many channels."""
    def prepare(windows):
        windows = np.asarray(windows, np.float32)
        if windows.ndim == 4:
            return windows
        return np.repeat(windows[..., None], channels, axis=-1)
    return prepare


@dataclasses.dataclass(frozen=True)
class WindowPreparation:
    """A `prepare` that scales each window as training scaled patches.

    Attributes:
        options: `ImageOptions`; `stretch_max_to` takes each window's own maximum.
        preprocess: of the backbone, pixel by pixel; used where `options.center` is off
            (documented behaviour of the original).
    """

    options: config.ImageOptions
    preprocess: Callable[[NDArray], ArrayLike] | None = None

    @property
    def by_pixel(self) -> bool:
        """Whether a pixel gets the same value in every window."""
        options = self.options
        return not (options.breast_only or options.remove_pectoral
                    or options.equalize_histogram or options.stretch_max_to is not None)

    def __call__(self, windows: NDArray) -> NDArray[np.float32]:
        batch = np.stack([images.scaled_channels(window, self.options)
                          for window in windows])
        if self.options.center:
            batch -= np.float32(self.options.pixel_mean)
        elif self.preprocess is not None:
            batch = np.asarray(self.preprocess(batch), np.float32)
        return batch


def window_preparation(
        options: config.ImageOptions, *,
        preprocess: Callable[[NDArray], ArrayLike] | None = None) -> WindowPreparation:
    """`WindowPreparation` of these."""
    return WindowPreparation(options, preprocess)


def region_features(
        heatmap: ArrayLike | None, cutoff: float, *, largest: int = 1,
        num_classes: int | None = None) -> list[dict[str, float]] | dict[str, float]:
    """Regional features of a heatmap, for the two-step classifier.

    The map of each foreground class is cut at a probability; the regions of connected
    cells (diagonals included) are described by shape and intensity.

    Args:
        heatmap: array `(rows, columns, classes)`, class 0 being background; or `(rows,
            columns)` for a single class; None for a missing view.
        cutoff: a cell belongs to a region from this probability on.
        largest: how many regions of a class are described, the largest first.
        num_classes: of the heatmap; default its own, and 3 for None (the original's).

    Returns:
        list of one dict per foreground class (one dict for a single class), with 3 + 16
        per region floats: `regions.class_features`.
    """
    if heatmap is None:
        maps = [None] * ((num_classes or 3) - 1)
    elif np.ndim(heatmap) == 2:
        return regions.class_features(np.asarray(heatmap), cutoff, largest=largest)
    else:
        maps = np.moveaxis(np.asarray(heatmap), -1, 0)[1:num_classes]
    return [regions.class_features(class_map, cutoff, largest=largest)
            for class_map in maps]


def agreement(first: ArrayLike, second: ArrayLike) -> tuple[float, float]:
    """Correlation and largest difference of two heatmaps of the same shape.

    Returns:
        two floats; the correlation is NaN where one of them is constant.
    """
    first, second = (np.asarray(heatmap, np.float64).ravel()
                     for heatmap in (first, second))
    if first.std() == 0 or second.std() == 0:
        correlation = math.nan
    else:
        correlation = float(np.corrcoef(first, second)[0, 1])
    return correlation, float(np.abs(first - second).max())


def spread(
        class_map: ArrayLike, shape: Sequence[int], *, first: Sequence[float],
        step: Sequence[float]) -> NDArray[np.float32]:
    """A heatmap at the size of its mammogram, interpolated between the cells.

    Args:
        class_map: array `(rows, columns)`.
        shape: (height, width) of the mammogram in pixels.
        first: row and column of the mammogram in the middle of the first cell.
        step: pixels from cell to cell, down and across.

    Returns:
        float32 array of that shape; beyond the outer cells their values go on.
    """
    rows, columns = (
        ((np.arange(length) - offset) / pixels).astype(np.float32)
        for length, offset, pixels in zip(shape, first, step, strict=True))
    across, down = np.meshgrid(columns, rows)
    return cv2.remap(np.asarray(class_map, np.float32), across, down, cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)
