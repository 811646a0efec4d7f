"""CSV and Excel as people write them: encodings, delimiters, formats, merged cells."""

import datetime
import re
import types
import zipfile

import openpyxl
import pytest
import xlrd

from end2end.importing import spreadsheets
from end2end.utils import files


def read(path, *, is_header=any, **keywords):
    with spreadsheets.opened(path, is_header=is_header, **keywords) as sheet:
        rows = list(sheet.rows)
        return rows, sheet.notes


def csv_file(tmp_path, data):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("encoding", "note"), [
    ("utf-8", ""), ("utf-8-sig", ""), ("cp1252", "cp1252"), ("utf-16", "UTF-16"),
    ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16")])
def test_an_encoding_is_recognised_and_said(tmp_path, encoding, note):
    rows, notes = read(csv_file(tmp_path, "bild;Größe\na.png;3\n".encode(encoding)))
    assert rows[0].texts == ("bild", "Größe")
    assert (not note or note in notes[0]) and "semicolons" in notes[-1]


@pytest.mark.parametrize(("sign", "note"), [
    (",", []), (";", ["cells are divided by semicolons"]),
    ("\t", ["cells are divided by tabs"])])
def test_a_delimiter_is_told_by_lines_of_one_width(tmp_path, sign, note):
    text = "\n".join(sign.join(("a.png", "1" if sign == "," else "1,5", "x"))
                     for _ in range(3))
    rows, notes = read(csv_file(tmp_path, text.encode()))
    assert [len(row.texts) for row in rows] == [3, 3, 3] and notes == note


@pytest.mark.parametrize(("line", "texts"), [
    (b"sep=|", ("a", "b;c,d")), (b"SEP=;", ("a|b", "c,d")), (b"sep=", ("a|b;c", "d"))])
def test_the_first_line_of_excel_names_the_delimiter(tmp_path, line, texts):
    rows, notes = read(csv_file(tmp_path, line + b"\r\na|b;c,d\n"))
    assert [(row.number, row.texts) for row in rows] == [(1, texts)] and notes == []


@pytest.mark.parametrize(("lines", "sign"), [
    (["a,b;c"], ","), (["a;b\tc", "a;b\td"], ";"),
    # Beyond four cells a line more counts more than a cell more.
    ([*["a,a,a;,a;,a;a"] * 5, "a;a;a;a"], ";"),
    ([*["a;a,;a,a,a"] * 6, "a;a;a"], ","),
    # Lines of one cell are none that a sign divides.
    ([*["a;b"] * 4, *["a;b;c"] * 3, *["a;b;c;d"] * 3], ";")])
def test_of_two_signs_that_of_the_more_even_lines_divides_the_cells(lines, sign):
    assert spreadsheets._delimiter(lines, []) == sign


def test_a_letter_that_is_cut_off_at_the_end_is_no_utf_8(tmp_path):
    rows, notes = read(csv_file(tmp_path, b"a,b\n1,\xc3"))
    said = ["encoding: not UTF-8, so it is read as that of Windows (cp1252); check "
            "names with accents"]
    assert rows[1].texts == ("1", "\u00c3") and notes == said
    # However far behind the beginning it is.
    rows, notes = read(csv_file(tmp_path, b"a,b\n1," + b"x" * 70_000 + b"\n\xe9,2\n"))
    assert rows[2].texts == ("\u00e9", "2") and notes == said


def test_empty_rows_count_but_are_passed_over_and_newlines_in_cells_are_spaces(
        tmp_path):
    rows, _ = read(csv_file(tmp_path, b'a,b\n\n,\n"x\ny",2\n'))
    assert [(row.number, row.texts) for row in rows] == [
        (1, ("a", "b")), (4, ("x y", "2"))]


def test_errors_of_formulas_are_odd(tmp_path):
    rows, _ = read(csv_file(tmp_path, b"a,b\n1,#REF!\n#NV,2\n"))
    assert [row.odd for row in rows] == [{}, {1: "formula-errors"},
                                         {0: "formula-errors"}]


def excel_file(tmp_path, fill):
    book = openpyxl.Workbook()
    fill(book.active)
    path = tmp_path / "t.xlsx"
    book.save(path)
    return path


def test_numbers_are_read_as_they_are_shown(tmp_path):
    def fill(sheet):
        sheet.append([7, 1.5, True, datetime.datetime(2021, 3, 1), 1234567890123456,
                      "007", -123456789012345, None])
        sheet["A1"].number_format = "00000"

    rows, _ = read(excel_file(tmp_path, fill))
    assert rows[0].texts[:7] == (
        "00007", "1.5", "true", "2021-03-01", "1234567890123456", "007",
        "-123456789012345")
    assert rows[0].odd == {3: "dates", 4: "lost-digits"}


def test_merged_cells_stand_in_each_of_their_rows_and_hidden_rows_are_odd(tmp_path):
    def fill(sheet):
        for row in (["p", "f"], ["1", "a"], ["", "b"], ["", "c"], ["2", "d"]):
            sheet.append([text or None for text in row])
        sheet.merge_cells("A2:A4")
        sheet.row_dimensions[5].hidden = True

    rows, _ = read(excel_file(tmp_path, fill))
    assert [row.texts for row in rows[1:]] == [
        ("1", "a"), ("1", "b"), ("1", "c"), ("2", "d")]
    assert [row.odd for row in rows[1:]] == [
        {}, {0: "merged-cells"}, {0: "merged-cells"}, {-1: "hidden-rows"}]


def test_the_first_sheet_with_rows_is_read_and_others_by_name(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "empty"
    for name, text in (("first", "a"), ("second", "b")):
        book.create_sheet(name)["A1"] = text
    book.save(tmp_path / "t.xlsx")
    rows, notes = read(tmp_path / "t.xlsx")
    assert rows[0].texts[0] == "a" and "'first'" in notes[0]
    assert read(tmp_path / "t.xlsx", sheet="second")[0][0].texts[0] == "b"
    with pytest.raises(files.InputError, match="has no sheet"):
        read(tmp_path / "t.xlsx", sheet="third")


def test_files_are_known_by_their_contents(tmp_path):
    path = excel_file(tmp_path, lambda sheet: sheet.append(["a"]))
    path.rename(tmp_path / "t.csv")
    assert read(tmp_path / "t.csv")[0][0].texts == ("a",)
    (tmp_path / "u.xls").write_text("a\tb\n1\t\u00e9\n", encoding="cp1252")
    rows, notes = read(tmp_path / "u.xls")
    assert rows[1].texts == ("1", "\u00e9") and [note[:22] for note in notes] == [
        "u.xls is no Excel file", "encoding: not UTF-8, s", "cells are divided by t"]


@pytest.mark.parametrize(("data", "words"), [
    (b"<html><table>", "is a web page or XML whatever it is called; open it in a "
     "spreadsheet and save it as .xlsx or CSV."),
    (b"\xff\xfe" + b"\0\xd8" * 40, "is no text in a usual encoding ('utf-16-le' codec "
     "can't decode bytes in position 2-3: illegal UTF-16 surrogate), nor an Excel "
     "file; save it as CSV in UTF-8, or as .xlsx."),
    (b"PK\x03\x04rest", "cannot be read as an Excel file (File is not a zip file); an "
     "old .xls that was renamed, or a damaged file. Save it again as .xlsx, or as "
     "CSV."),
    (spreadsheets.OLE + bytes(600), "cannot be read as an Excel table ("),
    pytest.param(b"a,b\n1," + b"x" * 131_073, "cannot be read as CSV (field larger "
                 "than field limit (131072)); save it as CSV in UTF-8.", id="long")])
def test_what_cannot_be_read_is_refused(tmp_path, data, words):
    (tmp_path / "u.xlsx").write_bytes(data)
    with pytest.raises(files.InputError) as caught:
        read(tmp_path / "u.xlsx")
    assert str(caught.value).startswith(f"{tmp_path / 'u.xlsx'} {words}")


def test_signs_by_which_a_line_has_too_long_a_cell_divide_no_cells(tmp_path):
    rows, notes = read(csv_file(tmp_path, b"a;b\n1;2\n" + b"3;" * 70_000 + b"\n"))
    assert [row.texts[:2] for row in rows] == [("a", "b"), ("1", "2"), ("3", "3")]
    assert len(rows[2].texts) == spreadsheets.MOST_COLUMNS
    assert notes == ["cells are divided by semicolons"]


def test_archives_and_books_that_are_no_sheet_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(files.InputError, match=(
            r"t\.xlsx cannot be read as an Excel file \(.*Content_Types.*\); save it "
            r"again as \.xlsx, or as CSV\.$")):
        read(tmp_path / "t.xlsx")
    hidden = types.SimpleNamespace(sheet_state="hidden", title="a")
    book = types.SimpleNamespace(sheetnames=["a"], worksheets=[hidden])
    with pytest.raises(files.InputError, match=(
            r"^t\.xlsx has no visible sheet; name one \(--sheet\)\.$")):
        spreadsheets._chosen(book, "", "t.xlsx", [], any)


def test_a_book_that_breaks_off_is_refused_and_what_it_hides_is_not_told(tmp_path):
    def rows():
        yield [types.SimpleNamespace(value="a")]
        raise ValueError("cut")

    path = excel_file(tmp_path, lambda sheet: sheet.append(["a"]))
    notes = []
    table = types.SimpleNamespace(rows=rows())
    layout = spreadsheets._layout(path, table, notes)
    assert notes == ["hidden rows and merged cells of this file cannot be told"]
    with pytest.raises(files.InputError, match=(
            r"t\.xlsx cannot be read to its end \(cut\); save it again as \.xlsx, or "
            r"as CSV\.$")):
        list(spreadsheets._excel_rows(path, table, layout))


def test_cells_beyond_the_size_that_a_sheet_states_are_read(tmp_path):
    path = excel_file(tmp_path, lambda sheet: [
        sheet.append([f"{row}{column}" for column in "abc"]) for row in range(4)])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data.replace(b'ref="A1:C4"', b'ref="A1:B2"'))
    rows, _ = read(path)
    assert [row.texts for row in rows] == [
        (f"{row}a", f"{row}b", f"{row}c") for row in range(4)]


def test_hidden_rows_are_told_where_rows_have_no_number(tmp_path):
    def fill(sheet):
        for text in "abcd":
            sheet.append([text])
        sheet.row_dimensions[3].hidden = True

    path = excel_file(tmp_path, fill)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, re.sub(rb'<row r="[1-3]"', b"<row", data))
    rows, _ = read(path)
    assert [(row.number, row.texts, row.odd) for row in rows] == [
        (1, ("a",), {}), (2, ("b",), {}), (3, ("c",), {-1: "hidden-rows"}),
        (4, ("d",), {})]


