"""One mammography DICOM to a grey array with side, view and what was done to it.

Everything that could be no mammogram is refused with one sentence; everything that was
done on the way to grey levels is in `Mammogram.notes`.
"""

import dataclasses
import logging
import re
import warnings
import zlib

import numpy as np
import pydicom
import pydicom.encaps
import pydicom.errors
import pydicom.pixels
import pydicom.uid

from end2end import dicom_grey, dicom_labels, files

# pydicom's warnings quote what it found, patients' names included; what matters to the
# reader of a mammogram is in the notes or in the refusal.
logging.getLogger("pydicom").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module=r"pydicom\.")

# What pydicom and its decoders raise on files that are damaged or not what they say.
READING_ERRORS = (
    pydicom.errors.InvalidDicomError, ArithmeticError, AttributeError, EOFError,
    LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError, zlib.error)

# The permissively licensed package that decodes a compressed transfer syntax.
DECODER_PACKAGES = {
    pydicom.uid.HTJ2KLossless: "pylibjpeg pylibjpeg-openjpeg",
    pydicom.uid.HTJ2KLosslessRPCL: "pylibjpeg pylibjpeg-openjpeg",
    pydicom.uid.HTJ2K: "pylibjpeg pylibjpeg-openjpeg",
    pydicom.uid.JPEG2000Lossless: "pylibjpeg pylibjpeg-openjpeg",
    pydicom.uid.JPEG2000: "pylibjpeg pylibjpeg-openjpeg",
}
DEFAULT_DECODER_PACKAGE = "python-gdcm"

# Names of storage classes that are told apart by these, where no modality is given.
OTHER_KINDS = re.compile(r"CT|MR|Ultrasound|Nuclear|Positron|RT |Structured|Document")

MAX_INFLATED_BYTES = 1 << 29
JPEG_SIZE_MARKERS = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD,
                     0xCE, 0xCF, 0xF7}


@dataclasses.dataclass(frozen=True, eq=False)
class Mammogram:
    """A mammogram as read from DICOM.

    Attributes:
        pixels: array `(rows, columns)`, background dark. Unchanged uint8 or uint16
            where the file asks for no change; uint16 over the full range of 0-65535
            after a window or look-up table; float32 after a rescaling that leaves no
            whole numbers.
        laterality: "L", "R" or None.
        view: "CC", "MLO" or None, also for other views.
        patient_id: text, or None where it was removed.
        notes: what was done, and what is unusual, as short sentences.
    """

    pixels: np.ndarray
    laterality: str | None
    view: str | None
    patient_id: str | None
    notes: tuple


def read_dicom(path, *, frame=None):
    """Reads one mammogram from a DICOM file.

    Args:
        path: the file, with or without suffix and preamble.
        frame: index from 0 of the frame to take from a tomosynthesis stack.

    Returns:
        `Mammogram`.

    Raises:
        files.InputError: not readable, or no mammogram for presentation; the sentence
            says which and what to do.
    """
    path = files.existing_file(path, "DICOM file")
    try:
        return _read(path, frame)
    except files.InputError:
        raise
    except READING_ERRORS as error:
        raise files.InputError(
            f"{path} cannot be read as DICOM ({_reason(error)}); restore it, export it "
            "uncompressed, or leave it out.") from error


def _read(path, frame):
    header, notes = _read_header(path)
    notes += _check_kind(header, path)
    _check_image(header, path)
    _check_frame(header, frame, path)
    _check_decoder(header, path)
    raw = _decode(header, path, frame)
    pixels, done = dicom_grey.to_grey(raw, header, frame)
    if dicom_grey.looks_like_text(pixels):
        raise files.InputError(
            f"{path} shows lettering on an even ground and no breast; it is a text "
            "card or a label. Leave it out.")
    laterality, view, found = dicom_labels.side_and_view(header, path)
    return Mammogram(
        pixels=pixels, laterality=laterality, view=view,
        patient_id=dicom_labels.patient_id(header, path),
        notes=(*notes, *done, *found, *dicom_labels.unusual(header)))


def _read_header(path):
    """The data set without its pixels, and notes on how it had to be read."""
    notes = []
    _check_deflated(path)
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except pydicom.errors.InvalidDicomError:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        notes.append("read without the DICOM preamble")
    # Elements are parsed when first used; parse all, so that damage shows here.
    header.decode()
    if "Rows" not in header and "SOPClassUID" not in header:
        raise files.InputError(
            f"{path} is no DICOM file; expected a mammogram. Leave it out.")
    if not hasattr(header, "file_meta"):
        header.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in header.file_meta:
        implicit, _ = header.original_encoding
        header.file_meta.TransferSyntaxUID = (
            pydicom.uid.ImplicitVRLittleEndian if implicit
            else pydicom.uid.ExplicitVRLittleEndian)
    return header, notes


