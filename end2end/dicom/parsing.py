"""DICOM files as bytes: data set, transfer syntax and stored values, within bounds.

What a mammogram is, and what becomes of its values, is in `dicom`.
"""

import contextlib
import hashlib
import io
import itertools
import logging
import os
import pathlib
import re
import struct
import warnings
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import pydicom
import pydicom.encaps
import pydicom.errors
import pydicom.pixels
import pydicom.uid
from numpy.typing import NDArray

from end2end.dicom import decoders, known_values, run_lengths
from end2end.utils import distribution, files, image_headers, isolated

# pydicom's warnings quote what it found, patients' names included, and its errors come
# with tracebacks; what matters to the reader of a mammogram is in the notes or in the
# refusal.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\.")

# What pydicom and its decoders raise on files that are damaged or not what they say.
READING_ERRORS = (
    pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException,
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    OSError, RuntimeError, TypeError, ValueError, struct.error, zlib.error)

PRIVATE_SYNTAXES = {
    "1.2.840.113619.5.2": "the private transfer syntax of GE (implicit VR, big endian)"}

# Decoders that no damaged file was seen to bring down; all others work in a process of
# their own (`isolated`).
SAFE_DECODERS = {
    pydicom.uid.RLELossless: run_lengths.NAME, pydicom.uid.JPEGBaseline8Bit: "pillow"}
pydicom.pixels.decoders.RLELosslessDecoder.add_plugin(
    run_lengths.NAME, (run_lengths.__name__, run_lengths.decode_frame.__name__))
# Where pydicom's first choice is not the fastest of those that give the same: seconds
# for a film of 12.7 million pixels (`python -m benchmarks decoding`).
FASTEST_DECODERS = {
    pydicom.uid.JPEG2000Lossless: "pylibjpeg",  # 1.0 in place of 1.3
    pydicom.uid.JPEGLSLossless: "pyjpegls"}  # 0.15 in place of 0.32
# Run-length data is decoded run by run in Python, which takes seconds where every run
# is of one pixel: files of more bytes than these are decoded apart, too.
SAFELY_DECODED = 1 << 22
# Every run of one pixel, as the clumsiest encoder writes it.
MOST_RUN_LENGTH_BYTES = 2

QUOTED = re.compile(r"""b?(['"]).*\1""", re.DOTALL)
MAX_INFLATED_BYTES = 1 << 28
# Functional groups lie four sequences deep, reports some ten.
DEEPEST = 20
# A mammogram has some 200, a stack of 100 frames some 5000.
MOST_ELEMENTS = 50_000
MOST_READS = 200_000
SAFELY_PARSED = 1 << 18
BLOBS = {"OB", "OD", "OF", "OL", "OV", "OW"}
# How far from the ends of 12 bits ringing of JPEG reaches (`without_wrapped`).
WRAPPED = 64
# Pixels of whole numbers, float and double.
PIXELS = (0x7FE00010, 0x7FE00009, 0x7FE00008)
JPEG_SIZE_MARKERS = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD,
                     0xCE, 0xCF, 0xF7}


@contextlib.contextmanager
def refusing(path: files.Path) -> Iterator[None]:
    """Turns whatever damaged files raise into `files.InputError`."""
    try:
        yield
    except files.InputError:
        raise
    except READING_ERRORS as error:
        raise files.InputError(
            f"{path} cannot be read as DICOM ({_reason(error)}); restore it, export it "
            "uncompressed, or leave it out.") from error


def read_header(path: pathlib.Path) -> tuple[pydicom.Dataset, list[str]]:
    """The data set without its pixels, and notes on how it had to be read."""
    files.check_size(path, files.MAX_DICOM_BYTES, "DICOM file")
    if _check_deflated(path) or _unparsed_bytes(path) > SAFELY_PARSED:
        # Endless elements in a few bytes: the attempt is made where it can be ended.
        isolated.ask("header", path)
    return _header(path)


def header_parsed(path: pathlib.Path) -> None:
    """Parses all but the pixels, for `isolated`.

    Raises:
        files.InputError: not readable.
    """
    with refusing(path):
        _header(path)


