"""What belongs together of the files on the page."""

import csv
import dataclasses
import io

from end2end.prediction import pseudonyms
from end2end.serve import session
from end2end.tables.identity import Identity

TAGGED = dict(patient="tags PatientID", exam="tags StudyInstanceUID")


def kept(*images):
    table = session.Session(pseudonyms.Pseudonyms(bytes(32)))
    return table, [table.keep(image, dict(path=image.path, score="0.5"))
                   for image in images]


def image(name, **fields):
    return Identity(**dict(path=name, patient="W", exam="1.2.3.4.5", laterality="L",
                           view="CC", content=name, read_from=TAGGED) | fields)


def test_doubles_and_choices_are_made_among_all_files_and_counted():
    table, marks = kept(
        image("a.dcm", content="same"), image("b.dcm", content="same"),
        image("c.dcm"), image("d.dcm", view="ML", kind="other view"))
    told = table.account(marks, [dict(name="e.txt", error="no image")])
    assert [told["images"][mark]["votes"] for mark in marks] == ["no", "no", "yes",
                                                                 "no"]
    assert told["images"][marks[1]]["notes"] == ("the same image as a.dcm",)
    assert told["lines"] == [
        "images: 5 found, 4 understood, 1 refused, 1 doubled, 0 without patient, "
        "0 without side or view, 3 not voting", "not looked at: 0"]
    rows = list(csv.DictReader(io.StringIO(told["csv"])))
    assert [row["path"] for row in rows] == ["a.dcm", "b.dcm", "c.dcm", "d.dcm",
                                             "e.txt"]
    assert rows[0]["account"] == " | ".join(told["lines"])
    assert {row["account"] for row in rows[1:]} == {""}
    assert rows[2]["votes"] == "yes" and rows[4]["error"] == "no image"
    assert rows[0]["patient"].startswith("patient ") and "W" not in rows[0]["patient"]
    assert table.account(marks[:1], [])["images"][marks[0]]["votes"] == "yes"


def test_a_name_without_a_number_is_nobodys_and_cells_are_no_formulas():
    table, marks = kept(image(
        "mammo_L_CC.png", patient="mammo", namespace="folder /x", exam="",
        read_from=dict(patient="name plain")))
    told = table.account(
        [*marks, "unknown"], [dict(name="=1+1", error="\x1b[31m"), {}])
    assert told["images"][marks[0]]["votes"] == "alone"
    assert dataclasses.asdict(table._images[marks[0]][0]) == dataclasses.asdict(
        image("mammo_L_CC.png", patient="", exam="", read_from=dict(
            patient="name plain")))
    assert "1 without patient" in told["lines"][0]
    assert "'=1+1" in told["csv"] and "\x1b" not in told["csv"]
    assert not told["csv"].splitlines()[-1].strip(","), "it has neither"


def test_no_more_than_a_bounded_number_is_remembered(monkeypatch):
    monkeypatch.setattr(session, "REMEMBERED", 2)
    table, marks = kept(*(image(f"{k}.dcm") for k in range(3)))
    assert list(table.account(marks, [])["images"]) == marks[1:]
    assert {len(mark) for mark in marks} == {32}   # of 16 bytes
