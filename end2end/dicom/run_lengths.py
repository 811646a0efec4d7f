"""RLE Lossless decoded run by run, as a plug-in of pydicom.

pydicom's decoder looks at each run, also at those that give nothing, and at those
beyond the last pixel. A damaged or hostile file can hold a hundred million of them;
here as many as follow each other are passed over at once, and what lies beyond the
pixels is not looked at. The results are the same (DICOM PS3.5, annex G).
"""

import contextlib
import re
import struct

import numpy as np
import pydicom

NAME = "end2end"
# What pydicom asks of the module of a plug-in.
DECODER_DEPENDENCIES = {pydicom.uid.RLELossless: ()}
HEADER_BYTES = 64
MOST_SEGMENTS = 15
# A run of this header gives no pixel.
EMPTY = 128
EMPTY_RUNS = re.compile(b"\x80+")
# How many runs are read before what they gave is counted.
RUNS_AT_ONCE = 1000


def is_available(uid: str) -> bool:
    """Whether this module decodes a transfer syntax."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: pydicom.pixels.decoders.base.DecodeRunner
                 ) -> bytearray:
    """One frame, colours plane by plane, little endian.

    Args:
        source: the compressed frame: a header, then a segment for each byte of a pixel,
            the highest first.
        runner: of pydicom, with the size of the frame.

    Raises:
        ValueError: another number of segments than the pixels have bytes, or too few
            pixels in one.
    """
    if len(source) < HEADER_BYTES:
        raise ValueError("its run-length header is cut off")
    count, *offsets = struct.unpack(f"<{1 + MOST_SEGMENTS}L", source[:HEADER_BYTES])
    width, pixels = runner.bits_allocated // 8, runner.rows * runner.columns
    if not 0 < count <= MOST_SEGMENTS or count != runner.samples_per_pixel * width:
        raise ValueError(
            f"it has {count} run-length segments; its pixels have "
            f"{runner.samples_per_pixel * width} bytes")
    planes = np.empty((runner.samples_per_pixel, pixels, width), np.uint8)
    ends = [*offsets[1:count], len(source)]
    for number, (start, end) in enumerate(zip(offsets[:count], ends, strict=True)):
        sample, byte = divmod(number, width)
        planes[sample, :, width - 1 - byte] = np.frombuffer(
            decode_segment(source[start:end], pixels), np.uint8)
    runner.set_option("planar_configuration", 1)
    return bytearray(planes)


def decode_segment(data: bytes, count: int) -> bytes:
    """The first bytes of a segment.

    Args:
        data: runs: a header below 128 and as many bytes and one more, or one above it
            and a byte that is repeated 257 times less the header.
        count: how many are needed.

    Raises:
        ValueError: it holds fewer.
    """
    result, place = bytearray(), 0
    extend = result.extend
    with contextlib.suppress(IndexError):  # where the data ends
        while len(result) < count:
            for _ in range(RUNS_AT_ONCE):
                header = data[place]
                if header < EMPTY:
                    extend(data[place + 1:place + 2 + header])
                    place += 2 + header
                elif header > EMPTY:
                    extend(data[place + 1:place + 2] * (257 - header))
                    place += 2
                else:
                    place = EMPTY_RUNS.match(data, place).end()
    if len(result) < count:
        raise ValueError(
            f"a run-length segment holds {len(result)} of {count} bytes of pixels")
    return bytes(result[:count])
