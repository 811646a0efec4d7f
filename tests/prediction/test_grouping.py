import json

import pytest

from end2end.prediction import grouping
from end2end.utils import files

COLUMNS = ("path", "patient", "exam", "laterality", "view", "votes", "days", "label",
           "score", "flips", "flags", "notes", "identity_notes")


def row(path, **cells):
    return dict.fromkeys(COLUMNS, "") | dict(path=path, flips="False") | cells


ROWS = [
    row("a.png", patient="7", laterality="L", view="CC", votes="yes", score="0.25",
        flags="too dark"),
    row("b.png", patient="7", laterality="L", view="MLO", votes="yes", score="0.75",
        flags="too dark"),
    row("c.png", patient="7", laterality="R", view="CC", votes="yes", score="0.125")]


@pytest.fixture
def scores(tmp_path):
    files.write_csv(tmp_path / "scores.csv", COLUMNS, ROWS)
    return tmp_path / "scores.csv"


def test_a_missing_score_file_has_no_rows(tmp_path):
    assert grouping.read_rows(tmp_path / "none.csv") == []
    assert grouping.levels(tmp_path / "none.csv") == dict(breasts=[], patients=[])


def test_a_breast_has_the_mean_of_its_views_and_a_patient_the_highest_breast(scores):
    levels = grouping.levels(scores)
    assert [(breast["laterality"], float(breast["score"]), breast["images"])
            for breast in levels["breasts"]] == [("L", 0.5, 2), ("R", 0.125, 1)]
    patient, = levels["patients"]
    assert (patient["patient"], float(patient["score"]), patient["images"]) == (
        "7", 0.5, 3)


def test_a_flag_of_several_images_is_named_once(scores):
    assert [breast["flags"] for breast in grouping.levels(scores)["breasts"]] == [
        "too dark", ""]


def test_levels_without_rows_leave_no_file(scores):
    levels = grouping.levels(scores)
    paths = grouping.write_levels(scores, levels)
    assert [path.name for path in paths] == [
        "scores.breasts.csv", "scores.patients.csv"]
    paths = grouping.write_levels(scores, levels | dict(breasts=[]))
    assert [path.name for path in paths] == ["scores.patients.csv"]
    assert not (scores.parent / "scores.breasts.csv").exists()


def test_json_holds_numbers_and_lists_in_place_of_texts(scores, tmp_path):
    grouping.write_json(
        tmp_path / "scores.json", ROWS, grouping.levels(scores),
        models=[dict(name="m", trained_on="phantoms")],
        failures=[(tmp_path / "d.png", "no image")])
    content = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    image = content["images"][0]
    assert (image["score"], image["flags"], image["notes"], image["flips"]) == (
        0.25, ["too dark"], [], False)
    assert content["failed"] == [dict(path=str(tmp_path / "d.png"), reason="no image")]


def test_the_highest_score_comes_first_on_the_terminal(scores):
    text = grouping.terminal(ROWS, grouping.levels(scores))
    images = text.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in images] == ["images", "b.png", "a.png", "c.png"]


def test_a_flag_of_many_images_stands_once_below_the_tables():
    rows = [row(f"{k}.png", score="0.5", flags=f"brightest pixel {k} of 255 | implant")
            for k in range(3)]
    rows.append(row("3.png", score="0.4", flags="brightest pixel 9.5 of 255"))
    breast = row("W_L", score="0.5", flags="brightest pixel 1 of 255 | implant | "
                                           "brightest pixel 2 of 255")
    text = grouping.terminal(rows, dict(breasts=[breast], patients=[]))
    images, breasts, flags = text.split("\n\n")
    assert [line.partition("0.500  ")[2] for line in images.splitlines()[1:4]] == [
        "[1] | implant"] * 3
    assert images.splitlines()[4].endswith("0.400  [1]")
    assert breasts.splitlines()[1].endswith("[1] | implant")
    assert flags == ("flags\n[1] 4 images: brightest pixel 0 of 255 "
                     "(the numbers are the first image's)")


def test_a_flag_of_few_images_stays_in_its_row():
    rows = [row(f"{k}.png", score="0.5", flags="implant") for k in range(3)]
    text = grouping.terminal(rows, dict(breasts=[], patients=[]))
    assert "[1]" not in text and text.count("implant") == 3


def test_long_tables_are_cut_on_the_terminal_and_the_rest_is_counted():
    rows = [row(f"{k}.png", score="0.5") for k in range(grouping.SHOWN + 4)]
    text = grouping.terminal(rows, dict(breasts=[], patients=[]))
    assert text.endswith("... and 4 more in the file")
