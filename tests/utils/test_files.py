"""Files that are whole or absent, tables that are read back as they were written."""

import csv
import hashlib
import io
import os
import re
import shutil

import pytest

from end2end.utils import files, locks

HOSTILE = ["=1+1", "+CC", "-4711", "@x", "'=y", "'z", "a,b", 'say "a"', "-0.5", ""]


def test_a_table_comes_back_equal_and_no_cell_begins_as_a_formula(tmp_path):
    rows = [dict(path=f"{k}.png", patient=text, score=-0.5)
            for k, text in enumerate(HOSTILE)]
    files.write_csv(tmp_path / "a.csv", ("path", "patient", "score"), rows)
    assert files.read_csv(tmp_path / "a.csv") == [
        {**row, "score": "-0.5"} for row in rows]
    with open(tmp_path / "a.csv", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")]
    assert [cell for cell in cells if cell[:1] == "-"] == [
        "-0.5", "-0.5", "-4711"] + ["-0.5"] * 6 + ["-0.5", "-0.5", "-0.5"]


def test_columns_are_cells_too(tmp_path):
    files.write_csv(tmp_path / "a.csv", ("=cmd", "b"), [{"=cmd": "1", "b": "2"}])
    assert (tmp_path / "a.csv").read_text() == "'=cmd,b\n1,2\n"
    assert files.read_csv(tmp_path / "a.csv") == [{"=cmd": "1", "b": "2"}]


def test_short_rows_are_filled_and_empty_lines_left_out():
    rows = list(files.stream_csv(["a,b,c", "1", "", "2,3,4,5"]))
    assert [(row.number, row.beyond) for row in rows] == [(2, []), (4, ["5"])]
    assert rows == [
        dict(a="1", b="", c=""), dict(a="2", b="3", c="4")]


def test_a_cell_beyond_what_readers_take_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "a.csv").write_text("a\n" + "x" * 200_000)
    with pytest.raises(files.InputError, match="no CSV in UTF-8"):
        files.read_csv(tmp_path / "a.csv")


def test_what_is_written_has_no_cell_that_readers_refuse(tmp_path):
    files.write_csv(tmp_path / "a.csv", ("a",), [dict(a="x" * 200_000)])
    row, = files.read_csv(tmp_path / "a.csv")
    assert row["a"].endswith("x...")


def test_a_file_is_replaced_whole_or_stays(tmp_path):
    path = tmp_path / "sub" / "sub" / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(path.parent) == ["a.txt"]


def test_nothing_is_written_into_an_output_that_was_removed(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(files.VanishedError, match="was removed"), (
            locks.output_folder(out)):
        shutil.rmtree(out)
        files.write_text(out / "a.txt", "new")
    assert not out.exists()


@pytest.mark.parametrize(
    "name", ["a\rb.png", "a\nb.png", "a\x1b[2J.png", "a\ud800.png"])
def test_a_name_that_no_table_could_hold_is_refused_in_printable_signs(name):
    with pytest.raises(files.InputError, match="rename it") as caught:
        files.named(name, "image")
    assert str(caught.value).isprintable()


def test_ordinary_names_are_taken():
    for name in ("Müller 1.png", "=cmd.png", "woman\u00a07.dcm"):
        assert str(files.named(name)) == name


def test_paths_become_strings_of_json(tmp_path):
    files.write_json(tmp_path / "a.json", dict(path=tmp_path / "b", count=2))
    assert (tmp_path / "a.json").read_text() == (
        f'{{\n  "path": "{tmp_path}/b",\n  "count": 2\n}}\n')


def test_a_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_a_missing_a_wrong_and_a_damaged_input_have_their_sentences(tmp_path):
    (tmp_path / "a.json").write_text("{")
    for call, words in (
            (lambda: files.existing_file(tmp_path / "gone"), "does not exist"),
            (lambda: files.existing_file(tmp_path), "is a folder"),
            (lambda: files.existing_folder(tmp_path / "a.json"), "is a file"),
            (lambda: files.check_size(tmp_path / "a.json", 0), "leave it out"),
            (lambda: files.read_json(tmp_path / "a.json"), "is not valid JSON")):
        with pytest.raises(files.InputError, match=words):
            call()


def test_images_are_listed_by_name_without_hidden_ones_and_with_unnamed_dicoms(
        tmp_path):
    for name in ("b.PNG", "a.dcm", "._a.dcm", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "1.2.840").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "1.2.841").write_bytes(bytes(140))
    assert [path.name for path in files.list_images(tmp_path)] == [
        "1.2.840", "a.dcm", "b.PNG"]


@pytest.mark.parametrize("name", ["a.csv", "b.JSON", "folder.v2/scores", "c"])
def test_a_name_that_says_what_is_written_is_taken(name):
    files.check_suffix(name, ".csv", ".json")


def test_a_name_that_promises_another_kind_of_file_is_refused():
    with pytest.raises(files.InputError, match=r"q.xlsx .* ends in .csv or .json, not"):
        files.check_suffix("q.xlsx", ".csv", ".json")


