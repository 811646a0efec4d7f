"""The prediction command: rows as they come, resume, named failures."""

import csv
import dataclasses
import types

import cv2
import numpy as np
import pytest

from end2end import predict as program
from end2end.model_files import safe_loading
from end2end.prediction import breast_scores, resuming, score_files, scoring
from end2end.utils import files
from tests.prediction import test_scoring

MODEL = test_scoring.classifier(0.8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model, five images, one of them broken, one manifest entry missing."""
    monkeypatch.setattr(
        score_files, "load", lambda models, *settings, converted=(): [MODEL])
    monkeypatch.setattr(breast_scores, "take_breasts", lambda models: False)
    (tmp_path / "m.h5").write_bytes(safe_loading.HDF5_START)
    (tmp_path / "in").mkdir()
    columns = np.clip(np.arange(48) * 8, 0, 255).astype(np.uint8)
    for i in range(4):
        cv2.imwrite(str(tmp_path / f"in/P_0000{i}_LEFT_CC.png"),
                    np.tile(np.roll(columns, i), (64, 1)))
    (tmp_path / "in/bad.png").write_bytes(b"no image")
    (tmp_path / "list.csv").write_text(
        "path,label,patient\nin/P_00000_LEFT_CC.png,pos,a\nin/gone.png,neg,b\n")
    return tmp_path


def rows(path):
    with open(path, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def call(folder, *words):
    return program.main([str(folder / "m.h5"), *words,
                         "--out", str(folder / "scores.csv")])


def test_a_bad_file_is_named_and_the_rest_is_scored(folder, capsys):
    assert call(folder, str(folder / "in")) == 1
    found = rows(folder / "scores.csv")
    assert [row["patient"] for row in found] == [f"P_0000{i}" for i in range(4)]
    assert all(float(row["score"]) == pytest.approx(0.8) for row in found)
    assert "failed: " + str(folder / "in/bad.png") in capsys.readouterr().out


def test_a_second_call_scores_only_what_is_missing(folder):
    call(folder, str(folder / "in"))
    out = folder / "scores.csv"
    whole = out.read_text()
    # As after a kill: the third row half written, the fourth missing.
    out.write_text("".join(whole.splitlines(True)[:3]) + "half a ro")
    call(folder, str(folder / "in"))
    assert out.read_text() == whole


def test_a_missing_file_of_a_manifest_fails_on_its_own(folder, capsys):
    assert call(folder, str(folder / "list.csv")) == 1
    found, = rows(folder / "scores.csv")
    assert (found["patient"], found["label"]) == ("a", "pos")
    assert "gone.png" in capsys.readouterr().out


def test_other_flips_do_not_go_into_the_same_file(folder):
    call(folder, str(folder / "in"))
    with pytest.raises(files.InputError, match="other models or flips"):
        call(folder, str(folder / "in"), "--flips")


def test_rows_per_breast_and_patient_are_written_beside(folder, capsys):
    call(folder, str(folder / "in"))
    breasts = rows(folder / "scores.breasts.csv")
    assert [row["path"] for row in breasts] == [f"P_0000{i}_L" for i in range(4)]
    assert len(rows(folder / "scores.patients.csv")) == 4
    assert capsys.readouterr().err == ""  # no bar of progress


def test_what_computes_the_scores_is_said_of_each_model(monkeypatch, capsys):
    def fast(classifier, stored):
        return types.SimpleNamespace(
            name=f"{classifier} quick", model=types.SimpleNamespace(name="float32"))
    monkeypatch.setattr(score_files.stored_networks, "fast", fast)
    stored = types.SimpleNamespace(folder="b.openvino")
    results = score_files.fastest(["a", "b"], [None, stored])
    assert [result.name for result in results] == ["a quick", "b quick"]
    assert capsys.readouterr().out == (
        "a quick is computed by OpenVINO in float32\n"
        "b quick is computed by OpenVINO in float32, from b.openvino\n")


@pytest.mark.parametrize("converted", [(), ("stored", None)])
def test_models_are_loaded_with_what_is_typed_and_their_data_is_said(
        monkeypatch, capsys, converted):
    calls = []
    cards = dict(a={}, b=dict(trained_on="phantoms: 3 images"))
    monkeypatch.setattr(score_files.processes, "keep_freed_memory",
                        lambda: calls.append("memory"))
    monkeypatch.setattr(score_files.stored_networks, "load", lambda path, stored, **how:
                        (calls.append((path, stored, how)), dataclasses.replace(
                            MODEL, card=cards[path]))[1])
    found = score_files.load(["a", "b"], "typed", "outputs", converted=converted)
    assert [one.card for one in found] == list(cards.values())
    how = dict(typed="typed", output_options="outputs")
    assert calls == ["memory", *((path, stored, how) for path, stored in zip(
        "ab", converted or (None, None), strict=True))]
    assert capsys.readouterr().out == (
        f"{score_files.RESEARCH}\na was trained on: unknown data\n"
        "b was trained on: phantoms: 3 images\n")
    monkeypatch.setattr(score_files.stored_networks, "load", lambda path, stored, **how:
                        dataclasses.replace(MODEL, classes=("a", "b")))
    with pytest.raises(files.InputError, match="model m tells apart a, b; expected"):
        score_files.load(["a"])


def test_images_are_read_in_order_and_keep_no_pixels(folder, monkeypatch):
    monkeypatch.setattr(score_files.os, "cpu_count", lambda: None)
    paths = sorted((folder / "in").glob("P*.png"))
    paths.append(folder / "in/bad.png")
    *whole, (last, failed) = score_files.read_ahead(paths, [MODEL])
    assert [path for path, _ in whole] == paths[:4] and last == paths[4]
    for path, future in whole:
        prepared, state = future.result()
        assert (prepared.image.path, prepared.image.pixels) == (str(path), None)
        assert state.file == str(path) and prepared.inputs[0].shape == (64, 48, 3)
    with pytest.raises(files.InputError, match="bad.png cannot be read"):
        failed.result()


@pytest.mark.parametrize("when", ["while it is read", "while it is scored"])
def test_an_image_that_changes_meanwhile_has_no_row(folder, monkeypatch, when):
    paths = sorted((folder / "in").glob("P*.png"))[:3]
    place, name = ((scoring, "prepare") if when.endswith("read") else
                   (score_files, "row"))
    function = getattr(place, name)

    def changing(given, *words, **how):
        found = function(given, *words, **how)
        image = given if name == "prepare" else found["path"]
        if str(image) == str(paths[1]):
            paths[1].write_bytes(b"another")
        return found
    monkeypatch.setattr(place, name, changing)
    out = folder / "s.csv"
    table = resuming.Rows(out, score_files.columns(["m.h5"]), "False")
    failures = score_files.score_all(paths, table, [MODEL], flips=False, known={
        str(path): dict(label=path.stem) for path in paths})
    image, reason = failures.pop()
    assert failures == [] and (str(image), reason) == (str(paths[1]), (
        f"{paths[1]} {resuming.CHANGED}." if name == "prepare" else resuming.CHANGED))
    kept = [path.stem for path in (paths[0], paths[2])]
    assert [row["label"] for row in rows(out)] == kept
    assert table.paths == {str(paths[0]), str(paths[2])}