def _header(path):
    notes = []
    try:
        header = _dataset(path, stop_before_pixels=True)
    except pydicom.errors.InvalidDicomError:
        header = _dataset(path, stop_before_pixels=True, force=True)
        notes.append("read without the DICOM preamble")
    # Elements are parsed when first used; parse all, so that damage shows here.
    _parse(header)
    if "Rows" not in header and "SOPClassUID" not in header:
        raise files.InputError(
            f"{path} is no DICOM file; expected a mammogram. Leave it out.")
    if "TransferSyntaxUID" not in header.file_meta:
        implicit, _ = header.original_encoding
        header.file_meta.TransferSyntaxUID = (
            pydicom.uid.ImplicitVRLittleEndian if implicit
            else pydicom.uid.ExplicitVRLittleEndian)
    notes += _complete(header, path)
    return header, notes


def _complete(header, path):
    """Fills in what says how pixels are stored, where only one value makes sense.

    Returns:
        Notes on what was filled in.
    """
    if not header.get("Rows") or not header.get("Columns"):
        return []
    notes = []
    for keyword, sensible in SENSIBLE:
        value = header.get(keyword)
        limit = header.get("BitsAllocated") if keyword == "BitsStored" else None
        impossible = limit is not None and isinstance(value, int) and not (
            1 <= value <= limit)
        if value not in (None, "") and not impossible:
            continue
        likely = sensible(header, path)
        setattr(header, keyword, likely)
        notes.append(f"{keyword} {value} is impossible; {likely} taken" if impossible
                     else f"{keyword} is missing; {likely} taken")
    return notes


def _bits_by_length(header, path):
    """8 or 16, from the length of uncompressed pixels; of compressed ones 16."""
    if header.file_meta.TransferSyntaxUID.is_compressed:
        return 16 if header.get("BitsStored", 16) > 8 else 8
    length = len(_dataset(path, force=True).get("PixelData", b""))
    pixels = header.Rows * header.Columns * int(header.get("NumberOfFrames", 1) or 1)
    return 16 if length >= 2 * pixels else 8


# The value of a missing element that says how pixels are stored (PS3.3 C.7.6.3), in the
# order in which they follow from each other.
SENSIBLE = (
    ("SamplesPerPixel", lambda header, path: 1),
    ("PhotometricInterpretation", lambda header, path: "MONOCHROME2"),
    ("BitsAllocated", _bits_by_length),
    ("BitsStored", lambda header, path: header.BitsAllocated),
    ("HighBit", lambda header, path: header.BitsStored - 1),
    ("PixelRepresentation", lambda header, path: 0),
)


def _unparsed_bytes(path):
    """Bytes of sequences, numbers and texts that are not parsed yet."""
    try:
        header = _dataset(path, stop_before_pixels=True, force=True)
    except READING_ERRORS:
        return 0  # `_header` says what is wrong
    return sum(len(element.value) for element in header.values()
               if element.VR not in BLOBS and isinstance(element.value, bytes))


def _parse(dataset, depth=0, left=None):
    """Parses all elements of a data set.

    Not `Dataset.decode`: where that fails it doubles its message at each level of
    nesting.
    """
    left = itertools.count(MOST_ELEMENTS, -1) if left is None else left
    if depth > DEEPEST:
        raise ValueError(f"sequences within sequences, {DEEPEST} deep")
    for tag in tuple(dataset.keys()):
        if next(left) <= 0:
            raise ValueError(f"more than {MOST_ELEMENTS} elements")
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                _parse(item, depth + 1, left)