def _check_deflated(path):
    """Refuses a deflated file that swells beyond any mammogram."""
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
    except pydicom.errors.InvalidDicomError:
        return
    if meta.get("TransferSyntaxUID") != pydicom.uid.DeflatedExplicitVRLittleEndian:
        return
    start = 128 + 4 + 12 + meta.FileMetaInformationGroupLength
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(path.read_bytes()[start:], MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise files.InputError(
            f"{path} swells to more than {MAX_INFLATED_BYTES >> 20} MB when inflated, "
            "more than any mammogram has; leave it out.")


def _check_kind(header, path):
    """Refuses what is no mammogram for presentation; returns notes."""
    modality = str(header.get("Modality", "") or "").upper()
    kind = pydicom.uid.UID(str(header.get("SOPClassUID", "") or "")).name
    notes = []
    if not modality and not OTHER_KINDS.search(kind):
        notes.append("no modality given; taken for a mammogram")
    elif modality != "MG":
        if not _is_breast_export(header, modality, path):
            raise files.InputError(
                f"{path} is no mammogram: its modality is {modality or kind}; expected "
                "MG. Leave it out.")
        notes.append(f"modality {modality}, but an export of a mammogram")
    intent = str(header.get("PresentationIntentType", "") or "").upper()
    if intent == "FOR PROCESSING" or "For Processing" in kind:
        raise files.InputError(
            f"{path} is a raw image FOR PROCESSING; expected one FOR PRESENTATION, "
            "which networks are trained on. Use its sibling for presentation.")
    image_type = [str(value).upper() for value in _values(header, "ImageType")]
    if any("SCREEN" in value and "SAVE" in value for value in image_type):
        raise files.InputError(
            f"{path} is a screen save and no mammogram; leave it out.")
    return notes


def _is_breast_export(header, modality, path):
    """Whether a file of another modality is a mammogram all the same.

    INbreast was exported from MATLAB with modality OT; computed radiography names
    the breast as body part.
    """
    if modality not in ("OT", "CR", "DX", "SC", "RG"):
        return False
    names = " ".join(str(header.get(keyword, "") or "") for keyword in (
        "SecondaryCaptureDeviceManufacturer", "BodyPartExamined", "SeriesDescription",
        "SecondaryCaptureDeviceManufacturerModelName", "StudyDescription")).upper()
    return (dicom_labels.INBREAST_NAME.search(path.name) is not None
            or any(word in names for word in ("MATLAB", "BREAST", "MAMM")))


def _check_image(header, path):
    """Refuses files without a grey image of 8 to 16 bits and a sensible size."""
    rows, columns = header.get("Rows"), header.get("Columns")
    if not rows or not columns:
        raise files.InputError(
            f"{path} holds no image ({_kind_name(header)}); expected a mammogram. "
            "Leave it out.")
    if rows * columns > files.MAX_PIXELS:
        raise files.InputError(
            f"{path} declares {columns} x {rows} pixels, more than any mammogram has; "
            "leave it out.")
    photometric = str(header.get("PhotometricInterpretation", "MONOCHROME2")).upper()
    if header.get("SamplesPerPixel", 1) != 1 or "MONOCHROME" not in photometric:
        raise files.InputError(
            f"{path} is in colour ({photometric}); expected one grey channel "
            "(MONOCHROME1 or MONOCHROME2). Leave out screen shots and reports.")
    bits = header.get("BitsAllocated", 16)
    if bits not in (8, 16):
        raise files.InputError(
            f"{path} has {bits} bits per pixel; expected 8 or 16. Leave it out.")


def _check_frame(header, frame, path):
    """Refuses a stack without a frame asked for, and frames that it lacks."""
    frames = int(header.get("NumberOfFrames", 1) or 1)
    if frame is None and frames > 1:
        raise files.InputError(
            f"{path} is a stack of {frames} frames (tomosynthesis); expected one "
            "two-dimensional mammogram. Use the two-dimensional or synthetic image of "
            "the study, or ask for a frame.")
    if frame is not None and not 0 <= frame < frames:
        raise files.InputError(
            f"{path} has no frame {frame}; it has {frames}, counted from 0.")


def _check_decoder(header, path):
    """Refuses a compression that cannot be decoded here, and says what to install."""
    syntax = header.file_meta.TransferSyntaxUID
    try:
        decoder = pydicom.pixels.get_decoder(syntax)
    except NotImplementedError:
        raise files.InputError(
            f"{path} is stored as {syntax.name}, which holds no still image; export it "
            "as JPEG 2000 or uncompressed.") from None
    if not decoder.is_available:
        package = DECODER_PACKAGES.get(syntax, DEFAULT_DECODER_PACKAGE)
        raise files.InputError(
            f"{path} is compressed as {syntax.name}, for which no decoder is "
            f"installed; run: pip install {package}")


def _decode(header, path, frame):
    """The stored values of one frame, `(rows, columns)`."""
    whole = pydicom.dcmread(path, force=True)
    whole.file_meta = header.file_meta
    if header.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_codestream(whole, path, frame)
    # What lies above the stored bits of unsigned values is judged in dicom_grey; of
    # signed ones it is the sign.
    raw = pydicom.pixels.pixel_array(
        whole, index=frame or 0,
        correct_unused_bits=header.get("PixelRepresentation", 0) == 1)
    if raw.shape != (header.Rows, header.Columns):
        raise files.InputError(
            f"{path} declares {header.Columns} x {header.Rows} pixels, but holds an "
            f"array of shape {raw.shape}; export it again.")
    return raw


def _check_codestream(whole, path, frame):
    """Refuses a JPEG whose own size is another than the declared one.

    Decoders take memory for the size within the compressed stream, which can be
    enormous in a tiny file.
    """
    frames = int(whole.get("NumberOfFrames", 1) or 1)
    size = codestream_size(pydicom.encaps.get_frame(
        whole.PixelData, frame or 0, number_of_frames=frames))
    if size is not None and size != (whole.Rows, whole.Columns):
        raise files.InputError(
            f"{path} declares {whole.Columns} x {whole.Rows} pixels, but its "
            f"compressed image has {size[1]} x {size[0]}; export it again.")


def codestream_size(stream):
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


def _kind_name(header):
    name = pydicom.uid.UID(str(header.get("SOPClassUID", "") or "")).name
    return name or f"modality {header.get('Modality', 'unknown')}"


def _values(header, keyword):
    """The values of an element as a list, empty where it is missing."""
    value = header.get(keyword)
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _reason(error):
    """The first sentence of an error, short enough for one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
