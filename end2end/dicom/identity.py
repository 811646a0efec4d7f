"""What the tags and codes of a DICOM file say of patient, exam, side and view."""

import pathlib
import re

import pydicom

from end2end.dicom import kinds
from end2end.tables import identity, image_names, manifests, vocabulary, words

# Hung as a radiologist looks at it (IHE Mammography Image profile, from memory): the
# left breast with the chest wall to the left. Other pairs are mirrored or turned.
SIDES_BY_ORIENTATION = {
    ("A", "R"): "L", ("A", "FR"): "L", ("A", "F"): "L",
    ("P", "L"): "R", ("P", "FL"): "R", ("P", "F"): "R"}
# That of the series may be empty or stale.
LATERALITIES = ("ImageLaterality", "Laterality", "FrameLaterality")
# Vendors' texts on one image.
DESCRIPTIONS = ("AcquisitionDeviceProcessingDescription", "SeriesDescription",
                "ProtocolName")
DESCRIBED_VIEWS = ("CC", "MLO", "ML", "LM", "LMO", "XCCL", "XCCM")
DIVIDED_VIEW = re.compile(r"CRANIO CAUDAL|MEDIO LATERAL OBLIQUE|MEDIOLATERAL OBLIQUE|"
                          r"MEDIO LATERAL|LATERO MEDIAL")
DAYS = ("StudyDate", "AcquisitionDate", "ContentDate")
AGE = re.compile(r"(?P<years>\d{1,3})Y?", re.I)
TIMES = (("AcquisitionDate", "AcquisitionTime"), ("ContentDate", "ContentTime"))


def statement(header: pydicom.Dataset) -> identity.Statement:
    """What the tags say of an image.

    Args:
        header: data set of a DICOM file, without pixels.

    Returns:
        `Statement`; texts of tags are bounded and without control characters.
    """
    fields, where, notes = {}, {}, []
    for reader in (_patient, _exam, _side_and_view, _kind, _order):
        reader(header, fields, where, notes)
    return identity.Statement(identity.TAGS, fields, where, tuple(notes))


def of_header(header: pydicom.Dataset, path: pathlib.Path,
              manifest: dict | None = None) -> identity.Identity:
    """The identity of a DICOM file, of its manifest's row, its tags and its name.

    Args:
        header: data set without pixels.
        path: of the file.
        manifest: row of a manifest (`manifests.rows`), or None.
    """
    from_tags = statement(header)
    identified = identity.merged(path, [*manifests.around(path, manifest), from_tags])
    missing = [f"{word} from the name" for name, word in (
        ("laterality", "side"), ("view", "view"))
        if identified.read_from.get(name, "").startswith(identity.NAME)]
    return identified.noted(*missing)


def _text(header, keyword, longest=words.LONGEST_IDENTIFIER):
    value = header.get(keyword)
    if isinstance(value, pydicom.multival.MultiValue):
        value = "\\".join(map(str, value))
    return words.cleaned(value, longest)


def _patient(header, fields, where, notes):
    text = _text(header, "PatientID")
    scheme, subject = image_names.subject(text)
    if subject:
        # The set's own number of the woman, and not that of the image around it.
        fields |= subject
        where |= {name: f"PatientID ({scheme})" for name in subject}
        where["scheme"] = scheme
    elif not words.is_placeholder(text):
        fields |= dict(patient=text, namespace=_text(header, "IssuerOfPatientID"))
        where["patient"] = "PatientID"
    birth = vocabulary.day(_text(header, "PatientBirthDate"))
    fields |= dict(birth_date="" if birth is None else birth.isoformat(),
                   person=_person(header, text))


def _person(header, number):
    """The words of the patient's name, without what is no name."""
    text = _text(header, "PatientName").casefold()
    parts = text.replace("^", " ").replace("=", " ").replace(",", " ").split()
    kept = [part for part in parts if not words.is_placeholder(part)]
    if " ".join(parts) == number.casefold() or words.is_placeholder(text):
        return ""
    return " ".join(part for part in kept if part != number.casefold())


def _exam(header, fields, where, notes):
    texts = {name: _text(header, name) for name in ("StudyInstanceUID",
                                                    "AccessionNumber")}
    days = {name: vocabulary.day(_text(header, name)) for name in DAYS}
    fields["day"] = next(filter(None, days.values()), None)
    texts |= {name: day.strftime("%Y%m%d") for name, day in days.items() if day}
    for keyword, text in texts.items():
        if text and not words.is_placeholder(text):
            fields["exam"], where["exam"] = text, keyword
            break
    age = AGE.fullmatch(_text(header, "PatientAge", words.LONGEST_WORD))
    if age and fields["day"]:
        fields["birth_year"] = fields["day"].year - int(age["years"])
    fields["image"] = _text(header, "SOPInstanceUID", words.LONGEST_WORD)


