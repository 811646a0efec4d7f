"""What the columns of any table of mammograms mean, and how their cells are read."""

import collections.abc
import csv
import datetime
import functools
import io
import logging
import pathlib
import re

import numpy as np

from end2end.tables import image_names, kinds, words
from end2end.utils import files

log = logging.getLogger(__name__)

# Every command that reads a table knows its columns by these names, in any case and
# with spaces or underscores.
SPELLINGS = {
    "path": ("path", "file", "filename", "file_name", "file_path", "filepath", "image",
             "image_path", "image_file_path"),
    "patient": ("patient", "patient_id", "patientid", "subject", "subject_id",
                "empi_anon", "case_id"),
    "issuer": ("issuer", "issuer_of_patient_id", "issuerofpatientid"),
    "exam": ("exam", "exam_id", "study", "study_id", "study_instance_uid",
             "studyinstanceuid", "acc_anon", "accession", "accession_number",
             "accessionnumber", "exam_year", "visit", "examid", "studyid", "study_uid",
             "visit_id", "timepoint", "screening_round"),
    "date": ("date", "exam_date", "study_date", "studydate", "examdate",
             "study_date_anon", "acquisition_date", "acquisitiondate", "content_date",
             "contentdate", "scan_date", "visit_date"),
    "laterality": ("laterality", "side", "image_laterality", "imagelaterality",
                   "left_or_right_breast"),
    "view": ("view", "view_position", "viewposition", "image_view"),
    "kind": ("kind", "finalimagetype", "final_image_type"),
    "label": ("label", "class", "target", "cancer", "y", "y_true",
              "truth"),
    "score": ("score", "probability", "prob", "prediction", "pred", "y_score", "pos",
              "rating"),
    # Of reader studies; a test is a way of reading (film, digital, with a model).
    "reader": ("reader", "reader_id", "radiologist"),
    "test": ("test", "treatment", "reading_condition"),
    "split": ("split", "subset"),
}
LABELS = {
    0: ("0", "neg", "negative", "benign", "normal", "false", "no"),
    1: ("1", "pos", "positive", "malignant", "cancer", "true", "yes"),
}
CLASSES = ("neg", "pos")
_TIME = r"(?:[T ]\s*\d{1,2}:\d{2}\S*)?"
DAYS = tuple(re.compile(form + _TIME, re.ASCII) for form in (
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    r"(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})",
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"))


def label(text: str, classes: collections.abc.Sequence[str] = CLASSES) -> int | None:
    """Class number that a cell names; None where it is no known word.

    Args:
        text: number or name of a class; for `neg` and `pos` any word of `LABELS`.
        classes: names of the classes.
    """
    word = text.strip()
    if word in classes:
        return list(classes).index(word)
    return label_words(classes).get(word.lower().removesuffix(".0"))


def label_words(classes: collections.abc.Sequence[str] = CLASSES) -> dict[str, int]:
    """Class numbers by the words for them, in small letters."""
    meanings = {str(index): index for index in range(len(classes))}
    meanings |= {name.lower(): index for index, name in enumerate(classes)}
    if tuple(classes) == CLASSES:
        meanings |= {word: index for index, many in LABELS.items() for word in many}
    return meanings


def check_label(text: str, source: str,
                classes: collections.abc.Sequence[str] = CLASSES) -> None:
    """Refuses a label that is no known word; an empty cell may be.

    Args:
        text: of the cell.
        source: table and row, for the refusal.
        classes: as for `label`.

    Raises:
        files.InputError: it is none.
    """
    if text.strip() and label(text, classes) is None:
        raise files.InputError(
            f"{source}: unknown label {text!r}; expected one of "
            f"{', '.join(label_words(classes))}.")


def labels(texts: collections.abc.Sequence[str],
           classes: collections.abc.Sequence[str] | None,
           path: object) -> tuple[np.ndarray, tuple[str, ...]]:
    """Label cells as class numbers, and the names of the classes.

    Args:
        texts: cells of a column.
        classes: names of the classes; None: `neg` and `pos` for the words of `LABELS`,
            else the sorted cells.
        path: of the table, for the refusal.

    Returns:
        int64 array `(n,)` and a tuple of names.

    Raises:
        files.InputError: a cell is no known word.
    """
    if classes is None:
        zero_one = set(texts) <= {"0", "1"}
        classes = CLASSES if zero_one else sorted(set(texts))
    numbers = [label(text, classes) for text in texts]
    if None in numbers:
        foreign = min(text for text, number in zip(texts, numbers, strict=True)
                      if number is None)
        raise files.InputError(
            f"manifest {path} has the label {foreign!r}; expected one of "
            f"{', '.join(label_words(classes))}. Correct it or name the classes "
            "(--class-list).")
    return np.array(numbers, np.int64), tuple(classes)


def from_name(path: object) -> dict[str, str]:
    """Patient, side and view in the name of a file (`image_names.SCHEMES`).

    Returns:
        dict with patient, laterality (`L`, `R`) and view (`CC`, `MLO`, `ML`, ...);
        empty texts where the name does not tell.
    """
    statement = image_names.statement(path)
    fields = {} if statement is None else statement.fields
    return {name: fields.get(name, "") for name in CLEAN}


def _patient(text):
    """A patient's number; that in names of CBIS-DDSM and INbreast is taken out."""
    text = words.cleaned(text)
    head, _, tail = text.partition("_")
    # INbreast names begin with the number of the image, then the woman's code.
    if len(head) == 8 and head.isdecimal() and len(tail) == 16 and all(
            character in "0123456789abcdef" for character in tail):
        return tail
    return "" if words.is_placeholder(text) else text


def _laterality(text):
    return words.side(text) or text.strip().upper()


CLEAN = {"patient": _patient, "laterality": _laterality, "view": words.view_cell}


def inbreast_view(path: str, view: str) -> str:
    """`MLO` for `ML` where the file has a name of INbreast that says so."""
    if view != "ML":
        return view
    statement = image_names.statement(path)
    inbreast = statement is not None and statement.where["scheme"] == "INbreast"
    return statement.fields["view"] if inbreast else view


def day(text: str) -> datetime.date | None:
    """The day in a text; None for any other.

    Known are `20190301`, `2019-3-1`, `2019/03/01` and `1.3.2019`, each with a time of
    day behind it or without; `3/1/2019` is not, for nobody knows which is the month.
    """
    match = next(filter(None, (form.fullmatch(text.strip()) for form in DAYS)), None)
    try:
        return match and datetime.date(*(int(match[part]) for part in (
            "year", "month", "day")))
    except ValueError:
        return None


class Columns(dict[str, list[str]]):
    """Columns of a table by name; `numbers` are those of its rows (`files.Row`)."""

    def __init__(self, rows: collections.abc.Sequence[files.Row]) -> None:
        super().__init__({name: [row[name].strip() for row in rows]
                          for name in rows[0]})
        self.numbers = [row.number for row in rows]


def read_columns(path: object, what: str, *, encodings: tuple[str, ...] = ("utf-8-sig",)
                 ) -> Columns:
    """Columns of a CSV file as lists of stripped texts, by name.

    Args:
        path: CSV with a header, separated by commas, semicolons or tabs.
        what: it is, for refusals.
        encodings: tried in this order.

    Raises:
        files.InputError: no CSV, no rows, a row with more cells than the header, or
            a heading of one meaning that comes twice.
    """
    path = files.existing_text(path, what)
    try:
        text = _decoded(path, encodings)
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        names = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
        check_headings([name for name in names if meaning(name)
                        or name.strip().startswith("score_")], f"{what} {path}")
        rows = files.csv_rows(
            io.StringIO(text), len(text), delimiter=delimiter, check=lambda row: (
                check_row(row.beyond, len(names), f"{what} {path}, row {row.number}")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"{what} {path} is no CSV in UTF-8 ({error}); save it as one.") from error
    rows = [row for row in rows if any(row.values())]
    if not rows:
        raise files.InputError(
            f"{what} {path} has no rows; expected a header and one row per image.")
    return Columns(rows)


def check_row(beyond: collections.abc.Sequence[str], width: int, source: str) -> None:
    """Refuses a row with more cells than the header has, as of a decimal comma: a cell
    would be taken for that of another column.

    Args:
        beyond: its cells beyond the header; they may be empty.
        width: cells of the header.
        source: table and row, for the refusal.

    Raises:
        files.InputError: it has.
    """
    if any(map(str.strip, beyond)):
        raise files.InputError(
            f"{source}: it has {width + len(beyond)} cells, the header {width}; put "
            "texts with the sign between cells in quotes, and write numbers with a "
            "decimal point.")


def check_headings(names: collections.abc.Iterable[str], source: str) -> None:
    """Refuses headings of which one comes twice: nothing tells which of them is meant.

    Args:
        names: of the columns that are used.
        source: the table, for the refusal.

    Raises:
        files.InputError: one does.
    """
    counts = collections.Counter(
        _word(name) if meaning(name) else name.strip() for name in names)
    for name, count in counts.items():
        if count > 1:
            raise files.InputError(
                f"{source} has {count} columns {name}; rename or remove all but one "
                "of them.")


def _word(column):
    return column.strip().lower().replace(" ", "_")


def _decoded(path: pathlib.Path, encodings):
    data = path.read_bytes()
    *preferred, last = encodings
    for encoding in preferred:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            pass
    return data.decode(last)


def meaning(column: str) -> str:
    """What a column means, a key of `SPELLINGS`; empty where it is no known word."""
    word = _word(column)
    return next((name for name, spellings in SPELLINGS.items() if word in spellings),
                "")


def named_columns(columns: collections.abc.Iterable[str]) -> dict[str, str]:
    """Which column means what, by `SPELLINGS`; the first spelling there wins."""
    return dict(_named_columns(tuple(columns)))


# Long tables are read row by row, each row with the same columns.
@functools.lru_cache(maxsize=64)
def _named_columns(columns):
    words = {}
    for column in columns:
        words.setdefault(_word(column), column)
    headings = {}
    for name, spellings in SPELLINGS.items():
        for spelling in filter(words.__contains__, spellings):
            headings.setdefault(name, words[spelling])
    return headings


def spelled(columns: collections.abc.Iterable[str],
            names: collections.abc.Iterable[str]) -> dict[str, str]:
    """Which column stands for each of some names: that of the name itself, else the one
    of the same meaning (`left_or_right_breast` for `side`).

    Returns:
        dict of column by name; names that no column stands for are missing.
    """
    columns = list(columns)
    headings = named_columns(columns)
    stand_ins = {name: name if name in columns else headings.get(meaning(name))
                 for name in names}
    return {name: column for name, column in stand_ins.items() if column}


def say_unknown(columns: collections.abc.Iterable[str], path: object, *,
                understood: collections.abc.Container[str]) -> None:
    """Logs which columns of a table are left aside, and which would be understood.

    Args:
        columns: names.
        path: of the table.
        understood: the meanings that the reader uses.
    """
    unknown = [words.cleaned(name, 40) for name in columns
               if meaning(name) not in understood]
    if unknown:
        known = "; ".join(f"{name} ({', '.join(spellings[1:4])})"
                          for name, spellings in SPELLINGS.items()
                          if name in understood)
        log.warning("%s: %s not understood and left aside: %s. Understood are %s.",
                    path, "column is" if len(unknown) == 1 else "columns are",
                    ", ".join(unknown[:20]), known)


def kind(text: str) -> str:
    """The kind of picture in a cell (`kinds.SPELLINGS`); empty if not known."""
    return kinds.named(text)
