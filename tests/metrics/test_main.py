"""`end2end metrics`: score files described and compared."""

import json
import re

import evidence_tables
import numpy as np
import pytest

from end2end import metrics
from end2end.metrics import __main__ as program
from end2end.tables import scores
from end2end.utils import files


def breasts(count, *, seed=0):
    """Two views of each breast, every tenth of dense tissue."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count) % 3 == 0, 2).astype(int)
    values = 1 / (1 + np.exp(-rng.normal(size=2 * count) - 2 * labels + 1))
    patients = [f"P{i // 2}" for i in np.repeat(np.arange(count), 2)]
    sides = ["LR"[i % 2] for i in np.repeat(np.arange(count), 2)]
    return scores.Scores(
        tuple(f"{i}.png" for i in range(2 * count)), values, labels,
        patients=tuple(patients), lateralities=tuple(sides),
        views=("CC", "MLO") * count,
        others={"breast_density": tuple(str(i % 4) for i in range(2 * count))})


def test_the_command_describes_and_compares_score_files(tmp_path, capsys):
    table = breasts(40)
    scores.write_scores(tmp_path / "a.csv", table)
    worse = np.random.default_rng(3).random(80)
    scores.write_scores(tmp_path / "b.csv", scores.Scores(
        table.paths, worse, table.labels, patients=table.patients,
        lateralities=table.lateralities, views=table.views))
    program.main([str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--runs", "200",
                  "--mean", str(tmp_path / "mean.csv"), "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert "AUC of each less that of the first file" in printed
    assert "sensitivity 86.9%" in printed
    mean = scores.read_scores(tmp_path / "mean.csv")
    np.testing.assert_allclose(mean.values, (table.values + worse) / 2, atol=1e-9)
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["auc"] == pytest.approx(metrics.auc(table.labels, mean.values))
    assert [row["name"] for row in results["comparisons"]] == ["a", "b"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"roc.png", "roc.svg", "reliability.svg", "report.html"}


def test_the_command_refuses_wrong_settings(tmp_path):
    scores.write_scores(tmp_path / "a.csv", breasts(4))
    with pytest.raises(files.InputError) as caught:
        program.main([str(tmp_path / "a.csv"), "--at", "1", "86.9", "0"])
    assert str(caught.value) == (
        "--at 86.9 is not a share; expected numbers above 0, up to 1.")


def test_the_command_needs_a_label_for_every_row(tmp_path):
    (tmp_path / "a.csv").write_text("path,label,score\na,1,0.5\nb,,0.5\n")
    with pytest.raises(files.InputError, match="labels for 1 of 2 rows"):
        program.main([str(tmp_path / "a.csv")])


def interval_lines(printed):
    """Lines of the printed tables that hold an interval, with the caption of each."""
    for block in printed.split("\n\n"):
        caption, *rows = block.splitlines() or [""]
        yield from ((caption, row) for row in rows
                    if re.search(r"-?\d\.\d+ to -?\d\.\d+", row))


@pytest.mark.parametrize("words", [
    (), ("validate",), ("groups", "--by", "laterality", "--least", "4"),
    ("use", "--prevalence", "0.01"), ("readers",)], ids=lambda words: " ".join(words))
@pytest.mark.parametrize("count", [60, 400])
def test_few_cancers_are_named_beside_every_interval(tmp_path, capsys, words, count):
    columns = (evidence_tables.study(count) if "readers" in words
               else evidence_tables.scored(count, distance=0.8))
    path = evidence_tables.write(tmp_path / "scores.csv", columns)
    program.main([*words[:1], str(path), *words[1:]])
    lines = list(interval_lines(capsys.readouterr().out))
    assert lines
    for caption, row in lines:
        assert ("(few: " in caption + row) == (count == 60), (caption, row)
