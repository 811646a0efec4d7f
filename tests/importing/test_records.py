"""Pictures before they are read: bands of age, labels, words of file names."""

import hashlib
import pathlib

import pytest

from end2end.importing import records
from end2end.tables import image_names

SETTINGS = records.Settings(pathlib.Path("."))


@pytest.mark.parametrize(("text", "band"), [
    ("47", "40-49"), ("047Y", "40-49"), ("47.0", "40-49"), ("47,5", "40-49"),
    ("9", "0-9"), ("1", "0-9"), ("89", "80-89"), ("90", "90+"), ("119", "90+"),
    ("40-49", "40-49"), ("90+", "90+"), ("1-2", ""),
    ("0-9", "0-9"), ("", ""), ("0", ""), ("120", ""),
    ("6M", ""), ("forty", "")])
def test_an_age_becomes_its_band_and_what_is_no_age_nothing(text, band):
    assert records.age_band(text) == band


@pytest.mark.parametrize(("category", "label"), [
    ("BI-RADS 1", 0), ("2", 0), ("BI-RADS 3", None), ("4a", 1), ("BI-RADS 5", 1),
    ("6", 1), ("0", None), ("", None)])
def test_a_category_becomes_a_label(category, label):
    assert records.birads_label(category, SETTINGS) == label


def test_category_3_is_negative_where_asked_for():
    settings = records.Settings(pathlib.Path("."), birads_3="negative")
    assert records.birads_label("BI-RADS 3", settings) == 0


@pytest.mark.parametrize("text", ["P_00001", "D1-0001", "00123", "a.b"])
def test_plain_numbers_stay_as_they_are_in_names(text):
    assert records.file_word(text) == text


@pytest.mark.parametrize("text", ["A/1", "A 1", "Müller", "x_L_CC", "../up", "CC"])
def test_other_numbers_are_changed_and_told_apart(text):
    word = records.file_word(text)
    assert word != text and "/" not in word
    assert word != records.file_word(text + " ")
    fields = image_names.statement(f"{word}_RIGHT_MLO.png").fields
    assert fields["patient"] == word
    assert (fields["laterality"], fields["view"]) == ("R", "MLO")


def test_what_is_changed_in_a_name_ends_in_a_hash_and_sixty_signs_stay():
    def ending(text):
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    assert records.file_word(" A/1.") == f"A-1-{ending(' A/1.')}"
    assert records.file_word("CC") == f"p-{ending('CC')}"
    assert records.file_word("n" * 60) == "n" * 60
    assert records.file_word("n" * 61) == f"{'n' * 60}-{ending('n' * 61)}"
    assert records.file_word("", "none") == "none"


def test_an_empty_text_and_an_unknown_side_have_a_word():
    assert records.file_word("") == "unknown"
    assert [records.side_word(text) for text in ("L", "right", "both", "")] == [
        "LEFT", "RIGHT", "X", "X"]
