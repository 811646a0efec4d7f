"""`end2end metrics groups`."""

import json

import evidence_tables
import numpy as np
import pytest
import recorded

from end2end.evidence import grouping
from end2end.metrics import __main__ as program
from end2end.metrics import subgroups
from end2end.utils import files


@pytest.fixture
def path(tmp_path):
    """A table in which the scores of vendor C are worth nothing."""
    rng = np.random.default_rng(1)
    columns = evidence_tables.scored(1200)
    women = np.arange(1200) // 2
    vendor = rng.choice(list("ABC"), 600)[women]
    noise = rng.random(1200).round(4)
    columns["score"] = np.where(vendor == "C", noise, columns["score"])
    return evidence_tables.write(tmp_path / "scores.csv", columns | dict(
        vendor=vendor, age=rng.integers(40, 80, 600)[women],
        rare=np.where(women < 3, "yes", "no")))


def run(capsys, *words):
    program.main(["groups", *map(str, words)])
    return capsys.readouterr().out


@pytest.mark.usefixtures("light_figures")
def test_the_planted_group_is_found_and_drawn(path, tmp_path, capsys):
    printed = run(capsys, path, "--bands", "age=50,60,70", "--by", "vendor",
                  "laterality", "rare", "--out", tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    beyond = {f"{row['column']} {row['value']}" for row in results["groups"]
              if row["gap"] and row["gap"]["adjusted"] <= 0.05
              and row["gap"]["difference"]["value"] < 0}
    assert beyond == {"vendor C"} and results["worst"]["value"] == "C"
    assert "Lowest AUC: vendor C" in printed and "fewer than 10 of a class" in printed
    assert {row["value"] for row in results["groups"] if row["column"] == "age"} == {
        "below 50", "50 to 60", "60 to 70", "70 and more"}
    assert (tmp_path / "out" / "groups.png").exists()


def test_columns_of_groups_are_chosen_and_others_named(path, capsys):
    printed = run(capsys, path)
    assert "age (40 values)" in printed and "laterality" in printed


def test_another_table_brings_columns_by_image(tmp_path, capsys):
    columns = evidence_tables.scored(400)
    columns["view"] = ["CC"] * 400
    path = evidence_tables.write(tmp_path / "scores.csv", columns)
    further = evidence_tables.write(tmp_path / "rois.csv", dict(
        patient_id=columns["patient"], side=columns["laterality"], view=columns["view"],
        density=["1234"[i % 4] for i in range(400)]))
    assert "density" in run(capsys, path, "--table", further, "--by", "density")
    with pytest.raises(files.InputError, match=(
            "^neither table has a column 'age'; expected one of density")):
        program.main(["groups", str(path), "--table", str(further), "--by", "density",
                      "age", "size"])


@pytest.mark.parametrize("words, message", (
    (["--by", "nothing"], "no column 'nothing'"), (["--bands", "age"], "--bands 'age'"),
    (["--bands", "age=60,50"], "ascending"), (["--least", "1"], "--least")))
def test_wrong_words_are_refused(path, words, message):
    with pytest.raises(files.InputError, match=message):
        program.main(["groups", str(path), *words])


def test_all_that_is_said_of_groups_is_as_recorded(path, tmp_path, monkeypatch):
    said = evidence_tables.findings(monkeypatch, [
        "groups", path, "--bands", "age=50,60,70", "--by", "vendor", "laterality",
        "rare", "--threshold", 0.4, "--least", 12])
    recorded.check("evidence-groups", said, dict(FOLDER=tmp_path))
    said = evidence_tables.findings(monkeypatch, ["groups", path])
    recorded.check("evidence-groups-all", said, dict(FOLDER=tmp_path))


def test_one_of_several_scores_is_taken_and_said(path, tmp_path, capsys):
    rows = files.read_csv(path)
    files.write_csv(path, (*rows[0], "score_b"), [row | dict(score_b="0.5")
                                                  for row in rows])
    assert "Scores of column score; name another with --score." in run(
        capsys, path, "--by", "vendor", "--score", "score", "score_b")


def test_a_table_beside_scores_that_lack_labels_is_refused(tmp_path):
    columns = evidence_tables.scored(40)
    path = evidence_tables.write(tmp_path / "scores.csv", columns | dict(
        view=["CC"] * 40, label=["", *columns["label"][1:]]))
    further = evidence_tables.write(tmp_path / "rois.csv", dict(
        patient_id=columns["patient"], side=columns["laterality"], view=["CC"] * 40,
        density=["1", "2"] * 20))
    with pytest.raises(files.InputError, match=(
            f"label and score; {path} has 1 without")):
        program.main(["groups", str(path), "--table", str(further), "--by", "density"])


def test_tables_without_groups_and_groups_that_are_too_small_are_said(
        path, tmp_path, capsys):
    bare = evidence_tables.write(tmp_path / "bare.csv", {
        name: values for name, values in evidence_tables.scored(60).items()
        if name != "laterality"})
    with pytest.raises(files.InputError, match="no column of groups with 2 to 12"):
        program.main(["groups", str(bare)])
    assert "No group has 500 rows of each class, so none is judged." in run(
        capsys, path, "--by", "vendor", "--least", "500", "--out", tmp_path / "none")
    assert not (tmp_path / "none" / "groups.png").exists()


def test_few_rows_of_either_class_are_said():
    assert [grouping._few(subgroups.Group("a", "b", count, 8)) for count in (10, 99)
            ] == [" (few: 2 without cancer)", " (few: 8 with cancer)"]


def test_a_column_of_two_to_twelve_values_is_one_of_groups(
        tmp_path, capsys, monkeypatch):
    columns = evidence_tables.scored(156)
    path = evidence_tables.write(tmp_path / "a.csv", columns | {
        f"of_{count}": [number % count for number in range(156)]
        for count in (1, 2, 12, 13)})
    printed = run(capsys, path, "--least", "2")
    left = next(line for line in printed.splitlines() if line.startswith("Left aside"))
    assert "of_1 (1 values)" in left and "of_13 (13 values)" in left
    assert "of_2" not in left and "of_12" not in left
    monkeypatch.setattr(grouping.columns, "MOST_VALUES", 13)
    assert "of_13" in run(capsys, path, "--by", "of_13", "--least", "2")
    monkeypatch.setattr(grouping.columns, "MOST_VALUES", 12)
    with pytest.raises(files.InputError, match="no column of groups with 2 to 12"):
        program.main(["groups", str(path), "--by", "of_13"])
