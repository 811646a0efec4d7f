"""Stored DICOM values to grey levels: padding, modality, window, inversion.

The order is the standard's (PS3.3 C.11, PS3.4 N.2): modality transformation, values of
interest, and inversion last. Tags that contradict each other or the values are repaired
where only one reading is possible, and a note says so.
"""

import math

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray

from end2end.dicom import appearance, known_values

FULL_BITS = 16
FULL_RANGE = 65535
# Bit depths in use.
DEPTHS = (8, 10, 12, 14, 16)

# Percentiles that replace a window or look-up table that cannot be used.
WINDOW_PERCENTILES = (0.1, 99.9)
# A table of fewer bits than declared reaches at least this share of what they hold.
FILLED = 0.9

# The shape of the presentation that belongs to each interpretation (PS3.3 C.8.11.3).
SHAPES = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}


class Contradiction(ValueError):
    """Tags that contradict each other, or make no sense, without a certain repair."""


class _Unusable(ValueError):
    """A window or look-up table that contradicts itself or the image."""


def to_grey(
    raw: NDArray[np.integer], header: pydicom.Dataset, frame: int | None = None
) -> tuple[NDArray, tuple[str, ...], int | None]:
    """Turns stored values into grey levels with a dark background.

    Args:
        raw: integer array `(rows, columns)` as decoded.
        header: the data set.
        frame: index of the frame in a stack, or None.

    Returns:
        The pixels and `bits` as described at `dicom.Mammogram`, with notes on what was
        done between them.

    Raises:
        Contradiction: tags contradict each other, and the picture does not tell which
            of them is right; or a number is not finite.
    """
    groups = _groups(header, frame)
    notes = []
    raw = _within_stored_bits(raw, header, notes)
    padding = _padding(raw, header, notes)
    values = _modality(raw, groups, notes)
    pixels, windowed = _interest(values, groups, padding, notes)
    pixels = _whole_numbers(pixels, padding)
    if _is_inverted(pixels, header, notes):
        # The greatest value of the image, and not of its type: the background of a
        # 12-bit image would become bright otherwise.
        white = FULL_RANGE if windowed else _used(pixels, padding).max()
        pixels = white - pixels
    if padding is not None:
        pixels = np.where(padding, _used(pixels, padding).min(), pixels)
    stored = header.get("BitsStored", 16)
    kept = values is raw and pixels.dtype == raw.dtype and not windowed
    declared = stored if kept and 8 < stored < 16 and raw.max() < 1 << stored else None
    return pixels, tuple(notes), FULL_BITS if windowed else declared


def depth_of(maximum: float) -> int:
    """The usual bit depth that a greatest value needs, at most 16."""
    return next((bits for bits in DEPTHS if maximum < 1 << bits), DEPTHS[-1])


def _is_inverted(pixels, header, notes):
    """Whether black and white must be exchanged; of contradicting tags the picture
    decides."""
    interpretation = str(header.get("PhotometricInterpretation", "")).upper()
    shape = str(header.get("PresentationLUTShape", "") or "").upper()
    inverted = interpretation == "MONOCHROME1"
    if shape not in SHAPES.values() or shape == SHAPES.get(interpretation):
        if inverted:
            notes.append("inverted (MONOCHROME1)")
        return inverted
    contradiction = f"PresentationLUTShape {shape} contradicts {interpretation}"
    bright = _background(pixels)
    if bright is None and not inverted:
        raise Contradiction(
            f"{contradiction}, and the picture does not tell which is right; export it "
            "with one meaning.")
    inverted = inverted if bright is None else bright
    notes.append(f"{contradiction}; {'inverted' if inverted else 'not inverted'}, "
                 + ("as the interpretation says" if bright is None
                    else f"since the background is {'bright' if bright else 'dark'}"))
    return inverted


def _background(pixels):
    """Whether the background is bright; None where it cannot be told."""
    if not appearance.can_be_judged(pixels):
        return None
    levels = appearance.grey_levels(pixels)
    if appearance.has_bright_background(levels):
        return True
    return False if appearance.has_bright_background(255 - levels) else None


def _groups(header, frame):
    """The data sets that may describe one frame, the most particular first."""
    groups = []
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    particular = list(per_frame)[frame or 0:(frame or 0) + 1]
    for item in (*particular, *(header.get("SharedFunctionalGroupsSequence") or [])):
        for keyword in ("FrameVOILUTSequence", "PixelValueTransformationSequence"):
            groups += list(item.get(keyword) or [])
    return [*groups, header]


def _first(groups, keyword):
    """The first value of an element in the first data set that has one, or None."""
    for group in groups:
        value = group.get(keyword)
        if value is not None and value != "" and not (
                hasattr(value, "__len__") and len(value) == 0):
            many = hasattr(value, "__getitem__") and not isinstance(value, (str, bytes))
            return value[0] if many else value
    return None


