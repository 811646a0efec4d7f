"""A random warp of one mammogram: drawn first, then applied; the four flips.

Drawing is the only random step; applying is arithmetic, equal bit for bit to warping
with `scipy.ndimage.affine_transform(order=0)` as the original did, at a fraction of
its cost: one map of nearest pixels serves all channels, and the flips are folded into
it.
"""

import dataclasses
import math
import threading

import cv2
import numpy as np

FILL_MODES = ("nearest", "constant", "reflect", "wrap")

# Pixels worked on at a time: what is computed from them stays in the processor's cache.
BLOCK_PIXELS = 1 << 15


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


_local = threading.local()


def seeded(seed):
    """The legacy NumPy stream of a seed, the one that the original drew from.

    Making a `RandomState` costs more than all draws of an image, so each thread keeps
    one and seeds it anew: what an earlier call returned must not be used any more.
    """
    if not hasattr(_local, "stream"):
        _local.stream = np.random.RandomState()
    _local.stream.seed(seed)
    return _local.stream


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
    return draw_from(rng, Ranges(**ranges), channels=channels)


def draw_from(rng, ranges, *, channels=3):
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
    shifts = channels if intensity else 0
    draws = iter(rng.random(
        len(limits) + shifts + ranges.horizontal_flip + ranges.vertical_flip).tolist())
    warp = {name: _within(limit, next(draws)) for name, limit in limits}
    warp["intensity_shifts"] = tuple(
        _within(intensity, next(draws)) for _ in range(shifts))
    warp["flip_horizontal"] = ranges.horizontal_flip and next(draws) < 0.5
    warp["flip_vertical"] = ranges.vertical_flip and next(draws) < 0.5
    return Warp(**warp)


def _around_zero(limit):
    return (-limit, limit) if limit else None


def _within(limit, draw):
    """What `RandomState.uniform(*limit)` makes of a draw from [0, 1), bit for bit."""
    low, high = limit
    return low + (high - low) * draw


def apply_warp(image, warp, *, fill_mode="nearest", cval=0.0):
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
    planes = _different_planes(image)
    warped = [warp_plane(plane, warp, fill_mode=fill_mode, cval=cval)
              for plane in planes]
    return shift_intensities(warped, warp.intensity_shifts, out=np.empty_like(image))


def warp_grey(plane, warp, *, mean, out, **fill):
    """Warps a grey image into the equal or shifted channels of a network input.

    The same as `apply_warp` on equal channels, less `mean`, but written in place.

    Args:
        plane: float32 array `(rows, columns)`.
        warp: `Warp`.
        mean: subtracted in the end.
        out: float32 array `(rows, columns, channels)`, overwritten.
        fill: `fill_mode` and `cval`.
    """
    warped = warp_plane(np.ascontiguousarray(plane), warp, **fill)
    shift_intensities([warped], warp.intensity_shifts, mean=mean, out=out)


def _different_planes(image):
    """The channels of an image; one where all are equal, as they are on input."""
    planes = cv2.split(image)
    if all(np.array_equal(planes[0], plane) for plane in planes[1:]):
        return planes[:1]
    return planes


