"""Reads CSV files and Excel sheets row by row, as people see them, with what is odd.

Cells are texts. What a spreadsheet did to them (a number shown with leading zeros, a
date, a value of more digits than it can hold, a merged cell) is kept beside them.
"""

import codecs
import contextlib
import csv
import dataclasses
import datetime
import itertools
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from end2end.utils import distribution, files

EXCEL_SUFFIXES = (".xlsx", ".xlsm", ".xls")
# First bytes of the container of old Excel files, and of those with a password.
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DELIMITERS = ",;\t|"
# Lines that tell the delimiter.
SAMPLE = 50
MOST_COLUMNS = 1000
# A sheet of Excel has at most 2**20 rows; its XML takes some 100 bytes per cell.
MOST_XML = 1 << 31
# A number of Excel has fifteen digits; of longer ones the last became zeros.
DIGITS = 15
# Rows of a sheet of Excel in which headings are looked for.
FIRST_ROWS = 30
MERGED, HIDDEN, DATE, LONG, ERROR = (
    "merged-cells", "hidden-rows", "dates", "lost-digits", "formula-errors")
ERRORS = re.compile(
    r"#(?:REF!|N/A|NV|VALUE!|WERT!|NAME\?|DIV/0!|NUM!|ZAHL!|NULL!|BEZUG!|SPILL!)")
READING_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, ElementTree.ParseError, KeyError,
    ValueError, IndexError, TypeError, AttributeError, OSError, EOFError,
    ArithmeticError, AssertionError, RecursionError, NotImplementedError)


@dataclasses.dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        number: as a spreadsheet counts it.
        texts: of the cells.
        odd: what is odd about cells, by their position; -1: about the whole row.
    """

    number: int
    texts: tuple
    odd: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Sheet:
    """A table that can be walked once.

    Attributes:
        rows: an iterator of `Row`; rows without any text are passed over.
        notes: sentences on how it is read.
    """

    rows: Iterator[Row]
    notes: list


@contextlib.contextmanager
def opened(path: files.Path, *, sheet: str = "",
           is_header: Callable[[Sequence[str]], bool]) -> Iterator[Sheet]:
    """Gives the rows of a CSV or Excel file.

    Args:
        path: the file, known by its first bytes.
        sheet: of Excel; where empty the first that is visible and whose first rows
            have a header, or the first that is visible and not empty.
        is_header: whether texts of a row are headings.

    Raises:
        files.InputError: it cannot be read.
    """
    path = files.existing_file(path, "table")
    with open(path, "rb") as stream:
        start = stream.read(8)
    with _opener(path, start)(path, sheet, is_header) as table:
        yield table


def _opener(path, start):
    """What reads a file, by its first bytes: exports are often called .xls whatever
    they are."""
    if start[:2] == b"PK":
        return _excel
    if start == OLE:
        return _old_excel
    if start.lstrip().lower().startswith((b"<html", b"<!doct", b"<table", b"<?xml")):
        raise files.InputError(
            f"{path} is a web page or XML whatever it is called; open it in a "
            "spreadsheet and save it as .xlsx or CSV.")
    files.existing_text(path)
    return _csv


# CSV ------------------------------------------------------------------------------


@contextlib.contextmanager
def _csv(path, sheet, is_header):
    encoding, notes = _encoding(path)
    if path.suffix.lower() in EXCEL_SUFFIXES:
        notes.insert(0, f"{path.name} is no Excel file but text, and is read as CSV")
    with open(path, encoding=encoding, newline="") as stream:
        try:
            start = list(itertools.islice(stream, SAMPLE))
        except UnicodeError as error:
            raise files.InputError(
                f"{path} is no text in a usual encoding ({error}), nor an Excel file; "
                "save it as CSV in UTF-8, or as .xlsx.") from error
        delimiter = _delimiter(start, notes)
        lines = itertools.chain(start, stream)
        yield Sheet(_csv_rows(path, lines, delimiter), notes)


def _encoding(path):
    """The encoding by its mark, else UTF-8 where the whole file is, else Windows's."""
    with open(path, "rb") as stream:
        head = stream.read(1 << 16)
        for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"),
                           (codecs.BOM_UTF16_LE, "utf-16"),
                           (codecs.BOM_UTF16_BE, "utf-16")):
            if head.startswith(mark):
                return name, [] if name == "utf-8-sig" else ["encoding: UTF-16"]
        if b"\0" in head:
            side = "le" if head[1::2].count(0) > head[::2].count(0) else "be"
            return f"utf-16-{side}", ["encoding: UTF-16 without a mark"]
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while head:
                decoder.decode(head)
                head = stream.read(1 << 20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252", ["encoding: not UTF-8, so it is read as that of Windows "
                              "(cp1252); check names with accents"]
    return "utf-8", []


