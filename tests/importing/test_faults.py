"""The commonest ways in which tables are wrong: each is seen, with its rows, and a
sound table has none."""

import pytest

from end2end.importing import faults, records, store
from end2end.importing.spreadsheets import Row
from end2end.utils import files


def picture(row, source="a.png", patient="1", label=0, **others):
    return records.Picture(source, source, row, patient, label=label,
                           source_label=str(label), **others)


def looked(pictures, which=faults.OF_TABLE, **keywords):
    with store.temporary(None) as stored:
        stored.add(pictures)
        for row in stored.rows():
            stored.update(row["position"], dict(safe=row["patient"]))
        findings = faults.look(stored, which, **keywords)
        kept = [row["row"] for row in stored.rows("left_out = ''")]
    return {finding.name: finding for finding in findings}, kept


def test_a_sound_table_has_none():
    findings, kept = looked([picture(2), picture(3, "b.png", "2", 1)])
    assert not findings and kept == [2, 3]


@pytest.mark.parametrize(("name", "second", "rows", "kept"), [
    ("duplicate-rows", {}, (3,), [2]),
    ("two-labels", dict(label=1), (2, 3), [2]),
    ("two-women", dict(patient="9"), (2, 3), [2]),
    ("file-again", dict(view="CC"), (3,), [2]),
    ("lost-zeros", dict(source="b.png", patient="001"), (2, 3), [2, 3]),
    ("empty-labels", dict(source="b.png", label=""), (3,), [2]),
    ("empty-patients", dict(source="b.png", patient=""), (3,), [2, 3])])
def test_a_fault_is_named_with_its_rows(name, second, rows, kept):
    findings, remaining = looked([picture(2), picture(3, **second)])
    assert findings[name].rows == rows
    assert remaining == kept


def test_women_in_two_spellings_are_said():
    findings, kept = looked([picture(2, patient="ab1"),
                             picture(3, "b.png", "AB1")])
    assert findings["spellings"].rows == (2, 3) and kept == [2, 3]


def test_women_in_two_parts_stop_an_import_unless_left_out():
    pictures = [picture(2, split="train"), picture(3, "b.png", split="test"),
                picture(4, "c.png", "2", split="test")]
    findings, _ = looked(pictures, faults.OF_FILES)
    assert findings["two-splits"].rows == (2, 3) and findings["two-splits"].stops
    with pytest.raises(files.InputError, match="two-splits"):
        faults.refuse(list(findings.values()))
    findings, kept = looked(pictures, faults.OF_FILES, leave_out=("two-splits",))
    faults.refuse(list(findings.values()))
    assert kept == [4]


@pytest.mark.parametrize(("cells", "names"), [
    (dict(patient="1.2E+10"), ["exponents"]), (dict(patient="1,2E+10"), ["exponents"]),
    (dict(patient="02. Jan"), ["dates"]), (dict(patient="Mrz 21"), ["dates"]),
    (dict(patient="123.0"), ["fractions"]), (dict(exam="123.0"), []),
    (dict(path="a.png; b.png"), ["several-files"]), (dict(path="a,b.png"), []),
    (dict(patient="01.03.2024"), ["patient-dates"]),
    (dict(patient="2024-03-01 00:00:00"), ["patient-dates"]),
    (dict(exam="2024-03-01"), []), (dict(patient="1.2.840.113619"), []),
    (dict(patient="12-3.24"), []), (dict(patient="20240301"), []),
    (dict(patient="E12"), []), (dict(patient="12-34"), [])])
def test_cells_that_a_spreadsheet_damaged(cells, names):
    assert faults.of_cells(cells, Row(2, ()), {}) == names


def test_what_a_spreadsheet_says_counts_in_some_columns():
    row = Row(2, ("2021-01-02", "2021-01-02"), {0: "dates", 1: "dates", -1:
              "hidden-rows"})
    assert faults.of_cells({}, row, dict(patient=0, date=1)) == [
        "dates", "hidden-rows"]
    assert faults.of_cells({}, row, dict(date=1)) == ["hidden-rows"]


def test_lines_name_the_first_rows():
    pictures = [picture(number, patient="7") for number in range(2, 32)]
    findings, _ = looked(pictures)
    text = "\n".join(findings["duplicate-rows"].lines())
    assert "29 rows: 3, 4, 5" in text and "..." in text and "31" not in text


def test_all_lines_of_a_fault_are_said():
    findings, _ = looked([picture(2), picture(3, label=1), picture(4, "b.png", "9"),
                          picture(5, "b.png", "9")], leave_out=("duplicate-rows",))
    assert [list(finding.lines()) for finding in findings.values()] == [
        ["  duplicate-rows - left out", "    1 row: 5", "    what: the same row again",
         "    to do: nothing: one of them counts"],
        ["  two-labels - stops the import", "    2 rows: 2, 3",
         "    what: files with two labels",
         "    to do: decide for one, or --leave-out two-labels"],
        ["  file-again - left out", "    1 row: 3",
         "    what: files in several rows that differ in other columns",
         "    to do: nothing: the first of the rows counts"]]
    (finding,) = looked([picture(number) for number in range(2, 15)])[0].values()
    assert list(finding.lines())[1] == (
        f"    12 rows: {', '.join(map(str, range(3, 15)))}")


def test_a_name_that_is_no_fault_is_refused():
    faults.check_names(["two-labels"])
    with pytest.raises(files.InputError) as caught:
        faults.check_names(["no-file", "two-labels" * 6])
    assert str(caught.value).startswith(
        f"--leave-out {'two-labels' * 4}: there is no such fault; expected one of "
        "no-file, formula-errors, ")
