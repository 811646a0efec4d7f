"""Where a patch classifier sees what on a mammogram, at the place it sees it.

One pass of the network where its cells are finer than a patch, else a sliding window:
cells of a whole patch each would be too coarse to say where.
"""

import argparse
import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from end2end import checkpoints, config, heatmaps, images
from end2end.config import patch_flags
from end2end.data.patches import geometry
from end2end.utils import files

# Cells wider than this share of a patch are replaced by windows that many to a patch.
COARSEST = 1 / 3
WINDOWS = 4


@dataclasses.dataclass(frozen=True, eq=False)
class PatchMap:
    """Outputs of a patch classifier over one mammogram.

    Attributes:
        logits: float32 `(rows, columns, classes)`, before the softmax.
        first: row and column of the mammogram in the middle of the first cell, pixels.
        step: pixels from cell to cell, down and across.
        classes: names.
    """

    logits: np.ndarray
    first: tuple
    step: tuple
    classes: tuple

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Softmax over the classes, float32 `(rows, columns, classes)`."""
        powers = np.exp(self.logits - self.logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    @property
    def activations(self) -> NDArray[np.float32]:
        """Logits after ReLU, as in the heatmap of Figure 4d of Shen et al. 2019."""
        return np.maximum(self.logits, 0)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Outer edges of the cells in pixels: left, right, bottom, top."""
        (top, bottom), (left, right) = (
            (first - step / 2, first + (count - 0.5) * step)
            for first, step, count in zip(
                self.first, self.step, self.logits.shape[:2], strict=True))
        return left, right, bottom, top

    def malignant(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Probability of malignant patches, float32 of `shape` (rows, columns)."""
        malignant = malignant_classes(self.classes)
        return np.clip(heatmaps.spread(
            self.probabilities[..., malignant].sum(axis=-1), shape, first=self.first,
            step=self.step), 0, 1)


def load(arguments: argparse.Namespace) -> checkpoints.Classifier | None:
    """The patch classifier of a command line, with the settings that were typed for it.

    Args:
        arguments: of a parser with `config.patch_flags`.

    Returns:
        None where there is no `--patch-model`.

    Raises:
        files.InputError: it cannot be used, has no malignant class, or settings are
            typed without it.
    """
    patch_flags.check(arguments)
    if not arguments.patch_model:
        return None
    patch = checkpoints.load_classifier(
        arguments.patch_model, typed=patch_flags.typed(arguments),
        output_options=patch_flags.outputs(arguments))
    malignant_classes(patch.classes)
    return patch


def malignant_classes(classes: Sequence[str]) -> list[int]:
    """Indices of the malignant classes: those with `mal` in the name, or `pos`.

    Raises:
        files.InputError: there is none.
    """
    indices = [i for i, name in enumerate(classes)
               if "mal" in name.lower() or name == "pos"]
    if not indices:
        raise files.InputError(
            f"the patch model has the classes {', '.join(classes)}; expected some with "
            "'mal' in the name.")
    return indices


def patch_map(
        patch: checkpoints.Classifier, picture: NDArray,
        options: config.ImageOptions) -> PatchMap:
    """Runs a patch classifier over a mammogram.

    Args:
        patch: `checkpoints.Classifier` of patches.
        picture: array `(rows, columns)` as read.
        options: `ImageOptions` that say at which size; intensities are those that the
            patch classifier was trained with.

    Returns:
        `PatchMap`, in pixels of that size.

    Raises:
        files.InputError: the classifier has no malignant class.
    """
    malignant_classes(patch.classes)
    whole, pool = _network(patch.model, tuple(patch.images.size))
    sized = dataclasses.replace(patch.images, size=options.size, height=options.height)
    cell = [size / count for size, count in zip(patch.images.size, pool, strict=True)]
    if max(cell) > COARSEST * max(patch.images.size):
        return _sliding(whole, patch, images.resized(picture, sized))
    ready = images.to_input(picture, sized)
    logits = heatmaps.convolutional_heatmap(whole, ready)
    # A map of n cells comes from n + pool - 1 cells of the trunk.
    step = tuple(length / (count + size - 1) for length, count, size in zip(
        ready.shape, logits.shape, pool, strict=False))
    first = tuple(
        length * size / 2 for length, size in zip(step, pool, strict=True))
    return PatchMap(logits, first, step, tuple(patch.classes))


@functools.lru_cache(maxsize=1)
def _network(model, size):
    return heatmaps.network(model, size, activation="linear")


def _sliding(whole, patch, picture):
    side = patch.images.size[0]
    stride, margin = max(1, side // WINDOWS), side // 2
    logits = heatmaps.sliding_heatmap(
        whole, picture, patch_size=side, stride=stride, margin=margin,
        prepare=heatmaps.window_preparation(patch.images), batch_size=32)
    first = tuple(
        float(geometry.sliding_grid(length + 2 * margin, patch_size=side,
                                   stride=stride)[0] + side / 2 - margin)
        for length in picture.shape[:2])
    return PatchMap(logits, first, (stride, stride), tuple(patch.classes))
