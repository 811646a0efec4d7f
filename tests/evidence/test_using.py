"""`end2end metrics use`."""

import argparse
import json
import types

import evidence_tables
import numpy as np
import pytest
import recorded

from end2end.evidence import using
from end2end.metrics import __main__ as program
from end2end.utils import files


def run(capsys, *words):
    program.main(["use", *map(str, words)])
    return capsys.readouterr().out


@pytest.mark.usefixtures("light_figures")
def test_decision_curves_and_ways_with_the_readers_of_the_table(tmp_path, capsys):
    columns = evidence_tables.study()
    columns["score"] = evidence_tables.scored(120)["score"]
    path = evidence_tables.write(tmp_path / "a.csv", columns)
    printed = run(capsys, path, "--readers", "Reader*", "--prevalence", "0.01",
                  "--recall-highest", "0.02", "--out", tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(results["decision_curves"]["score"]) == 40
    ways = results["reading"]["ways"]
    assert len(ways) == 9
    lowest = ways["lowest scores not read, one reader for the rest"]
    assert lowest["reads"]["value"] == pytest.approx(0.5, abs=0.03)
    assert "4 readers who recall from 0.1 on" in printed
    assert (tmp_path / "out" / "decision_curves.svg").exists()


def test_without_readers_one_is_simulated_and_said(tmp_path, capsys):
    path = evidence_tables.write(tmp_path / "a.csv", evidence_tables.scored())
    printed = run(capsys, path, "--reader-sensitivity", "0.8")
    assert "a simulated reader of sensitivity 0.8" in printed
    assert "0.960 (0.960 to 0.960)" in printed   # two of them: 1 - 0.2 * 0.2


def test_a_recalibration_is_shifted_to_the_share_of_cancers_that_is_typed(monkeypatch):
    table = types.SimpleNamespace(labels=np.array([True, False, False, False]))
    monkeypatch.setattr(using.recalibration, "summary", lambda *_: dict(
        recalibration=(0.5, 2.0)))
    values = np.array([0.5, 0.2])
    logits = 0.5 + 2 * np.log(values / (1 - values))
    for prevalence, shift in ((None, 0), (0.1, np.log(0.1 / 0.9) - np.log(1 / 3))):
        np.testing.assert_allclose(
            using._recalibrated(table, values, prevalence),
            1 / (1 + np.exp(-logits - shift)), rtol=1e-6)


def test_recalibration_on_the_same_rows_is_called_optimistic(tmp_path, capsys):
    path = evidence_tables.write(tmp_path / "a.csv", evidence_tables.scored())
    assert "which is optimistic" in run(capsys, path, "--recalibrated")
    assert "which is optimistic" not in run(capsys, path)


def test_scores_that_are_no_probabilities_have_no_curve(tmp_path, capsys):
    path = evidence_tables.write(tmp_path / "a.csv", evidence_tables.study())
    printed = run(capsys, path, "--score", "AI_good", "--readers", "Reader*")
    assert "AI_good: scores are not probabilities; no decision curve" in printed
    assert "one reader" in printed
    both = evidence_tables.study() | dict(score=evidence_tables.scored(120)["score"])
    path = evidence_tables.write(tmp_path / "b.csv", both)
    lines = run(capsys, path, "--score", "AI_good", "score").splitlines()
    assert "AI_good: scores are not probabilities; no decision curve." in lines
    # The ways of reading are those with the first model.
    assert sum(line.startswith("Model AI_good, recalling ") for line in lines) == 1
    assert sum(line.startswith("  score  0.") for line in lines) == 5


@pytest.mark.parametrize(("least", "most", "said"), [
    (0.0, 1.0, False), (-0.1, 0.9, True), (0.1, 1.1, True)])
def test_scores_beyond_either_end_have_no_curve(tmp_path, capsys, least, most, said):
    columns = evidence_tables.scored()
    values = [float(value) for value in columns["score"]]
    columns["score"] = [
        least + (most - least) * (value - min(values)) / (max(values) - min(values))
        for value in values]
    path = evidence_tables.write(tmp_path / "a.csv", columns)
    assert ("no decision curve" in run(capsys, path)) == said


@pytest.mark.parametrize("words, message", (
    (["--readers", "no*"], "no such column"), (["--defer", "1.2"], "--defer"),
    (["--prevalence", "0"], "--prevalence 0"),
    (["--reader-sensitivity", "1.2"], "--reader-sensitivity 1.2"),
    (["--reader-specificity", "-1"], "--reader-specificity -1"),
    (["--defer", "0.6", "--recall-highest", "0.5"], "a sum up to 1"),
    (["--score", "x"], "no column of scores")))
def test_wrong_words_are_refused(tmp_path, words, message):
    path = evidence_tables.write(tmp_path / "a.csv", evidence_tables.scored())
    with pytest.raises(files.InputError, match=message):
        program.main(["use", str(path), *words])


@pytest.mark.parametrize(("defer", "highest"), [(0, 0), (1, 0), (0.25, 0.75), (0, 1)])
def test_shares_of_those_screened_add_up_to_all_at_most(defer, highest):
    arguments = argparse.Namespace(prevalence=None, reader_sensitivity=0.5,
                                   reader_specificity=0.5, defer=defer,
                                   recall_highest=highest)
    using.check(arguments)
    arguments.recall_highest += 0.125
    if defer + highest < 1:
        return using.check(arguments)
    for arguments.defer in (defer, -0.125 - highest):
        with pytest.raises(files.InputError, match="numbers from 0 with a sum up to 1"):
            using.check(arguments)


def test_all_that_is_said_of_use_is_as_recorded(tmp_path, monkeypatch):
    columns = evidence_tables.study()
    columns["score"] = evidence_tables.scored(120)["score"]
    path = evidence_tables.write(tmp_path / "a.csv", columns)
    for name, words in (
            ("evidence-use", ["--readers", "Reader*", "--prevalence", 0.01,
                              "--recall-highest", 0.02, "--recall-from", 0.2]),
            ("evidence-use-simulated", ["--recalibrated", "--threshold", 0.4,
                                        "--defer", 0.3])):
        said = evidence_tables.findings(monkeypatch, [
            "use", path, "--score", "score", *words])
        recorded.check(name, said, dict(FOLDER=tmp_path))
