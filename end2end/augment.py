"""Draws a random warp and applies it; the four flips; `MammogramDataGenerator`.

`python -m end2end.augment --show IMAGE_OR_FOLDER --out PNG` plots augmented samples.
"""

import dataclasses
import functools
import logging

import numpy as np
from scipy import ndimage

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Ranges:
    """From which ranges a warp is drawn; the defaults change nothing.

    Shifts are shares of the height or width. Zoom factors above 1 shrink the picture.
    Intensity shifts are on the 0-255 scale.
    """

    max_rotation_degrees: float = 0.0
    max_row_shift: float = 0.0
    max_column_shift: float = 0.0
    max_shear_radians: float = 0.0
    zoom: tuple = (1.0, 1.0)
    max_intensity_shift: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False


@dataclasses.dataclass(frozen=True)
class Warp:
    """One drawn warp: applied twice to one image, it gives the same result."""

    rotation_degrees: float = 0.0
    row_shift: float = 0.0
    column_shift: float = 0.0
    shear_radians: float = 0.0
    row_zoom: float = 1.0
    column_zoom: float = 1.0
    intensity_shifts: tuple = ()
    flip_horizontal: bool = False
    flip_vertical: bool = False


def draw_warp(rng, *, channels=3, **ranges):
    """Draws one warp, in the order of the original: nine draws for three channels.

    Args:
        rng: `numpy.random.RandomState` (whose stream is the original's), or
            `numpy.random.Generator`.
        channels: of the image; each gets its own intensity shift.
        ranges: fields of `Ranges`.

    Returns:
        `Warp`.
    """
    return _draw(rng, Ranges(**ranges), channels)


def _draw(rng, ranges, channels):
    def within(limit):
        return rng.uniform(-limit, limit) if limit else 0.0

    warp = dict(
        rotation_degrees=within(ranges.max_rotation_degrees),
        row_shift=within(ranges.max_row_shift),
        column_shift=within(ranges.max_column_shift),
        shear_radians=within(ranges.max_shear_radians))
    if tuple(ranges.zoom) != (1, 1):
        warp["row_zoom"], warp["column_zoom"] = rng.uniform(*ranges.zoom, 2)
    if ranges.max_intensity_shift:
        warp["intensity_shifts"] = tuple(
            within(ranges.max_intensity_shift) for _ in range(channels))
    if ranges.horizontal_flip:
        warp["flip_horizontal"] = bool(rng.random() < 0.5)
    if ranges.vertical_flip:
        warp["flip_vertical"] = bool(rng.random() < 0.5)
    return Warp(**warp)


def apply_warp(image, warp, *, fill_mode="nearest", cval=0.0):
    """Warps one image by nearest neighbour, shifts its intensities, flips it.

    The warp is rotation, shift, shear and zoom about the point half a pixel below and
    right of the centre, as in the original; then come one intensity shift per channel,
    clipped to the range of the warped image, and the flips.

    Args:
        image: float32 array `(rows, columns, channels)`.
        warp: `Warp`.
        fill_mode: `nearest`, `constant`, `reflect` or `wrap`, for points outside.
        cval: value outside with `constant`.

    Returns:
        A new float32 array of the same shape.
    """
    warped = image
    matrix = warp_matrix(warp, image.shape[:2])
    if matrix is not None:
        warped = np.stack([
            ndimage.affine_transform(
                image[..., channel], matrix[:2, :2], matrix[:2, 2], order=0,
                mode=fill_mode, cval=cval)
            for channel in range(image.shape[2])], axis=-1)
    if warp.intensity_shifts:
        low, high = warped.min(), warped.max()
        shifts = np.array(warp.intensity_shifts, np.float32)
        warped = np.clip(warped + shifts, low, high)
    if warp.flip_horizontal:
        warped = warped[:, ::-1]
    if warp.flip_vertical:
        warped = warped[::-1]
    return np.array(warped, np.float32, order="C")