def test_cells_that_are_merged_within_a_column_have_their_value_above():
    merged = {}
    for reference in ("A1:C1", "D5:E9", "F1:F100001"):
        spreadsheets._add_merged(merged, reference)
    assert merged == {}
    spreadsheets._add_merged(merged, "B2:B4")
    assert merged == {(3, 2): 2, (4, 2): 2}
    spreadsheets._add_merged(merged, "F1:F100000")
    assert len(merged) == 2 + 99_999


def test_hidden_columns_are_read_and_said(tmp_path):
    def fill(sheet):
        sheet.append(["a", "b", "c"])
        sheet.column_dimensions["B"].hidden = True

    rows, notes = read(excel_file(tmp_path, fill))
    assert rows[0].texts == ("a", "b", "c")
    assert notes == ["hidden columns are read too (2 to 2)"]


def test_a_cut_off_book_is_refused(tmp_path):
    path = excel_file(tmp_path, lambda sheet: sheet.append(["a"] * 50))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(files.InputError, match="cannot be read"):
        read(path)


def test_the_sheet_with_headings_is_read_and_said(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["0 = benign"])
    book.create_sheet("old").append(["file", "label", "1"])
    book["old"].sheet_state = "hidden"
    book.create_sheet("data").append(["file", "label"])
    book.save(tmp_path / "t.xlsx")
    rows, notes = read(tmp_path / "t.xlsx",
                       is_header=lambda texts: set(texts) > {"file"})
    assert rows[0].texts == ("file", "label")
    assert notes[0].startswith("sheet 'data' is read, of 3 (Sheet, old, data)")
    assert read(tmp_path / "t.xlsx")[0][0].texts == ("0 = benign",)


