"""Augments mammograms: `MammogramDataGenerator`, with the arguments of Keras's.

The warps that it draws and applies are those of `end2end.images.warps`.
"""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end.augment import flows
from end2end.images import warps

log = logging.getLogger(__name__)

Ranges = warps.Ranges
Warp = warps.Warp
draw_warp, apply_warp, four_flips = warps.draw_warp, warps.apply_warp, warps.four_flips

# Keras 2.0.8's guard against division by a standard deviation of zero.
EPSILON = 1e-7


class MammogramDataGenerator:
    """Augments and standardises images, with the words of Keras's ImageDataGenerator.

    Where it differs from today's Keras it follows the original: `shear_range` is in
    radians, the warp takes the nearest pixel, each channel gets its own intensity
    shift, and an integer `seed` gives the draws that NumPy's global generator gives
    when seeded so. Shifts are shares of the height or width. `shared_channel_shift`
    keeps grey images grey, which the original did not.

    Attributes:
        mean, std: numbers or arrays that broadcast to `(rows, columns, channels)`; set
            by `fit` or by hand, used with `featurewise_center` and
            `featurewise_std_normalization`.
        principal_components: of `zca_whitening`, set by `fit`.
    """

    def __init__(  # noqa: PLR0913 - the arguments that users know, in Keras's order
            self, featurewise_center: bool = False, samplewise_center: bool = False,
            featurewise_std_normalization: bool = False,
            samplewise_std_normalization: bool = False, zca_whitening: bool = False,
            rotation_range: float = 0.0, width_shift_range: float = 0.0,
            height_shift_range: float = 0.0, shear_range: float = 0.0,
            zoom_range: float | Sequence[float] = 0.0, channel_shift_range: float = 0.0,
            fill_mode: str = "nearest", cval: float = 0.0,
            horizontal_flip: bool = False, vertical_flip: bool = False,
            rescale: float | None = None,
            preprocessing_function: Callable[[NDArray], NDArray] | None = None,
            data_format: str | None = None, zca_epsilon: float = 1e-6,
            shared_channel_shift: bool = False) -> None:
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range = _share(width_shift_range, "width_shift_range")
        self.height_shift_range = _share(height_shift_range, "height_shift_range")
        self.zoom_range = _zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.shared_channel_shift = shared_channel_shift
        self.fill_mode = _choice(fill_mode, warps.FILL_MODES, "fill_mode")
        self.cval = cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = _choice(
            data_format or "channels_last", ("channels_last", "channels_first"),
            "data_format")
        self.mean = self.std = self.principal_components = None

    @property
    def ranges(self) -> Ranges:
        """The `Ranges` that warps are drawn from."""
        return Ranges(
            max_rotation_degrees=self.rotation_range,
            max_row_shift=self.height_shift_range,
            max_column_shift=self.width_shift_range,
            max_shear_radians=self.shear_range, zoom=self.zoom_range,
            max_intensity_shift=self.channel_shift_range,
            horizontal_flip=self.horizontal_flip, vertical_flip=self.vertical_flip,
            shared_intensity_shift=self.shared_channel_shift)

    def draw(self, rng: Any, channels: int = 3) -> Warp:
        """Draws one `Warp`; `rng` as for `draw_warp`."""
        return warps.draw_from(rng, self.ranges, channels=channels)

    def apply(self, image: NDArray[np.float32], warp: Warp) -> NDArray[np.float32]:
        """Applies a `Warp` to an image `(rows, columns, channels)`, as `apply_warp`."""
        return apply_warp(image, warp, fill_mode=self.fill_mode, cval=self.cval)

    def apply_grey(
            self, plane: NDArray[np.float32], warp: Warp, *, pixel_mean: float,
            out: NDArray[np.float32]) -> None:
        """Applies a `Warp` to a grey image, as `warps.warp_grey`."""
        warps.warp_grey(
            plane, warp, pixel_mean=pixel_mean, out=out, fill_mode=self.fill_mode,
            cval=self.cval)

    def random_transform(
            self, x: ArrayLike, seed: int | None = None) -> NDArray[np.float32]:
        """Draws a warp and applies it to one image.

        Args:
            x: array `(rows, columns, channels)`, or channels first if the generator's
                `data_format` says so; it stays unchanged.
            seed: an integer gives the original's draws for it; None takes NumPy's
                global generator, as Keras does.

        Returns:
            float32 array of the same shape.
        """
        image = self._channels_last(np.asarray(x, np.float32))
        rng = np.random if seed is None else warps.seeded(seed)
        warped = self.apply(image, self.draw(rng, image.shape[2]))
        return self._channels_last(warped, back=True)

    def standardize(self, x: NDArray) -> NDArray[np.float32]:
        """Standardises one image or a batch, in the order of the original.

        That is: preprocessing function, rescale, centre and scale by the sample itself,
        then by the training set, whiten.

        Args:
            x: array; it stays unchanged. With the `samplewise_` settings, one image.

        Returns:
            float32 array of the same shape.
        """
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        x = np.array(x, np.float32)
        if self.rescale:
            x *= np.float32(self.rescale)
        if self.samplewise_center:
            x -= x.mean()
        if self.samplewise_std_normalization:
            x /= x.std() + EPSILON
        if self.featurewise_center and self._fitted("mean", "featurewise_center"):
            x -= np.asarray(self.mean, np.float32)
        if self.featurewise_std_normalization and self._fitted(
                "std", "featurewise_std_normalization"):
            x /= np.asarray(self.std, np.float32) + np.float32(EPSILON)
        if self.zca_whitening and self._fitted("principal_components", "zca_whitening"):
            flat = x.reshape(-1, len(self.principal_components))
            x = (flat @ self.principal_components).astype(np.float32).reshape(x.shape)
        return x

    def fit(
            self, x: ArrayLike, augment: bool = False, rounds: int = 1,
            seed: int | None = None) -> None:
        """Finds `mean`, `std` and `principal_components`, as far as they are used.

        Args:
            x: images `(n, rows, columns, channels)`, or channels first; unchanged.
            augment: take them from augmented images.
            rounds: how often each image is augmented.
            seed: of the augmentation; each image continues the stream.

        Raises:
            ValueError: not four dimensions.
        """
        x = _four_dimensions(x)
        if augment:
            rng = np.random if seed is None else np.random.RandomState(seed)
            x = np.stack([
                self._channels_last(self.apply(image, self.draw(rng, image.shape[2])),
                                    back=True)
                for _ in range(rounds) for image in map(self._channels_last, x)])
        axes = (0, 2, 3) if self.data_format == "channels_first" else (0, 1, 2)
        if self.featurewise_center:
            self.mean = x.mean(axis=axes, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axis=axes, keepdims=True)[0]
            x /= self.std + EPSILON
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            vectors, values, _ = np.linalg.svd(flat.T @ flat / len(flat))
            self.principal_components = (
                vectors / np.sqrt(values + self.zca_epsilon)) @ vectors.T

    def flow(
            self, x: ArrayLike, y: ArrayLike | None = None, batch_size: int = 32,
            shuffle: bool = True, seed: int | None = None,
            **options: Any) -> flows.Flow:
        """Endless augmented and standardised batches of images in memory.

        Args:
            x: images `(n, rows, columns, channels)`.
            y: class numbers `(n,)` or one-hot labels `(n, classes)`; returned as given.
            batch_size, shuffle, seed: as in `flows.Flow`.
            options: `auto_batch_balance` (True), `preprocess`, `save_to_dir`,
                `save_prefix`, `save_format` of `flows.Flow`.

        Returns:
            `flows.Flow`.

        Raises:
            ValueError: shapes do not fit, or labels are not one-hot.
        """
        return flows.from_arrays(
            self, x, y, batch_size=batch_size, shuffle=shuffle, seed=seed, **options)

    def flow_from_directory(
            self, directory: str | os.PathLike, target_size: Sequence[int] = (256, 256),
            **options: Any) -> flows.Flow:
        """Endless augmented and standardised batches of the images in class folders.

        Args:
            directory: holds one folder per class.
            target_size: (height, width) in pixels.
            options: `target_height`, `target_scale`, `rescale_factor`,
                `equalize_hist`, `dup_3_channels` (False): how files become images;
                `classes` (sorted sub-folders), `class_mode` (categorical, binary,
                sparse or None), `auto_batch_balance` (False), `batch_size` (32),
                `shuffle` (True), `seed`, `preprocess`, `save_to_dir`, `save_prefix`,
                `save_format`: as in `flows.from_directory`.

        Returns:
            `flows.Flow`.

        Raises:
            files.InputError: no images there.
        """
        return flows.from_directory(self, directory, target_size, **options)

    def _channels_last(self, image, back=False):
        """Moves the channels of one image to the end, or back to their place."""
        if self.data_format == "channels_last":
            return image
        return np.moveaxis(image, -1, 0) if back else np.moveaxis(image, 0, -1)

    def _fitted(self, attribute, argument):
        if getattr(self, attribute) is None:
            log.warning("%s is set, but the generator has no %s; call fit(x), or set "
                        "it by hand.", argument, attribute)
            return False
        return True


