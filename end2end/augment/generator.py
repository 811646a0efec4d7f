"""Augments mammograms: `MammogramDataGenerator`, with the arguments of Keras's.

What its words mean is a row of `conventions.CONVENTIONS`: the original's by default,
those of later Keras on request. The warps are those of `end2end.images.warps`.
"""

import dataclasses
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from end2end.augment import conventions, file_flows, flows, transforms
from end2end.images import warps
from end2end.utils import files, processes

if TYPE_CHECKING:
    import pandas

log = logging.getLogger(__name__)

Ranges = warps.Ranges
Warp = warps.Warp
draw_warp, apply_warp, four_flips = warps.draw_warp, warps.apply_warp, warps.four_flips


class MammogramDataGenerator:
    """Augments and standardises images, with the words of Keras's ImageDataGenerator.

    By the convention `original`, the default, `shear_range` is in radians, the warp
    takes the nearest pixel, each channel gets its own intensity shift, and an integer
    `seed` gives the draws that NumPy's global generator gives when seeded so. By the
    conventions `keras` and `keras3` draws and pictures are those of later Keras.
    docs/augmentation.md says what each argument means by each. The process keeps the
    memory of images that are gone for the next (`processes.keep_freed_memory`).

    Args:
        featurewise_center, samplewise_center, featurewise_std_normalization,
            samplewise_std_normalization, zca_whitening, zca_epsilon: standardisation,
            as `standardize` and `fit` say.
        rotation_range: greatest angle either way, in degrees.
        width_shift_range, height_shift_range: as `transforms.shift_range` reads them.
        shear_range: greatest shear either way, in radians; in degrees by
            `keras` and `keras3`.
        zoom_range: lowest and highest factor, or a number z for 1 - z to 1 + z; a
            factor above 1 shrinks the picture.
        channel_shift_range: greatest intensity shift either way, in grey levels.
        fill_mode, cval: points outside the image, as for `warps.apply_warp`.
        horizontal_flip, vertical_flip: flip half of the images.
        rescale, preprocessing_function: applied by `standardize`.
        data_format: `channels_last` (default) or `channels_first`.
        shared_channel_shift: one intensity shift for all channels, so that grey images
            stay grey; the original's differed.
        brightness_range: lowest and highest factor of `transforms.brighten`.
        tone_range: lowest and highest exponent of `transforms.toned`; not of Keras.
        validation_split: share of the images, from the first on, that
            `subset="validation"` of the flows takes. It splits by image, not by
            patient.
        interpolation_order: of the spline, 0 to 5; the convention's where None.
        dtype: of the images that come out; float32 where None.
        convention: a row of `conventions.CONVENTIONS`.

    Attributes:
        mean, std: numbers or arrays that broadcast to `(rows, columns, channels)`; set
            by `fit` or by hand, used with `featurewise_center` and
            `featurewise_std_normalization`.
        principal_components: of `zca_whitening`, set by `fit`.

    Raises:
        ValueError: an argument has no meaning.
    """

    def __init__(  # noqa: PLR0913 - the arguments that users know, in Keras's order
            self, featurewise_center: bool = False, samplewise_center: bool = False,
            featurewise_std_normalization: bool = False,
            samplewise_std_normalization: bool = False, zca_whitening: bool = False,
            rotation_range: float = 0.0, width_shift_range: ArrayLike = 0.0,
            height_shift_range: ArrayLike = 0.0, shear_range: float = 0.0,
            zoom_range: float | Sequence[float] = 0.0, channel_shift_range: float = 0.0,
            fill_mode: str = "nearest", cval: float = 0.0,
            horizontal_flip: bool = False, vertical_flip: bool = False,
            rescale: float | None = None,
            preprocessing_function: Callable[[NDArray], NDArray] | None = None,
            data_format: str | None = None, zca_epsilon: float = 1e-6,
            shared_channel_shift: bool = False, *,
            brightness_range: Sequence[float] | None = None,
            tone_range: Sequence[float] | None = None,
            validation_split: float = 0.0, interpolation_order: int | None = None,
            dtype: DTypeLike = None, convention: str = "original") -> None:
        self.convention = conventions.CONVENTIONS[
            _choice(convention, conventions.CONVENTIONS, "convention")]
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self._shifts = (
            transforms.shift_range(height_shift_range, "height_shift_range"),
            transforms.shift_range(width_shift_range, "width_shift_range"))
        self.zoom_range = _pair_around_one(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.shared_channel_shift = shared_channel_shift
        self.fill_mode = _choice(fill_mode, warps.FILL_MODES, "fill_mode")
        self.cval = cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = _choice(
            data_format or "channels_last", ("channels_last", "channels_first"),
            "data_format")
        self.brightness_range = _limits(brightness_range, "brightness_range")
        self.tone_range = _limits(tone_range, "tone_range")
        # Keras's own iterators look for the underlined name.
        self.validation_split = self._validation_split = _split(validation_split)
        self.interpolation_order = (
            self.convention.interpolation_order if interpolation_order is None
            else _choice(interpolation_order, range(6), "interpolation_order"))
        self.dtype = np.dtype(dtype or np.float32)
        self.mean = self.std = self.principal_components = None
        # New memory for each image costs as much as half of its augmentation.
        processes.keep_freed_memory()
        if self.convention.implied_centring:
            self._imply_centring()

    @property
    def ranges(self) -> Ranges:
        """The `Ranges` that warps are drawn from; shifts in pixels are not among
        them."""
        rows, columns = (
            shift.limit if shift.share and shift.choices is None else 0.0
            for shift in self._shifts)
        shear = self.shear_range
        if self.convention.shear_in_degrees:
            shear = math.radians(shear)
        return Ranges(
            max_rotation_degrees=self.rotation_range, max_row_shift=rows,
            max_column_shift=columns, max_shear_radians=shear, zoom=self.zoom_range,
            max_intensity_shift=self.channel_shift_range,
            horizontal_flip=self.horizontal_flip, vertical_flip=self.vertical_flip,
            shared_intensity_shift=self.shared_channel_shift)

    def draw(self, rng: Any, channels: int = 3) -> Warp:
        """Draws one `Warp`; `rng` as for `transforms.draw`."""
        warp = transforms.draw(
            rng, self.ranges, self.convention, channels=channels, shifts=self._shifts,
            brightness=self.brightness_range)
        if self.tone_range is None:
            return warp
        return dataclasses.replace(warp, tone=float(rng.uniform(*self.tone_range)))

    def apply(self, image: NDArray[np.floating], warp: Warp) -> NDArray[np.floating]:
        """Applies a `Warp` to an image `(rows, columns, channels)`.

        Returns:
            Array of the same shape, in the generator's dtype.
        """
        if self._nearest:
            image = apply_warp(image, warp, fill_mode=self.fill_mode, cval=self.cval)
            image = transforms.brighten(image, warp.brightness, self.convention)
        else:
            image = transforms.apply(
                np.asarray(image, self.dtype), warp, self.convention,
                order=self.interpolation_order, fill_mode=self.fill_mode,
                cval=self.cval)
        return transforms.toned(image, warp.tone)

    def apply_grey(
            self, plane: NDArray[np.float32], warp: Warp, *, pixel_mean: float,
            out: NDArray[np.float32]) -> None:
        """Applies a `Warp` to a grey image, as `warps.warp_grey`."""
        if self._nearest and warp.brightness is None and warp.tone is None:
            warps.warp_grey(
                plane, warp, pixel_mean=pixel_mean, out=out, fill_mode=self.fill_mode,
                cval=self.cval)
            return
        image = np.repeat(plane[..., None], out.shape[2], axis=2)
        out[...] = self.apply(image, warp) - np.float32(pixel_mean)

    @property
    def _nearest(self):
        """Whether the fast warps of the original give these pictures."""
        return (self.interpolation_order == 0 and self.dtype == np.float32
                and self.convention.centre_offset == 0.5)

    def get_random_transform(
            self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """Draws a transform and tells it in Keras's words (`transforms`).

        Args:
            img_shape: of one image, as the generator's `data_format` says.
            seed: an integer gives the draws of NumPy's global generator seeded so; None
                takes that generator, as Keras does.
        """
        rng = np.random if seed is None else warps.seeded(seed)
        shape = tuple(img_shape)
        if self.data_format == "channels_first":
            shape = (*shape[1:], shape[0])
        return transforms.parameters(
            self.draw(rng, shape[2]), shape[:2], self.convention)

    def apply_transform(
            self, x: ArrayLike, transform_parameters: Mapping[str, Any]
    ) -> NDArray[np.floating]:
        """Applies a transform told in Keras's words to one image.

        Args:
            x: array as for `random_transform`; it stays unchanged.
            transform_parameters: some of the entries of `get_random_transform`.

        Returns:
            Array of the same shape, in the generator's dtype.

        Raises:
            ValueError: an unknown entry.
        """
        image = self._channels_last(np.asarray(x, self.dtype))
        warp = transforms.warp_of(
            transform_parameters, image.shape[2], self.convention)
        return self._channels_last(self.apply(image, warp), back=True)

    def random_transform(
            self, x: ArrayLike, seed: int | None = None) -> NDArray[np.floating]:
        """Draws a warp and applies it to one image.

        Args:
            x: array `(rows, columns, channels)`, or channels first if the generator's
                `data_format` says so; it stays unchanged.
            seed: as for `get_random_transform`.

        Returns:
            Array of the same shape, in the generator's dtype.
        """
        image = self._channels_last(np.asarray(x, self.dtype))
        rng = np.random if seed is None else warps.seeded(seed)
        warped = self.apply(image, self.draw(rng, image.shape[2]))
        return self._channels_last(warped, back=True)

    def standardize(self, x: NDArray) -> NDArray[np.floating]:
        """Standardises one image or a batch, in the order of the original.

        That is: preprocessing function, rescale, centre and scale by the sample itself,
        then by the training set, whiten.

        Args:
            x: array; it stays unchanged. With the `samplewise_` settings, one image.

        Returns:
            Array of the same shape, in the generator's dtype; `x` itself where it has
            that dtype and nothing is to be done, as in Keras.
        """
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        x = np.asarray(x, self.dtype)
        number, epsilon = self.dtype.type, self.convention.epsilon
        # The first change writes a new array, the others change that.
        out = None
        for applies, change, operand in (
                (self.rescale, np.multiply, lambda image: number(self.rescale)),
                (self.samplewise_center, np.subtract, lambda image: image.mean()),
                (self.samplewise_std_normalization, np.divide,
                 lambda image: image.std() + epsilon),
                (self.featurewise_center and self._fitted("mean", "featurewise_center"),
                 np.subtract, lambda image: np.asarray(self.mean, self.dtype)),
                (self.featurewise_std_normalization and self._fitted(
                    "std", "featurewise_std_normalization"), np.divide,
                 lambda image: np.asarray(self.std, self.dtype) + number(epsilon))):
            if applies:
                out = np.empty_like(x) if out is None else out
                x = change(x, operand(x), out=out)
        if self.zca_whitening and self._fitted("principal_components", "zca_whitening"):
            flat = x.reshape(-1, len(self.principal_components))
            x = (flat @ self.principal_components).astype(self.dtype).reshape(x.shape)
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
        x = _four_dimensions(x, self.dtype)
        if self.rescale and self.convention.rescale_in_fit:
            x *= self.dtype.type(self.rescale)
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
            x /= self.std + self.convention.epsilon
        if self.zca_whitening:
            self.principal_components = conventions.whitening(
                x.reshape(len(x), -1), self.zca_epsilon, self.convention)

    def flow(
            self, x: ArrayLike, y: ArrayLike | None = None, batch_size: int = 32,
            shuffle: bool = True, seed: int | None = None,
            **options: Any) -> flows.Flow:
        """Endless augmented and standardised batches of images in memory.

        Args:
            x: images `(n, rows, columns, channels)`; or a pair of images and other
                inputs, an array `(n, ...)` or a list of such, passed on unchanged.
            y: labels `(n, ...)`, returned as given; for weights that balance each batch
                class numbers `(n,)` or one-hot `(n, classes)`.
            batch_size, shuffle, seed: as in `flows.Flow`.
            options: `sample_weight`, `subset`, `ignore_class_split`,
                `auto_batch_balance` (the convention's) of `flows.from_arrays`;
                `preprocess`, `save_to_dir`, `save_prefix`, `save_format` of
                `flows.Flow`.

        Returns:
            `flows.Flow`.

        Raises:
            ValueError: shapes do not fit, labels to be balanced are not one-hot, or
                the classes of both subsets differ.
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
            options: of `file_flows.from_directory` and `flows.Flow`, among them
                `classes`, `class_mode`, `color_mode`, `subset`, `follow_links`,
                `batch_size`, `shuffle`, `seed`; how files become images is said there.

        Returns:
            `flows.Flow`.

        Raises:
            files.InputError: no images there.
            ValueError: an option has no meaning.
        """
        return file_flows.from_directory(self, directory, target_size, **options)

    def flow_from_dataframe(
            self, dataframe: "pandas.DataFrame",
            directory: str | os.PathLike | None = None, x_col: str = "filename",
            y_col: str | Sequence[str] | None = "class", **options: Any) -> flows.Flow:
        """Endless augmented and standardised batches of the files that a table names.

        Args:
            dataframe: a row per image.
            directory: which the names are relative to; None where they are paths.
            x_col, y_col: columns of the names and of the labels.
            options: of `file_flows.from_dataframe` and `flows.Flow`, among them
                `weight_col`, `class_mode`, `classes`, `subset`, `target_size`,
                `color_mode`, `validate_filenames`.

        Returns:
            `flows.Flow`.

        Raises:
            ValueError: an option has no meaning.
            TypeError: a column holds what its mode cannot use.
        """
        return file_flows.from_dataframe(
            self, dataframe, directory, x_col=x_col, y_col=y_col, **options)

    def flow_from_img_list(
            self, paths: Sequence[str | os.PathLike], labels: Sequence[int],
            target_size: Sequence[int] = (1152, 896), **options: Any) -> flows.Flow:
        """Endless augmented and standardised batches of listed files.

        Args:
            paths: image files.
            labels: class number of each.
            target_size: (height, width) in pixels.
            options: of `file_flows.from_img_list` and `flows.Flow`.

        Returns:
            `flows.Flow`.

        Raises:
            ValueError: lists of different lengths, or an option has no meaning.
        """
        return file_flows.from_img_list(self, paths, labels, target_size, **options)

    def flow_from_exam_list(
            self, exams: Sequence[Mapping[str, Any]],
            target_size: Sequence[int] = (1152, 896), **options: Any) -> flows.Flow:
        """Endless batches of pairs of views of breasts, for networks of two inputs.

        Args:
            exams: one per exam, as `file_flows.from_exam_list` says.
            target_size: (height, width) in pixels.
            options: of `file_flows.from_exam_list` and `flows.Flow`.

        Returns:
            `flows.Flow`, whose x is a list of CC and MLO images.

        Raises:
            ValueError: an exam has neither breast, or an option has no meaning.
        """
        return file_flows.from_exam_list(self, exams, target_size, **options)

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

    def _imply_centring(self):
        """Turns on what other settings imply in later Keras, and says so."""
        if self.zca_whitening and self.featurewise_std_normalization:
            self.featurewise_std_normalization = False
            log.warning("zca_whitening turns featurewise_std_normalization off.")
        for cause, effect in (
                ("zca_whitening", "featurewise_center"),
                ("featurewise_std_normalization", "featurewise_center"),
                ("samplewise_std_normalization", "samplewise_center")):
            if getattr(self, cause) and not getattr(self, effect):
                setattr(self, effect, True)
                log.warning("%s turns %s on.", cause, effect)


def _split(value):
    if value and not 0 < value < 1:
        raise ValueError(
            f"validation_split={value!r}; expected a share strictly between 0 and 1, "
            "or 0 for no split.")
    return value


def _limits(value, name):
    if value is None:
        return None
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(
            f"{name}={value!r}; expected a tuple or list of two numbers, "
            "(lowest, highest).")
    return tuple(value)


def _pair_around_one(value):
    if np.isscalar(value):
        return 1 - value, 1 + value
    if len(value) != 2:
        raise ValueError(
            f"zoom_range={value!r}; expected a number, or a pair (lowest, highest).")
    return tuple(value)


def _choice(value, choices, name):
    if value not in choices:
        raise ValueError(
            f"{name}={value!r}; expected one of {', '.join(map(str, choices))}.")
    return value


def _four_dimensions(x, dtype):
    x = np.array(x, dtype)
    if x.ndim != 4:
        raise ValueError(
            f"images have the shape {x.shape}; expected four dimensions, (n, rows, "
            "columns, channels).")
    return x


# What `--augmentation` changes, by name: arguments of `MammogramDataGenerator`.
RECIPES: dict[str, dict[str, Any]] = {
    # Shen et al. 2019: flips, rotation, shear, zoom, intensity.
    "shen2019": dict(
        rotation_range=25.0, shear_range=0.2, zoom_range=(0.8, 1.2),
        channel_shift_range=20.0, horizontal_flip=True, vertical_flip=True),
    # Petrini and Kim 2025, arXiv 2503.19945: 12 degrees of shear, a reflected border.
    "petrini": dict(
        rotation_range=25.0, shear_range=math.radians(12), zoom_range=(0.8, 1.2),
        brightness_range=(0.8, 1.2), fill_mode="reflect", horizontal_flip=True,
        vertical_flip=True),
    # Not published: what films and detectors differ in, in place of intensity shifts.
    "tone": dict(
        rotation_range=25.0, shear_range=0.2, zoom_range=(0.8, 1.2),
        brightness_range=(0.8, 1.2), tone_range=(0.8, 1.25), horizontal_flip=True,
        vertical_flip=True),
    # For few epochs: what more is changed, more epochs have to be learnt from.
    "flips": dict(horizontal_flip=True, vertical_flip=True)}


def training_generator(
        recipe: str = "shen2019", **changes: Any) -> MammogramDataGenerator:
    """The augmentation of a training set.

    Args:
        recipe: row of `RECIPES`; by default that of Shen et al. 2019.
        changes: arguments of `MammogramDataGenerator` that replace the recipe's. The
            paper has no shear: `shear_range=0`; its programs shear by 0.2 radians.

    Raises:
        files.InputError: there is no such recipe.
    """
    if recipe not in RECIPES:
        raise files.InputError(
            f"augmentation recipe {recipe!r} is not known; expected one of "
            f"{', '.join(RECIPES)} (--augmentation-recipe).")
    return MammogramDataGenerator(**RECIPES[recipe] | changes)
