"""The import of somebody's own table: what its columns mean, what is wrong with it, and
the same output as that of a public set."""

import argparse
import dataclasses
import datetime
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from end2end.importing import (
    faults,
    file_columns,
    file_names,
    machine,
    outputs,
    records,
    spreadsheets,
    store,
    understanding,
    vendors,
)
from end2end.importing.machine import IN_USE
from end2end.tables import vocabulary, words
from end2end.utils import commands, files

Say = Callable[[str], None]
SHOWN_VALUES = 8
LABELS_AT_MOST = 40
# From which spreadsheets count days; right from March 1900 on.
FIRST_DAY = datetime.date(1899, 12, 30)
# What programs write for an empty cell.
EMPTY = ("nan", "nat", "null", "n/a", "<na>")
# Columns that go into a picture as they are.
PLAIN = ("exam", "date", "density", "age", "site", "lesion_type", "issuer", "kind")


@dataclasses.dataclass(frozen=True)
class Query:
    """How a table is to be understood.

    Attributes:
        path: of the table.
        sheet: of an Excel file.
        columns: headings by meaning.
        labels: words by `malignant`, `benign` and `leave-out`.
        sides: words by `left` and `right`.
        bases: folders of the files, in this order.
        leave_out: names of faults whose rows are left out.
    """

    path: pathlib.Path
    sheet: str
    columns: dict
    labels: dict
    sides: dict
    bases: list
    leave_out: tuple


def query_of(arguments: argparse.Namespace) -> Query:
    """Reads the flags of `importing table`.

    Raises:
        files.InputError: one is not of the form that is expected.
    """
    path = files.existing_file(arguments.file, "table")
    bases = [files.existing_folder(folder) for folder in arguments.files]
    faults.check_names(arguments.leave_out)
    labels = _words(arguments.label, "--label", tuple(understanding.LABEL_FLAGS))
    sides = _words(arguments.side, "--side", ("left", "right"))
    columns = {meaning: many[-1] for meaning, many in _words(
        arguments.column, "--column", understanding.MEANINGS, whole=True).items()}
    return Query(path, arguments.sheet, columns, labels, sides,
                    [*bases, path.parent], tuple(arguments.leave_out))


def _words(texts: Sequence[str], flag: str, names: Sequence[str], *,
           whole: bool = False) -> dict[str, list[str]]:
    """`NAME=WORD,WORD` as lists of words by name."""
    result: dict[str, list[str]] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if not equals or not rest.strip() or (
                name.partition(":")[0] if whole else name).strip() not in names:
            raise files.InputError(
                f"{flag} {text}: expected NAME={'HEADING' if whole else 'WORD,WORD'}, "
                f"where NAME is one of {', '.join(names)}.")
        parts = [rest] if whole else rest.split(",")
        result.setdefault(name.strip(), []).extend(part.strip() for part in parts)
    return result


def run(query: Query, settings: records.Settings, say: Say = print) -> None:
    """Reads a table, says how it is understood and what is wrong, and imports it.

    Args:
        query: how it is to be understood.
        settings: with `check_only` nothing is written.
        say: gets each line of the report.

    Raises:
        files.InputError: something has to be decided first; nothing was converted.
    """
    with store.temporary(settings.out) as pictures:
        understood = load(pictures, query, say)
        findings = faults.look(pictures, faults.OF_CELLS, query.leave_out)
        read_labels(pictures, query, say)
        by_name = file_names.resolve(pictures, query.bases)
        if by_name:
            say(f"{commands.counted(by_name, 'file was', 'files were')} found by "
                f"{'its name' if by_name == 1 else 'their names'} alone below "
                f"{', '.join(map(str, query.bases))}")
        findings += faults.look(pictures, faults.OF_TABLE, query.leave_out)
        pictures.query(f"UPDATE pictures SET patient = LOWER(patient) WHERE "
                       f"{faults.OF_TABLE['spellings'].condition}")
        machine.identify(pictures)
        machine.choose(pictures, settings)
        machine.name_pictures(pictures)
        findings += faults.look(pictures, faults.OF_FILES, query.leave_out)
        _say_findings(findings, say)
        ask_for_labels(pictures, query)
        faults.refuse(findings)
        finish(pictures, settings, dict(
            table=str(query.path), columns=understood,
            faults={finding.name: finding.count for finding in findings}), say)


