"""A random warp of one mammogram: drawn first, then applied; the four flips.

Drawing is the only random step; applying is arithmetic, equal bit for bit to warping
with `scipy.ndimage.affine_transform(order=0)` as the original did, at a fraction of
its cost: one map of nearest pixels serves all channels, and the flips are folded into
it.
"""

import dataclasses
import functools
import math
import threading

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from end2end.utils import beside

FILL_MODES = ("nearest", "constant", "reflect", "wrap")

# Pixels worked on at a time: what is computed from them stays in the processor's cache.
BLOCK_PIXELS = 1 << 16
# From so many blocks on a thread beside the caller's saves more than it costs.
HELPED_BLOCKS = 8


@dataclasses.dataclass(frozen=True)
class Ranges:
    """From which ranges a warp is drawn; the defaults change nothing.

    Shifts are shares of the height or width. Zoom factors above 1 shrink the picture.
    Intensity shifts are on the 0-255 scale; each channel gets its own, as in the
    original, unless `shared_intensity_shift` is set.
    """

    max_rotation_degrees: float = 0.0
    max_row_shift: float = 0.0
    max_column_shift: float = 0.0
    max_shear_radians: float = 0.0
    zoom: tuple = (1.0, 1.0)
    max_intensity_shift: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    shared_intensity_shift: bool = False


@dataclasses.dataclass(frozen=True)
class Warp:
    """One drawn warp: applied twice to one image, it gives the same result.

    Shifts are the share of the height or width, and pixels beside it. `brightness` is a
    factor and `tone` an exponent for `augment.transforms`; the warps of this module
    leave them alone.
    """

    rotation_degrees: float = 0.0
    row_shift: float = 0.0
    column_shift: float = 0.0
    shear_radians: float = 0.0
    row_zoom: float = 1.0
    column_zoom: float = 1.0
    intensity_shifts: tuple = ()
    flip_horizontal: bool = False
    flip_vertical: bool = False
    row_pixels: float = 0.0
    column_pixels: float = 0.0
    brightness: float | None = None
    tone: float | None = None


_local = threading.local()


def seeded(seed: int) -> np.random.RandomState:
    """The legacy NumPy stream of a seed, the one that the original drew from.

    Making a `RandomState` costs more than all draws of an image, so each thread keeps
    one and seeds it anew: what an earlier call returned must not be used any more.
    """
    if not hasattr(_local, "stream"):
        _local.stream = np.random.RandomState()
    _local.stream.seed(seed)
    return _local.stream


def draw_warp(
        rng: np.random.RandomState | np.random.Generator, *, channels: int = 3,
        **ranges: object) -> Warp:
    """Draws one warp, in the order of the original: nine draws for three channels.

    Args:
        rng: `numpy.random.RandomState` (whose stream is the original's), or
            `numpy.random.Generator`.
        channels: of the image; each gets its own intensity shift.
        ranges: fields of `Ranges`.

    Returns:
        `Warp`.
    """
    return draw_from(rng, Ranges(**ranges), channels=channels)


def draw_from(
        rng: np.random.RandomState | np.random.Generator, ranges: Ranges, *,
        channels: int = 3) -> Warp:
    """`draw_warp` from a `Ranges` made before."""
    zoom = ranges.zoom if tuple(ranges.zoom) != (1, 1) else None
    limits = [
        ("rotation_degrees", _around_zero(ranges.max_rotation_degrees)),
        ("row_shift", _around_zero(ranges.max_row_shift)),
        ("column_shift", _around_zero(ranges.max_column_shift)),
        ("shear_radians", _around_zero(ranges.max_shear_radians)),
        ("row_zoom", zoom), ("column_zoom", zoom)]
    limits = [(name, limit) for name, limit in limits if limit]
    intensity = _around_zero(ranges.max_intensity_shift)
    shared = ranges.shared_intensity_shift
    shifts = (1 if shared else channels) if intensity else 0
    draws = iter(rng.random(
        len(limits) + shifts + ranges.horizontal_flip + ranges.vertical_flip).tolist())
    warp = {name: _within(limit, next(draws)) for name, limit in limits}
    warp["intensity_shifts"] = tuple(
        _within(intensity, next(draws)) for _ in range(shifts)
    ) * (channels if shared else 1)
    warp["flip_horizontal"] = ranges.horizontal_flip and next(draws) < 0.5
    warp["flip_vertical"] = ranges.vertical_flip and next(draws) < 0.5
    return Warp(**warp)


