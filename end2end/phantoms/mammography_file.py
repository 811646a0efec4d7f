"""Writes synthetic pictures as DICOM files of digital mammography."""

import pathlib

import numpy as np
import pydicom
import pydicom.uid
from numpy.typing import NDArray

from end2end.utils import files

FOR_PRESENTATION = pydicom.uid.DigitalMammographyXRayImageStorageForPresentation
# Code value and meaning of a view (PS3.16 CID 4014).
VIEW_CODES = {"CC": ("399162004", "cranio-caudal"),
              "MLO": ("399368009", "medio-lateral oblique"),
              "ML": ("399260004", "medio-lateral")}


def write(path: pathlib.Path, pixels: NDArray, tags: dict[str, object], *,
          bits: int = 12, inverted: bool = False, jpeg_2000: bool = False) -> None:
    """Writes a picture for presentation.

    Args:
        path: where.
        pixels: uint8 or uint16 array `(rows, columns)`, background dark.
        tags: DICOM keywords and values.
        bits: that are stored.
        inverted: as MONOCHROME1.
        jpeg_2000: compressed without loss, where an encoder is installed.
    """
    header = pydicom.dataset.FileMetaDataset()
    header.MediaStorageSOPClassUID = FOR_PRESENTATION
    header.MediaStorageSOPInstanceUID = tags["SOPInstanceUID"]
    header.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    content = pydicom.dataset.Dataset()
    content.file_meta = header
    content.SOPClassUID, content.Modality = FOR_PRESENTATION, "MG"
    content.PresentationIntentType = "FOR PRESENTATION"
    for keyword, value in tags.items():
        setattr(content, keyword, value)
    content.Rows, content.Columns = pixels.shape
    content.SamplesPerPixel = 1
    content.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    content.BitsAllocated, content.BitsStored = 8 * pixels.itemsize, bits
    content.HighBit, content.PixelRepresentation = bits - 1, 0
    stored = (1 << bits) - 1 - pixels if inverted else pixels
    stored = np.ascontiguousarray(stored, pixels.dtype)
    content.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    content["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
    if jpeg_2000 and pydicom.pixels.get_encoder(
            pydicom.uid.JPEG2000Lossless).is_available:
        # No pixel changes, and the same seed gives the same file.
        content.compress(pydicom.uid.JPEG2000Lossless, stored,
                         generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as part:
        content.save_as(part, enforce_file_format=True)


def view_codes(view: str) -> pydicom.Sequence:
    """ViewCodeSequence of a view."""
    item = pydicom.dataset.Dataset()
    item.CodeValue, item.CodeMeaning = VIEW_CODES[view]
    item.CodingSchemeDesignator = "SCT"
    return pydicom.Sequence([item])


def hexadecimal(rng: np.random.Generator, length: int = 32) -> str:
    """A random text of hexadecimal digits."""
    return "".join("0123456789abcdef"[digit] for digit in rng.integers(0, 16, length))


def uid(rng: np.random.Generator) -> str:
    """A random unique identifier."""
    return "2.25." + str(int(rng.integers(1, 2**62)))
