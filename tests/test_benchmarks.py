"""The table of measurements; nothing here depends on the speed of a machine."""

import collections
import dataclasses
import importlib
import json

import cv2
import pytest
import tiny_classifier

from benchmarks import __main__ as command
from benchmarks import picture_kinds, planted_gaps, rows, small
from end2end import checkpoints, prediction
from end2end.bench import tables
from end2end.utils import files

FIGURE = tables.Figure(5.0, 0.5, "s", 2.0, "a loop", 0.4, "the limit", ("a note",))


def test_every_row_names_a_function_that_exists():
    for row in rows.ROWS:
        module, function = row.measure.split(".")
        assert callable(getattr(importlib.import_module(f"benchmarks.{module}"),
                                function)), row.name


def test_rows_of_several_calls_are_kept_in_one_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "in_own_process", lambda row: dict(
        reached=True, **dataclasses.asdict(FIGURE)))
    out = tmp_path / "table.json"
    for name in ("bootstrap", "help"):
        command.main([name, "--out", str(out)])
    assert set(json.loads(out.read_text())) == {"bootstrap", "help"}
    assert "2 s: a loop" in capsys.readouterr().out


def test_a_row_that_ends_with_an_error_says_its_status_and_last_words():
    row = tables.Row("none", "no such work", "small.none", 1, True, "s")
    assert command.in_own_process(row)["error"] == "status 1: KeyError: 'none'"


def test_measured_rows_are_printed_as_the_table_of_the_page(tmp_path, capsys):
    figure = dict(reached=False, **dataclasses.asdict(dataclasses.replace(
        FIGURE, peers={"another": 1.25})))
    tables.write(tmp_path / "t.json", dict(
        step=figure, help=dict(figure, limit=None, peers={}, reached=True),
        remat=dict(error="status 1: none")))
    assert command.main(["--page", "--out", str(tmp_path / "t.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "| `step`, training step, 1152x896, batch 2, all layers | at most 8 s | 5 s | "
        "0.5 s | 0.4 s: the limit | 1.25 s: another | 2.5 x | no |",
        "| `help`, --help, the slowest command | at most 0.4 s | 5 s | 0.5 s |  | "
        "2 s: a loop | 4 x | yes |"]
    command.main(["help", "--page", "--out", str(tmp_path / "t.json")])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_counts_of_kinds_are_printed_as_a_table():
    told = {"films": collections.Counter(
        {picture_kinds.NUMBER: 3, "film": 2, "not known": 1})}
    assert picture_kinds.table(("film", "digital"), told).splitlines() == [
        "| pictures | number | film | digital |", "|---|---|---|---|",
        "| films | 3 | 2 | 0 |"]


def test_a_planted_gap_is_found_and_an_absent_one_is_not():
    assert planted_gaps.rates(600, 0.35, sets=5) == (1, 1, 0)
    assert planted_gaps.rates(600, 0.0, sets=5)[2] <= 0.2


def test_images_are_scored_in_benchmarks_by_what_the_program_calls(tmp_path):
    pytest.importorskip("keras")
    from benchmarks import networks
    path = tmp_path / "P_1_LEFT_CC.png"
    cv2.imwrite(str(path), tiny_classifier.picture(0))
    classifier = checkpoints.load_classifier(
        tiny_classifier.save(tmp_path / "best.h5"))
    networks.score_files([path], classifier, tmp_path / "s.csv")
    row, = files.read_csv(tmp_path / "s.csv")
    expected = prediction.score_image(path, classifier).score
    assert float(row["score"]) == pytest.approx(expected, abs=1e-6)


def test_processes_are_timed_by_the_processor_where_others_work_too(monkeypatch):
    monkeypatch.setattr(small.clocks, "BUSY", True)
    readings = iter((1, 4, 4, 6, 6, 9))
    monkeypatch.setattr(small, "processor_of_children", readings.__next__)
    assert small.python("-c", "pass") == 2