def _check_deflated(path):
    """Whether a file is deflated; refuses one that swells beyond any mammogram."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    with _File(path) as stream:
        try:
            pydicom.filereader.read_preamble(stream, False)
        except pydicom.errors.InvalidDicomError:
            return False
        # The public function opens the file itself, without our bound.
        meta = pydicom.filereader._read_file_meta_info(stream)
        if meta.get("TransferSyntaxUID") != pydicom.uid.DeflatedExplicitVRLittleEndian:
            return False
        inflater.decompress(stream.read(), MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise files.InputError(
            f"{path} swells to more than {MAX_INFLATED_BYTES >> 20} MB when inflated, "
            "more than any mammogram has; leave it out.")
    return True


class _File(io.BufferedReader):
    """A file that is never asked for more than it holds, nor endlessly.

    Python takes memory for as much as is asked for, which a damaged length can set to
    4 GB.
    """

    def __init__(self, path):
        super().__init__(io.FileIO(path))
        self.size = os.path.getsize(path)
        self.reads = 0

    def read(self, size=-1):
        self.reads += 1
        if self.reads > MOST_READS:
            raise OSError("endless small elements")
        left = max(0, self.size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def _dataset(path, *, stop_before_pixels=False, force=False):
    count = itertools.count()

    def stop(tag, kind, length):
        if next(count) >= MOST_ELEMENTS:
            raise ValueError(f"more than {MOST_ELEMENTS} elements")
        return tag > PIXELS[0] or (stop_before_pixels and tag in PIXELS)

    with _File(path) as stream:
        return pydicom.filereader.read_partial(stream, stop, force=force)


def check_decoder(header: pydicom.Dataset, path: pathlib.Path) -> None:
    """Refuses a compression that cannot be decoded here, and says what to install."""
    syntax = header.file_meta.TransferSyntaxUID
    name = known_values.name_of(syntax)
    if syntax in PRIVATE_SYNTAXES:
        raise files.InputError(
            f"{path} is stored in {PRIVATE_SYNTAXES[syntax]} ({syntax}), which is not "
            "read; export it with a transfer syntax of the standard, such as explicit "
            "little endian.")
    try:
        decoder = pydicom.pixels.get_decoder(syntax)
    except NotImplementedError:
        raise files.InputError(
            f"{path} is stored as {name}, which holds no still image; export it as "
            "JPEG 2000 or uncompressed.") from None
    if not decoder.is_available:
        raise files.InputError(
            f"{path} is compressed as {name}, for which no decoder is "
            f"installed; run: {distribution.install_command('dicom')}")


def decode(
    header: pydicom.Dataset, path: pathlib.Path, frame: int | None
) -> NDArray[np.integer]:
    """The stored values of one frame, `(rows, columns)`."""
    syntax = header.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and (
            syntax not in SAFE_DECODERS or path.stat().st_size > SAFELY_DECODED):
        return isolated.ask("dicom", path, frame=frame)
    return _decode_here(header, path, frame)


def pixel_hash(path: files.Path) -> str:
    """SHA-256 of the stored pixel data, its compressed frames joined."""
    dataset = _dataset(path, force=True)
    data = next((dataset[tag].value for tag in PIXELS if tag in dataset), b"")
    digest = hashlib.sha256()
    if dataset[PIXELS[0]].is_undefined_length if PIXELS[0] in dataset else False:
        for fragment in pydicom.encaps.generate_fragments(data):
            digest.update(fragment)
    else:
        digest.update(data)
    return digest.hexdigest()


def _decode_here(header, path, frame):
    whole = _dataset(path, force=True)
    whole.file_meta = header.file_meta
    for keyword, _ in SENSIBLE:
        setattr(whole, keyword, header.get(keyword))
    syntax = header.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        stream = _checked_codestream(whole, path, frame)
        raw = _decoded_quickly(stream, header)
        if raw is not None:
            return raw
    if syntax == pydicom.uid.JPEGExtended12Bit and header.BitsStored > 8:
        raw = _decoded_by_gdcm(path, header, frame)
    else:
        raw = _decoded_by_pydicom(whole, syntax, frame)
    if raw.shape != (header.Rows, header.Columns):
        raise files.InputError(
            f"{path} declares {header.Columns} x {header.Rows} pixels, but holds an "
            f"array of shape {raw.shape}; export it again.")
    return raw


def _decoded_quickly(stream, header):
    """Stored values by one of `decoders`, or None where pydicom is to be asked."""
    decoder = decoders.quick(header)
    # Shorter run-length data is decoded beside the rest of the program, safely.
    safe = header.file_meta.TransferSyntaxUID in SAFE_DECODERS
    if decoder is not None and (len(stream) > SAFELY_DECODED or not safe):
        with contextlib.suppress(ImportError, *READING_ERRORS):
            return decoder(stream, header)
    return None


def _decoded_by_pydicom(whole, syntax, frame):
    """Stored values by the fastest decoder, or by another where that one fails or is
    not installed."""
    fastest = FASTEST_DECODERS.get(syntax)
    if fastest:
        with contextlib.suppress(*READING_ERRORS):
            return _pixels(whole, frame, fastest)
    return _pixels(whole, frame, SAFE_DECODERS.get(syntax, ""))


def _pixels(whole, frame, decoder):
    # What lies above the stored bits of unsigned values is judged in `grey_levels`; of
    # signed ones it is the sign.
    return pydicom.pixels.pixel_array(
        whole, index=frame or 0, decoding_plugin=decoder,
        correct_unused_bits=whole.get("PixelRepresentation", 0) == 1)


def _decoded_by_gdcm(path, header, frame):
    """JPEG Extended of 12 bits, which GDCM decodes and pydicom does not ask it for."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError("its JPEG of 12 bits is damaged")
    data = reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")
    frames = np.frombuffer(data, np.uint16).reshape(-1, header.Rows, header.Columns)
    return without_wrapped(frames[frame or 0])


