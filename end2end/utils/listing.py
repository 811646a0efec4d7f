"""Which files of a folder are images, by their content, and why others are not."""

import dataclasses
import os
import pathlib
import re

DICOM_SUFFIXES = (".dcm", ".dicom")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".tif", ".tiff", *DICOM_SUFFIXES)
DICOM = "DICOM"
WITHOUT_IMAGE = "DICOM without image"
HIDDEN, NO_IMAGE = "hidden", "no image"
# Links to folders are not followed, for they may lead round in circles.
LINK = "link to a folder"
PACKED = "packed, to be unpacked first"

# First bytes of ZIP, gzip, 7z, bzip2 and xz.
PACKINGS = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")

# First bytes of image files, whatever their suffix.
MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"))
PORTABLE = re.compile(rb"P[2356]\s")
# DICOM classes without pixels: directory, presentation states, waveforms, reports,
# documents, radiotherapy plans, hanging protocols.
NO_PIXELS = re.compile(
    r"1\.2\.840\.10008\.(?:1\.3\.10$|5\.1\.4\.(?:1\.1\.(?:9|11|88|104|78|79|80|481\.[^12]"
    r")(?:\.|$)|1\.1\.66(?:\.[12356])?$|38|39|43|44|45|5\.1))")
BYTES = 4096
KINDS_OF_VALUES = re.compile(rb"[A-Z]{2}")


@dataclasses.dataclass(frozen=True)
class Survey:
    """Files below a folder.

    Attributes:
        images: paths, sorted; those that turn out to be broken too.
        left: pairs of path and reason, of the files that are not looked at.
        refused: pairs of path and reason, of images with names that cannot be used.
    """

    images: list
    left: list
    refused: list = dataclasses.field(default_factory=list)


def survey(folder: pathlib.Path) -> Survey:
    """Sorts the files below a folder into images and others.

    Files with the suffix of an image are images by their name, and refused later where
    they are none; folders of such names are walked. All others are known by their first
    bytes.

    Args:
        folder: its own name does not matter, hidden or not.
    """
    images, left = [], []
    for place, folders, names in os.walk(folder):
        place = pathlib.Path(place)
        left += [(place / name, LINK) for name in folders
                 if os.path.islink(place / name)]
        hidden = any(map(_is_hidden, place.relative_to(folder).parts))
        for name in names:
            path = place / name
            reason = HIDDEN if hidden or _is_hidden(name) else _reason(path)
            if reason is None:
                images.append(path)
            else:
                left.append((path, reason))
    return Survey(sorted(images, key=in_order),
                  sorted(left, key=lambda one: in_order(one[0])))


def in_order(path: pathlib.Path) -> tuple[str, ...]:
    """A key by which paths are sorted as by themselves, several times as fast."""
    return path.parts


def _is_hidden(name):
    return name.startswith(".") or name == "__MACOSX"


def _reason(path):
    """Why a file is not looked at; None for an image."""
    if not path.is_file():
        return NO_IMAGE
    suffix = path.suffix.lower()
    if suffix in SUFFIXES and suffix not in DICOM_SUFFIXES:
        return None
    start = beginning(path)
    kind = image_kind(start)
    if kind == DICOM and NO_PIXELS.match(sop_class(start)):
        return WITHOUT_IMAGE
    if kind or suffix in SUFFIXES:
        return None
    return PACKED if start.startswith(PACKINGS) else NO_IMAGE


def beginning(path: pathlib.Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(BYTES)
    except OSError:
        return b""


def image_kind(start: bytes) -> str:
    """The format that a file begins as: `DICOM`, `PNG`, ...; empty for none.

    Args:
        start: its first bytes (`beginning`).
    """
    if start[128:132] == b"DICM" or _bare_dicom(start):
        return DICOM
    for magic, name in MAGIC:
        if start.startswith(magic):
            return name
    if start[:2] == b"BM" and start[6:10] == b"\0" * 4:
        return "BMP"
    return "PNM" if PORTABLE.match(start) else ""


def _bare_dicom(start):
    """DICOM without preamble: an element of group 0002 or 0008 with a fitting length,
    then a class of images or the number of rows."""
    if start[:2] not in (b"\x02\0", b"\x08\0") or len(start) < 16:
        return False
    length = int.from_bytes(start[4:8], "little")
    plausible = KINDS_OF_VALUES.match(start[4:6]) or length <= BYTES
    return bool(plausible) and (sop_class(start) != "" or b"\x28\0\x10\0" in start)


def sop_class(start: bytes) -> str:
    """SOP class in the first bytes of a DICOM file; empty where it is not there."""
    for tag in (b"\x02\0\x02\0", b"\x08\0\x16\0"):
        place = start.find(tag)
        if place >= 0:
            explicit = start[place + 4:place + 6] == b"UI"
            low = place + (6 if explicit else 4)
            length = int.from_bytes(start[low:low + (2 if explicit else 4)], "little")
            text = start[place + 8:place + 8 + min(length, 64)]
            return text.rstrip(b"\0 ").decode("ascii", "replace")
    return ""
