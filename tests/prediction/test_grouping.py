import json

import pytest
import recorded

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


def test_only_flags_with_other_numbers_are_said_to_have_those_of_the_first():
    rows = [row(f"{k}.png", score="0.5", flags=f"implant | spot {1 + (k == 3)} mm")
            for k in range(4)]
    text = grouping.terminal(rows, dict(breasts=[], patients=[]))
    assert text.splitlines()[1:2] == ["0.png   0.500  [1] | [2]"]
    assert text.endswith("flags\n[1] 4 images: implant\n[2] 4 images: spot 1 mm "
                         "(the numbers are the first image's)")


def test_long_tables_are_cut_on_the_terminal_and_the_rest_is_counted():
    rows = [row(f"{k}.png", score="0.5") for k in range(grouping.SHOWN + 4)]
    text = grouping.terminal(rows, dict(breasts=[], patients=[]))
    assert text.endswith("... and 4 more in the file")


SIX = ("read | flags of six", "stretched 0.5 of 3 pixels")
UNEVEN = [
    row("w/a.png", patient="W", exam="e2", days="120", laterality="L", view="CC",
        votes="yes", score="0.5", label="pos", calibrated="0.123456", flags=SIX[0],
        operating_points="recall at 0.9 | no recall at 0.5", score_m="0.5"),
    row("w/b.png", patient="W", exam="e2", laterality="L", view="CC", votes="no",
        score="0.9", calibrated="0.9", flags="of the loser", score_m="0.9"),
    row("w/c.png", patient="W", exam="e1", days="0", laterality="L", view="MLO",
        votes="yes", score="0.25", calibrated="0.2", flags=SIX[1], score_m="0.25",
        identity_notes="read | its MLO is a spot view, for want of a better picture"),
    row("w/d.png", patient="W", exam="e1", days="0", laterality="R", view="CC",
        votes="alone", score="0.75", flags=SIX[0].replace("six", "7"), score_m="0.75"),
    row("w/e.png", patient="W", exam="e10", days="1000", laterality="R", view="ML",
        votes="no", score="0.3", flags="only | where | none votes", score_m="0.3"),
    row("u/f.png", exam="e1", days="7", laterality="R", view="CC", votes="yes",
        score="0.0625", notes="n1 | n2", flips="True", score_m="0.0625"),
    row("u/g.png", laterality="R", view="MLO", votes="yes", score="", score_m="1"),
    row("v/h.png", patient="V", exam="x", laterality="L", view="MLO", votes="yes",
        score="0.125", flags=f"{SIX[1]} | {SIX[1]}", score_m="0.125"),
    row("v/i.png", patient="V", exam="y", days="30", laterality="R", view="CC",
        votes="yes", score="1", flags=SIX[1].replace("0.5", "12"), score_m="1",
        label="1"),
    row("v/j.png", patient="V", exam="y", days="30", laterality="R", view="MLO",
        votes="yes", score="0", flags=SIX[1].replace("3", "4"), score_m="0",
        label="1")]


def test_exams_of_all_kinds_are_grouped_written_and_shown_as_recorded(tmp_path):
    out = tmp_path / "s.csv"
    scored = [row for row in UNEVEN if row["score"]]
    files.write_csv(out, (*COLUMNS, "calibrated", "operating_points", "score_m"), [
        dict.fromkeys(("calibrated", "operating_points"), "") | row for row in scored])
    levels = grouping.levels(out)
    paths = grouping.write_levels(out, levels)
    grouping.write_json(tmp_path / "s.json", scored, levels, models=[dict(name="m")],
                        failures=[(tmp_path / "d.png", "no image"), ("e", "")])
    recorded.check("score-groups", "\n\n".join([
        grouping.terminal(UNEVEN, levels), *(path.read_text() for path in paths),
        (tmp_path / "s.json").read_text()]), dict(FOLDER=tmp_path))


def test_a_table_of_as_many_rows_as_are_shown_is_whole():
    rows = [row(f"{k}.png", score="0.5") for k in range(grouping.SHOWN + 1)]
    whole = grouping.terminal(rows[1:], dict(breasts=[], patients=[]))
    assert len(whole.splitlines()) == 1 + grouping.SHOWN
    assert grouping.terminal(rows, dict(breasts=[], patients=[])).endswith(
        f"{grouping.SHOWN - 1}.png  0.500\n... and 1 more in the file")