def without_wrapped(pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Pixels of 12 bits without those that fell below 0 and came out as the greatest.

    GDCM lets the ringing of JPEG wrap round: beside a bright edge single pixels of the
    air become white. Such are pixels at the top whose surroundings are at the bottom.
    """
    low, high = WRAPPED, (1 << 12) - 1 - WRAPPED
    wrapped = (pixels >= high) & (cv2.medianBlur(pixels, 5) <= low)
    return np.where(wrapped, 0, pixels).astype(np.uint16)


def _checked_codestream(whole, path, frame):
    """The compressed frame; refuses a JPEG whose own size is another than the declared
    one.

    Decoders take memory for the size within the compressed stream, which can be
    enormous in a tiny file.
    """
    frames = int(whole.get("NumberOfFrames", 1) or 1)
    stream = pydicom.encaps.get_frame(
        whole.PixelData, frame or 0, number_of_frames=frames)
    size = codestream_size(stream)
    image_headers.check_scans(stream, whole.Rows * whole.Columns, path)
    _check_run_length(stream, whole, path)
    if size is not None and size != (whole.Rows, whole.Columns):
        raise files.InputError(
            f"{path} declares {whole.Columns} x {whole.Rows} pixels, but its "
            f"compressed image has {size[1]} x {size[0]}; export it again.")
    return stream


def _check_run_length(stream, whole, path):
    """Refuses run-length data of far more bytes than its pixels can need."""
    pixel_bytes = whole.BitsAllocated // 8 * whole.SamplesPerPixel
    most = MOST_RUN_LENGTH_BYTES * whole.Rows * whole.Columns * pixel_bytes
    if (whole.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
            and len(stream) > most + SAFELY_PARSED):
        raise files.InputError(
            f"{path} holds {len(stream)} bytes of run-length data, its pixels need at "
            f"most {most}; the file is damaged. Restore it or leave it out.")


def codestream_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns in the header of a JPEG, JPEG-LS or JPEG 2000 stream, or None.

    Args:
        stream: bytes of one compressed frame.
    """
    if stream[:4] == b"\xff\x4f\xff\x51":
        right, down, left, top = (
            int.from_bytes(stream[k:k + 4], "big") for k in (8, 12, 16, 20))
        return down - top, right - left
    place = 2
    while stream[:2] == b"\xff\xd8" and place + 9 <= len(stream):
        if stream[place] != 0xFF:
            return None
        marker = stream[place + 1]
        if marker in JPEG_SIZE_MARKERS:
            return (int.from_bytes(stream[place + 5:place + 7], "big"),
                    int.from_bytes(stream[place + 7:place + 9], "big"))
        if marker == 0xFF:
            place += 1
        else:
            place += 2 + int.from_bytes(stream[place + 2:place + 4], "big")
    return None


def decoded_here(path: pathlib.Path, frame: int | None) -> NDArray[np.integer]:
    """Decodes one frame in this process, which a damaged file may bring down.

    Raises:
        files.InputError: not readable.
    """
    with refusing(path):
        header, _ = read_header(path)
        return _decode_here(header, path, frame)


def _reason(error):
    """What an error says, short enough for one line.

    What it quotes is left out: values of the file, which may be those of a patient.
    """
    if isinstance(error, (TypeError, AttributeError, AssertionError)):
        return "its content is damaged"  # what they say is of Python, not of the file
    text = " ".join(QUOTED.sub("a value", str(error)).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
