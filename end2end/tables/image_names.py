"""Patient, exam, side, view and kind of a picture in the names of files and folders.

The schemes of the public sets are rows of `SCHEMES`; everybody's own names are read by
the last two rows. Rows marked "from memory" were written without a copy of the set.
"""

import dataclasses
import datetime
import functools
import os
import pathlib
import re

from end2end.tables import identity, words

SIDE = r"LEFT|RIGHT|L|R"
VIEW = r"XCCL|XCCM|XCC|CC|MLO|LMO|ML|LM|FB|SIO|ISO|AT|CV"
TAIL = r"(?P<tail>(?:[-_. (].*)?)$"


@dataclasses.dataclass(frozen=True)
class Scheme:
    """How one set names its files.

    Attributes:
        on: what the pattern is looked for in: `stem` of the file, `folder` (the stem
            and the names of the three folders above) or the whole `path`.
        everywhere: whether a patient's number is that of one woman wherever the file
            lies; else it is only together with the folder.
        one_exam: studies are not looked at, since each file has its own.
        pattern: with the groups patient, exam, image, side, view, kind, region, tail.
    """

    on: str
    everywhere: bool
    one_exam: bool
    pattern: str

    @functools.cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled pattern; case does not matter."""
        return re.compile(self.pattern, re.I)


# The first that matches counts.
SCHEMES = {
    # ML stands for MLO; FB is the view from below.
    "INbreast": Scheme("stem", True, True, (
        r"^(?:(?P<image>\d{8})_)?(?P<patient>[0-9a-f]{16})_MG_(?P<side>[LR])_"
        r"(?P<view>CC|MLO|ML|FB)(?:_ANON)?" + TAIL)),
    # A number at the end is that of a region.
    "CBIS-DDSM": Scheme("folder", True, True, (
        r"^(?:(?:Mass|Calc)-(?:Training|Test)_)?(?P<patient>P_\d{5})_"
        r"(?P<side>LEFT|RIGHT)_(?P<view>CC|MLO)(?:_(?P<region>[1-9]))?" + TAIL)),
    # From memory. DM: low energy, CM: recombined.
    "CDD-CESM": Scheme("stem", False, True, (
        r"^(?P<patient>P\d{1,4})_(?P<side>[LR])_(?P<kind>DM|CM)_(?P<view>CC|MLO)$")),
    # Odd numbers are right breasts, even ones left breasts of the woman before.
    "mini-MIAS": Scheme("stem", True, True, r"^mdb(?P<number>\d{3})$"),
    "CMMD": Scheme("path", True, False, (
        r"(?:^|/)(?P<patient>D[12]-\d{4})(?:/(?P<exam>[^/]+)/[^/]+/[^/]+|[_ ][^/]*)$")),
    # From memory: the number of digits.
    "EMBED": Scheme("path", True, False, (
        r"(?:^|/)(?P<patient>\d{7,9})/(?P<exam>\d{15,17})/(?P<image>[\d.]+)$")),
    "VinDr-Mammo": Scheme("path", True, False, (
        r"(?:^|/)(?P<exam>[0-9a-f]{32})/(?P<image>[0-9a-f]{32})$")),
    "RSNA folders": Scheme("path", False, True, (
        r"(?:^|/)(?:train|test)_images[^/]*/(?P<patient>\d{1,5})/(?P<image>\d{4,10})$")),
    # From memory.
    "CSAW-CC": Scheme("stem", False, False, (
        r"^(?P<patient>\d{5})_(?P<exam>(?:19|20)\d\d(?:[01]\d[0-3]\d)?)_"
        r"(?P<side>L|R|Left|Right)_(?P<view>CC|MLO)(?:_(?P<image>\d{1,2}))?$")),
    "RSNA": Scheme("stem", False, True, (
        r"^(?P<patient>\d{1,5})_(?P<image>\d{4,10})_(?P<side>[LR])_(?P<view>" + VIEW
        + r")$")),
    # GMIC's 3_L-CC, DDSM's A_0001_1.LEFT_CC and everybody's names.
    "plain": Scheme("stem", False, False, (
        r"^(?P<patient>.*?)(?:^|[-_. ]+)(?P<side>" + SIDE + r")[-_. ]?(?P<view>" + VIEW
        + r")" + TAIL)),
    "plain, view first": Scheme("stem", False, False, (
        r"^(?P<patient>.*?)(?:^|[-_. ]+)(?P<view>CC|MLO)[-_. ](?P<side>" + SIDE + r")"
        + TAIL)),
}
FOLDER = "folder "
PLAIN = ("plain", "plain, view first")

# Words behind the view; a number or `copy` is neither.
TAIL_KINDS = (
    ("spot", r"spot|(?:^|[-_. ])s(?:[-_. ]|$)"), ("magnified", r"mag(?:n\w*)?\b"),
    ("implant displaced", r"(?:^|[-_. ])id(?:[-_. ]|$)|displaced|eklund"),
    ("synthetic", r"synth|c-?view|s2d|generated"),
    ("slice", r"slice|tomo|dbt"), ("region", r"\broi|crop|mask|patch"),
    ("specimen", r"specimen"), ("recombined", r"recomb|subtract"),
    ("needle", r"needle|wire|biops"), ("contrast", r"contrast|ces?m|cedm"),
    ("implant", r"implant"))
MODIFIER_KINDS = ("spot", "magnified", "implant displaced")
CONTRAST = {"DM": "low energy", "CM": "recombined"}

# Folders passed over on the way to the one that tells plain names apart: those of
# sides, views and formats always; those of classes, splits and the like only where the
# name has a number of its own. Numbers never: 1/L_CC and 2/L_CC are two women.
PASSED = re.compile(
    r"l|r|left|right|cc|mlo|png|jpe?g|tiff?|pgm|dicom|dcm|bmp", re.I)
PASSED_WITH_NUMBER = re.compile(
    r"neg(?:ative)?|pos(?:itive)?|benign|malignant|cancer|normal|healthy|"
    r"train(?:ing)?|val(?:id(?:ation)?)?|test|images?|imgs?|pictures?|data|raw|"
    r"processed|mammograms?", re.I)
SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,6}")


def statement(path: object) -> identity.Statement | None:
    """What the name of a file and of its folders says; None where it says nothing.

    Args:
        path: made absolute, with no `..` in it, which names no folder; links are not
            resolved.
    """
    path = pathlib.Path(os.path.abspath(str(path)))
    stem = path.with_suffix("") if SUFFIX.fullmatch(path.suffix) else path
    texts = dict(stem=(stem.name,), path=(stem.as_posix(),), folder=(
        stem.name, *(parent.name for parent in list(path.parents)[:3])))
    for name, scheme in SCHEMES.items():
        match = next(filter(None, map(scheme.regex.search, texts[scheme.on])), None)
        if match is not None:
            return _statement(path, name, match)
    return None


def _statement(path, name, match):
    scheme, part = SCHEMES[name], match.groupdict()
    fields = dict(
        patient=part.get("patient") or "", exam=part.get("exam") or "",
        laterality=words.side(part.get("side") or ""),
        view=(part.get("view") or "").upper())
    if part.get("image") and part["image"].isdecimal():
        fields["number"] = int(part["image"])
    fields |= SPECIAL.get(name, lambda part, stem: {})(part, path.stem)
    if fields["view"]:
        fields["view"] = words.VIEWS.get(fields["view"], fields["view"])
    kind = _kind(part)
    if kind:
        fields["kind"] = kind
        fields["modifier"] = kind if kind in MODIFIER_KINDS else ""
    if name in PLAIN or (fields["patient"] and not scheme.everywhere):
        home = _home(path, fields["patient"] if name in PLAIN else "1")
        fields["namespace"] = f"{FOLDER}{home}"
        if name in PLAIN and not fields["patient"]:
            # Nothing before the side: the folder names the woman.
            fields["patient"] = home.name
    where = {field: name for field in fields} | dict(scheme=name)
    return identity.Statement(identity.NAME, fields, where,
                              certain=name == "INbreast")


def _kind(part):
    if part.get("kind"):
        return CONTRAST[part["kind"].upper()]
    for kind, pattern in TAIL_KINDS:
        if re.search(pattern, part.get("tail") or "", re.I):
            return kind
    return "region" if part.get("region") else ""


def _home(path, prefix):
    """The folder that tells plain names apart."""
    numbered = re.search(r"\d", prefix) is not None
    # The root has no name, so that one is found.
    return next(folder for folder in path.parents
                if not (PASSED.fullmatch(folder.name)
                        or numbered and PASSED_WITH_NUMBER.fullmatch(folder.name)))


def _mias(part, stem):
    number = int(part["number"])
    return dict(patient=f"mdb{number - 1 + number % 2:03d}",
                laterality="LR"[number % 2], view="MLO")


def _inbreast(part, stem):
    view = part["view"].upper()
    return dict(patient=part["patient"].lower(), view="MLO" if view == "ML" else view)


def _cmmd(part, stem):
    match = SCHEMES["plain"].regex.search(stem)
    if match is None:
        return dict(patient=part["patient"].upper())
    return dict(patient=part["patient"].upper(), laterality=words.side(match["side"]),
                view=match["view"].upper())


def _csaw(part, stem):
    try:
        day = datetime.datetime.strptime(part["exam"], "%Y%m%d").date()
    except ValueError:
        day = None  # a year tells the exam, but no day
    return dict(day=day)


SPECIAL = {"mini-MIAS": _mias, "INbreast": _inbreast, "CMMD": _cmmd, "CSAW-CC": _csaw,
           "CBIS-DDSM": lambda part, stem: dict(patient=part["patient"].upper())}


def subject(text: str) -> tuple[str, dict]:
    """Scheme and fields of CBIS-DDSM or INbreast in a tag such as PatientID.

    Returns:
        name of the scheme and dict of patient, laterality and view; both empty where
        the text is another.
    """
    for name in ("CBIS-DDSM", "INbreast"):
        match = SCHEMES[name].regex.search(text.strip())
        if match is not None:
            fields = _statement(pathlib.Path("/"), name, match).fields
            return name, {field: fields[field] for field in (
                "patient", "laterality", "view", "kind") if fields.get(field)}
    return "", {}