def shift_intensities(planes, shifts, *, out, mean=0.0):
    """Adds one shift per channel, clips to the range before it, subtracts the mean.

    Args:
        planes: one contiguous float32 array `(rows, columns)` per channel, or a single
            one for all channels.
        shifts: one number per channel, or none.
        out: float32 array `(rows, columns, channels)`, overwritten and returned.
        mean: number subtracted in the end.
    """
    height, width, channels = out.shape
    shifts = shifts or (0.0,) * channels
    ranges = [cv2.minMaxLoc(plane)[:2] for plane in planes]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    planes = planes * channels if len(planes) < channels else planes
    step = max(1, BLOCK_PIXELS // width)
    made = [np.empty((step, width), np.float32) for _ in range(channels)]
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        block = [plane[:rows.stop - top] for plane in made]
        for plane, shift, target in zip(planes, shifts, block, strict=True):
            _shift_plane(plane[rows], shift, (low, high), mean, target)
        cv2.merge(block, dst=out[rows])
    return out


def _shift_plane(plane, shift, limits, mean, out):
    """`clip(plane + shift, *limits) - mean` into `out`.

    A shift can cross one limit only. Below zero all is done with negated numbers (the
    rounding is the same), so that the lower limit becomes an upper one: truncation is
    the quickest clipping there is.
    """
    if shift >= 0:
        np.add(plane, np.float32(shift), out=out)
        cv2.threshold(out, limits[1], 0, cv2.THRESH_TRUNC, dst=out)
        np.subtract(out, np.float32(mean), out=out)
    else:
        np.subtract(np.float32(-shift), plane, out=out)
        cv2.threshold(out, -limits[0], 0, cv2.THRESH_TRUNC, dst=out)
        np.subtract(np.float32(-mean), out, out=out)


def warp_plane(plane, warp, *, fill_mode="nearest", cval=0.0):
    """Rotates, shifts, shears, zooms and flips one channel; intensities stay.

    Args:
        plane: contiguous float32 array `(rows, columns)`.
        warp: `Warp`.
        fill_mode, cval: as for `apply_warp`.

    Returns:
        A contiguous array like `plane`, which may be `plane` itself.
    """
    matrix = warp_matrix(warp, plane.shape)
    flips = warp.flip_vertical, warp.flip_horizontal
    if matrix is not None and fill_mode == "nearest":
        maps = _nearest_maps(matrix, plane.shape, flips)
        if maps is not None:
            return _gather(plane, *maps)
    if matrix is not None:
        # Imported late: the usual path does without, and it is slow to import.
        from scipy import ndimage

        plane = ndimage.affine_transform(
            plane, matrix[:, :2], matrix[:, 2], order=0, mode=fill_mode, cval=cval)
    return np.ascontiguousarray(
        plane[::-1 if flips[0] else 1, ::-1 if flips[1] else 1])


def warp_matrix(warp, size):
    """From output to input pixel: a 2 x 3 matrix for `(row, column, 1)`.

    Args:
        warp: `Warp`.
        size: (height, width) in pixels.

    Returns:
        float64 array `(2, 3)`, or None where nothing moves.
    """
    if (not (warp.rotation_degrees or warp.row_shift or warp.column_shift
             or warp.shear_radians)
            and warp.row_zoom == warp.column_zoom == 1):
        return None
    angle = math.pi / 180 * warp.rotation_degrees
    cosine, sine = math.cos(angle), math.sin(angle)
    # Rotation times shear times zoom, multiplied out.
    a, b = cosine * warp.row_zoom, (
        -math.sin(angle + warp.shear_radians) * warp.column_zoom)
    c, d = sine * warp.row_zoom, (
        math.cos(angle + warp.shear_radians) * warp.column_zoom)
    down, right = warp.row_shift * size[0], warp.column_shift * size[1]
    # Half a pixel off the true centre, as in the original.
    y, x = size[0] / 2 + 0.5, size[1] / 2 + 0.5
    # Summed in the order of a matrix product, for the same last bit.
    return np.array([
        [a, b, -a * y - b * x + (cosine * down - sine * right + y)],
        [c, d, -c * y - d * x + (sine * down + cosine * right + x)]])


def _nearest_maps(matrix, size, flips):
    """Row and column parts of the map from output to nearest input pixel.

    Returns:
        Two float32 arrays, `(rows, 3)` and `(3, 2 * columns)`, whose matrix product
        holds the pairs (column, row) of each output pixel, exact once rounded; None if
        the image is too large for that.
    """
    rows, columns = (np.arange(extent, dtype=np.float64) for extent in size)
    (a, b, down), (c, d, right) = matrix
    y_rows, y_columns = _split_sum(down + rows * a, columns * b)
    x_rows, x_columns = _split_sum(right + rows * c, columns * d)
    left = np.stack([x_rows, y_rows, np.ones_like(rows)], axis=1)
    across = np.zeros((3, size[1], 2))
    across[0, :, 0] = across[1, :, 1] = 1
    across[2, :, 0], across[2, :, 1] = x_columns, y_columns
    if flips[0]:
        left = left[::-1]
    if flips[1]:
        across = across[:, ::-1]
    exact = 2 ** 24 / (2 << size[1].bit_length())
    if max(np.abs(left).max() + np.abs(across).max(), *size) >= min(exact, 32767):
        return None
    return (np.ascontiguousarray(left, np.float32),
            np.ascontiguousarray(across, np.float32).reshape(3, -1))


def _split_sum(rows, columns):
    """Replaces two float64 vectors by others that fit into float32.

    For every pair, the rounded sum of the new numbers is `floor(row + column + 0.5)`,
    the nearest pixel as SciPy takes it. Only the order of the fractions matters for
    that, so each column's fraction is replaced by its rank, and each row's by the rank
    from which on the sum passes a whole number.
    """
    columns = columns + 0.5
    whole_columns, whole_rows = np.floor(columns), np.floor(rows)
    fractions = columns - whole_columns
    order = np.argsort(fractions)
    steps = 1 << len(columns).bit_length()
    ranks = np.empty(len(columns))
    ranks[order] = np.arange(len(columns))
    needed = np.searchsorted(fractions[order], 1 - (rows - whole_rows))
    # Half a step more, so that no sum lies half-way between two pixels.
    return (whole_rows + (0.5 + 0.5 / steps) - needed / steps,
            whole_columns + ranks / steps)


def _gather(plane, left, across):
    """Takes the pixels that the product of the two parts points at."""
    height, width = plane.shape
    warped = np.empty_like(plane)
    step = max(1, BLOCK_PIXELS // width)
    maps = np.empty((step, 2 * width), np.float32)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        block = np.dot(left[rows], across, out=maps[:rows.stop - top])
        cv2.remap(plane, block.reshape(-1, width, 2), None, cv2.INTER_NEAREST,
                  dst=warped[rows], borderMode=cv2.BORDER_REPLICATE)
    return warped


def four_flips(images):
    """The images as they are, mirrored left-right, upside down, and both.

    Args:
        images: array `(batch, rows, columns, channels)`.

    Returns:
        Four views of the same shape.
    """
    return images, images[:, :, ::-1], images[:, ::-1], images[:, ::-1, ::-1]