def _delimiter(lines, notes):
    """What divides the cells: the sign that gives lines of one number of cells."""
    if lines and lines[0].lower().startswith("sep="):
        return lines.pop(0).rstrip("\r\n")[4:5] or ","
    best, most = ",", 0
    for sign in DELIMITERS:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        except csv.Error:
            continue
        usual = max(set(counts), key=counts.count, default=1)
        score = (usual > 1) * counts.count(usual) * min(usual, 4)
        if score > most:
            best, most = sign, score
    if best != ",":
        notes.append(f"cells are divided by {NAMES_OF_SIGNS[best]}")
    return best


NAMES_OF_SIGNS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def _csv_rows(path, lines, delimiter):
    try:
        for number, cells in enumerate(csv.reader(lines, delimiter=delimiter), 1):
            texts = tuple(_clean(text) for text in cells[:MOST_COLUMNS])
            if any(texts):
                yield Row(number, texts, _errors(texts))
    except (csv.Error, UnicodeError) as error:
        raise files.InputError(
            f"{path} cannot be read as CSV ({error}); save it as CSV in UTF-8."
        ) from error


def _clean(text):
    return " ".join(text.replace("\u00a0", " ").split())


def _errors(texts):
    return {place: ERROR for place, text in enumerate(texts) if ERRORS.match(text)}


# Excel ----------------------------------------------------------------------------


@contextlib.contextmanager
def _excel(path, name, is_header):
    distribution.require("openpyxl", purpose=str(path), extra="inbreast",
                         otherwise="or save the sheet as CSV")
    import openpyxl

    _check_archive(path)
    with contextlib.ExitStack() as stack:
        try:
            # By its contents, since the reader refuses other suffixes.
            stream = stack.enter_context(open(path, "rb"))
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            notes: list = []
            table = _chosen(book, name, path, notes, is_header)
        except READING_ERRORS as error:
            if isinstance(error, files.InputError):
                raise
            raise files.InputError(
                f"{path} cannot be read as an Excel file ({error}); save it again as "
                ".xlsx, or as CSV.") from error
        table.reset_dimensions()
        layout = _layout(path, table, notes)
        yield Sheet(_excel_rows(path, table, layout), notes)


