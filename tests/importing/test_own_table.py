"""A hospital's sheet with everything that goes wrong in such sheets, from questions to
the common output."""

import csv
import json

import cv2
import messy_sheet
import numpy as np
import pytest
import recorded

from end2end.importing import __main__ as program
from end2end.utils import files

FLAGS = ("--column", "label=Befund", "--label", "malignant=bösartig", "--label",
         "benign=gutartig", "--size", "96", "72", "--workers", "1")


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """The messy sheet and its rows. Read only."""
    return messy_sheet.write(tmp_path_factory.mktemp("messy"), women=16, size=(96, 72))


def refusal(*words):
    with pytest.raises(files.InputError) as caught:
        program.main(["table", *map(str, words)])
    return str(caught.value)


def test_what_cannot_be_understood_is_asked_for_by_flags(sheet):
    path, _ = sheet
    assert "--column label=HEADING" in refusal(path, "--workers", 1)
    said = refusal(path, "--workers", 1, "--column", "label=Befund")
    assert "bösartig" in said and "--label malignant=" in said


def test_two_labels_of_one_file_stop_the_import_with_their_rows(sheet, tmp_path,
                                                                capsys):
    path, rows = sheet
    assert "two-labels" in refusal(path, tmp_path / "out", *FLAGS)
    said = capsys.readouterr().out
    assert f"2 rows: 10, {5 + len(rows)}" in said
    assert not (tmp_path / "out" / "images.csv").exists()


@pytest.fixture(scope="module")
def imported(sheet, tmp_path_factory):
    """Its import without the rows that contradict each other. Read only."""
    out = tmp_path_factory.mktemp("imported")
    program.main(["table", str(sheet[0]), str(out), *FLAGS, "--leave-out",
                  "two-labels"])
    return out


def test_every_fault_is_left_out_with_its_name_and_row(imported, sheet):
    _, rows = sheet
    last = 3 + len(rows)
    reasons = {row["row"]: row["reason"].split(":")[0]
               for row in rows_of(imported / "left_out.csv")}
    assert reasons == {
        str(last + 1): "duplicate-rows", "10": "two-labels", str(last + 2):
        "two-labels", str(last + 3): "no file", str(last + 4): "no-file",
        str(4 + messy_sheet.AGAINST): "contradiction", "12": "empty-labels"}


def test_the_rest_is_imported_as_the_sheet_says(imported, sheet):
    _, rows = sheet
    written = {row["row"]: row for row in rows_of(imported / "images.csv")}
    assert len(written) == len(rows) - 3
    row = written["13"]
    source = rows[9]
    assert row["patient"] == source[1] and row["exam"] == source[2]
    assert row["laterality"] == {"links": "L", "rechts": "R"}[source[3]]
    assert row["view"] == source[4] and row["source_label"] == source[6]
    assert row["label"] == str(int(source[6] == "bösartig"))
    assert row["age_band"] == f"{source[7][0]}0-{source[7][0]}9"
    # Of the merged cell.
    assert written["5"]["patient"] == written["4"]["patient"] == "00001"


def test_the_counts_name_the_columns_and_the_faults(imported):
    census = json.loads((imported / "census.json").read_text())
    assert census["columns"]["label"] == "Befund"
    assert set(census["faults"]) == {
        "no-file", "duplicate-rows", "two-labels", "merged-cells", "hidden-rows",
        "empty-labels", "missing-files", "contradictions"}


def test_without_an_output_the_table_is_only_checked(sheet, capsys):
    program.main(["table", str(sheet[0]), *FLAGS, "--leave-out", "two-labels"])
    said = capsys.readouterr().out
    assert "nothing was written" in said and "women" in said
    assert {path.name for path in sheet[0].parent.iterdir()} == {"Liste.xlsx", "bilder"}


def test_numbers_that_a_spreadsheet_damaged_stop_the_import(tmp_path):
    path = messy_sheet.damaged(tmp_path / "t.csv", tmp_path)
    said = refusal(path, "--workers", 1)
    assert "exponents, dates, lost-zeros" in said


