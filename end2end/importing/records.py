"""What is known of one picture before it is read, and the settings of an import."""

import dataclasses
import hashlib
import pathlib
import re

from end2end.tables import words

# Widths of the bands of age in years; women of this age and older are one band.
BAND, OLDEST = 10, 90


@dataclasses.dataclass(frozen=True)
class Region:
    """One lesion that somebody marked, in pixels of the file as stored.

    Attributes:
        shape: `box`, `circle`, `contour` or `mask`.
        points: corners or contour, pairs (x, y), y down; of a circle its centre and
            (radius, radius); empty for a mask.
        kind: `mass` or `calc`, or `other` for what is a lesion of neither kind.
        name: the words of the set.
        malignant: None where nobody says.
    """

    shape: str
    points: tuple
    kind: str
    name: str
    malignant: bool | None


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture as a table has it; texts are empty where the table does not say.

    Attributes:
        key: what tells it apart in its set.
        source: path of the file.
        row: of the table, counted from 1 with the header, as a spreadsheet does.
        patient, exam, date, laterality, view, kind, issuer: as in a manifest.
        label: 1 malignant, 0 not, None unknown.
        source_label: the words that the label was read from.
        lesion_type: such as `mass`, joined by `+` where there are several.
        density: BI-RADS density as the set has it.
        age: in years, as text.
        vendor: maker of the device where the table says it.
        site: where the picture was taken, where the set has several sites.
        split: part of the set's own split.
        regions: `Region` of the picture.
        further: what the set's own conversion needs, of plain values.
        left_out: why it is left out; empty where it is not.
    """

    key: str
    source: str
    row: int = 0
    patient: str = ""
    exam: str = ""
    date: str = ""
    laterality: str = ""
    view: str = ""
    kind: str = ""
    issuer: str = ""
    label: int | None = None
    source_label: str = ""
    lesion_type: str = ""
    density: str = ""
    age: str = ""
    vendor: str = ""
    site: str = ""
    split: str = ""
    regions: tuple = ()
    further: dict = dataclasses.field(default_factory=dict)
    left_out: str = ""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What an import is asked for.

    Attributes:
        out: the output folder; of a check a temporary one.
        check_only: whether files are read and nothing is written.
        size: (height, width) of the pictures in pixels.
        split: `own` (the set's, where it has one) or `patient`.
        split_file: a split made before, or None.
        test_share, val_share: of the women, and of the others.
        seed: of the draw.
        workers: processes.
        birads_3: `leave-out` or `negative`.
        all_views: keep views and kinds that are no basis for a score of a breast.
        accept: names of assumptions that need not hold.
    """

    out: pathlib.Path
    check_only: bool = False
    size: tuple = (1152, 896)
    split: str = "own"
    split_file: pathlib.Path | None = None
    test_share: float = 0.15
    val_share: float = 0.1
    seed: int = 12345
    workers: int = 1
    birads_3: str = "leave-out"
    all_views: bool = False
    accept: tuple = ()


def age_band(text: str) -> str:
    """The band of an age such as `47`, `047Y` or `47.0`: `40-49`, `90+`; a band stays,
    and what is no age in years is empty."""
    if re.fullmatch(rf"\d0?-\d?9|{OLDEST}\+", text):
        return text
    match = re.fullmatch(r"(\d{1,3})(?:[.,]\d+)?\s*Y?", text.strip().upper())
    if match is None or not 0 < int(match[1]) < 120:
        return ""
    first = int(match[1]) // BAND * BAND
    return f"{OLDEST}+" if first >= OLDEST else f"{first}-{first + BAND - 1}"


def birads_label(category: str, settings: Settings) -> int | None:
    """1 for BI-RADS 4 to 6, 0 for 1 and 2 and, where asked for, 3; else None.

    Args:
        category: such as `4a` or `BI-RADS 4`.
        settings: with `birads_3`.
    """
    match = re.search(r"[0-6]", category)
    labels = {"1": 0, "2": 0, "4": 1, "5": 1, "6": 1}
    if settings.birads_3 == "negative":
        labels["3"] = 0
    return labels.get(match[0]) if match else None


# Names are read from behind: nothing in front may look like a side and a view.
LIKE_A_SIDE = re.compile(r"(?:^|[-_.])(?:L|R|LEFT|RIGHT|CC|MLO|ML)(?:[-_.]|$)", re.I)


def file_word(text: str, unknown: str = "unknown") -> str:
    """A text as part of a file name; what had to be changed ends in a hash, so that no
    two texts become one.

    Args:
        text: such as a patient's number.
        unknown: stands for an empty text.
    """
    if not text:
        return unknown
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:60].strip("._-")
    if LIKE_A_SIDE.search(word):
        word = ""
    if word == text:
        return word
    return f"{word or 'p'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def side_word(laterality: str) -> str:
    """`LEFT`, `RIGHT`, or `X` where the side is not known."""
    return {"L": "LEFT", "R": "RIGHT"}.get(words.side(laterality), "X")
