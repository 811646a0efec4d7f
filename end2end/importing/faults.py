"""The commonest ways in which people's tables are wrong, as rows: how each is seen,
what is said of it, and what becomes of the pictures.

Each is a condition on the pictures of a `store.Store`, so that a table of any length
takes the same memory.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

from end2end.importing import spreadsheets
from end2end.importing.machine import IN_USE
from end2end.importing.store import Store
from end2end.tables import words
from end2end.utils import files

STOPS, LEFT_OUT, SAID = "stops the import", "left out", "said"
# Rows that are named of each fault.
SHOWN = 12

MONTH = (r"(?:jan|feb|m\u00e4r|mrz|mar|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec)"
         r"[a-z]*\.?")
DAMAGED_AS_DATE = re.compile(
    rf"(?:\d{{1,4}}[-. ]{{1,2}}{MONTH}|{MONTH}[-. ]{{1,2}}\d{{1,4}})", re.I)
EXPONENT = re.compile(r"[-+]?\d(?:[.,]\d+)?E[-+]?\d{1,3}", re.I)
SEVERAL_FILES = re.compile(r"\.(?:png|jpe?g|dcm|dicom|tiff?|pgm)\s*[;,|]\s*\S", re.I)
# What a spreadsheet may have done to the cells of some columns, by name of the fault.
FRACTION = re.compile(r"^(\d+)[.,]0+$")
# Days since 1899-12-30, as spreadsheets keep dates: 1954 to 2064.
DAY_NUMBER = re.compile(r"[2-5]\d{4}")
WHOLE_DATE = re.compile(
    r"(?:\d{1,2}([./-])\d{1,2}\1\d{2,4}|\d{4}([./-])\d{1,2}\2\d{1,2})(?:[ T][0:.]+)?")
DAMAGE = {
    "fractions": (("patient",), FRACTION.match),
    "exponents": (("patient", "exam", "path"), EXPONENT.fullmatch),
    "dates": (("patient", "path"), DAMAGED_AS_DATE.fullmatch),
    "patient-dates": (("patient",), WHOLE_DATE.fullmatch),
    "several-files": (("path",), SEVERAL_FILES.search),
    "day-numbers": (("date",), DAY_NUMBER.fullmatch),
}
# What spreadsheets say themselves, and the columns in which it matters.
ODD = {spreadsheets.DATE: ("dates", ("patient", "path")),
       spreadsheets.LONG: ("lost-digits", ("patient", "exam", "path")),
       spreadsheets.ERROR: ("formula-errors", None),
       spreadsheets.MERGED: ("merged-cells", None)}


def _flagged(name):
    return f"further LIKE '%\"{name}\"%'"


def _groups(column, distinct, *, key="source"):
    """Pictures whose file (or other key) has several values of a column."""
    return (f"{key} IN (SELECT {key} FROM pictures WHERE left_out = '' AND {key} <> '' "
            f"AND {column} IS NOT NULL AND {column} <> '' GROUP BY {key} "
            f"HAVING COUNT(DISTINCT {distinct}) > 1)")


@dataclasses.dataclass(frozen=True)
class Fault:
    """One way in which a table is wrong.

    Attributes:
        sentence: what is wrong.
        then: `STOPS`, `LEFT_OUT` or `SAID`.
        advice: what to do.
        condition: of SQL, on the pictures that are in use.
    """

    sentence: str
    then: str
    advice: str
    condition: str


# Looked for in each row alone, before anything is read of it.
OF_CELLS = {
    "no-file": Fault(
        "rows without a file: empty cells, sums, remarks", LEFT_OUT,
        "fill in the file, or remove the rows", "source = ''"),
    "formula-errors": Fault(
        "cells with an error of a formula, such as #REF!", LEFT_OUT,
        "mend the formula and save the sheet", _flagged("formula-errors")),
}
# Looked for in the whole table, in this order.
OF_TABLE = {
    "duplicate-rows": Fault(
        "the same row again", LEFT_OUT, "nothing: one of them counts",
        "position NOT IN (SELECT MIN(position) FROM pictures WHERE left_out = '' GROUP "
        "BY source, patient, exam, date, laterality, view, kind, source_label, split)"),
    "exponents": Fault(
        "numbers such as 1.2E+10, of which the digits are lost", STOPS,
        "format the column as text in the first program and export it again",
        _flagged("exponents")),
    "dates": Fault(
        "numbers of patients or names of files that a spreadsheet made a date of "
        "(01-02 became 2 January)", STOPS,
        "format the column as text in the first program and export it again",
        _flagged("dates")),
    "lost-digits": Fault(
        "numbers of more than 15 digits, of which a spreadsheet keeps 15", STOPS,
        "format the column as text in the first program and export it again",
        _flagged("lost-digits")),
    "several-files": Fault(
        "several files in one cell", LEFT_OUT, "write one row per file",
        _flagged("several-files")),
    "two-labels": Fault(
        "files with two labels", STOPS, "decide for one", _groups(
            "label", "label")),
    "two-women": Fault(
        "files that are said to show two women", STOPS, "decide for one", _groups(
            "patient", "LOWER(patient)")),
    "file-again": Fault(
        "files in several rows that differ in other columns", LEFT_OUT,
        "nothing: the first of the rows counts",
        "source <> '' AND position NOT IN (SELECT MIN(position) FROM pictures WHERE "
        "left_out = '' GROUP BY source)"),
    "lost-zeros": Fault(
        "women with and without zeros in front of their number (0123 and 123)", STOPS,
        "write the number in one way; leading zeros are lost where a column is no text",
        "patient GLOB '[0-9]*' AND LTRIM(patient, '0') IN (SELECT LTRIM(patient, '0') "
        "FROM pictures WHERE left_out = '' AND patient GLOB '[0-9]*' GROUP BY "
        "LTRIM(patient, '0') HAVING COUNT(DISTINCT patient) > 1)"),
    "spellings": Fault(
        "women whose number is written in capitals and in small letters", SAID,
        "nothing: they are read as one woman each", _groups(
            "patient", "patient", key="LOWER(patient)")),
    "day-numbers": Fault(
        "dates written as the number of a day, such as 45001", SAID,
        "nothing: they are read as dates, as Excel counts days from 1900",
        _flagged("day-numbers")),
    "patient-dates": Fault(
        "numbers of patients that are dates, such as 01.03.2024", SAID,
        "check that it is the right column, and that no spreadsheet made dates of the "
        "numbers; women with the same date are read as one woman",
        _flagged("patient-dates")),
    "fractions": Fault(
        "numbers of patients with a fraction, such as 123.0", SAID,
        "nothing: they are read without it", _flagged("fractions")),
    "merged-cells": Fault(
        "merged cells, whose value stands in each of their rows now", SAID,
        "check that a merged cell means all of its rows", _flagged("merged-cells")),
    "hidden-rows": Fault(
        "rows that are hidden in the sheet, by hand or by a filter", SAID,
        "they are read like others; --leave-out hidden-rows if they are hidden because "
        "they should not count", _flagged("hidden-rows")),
    "empty-labels": Fault(
        "rows without a label", LEFT_OUT, "fill in the label", "source_label = ''"),
    "empty-patients": Fault(
        "rows without a patient (or with a word for none, such as 0000 or unknown), "
        "where others have one", SAID,
        "fill them in; by tags or names alone the same woman may be in two parts",
        "patient = '' AND EXISTS (SELECT 1 FROM pictures WHERE patient <> '')"),
}
# Looked for when the files are known.
OF_FILES = {
    "missing-files": Fault(
        "files that do not exist", LEFT_OUT,
        "correct the path (a spreadsheet may have taken zeros in front), or say where "
        "the files are (--files FOLDER)",
        "left_out LIKE 'no file%'"),
    "ambiguous-files": Fault(
        "names that several files have", LEFT_OUT,
        "write the path from the folder of the table, or from --files",
        "left_out LIKE 'several files%'"),
    "contradictions": Fault(
        "side or view against the tags of the file or its name", LEFT_OUT,
        "look at the picture and correct the table",
        "left_out LIKE 'contradiction%'"),
    "other-patients": Fault(
        "another patient in the tags than in the table", SAID,
        "the table counts; right where one of them is a pseudonym",
        "notes LIKE '%another patient by%'"),
    "two-splits": Fault(
        "women in more than one part of the table's own split", STOPS,
        "correct the split, or draw one by woman (--split patient)",
        "safe IN (SELECT safe FROM pictures WHERE left_out = '' AND split <> '' GROUP "
        "BY safe HAVING COUNT(DISTINCT split) > 1)"),
    "exams-of-two": Fault(
        "numbers of exams that two women share", SAID,
        "an exam counts within its woman; check the numbers if they should be unique",
        "LENGTH(exam) >= 8 AND exam <> REPLACE(date, '-', '') AND patient <> '' AND "
        "exam IN (SELECT exam FROM pictures WHERE left_out = '' AND patient <> '' "
        "GROUP BY exam HAVING COUNT(DISTINCT safe) > 1)"),
}
# Looked for when the pictures were read.
OF_PICTURES = {
    "unreadable": Fault(
        "files that cannot be read as a mammogram", LEFT_OUT,
        "restore them; left_out.csv has the reasons", "failed IS NOT NULL"),
    "same-picture": Fault(
        "pictures that come twice under different names", LEFT_OUT,
        "of equal ones one counts; where woman or label differ, none does",
        "left_out LIKE 'the same picture%'"),
}
ALL = {**OF_CELLS, **OF_TABLE, **OF_FILES, **OF_PICTURES}


def of_cells(cells: Mapping[str, str], row: spreadsheets.Row,
             places: Mapping[str, int]) -> list[str]:
    """Names of the faults that the cells of one row have by themselves.

    Args:
        cells: texts by meaning.
        row: of the sheet.
        places: positions of columns by meaning.
    """
    names = [name for name, (columns, damaged) in DAMAGE.items()
             if any(damaged(cells.get(column, "")) for column in columns)]
    meanings = {place: meaning for meaning, place in places.items()}
    for place, oddity in row.odd.items():
        name, columns = ODD.get(oddity, (oddity, None))
        if place == -1 or place in meanings and (
                columns is None or meanings[place] in columns):
            names.append(name)
    return list(dict.fromkeys(names))


@dataclasses.dataclass(frozen=True)
class Finding:
    """A fault that a table has: its name, how many rows, the first of them."""

    name: str
    count: int
    rows: tuple
    waived: bool = False

    @property
    def stops(self) -> bool:
        """Whether the import cannot go on."""
        return ALL[self.name].then == STOPS and not self.waived

    def lines(self) -> Iterator[str]:
        """Yields what is said of it."""
        fault = ALL[self.name]
        numbers = ", ".join(map(str, self.rows)) + (
            ", ..." if self.count > len(self.rows) else "")
        yield f"  {self.name} - {LEFT_OUT if self.waived else fault.then}"
        yield f"    {self.count} row{'s' * (self.count != 1)}: {numbers}"
        yield f"    what: {fault.sentence}"
        yield f"    to do: {fault.advice}" + (
            f", or --leave-out {self.name}" if self.stops else "")


def look(pictures: Store, faults: Mapping[str, Fault],
         leave_out: Sequence[str] = ()) -> list[Finding]:
    """Looks for faults, and leaves out the pictures of those that say so.

    Args:
        pictures: rows of a table.
        faults: some rows of `ALL`.
        leave_out: names of faults whose rows are left out whatever they are.
    """
    findings = []
    for name, fault in faults.items():
        condition = fault.condition
        if "left_out LIKE" not in condition and name != "unreadable":
            condition = f"{IN_USE} AND ({condition})"
        count = pictures.count(condition)
        if not count:
            continue
        rows = pictures.query(f"SELECT row FROM pictures WHERE {condition} "
                              f"ORDER BY row LIMIT {SHOWN}")
        findings.append(Finding(name, count, tuple(row for row, in rows),
                                name in leave_out))
        if fault.then == LEFT_OUT or name in leave_out:
            # The condition may look at what is in use, so it is asked before.
            pictures.leave_out(f"{name}: {fault.sentence}", "position IN (SELECT "
                               f"position FROM pictures WHERE {condition})")
    return findings


def check_names(names: Sequence[str]) -> None:
    """Refuses what is no name of a fault."""
    for name in names:
        if name not in ALL:
            raise files.InputError(
                f"--leave-out {words.cleaned(name, 40)}: there is no such fault; "
                f"expected one of {', '.join(ALL)}.")


def refuse(findings: Sequence[Finding]) -> None:
    """Raises `files.InputError` where faults have to be decided first."""
    names = [finding.name for finding in findings if finding.stops]
    if names:
        raise files.InputError(
            f"the table has faults that must be decided first: {', '.join(names)}. "
            "Correct the rows that are named above, or leave them out (--leave-out "
            f"{' '.join(names)}).")
