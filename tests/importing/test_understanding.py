"""What columns and labels mean: by flags, headings and values, and never by a guess."""

import pytest

from end2end.importing import understanding
from end2end.importing.spreadsheets import Row
from end2end.utils import files


def rows(*lines):
    return [Row(number, tuple(line)) for number, line in enumerate(lines, 1)]


def meanings(header, *values, **flags):
    lines = rows(header, *values)
    return {column.heading: column.meaning for column in understanding.columns(
        lines[0], lines[1:], flags)}


def test_headings_are_understood_in_some_languages():
    assert meanings(("Datei", "Patienten-ID", "Seite", "Ebene", "Alter", "ACR")) == {
        "Datei": "path", "Patienten-ID": "patient", "Seite": "laterality",
        "Ebene": "view", "Alter": "age", "ACR": "density"}


def test_a_column_without_a_heading_is_called_by_its_number():
    assert list(meanings(("Datei", "", "x"), ("a.png", "1", "2", "3"))) == [
        "Datei", "column 2", "x", "column 4"]


def test_a_label_is_never_guessed_from_a_foreign_word():
    assert meanings(("Datei", "Befund"), ("a.png", "1"))["Befund"] == ""
    assert meanings(("Datei", "Befund"), ("a.png", "1"), label="Befund")[
        "Befund"] == "label"


def test_files_sides_and_views_are_known_by_their_values():
    assert meanings(("A", "B", "C", "D"), ("x.png", "li", "R MLO", "1"),
                    ("y.dcm", "re", "CC", "0")) == {
        "A": "path", "B": "laterality", "C": "view", "D": ""}
    lines = rows(("A", "B"), ("x.png", "?"))
    assert [column.how for column in understanding.columns(lines[0], lines[1:], {})
            ] == ["its values", ""]


def test_a_flag_wins_over_headings_and_may_be_a_number():
    described = meanings(("path", "file", "label"), ("a", "b.png", "0"), path="2")
    assert described == {"path": "", "file": "path", "label": "label"}


@pytest.mark.parametrize(("text", "labelled"), [
    ("die_wahrheit", "Die Wahrheit"), ("3", "%"), ("1", "Bild"), ("%", "%")])
def test_a_flag_names_a_heading_in_any_spelling_or_the_number_of_a_column(
        text, labelled):
    described = meanings(("Bild", "Die Wahrheit", "%"), label=text)
    assert [heading for heading, meaning in described.items()
            if meaning == "label"] == [labelled]


@pytest.mark.parametrize(("flags", "words"), [
    *((dict(label=text), f"--column label={text}: the table has no such column; it has "
       "path, %.") for text in ("none", "?", "0", "4")),
    (dict(colour="path"), "--column colour=path: 'colour' is nothing that a column can "
     "mean; expected one of path, ")])
def test_a_flag_without_a_column_is_refused(flags, words):
    with pytest.raises(files.InputError) as caught:
        meanings(("path", "", "%"), **flags)
    assert str(caught.value).startswith(words)


def test_the_header_is_found_below_titles():
    lines = rows(("Liste 2021", "", ""), ("Stand", "1.3.", ""),
                 ("Datei", "Seite", "Befund"), ("a.png", "L", "1"))
    assert understanding.find_header(lines, {}) == 2
    unknown = rows(("Titel", "", ""), ("so", "und", "so"), ("1", "2", "3"))
    assert understanding.find_header(unknown, {}) == 1
    with pytest.raises(files.InputError, match="no rows"):
        understanding.find_header([], {})


@pytest.mark.parametrize(("text", "side"), [
    ("links", "L"), ("RE", "R"), ("Left", "L"), ("izq", "L"), ("both", "BOTH")])
def test_sides_in_some_languages(text, side):
    assert understanding.side(text) == side


@pytest.mark.parametrize(("text", "part"), [
    ("Training", "train"), ("dev", "val"), ("TEST", "test"), ("3", "")])
def test_parts_of_a_split(text, part):
    assert understanding.split_word(text) == part


def test_known_words_of_labels_are_read():
    labels = understanding.labels({"benign": 3, "Malignant": 2, "normal": 1}, {})
    assert labels.numbers == {"benign": 0, "Malignant": 1, "normal": 0}
    assert not labels.unknown and not labels.mixed


def test_mixed_vocabularies_are_named():
    labels = understanding.labels({"1": 3, "0": 1, "malignant": 2}, {})
    assert set(labels.mixed) == {"numbers", "words"}


def test_flags_explain_labels_and_nothing_else_is_understood():
    counts = {"4": 1, "5.0": 1, "2": 1, "3": 1, "benign": 1}
    labels = understanding.labels(counts, {
        "malignant": ["4", "5"], "benign": ["2"], "leave-out": ["3"]})
    assert labels.numbers == {"4": 1, "5.0": 1, "2": 0, "3": None}
    assert labels.unknown == ("benign",)


def test_advice_on_birads_can_be_copied():
    assert understanding.label_advice({"1": 1, "3": 1, "4a": 1, "5": 1}).endswith(
        "--label malignant=4a,5 --label benign=1 --label leave-out=3")
    assert understanding.label_advice({"4": 1, "2": 1}) == (
        "if they are BI-RADS categories: --label malignant=4 --label benign=2")
    for counts in ({"4": 1, "y z": 1}, {"4": 1, "5 ": 1, "x": 1, "y z": 1}):
        assert understanding.label_advice(counts) == (
            '--label malignant="y z" --label benign=4, or the other way round')


def test_advice_on_bi_rads_reads_roman_numbers_and_leaves_other_words_out():
    advice = understanding.label_advice(
        {"BI-RADS 4b": 1, "IV": 1, "ii": 1, "1": 1, "none": 1, "VI": 1})
    assert advice.endswith('--label malignant="BI-RADS 4b,IV,VI" --label benign=1,ii '
                           "--label leave-out=none")


@pytest.mark.parametrize(("texts", "is_header"), [
    (("file", "label"), True), (("file", "x", ""), False), (("a", "b"), False),
    (("file", "Datei", "x"), True), ((), False)])
def test_a_row_of_two_known_headings_is_a_header(texts, is_header):
    assert understanding.is_header(texts) is is_header


def test_headings_and_labels_are_compared_without_what_does_not_matter():
    assert understanding.word_of(" \u00d6l-\u00fc  (\u00e42)% ") == "oel_ue_ae2"
    assert [understanding.label_word(text) for text in (
        " IV ", "5.0", "5,00", "1.50", "10", ".0")] == [
        "iv", "5", "5", "1.50", "10", ""]


@pytest.mark.parametrize(("title", "header", "flags"), [
    (("Liste", "von", "allen", "Bildern"), ("Datei", "Seite"), {}),
    (("so", "und", "so"), ("%", "Wahrheit"), dict(label="wahrheit"))])
def test_a_title_of_more_cells_is_no_header(title, header, flags):
    assert understanding.find_header(rows(title, header, ("1", "2")), flags) == 1