def table(tmp_path, lines, name="t.csv"):
    rng = np.random.default_rng(3)
    for line in lines[1:]:
        picture = line.split(",")[0]
        if picture.endswith(".png") and not (tmp_path / picture).exists():
            cv2.imwrite(str(tmp_path / picture),
                        rng.integers(0, 255, (40, 30)).astype(np.uint8))
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sound(count=12):
    return ["file,patient,side,view,label"] + [
        f"{number}.png,w{number // 2},{'LR'[number % 2]},CC,{int(number % 4 < 2)}"
        for number in range(count)]


def test_a_sound_table_needs_no_flags(tmp_path, capsys):
    path = table(tmp_path, sound())
    program.main(["table", str(path), "--out", str(tmp_path / "out"), "--size", "40",
                  "32", "--workers", "1"])
    assert "nothing is wrong with the table" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out/images.csv")) == 12


@pytest.mark.parametrize(("lines", "words"), [
    (["file,label"], "no row has a label"),
    (["patient,label", "1,0"], "--column path=HEADING"),
    (["file,label", "a.png,1", f"b.png,malignant{'.' * 30}"], "are not understood"),
    (["file,label", f"a.png,1.{'0' * 40}", "b.png,malignant"],
     f"the label column mixes numbers and words (1.{'0' * 28}, malignant), of which "
     "nobody can tell that they mean the same; say it: --label malignant=WORDS --label "
     "benign=WORDS."),
    ([f"file,{'o' * 41},label", "a.png,b.png,1"],
     f"several columns hold files ({'o' * 40} too), and their headings do not tell "
     "side or view. Say what each is (--column path:LCC=HEADING --column "
     "path:RMLO=HEADING), or name the only column to read (--column path=HEADING)."),
    (["file,label", "none.dcm,1"], "no row is left to import"),
    (["file,patient,split,label", "a.png,1,train,0", "b.png,1,test,1"], "two-splits"),
    (["file,patient,label", "a.png,1,0", "a.png,2,0"], "two-women")])
def test_tables_that_cannot_be_imported_say_why(tmp_path, lines, words):
    assert words in refusal(table(tmp_path, lines), tmp_path / "out", "--workers", 1)


def test_of_long_headings_and_labels_the_beginning_is_said(tmp_path, capsys):
    long, words = "h" * 140, "understood as that of the files; name it (--column path="
    assert refusal(table(tmp_path, [f"{long},label", "1,0"])).endswith(
        f"{words}HEADING). The table has {'h' * 40}, label.")
    lines = sound()
    lines[0] = lines[0].replace("label", long)
    assert refusal(table(tmp_path, lines)).endswith(
        f"Columns with few values are {'h' * 40}.")
    lines = [lines[0], f"{lines[1][:-1]}{long}"]
    refusal(table(tmp_path, lines), "--column", f"label={long}", "--workers", 1)
    said = capsys.readouterr().out
    assert f"  {'h' * 30} -> label by --column ({'h' * 120})\n" in said
    assert f"  {'h' * 40}: 1 rows -> ?\n" in said


@pytest.mark.parametrize(("flag", "text", "expected"), [
    *((flag, text, f"NAME=WORD,WORD, where NAME is one of {names}.")
      for flag, names, texts in (
        ("--label", "malignant, pos, 1, benign, neg, 0, leave-out",
         ("malign=1", "malignant", "malignant= ")), ("--side", "left, right", ("up=1",))
      ) for text in texts),
    ("--column", "label", "NAME=HEADING, where NAME is one of path, patient, "),
    ("--leave-out", "n" * 41, "")])
def test_flags_of_another_form_are_refused(tmp_path, flag, text, expected):
    said = refusal(table(tmp_path, sound()), flag, text)
    assert said.startswith(f"{flag} {text}: expected {expected}" if expected else (
        f"--leave-out {'n' * 40}: there is no such fault; expected one of no-file, "))


