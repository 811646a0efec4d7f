"""What kind of picture the tags of a DICOM file say it is."""

import collections.abc
import math
import re

import pydicom

from end2end.tables import words

# By code value, whatever the designator: SNOMED CT and old SRT codes of PS3.16 CID 4014
# (views) and 4015 (modifiers).
VIEW_CODES = {
    "399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO",
    "399260004": "ML", "R-10224": "ML", "399352003": "LM", "R-10228": "LM",
    "399099002": "LMO", "R-10230": "LMO", "399192008": "XCCL", "R-1024A": "XCCL",
    "399101009": "XCCM", "R-1024B": "XCCM", "399196006": "FB", "R-10244": "FB",
    "399188001": "SIO", "R-102D0": "SIO", "441555000": "ISO", "R-40AAA": "ISO",
    "127457009": "SPECIMEN", "G-8310": "SPECIMEN",
}
MODIFIER_CODES = {
    "399055006": "spot", "R-102D7": "spot", "399163009": "magnified",
    "R-102D6": "magnified", "399209000": "implant displaced",
    "R-102D5": "implant displaced", "399197002": "rolled", "R-102D3": "rolled",
    "399226006": "rolled", "R-102D4": "rolled", "415670009": "rolled",
    "R-102C9": "rolled", "414493004": "rolled", "R-102CA": "rolled",
    "399161006": "cleavage", "R-102D2": "cleavage", "399011000": "axillary tail",
    "R-102D1": "axillary tail", "442580003": "axillary tissue",
    "399110001": "tangential", "R-102C2": "tangential",
    "442581004": "nipple in profile", "441752004": "anterior compression",
    "442593008": "infra-mammary fold",
}
# Words in the meaning of a code whose value is not known.
MODIFIER_MEANINGS = {
    "SPOT": "spot", "MAGNIF": "magnified", "IMPLANT DISPLACED": "implant displaced",
    "EKLUND": "implant displaced", "PUSH": "implant displaced"}
# More than this is a magnification view; contact images have up to some 1.1.
MAGNIFIED = 1.2
# By distances, which some devices measure to the breast support: more than this.
FAR_FROM_CONTACT = 1.4
LONGEST_DESCRIPTION = 128

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
STACK = "1.2.840.10008.5.1.4.1.1.13.1.3"
PROJECTIONS = ("1.2.840.10008.5.1.4.1.1.13.1.4", "1.2.840.10008.5.1.4.1.1.13.1.5")
SYNTHETIC_TYPES = {
    "GENERATED_2D", "TOMO_2D", "C-VIEW", "CVIEW", "SYNTHETIC", "SYNTHETIC_2D", "S2D",
    "SYNTHESIZED_2D", "S-VIEW", "SVIEW", "INSIGHT_2D", "V-PREVIEW", "INTELLIGENT_2D"}
PROJECTION_TYPES = {"TOMO_PROJ"}
TOMO_TYPES = {"TOMO", "TOMOSYNTHESIS", "TOMO_SLICE", "BTO"}
RECOMBINED_TYPES = {"RECOMBINED", "SUBTRACTION", "SUBTRACTED", "DES"}
LOW_ENERGY_TYPES = {"LOW_ENERGY", "LOWENERGY"}
HIGH_ENERGY_TYPES = {"HIGH_ENERGY", "HIGHENERGY"}
MAGNIFIED_TYPES = {"MAG", "MAGNIFIED", "MAGNIFICATION"}


# Texts that describe how one image was taken, and not the whole study.
TECHNIQUE = ("SeriesDescription", "DerivationDescription", "ProtocolName",
             "PaddleDescription", "ImageComments",
             "AcquisitionDeviceProcessingDescription")
# Protocols and paddles of a sweep are those of its two-dimensional image too.
MAKING = (*TECHNIQUE[:2], *TECHNIQUE[4:])


def _words(pattern, keywords=TECHNIQUE[:2]):
    """A test of whole words in the description of the series or of the derivation."""
    regex = re.compile(rf"(?<![A-Z0-9])(?:{pattern})(?![A-Z0-9])", re.I)
    return lambda header: any(
        regex.search(text) for text in descriptions(header, keywords))


def _types(known):
    return lambda header: bool(known & image_types(header))


def _slice(header):
    """Single slices; `tomo` in descriptions also stands on two-dimensional images."""
    sop_class = str(header.get("SOPClassUID", "") or "")
    # A projection has no place in a volume.
    placed = sum(str(header.get(keyword) or "") not in ("", "0") for keyword in (
        "SliceThickness", "SliceLocation", "ImagePositionPatient"))
    return (sop_class in (CT, ENHANCED_CT, STACK) or _frames(header) > 1
            or bool(TOMO_TYPES & image_types(header)) or placed > 1)


