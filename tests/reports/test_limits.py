"""Tests of end2end.limits: the limits of use head every report."""

import pathlib

from end2end.reports import limits, report
from end2end.serve import scoring

CARD = pathlib.Path(__file__).parents[2] / "docs" / "model-card.md"


def flat(text):
    return " ".join(text.split())


def test_every_report_begins_with_the_limits_before_any_result():
    page = report.page([report.Heading("Result")], title="A", trained_on="phantoms")
    head = page[:page.index("<main")]
    assert report.escaped(limits.TEXT) in head and report.RESEARCH in head


def test_the_model_card_holds_the_text_of_the_reports():
    card = flat(CARD.read_text(encoding="utf-8"))
    assert limits.TEXT.removesuffix(" More in docs/model-card.md.") in card
    assert report.RESEARCH in card


def test_the_model_card_names_what_is_known_to_fail():
    card = CARD.read_text(encoding="utf-8")
    for word in ("film against digital", "implants", "magnification",
                 "official split", "CC BY-NC-SA 4.0", "Intended use"):
        assert word in card


def test_the_local_page_shows_the_same_text():
    notice = scoring.Scorer([]).about()["notice"]
    assert limits.TEXT in notice and report.RESEARCH in notice