def test_numbers_with_a_fraction_and_empty_cells_of_programs_are_read(tmp_path, capsys):
    lines = sound()
    lines[1] = "0.png,7.0,L,CC,1"
    lines[2] = "1.png,7,R,CC,nan"
    path = table(tmp_path, lines)
    program.main(["table", str(path), str(tmp_path / "out"), "--size", "40", "32",
                  "--workers", "1"])
    said = capsys.readouterr().out
    assert "fractions" in said and "empty-labels" in said
    assert rows_of(tmp_path / "out/images.csv")[0]["patient"] == "7"


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("")
    assert "no rows" in refusal(path)


def test_the_same_picture_under_two_names_counts_once(tmp_path, capsys):
    path = table(tmp_path, sound())
    (tmp_path / "1.png").write_bytes((tmp_path / "0.png").read_bytes())
    program.main(["table", str(path), str(tmp_path / "out"), "--size", "40", "32",
                  "--workers", "1"])
    assert "same-picture" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out/images.csv")) == 11


def test_a_file_that_cannot_be_read_is_named_and_stops_nothing(tmp_path, capsys):
    path = table(tmp_path, sound())
    (tmp_path / "3.png").write_bytes(b"no picture")
    program.main(["table", str(path), str(tmp_path / "out"), "--size", "40", "32",
                  "--workers", "1"])
    assert "unreadable" in capsys.readouterr().out
    assert [row["row"] for row in rows_of(tmp_path / "out/left_out.csv")] == ["5"]


def test_a_table_of_which_no_file_can_be_read_is_refused(tmp_path):
    path = table(tmp_path, ["file,label", "a.dcm,1", "b.dcm,0"])
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / name).write_bytes(b"no picture")
    said = refusal(path, tmp_path / "out", "--workers", 1)
    assert "no row is left to import: 2 is no DICOM file" in said
    assert len(rows_of(tmp_path / "out/left_out.csv")) == 2


def test_a_second_header_and_a_sum_are_left_out_without_a_question(tmp_path, capsys):
    lines = sound()
    lines[1:1] = ["(name),(number),(L/R),(CC),(0/1)"]
    # Rows may lack their last cells.
    path = table(tmp_path, [*lines, "Total,6,,,99", "12.png,w9,L,CC"])
    program.main(["table", str(path), str(tmp_path / "out"), "--size", "40", "32",
                  "--workers", "1"])
    said = capsys.readouterr().out
    assert "2 rows: 2, 15" in said and "empty-labels" in said
    assert len(rows_of(tmp_path / "out/images.csv")) == 12


def test_labels_that_nobody_explains_are_asked_for_of_rows_with_a_file(tmp_path):
    path = table(tmp_path, [*sound(), "12.png,w9,L,CC,4b"])
    assert "the labels 4b are not understood" in refusal(
        path, tmp_path / "out", "--workers", 1)


def test_columns_of_few_values_are_offered_as_labels(tmp_path):
    lines = ["file,forty,more,one,two", *(
        f"{number}.dcm,x{number % 40},y{number},z,{number % 2}"
        for number in range(41))]
    assert refusal(table(tmp_path, lines)) == (
        "no column is understood as the label; name it (--column label=HEADING). "
        "Columns with few values are forty, two.")
    with open(tmp_path / "t.csv", "a") as stream:
        stream.write("41.dcm\n")  # a row that lacks its other cells
    assert refusal(tmp_path / "t.csv").endswith("few values are forty, two.")
    assert refusal(table(tmp_path, ["file,one", "a.png,z"], "u.csv")).endswith(
        "Columns with few values are none.")


def test_rows_whose_label_is_to_be_left_out_are(tmp_path, capsys):
    lines = [*sound(), "12.png,w9,L,CC,3", "13.png,w9,R,CC,3"]
    program.main(["table", str(table(tmp_path, lines)), str(tmp_path / "out"), "--size",
                  "40", "32", "--workers", "1", "--label", "malignant=1", "--label",
                  "benign=0", "--label", "leave-out=3"])
    assert "  3: 2 rows -> left out\n" in capsys.readouterr().out
    assert [(row["row"], row["reason"]) for row in rows_of(
        tmp_path / "out/left_out.csv")] == [
        (number, "label: left out as asked for (--label)") for number in ("14", "15")]
    assert len(rows_of(tmp_path / "out/images.csv")) == 12


