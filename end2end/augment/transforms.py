"""Transforms by Keras's names: drawn, applied, and told as a dictionary.

A transform is a `warps.Warp` inside and Keras's dictionary outside: `theta` in degrees,
`tx` down and `ty` right in pixels, `shear` in the unit of the convention, `zx` of rows
and `zy` of columns, `flip_horizontal`, `flip_vertical`, `channel_shift_intensity` (a
number for all channels, or one each) and `brightness`.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from end2end.augment.conventions import Convention
from end2end.images import warps

IDENTITY = dict(
    theta=0.0, tx=0.0, ty=0.0, shear=0.0, zx=1.0, zy=1.0, flip_horizontal=False,
    flip_vertical=False, channel_shift_intensity=None, brightness=None)


@dataclasses.dataclass(frozen=True)
class Shift:
    """A shift range of Keras: a limit, or values to choose from.

    Attributes:
        limit: greatest shift either way, evenly drawn.
        choices: values of which one is drawn, with either sign; None for a limit.
        share: both are shares of the height or width, else pixels.
    """

    limit: float = 0.0
    choices: tuple[float, ...] | None = None
    share: bool = True

    def draw(self, rng: Any) -> float:
        """One shift; `rng` is a legacy NumPy stream or a `Generator`."""
        if self.choices is not None:
            return float(rng.choice(self.choices) * rng.choice([-1, 1]))
        return float(rng.uniform(-self.limit, self.limit)) if self.limit else 0.0


def shift_range(value: ArrayLike, name: str) -> Shift:
    """What a shift range means, as Keras reads it.

    Args:
        value: a number below 1 is a share of the image, another float a limit in
            pixels, an integer n one of 0 to n - 1 pixels, a list its values.
        name: of the argument, for messages.

    Raises:
        ValueError: negative, or neither a number nor a list of numbers.
    """
    values = np.asarray(value)
    if values.dtype.kind not in "iuf" or values.ndim > 1 or (
            values.ndim == 0 and values < 0) or not np.isfinite(values).all():
        raise ValueError(
            f"{name}={value!r}; expected a share of the image from 0 to below 1, a "
            "number of pixels, or a list of shifts.")
    if not values.any():
        return Shift()
    share = bool(values.max() < 1)
    if values.ndim == 1:
        return Shift(choices=tuple(values.tolist()), share=share)
    if values.dtype.kind == "f":
        return Shift(limit=float(values), share=share)
    return Shift(choices=tuple(range(int(values))), share=share)


def draw(
        rng: Any, ranges: warps.Ranges, convention: Convention, *, channels: int,
        shifts: Sequence[Shift], brightness: Sequence[float] | None) -> warps.Warp:
    """Draws a transform in the order of its convention.

    Args:
        rng: legacy NumPy stream (which gives the draws of the original or of Keras), or
            `numpy.random.Generator`.
        ranges: without shifts; `max_shear_radians` in radians.
        convention: a row of `conventions.CONVENTIONS`.
        channels: of the image.
        shifts: of the rows, and of the columns.
        brightness: lowest and highest factor, or None.
    """
    if convention.flips_always_drawn:
        return _drawn_as_keras(rng, ranges, channels, shifts, brightness)
    moved = {}
    # The original has shares alone, drawn in their place among the others.
    for axis, shift in zip(("row", "column"), shifts, strict=True):
        if shift.share and shift.choices is None:
            ranges = dataclasses.replace(ranges, **{f"max_{axis}_shift": shift.limit})
        else:
            moved[f"{axis}_shift" if shift.share else f"{axis}_pixels"] = shift.draw(
                rng)
    warp = warps.draw_from(rng, ranges, channels=channels)
    if brightness is not None:
        moved["brightness"] = float(rng.uniform(*brightness))
    return dataclasses.replace(warp, **moved) if moved else warp


def _drawn_as_keras(rng, ranges, channels, shifts, brightness):
    warp = dict(rotation_degrees=_either_way(rng, ranges.max_rotation_degrees))
    for axis, shift in zip(("row", "column"), shifts, strict=True):
        warp[f"{axis}_shift" if shift.share else f"{axis}_pixels"] = shift.draw(rng)
    warp["shear_radians"] = _either_way(rng, ranges.max_shear_radians)
    if tuple(ranges.zoom) != (1, 1):
        warp["row_zoom"], warp["column_zoom"] = map(
            float, rng.uniform(*ranges.zoom, 2))
    for flip in ("horizontal", "vertical"):
        warp[f"flip_{flip}"] = bool(
            (rng.random() < 0.5) * getattr(ranges, f"{flip}_flip"))
    if ranges.max_intensity_shift:
        warp["intensity_shifts"] = (
            _either_way(rng, ranges.max_intensity_shift),) * channels
    if brightness is not None:
        warp["brightness"] = float(rng.uniform(*brightness))
    return warps.Warp(**warp)


def _either_way(rng, limit):
    return float(rng.uniform(-limit, limit)) if limit else 0.0


def parameters(
        warp: warps.Warp, size: Sequence[int], convention: Convention
) -> dict[str, Any]:
    """Keras's dictionary of a warp of an image of `size` (height, width) in pixels."""
    shifts = warp.intensity_shifts or None
    if shifts is not None and not convention.shift_per_channel:
        shifts = shifts[0]
    return dict(
        theta=warp.rotation_degrees,
        tx=warp.row_shift * size[0] + warp.row_pixels,
        ty=warp.column_shift * size[1] + warp.column_pixels,
        shear=(math.degrees(warp.shear_radians) if convention.shear_in_degrees
               else warp.shear_radians),
        zx=warp.row_zoom, zy=warp.column_zoom, flip_horizontal=warp.flip_horizontal,
        flip_vertical=warp.flip_vertical, channel_shift_intensity=shifts,
        brightness=warp.brightness)