def _within_stored_bits(raw, header, notes):
    """Drops overlay bits above the stored ones, and shifts down what is stored high."""
    stored = header.get("BitsStored", header.get("BitsAllocated", 16))
    high = header.get("HighBit", stored - 1)
    if header.get("PixelRepresentation", 0) != 0:
        return raw
    if stored <= high < 8 * raw.dtype.itemsize:
        if raw.max() >= 1 << stored:
            notes.append(f"{stored} bits moved down from bit {high}")
            return raw >> (high + 1 - stored)
        notes.append(f"HighBit {high} contradicts values of at most {stored} bits; "
                     "values kept")
    if raw.max() >= 1 << stored:
        overlays = any(element.tag.group & 0xFF00 == 0x6000 for element in header)
        if overlays:
            notes.append("overlay bits removed")
            return raw & ((1 << stored) - 1)
        notes.append(f"values exceed the {stored} bits declared; kept")
    return raw


def _padding(raw, header, notes):
    """Mask of the pixels that are no image, or None."""
    value = header.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    limit = header.get("PixelPaddingRangeLimit")
    limit = limit if isinstance(limit, int) else value
    signed = header.get("PixelRepresentation", 0) == 1
    for read in (_as_stored, _signed if signed else _unsigned):
        low, high = sorted((read(value), read(limit)))
        mask = (raw >= low) & (raw <= high)
        if mask.all():
            return None
        if mask.any():
            if read(value) != value:
                notes.append(f"PixelPaddingValue {value} read as {read(value)}")
            notes.append(f"padding value {read(value)} set to background")
            return mask
    return None


def _as_stored(value):
    return value


def _signed(value):
    """Sixteen bits that were read as unsigned."""
    return value - (1 << 16) if value >= 1 << 15 else value


def _unsigned(value):
    """Sixteen bits that were read as signed."""
    return value + (1 << 16) if value < 0 else value


def _used(pixels, padding):
    return pixels if padding is None else pixels[~padding]


def _modality(raw, groups, notes):
    """Stored values to the manufacturer's units."""
    table = _first(groups, "ModalityLUTSequence")
    if table is not None:
        try:
            values, _ = _look_up(raw, table, notes)
        except _Unusable as error:
            notes.append(f"modality look-up table left out: {error}")
            return raw
        notes.append("modality look-up table applied")
        return values
    slope = _stated_number(groups, "RescaleSlope", 1.0, notes)
    intercept = _stated_number(groups, "RescaleIntercept", 0.0, notes)
    if slope == 0:
        notes.append("RescaleSlope 0 is impossible; 1 taken")
        slope = 1.0
    if (slope, intercept) == (1, 0):
        return raw
    notes.append(f"rescaled by {slope:g} and {intercept:g}")
    if slope == int(slope) and intercept == int(intercept):
        # Half the memory where the results fit.
        fits = abs(slope) * FULL_RANGE + abs(intercept) < 1 << 31
        values = raw.astype(np.int32 if fits else np.int64)
        values *= int(slope)
        values += int(intercept)
        return values
    return raw.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _stated_number(groups, keyword, default, notes):
    """A number of a tag; a decimal comma is read, and text is noted.

    Raises:
        Contradiction: the number is not finite.
    """
    value = _first(groups, keyword)
    number = _number(value, None)
    if number is None and value is not None:
        number = _number(str(value).strip().replace(",", "."), None)
        notes.append(f"{keyword} holds no number; {default:g} taken" if number is None
                     else f"{keyword} has a decimal comma; {number:g} taken")
    if number is not None and not math.isfinite(number):
        raise Contradiction(f"{keyword} is not finite; expected a number. Export it "
                            "again.")
    return default if number is None else number


def _number(value, default):
    try:
        return default if value is None else float(value)
    except (TypeError, ValueError):
        return default


def _interest(values, groups, padding, notes):
    """Applies the look-up table or window of interest; also says if there is one."""
    table = _first(groups, "VOILUTSequence")
    width = _first(groups, "WindowWidth")
    if table is None and width is None:
        return values, False
    try:
        if table is not None:
            mapped, bits = _look_up(values, table, notes)
            pixels = _to_full_range(mapped / np.float32((1 << bits) - 1))
            note = "VOI look-up table applied, to 16 bits"
        else:
            pixels, note = _window(values, groups, width)
        if np.ptp(_used(pixels, padding)) == 0 and np.ptp(_used(values, padding)) > 0:
            raise _Unusable("it leaves a single grey level")
    except _Unusable as error:
        low, high = np.percentile(_used(values, padding), WINDOW_PERCENTILES)
        pixels = _to_full_range(
            (values - np.float32(low)) / np.float32(max(high - low, 1)))
        what = "window" if table is None else "VOI look-up table"
        note = (f"{what} unusable ({error}); percentile window {low:g} to {high:g}, to "
                "16 bits")
    notes.append(note)
    return pixels, True


