"""Cells of tables: what a spreadsheet would compute, and what comes back."""

import math

import pytest

from end2end.utils import cells

# Beside the ranges of what is taken out.
OUTSIDE = "~\u00a0\u2027\u202f\u2065\u206a"


@pytest.mark.parametrize(("text", "cell"), [
    ("=1+1", "'=1+1"), ("+4711", "'+4711"), ("-cmd", "'-cmd"),
    ("@SUM(A1)", "'@SUM(A1)"),
    (" =1", "' =1"), ("\uff1d1", "'\uff1d1"), ("'=x", "''=x"), ("''=x", "'''=x"),
    ("'quoted", "'quoted"), ("-0.5", "-0.5"), ("-1e-05", "-1e-05"), ("-", "'-"),
    ("-1+1", "'-1+1"), ("a=1", "a=1"), ("", ""), ("MLO", "MLO")])
def test_a_text_that_would_be_computed_is_marked_and_comes_back_equal(text, cell):
    assert cells.to_cell(text) == cell
    assert cells.from_cell(cell) == text


def test_numbers_stay_what_they_are():
    for value in (-0.5, 3, None, True):
        assert cells.to_cell(value) is value


@pytest.mark.parametrize(("text", "cleaned"), [
    ("a\tb\r\nc", "a b  c"), ("\x1b[31mred\x07", " [31mred "), ("a\u202eb\u2066", "ab"),
    ("a\ud800", "a?"), (f"{OUTSIDE}\ue000", f"{OUTSIDE}\ue000"),
    ("".join(map(chr, [*range(32), *range(127, 160)])), " " * 65),
    ("".join(map(chr, [*range(0x2028, 0x202f), *range(0x2066, 0x206a)])), ""),
    ("J\u00fcrgen\u00a0M", "J\u00fcrgen\u00a0M"), ("\x85", " ")])
def test_control_characters_do_not_reach_a_cell(text, cleaned):
    assert cells.cleaned(text) == cells.to_cell(text) == cleaned


def test_a_number_is_finite_and_has_no_sign_between_digits():
    assert [cells.number(text) for text in ("0.5", " -1e-05 ", "3", "1.0")] == [
        0.5, -1e-05, 3, 1]
    assert all(math.isnan(cells.number(text)) for text in (
        "0.1_081", "1_000", "", "x", "0,5", "nan", "inf", "-inf", "1e999"))


def test_a_formula_behind_a_control_character_is_marked():
    assert cells.to_cell("\t=1") == "' =1"


def test_a_long_text_is_cut_where_it_is_seen():
    assert cells.cleaned("x" * 200_000, 64) == "x" * 61 + "..."
    assert cells.cleaned("x" * 64, 64) == "x" * 64
    assert len(cells.to_cell("=" + "x" * 200_000)) == cells.LONGEST
