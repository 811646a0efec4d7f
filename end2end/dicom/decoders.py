"""Decoders that are faster than pydicom's own, for grey values of one sample.

They give what pydicom gives, or raise, and then pydicom is asked: seconds of one core
for a film of 13 million pixels are in docs/speed.md. The libraries are in C, so a
damaged file is given to them only where it brings down nothing (`isolated`).
"""

import ctypes
import io
import struct
from collections.abc import Callable

import numpy as np
import pydicom.pixels
import pydicom.uid
from numpy.typing import NDArray

from end2end.utils import files

Decoder = Callable[[bytes, pydicom.Dataset], NDArray[np.unsignedinteger]]

# Of DICOM's run-length data: the number of segments and fifteen offsets.
HEADER = struct.Struct("<16L")
# TIFF calls the same code PackBits (6.0, section 9).
PACK_BITS = 32773


def quick(header: pydicom.Dataset) -> Decoder | None:
    """A decoder for a file, or None where pydicom's is as good.

    Args:
        header: complete as of `parsing.read_header`, with its transfer syntax.
    """
    if (header.get("SamplesPerPixel") != 1 or header.get("PixelRepresentation")
            or header.get("BitsAllocated") not in (8, 16)
            or header.Rows * header.Columns > files.MAX_PIXELS):
        return None
    return DECODERS.get(header.file_meta.TransferSyntaxUID)


def run_length(stream: bytes, header: pydicom.Dataset) -> NDArray[np.unsignedinteger]:
    """Values `(rows, columns)` of run-length data, by the PackBits of libtiff.

    pydicom takes a step of Python for each run, of which a film has 300,000.

    Args:
        stream: one compressed frame.
        header: of the file.

    Raises:
        ValueError, OSError, struct.error: it is damaged, or Pillow cannot read it.
        ImportError: Pillow is missing.
    """
    count, *offsets = HEADER.unpack_from(stream)
    size = header.BitsAllocated // 8
    if count != size:
        raise ValueError(f"{count} segments for values of {size} bytes")
    ends = [*offsets[1:count], len(stream)]
    values = np.empty((header.Rows, header.Columns, size), np.uint8)
    # The first segment has the most significant bytes.
    for place, (start, end) in enumerate(zip(offsets[:count], ends, strict=True)):
        values[..., size - 1 - place] = _unpacked(stream[start:end], values.shape)
    return values.view(f"<u{size}")[..., 0]


def _unpacked(segment, shape):
    from PIL import Image

    with Image.open(io.BytesIO(_tiff(segment, shape))) as picture:
        return np.asarray(picture)


def _tiff(segment, shape):
    """A grey TIFF file of 8 bits with packed bytes as its one strip."""
    rows, columns = shape[:2]
    fields = {256: columns, 257: rows, 258: 8, 259: PACK_BITS, 262: 1, 273: 0, 277: 1,
              278: rows, 279: len(segment)}
    head = struct.pack("<2sHLH", b"II", 42, 8, len(fields))
    fields[273] = len(head) + 12 * len(fields) + 4
    entries = b"".join(struct.pack("<HHLL", tag, 4, 1, value)
                       for tag, value in fields.items())
    return head + entries + bytes(4) + segment


def lossless_jpeg(
        stream: bytes, header: pydicom.Dataset) -> NDArray[np.unsignedinteger]:
    """Values `(rows, columns)` of a lossless JPEG, by GDCM.

    pydicom has GDCM write them into a text and encodes it again, which takes as long as
    decoding; here they are copied from where GDCM keeps them.

    Args:
        stream: one compressed frame.
        header: of the file.

    Raises:
        ValueError: it is damaged.
        ImportError: GDCM is missing.
    """
    import gdcm

    image, change = _gdcm_image(stream, header), gdcm.ImageChangeTransferSyntax()
    # It counts who uses it; Python, which does not, must not free it, too.
    image.thisown = False
    change.SetTransferSyntax(gdcm.TransferSyntax(
        gdcm.TransferSyntax.ExplicitVRLittleEndian))
    change.SetInput(image)
    if not change.Change():
        raise ValueError("its JPEG is damaged")
    content = change.GetOutput().GetDataElement().GetByteValue()
    size = header.BitsAllocated // 8
    expected = header.Rows * header.Columns * size
    # An odd number of bytes is filled up.
    if int(str(content.GetLength())) != expected + expected % 2:
        raise ValueError("its JPEG has another size")
    copy = ctypes.string_at(int(content.GetVoidPointer()), expected)
    return np.frombuffer(copy, f"<u{size}").reshape(header.Rows, header.Columns)


def _gdcm_image(stream, header):
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header.Columns, header.Rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(
        gdcm.PhotometricInterpretation.GetPIType(header.PhotometricInterpretation)))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(
        str(header.file_meta.TransferSyntaxUID))))
    image.SetPixelFormat(gdcm.PixelFormat(
        1, header.BitsAllocated, header.BitsStored, header.BitsStored - 1, 0))
    return image


DECODERS: dict[pydicom.uid.UID, Decoder] = {
    pydicom.uid.RLELossless: run_length,
    pydicom.uid.JPEGLossless: lossless_jpeg,
    pydicom.uid.JPEGLosslessSV1: lossless_jpeg}