def load(pictures: store.Store, query: Query, say: Say) -> dict[str, str]:
    """Reads the rows of a table into the store, after saying what its columns mean.

    Returns:
        headings by meaning.

    Raises:
        files.InputError: no column of files or of labels.
    """
    with spreadsheets.opened(
            query.path, sheet=query.sheet,
            is_header=understanding.is_header) as sheet:
        first, rows = spreadsheets.peeked(sheet.rows, understanding.HEADER_WITHIN
                                          + understanding.LOOKED_AT)
        place = understanding.find_header(first, query.columns)
        header, below = first[place], first[place + 1:]
        columns = file_columns.spread(
            understanding.columns(header, below, query.columns), below, query.columns)
        parts = file_columns.parts(columns)
        for note in sheet.notes:
            say(note)
        if place:
            say(f"the header is in row {header.number}; what stands above it is left "
                "aside")
        _say_columns(columns, below, say)
        _check_columns(columns, below, query.columns)
        for line in file_columns.described(parts):
            say(line)
        pictures.add(_pictures(
            (row for row in rows if row.number > header.number), parts, query))
    return {_named(column): column.heading for column in columns if column.meaning}


def _named(column):
    """What a column means, with the side and view that it is about."""
    part = f"{column.side} {column.view}".strip()
    return f"{column.meaning} of {part}" if part else column.meaning


def _say_columns(columns, rows, say):
    say("columns:")
    for column in columns:
        values = list(dict.fromkeys(
            row.texts[column.place] for row in rows
            if column.place < len(row.texts) and row.texts[column.place]))
        # Numbers of patients are not repeated on a screen.
        shown = f"{len(values)} different values" if column.meaning in (
            "patient", "exam", "date", "issuer") or not column.meaning else ", ".join(
            values[:SHOWN_VALUES]) + (", ..." if len(values) > SHOWN_VALUES else "")
        meaning = _named(column) or "left aside"
        how = f" by {column.how}" if column.how else ""
        say(f"  {words.cleaned(column.heading, 30):30} -> {meaning}{how} "
            f"({words.cleaned(shown, 120) or 'empty'})")


def _check_columns(columns, rows, flags):
    meanings = {column.meaning for column in columns}
    headings = ", ".join(words.cleaned(column.heading, 40) for column in columns)
    if "path" not in meanings:
        raise files.InputError(
            f"no column is understood as that of the files; name it (--column "
            f"path=HEADING). The table has {headings}.")
    stated = any(name.partition(":")[0] == "path" for name in flags)
    spare = [] if stated else file_columns.spare(columns, rows)
    if spare:
        raise files.InputError(
            "several columns hold files ("
            f"{', '.join(words.cleaned(column.heading, 40) for column in spare)} too), "
            "and their headings do not tell side or view. Say what each is (--column "
            "path:LCC=HEADING --column path:RMLO=HEADING), or name the only column to "
            "read (--column path=HEADING).")
    labels = [column for column in columns if column.meaning == "label"
              or not column.meaning
              and understanding.meaning_of(column.heading) == "label"]
    if len(labels) > 1 and not any(
            column.how == understanding.BY_FLAG or column.side for column in labels
            if column.meaning) and _differ(labels, rows):
        raise files.InputError(
            "several columns may be the label ("
            f"{', '.join(f'{column.place + 1}: {column.heading}' for column in labels)}"
            "), and they differ; say which counts, by its heading or its number "
            f"(--column label={labels[0].place + 1}).")
    if "label" not in meanings:
        few = [words.cleaned(column.heading, 40) for column in columns
               if not column.meaning and 1 < len({
                   row.texts[column.place] for row in rows
                   if column.place < len(row.texts)}) <= LABELS_AT_MOST]
        raise files.InputError(
            "no column is understood as the label; name it (--column label=HEADING). "
            f"Columns with few values are {', '.join(few) or 'none'}.")


def _differ(columns, rows):
    """Whether some columns have other texts than the first in any of some rows."""
    return any(len({understanding.label_word(row.texts[column.place])
                    if column.place < len(row.texts) else "" for column in columns}) > 1
               for row in rows)


def _pictures(rows: Iterator[spreadsheets.Row], parts: Sequence[file_columns.Part],
              query: Query) -> Iterator[records.Picture]:
    sides = {word.lower(): {"left": "L", "right": "R"}[name]
             for name, many in query.sides.items() for word in many}
    for row in rows:
        pictures = [_picture(row, part, sides) for part in parts]
        # Of an exam not every view is taken; a row without any file is a fault.
        yield from [picture for picture in pictures if picture.source] or pictures[:1]


def _picture(row, part, sides):
    cells = {meaning: _filled(row.texts[place]) if place < len(row.texts) else ""
             for meaning, place in part.places.items()}
    damage = faults.of_cells(cells, row, part.places)
    if "day-numbers" in damage:
        cells["date"] = str(FIRST_DAY + datetime.timedelta(int(cells["date"])))
    laterality = cells.get("laterality", "")
    return records.Picture(
        key=cells["path"], source=cells["path"], row=row.number,
        patient=vocabulary.CLEAN["patient"](
            _without_fraction(cells.get("patient", ""))),
        laterality=part.side or sides.get(laterality.lower()) or understanding.side(
            laterality),
        view=part.view or cells.get("view", ""), source_label=cells.get("label", ""),
        vendor=vendors.named(cells.get("vendor", "")),
        split=understanding.split_word(cells.get("split", "")),
        further={"faults": damage} if damage else {},
        **{name: cells.get(name, "") for name in PLAIN})