@pytest.mark.parametrize(("count", "words"), [
    (41, f"the label column has more than 40 different values, such as {'w' * 30}, "
     "x11, x12, x13, x14; name another (--column label=HEADING)."),
    (40, "x49 are not understood; say what they mean: --label malignant=x49 --label "
     f"benign={'w' * 31}, or the other way round; leave-out=WORDS for those that are "
     "to be left out.")])
def test_a_column_of_too_many_labels_is_none(tmp_path, capsys, count, words):
    lines = ["file,label", f"0.png,{'w' * 31}", *(
        f"{number}.png,x{number + 10}" for number in range(1, count))]
    said = refusal(table(tmp_path, lines), "--workers", 1)
    assert said.endswith(words)
    assert said.startswith(f"the labels {'w' * 30}, x11, ") == (count == 40)
    assert (f"\nlabels:\n  {'w' * 31}: 1 rows -> ?\n" in capsys.readouterr().out) == (
        count == 40)


def test_where_no_row_has_a_label_none_is_listed(tmp_path, capsys):
    assert refusal(table(tmp_path, ["file,label", "a.png,"]), "--workers", 1) == (
        "no row has a label; check the column (--column label=HEADING).")
    assert "labels:" not in capsys.readouterr().out


def test_two_columns_of_labels_that_differ_are_asked_about(tmp_path):
    lines = [f"{line},{'label' if number == 0 else line[-1]}"
             for number, line in enumerate(sound())]
    args = (tmp_path / "out", "--size", "40", "32", "--workers", 1)
    program.main(["table", str(table(tmp_path, lines)), *map(str, args)])
    lines[5] = f"{lines[5][:-1]}{1 - int(lines[5][-1])}"
    lines[1] = lines[1][:-2]
    path = table(tmp_path, lines, "u.csv")
    said = refusal(path, tmp_path / "out2", "--workers", 1)
    assert said == (
        "several columns may be the label (5: label, 6: label), and they differ; say "
        "which counts, by its heading or its number (--column label=5).")
    program.main(["table", str(path), str(tmp_path / "out3"), "--column", "label=5",
                  "--column", "label=6", *map(str, args[1:])])
    labels = {row["row"]: row["label"] for row in rows_of(tmp_path / "out3/images.csv")}
    assert labels["6"] == lines[5][-1]


def test_days_that_are_numbers_are_dates(tmp_path, capsys):
    days = ["date", *["45000", "2023-03-15"] * 6]
    lines = [",".join(cells) for cells in zip(sound(), days, strict=True)]
    program.main(["table", str(table(tmp_path, lines)), str(tmp_path / "out"), "--size",
                  "40", "32", "--workers", "1"])
    said = capsys.readouterr().out
    assert "day-numbers - said" in said and "exams-of-two" not in said
    assert {row["exam"] for row in rows_of(tmp_path / "out/images.csv")} == {"20230315"}


def test_what_is_said_and_written_of_the_sheet_is_as_recorded(sheet, tmp_path, capsys):
    path, out = sheet[0], tmp_path / "out"
    said = [refusal(path, "--workers", 1), refusal(
        path, "--workers", 1, "--column", "label=Befund"),
        refusal(path, out, *FLAGS)]
    program.main(["table", str(path), str(out), *FLAGS, "--leave-out", "two-labels"])
    program.main(["table", str(path), *FLAGS, "--leave-out", "two-labels"])
    recorded.check("import-table", "\n".join(said) + capsys.readouterr().out
                   + recorded.folder(out),
                   {"SHEET": path.parent, "FOLDER": tmp_path})


def test_what_is_said_of_damaged_numbers_is_as_recorded(tmp_path, capsys):
    path = messy_sheet.damaged(tmp_path / "t.csv", tmp_path)
    said = refusal(path, "--workers", 1)
    recorded.check("import-damaged", said + capsys.readouterr().out,
                   dict(FOLDER=tmp_path))