def warp_matrix(warp, size):
    """The 3 x 3 matrix from output to input `(row, column, 1)`, or None for identity.

    Args:
        warp: `Warp`.
        size: (height, width) in pixels.
    """
    angle, shear = np.pi / 180 * warp.rotation_degrees, warp.shear_radians
    shifts = warp.row_shift * size[0], warp.column_shift * size[1]
    factors = []
    if angle:
        factors.append([[np.cos(angle), -np.sin(angle), 0],
                        [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    if any(shifts):
        factors.append([[1, 0, shifts[0]], [0, 1, shifts[1]], [0, 0, 1]])
    if shear:
        factors.append([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    if (warp.row_zoom, warp.column_zoom) != (1, 1):
        factors.append(np.diag([warp.row_zoom, warp.column_zoom, 1]))
    if not factors:
        return None
    # Half a pixel off the true centre, as in the original.
    centre = np.array(size) / 2 + 0.5
    to_centre, back = np.eye(3), np.eye(3)
    back[:2, 2], to_centre[:2, 2] = centre, -centre
    return functools.reduce(np.dot, [back, functools.reduce(np.dot, factors),
                                     to_centre])


class MammogramDataGenerator:
    """Augments and standardises images, with the words of Keras's ImageDataGenerator.

    Differences from today's Keras, all as in the original: `shear_range` is in
    radians, the warp takes the nearest pixel, each channel gets its own intensity
    shift, and an integer `seed` gives the draws of NumPy's global generator seeded so.
    """

    def __init__(  # noqa: PLR0913 - the arguments users know
        self, featurewise_center=False, rotation_range=0.0, width_shift_range=0.0,
        height_shift_range=0.0, shear_range=0.0, zoom_range=0.0,
        channel_shift_range=0.0, fill_mode="nearest", cval=0.0, horizontal_flip=False,
        vertical_flip=False,
    ):
        self.fill_mode, self.cval = fill_mode, cval
        self.featurewise_center = featurewise_center
        self.mean = None
        if np.isscalar(zoom_range):
            zoom_range = (1 - zoom_range, 1 + zoom_range)
        self.zoom_range = tuple(zoom_range)
        self.ranges = Ranges(
            max_rotation_degrees=rotation_range, max_row_shift=height_shift_range,
            max_column_shift=width_shift_range, max_shear_radians=shear_range,
            zoom=self.zoom_range, max_intensity_shift=channel_shift_range,
            horizontal_flip=horizontal_flip, vertical_flip=vertical_flip)

    def draw(self, rng, channels=3):
        """Draws one `Warp` from the generator's ranges."""
        return _draw(rng, self.ranges, channels)

    def apply(self, image, warp):
        """Applies a `Warp` to a float32 image `(rows, columns, channels)`."""
        return apply_warp(image, warp, fill_mode=self.fill_mode, cval=self.cval)

    def random_transform(self, x, seed=None):
        """Draws a warp and applies it to one image `(rows, columns, channels)`.

        Args:
            x: array of one image; it stays unchanged.
            seed: an integer gives the original's draws for it; None takes NumPy's
                global generator, as Keras does.
        """
        rng = np.random.mtrand._rand if seed is None else np.random.RandomState(seed)
        image = np.asarray(x, np.float32)
        return self.apply(image, self.draw(rng, image.shape[2]))

    def standardize(self, x):
        """Subtracts the mean of the training set."""
        x = np.array(x, np.float32)
        if self.featurewise_center and self.mean is not None:
            x -= np.asarray(self.mean, np.float32)
        return x


def training_generator():
    """The augmentation of Shen et al. 2019: flips, rotation, shear, zoom, intensity.

    The shear of up to 0.2 radians is in the original's programs, not in the paper.
    """
    return MammogramDataGenerator(
        rotation_range=25.0, shear_range=0.2, zoom_range=(0.8, 1.2),
        channel_shift_range=20.0, horizontal_flip=True, vertical_flip=True)