def _filled(text):
    """A cell, empty where programs wrote that it is."""
    return "" if text.lower() in EMPTY else text


def _without_fraction(text):
    """`123` of `123.0`, as programs write whole numbers of columns with empty cells."""
    return faults.FRACTION.sub(r"\1", text)


def _counts_of_labels(pictures, in_use=IN_USE):
    return dict(pictures.query(
        f"SELECT source_label, COUNT(*) FROM pictures WHERE {in_use} AND "
        f"source_label <> '' GROUP BY source_label LIMIT {LABELS_AT_MOST + 1}"))


def read_labels(pictures: store.Store, query: Query, say: Say) -> None:
    """Gives each picture the number of its label, where that is known."""
    counts = _counts_of_labels(pictures)
    if not 0 < len(counts) <= LABELS_AT_MOST:
        return
    labels = understanding.labels(counts, query.labels)
    for text, number in labels.numbers.items():
        if number is None:
            pictures.leave_out("label: left out as asked for (--label)",
                               "source_label = ?", text)
        else:
            pictures.query("UPDATE pictures SET label = ? WHERE source_label = ?",
                           number, text)
    say("labels:")
    for text, count in counts.items():
        meaning = {1: "malignant", 0: "not malignant", None: "left out"}[
            labels.numbers[text]] if text in labels.numbers else "?"
        say(f"  {words.cleaned(text, 40)}: {count} rows -> {meaning}")


def ask_for_labels(pictures: store.Store, query: Query) -> None:
    """Asks what labels mean, of the rows that are still in use: a second line of
    headings or a sum below the table has no file.

    Raises:
        files.InputError: something must be said first.
    """
    counts = _counts_of_labels(pictures, "left_out IN ('', 'no label')")
    question = ""
    if len(counts) > LABELS_AT_MOST:
        question = (
            f"the label column has more than {LABELS_AT_MOST} different values, such "
            f"as {', '.join(words.cleaned(value, 30) for value in list(counts)[:5])}; "
            "name another (--column label=HEADING).")
    elif not counts and not pictures.count("source_label <> ''"):
        question = "no row has a label; check the column (--column label=HEADING)."
    elif counts:
        question = _label_question(
            counts, understanding.labels(counts, query.labels))
    if question:
        raise files.InputError(question)


def _label_question(counts, labels):
    if labels.unknown:
        return (f"the labels {', '.join(words.cleaned(w, 30) for w in labels.unknown)} "
                "are not understood; say what they mean: "
                f"{understanding.label_advice(counts)}; {understanding.LEAVE_OUT}=WORDS"
                " for those that are to be left out.")
    if labels.mixed:
        return (f"the label column mixes {' and '.join(labels.mixed)} "
                f"({', '.join(words.cleaned(text, 30) for text in counts)}), of which "
                "nobody can tell that they mean the same; say it: --label "
                "malignant=WORDS --label benign=WORDS.")
    return ""


def _say_findings(findings, say):
    if not findings:
        say("nothing is wrong with the table")
        return
    say("what is wrong with the table (rows as a spreadsheet counts them):")
    for finding in findings:
        for line in finding.lines():
            say(line)


def finish(pictures: store.Store, settings: records.Settings, facts: dict[str, Any],
           say: Say) -> None:
    """Reads the pictures, splits and writes them, and says what came out.

    Raises:
        files.InputError: nothing is left, or one class alone.
    """
    _check_rest(pictures, settings)
    bits = machine.convert(pictures, settings)
    machine.find_doubles(pictures)
    late = faults.look(pictures, faults.OF_PICTURES)
    for line in (line for finding in late for line in finding.lines()):
        say(line)
    _check_rest(pictures, settings)
    facts["faults"] = facts["faults"] | {item.name: item.count for item in late}
    if settings.check_only:
        for line in outputs.who(pictures):
            say(line)
        say("checked; nothing was written. Name a folder to import it.")
        return
    facts["split"] = machine.split(pictures, settings)
    census = outputs.write(pictures, settings, facts | dict(bits_of_undeclared=bits))
    for line in outputs.report(pictures, census, settings):
        say(line)


def _check_rest(pictures, settings):
    if not pictures.count(IN_USE):
        outputs.write_logs(pictures, settings.out)
        raise files.InputError(
            "no row is left to import: " + "; ".join(
                f"{count} {reason}" for reason, count
                in outputs.left_out(pictures).items()) + ".")
