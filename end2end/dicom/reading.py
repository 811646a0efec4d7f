"""One mammography DICOM to a grey array with side, view and what was done to it.

Everything that could be no mammogram is refused with one sentence; everything that was
done on the way to grey levels is in `Mammogram.notes`.
"""

import dataclasses
import os
import re

import numpy as np

from end2end.dicom import (
    acquisition,
    grey_levels,
    identity,
    kinds,
    known_values,
    parsing,
)
from end2end.tables import identity as identity_record
from end2end.tables import image_names
from end2end.utils import files

# Names of storage classes that are told apart by these, where no modality is given.
OTHER_KINDS = re.compile(r"CT|MR|Ultrasound|Nuclear|Positron|RT |Structured|Document")


@dataclasses.dataclass(frozen=True, eq=False)
class Mammogram:
    """One mammogram as read, with what is known of it.

    Attributes:
        path: text; empty for an array.
        pixels: array `(rows, columns)`, background dark. Unchanged uint8 or uint16
            where the file asks for no change; uint16 over the full range of 0-65535
            after a window or look-up table; float32 after a rescaling that leaves no
            whole numbers. None where they were set aside to save memory.
        identity: who and what it shows (`tables.identity.Identity`).
        notes: what was done on reading, and what is unusual, as short sentences.
        acquisition: film, digital or not known, from the tags (`acquisition.kind`) or
            the name.
        bits: that the file declares of the grey levels, 16 after a window; None where
            it says nothing (16 stored, rescaled, or values beyond what is declared).
        tagged: the kind of picture and conditions such as an implant that the tags
            tell (`kinds.tagged`).
    """

    path: str
    pixels: np.ndarray | None
    identity: identity_record.Identity = identity_record.Identity()
    notes: tuple = ()
    acquisition: str = acquisition.UNKNOWN
    tagged: tuple[str, ...] = ()
    bits: int | None = None

    @property
    def patient(self) -> str:
        """Number of the patient; empty where unknown."""
        return self.identity.patient

    @property
    def laterality(self) -> str:
        """`L`, `R`, or empty where unknown."""
        return self.identity.laterality

    @property
    def view(self) -> str:
        """`CC`, `MLO`, `ML`, `CC spot`, ...; empty where unknown."""
        return self.identity.view_cell


def read_dicom(path: str | os.PathLike, *, frame: int | None = None,
               manifest: dict | None = None, known_as: str = "") -> Mammogram:
    """Reads one mammogram from a DICOM file.

    Args:
        path: the file, with or without suffix and preamble.
        frame: index from 0 of the frame to take from a tomosynthesis stack.
        manifest: row of a manifest on it, or None.
        known_as: its name elsewhere, where the file is a copy.

    Returns:
        `Mammogram`.

    Raises:
        files.InputError: not readable, or no mammogram for presentation; the sentence
            says which and what to do.
    """
    with parsing.refusing(path):
        path = files.existing_file(path, "DICOM file")
        return _read(path, frame, manifest, known_as or path)


def read_identity(path: str | os.PathLike, *, manifest: dict | None = None
                  ) -> identity_record.Identity:
    """Who and what a DICOM file shows, without its pixels; see `read_dicom`.

    Raises:
        files.InputError: not readable.
    """
    with parsing.refusing(path):
        path = files.existing_file(path, "DICOM file")
        header, _ = parsing.read_header(path)
        return identity.of_header(header, path, manifest)


def pixel_hash(path: str | os.PathLike) -> str:
    """SHA-256 of the stored pixel data of a DICOM file, of all frames.

    Raises:
        files.InputError: not readable.
    """
    with parsing.refusing(path):
        return parsing.pixel_hash(files.existing_file(path, "DICOM file"))


def read_stored(path: str | os.PathLike) -> np.ndarray:
    """Reads the pixels of a DICOM file as stored: no window, no inversion, no question
    whether it is a mammogram.

    Returns:
        Integer array `(rows, columns)`.

    Raises:
        files.InputError: not readable, or no grey image of reasonable size.
    """
    path = files.existing_file(path, "DICOM file")
    with parsing.refusing(path):
        header, _ = parsing.read_header(path)
        _check_image(header, path)
        _check_frame(header, None, path)
        parsing.check_decoder(header, path)
        return parsing.decode(header, path, None)


