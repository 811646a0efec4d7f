"""Side, view and patient of a mammogram, from tags, codes and names."""

import re

INBREAST_NAME = re.compile(
    r"_(?P<patient>[0-9a-f]{16})_MG_(?P<side>[LR])_(?P<view>CC|ML|FB)_ANON", re.I)

# `Mass-Training_P_00001_LEFT_CC_1`: what CBIS-DDSM gives as patient and as folder.
CBIS_NAME = re.compile(
    r"(?P<patient>P_\d{5})_(?P<side>LEFT|RIGHT)_(?P<view>CC|MLO)(?![A-Z])", re.I)

# `L_CC`, `left-mlo`, `RCC` and the like, as a word of a file name.
PLAIN_NAME = re.compile(
    r"(?<![A-Z])(?P<side>LEFT|RIGHT|L|R)[-_. ]?(?P<view>CC|MLO)(?![A-Z])", re.I)

# (coding scheme's code, old SRT code) of the two views, PS3.16 CID 4014.
VIEW_CODES = {"399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO"}

NO_PATIENT = ("", "removed", "anonymous", "anonymized", "anonymised", "anon", "unknown")


def side_and_view(header, path):
    """Side and view, from tags, then codes, then names.

    Args:
        header: pydicom data set.
        path: of the file; its name and the three folders above are read.

    Returns:
        "L", "R" or None; "CC", "MLO" or None; notes.
    """
    notes = []
    named = _from_names(header, path)
    side = _tagged_side(header)
    if side is None and named:
        side = named["side"][0].upper()
        notes.append("side from the name")
    view, other = _tagged_view(header)
    if view is None and other:
        notes.append(f"view {other}, neither CC nor MLO")
    elif view is None and named:
        # INbreast writes ML for its mediolateral oblique views.
        view = {"CC": "CC", "MLO": "MLO", "ML": "MLO"}.get(named["view"].upper())
        notes.append("view from the name")
    if side is None:
        notes.append("side unknown")
    if view is None and not other:
        notes.append("view unknown")
    return side, view, tuple(notes)


def _tagged_side(header):
    groups = [header]
    for keyword in ("SharedFunctionalGroupsSequence",
                    "PerFrameFunctionalGroupsSequence"):
        for item in list(header.get(keyword) or [])[:1]:
            groups += list(item.get("FrameAnatomySequence") or [])
    for keyword in ("ImageLaterality", "Laterality", "FrameLaterality"):
        for group in groups:
            text = str(group.get(keyword, "") or "").strip().upper()
            if text[:1] in ("L", "R"):
                return text[0]
    return None


def _tagged_view(header):
    """The view if it is CC or MLO, and else the text of another view or None."""
    text = str(header.get("ViewPosition", "") or "").strip().upper()
    if text:
        return (text, None) if text in ("CC", "MLO") else (None, text)
    codes = list(header.get("ViewCodeSequence") or [])
    for code in codes:
        view = VIEW_CODES.get(str(code.get("CodeValue", "")))
        if view:
            return view, None
    if codes:
        return None, str(codes[0].get("CodeMeaning", "") or "coded")
    # CBIS-DDSM has its view in the orientation.
    orientation = header.get("PatientOrientation")
    values = [orientation] if isinstance(orientation, str) else list(orientation or [])
    for value in values:
        if str(value).upper() in ("CC", "MLO"):
            return str(value).upper(), None
    return None, None


def _from_names(header, path):
    """The first name that tells side and view, as a match of a pattern, or None."""
    texts = [path.name, str(header.get("PatientID", "") or ""),
             *(folder.name for folder in list(path.absolute().parents)[:3])]
    for pattern in (INBREAST_NAME, CBIS_NAME):
        for text in texts:
            match = pattern.search(text)
            if match:
                return match
    return PLAIN_NAME.search(path.stem)


def patient_id(header, path):
    """Who it is: the person of CBIS-DDSM and INbreast, else `PatientID`, or None."""
    text = str(header.get("PatientID", "") or "").strip()
    person = CBIS_NAME.search(text) or INBREAST_NAME.search(path.name)
    if person:
        return person["patient"]
    return None if text.lower() in NO_PATIENT else text


def unusual(header):
    """Notes on what networks trained on ordinary screening views have not seen."""
    notes = []
    image_type = "\\".join(map(str, header.get("ImageType") or ())).upper()
    if any(word in image_type for word in ("GENERATED_2D", "TOMO_2D", "C-VIEW")):
        notes.append("synthetic image made from tomosynthesis")
    if str(header.get("BreastImplantPresent", "") or "").upper() == "YES":
        notes.append("breast implant")
    if str(header.get("PartialView", "") or "").upper() == "YES":
        notes.append("partial view")
    if str(header.get("BurnedInAnnotation", "") or "").upper() == "YES":
        notes.append("burned-in annotation")
    try:
        factor = float(header.get("EstimatedRadiographicMagnificationFactor") or 1)
    except (TypeError, ValueError):
        factor = 1.0
    if factor > 1.2:
        notes.append(f"magnified {factor:g} times")
    # Magnification, spot compression, displaced implant and the like.
    for item in (header, *(header.get("ViewCodeSequence") or [])):
        notes += [f"view modifier {str(code.get('CodeMeaning', 'unnamed')).lower()}"
                  for code in item.get("ViewModifierCodeSequence") or []]
    return tuple(notes)
