"""How columns of somebody's own table are understood: by flags, headings, values."""

import collections
import dataclasses
import re
from collections.abc import Mapping, Sequence

from end2end.importing.spreadsheets import Row
from end2end.tables import vocabulary, words
from end2end.utils import files, listing

BY_FLAG, BY_HEADING, BY_VALUES = "--column", "its heading", "its values"
# What an import takes beyond what every command understands, and words of other
# languages. A label is never guessed from a foreign word.
FURTHER = {
    "path": ("datei", "dateiname", "bild", "bilddatei", "fichier", "archivo", "imagen",
             "dicom", "dicom_file", "png", "filename_dicom", "image_file", "file_id",
             "image_id", "imageid", "pfad"),
    "patient": ("patientin", "patientennummer", "patienten_id", "pat_id", "pat_nr",
                "patnr", "pid", "case", "case_id", "woman", "id_patient", "patiente",
                "paciente", "id1", "client_id", "mrn"),
    "exam": ("untersuchung", "examen", "study_uid", "examination", "zugriffsnummer"),
    "date": ("datum", "fecha", "untersuchungsdatum", "exam_day"),
    "laterality": ("seite", "leftright", "left_right", "cote", "lado", "breast",
                   "brust", "lat", "lateralitaet"),
    "view": ("ansicht", "ebene", "projektion", "projection", "incidence", "vista",
             "proyeccion", "viewpos"),
    "label": ("classification", "diagnosis", "malignant", "malignancy", "pathology",
              "outcome", "truth", "ground_truth"),
    "split": ("set", "fold", "partition", "part"),
    "density": ("density", "breast_density", "acr", "dichte", "birads_density",
                "tissue_density", "libra_percentdensity"),
    "age": ("age", "alter", "patient_age", "patients_age", "edad", "x_age"),
    "vendor": ("vendor", "manufacturer", "hersteller", "scanner", "device",
               "machine_id", "machine"),
    "site": ("site", "site_id", "hospital", "centre", "center", "klinik", "zentrum"),
    "lesion_type": ("lesion_type", "lesion", "abnormality", "abnormality_type",
                    "finding", "findings", "finding_type"),
}
MEANINGS = ("path", "patient", "exam", "date", "laterality", "view", "kind", "label",
            "split", "density", "age", "vendor", "site", "lesion_type", "issuer")
SIDES = {"L": ("links", "li", "gauche", "g", "izquierda", "izq", "sinistra", "sx", "1l",
               "left breast"),
         "R": ("rechts", "re", "droite", "d", "derecha", "der", "destra", "dx",
               "right breast")}
SPLITS = {"train": ("train", "training", "tr"), "val": ("val", "valid", "validation",
          "dev", "tune"), "test": ("test", "testing", "holdout", "hold_out")}