def _around_zero(limit):
    return (-limit, limit) if limit else None


def _within(limit, draw):
    """What `RandomState.uniform(*limit)` makes of a draw from [0, 1), bit for bit."""
    low, high = limit
    return low + (high - low) * draw


def apply_warp(
        image: NDArray[np.float32], warp: Warp, *, fill_mode: str = "nearest",
        cval: float = 0.0) -> NDArray[np.float32]:
    """Warps one image by nearest neighbour, shifts its intensities, flips it.

    The warp is rotation, shift, shear and zoom about the point half a pixel below and
    right of the centre, as in the original; then come one intensity shift per channel,
    clipped to the range of the warped image, and the flips.

    Args:
        image: float32 array `(rows, columns, channels)`; it stays unchanged.
        warp: `Warp`.
        fill_mode: `nearest`, `constant`, `reflect` or `wrap`, for points outside.
        cval: value outside with `constant`.

    Returns:
        A new float32 array of the same shape.
    """
    image = np.ascontiguousarray(image, np.float32)
    out = moved = np.empty_like(image)
    helped = len(_blocks(*image.shape[:2])) >= HELPED_BLOCKS
    grey = _common_channel(image, helped)
    if grey is not None:
        image, moved = grey, _scratch("moved", grey.shape)
    moved = _moved(
        image, warp, moved, fill_mode=fill_mode, cval=cval, helped=helped)
    return _shift_intensities(moved, warp.intensity_shifts, out, helped=helped)


def warp_grey(
        plane: NDArray[np.float32], warp: Warp, *, pixel_mean: float,
        out: NDArray[np.float32], fill_mode: str = "nearest", cval: float = 0.0
) -> None:
    """Warps a grey image into the equal or shifted channels of a network input.

    The same as `apply_warp` on equal channels, less `pixel_mean`, but written in place.

    Args:
        plane: float32 array `(rows, columns)`.
        warp: `Warp`.
        pixel_mean: subtracted in the end.
        out: float32 array `(rows, columns, channels)`, overwritten.
        fill_mode, cval: as for `apply_warp`.
    """
    image = np.ascontiguousarray(plane, np.float32)[..., None]
    moved = _moved(image, warp, _scratch("moved", image.shape), fill_mode=fill_mode,
                   cval=cval)
    _shift_intensities(moved, warp.intensity_shifts, out, mean=pixel_mean)


def _scratch(name, shape):
    """A float32 array kept by the thread for what is computed on the way.

    Fresh memory costs more than the arithmetic done in it: the system must map and
    clear each of its pages.
    """
    size = math.prod(shape)
    memory = getattr(_local, name, None)
    if memory is None or memory.size < size:
        memory = np.empty(size, np.float32)
        setattr(_local, name, memory)
    return memory[:size].reshape(shape)