@pytest.mark.parametrize(("check", "place", "state"), [
    (files.existing_file, "folder", "thing {} is a folder; expected an existing file"),
    (files.existing_file, "pipe", "thing {} is a pipe or a device; expected an exist"),
    (files.existing_file, "none", "thing {} does not exist; expected an existing file"),
    (files.existing_file, "text", "thing {} cannot be read; check its permissions"),
    (files.existing_text, "text", "thing {} cannot be read; check its permissions"),
    (files.existing_folder, "text", "thing {} is a file; expected an existing folder"),
    (files.existing_folder, "none", "thing {} does not exist; expected an existing f"),
    (files.existing_folder, "folder", "thing {} cannot be read; check its permiss"),
    (files.writable_folder, "text", "thing {} cannot be written (File exists); choos")])
def test_each_reason_against_a_path_has_its_sentence(
        tmp_path, monkeypatch, check, place, state):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("abc")
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / place
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(files.InputError, match=re.escape(state.format(path))):
        check(path, "thing")


def test_what_is_readable_comes_back_as_a_path(tmp_path):
    (tmp_path / "a").write_text("abc")
    assert files.existing_file(str(tmp_path / "a")) == tmp_path / "a"
    assert files.existing_text(str(tmp_path / "a")) == tmp_path / "a"
    assert files.existing_folder(str(tmp_path)) == tmp_path
    assert files.writable_folder(tmp_path / "b/c") == tmp_path / "b/c"
    assert (tmp_path / "b/c").is_dir() and not list((tmp_path / "b/c").iterdir())


def test_sizes_and_lengths_may_be_as_much_as_the_limit(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(bytes(3 << 20))
    files.check_size(path, 3 << 20)
    with pytest.raises(files.InputError, match=(
            "table .*a has 3 MB, more than the 2 MB that any such file should have")):
        files.check_size(path, (3 << 20) - 1, "table")
    monkeypatch.setattr(files, "MAX_TEXT_BYTES", (3 << 20) - 1)
    with pytest.raises(files.InputError, match="table .*a has 3 MB"):
        files.existing_text(path)
    monkeypatch.setattr(files, "LONGEST_LINE", 4)
    assert list(files.bounded_lines(io.StringIO("abc\nabcd"))) == ["abc\n", "abcd"]
    with pytest.raises(csv.Error, match="a line has more than 4 characters"):
        list(files.bounded_lines(io.StringIO("abc\nabcd\n")))


def test_a_row_longer_than_the_header_is_refused_unless_its_cells_are_empty(tmp_path):
    (tmp_path / "a.csv").write_text("score,label\n\n0,9,1\n")
    with pytest.raises(files.InputError, match=(
            r"row 3 has cells beyond the header \(1\): texts .* a decimal point")):
        files.read_csv(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("score,label\n0.9,1,, \n")
    assert files.read_csv(tmp_path / "a.csv") == [dict(score="0.9", label="1")]


def test_rows_may_lack_as_many_cells_as_the_text_has_bytes_to_spare(monkeypatch):
    monkeypatch.setattr(files, "SPARE_CELLS", 3)
    assert files.csv_rows(["a,b", "1", "2,3"], 1) == [dict(a="1", b=""),
                                                      dict(a="2", b="3")]
    with pytest.raises(csv.Error, match="^its header has 2 columns that its rows lack"):
        files.csv_rows(["a,b", "1", "2,3"], 0)


def test_line_ends_within_cells_stay_as_they_are(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfa,b\r\n"1\r\n2",3\r\n')
    assert files.read_csv(tmp_path / "a.csv") == [dict(a="1\r\n2", b="3")]


def test_what_is_asked_of_files_and_folders_is_reading(tmp_path, monkeypatch):
    asked, written = [], []
    (tmp_path / "a").touch()
    monkeypatch.setattr(os, "access", lambda *words: asked.append(words) or True)
    files.existing_file(tmp_path / "a")
    files.existing_folder(tmp_path)
    assert asked == [(tmp_path / "a", os.R_OK), (tmp_path, os.R_OK | os.X_OK)]

    def unwritable(dir):
        written.append(dir)
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(files.tempfile, "TemporaryFile", unwritable)
    with pytest.raises(files.InputError, match=re.escape(
            f"output folder {tmp_path} cannot be written (Permission denied); ")):
        files.writable_folder(tmp_path)
    assert written == [tmp_path]


@pytest.mark.parametrize(("name", "start", "dicom"), [
    ("a.dcm", None, True), ("a.DICOM", None, True), ("a.png", None, False),
    ("a.dcm", b"anything", True), ("a.dcm", b"\xff\xd8\xff", False),
    ("a", bytes(128) + b"DICM", True), ("a", b"anything", False)])
def test_dicom_is_told_by_its_beginning_and_else_by_its_name(
        tmp_path, name, start, dicom):
    if start is None:
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(start)
    assert files.is_dicom(tmp_path / name) is dicom
