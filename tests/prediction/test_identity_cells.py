"""Cells on who and what images show."""

import dataclasses
import datetime

import pytest

from end2end.prediction import identity_cells
from end2end.tables.identity import Identity

TAGGED = dict(patient="tags PatientID", exam="tags StudyInstanceUID")


def cells(*images):
    return list(identity_cells.cells(images, identity_cells.Numbered()).values())


def test_numbers_in_tags_are_replaced_and_those_in_names_and_manifests_stay():
    rows = cells(
        Identity("a.dcm", patient="SECRET", exam="1.2.3.4", read_from=TAGGED),
        Identity("P_00001_LEFT_CC.png", patient="P_00001", scheme="CBIS-DDSM",
                 read_from=dict(patient="name CBIS-DDSM")),
        Identity("b.png", patient="Q2", read_from=dict(patient="manifest")))
    assert [row["patient"] for row in rows] == ["patient 001", "P_00001", "Q2"]
    assert rows[0]["exam"] == "exam 001"


def test_women_of_equal_names_are_told_apart_by_their_folders():
    def image(folder, patient):
        return Identity(f"{folder}/{patient}_L_CC.png", patient=patient,
                        namespace=f"folder {folder}")
    rows = cells(image("/a/siteA", "001"), image("/a/siteB", "001"),
                 image("/a/woman_b", "mammo"), image("/a", "7"))
    assert [row["patient"] for row in rows] == [
        "siteA/001", "siteB/001", "woman_b", "7"]
    # As many folders as it takes: one, two of them, and three.
    rows = cells(image("/a/siteA", "001"), image("/x/b/siteB", "001"),
                 image("/x/c/siteB", "001"), image("/y/c/siteB", "001"))
    assert [row["patient"] for row in rows] == [
        "siteA/001", "b/siteB/001", "x/c/siteB/001", "y/c/siteB/001"]


def test_no_date_is_written():
    days = (datetime.date(2018, 1, 1), datetime.date(2020, 1, 1))
    rows = cells(*(Identity(
        f"{day}.dcm", patient="W", exam=day.strftime("%Y%m%d"), day=day,
        read_from=dict(patient="manifest", exam="tags StudyDate")) for day in days))
    assert [(row["exam"], row["days"]) for row in rows] == [
        ("day 0", "0"), ("day 730", "730")]


def test_long_numbers_are_cut_and_stay_different():
    rows = cells(*(Identity(f"{end}.png", patient="Z" * 500 + end,
                            read_from=dict(patient="manifest")) for end in "ab"))
    texts = [row["patient"] for row in rows]
    assert all(len(text) <= identity_cells.LONGEST for text in texts)
    assert texts[0] != texts[1]


def test_a_row_of_an_earlier_call_gives_its_vote_to_one_of_this_call():
    earlier = dict(path="old.dcm", patient="p", exam="e", laterality="L", view="CC",
                   votes="yes", identity_notes="")
    now = dict(earlier, path="new.dcm")
    rows = identity_cells.with_cells([earlier, now], {"new.dcm": dict(votes="yes")})
    assert [row["votes"] for row in rows] == ["no", "yes"]
    assert rows[0]["identity_notes"].endswith("votes: new.dcm")


def test_all_cells_of_one_image_and_a_number_with_its_issuer():
    image = Identity(
        "in/a.dcm", patient="7", namespace="CLINIC", exam="9.8.7", laterality="R",
        view="CC", modifier="spot", kind="implant", votes="alone",
        read_from=TAGGED | dict(laterality="name x", view=""), notes=("one", "two"))
    asked = []

    class Names:
        def __call__(self, text):
            asked.append(text)
            return f"p {len(asked)}"

        def exam(self, text):
            return f"e {text}"
    assert identity_cells.cells([image, dataclasses.replace(
        image, path="in/b.dcm", namespace="", exam="", votes="no", notes=())],
        Names()) == {
            "in/a.dcm": dict(
                patient="p 1", laterality="R", view="CC spot", exam="e 9.8.7", days="",
                kind="implant", votes="alone", read_from=(
                    "patient: tags PatientID | exam: tags StudyInstanceUID | "
                    "laterality: name x"), identity_notes="one | two"),
            "in/b.dcm": dict(
                patient="p 2", laterality="R", view="CC spot", exam="", days="",
                kind="implant", votes="no", read_from=(
                    "patient: tags PatientID | exam: tags StudyInstanceUID | "
                    "laterality: name x"), identity_notes="")}
    assert asked == ["7@CLINIC", "7"]


def test_what_the_name_says_of_a_woman_is_taken_and_exams_of_manifests_stay():
    rows = cells(
        Identity("in/P_00001_LEFT_CC.png", patient="P_00001", exam="a",
                 read_from=dict(patient="tags PatientID", exam="manifest exam")),
        Identity("in/b.png", patient="8", exam="b",
                 read_from=dict(patient="tags PatientID", exam="manifest date")),
        Identity("in/c.png", patient="8", exam="c" * 65, day=datetime.date(2018, 1, 1),
                 read_from=dict(patient="tags PatientID", exam="name x")),
        Identity("in/d.png", exam="20180203", read_from=dict(exam="manifest exam")))
    assert [(row["patient"], row["exam"], row["days"]) for row in rows] == [
        ("P_00001", "a", ""), ("patient 001", "exam 001", ""),
        ("patient 001", "c" * 53 + "..." + identity_cells.hash_mark("c" * 65), "0"),
        ("", "", "")]
    assert len(identity_cells.hash_mark("c")) == 8
    short = "d" * identity_cells.LONGEST
    assert cells(Identity("in/e.png", patient=short, read_from=dict(
        patient="manifest")))[0]["patient"] == short


@pytest.mark.parametrize(("earlier", "vote"), [
    (dict(patient="p", exam=""), "no"), (dict(patient="", exam="e"), "no"),
    (dict(patient="", exam=""), "yes"), (dict(patient="p", exam="", view="MLO"), "yes"),
    (dict(patient="p", exam="", votes="alone"), "alone")])
def test_only_a_known_exam_takes_the_vote_of_an_earlier_row(earlier, vote):
    old = dict(path="in/old.dcm", laterality="L", view="CC", votes="yes",
               identity_notes="n") | earlier
    now = old | dict(path="in/new.dcm", view="CC", votes="no", identity_notes="")
    for order in (1, -1):
        rows = identity_cells.with_cells(
            [old, now][::order], {"in/new.dcm": dict(votes="yes")})[::order]
        assert rows[1]["votes"] == "yes" and rows[1]["identity_notes"] == ""
        assert (rows[0]["votes"], rows[0]["identity_notes"]) == (vote, (
            "n | another image of this breast and view votes: new.dcm"
            if vote == "no" else "n"))


def test_equal_numbers_of_two_places_stay_equal_where_no_folder_tells_them_apart():
    rows = cells(*(Identity(f"{place}.png", patient="7", namespace=place,
                            read_from=dict(patient="manifest")) for place in "AB"))
    assert [row["patient"] for row in rows] == ["7", "7"]