def _frames(header):
    try:
        return int(header.get("NumberOfFrames") or 1)
    except (TypeError, ValueError):
        return 1


def _magnification(header):
    """The factor that is stated, else that of the distances where it is no contact
    image's."""
    factor = _number(header, "EstimatedRadiographicMagnificationFactor")
    if factor:
        return factor
    far = _number(header, "DistanceSourceToDetector")
    near = _number(header, "DistanceSourceToPatient")
    return far / near if near and far / near > FAR_FROM_CONTACT else 1.0


def _number(header, keyword):
    try:
        value = float(str(header.get(keyword) or 0).replace(",", "."))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0


def _modified(modifier):
    return lambda header: modifier in modifiers(header)


def _specimen(header):
    part = words.cleaned(header.get("BodyPartExamined"), LONGEST_DESCRIPTION)
    return (bool(header.get("SpecimenDescriptionSequence"))
            or "SPECIMEN" in part.upper() or view_of_codes(header) == "SPECIMEN"
            or words.view(words.cleaned(header.get("ViewPosition")))[1] == "SPECIMEN")


# Each row: kind, what in the header tells it. The first that applies counts; a row of
# the vendors' words is from memory where it says so.
RULES = (
    ("region", _words(r"cropped images|ROI mask images")),
    ("specimen", _specimen),
    ("specimen", _words(r"e?sp[eé]cimen|pr[aä]parat\w*", TECHNIQUE)),
    # Vendors' words, from memory.
    ("synthetic", _types(SYNTHETIC_TYPES)),
    ("synthetic", _words(
        r"C-?View|Intelligent 2D|S-?View|Insight 2D|V-Preview|Clarity 2D|S2D|"
        r"Synthetic|Synthesi[sz]ed|Generated 2D|synthetisch\w*|sint[eé]tic[ao]|"
        r"synth[eé]tique", MAKING)),
    ("slice", _slice),
    # `tomo` alone also stands on the two-dimensional image of a sweep.
    ("slice", _words(
        r"(?:tomo\w*|DBT|3D)[ _-]*(?:slices?|slabs?|planes?|recon\w*|stack|volume|"
        r"schicht\w*)|BTO|slabs?", MAKING)),
    ("projection", lambda header: str(header.get("SOPClassUID", "")) in PROJECTIONS),
    ("projection", _types(PROJECTION_TYPES)),
    ("recombined", _types(RECOMBINED_TYPES)),
    ("recombined", _words("recombined|subtraction|subtracted")),
    ("low energy", _types(LOW_ENERGY_TYPES)),
    ("low energy", _words("low[ _-]energy")),
    ("high energy", _types(HIGH_ENERGY_TYPES)),
    ("high energy", _words("high[ _-]energy")),
    ("spot", _modified("spot")), ("spot", _types({"SPOT"})),
    # English, German, French, Spanish and Italian.
    ("spot", _words(r"spot|zielaufnahme\w*|compression localis\w*|focali[sz]ad[ao]|"
                    r"compressione mirata", TECHNIQUE)),
    ("magnified", _modified("magnified")), ("magnified", _types(MAGNIFIED_TYPES)),
    ("magnified", lambda header: _magnification(header) > MAGNIFIED),
    ("magnified", _words(
        r"mag|magnif\w*|microfocus|vergr(?:ö|o|oe)\w*|agrandi\w*|ampliad[ao]|"
        r"ampliaci\w*|ingrandi\w*", TECHNIQUE)),
    ("implant displaced", _modified("implant displaced")),
    ("implant displaced", _words(r"implant displaced|Eklund")),
    ("other view", lambda header: bool(modifiers(header))),
)


# What else the tags may tell that makes an image no basis for a score. A study's
# description is not read: that of a biopsy names the images before and after it too.
CONDITION_TEXTS = (*TECHNIQUE, "PerformedProcedureStepDescription")
_implant = _words("implants?", CONDITION_TEXTS)
_contrast = _words(
    "contrast|contrast-?enhanced|CESM|CEDM|CEM", CONDITION_TEXTS)