def _share(value, name):
    if not 0 <= value < 1:
        raise ValueError(
            f"{name}={value!r} is not a share of the image; expected a number from 0 "
            "to below 1. Divide pixels by the height or width.")
    return value


def _zoom_range(value):
    if np.isscalar(value):
        return 1 - value, 1 + value
    if len(value) != 2:
        raise ValueError(
            f"zoom_range={value!r}; expected a number, or a pair (lowest, highest).")
    return tuple(value)


def _choice(value, choices, name):
    if value not in choices:
        raise ValueError(f"{name}={value!r}; expected one of {', '.join(choices)}.")
    return value


def _four_dimensions(x):
    x = np.array(x, np.float32)
    if x.ndim != 4:
        raise ValueError(
            f"images have the shape {x.shape}; expected four dimensions, (n, rows, "
            "columns, channels).")
    return x


def training_generator(**changes: Any) -> MammogramDataGenerator:
    """The augmentation of Shen et al. 2019: flips, rotation, shear, zoom, intensity.

    Args:
        changes: arguments of `MammogramDataGenerator` that replace the original's. The
            paper has no shear: `shear_range=0`; its programs shear by 0.2 radians.
    """
    return MammogramDataGenerator(**dict(
        rotation_range=25.0, shear_range=0.2, zoom_range=(0.8, 1.2),
        channel_shift_range=20.0, horizontal_flip=True, vertical_flip=True) | changes)
