"""Cells on who and what images show."""

import datetime

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
