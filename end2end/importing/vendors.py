"""Makers of mammography devices, by the words of tags and tables.

Other texts are not repeated: whatever stands in a tag may name a person or a hospital.
"""

import re

from end2end.dicom import parsing
from end2end.utils import files

OTHER = "other"
# The first that fits; words of the makers' own files and of published tables.
MAKERS = {
    "Hologic": r"hologic|lorad|selenia", "GE": r"\bge\b|general electric|senograph",
    "Siemens": r"siemens|mammomat", "Fujifilm": r"fuji", "Philips": r"philips|sectra",
    "IMS": r"\bims\b|i\.m\.s|giotto", "Planmed": r"planmed", "Agfa": r"agfa",
    "Carestream": r"carestream|kodak", "Konica Minolta": r"konica", "Metaltronica":
    r"metaltronica", "Canon": r"canon|toshiba", "Vieworks": r"vieworks", "MATLAB":
    r"matlab"}


def named(text: str) -> str:
    """The maker that a text names; `other` for any other, empty for an empty text."""
    if not text.strip():
        return ""
    return next((maker for maker, pattern in MAKERS.items()
                 if re.search(pattern, text, re.I)), OTHER)


def of_file(path: files.Path) -> str:
    """The maker by the tags of a DICOM file; empty where they do not say."""
    try:
        header, _ = parsing.read_header(files.existing_file(path))
    except (files.InputError, *parsing.READING_ERRORS):
        return ""
    return named(str(header.get("Manufacturer") or ""))
