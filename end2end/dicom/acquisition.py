"""How a picture was taken, from the tags: film or digital, scanner, and special kinds.

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

# Words by which makers name pictures that are no screening views, in the texts of
# `NAMING`. A study's description is not read: that of a biopsy names the pictures
# before and after it too.
NAMING = ("ImageType", "SeriesDescription", "ProtocolName", "ImageComments",
          "AcquisitionDeviceProcessingDescription", "ViewPosition", "PaddleDescription",
          "BodyPartExamined", "PerformedProcedureStepDescription")
SPECIAL_WORDS = (
    ("implant", r"IMPLANT"),
    ("spot", r"SPOT"),
    ("magnified", r"MAGNIF|(?<![A-Z])MAG(?![A-Z])|MICROFOCUS"),
    ("specimen", r"SPECIMEN|(?<![A-Z])SPECI?(?![A-Z])"),
    ("needle", r"BIOPSY|(?<![A-Z])BX(?![A-Z])|STEREOTA|NEEDLE|(?<![A-Z])WIRE"
               r"|LOCALI[SZ]ATION"),
    ("contrast", r"CONTRAST|CESM|CEDM|CEM(?![A-Z])|LOW_ENERGY|RECOMBINED|SUBTRACT"),
    ("slice", r"TOMOSYNTHESIS|TOMO_PROJ|(?<![A-Z])(?:DBT|SLICE)(?![A-Z])"))
# Words of pictures computed from slices, which are whole views.
SYNTHETIC = re.compile(r"GENERATED_2D|TOMO_2D|C-VIEW|CVIEW|INTELLIGENT 2D|INSIGHT 2D")
# Above this factor a view is a magnification.
MAGNIFIED = 1.2


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


def special(header: pydicom.Dataset) -> tuple[str, ...]:
    """Why a picture is no screening view, as far as its tags say.

    Args:
        header: the data set.

    Returns:
        Names from `SPECIAL_WORDS`, each once, in that order.
    """
    text = " ".join(_joined(header, keyword) for keyword in NAMING)
    text = " ".join((text, *_modifiers(header))).upper()
    stated = {
        "implant": _text(header, "BreastImplantPresent").upper() == "YES",
        "magnified": magnification(header) > MAGNIFIED,
        "specimen": bool(header.get("SpecimenDescriptionSequence")),
        "contrast": bool(_text(header, "ContrastBolusAgent")
                         or header.get("ContrastBolusAgentSequence")),
        "slice": _is_slice(header)}
    whole = SYNTHETIC.search(text) is not None
    return tuple(
        name for name, pattern in SPECIAL_WORDS
        if (stated.get(name) or re.search(pattern, text))
        and not (name == "slice" and whole))


def magnification(header: pydicom.Dataset) -> float:
    """The stated magnification factor, 1 where there is none."""
    try:
        return float(header.get("EstimatedRadiographicMagnificationFactor") or 1)
    except (TypeError, ValueError):
        return 1.0


def _is_slice(header):
    name = pydicom.uid.UID(_text(header, "SOPClassUID")).name
    frames = _text(header, "NumberOfFrames")
    return ("Tomosynthesis" in name or "Breast Projection" in name
            or (frames.isdigit() and int(frames) > 1))


def _modifiers(header):
    """Meanings of the codes that modify a view."""
    for item in (header, *(header.get("ViewCodeSequence") or [])):
        for code in item.get("ViewModifierCodeSequence") or []:
            yield str(code.get("CodeMeaning", ""))


def _joined(header, keyword):
    value = header.get(keyword)
    if value is None or isinstance(value, str):
        return value or ""
    return " ".join(map(str, value)) if hasattr(value, "__iter__") else str(value)


def _agreed(kinds):
    return next(iter(kinds)) if len(kinds) == 1 else UNKNOWN


def _text(header, keyword):
    return str(header.get(keyword, "") or "").strip()