@pytest.mark.parametrize(("more", "cells"), [
    (0, "2 cells hold formulas whose results the file does not have (A2, B3)"),
    (3, "5 cells hold formulas whose results the file does not have (A2, B3, B4, B5, "
     "B6)"),
    (4, "6 cells hold formulas whose results the file does not have (A2, B3, B4, B5, "
     "B6, ...)")])
def test_formulas_without_a_result_are_said(tmp_path, more, cells):
    book = openpyxl.Workbook()
    for row in (["file", "label"], ['="a"&".png"', 1], ["b.png", "=1-1"],
                *[["c.png", "=1-1"]] * more):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    rows, notes = read(tmp_path / "t.xlsx")
    assert rows[1].texts == ("", "1")
    assert notes == [f"{cells}: they are read as empty; open the file in a spreadsheet "
                     "program and save it"]


def test_cells_of_an_old_excel_sheet_are_read_by_their_kind():
    cell = xlrd.sheet.Cell
    rows = [
        [cell(xlrd.XL_CELL_TEXT, " a.png "), cell(xlrd.XL_CELL_NUMBER, 3.0),
         cell(xlrd.XL_CELL_NUMBER, 2.5), cell(xlrd.XL_CELL_DATE, 43466.0)],
        [cell(xlrd.XL_CELL_BOOLEAN, 1), cell(xlrd.XL_CELL_ERROR, 42),
         cell(xlrd.XL_CELL_EMPTY, ""), cell(xlrd.XL_CELL_NUMBER, 1234567890123456.0)]]
    book = types.SimpleNamespace(datemode=0)
    table = types.SimpleNamespace(nrows=2, row=lambda number: rows[number])
    first, second = spreadsheets._old_rows(book, table)
    assert (first.number, second.number) == (1, 2)
    assert first.texts == ("a.png", "3", "2.5", "2019-01-01")
    assert first.odd == {3: spreadsheets.DATE}
    assert second.texts == ("true", "#N/A", "", "1234567890123456")
    assert second.odd == {1: spreadsheets.ERROR, 3: spreadsheets.LONG}


