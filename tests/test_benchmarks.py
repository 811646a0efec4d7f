"""The table of measurements; nothing here depends on the speed of a machine."""

import collections
import dataclasses
import importlib
import json

import cv2
import pytest
import tiny_classifier

from benchmarks import __main__ as command
from benchmarks import picture_kinds, planted_gaps, rows
from end2end import checkpoints, prediction
from end2end.utils import files

FIGURE = rows.Figure(5.0, 0.5, "s", 2.0, "a loop", 0.4, "the limit", ("a note",))


def row(**changes):
    return rows.Row(**dict(name="one", what="work", measure="small.bootstrap", target=6,
                           most=True, unit="x") | changes)


@pytest.mark.parametrize("most, value, reached", [
    (True, 6, True), (True, 6.1, False), (False, 6, True), (False, 5.9, False)])
def test_a_target_is_an_upper_or_a_lower_limit(most, value, reached):
    assert row(most=most).reached(value) is reached


def test_every_row_names_a_function_that_exists():
    for row in rows.ROWS:
        module, function = row.measure.split(".")
        assert callable(getattr(importlib.import_module(f"benchmarks.{module}"),
                                function)), row.name


def test_the_limit_of_a_network_counts_its_convolutions_by_hand():
    keras = pytest.importorskip("keras")
    from benchmarks import networks
    image = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    x = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    assert networks.operations(keras.Model(image, x), (8, 6, 3)) == (
        2 * 3 * 3 * 3 * 4 * (4 * 3) + 2 * 4 * 2)


@pytest.mark.parametrize("peers, expected", [
    ({}, "2 s: a loop, 4 x"), ({"another": 0.25}, "0.25 s: another, 0.5 x"),
    ({"slow": 9.0}, "2 s: a loop, 4 x")])
def test_the_best_peer_is_the_fastest_of_all_with_its_ratio(peers, expected):
    figure = dataclasses.asdict(dataclasses.replace(FIGURE, peers=peers))
    assert command.best_peer(figure) == expected
    alone = dataclasses.asdict(rows.Figure(1.0, 1.0, "s"))
    assert command.best_peer(alone) == ""
    line = command.line(row(), figure | dict(reached=True)).splitlines()[0]
    assert line.count("|") == len(command.HEADER) + 1
    assert command.line(row(), dict(error="no")).count("|") == len(command.HEADER) + 1


def test_rows_of_several_calls_are_kept_in_one_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "in_own_process", lambda row: dict(
        reached=True, **dataclasses.asdict(FIGURE)))
    out = tmp_path / "table.json"
    for name in ("bootstrap", "help"):
        command.main([name, "--out", str(out)])
    assert set(json.loads(out.read_text())) == {"bootstrap", "help"}
    assert "2 s: a loop" in capsys.readouterr().out


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