# Rows in which the header is looked for, and those whose values are looked at.
HEADER_WITHIN, LOOKED_AT = 30, 300
FAMILIES = {"numbers": ("0", "1"), "yes and no": ("true", "false", "yes", "no")}
LEAVE_OUT = "leave-out"


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: where it is, what it means (empty: left aside), and by what.

    Side and view are of a column that tells something of one image of a row with
    several (`file_columns`).
    """

    place: int
    heading: str
    meaning: str = ""
    how: str = ""
    side: str = ""
    view: str = ""


def find_header(rows: Sequence[Row], flags: Mapping[str, str]) -> int:
    """Position, in some first rows, of the one that holds the headings.

    The row with most headings that are understood; where none is, the first of the rows
    with most cells.

    Args:
        rows: the first of the table.
        flags: headings by meaning, from `--column`.

    Raises:
        files.InputError: the table is empty.
    """
    if not rows:
        raise files.InputError("the table has no rows; expected a header and one row "
                               "per image.")
    known = {word_of(heading) for heading in flags.values()}
    scores = [(sum(bool(meaning_of(text)) or word_of(text) in known
                   for text in row.texts if text), -place)
              for place, row in enumerate(rows[:HEADER_WITHIN])]
    best, place = max(scores)
    if best > 0:
        return -place
    return max(range(len(scores)), key=lambda i: (
        sum(map(bool, rows[i].texts)), -i))


def word_of(text: str) -> str:
    """A heading as it is compared: small letters and digits, `_` between words."""
    text = text.strip().lower().replace("\u00e4", "ae").replace("\u00f6", "oe")
    return re.sub(r"[^a-z0-9]+", "_", text.replace("\u00fc", "ue")).strip("_")


def meaning_of(heading: str) -> str:
    """What a heading means; empty where it is no known word."""
    word = word_of(heading)
    return vocabulary.meaning(word) or vocabulary.meaning(heading) or next(
        (name for name, spellings in FURTHER.items() if word in spellings), "")


def is_header(texts: Sequence[str]) -> bool:
    """Whether several texts of a row are headings that are understood."""
    return sum(bool(meaning_of(text)) for text in texts) > 1


def columns(header: Row, rows: Sequence[Row], flags: Mapping[str, str]
            ) -> list[Column]:
    """How each column is understood.

    Args:
        header: the row of headings.
        rows: some rows below it, whose values are looked at.
        flags: headings, or numbers of columns from 1, by meaning.

    Raises:
        files.InputError: a flag names no column or no meaning.
    """
    width = max([len(header.texts), *(len(row.texts) for row in rows)])
    headings = [header.texts[i] if i < len(header.texts) else ""
                for i in range(width)]
    by_flag = {_place(meaning, text, headings): meaning
               for meaning, text in flags.items()}
    taken_meanings = {meaning.partition(":")[0] for meaning in flags}
    result = []
    for place, heading in enumerate(headings):
        meaning, how = by_flag.get(place, ""), BY_FLAG
        if not meaning:
            meaning, how = meaning_of(heading), BY_HEADING
            if meaning in taken_meanings or meaning not in MEANINGS:
                meaning = ""
        if how == BY_HEADING:
            taken_meanings.add(meaning)
        meaning, _, part = meaning.partition(":")
        result.append(Column(place, heading or f"column {place + 1}", meaning,
                             how if meaning else "", *part_of(part)))
    return _by_values(result, rows, taken_meanings)


def part_of(text: str) -> tuple[str, str]:
    """Side and view of the part behind the colon of `--column path:LCC=HEADING`.

    Raises:
        files.InputError: it is neither.
    """
    side_word = side(text)
    told = (side_word, "") if side_word in ("L", "R") else words.view(text)[:2]
    if text and not any(told):
        raise files.InputError(
            f"{text!r} is no side and view; expected such as LCC, R MLO, L or CC.")
    return told


def _place(meaning, text, headings):
    if meaning.partition(":")[0] not in MEANINGS:
        raise files.InputError(
            f"--column {meaning}={text}: {meaning!r} is nothing that a column can "
            f"mean; expected one of {', '.join(MEANINGS)}.")
    for place, heading in enumerate(headings):
        if heading == text or word_of(heading) == word_of(text) != "":
            return place
    if text.isdecimal() and 1 <= int(text) <= len(headings):
        return int(text) - 1
    raise files.InputError(
        f"--column {meaning}={text}: the table has no such column; it has "
        f"{', '.join(words.cleaned(heading, 40) for heading in headings if heading)}.")


def _by_values(described, rows, meanings):
    """Columns that are understood by their values alone: files, sides and views."""
    result = []
    for column in described:
        if not column.meaning:
            values = [row.texts[column.place] for row in rows[:LOOKED_AT]
                      if column.place < len(row.texts) and row.texts[column.place]]
            meaning = next((name for name, fits in TESTS.items() if name not in meanings
                            and values and all(map(fits, values))), "")
            if meaning:
                meanings.add(meaning)
                column = dataclasses.replace(column, meaning=meaning, how=BY_VALUES)
        result.append(column)
    return result


def side(text: str) -> str:
    """`L` or `R` of a cell, in some languages; other texts as they are, in capitals."""
    word = text.strip().lower()
    return words.side(text) or next(
        (name for name, spellings in SIDES.items() if word in spellings),
        text.strip().upper())


TESTS = {
    "path": lambda text: text.lower().endswith(listing.SUFFIXES),
    "laterality": lambda text: side(text) in ("L", "R"),
    "view": lambda text: bool(words.view(text)[1]),
}


def split_word(text: str) -> str:
    """`train`, `val` or `test` of a cell; empty where it says none of them."""
    word = text.strip().lower()
    return next((name for name, spellings in SPLITS.items() if word in spellings), "")


def label_word(text: str) -> str:
    """A label cell as it is compared: small letters, whole numbers without a fraction.
    """
    return re.sub(r"[.,]0+$", "", text.strip().lower())


@dataclasses.dataclass(frozen=True)
class Labels:
    """What the words of the label column mean.

    Attributes:
        numbers: 1, 0 or None (left out) by word.
        unknown: words that nobody explains.
        mixed: kinds of words that are mixed, where there are several.
    """

    numbers: dict
    unknown: tuple
    mixed: tuple = ()


def labels(counts: Mapping[str, int], flags: Mapping[str, Sequence[str]]) -> Labels:
    """What the words of a label column mean, by flags or by the words that are known.

    Args:
        counts: how often each text occurs.
        flags: words by `malignant`, `benign` and `leave-out`; where there are some,
            nothing else is understood.
    """
    stated = {label_word(word): meaning for meaning, many in flags.items()
              for word in many}
    numbers, unknown, families = {}, [], collections.Counter()
    for text in counts:
        word = label_word(text)
        if flags:
            if word in stated:
                numbers[text] = LABEL_FLAGS[stated[word]]
            else:
                unknown.append(text)
            continue
        number = vocabulary.label(word)
        if number is None:
            unknown.append(text)
        else:
            numbers[text] = number
            families[next((name for name, many in FAMILIES.items() if word in many),
                          "words")] += 1
    return Labels(numbers, tuple(unknown),
                  tuple(families) if len(families) > 1 else ())


LABEL_FLAGS = {"malignant": 1, "pos": 1, "1": 1, "benign": 0, "neg": 0, "0": 0,
               LEAVE_OUT: None}
BIRADS = re.compile(r"(?:(?:bi-?rads|acr)[ _:-]*)?(?:([0-6])|(iv|vi?|i{1,3}))[abc]?",
                    re.I)
ROMAN = ("", "i", "ii", "iii", "iv", "v", "vi")


def label_advice(counts: Mapping[str, int]) -> str:
    """The flags that would explain the words of a label column, ready to be copied."""
    values = sorted(counts)
    matches = {value: BIRADS.fullmatch(value) for value in values}
    if 2 * sum(map(bool, matches.values())) > len(values):
        groups: dict[str, list[str]] = {"malignant": [], "benign": [], LEAVE_OUT: []}
        for value, match in matches.items():
            number = "none" if match is None else match[1] or str(
                ROMAN.index(match[2].lower()))
            groups["malignant" if number in "456" else "benign" if number in "12"
                   else LEAVE_OUT].append(value)
        flags = " ".join(f"--label {name}={_quoted(','.join(many))}"
                         for name, many in groups.items() if many)
        return f"if they are BI-RADS categories: {flags}"
    return (f"--label malignant={_quoted(values[-1])} --label "
            f"benign={_quoted(values[0])}, or the other way round")


def _quoted(text):
    return text if re.fullmatch(r"[\w,.+-]+", text) else f'"{text}"'
