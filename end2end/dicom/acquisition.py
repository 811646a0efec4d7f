"""How a picture was taken, from the tags: film or digital, and the scanner.

The real files of CBIS-DDSM are Secondary Captures whose ConversionType is WSD
(workstation), which tells nothing; they are known by their names.
"""

import pathlib
import re

import pydicom
import pydicom.uid

from end2end.tables import image_names

FILM, DIGITAL, UNKNOWN = "film", "digital", "not known"

# Storage classes of digital detectors and of storage phosphor plates (PS3.4 B.5).
DIGITAL_CLASSES = (
    pydicom.uid.DigitalMammographyXRayImageStorageForPresentation,
    pydicom.uid.DigitalMammographyXRayImageStorageForProcessing,
    pydicom.uid.BreastTomosynthesisImageStorage,
    pydicom.uid.BreastProjectionXRayImageStorageForPresentation,
    pydicom.uid.BreastProjectionXRayImageStorageForProcessing,
    pydicom.uid.ComputedRadiographyImageStorage)

# Digitised film, scanned document (PS3.3 C.8.6.1).
FILM_CONVERSIONS = ("DF", "SD")
# Radiographic imaging, conventional film or screen (PS3.3 C.7.3.1.1.1).
FILM_MODALITIES = ("RG",)

# Detectors that are no film (PS3.3 C.8.11.4.1).
DIGITAL_DETECTORS, FILM_DETECTORS = ("DIRECT", "SCINTILLATOR", "STORAGE"), ("FILM",)

# `Mass-Training_P_00001_LEFT_CC`: a name that only CBIS-DDSM gives.
FILM_NAME = re.compile(r"(?:Mass|Calc)-(?:Training|Test)_P_\d{5}", re.I)


def kind(header: pydicom.Dataset, path: pathlib.Path) -> str:
    """Film or digital, as far as tags and names say.

    Args:
        header: the data set.
        path: of the file.

    Returns:
        `FILM`, `DIGITAL` or `UNKNOWN`, also where they contradict each other.
    """
    detector = _text(header, "DetectorType").upper()
    film = (_text(header, "ConversionType").upper() in FILM_CONVERSIONS
            or _text(header, "Modality").upper() in FILM_MODALITIES
            or detector in FILM_DETECTORS
            or FILM_NAME.search(_text(header, "PatientID")) is not None)
    digital = (_text(header, "SOPClassUID") in DIGITAL_CLASSES
               or detector in DIGITAL_DETECTORS
               or bool(_text(header, "DetectorID")))
    tagged = {name for name, said in ((FILM, film), (DIGITAL, digital)) if said}
    return _agreed(tagged | ({kind_of_name(path.name)} - {UNKNOWN}))


def kind_of_name(name: str) -> str:
    """Film or digital by a name of CBIS-DDSM or INbreast, else `UNKNOWN`."""
    inbreast = image_names.SCHEMES["INbreast"].regex
    return _agreed({kind for kind, pattern in (
        (FILM, FILM_NAME), (DIGITAL, inbreast)) if pattern.search(name)})


def scanner(header: pydicom.Dataset) -> str:
    """Maker and model of the device, as far as the file says; else an empty text."""
    names = (_text(header, "Manufacturer"), _text(header, "ManufacturerModelName"))
    return " ".join(name for name in names if name)


def _agreed(kinds):
    return next(iter(kinds)) if len(kinds) == 1 else UNKNOWN


def _text(header, keyword):
    return str(header.get(keyword, "") or "").strip()