CONDITIONS = {
    "implant": lambda header: (
        str(header.get("BreastImplantPresent", "") or "").strip().upper() == "YES"
        or kind(header) == "implant displaced" or _implant(header)),
    "needle": _words("biopsy|bx|stereota[a-z]*|needle|wire|locali[sz]ation",
                     CONDITION_TEXTS),
    "contrast": lambda header: bool(
        header.get("ContrastBolusAgent") or header.get("ContrastBolusAgentSequence")
        or kind(header) in ("recombined", "low energy", "high energy")
        or _contrast(header)),
}


def tagged(header: pydicom.Dataset) -> tuple[str, ...]:
    """The kind of an image that is no ordinary one, and the `CONDITIONS` that hold."""
    name = kind(header)
    conditions = [name for name, holds in CONDITIONS.items() if holds(header)]
    return (*([name] if name else []), *conditions)


def kind(header: pydicom.Dataset) -> str:
    """The kind of picture, a row of `tables.kinds`; empty for an ordinary one."""
    return next((name for name, applies in RULES if applies(header)), "")


def image_types(header: pydicom.Dataset) -> set[str]:
    """Values of ImageType, in capitals."""
    value = header.get("ImageType")
    values = [value] if isinstance(value, str) else list(value or ())
    return {str(value)[:words.LONGEST_WORD].strip().upper() for value in values}


def descriptions(header: pydicom.Dataset, keywords: collections.abc.Sequence[str]
                 ) -> list[str]:
    """Texts of the elements with these keywords, bounded."""
    return [words.cleaned(" ".join(values(header, keyword)), LONGEST_DESCRIPTION)
            for keyword in keywords]


def view_codes(header: pydicom.Dataset) -> list[pydicom.Dataset]:
    """Items of ViewCodeSequence, in the header or in its shared functional groups."""
    items = list(header.get("ViewCodeSequence") or ())
    for group in list(header.get("SharedFunctionalGroupsSequence") or ())[:1]:
        items += list(group.get("ViewCodeSequence") or ())
        for inner in group.get("XRay3DFrameTypeSequence") or ():
            items += list(inner.get("ViewCodeSequence") or ())
    return items


def view_of_codes(header: pydicom.Dataset) -> str:
    """The view by its code, else by the meaning of the code; empty where there is no
    known one."""
    items = view_codes(header)
    return next((view for view in (
        *(VIEW_CODES.get(_code(item)) for item in items),
        *(words.view(_meaning(item))[1] for item in items)) if view), "")


def modifiers(header: pydicom.Dataset) -> list[str]:
    """What the codes and ViewPosition say of how the view was taken.

    Modifiers lie within the items of ViewCodeSequence or, in some files, beside them. A
    code that is not known is given as `modified`.
    """
    names = [MODIFIER_CODES.get(_code(item)) or _modifier_meant(item)
             for holder in (header, *view_codes(header))
             for item in holder.get("ViewModifierCodeSequence") or ()]
    _, _, modifier = words.view(view_position(header))
    return [*names, *([modifier] if modifier else [])]


def _modifier_meant(item):
    meaning = _meaning(item).upper()
    return next((name for word, name in MODIFIER_MEANINGS.items() if word in meaning),
                "modified")


def view_position(header: pydicom.Dataset) -> str:
    """The text of ViewPosition without control characters."""
    return words.cleaned(header.get("ViewPosition"), words.LONGEST_WORD + 1)


def _code(item):
    return str(item.get("CodeValue", "") or "")[:words.LONGEST_WORD].strip()


def unusual(header: pydicom.Dataset) -> tuple[str, ...]:
    """Notes on what networks trained on ordinary screening views have not seen."""
    notes = []
    if kind(header) == "synthetic":
        notes.append("synthetic image made from tomosynthesis")
    for keyword, sentence in (("BreastImplantPresent", "breast implant"),
                              ("PartialView", "partial view"),
                              ("BurnedInAnnotation", "burned-in annotation")):
        if str(header.get(keyword, "") or "").strip().upper() == "YES":
            notes.append(sentence)
    factor = _magnification(header)
    if factor > MAGNIFIED:
        notes.append(f"magnified {factor:g} times")
    for holder in (header, *view_codes(header)):
        notes += [f"view modifier {_meaning(item)}"
                  for item in holder.get("ViewModifierCodeSequence") or ()]
    return tuple(dict.fromkeys(notes))


def _meaning(item):
    text = words.cleaned(item.get("CodeMeaning"), words.LONGEST_WORD)
    return text.lower() or "unnamed"


def values(header: pydicom.Dataset, keyword: str) -> collections.abc.Sequence[str]:
    """The values of an element as texts; empty where it is missing."""
    value = header.get(keyword)
    if value is None:
        return []
    return [str(value)] if isinstance(value, str) else [str(value) for value in value]