def _window(values, groups, width):
    """The window of PS3.3 C.11.2.1.2, to 16 bits, and a note."""
    width, centre = _number(width, None), _number(_first(groups, "WindowCenter"), None)
    if width is None:
        raise _Unusable("its width is no number")
    shape = str(_first(groups, "VOILUTFunction") or "LINEAR").upper()
    if shape not in known_values.VOI_FUNCTIONS:
        shape = "LINEAR"
    if centre is None or not width > 0 or (shape == "LINEAR" and width < 1):
        raise _Unusable(f"width {width:g}, centre {centre}")
    share = values.astype(np.float32)
    if shape == "SIGMOID":
        with np.errstate(over="ignore"):  # far below a narrow window it is 0
            share = 1 / (1 + np.exp(
                -4 * (share - np.float32(centre)) / np.float32(width)))
    elif shape == "LINEAR_EXACT":
        share -= np.float32(centre)
        share /= np.float32(width)
        share += np.float32(0.5)
    else:
        share -= np.float32(centre - 0.5)
        # A width of 1 is a threshold.
        share /= np.float32(max(width - 1, 1e-6))
        share += np.float32(0.5)
    note = f"window {centre:g}/{width:g} applied, to 16 bits"
    return _to_full_range(share), note if shape == "LINEAR" else f"{shape} {note}"


def _look_up(values, table, notes):
    """Applies one look-up table; returns its values and their bits."""
    try:
        count, first, bits = (int(number) for number in table.LUTDescriptor)
        data = table.LUTData
    except (AttributeError, TypeError, ValueError) as error:
        raise _Unusable("no descriptor or data") from error
    count = count or 1 << 16
    if isinstance(data, bytes):
        words = bits > 8 or len(data) >= 2 * count
        data = np.frombuffer(data[:len(data) // 2 * 2] if words else data,
                             "<u2" if words else np.uint8)
    data = np.asarray(data)
    if len(data) < count or not 1 <= bits <= 16:
        raise _Unusable(f"{len(data)} entries of {bits} bits, {count} declared")
    if np.issubdtype(values.dtype, np.signedinteger) and first >= 1 << 15:
        first -= 1 << 16
    places = np.clip(np.rint(values).astype(np.int64) - first, 0, count - 1)
    return data.astype(np.uint16)[places], _bits_in_use(data, bits, notes)


def _bits_in_use(data, declared, notes):
    """The bits of a table's values, where it holds others than it declares."""
    greatest = int(data.max())
    depth = depth_of(greatest)
    too_few = greatest >= 1 << declared
    too_many = depth <= declared - 2 and greatest >= FILLED * ((1 << depth) - 1)
    if not (too_few or too_many):
        return declared
    notes.append(f"look-up table declares {declared} bits, holds {depth}")
    return depth


def _to_full_range(share):
    """Shares of 0 to 1, beyond which they are clipped, to uint16 of 0-65535.

    They are overwritten: each copy of a large mammogram costs a quarter of a second.
    """
    np.clip(share, 0, 1, out=share)
    share *= np.float32(FULL_RANGE)
    return np.rint(share, out=share).astype(np.uint16)


def _whole_numbers(pixels, padding):
    """uint8 or uint16 where the values allow it, from 0 up; float32 otherwise."""
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    lowest = min(0, _used(pixels, padding).min())
    pixels = pixels - lowest
    if np.issubdtype(pixels.dtype, np.integer) and (
            _used(pixels, padding).max() <= FULL_RANGE):
        return pixels.astype(np.uint16)
    return pixels.astype(np.float32)


def looks_like_text(pixels: NDArray) -> bool:
    """Whether an image is lettering on an even ground, without any solid object.

    A breast is a solid object; strokes of letters are thin. Images below 128 pixels
    are not judged.
    """
    step = max(1, min(pixels.shape) // 256)
    small = pixels[::step, ::step].astype(np.float32)
    if min(small.shape) < 128 or np.ptp(small) == 0:
        return False
    values, counts = np.unique(small, return_counts=True)
    off_ground = np.abs(small - values[counts.argmax()]) > 0.01 * np.ptp(small)
    if off_ground.mean() > 0.4 or not off_ground.any():
        return False
    # Room around, for objects that touch the edge reach beyond it.
    padded = cv2.copyMakeBorder(off_ground.astype(np.uint8), 1, 1, 1, 1,
                                cv2.BORDER_REPLICATE)
    thickest = cv2.distanceTransform(padded, cv2.DIST_L2, 3).max()
    return bool(thickest < 0.04 * min(small.shape))
