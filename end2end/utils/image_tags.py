"""What image files say of how they are to be shown: turned, inverted, one of several.

Orientation of EXIF (tag 0x0112 of TIFF 6.0) in JPEG and PNG; PhotometricInterpretation
of TIFF; the number of pictures in PNG (acTL, APNG) and JPEG (MPF, CIPA DC-007).
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from end2end.utils import image_headers

ORIENTATION, PHOTOMETRIC = 274, 262
WHITE_IS_ZERO = 0

# What shows an image `(rows, columns)` upright, by the value of the tag.
UPRIGHT = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}


def orientation(data: bytes) -> int:
    """Orientation of a JPEG or PNG file, 1 (upright) where it says nothing.

    TIFF files are turned by their decoder.

    Args:
        data: of the whole file.
    """
    if data.startswith(b"\xff\xd8"):
        block = next((block[6:] for block in jpeg_blocks(data, 0xE1)
                      if block.startswith(b"Exif\0\0")), b"")
    elif data.startswith(b"\x89PNG"):
        block = next(png_chunks(data, b"eXIf"), b"")
    else:
        return 1
    value = _tag(block, ORIENTATION)
    return value if value in UPRIGHT else 1


def upright(image: NDArray, value: int) -> NDArray:
    """Turns and mirrors an image as its orientation says.

    Args:
        image: array `(rows, columns[, channels])` as stored.
        value: from `orientation`, 1 to 8.
    """
    return np.ascontiguousarray(UPRIGHT[value](image)) if value in UPRIGHT else image


def is_white_zero(data: bytes) -> bool:
    """Whether a TIFF file declares that 0 is white."""
    return (data[:2] in (b"II", b"MM")
            and _tag(data, PHOTOMETRIC, missing=1) == WHITE_IS_ZERO)


def pictures(data: bytes) -> str:
    """What holds several pictures: `animated PNG`, `multi-picture JPEG`, or nothing."""
    if data.startswith(b"\x89PNG") and any(
            _frames(chunk) > 1 for chunk in png_chunks(data, b"acTL")):
        return "animated PNG"
    if data.startswith(b"\xff\xd8") and any(
            block.startswith(b"MPF\0") for block in jpeg_blocks(data, 0xE2)):
        return "multi-picture JPEG"
    return ""


def _frames(chunk):
    return int.from_bytes(chunk[:4], "big")


def jpeg_blocks(data: bytes, marker: int) -> Iterator[bytes]:
    """Contents of a JPEG's application segments of one marker, before its scan."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        kind, length = data[place + 1], int.from_bytes(data[place + 2:place + 4], "big")
        if kind == 0xDA or length < 2:
            return
        if kind == marker:
            yield data[place + 4:place + 2 + length]
        place += 2 + length


def png_chunks(data: bytes, kind: bytes) -> Iterator[bytes]:
    """Contents of a PNG's chunks of one kind."""
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place:place + 4], "big")
        if data[place + 4:place + 8] == kind:
            yield data[place + 8:place + 8 + length]
        place += 12 + length


def _tag(block, tag, missing=0):
    """The first number of a tag in a TIFF header; `missing` where it has none."""
    try:
        return image_headers.tiff_tags(block, (tag,)).get(tag, missing)
    except (struct.error, ValueError, LookupError, OverflowError):
        return missing
