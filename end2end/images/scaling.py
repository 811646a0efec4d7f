"""Turns a mammogram into a network input: resizing, scaling, centring."""

import logging
import pathlib
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end import config
from end2end.images import pectoral, reading, segmentation
from end2end.utils import files

# OpenCV is imported where it is used, so that `--help` comes at once.
log = logging.getLogger(__name__)


def breast_box(
        image: NDArray, options: config.ImageOptions) -> tuple[slice, slice] | None:
    """Rows and columns of the breast, to which `crop_breast` cuts an image.

    Returns:
        None where the options do not cut, or the image is black.
    """
    if not options.crop_breast or image.max() <= 0:
        return None
    _, (x, y, width, height) = segmentation.segment_breast(image)
    return slice(y, y + height), slice(x, x + width)


def resized(image: NDArray, options: config.ImageOptions) -> NDArray:
    """Resizes an image, cut to the breast first where that is asked for.

    By bicubic interpolation in its own integer type.

    Integers saturate, so nothing overshoots the range of the file (documented
    behaviour of the original).

    Args:
        image: uint8, uint16 or float32 array `(rows, columns)`.
        options: `ImageOptions`; `height`, where given, wins over `size`, the width then
            being `int(height / rows * columns)`.

    Returns:
        Array `(height, width)` of the same type.

    Raises:
        files.InputError: the result would have more than `files.MAX_PIXELS`.
    """
    if (box := breast_box(image, options)) is not None:
        image = np.ascontiguousarray(image[box])
    rows, columns = image.shape
    if options.height is not None:
        height = options.height
        width = max(1, int(height / rows * columns))
    else:
        height, width = options.size
    if (height, width) == (rows, columns):
        return image
    if height * width > files.MAX_PIXELS:
        raise files.InputError(
            f"an image of {columns} x {rows} pixels would become one of {width} x "
            f"{height}, more than any mammogram has; give a smaller size, or leave "
            "the image out.")
    smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    if image.dtype == np.float32:
        np.clip(smaller, image.min(), image.max(), out=smaller)
    return smaller


def scaled(image: NDArray, options: config.ImageOptions) -> NDArray[np.float32]:
    """Resizes and scales one mammogram: what augmentation takes.

    Cut where `crop_breast` is set; then the steps in the order of the original: resize,
    stretch the maximum, multiply, equalise. Where `breast_only` or `remove_pectoral` is
    set, what is not the breast or is the muscle becomes black after resizing.

    Args:
        image: uint8, uint16 or float32 array `(rows, columns)`, from `read_image`.
        options: `ImageOptions`; `pixel_mean` is left aside.

    Returns:
        float32 array `(height, width, channels)`, meant to lie in 0-255; the channels
        are equal.

    Raises:
        files.InputError: equalisation is asked for on unscaled 16-bit values, or the
            scale is still `auto`.
    """
    return scaled_channels(resized(image, options), options)


def scaled_channels(
        image: NDArray, options: config.ImageOptions) -> NDArray[np.float32]:
    """`scaled` for an image already resized."""
    grey = intensities(image, options)
    return np.repeat(grey[..., None], options.channels, axis=-1)


def intensities(image: NDArray, options: config.ImageOptions) -> NDArray[np.float32]:
    """Scales and equalises an image already resized; `scaled` without channels.

    Returns:
        float32 array `(height, width)`.
    """
    if options.intensity_scale == "auto":
        raise files.InputError(
            "the rescale factor is still 'auto'; find it from the images first "
            "(input_checks.with_scale).")
    if options.breast_only and image.max() > 0:
        image, _ = segmentation.segment_breast(image, crop=False)
    if options.remove_pectoral:
        image = pectoral.remove_pectoral(image)
    grey = image.astype(np.float32)
    if options.stretch_max_to is not None:
        maximum = float(grey.max())
        if maximum > 0:
            grey *= options.stretch_max_to / maximum
    if options.intensity_scale is not None:
        grey *= options.intensity_scale
    if options.equalize_histogram:
        grey = _equalized(grey)
    return grey


def _equalized(grey):
    """Equalises the histogram of 256 grey levels; fractions are cut off.

    Values above 255 are clipped, where the original let them wrap around to black.
    """
    if grey.max() > 1023:
        raise files.InputError(
            f"histogram equalisation needs intensities of 0-255, but the image reaches "
            f"{grey.max():.0f}; scale it (--img-scale 255 or --rescale-factor "
            "0.003891), or turn it off (--no-equalize-hist).")
    levels = np.clip(grey, 0, 255).astype(np.uint8)
    return cv2.equalizeHist(levels).astype(np.float32)


def to_input(image: NDArray, options: config.ImageOptions) -> NDArray[np.float32]:
    """Turns one mammogram into a network input.

    Args:
        image: uint8, uint16 or float32 array `(rows, columns)`, from `read_image`.
        options: `ImageOptions`; `size` is (height, width) in pixels.

    Returns:
        float32 array `(height, width, channels)`; 0-255 less `pixel_mean` where
        `center` is set, so about -52 to 203.
    """
    ready = scaled(image, options)
    if options.center:
        ready -= np.float32(options.pixel_mean)
    return ready


def grey_mean(paths: Iterable[files.Path], options: config.ImageOptions) -> float:
    """Mean grey value of images after scaling: the `pixel_mean` of a training set.

    Shen et al. 2019 subtract the mean of the whole-image training set, from patches
    too.

    Args:
        paths: image files.
        options: `ImageOptions`; every image has the same weight.

    Raises:
        files.InputError: there is no image, or one cannot be read.
    """
    means = [float(intensities(resized(reading.read_image(path), options), options)
                   .mean(dtype=np.float64)) for path in map(pathlib.Path, paths)]
    if not means:
        raise files.InputError("no images to take the mean of; check the folder.")
    return float(np.mean(means))