def warp_of(
        transform: Mapping[str, Any], channels: int, convention: Convention
) -> warps.Warp:
    """The warp that Keras's dictionary describes; missing entries change nothing.

    Raises:
        ValueError: an entry that no transform has.
    """
    if unknown := sorted(set(transform) - set(IDENTITY)):
        raise ValueError(
            f"the transform has the entries {', '.join(map(repr, unknown))}; expected "
            f"some of {', '.join(IDENTITY)}.")
    values = IDENTITY | dict(transform)
    shifts = values["channel_shift_intensity"]
    if shifts is None:
        shifts = ()
    elif np.ndim(shifts) == 0:
        shifts = (float(shifts),) * channels
    return warps.Warp(
        rotation_degrees=values["theta"], row_pixels=values["tx"],
        column_pixels=values["ty"],
        shear_radians=(math.radians(values["shear"]) if convention.shear_in_degrees
                       else values["shear"]),
        row_zoom=values["zx"], column_zoom=values["zy"],
        flip_horizontal=bool(values["flip_horizontal"]),
        flip_vertical=bool(values["flip_vertical"]), intensity_shifts=tuple(shifts),
        brightness=values["brightness"])


def apply(
        image: NDArray[np.floating], warp: warps.Warp, convention: Convention, *,
        order: int, fill_mode: str, cval: float) -> NDArray[np.floating]:
    """Applies a warp to one image with splines, by `scipy.ndimage`.

    Args:
        image: floating array `(rows, columns, channels)`; it stays unchanged.
        warp: what to do.
        convention: its centre, and how brightness works.
        order: of the spline, 0 to 5.
        fill_mode, cval: for points outside, as for `warps.apply_warp`.

    Returns:
        Array of the same shape and dtype.
    """
    matrix = warps.warp_matrix(warp, image.shape[:2], convention.centre_offset)
    if matrix is not None:
        rows = np.array(matrix)
        if convention.axes_swapped:
            rows = rows[::-1, [1, 0, 2]]
        image = np.stack([
            ndimage.affine_transform(
                image[..., k], rows[:, :2], rows[:, 2], order=order, mode=fill_mode,
                cval=cval)
            for k in range(image.shape[2])], axis=2)
    if warp.intensity_shifts:
        image = np.clip(image + np.array(warp.intensity_shifts, image.dtype),
                        image.min(), image.max())
    image = image[::-1 if warp.flip_vertical else 1,
                  ::-1 if warp.flip_horizontal else 1]
    return brighten(image, warp.brightness, convention)


def brighten(
        image: NDArray[np.floating], factor: float | None, convention: Convention
) -> NDArray[np.floating]:
    """Multiplies the grey values by a factor, as the convention says.

    Args:
        image: floating array, meant to lie in 0 to 255. As floating values they are
            clipped to the wider of 0 to 255 and their own range; in levels they are cut
            to whole numbers from 0 to 255, as Pillow's enhancement does.
        factor: 1 leaves the brightness; None changes nothing at all.
        convention: a row of `conventions.CONVENTIONS`.
    """
    if factor is None:
        return image
    low, high = float(image.min()), float(image.max())
    if convention.brightness == "floating":
        return np.clip(image * image.dtype.type(factor), min(low, 0), max(high, 255))
    always = convention.brightness == "stretched"
    stretched = always or low < 0 or high > 255
    # Divided first, then multiplied, for the last bit before the cut.
    levels = (image - low) / (high - low or 1) * 255 if stretched else image
    levels = np.float32(factor) * levels.astype(np.uint8).astype(np.float32)
    levels = np.floor(np.clip(levels, 0, 255)).astype(image.dtype)
    return levels / 255 * (high - low) + low if stretched and not always else levels


def toned(image: NDArray[np.floating], exponent: float | None
          ) -> NDArray[np.floating]:
    """Changes the tone curve: each grey value, as a share of the greatest, to a power.

    Args:
        image: floating array of grey values; those below 0 count as 0.
        exponent: above 1 darkens the middle; 0 and the greatest value stay as they are.
            None changes nothing at all.
    """
    if exponent is None:
        return image
    greatest = image.max()
    if greatest <= 0:
        return image
    shares = np.clip(image / greatest, 0, None)
    return greatest * shares ** image.dtype.type(exponent)