def _blocks(height, width):
    """Slices of rows with about `BLOCK_PIXELS` pixels each, the same for all images."""
    step = max(1, BLOCK_PIXELS // width)
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def _common_channel(image, helped):
    """The channel `(rows, columns, 1)` that all channels equal, as they do in
    mammograms, or None; it is scratch memory."""
    height, width, channels = image.shape
    if channels == 1:
        return None
    grey = _scratch("grey", (height, width))
    others = []

    def compare(rows):
        if others:
            return
        planes = list(_scratch("made", (channels, rows.stop - rows.start, width)))
        planes[0] = grey[rows]
        cv2.split(image[rows], planes)
        if not all((planes[0] == other).all() for other in planes[1:]):
            others.append(rows)

    beside.each(compare, _blocks(height, width), helped=helped)
    return None if others else grey[..., None]


def _moved(image, warp, out, *, fill_mode, cval, helped=False):
    """The image rotated, shifted, sheared, zoomed and flipped; intensities stay.

    Args:
        image: contiguous float32 array `(rows, columns, channels)`.
        out: array like it, overwritten and returned.
    """
    size = image.shape[:2]
    matrix = warp_matrix(warp, size)
    flips = warp.flip_vertical, warp.flip_horizontal
    if matrix is not None and fill_mode == "nearest":
        sums = _nearest_sums(matrix, size, flips)
        if sums is not None:
            return _gather(image, *sums, out, helped=helped)
    if matrix is not None:
        (a, b, down), (c, d, right) = matrix
        image = np.stack([scipy.ndimage.affine_transform(
            image[..., k], [[a, b], [c, d]], [down, right], order=0, mode=fill_mode,
            cval=cval) for k in range(image.shape[2])], axis=2)
    out[...] = image[::-1 if flips[0] else 1, ::-1 if flips[1] else 1]
    return out


def _shift_intensities(image, shifts, out, *, mean=0.0, helped=False):
    """Adds one shift per channel, clips to the range before it, subtracts the mean.

    Args:
        image: contiguous float32 array `(rows, columns, 1)` for all channels, or like
            `out`, and then perhaps `out` itself.
        shifts: one number per channel, or none.
        out: float32 array `(rows, columns, channels)`, overwritten and returned.
        mean: number subtracted in the end.
    """
    height, width, channels = out.shape
    if not shifts and not mean and image is out:
        return out
    shifts = shifts or (0.0,) * channels
    limits = cv2.minMaxLoc(image.reshape(height, -1))[:2]

    def shift(rows):
        targets = list(_scratch("made", (channels, rows.stop - rows.start, width)))
        if image.shape[2] == 1:
            planes = [image[rows, :, 0]] * channels
        else:
            planes = targets
            cv2.split(image[rows], targets)
        for plane, added, target in zip(planes, shifts, targets, strict=True):
            _shift_plane(plane, added, limits, mean, target)
        cv2.merge(targets, dst=out[rows])

    beside.each(shift, _blocks(height, width), helped=helped)
    return out


def _shift_plane(plane, shift, limits, mean, out):
    """`clip(plane + shift, *limits) - mean` into `out`, which may be `plane`.

    A shift can cross one limit only. Below zero all is done with negated numbers (the
    rounding is the same), so that the lower limit becomes an upper one: truncation is
    the quickest clipping there is.
    """
    if shift >= 0:
        np.add(plane, np.float32(shift), out=out)
        cv2.threshold(out, limits[1], 0, cv2.THRESH_TRUNC, dst=out)
        if mean:
            np.subtract(out, np.float32(mean), out=out)
    else:
        np.subtract(np.float32(-shift), plane, out=out)
        cv2.threshold(out, -limits[0], 0, cv2.THRESH_TRUNC, dst=out)
        np.subtract(np.float32(-mean), out, out=out)


def warp_matrix(
        warp: Warp, size: tuple[int, int], centre_offset: float = 0.5
) -> tuple[tuple[float, ...], ...] | None:
    """From output to input pixel: a 2 x 3 matrix for `(row, column, 1)`.

    Args:
        warp: `Warp`.
        size: (height, width) in pixels.
        centre_offset: pixels from half the size to the point about which it turns; the
            original's is half a pixel off the true centre.

    Returns:
        Two rows of three numbers, or None where nothing moves.
    """
    if (not (warp.rotation_degrees or warp.row_shift or warp.column_shift
             or warp.shear_radians or warp.row_pixels or warp.column_pixels)
            and warp.row_zoom == warp.column_zoom == 1):
        return None
    angle = math.pi / 180 * warp.rotation_degrees
    cosine, sine = math.cos(angle), math.sin(angle)
    # Rotation times shear times zoom, multiplied out.
    a, b = cosine * warp.row_zoom, (
        -math.sin(angle + warp.shear_radians) * warp.column_zoom)
    c, d = sine * warp.row_zoom, (
        math.cos(angle + warp.shear_radians) * warp.column_zoom)
    down = warp.row_shift * size[0] + warp.row_pixels
    right = warp.column_shift * size[1] + warp.column_pixels
    y, x = size[0] / 2 + centre_offset, size[1] / 2 + centre_offset
    # Summed in the order of a matrix product, for the same last bit.
    return ((a, b, -a * y - b * x + (cosine * down - sine * right + y)),
            (c, d, -c * y - d * x + (sine * down + cosine * right + x)))


@functools.lru_cache(maxsize=8)
def _counting(count):
    """0, 1, 2, ... as float64, kept since every image of a set needs the same."""
    numbers = np.arange(count, dtype=np.float64)
    numbers.flags.writeable = False
    return numbers


def _nearest_sums(matrix, size, flips):
    """The nearest input pixel of each output pixel, as sums of a row and a column part.

    The nearest pixel is `floor(row part + column part + 0.5)`, in float64 as SciPy has
    it. Both parts are replaced by numbers that fit into float32 and have the same
    rounded sum: only the order of the fractions matters for that, so each column's
    fraction becomes its rank, and each row's the rank from which on the sum passes a
    whole number.

    Returns:
        float32 arrays `(2, rows)` and `(2, columns)`, for the row and the column of the
        input pixel; None if the image is too large for exact sums.
    """
    height, width = size
    steps = 1 << width.bit_length()
    reach = max(abs(a) * height + abs(b) * width + abs(shift) for a, b, shift in matrix)
    if max(reach + 3, *size) >= min(2 ** 24 / (2 * steps), 32767):
        return None
    matrix = np.array(matrix)
    rows = matrix[:, 2:] + matrix[:, :1] * _counting(height)
    fractions = matrix[:, 1:2] * _counting(width) + 0.5
    row_parts, column_parts = np.floor(rows), np.floor(fractions)
    fractions -= column_parts
    needed = 1 - (rows - row_parts)
    ranks = _counting(width) / steps
    for k, order in enumerate(fractions.argsort(axis=1)):
        row_parts[k] -= fractions[k, order].searchsorted(needed[k]) / steps
        column_parts[k, order] += ranks
    # Half a step more, so that no sum lies half-way between two pixels.
    row_parts += 0.5 + 0.5 / steps
    if flips[0]:
        row_parts = row_parts[:, ::-1]
    if flips[1]:
        column_parts = column_parts[:, ::-1]
    return row_parts.astype(np.float32), column_parts.astype(np.float32)


def _gather(image, row_parts, column_parts, out, *, helped):
    """Takes the pixels that the rounded sums of the parts point at, into `out`."""
    height, width = image.shape[:2]

    def gather(rows):
        maps = _scratch("maps", (2, rows.stop - rows.start, width))
        # As quick as the fastest matrix product, which would take all cores.
        np.add(row_parts[:, rows, None], column_parts[:, None], out=maps)
        cv2.remap(image, maps[1], maps[0], cv2.INTER_NEAREST, dst=out[rows],
                  borderMode=cv2.BORDER_REPLICATE)

    beside.each(gather, _blocks(height, width), helped=helped)
    return out


def four_flips(images: NDArray) -> tuple[NDArray, ...]:
    """The images as they are, mirrored left-right, upside down, and both.

    Args:
        images: array `(batch, rows, columns, channels)`.

    Returns:
        Four views of the same shape.
    """
    return images, images[:, :, ::-1], images[:, ::-1], images[:, ::-1, ::-1]