def read_shape(path: str | os.PathLike) -> tuple[int, int]:
    """(rows, columns) that the header of a DICOM file declares; see `read_stored`."""
    path = files.existing_file(path, "DICOM file")
    with parsing.refusing(path):
        header, _ = parsing.read_header(path)
        _check_image(header, path)
        return int(header.Rows), int(header.Columns)


def _read(path, frame, manifest, known_as):
    header, notes = parsing.read_header(path)
    notes += _check_kind(header, path)
    _check_image(header, path)
    _check_frame(header, frame, path)
    parsing.check_decoder(header, path)
    raw = parsing.decode(header, path, frame)
    try:
        pixels, conversion, bits = grey_levels.to_grey(raw, header, frame)
    except grey_levels.Contradiction as error:
        raise files.InputError(f"{path} cannot be shown as grey levels: {error}") from (
            error)
    if grey_levels.looks_like_text(pixels):
        raise files.InputError(
            f"{path} shows lettering on an even ground and no breast; it is a text "
            "card or a label. Leave it out.")
    return Mammogram(
        path=str(path), pixels=pixels,
        identity=identity.of_header(header, known_as, manifest),
        notes=(*notes, *conversion, *kinds.unusual(header)),
        acquisition=acquisition.kind(header, path),
        tagged=kinds.tagged(header), bits=bits)


def _check_kind(header, path):
    """Refuses what is no mammogram for presentation; returns notes."""
    modality = str(header.get("Modality", "") or "").upper()
    kind = _kind_name(header)
    notes = []
    if not modality and not OTHER_KINDS.search(kind):
        notes.append("no modality given; taken for a mammogram")
    elif modality != "MG":
        if not _is_breast_export(header, modality, path):
            raise files.InputError(
                f"{path} is no mammogram: its modality is {_modality_name(header)}; "
                "expected MG. Leave it out.")
        notes.append(f"modality {modality}, but an export of a mammogram")
    intent = str(header.get("PresentationIntentType", "") or "").upper()
    if intent == "FOR PROCESSING" or "For Processing" in kind:
        raise files.InputError(
            f"{path} is a raw image FOR PROCESSING; expected one FOR PRESENTATION, "
            "which networks are trained on. Use its sibling for presentation.")
    if any("SCREEN" in value and "SAVE" in value
           for value in kinds.image_types(header)):
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
    return (_named_inbreast(path)
            or any(word in names for word in ("MATLAB", "BREAST", "MAMM")))


def _named_inbreast(path):
    name = image_names.statement(path)
    return name is not None and name.where["scheme"] == "INbreast"


def _check_image(header, path):
    """Refuses files without a grey image of 8 to 16 bits and a sensible size."""
    rows, columns = header.get("Rows"), header.get("Columns")
    if not rows or not columns:
        raise files.InputError(
            f"{path} holds no image ({_kind_name(header) or _modality_name(header)}); "
            "expected a mammogram. Leave it out.")
    if rows * columns > files.MAX_PIXELS:
        raise files.InputError(
            f"{path} declares {columns} x {rows} pixels, more than any mammogram has; "
            "leave it out.")
    photometric = str(header.get("PhotometricInterpretation", "MONOCHROME2")).upper()
    if header.get("SamplesPerPixel", 1) != 1 or (
            photometric not in grey_levels.SHAPES):
        name = known_values.quoted(photometric, known_values.INTERPRETATIONS)
        raise files.InputError(
            f"{path} is in colour ({name}); expected one grey channel (MONOCHROME1 or "
            "MONOCHROME2). Leave out screen shots and reports.")
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


def _kind_name(header):
    return known_values.name_of(str(header.get("SOPClassUID", "") or ""))


def _modality_name(header):
    modality = str(header.get("Modality", "") or "").upper()
    if not modality:
        return _kind_name(header) or "unknown"
    return known_values.quoted(modality, known_values.MODALITIES)
