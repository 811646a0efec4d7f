"""Tables of known columns: others are refused with the difference."""

import pathlib

import pytest

from end2end.importing import known_tables, records
from end2end.utils import files

SETTINGS = records.Settings(pathlib.Path("."))
COLUMNS = ("a", "b")


def table(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_have_the_numbers_of_a_spreadsheet(tmp_path):
    path = table(tmp_path, '\ufeffa,b\r\n1, 2 \r\n\r\n3,"4\r\n5"\r\n')
    assert list(known_tables.rows(path, COLUMNS, SETTINGS)) == [
        (2, dict(a="1", b="2")), (4, dict(a="3", b="4\r\n5"))]


@pytest.mark.parametrize(("header", "words"), [
    ("a,c", "it lacks b; it has c"), ("a", "it lacks b"), ("a,b,new", "it has new"),
    (f"a,b,{'n' * 50}", rf"known: it has {'n' * 40}\. Known are a, b\."),
    ("a,b," + ",".join(f"x{number}" for number in range(10, 30)),
     f"has {', '.join(f'x{number}' for number in range(10, 22))}\\. Known")])
def test_other_columns_are_refused_with_the_difference(tmp_path, header, words):
    path = table(tmp_path, f"{header}\n1,2,3\n")
    with pytest.raises(files.InputError, match=words):
        list(known_tables.rows(path, COLUMNS, SETTINGS))


def test_a_new_column_may_be_accepted_and_a_missing_one_not(tmp_path, caplog):
    accepting = records.Settings(pathlib.Path("."), accept=("columns",))
    path = table(tmp_path, "a,b,new\n1,2,3\n")
    assert len(list(known_tables.rows(path, COLUMNS, accepting))) == 1
    assert caplog.messages == [
        f"assumption 'columns' does not hold: {path} has other columns than the table "
        "that is known: it has new. Known are a, b."]
    path = table(tmp_path, "a,new\n1,2\n")
    with pytest.raises(files.InputError, match="lacks b"):
        list(known_tables.rows(path, COLUMNS, accepting))


@pytest.mark.parametrize("text", ["", "a,b\n"])
def test_a_table_without_rows_is_refused(tmp_path, text):
    with pytest.raises(files.InputError, match="no rows"):
        list(known_tables.rows(table(tmp_path, text), COLUMNS, SETTINGS))


@pytest.mark.parametrize(("data", "reason"), [
    (b"a,b\n1,\xff\n", "'utf-8' codec can't decode byte 0xff in position 6: invalid "
     "start byte"),
    pytest.param(b"a,b\n1," + b"x" * 131_073, "field larger than field limit (131072)",
                 id="long")])
def test_what_is_no_csv_in_utf_8_is_refused_with_the_reason(tmp_path, data, reason):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(files.InputError) as caught:
        list(known_tables.rows(tmp_path / "t.csv", COLUMNS, SETTINGS))
    assert str(caught.value) == (
        f"{tmp_path / 't.csv'} is no CSV in UTF-8 ({reason}); download it again.")


def test_a_file_is_looked_for_two_folders_deep(tmp_path):
    deep = tmp_path / "x" / "y"
    deep.mkdir(parents=True)
    (deep / "t.csv").write_text("a\n")
    assert known_tables.located(tmp_path, "none.csv", "t.csv") == deep / "t.csv"
    for name in ("b/t.csv", "a/t.csv", "a/u.csv", "t.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n")
        # The nearest, of these the first name, of these the first folder.
        assert known_tables.located(tmp_path, "none.csv", "u.csv", "t.csv") == (
            tmp_path / name)
    with pytest.raises(files.InputError) as caught:
        known_tables.located(tmp_path, "none.csv", "no.csv")
    assert str(caught.value) == (
        f"none.csv or no.csv is not in {tmp_path}; expected the folder of the set as "
        "downloaded, or the one that holds it.")
