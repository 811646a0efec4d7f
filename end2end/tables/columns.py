"""Reads the scores, labels and groups of a table of any length into arrays.

One pass; scores and women of more than 65,536 rows are kept in temporary files
(`utils.mapped`), so that a million rows need no more memory than a thousand with many
columns do. A table may be compressed (`.csv.gz`).
"""

import array
import csv
import dataclasses
import fnmatch
import gzip
import itertools
import pathlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from end2end.tables import vocabulary
from end2end.utils import cells, chunks, files, mapped

# Rows beyond which a table is no table of scores; a compressed file can hold any.
MOST_ROWS = 50_000_000
MOST_VALUES = 1000
SEPARATORS = ",;\t"


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """What is known of the rows that have a label and all scores.

    Attributes:
        name: of the table, for messages and results.
        labels: bool `(n,)`, true for cancer.
        scores: float64 `(n,)` by column.
        women: int32 `(n,)`, from 0 on, equal for rows of one woman; None where no
            column tells, or each has one row.
        keys: int64 `(n,)`, of the paths; None without such a column.
        texts: cells of further columns, `(n,)` of str by name.
        left_out: number of rows by reason.
        repeated: number of rows with the path of an earlier row.
    """

    name: str
    labels: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    women: NDArray[np.int64] | None = None
    keys: NDArray[np.int64] | None = None
    texts: dict[str, NDArray] = dataclasses.field(default_factory=dict)
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, chosen: NDArray, name: str = "") -> "Table":
        """The rows of a bool or index array, in its order."""
        def part(values):
            if values is None:
                return None
            return chunks.chosen(values, chosen) if chosen.dtype == bool else (
                values[chosen])
        return Table(
            name or self.name, self.labels[chosen],
            {key: part(values) for key, values in self.scores.items()},
            _renumbered(part(self.women)), part(self.keys),
            {key: values[chosen] for key, values in self.texts.items()}, self.left_out)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which columns are read.

    Attributes:
        scores: names or patterns (`AI_*`); empty: the column that vocabulary knows as
            score, and each `score_NAME`.
        texts: names of further columns; `*` for all others.
        woman: column that tells women apart; empty: the one that vocabulary knows.
        label: column of labels; empty: the one that vocabulary knows.
        keys: whether paths are kept, to lay tables beside each other.
    """

    scores: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    woman: str = ""
    label: str = ""
    keys: bool = True


@dataclasses.dataclass
class _Places:
    """Positions of columns; `woman` and `path` are -1 where there are none."""

    label: int
    scores: dict[str, int]
    woman: int
    path: int
    texts: dict[str, int]


def read(path: files.Path, columns: Wanted = Wanted(), *, name: str = "") -> Table:
    """Reads a table of scores.

    Args:
        path: CSV with a header, separated by commas, semicolons or tabs.
        columns: `Wanted`.
        name: of the table; that of the file where empty.

    Returns:
        `Table`, of the rows with a label and a number in each score column.

    Raises:
        files.InputError: no such file, no CSV, a column is missing, a label is no known
            word, a score is no number, or no row is left.
    """
    path = files.existing_file(path, "score table")
    try:
        with opened(path) as stream:
            table = _collected(stream, path, columns)
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error,
            gzip.BadGzipFile) as error:
        raise files.InputError(
            f"score table {path} is not CSV in UTF-8 ({error}); save it as one."
        ) from error
    return dataclasses.replace(table, name=name or stem(path))


def stem(path: files.Path) -> str:
    """Name of a table: that of its file without suffixes."""
    return pathlib.Path(path).name.split(".csv")[0]


def opened(path: pathlib.Path) -> TextIO:
    """A table as a stream of text, decompressed where it is called `.gz`."""
    open_file = gzip.open if path.suffix == ".gz" else open
    return open_file(path, "rt", encoding="utf-8-sig", newline="")


def header(path: files.Path) -> list[str]:
    """Names of the columns of a table.

    Raises:
        files.InputError: no such file, or no CSV.
    """
    path = files.existing_file(path, "score table")
    try:
        with opened(path) as stream:
            return next(_rows(stream))[1]
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error,
            gzip.BadGzipFile) as error:
        raise files.InputError(
            f"score table {path} is not CSV in UTF-8 ({error}); save it as one."
        ) from error


def _rows(stream) -> Iterator[tuple[int, list[str]]]:
    """Rows of a stream as numbers (`files.Row`) and lists of texts, the header first.
    """
    lines = files.bounded_lines(stream)
    start, first = next(((number, line) for number, line in enumerate(lines, 1)
                         if line.strip()), (1, ""))
    delimiter = max(SEPARATORS, key=first.count)
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
    yield start, [cells.from_cell(name).strip() for name in next(reader, [])]
    yield from ((number, row) for number, row in enumerate(reader, start + 1) if row)


class _Collector:
    """The columns of the rows so far."""

    def __init__(self, places: _Places, path):
        self.path, self.places = path, places
        self.labels = array.array("b")
        self.scores = {name: mapped.Growing("d") for name in places.scores}
        self.women, self.keys = mapped.Growing("q"), mapped.Growing("q")
        self.known_women = 0
        self.codes = {name: array.array("i") for name in places.texts}
        self.values = {name: {} for name in places.texts}
        self.left_out = {}
        self.label = _memory(vocabulary.label)
        self.woman = vocabulary.CLEAN["patient"]

    def leave_out(self, reason):
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def add(self, row, number):
        places = self.places
        if len(row) == 1:
            self.check_divided(*row, number)
        row = row + [""] * (1 + max(places.label, *places.scores.values(), places.woman,
                                    places.path, *places.texts.values()) - len(row))
        label = self.label(row[places.label])
        if label is None:
            vocabulary.check_label(
                row[places.label], f"score table {self.path}, row {number}")
            return self.leave_out("without a label")
        values = [self.number(row[place], number) for place in places.scores.values()]
        if None in values:
            return self.leave_out("without a score")
        self.labels.append(label)
        for column, value in zip(self.scores.values(), values, strict=True):
            column.append(value)
        self.add_texts(row, number)
        if len(self.labels) % chunks.LENGTH == 0:
            for column in (self.women, self.keys, *self.scores.values()):
                column.store()

    def check_divided(self, text, number):
        if any(sign in text for sign in SEPARATORS):
            raise files.InputError(
                f"score table {self.path}, row {number}: {text[:80]!r} is not divided "
                "as the header is; expected the same sign between all cells.")

    def add_texts(self, row, number):
        places = self.places
        if places.path >= 0:
            self.keys.append(hash(row[places.path].strip()))
        if places.woman >= 0:
            woman = self.woman(row[places.woman])
            self.known_women += bool(woman)
            # A woman who is not known is one of her own.
            self.women.append(hash(woman or (number,)))
        for name, place in places.texts.items():
            known = self.values[name]
            text = cells.from_cell(row[place]).strip()
            self.codes[name].append(known.setdefault(text, len(known)))

    def number(self, text, row):
        text = text.strip()
        if not text:
            return None
        value = cells.number(text)
        if np.isnan(value):
            raise files.InputError(
                f"score table {self.path}, row {row}: the score is {text!r}; expected "
                "a finite number with a decimal point. Correct or remove the row.")
        return value

    def table(self, *, keys: bool = True) -> Table:
        paths = self.keys.values()
        women = _several(self.women.values() if self.known_women else None)
        return Table(
            "", np.frombuffer(self.labels, bool),
            {name: column.values() for name, column in self.scores.items()},
            women, paths if keys and len(paths) else None,
            {name: np.array(list(self.values[name]) or [""], object)[
                np.frombuffer(codes, np.int32)] for name, codes in self.codes.items()},
            self.left_out, _repeated(paths))


def _repeated(keys):
    """How many rows have the key of an earlier row; rows without a path have none."""
    values, counts = chunks.distinct(chunks.ascending(keys))
    return int(chunks.total(chunks.each(
        lambda value, count: (count - 1) * (value != hash("")), values, counts)))


def _several(women):
    """Women as numbers from 0 on, or None where each has one row."""
    if women is None:
        return None
    keys, _ = chunks.distinct(chunks.ascending(women))
    return None if len(keys) == len(women) else chunks.places(keys, women)


def _renumbered(women):
    """Women of some rows of a table as numbers from 0 on; see `_several`."""
    if women is None or not len(women):
        return None
    present = np.zeros(int(chunks.extremes(women)[1]) + 1, bool)
    for rows in chunks.slices(len(women), women):
        present[women[rows]] = True
    count = int(present.sum())
    if count == len(women):
        return None
    numbers = np.cumsum(present, dtype=np.int32) - 1
    return women if count == len(present) else chunks.each(
        numbers.__getitem__, women, dtype=np.int32)


def _memory(function: Callable[[str], int | None]) -> Callable[[str], int | None]:
    """The function with its answers to the few texts that come often."""
    known = {}

    def answer(text):
        if text not in known:
            if len(known) > MOST_VALUES:
                return function(text)
            known[text] = function(text)
        return known[text]
    return answer


def _collected(stream, path, columns):
    rows = _rows(stream)
    _, names = next(rows)
    if not names:
        raise files.InputError(
            f"score table {path} is empty; expected a header and one row per case.")
    collector = _Collector(_places(names, path, columns), path)
    for number, row in rows:
        if number > MOST_ROWS:
            raise files.InputError(
                f"score table {path} has more than {MOST_ROWS} rows; divide it.")
        vocabulary.check_row(
            row[len(names):], len(names), f"score table {path}, row {number}")
        collector.add(row, number)
    if not len(collector.labels):
        left = ", ".join(f"{count} {reason}"
                         for reason, count in collector.left_out.items())
        raise files.InputError(
            f"score table {path} has no row with label and score ({left or 'no rows'});"
            " expected a header and one row per case.")
    return collector.table(keys=columns.keys)


def _places(names: Sequence[str], path, columns: Wanted) -> _Places:
    headings = vocabulary.named_columns(names)
    label = columns.label or headings.get("label", "")
    woman = columns.woman or headings.get("patient", "")
    for name, flag in ((label, "label"), (columns.woman, "patient")):
        if (name or flag == "label") and name not in names:
            raise files.InputError(
                f"score table {path} has no column {name or flag!r}; expected one of "
                f"{', '.join(names[:40])}. Name it with --{flag}.")
    scores = score_columns(names, columns.scores)
    if not scores:
        raise files.InputError(
            f"score table {path} has no column of scores "
            f"({' or '.join(columns.scores) or 'score'}); its columns are "
            f"{', '.join(names[:40])}. Name them with --score.")
    position = {name: place for place, name in reversed(list(enumerate(names)))}
    texts = columns.texts
    if "*" in texts:
        used = {label, *scores, *(headings.get(name, "") for name in (
            "path", "patient", "score"))}
        texts = tuple(name for name in names if name and name not in used)
    missing = [name for name in texts if name not in position]
    if missing:
        raise files.InputError(
            f"score table {path} has no column {missing[0]!r}; its columns are "
            f"{', '.join(names[:40])}.")
    used = {label, woman, headings.get("path"), *scores, *columns.texts}
    typed = {"label": columns.label, "patient": columns.woman, "score": columns.scores}
    guessed = {name for name in ("path", *typed) if not typed.get(name)}
    vocabulary.check_headings(
        [name for name in names if name in used or vocabulary.meaning(name) in guessed],
        f"score table {path}")
    return _Places(
        position[label], {name: position[name] for name in scores},
        position.get(woman, -1),
        position.get(headings.get("path", ""), -1),
        {name: position[name] for name in texts})


def score_columns(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Columns of scores, in their order; see `Wanted.scores`."""
    names = list(names)
    if patterns:
        return [name for name in names
                if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    headings = vocabulary.named_columns(names)
    return [name for name in names
            if name == headings.get("score") or name.startswith("score_")]