def test_a_book_that_unpacks_to_absurd_sizes_is_refused_with_the_limit(
        tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_XML", 3 << 20)
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", bytes(1 << 20))
        archive.writestr("b.xml", bytes(2 << 20))
    spreadsheets._check_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("c.xml", b"c")
    with pytest.raises(files.InputError, match="unpacks to more than 3 MB, more than"):
        read(path)


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.create_sheet("shown").append(["c", "d"])
    path = tmp_path / "t.xlsx"
    book.save(path)
    with pytest.raises(files.InputError, match="no sheet 'x'; it has Sheet, shown"):
        read(path, sheet="x")


class OldSheet:
    """A sheet as xlrd gives it."""

    def __init__(self, name, *rows, hidden=0):
        self.name, self.rows, self.visibility = name, rows, hidden
        self.nrows = len(rows)

    def row_values(self, number):
        return list(self.rows[number])

    def row(self, number):
        return [types.SimpleNamespace(ctype=xlrd.XL_CELL_TEXT, value=value)
                for value in self.rows[number]]


def test_of_an_old_book_the_visible_sheet_with_headings_is_read_or_that_named(
        tmp_path, monkeypatch):
    sheets = {sheet.name: sheet for sheet in (
        OldSheet("secret", ["path", "label"], hidden=1), OldSheet("notes", ["x", ""]),
        OldSheet("data", ["", 7.0], ["path", "label"], ["a.png", "1"]))}
    book = types.SimpleNamespace(
        sheet_names=lambda: list(sheets), sheets=lambda: list(sheets.values()),
        sheet_by_name=sheets.__getitem__)
    monkeypatch.setattr(spreadsheets, "opened_old", lambda path: book)

    def opened(name):
        with spreadsheets._old_excel("t.xls", name, lambda row: "path" in row) as sheet:
            return [row.texts for row in sheet.rows], sheet.notes
    rows, notes = opened("")
    assert rows[-1] == ("a.png", "1") and notes == [
        "sheet 'data' is read, of 3 (secret, notes, data); --sheet NAME takes another"]
    assert opened("secret") == ([("path", "label")], [])
    with pytest.raises(files.InputError, match="'none'; it has secret, notes, data"):
        opened("none")
    for sheet in sheets.values():
        sheet.visibility = 1
    assert opened("")[0] == [("path", "label")]


@pytest.mark.parametrize(("start", "package", "what"), [
    (b"PK\x03\x04", "openpyxl", "sheet"), (spreadsheets.OLE, "xlrd", "table")])
def test_without_its_reader_a_table_is_asked_for_as_csv(
        tmp_path, monkeypatch, start, package, what):
    path = tmp_path / "t.xls"
    path.write_bytes(start)
    monkeypatch.setattr(spreadsheets.distribution.importlib.util, "find_spec",
                        lambda name: None)
    with pytest.raises(files.InputError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path} needs the package {package}; install it with pip install "
        f'"end2end-mammography[inbreast]", or save the {what} as CSV.')


def test_a_cell_that_a_merged_one_covers_keeps_a_text_of_its_own():
    rows = [[types.SimpleNamespace(value=value)] for value in ("a", "b", None)]
    read = spreadsheets._excel_rows("t.xlsx", types.SimpleNamespace(rows=rows), (
        spreadsheets._Layout(set(), {(2, 1): 1, (3, 1): 1})))
    assert [(row.texts, row.odd) for row in read] == [
        (("a",), {}), (("b",), {}), (("a",), {0: "merged-cells"})]