def _check_archive(path):
    """Refuses archives that unpack to absurd sizes."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_XML:
                raise files.InputError(
                    f"{path} unpacks to more than {MOST_XML >> 20} MB, more than any "
                    "such table has; save the sheet alone, or as CSV.")
    except (zipfile.BadZipFile, OSError) as error:
        raise files.InputError(
            f"{path} cannot be read as an Excel file ({error}); an old .xls that was "
            "renamed, or a damaged file. Save it again as .xlsx, or as CSV.") from error


def _chosen(book, name, path, notes, is_header):
    names = book.sheetnames
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if name:
        if name not in names:
            raise files.InputError(
                f"{path} has no sheet {name!r}; it has {', '.join(names)}.")
        return book[name]
    if not visible:
        raise files.InputError(f"{path} has no visible sheet; name one (--sheet).")
    starts = {sheet.title: [[str(value) for value in row if value is not None]
                            for row in itertools.islice(sheet.values, FIRST_ROWS)]
              for sheet in visible}
    best = max(visible, key=lambda sheet: (
        any(is_header(texts) for texts in starts[sheet.title] if texts),
        any(starts[sheet.title])))
    if len(names) > 1:
        notes.append(
            f"sheet {best.title!r} is read, of {len(names)} ({', '.join(names)}); "
            "--sheet NAME takes another")
    return best


@dataclasses.dataclass
class _Layout:
    """Hidden rows, and for merged cells the cell that holds their value."""

    hidden: set
    merged: dict


def _layout(path, table, notes):
    """What the reader of rows does not tell: hidden rows and columns, merged cells."""
    layout, place = _Layout(set(), {}), getattr(table, "_worksheet_path", "")
    formulas: list[str] = []
    number = 0
    try:
        with zipfile.ZipFile(path) as archive, archive.open(
                place.lstrip("/")) as stream:
            for _, element in ElementTree.iterparse(stream):
                tag = element.tag.rpartition("}")[2]
                if tag == "row":
                    # A row without a number is the next one.
                    number = int(element.get("r") or number + 1)
                    if element.get("hidden") in ("1", "true"):
                        layout.hidden.add(number)
                    element.clear()
                elif tag == "col" and element.get("hidden") in ("1", "true"):
                    notes.append(f"hidden columns are read too ({element.get('min')} "
                                 f"to {element.get('max')})")
                elif tag == "mergeCell":
                    _add_merged(layout.merged, element.get("ref") or "")
                elif tag == "c":
                    if _lacks_result(element):
                        formulas.append(element.get("r") or "?")
                    element.clear()
    except READING_ERRORS:
        notes.append("hidden rows and merged cells of this file cannot be told")
    if formulas:
        notes.append(
            f"{len(formulas)} cells hold formulas whose results the file does not have "
            f"({', '.join(formulas[:5])}{', ...' * (len(formulas) > 5)}): they are "
            "read as empty; open the file in a spreadsheet program and save it")
    return layout


def _lacks_result(cell):
    """Whether a cell of the XML has a formula and no value, as programs write them."""
    parts = {part.tag.rpartition("}")[2]: part.text for part in cell}
    return "f" in parts and not parts.get("v") and "is" not in parts


def _add_merged(merged, reference):
    from openpyxl.utils import range_boundaries

    first_column, first_row, last_column, last_row = range_boundaries(reference)
    # Titles over many columns are no cells of the table.
    if first_column == last_column and last_row - first_row < 100_000:
        for row in range(first_row + 1, last_row + 1):
            merged[row, first_column] = first_row


def _excel_rows(path, table, layout):
    """Rows with the values of merged cells in each cell that they cover."""
    above: dict[tuple[int, int], str] = {}
    sources = {(row, column) for (_, column), row in layout.merged.items()}
    try:
        for number, cells in enumerate(table.rows, 1):
            texts, odd = [], {}
            for place, cell in enumerate(cells[:MOST_COLUMNS]):
                text, oddity = _cell_text(cell)
                source = layout.merged.get((number, place + 1))
                if source is not None and not text:
                    text, oddity = above.get((source, place + 1), ""), MERGED
                if (number, place + 1) in sources:
                    above[number, place + 1] = text
                texts.append(text)
                if oddity and text:
                    odd[place] = oddity
            if any(texts):
                if number in layout.hidden:
                    odd[-1] = HIDDEN
                yield Row(number, tuple(texts), odd)
    except READING_ERRORS as error:
        raise files.InputError(
            f"{path} cannot be read to its end ({error}); save it again as .xlsx, or "
            "as CSV.") from error


def _cell_text(cell):
    """A cell as it is shown, and what is odd about it."""
    value = cell.value
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.strftime("%Y-%m-%d"), DATE
    if isinstance(value, (int, float)):
        return _number_text(value, str(getattr(cell, "number_format", "") or ""))
    text = _clean(str(value))
    return text, ERROR if ERRORS.match(text) else ""


def _number_text(value: Any, shown_as: str) -> tuple[str, str]:
    """A number as text: whole ones without a fraction, with zeros in front where the
    cell shows them."""
    whole = float(value).is_integer()
    text = str(int(value)) if whole else f"{value:.15g}"
    if whole and re.fullmatch("0{2,}", shown_as):
        text = text.zfill(len(shown_as))
    return text, LONG if whole and len(text.lstrip("-0")) > DIGITS else ""


@contextlib.contextmanager
def _old_excel(path, name, is_header):
    book = opened_old(path)
    if name and name not in book.sheet_names():
        raise files.InputError(
            f"{path} has no sheet {name!r}; it has {', '.join(book.sheet_names())}.")
    tables = [book.sheet_by_name(name)] if name else [
        table for table in book.sheets() if not table.visibility] or book.sheets()
    table = max(tables, key=lambda table: any(
        is_header([str(text) for text in table.row_values(row) if text])
        for row in range(min(table.nrows, FIRST_ROWS))))
    notes = [] if len(tables) < 2 else [
        f"sheet {table.name!r} is read, of {len(book.sheet_names())} "
        f"({', '.join(book.sheet_names())}); --sheet NAME takes another"]
    yield Sheet(_old_rows(book, table), notes)


def opened_old(path: files.Path) -> Any:
    """The book of an .xls file.

    Raises:
        files.InputError: there is no reader for it, or it is damaged.
    """
    distribution.require("xlrd", purpose=str(path), extra="inbreast",
                         otherwise="or save the table as CSV")
    import xlrd

    try:
        return xlrd.open_workbook(path)
    except (xlrd.XLRDError, xlrd.compdoc.CompDocError, *READING_ERRORS) as error:
        raise files.InputError(
            f"{path} cannot be read as an Excel table ({error}); if it has a password, "
            "remove it; save it as .xlsx or as CSV.") from error


def _old_rows(book: Any, table: Any) -> Iterator[Row]:
    import xlrd

    for number in range(table.nrows):
        texts, odd = [], {}
        for place, cell in enumerate(table.row(number)[:MOST_COLUMNS]):
            text, oddity = "", ""
            if cell.ctype == xlrd.XL_CELL_DATE:
                day = xlrd.xldate_as_datetime(cell.value, book.datemode)
                text, oddity = day.strftime("%Y-%m-%d"), DATE
            elif cell.ctype == xlrd.XL_CELL_NUMBER:
                text, oddity = _number_text(cell.value, "")
            elif cell.ctype == xlrd.XL_CELL_BOOLEAN:
                text = str(bool(cell.value)).lower()
            elif cell.ctype == xlrd.XL_CELL_ERROR:
                text, oddity = "#N/A", ERROR
            elif cell.value not in ("", None):
                text = _clean(str(cell.value))
            texts.append(text)
            if oddity:
                odd[place] = oddity
        if any(texts):
            yield Row(number + 1, tuple(texts), odd)


def peeked(rows: Iterable[Row], count: int) -> tuple[list[Row], Iterator[Row]]:
    """The first rows, and an iterator over all of them."""
    iterator = iter(rows)
    first = list(itertools.islice(iterator, count))
    return first, itertools.chain(first, iterator)