def _side_and_view(header, fields, where, notes):
    text = kinds.view_position(header)
    side_of_view, view, _ = words.view(text)
    code = kinds.view_of_codes(header)
    orientation = tuple(value.strip().upper() for value in kinds.values(
        header, "PatientOrientation"))
    described = _described(header)
    _put_side(fields, where, notes, _sides(header) | {
        "ViewPosition": side_of_view,
        "PatientOrientation": SIDES_BY_ORIENTATION.get(orientation, ""),
        **{keyword: side for keyword, (side, _) in described.items()}})
    if view and code not in ("", view):
        notes.append(f"view {view} by ViewPosition, {code} by ViewCodeSequence; "
                     "ViewPosition is taken")
    if text and not view:
        notes.append("ViewPosition is no known word")
        fields["kind"] = "other view"
    # CBIS-DDSM has its view in the orientation.
    _put(fields, where, "view", (view, "ViewPosition"), *(() if text else (
        (code, "ViewCodeSequence"),
        (next((word for word in orientation if word in ("CC", "MLO")), ""),
         "PatientOrientation"),
        *((view, keyword) for keyword, (_, view) in described.items()))))
    if fields.get("view") == "SPECIMEN":
        fields["view"] = ""
    for name, word in (("laterality", "side"), ("view", "view")):
        if where.get(name) in DESCRIPTIONS or (
                name == "laterality" and where.get(name) == "PatientOrientation"):
            notes.append(f"{word} from {where[name]}")


def _put_side(fields, where, notes, sides):
    """The first side that a tag says, and a note on each tag that says the other."""
    if fields.get("laterality"):
        sides[where["laterality"]] = fields["laterality"]
    _put(fields, where, "laterality", *((side, name) for name, side in sides.items()))
    first, source = fields.get("laterality", ""), where.get("laterality", "")
    # An orientation says how the picture lies: it may be mirrored.
    notes += [f"side {first} by {source}, {side} "
              f"{'by' if keyword in LATERALITIES else 'in'} {keyword}; {source} is "
              "taken"
              for keyword, side in sides.items()
              if keyword != "PatientOrientation" and side not in ("", first)]


def _described(header):
    """Side and view in texts that describe the image, by keyword; those of a text that
    names two are none."""
    described = {}
    for keyword in DESCRIPTIONS:
        text = DIVIDED_VIEW.sub(
            lambda match: match[0].replace(" ", ""), re.sub(
                r"[^A-Z0-9]+", " ", _text(header, keyword, 128).upper()))
        sides, views = set(), set()
        previous = ""
        for word in text.split():
            side, view, _ = words.view(word)
            if view in DESCRIBED_VIEWS:
                views.add(view)
                sides.add(side or words.side(previous))
            elif word in ("LEFT", "RIGHT") or previous in DESCRIBED_VIEWS:
                sides.add(words.side(word))
            previous = word
        sides -= {""}
        described[keyword] = (sides.pop() if len(sides) == 1 else "",
                         views.pop() if len(views) == 1 else "")
    return described


def _put(fields, where, name, *candidates):
    """The first candidate that says something; the tags win over PatientID."""
    for value, keyword in candidates:
        if value:
            fields[name], where[name] = value, keyword
            return


def _sides(header):
    """The side by each of `LATERALITIES`, empty where it does not tell."""
    groups = [header]
    for keyword in ("SharedFunctionalGroupsSequence",
                    "PerFrameFunctionalGroupsSequence"):
        for item in list(header.get(keyword) or [])[:1]:
            groups += list(item.get("FrameAnatomySequence") or [])
    return {keyword: next(filter(None, (words.side(_text(
        group, keyword, words.LONGEST_WORD)) for group in groups)), "")
        for keyword in LATERALITIES}


def _kind(header, fields, where, notes):
    kind = kinds.kind(header) or fields.get("kind", "")
    modifiers = kinds.modifiers(header)
    fields["kind"], where["kind"] = kind, "and codes"
    if kind in ("spot", "magnified", "implant displaced"):
        fields["modifier"] = kind
    elif modifiers:
        fields["modifier"] = modifiers[0]
    fields["partial"] = (
        str(header.get("PartialView", "") or "").strip().upper() == "YES") or None


def _order(header, fields, where, notes):
    """When the image was taken, and its number in the exam."""
    for date, time in TIMES:
        text = _text(header, time, words.LONGEST_WORD)
        if text:
            fields["taken"] = f"{date} {_text(header, date, 16)} {text}"
            break
    number = _text(header, "InstanceNumber", 16)
    if number.lstrip("-").isdecimal():
        fields["number"] = int(number)
