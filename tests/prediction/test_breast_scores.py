"""Scores of breasts: rows, missing views, mixtures of models."""

import dataclasses
import pathlib
import types

import cv2
import keras
import numpy as np
import pytest

from end2end import checkpoints, config, explanation, predict, prediction
from end2end.prediction import breast_scores, inputs, scoring
from end2end.utils import files


def save(path, kind="two_view"):
    """A model that says how much brighter CC is than MLO."""
    views = [keras.Input((8, 6, 1), name=name) for name in ("cc", "mlo")]
    if kind != "two_view":
        views = views[:1]
    means = [keras.layers.GlobalAveragePooling2D(name=f"mean_{view.name}")(view)
             for view in views]
    x = keras.layers.Concatenate(name="views")(means) if len(means) > 1 else means[0]
    x = keras.layers.Dense(2, activation="softmax", name="output")(x)
    model = keras.Model(views, x, name="tiny")
    weights = np.array([[-0.1, 0.1], [0.1, -0.1]], "float32")[:len(views)]
    model.get_layer("output").set_weights([weights, np.zeros(2, "float32")])
    checkpoints.save_model(model, path, dict(
        kind=kind, classes=["neg", "pos"], images=config.to_dict(config.ImageOptions(
            size=(8, 6), center=False, channels=1))))
    return path


@pytest.fixture
def images(tmp_path):
    """Left breast: CC 30, MLO 10; right breast: MLO alone."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, grey in (("L_CC", 30), ("L_MLO", 10), ("R_MLO", 20)):
        side = {"L": "LEFT", "R": "RIGHT"}[name[0]]
        picture = np.full((8, 6), grey, np.uint8)
        picture[0, 0] += 1      # one value everywhere is warned of
        cv2.imwrite(str(folder / f"P_00001_{side}_{name[2:]}.png"), picture)
    return folder


def test_each_breast_has_a_row_and_a_missing_view_is_noted(tmp_path, images):
    out = tmp_path / "scores.csv"
    assert predict.main([str(save(tmp_path / "m.h5")), str(images), "--out", str(out)]
                        ) == 0
    left, right = files.read_csv(out)
    assert (left["laterality"], right["laterality"]) == ("L", "R")
    # The softmax of twice a tenth of the difference of the means.
    assert float(left["score"]) == pytest.approx(1 / (1 + np.exp(-0.2 * 20)), abs=1e-5)
    assert float(right["score"]) == pytest.approx(0.5)
    assert left["cc"].endswith("LEFT_CC.png") and right["cc"] == ""
    assert not left["notes"] and "CC is missing" in right["notes"]


def test_what_makes_a_view_unfit_is_flagged_and_refused_on_demand(
        tmp_path, images, capsys):
    (images / "P_00001_LEFT_CC.png").rename(images / "P_00001_LEFT_CC_wire.png")
    words = [str(save(tmp_path / "m.h5")), str(images), "--out",
             str(tmp_path / "s.csv")]
    assert predict.main(words) == 0
    left, right = files.read_csv(tmp_path / "s.csv")
    assert left["flags"].startswith("do not use the score: the name says that it shows")
    assert "the name says" not in right["flags"]
    (tmp_path / "s.csv").unlink()
    assert predict.main([*words, "--refuse-unfit"]) == 1
    assert [row["laterality"] for row in files.read_csv(tmp_path / "s.csv")] == ["R"]
    assert "gets no score (--refuse-unfit)" in capsys.readouterr().out


def test_an_image_that_cannot_be_read_fails_alone(tmp_path, images):
    (images / "P_00001_RIGHT_MLO.png").write_bytes(b"no picture")
    given = prediction.inputs.gather([save(tmp_path / "m.h5"), images])
    classifier = checkpoints.load_classifier(tmp_path / "m.h5", breasts=True)
    rows, failures = prediction.breast_scores.score([classifier], given)
    assert [row["laterality"] for row in rows] == ["L"]
    assert [path.name for path, _ in failures] == ["P_00001_RIGHT_MLO.png"]


def test_models_of_one_image_and_of_two_views_are_not_mixed(tmp_path):
    paths = [save(tmp_path / "a.h5"), save(tmp_path / "b.h5", "whole_image")]
    assert prediction.breast_scores.take_breasts(paths[:1])
    assert not prediction.breast_scores.take_breasts(paths[1:])
    with pytest.raises(files.InputError) as caught:
        prediction.breast_scores.take_breasts(paths)
    assert str(caught.value) == (
        "some models take one image and some take two views; their scores have other "
        "rows. Score them by two calls.")


def test_several_models_have_their_own_scores_and_labels_are_of_the_manifest(
        tmp_path, images, monkeypatch):
    (tmp_path / "list.csv").write_text("file_name,label\n" + "".join(
        f"images/P_00001_{side}_{view}.png,{label}\n" for side, view, label in (
            ("LEFT", "CC", 1), ("LEFT", "MLO", 1), ("RIGHT", "MLO", 0))))
    given = prediction.inputs.gather([save(tmp_path / "a.h5"), tmp_path / "list.csv"])
    models = [dataclasses.replace(checkpoints.load_classifier(
        tmp_path / "a.h5", breasts=True), name=name) for name in "ab"]
    models[1] = dataclasses.replace(models[1], classes=("pos", "neg"))
    calls, said = [], []
    predict_breasts = prediction.scoring.predict
    monkeypatch.setattr(prediction.scoring, "predict", lambda model, breast, flips: (
        calls.append((model.name, flips)),
        predict_breasts(model, breast, flips=flips))[1])
    prepare, reading = prediction.scoring.prepare, []
    monkeypatch.setattr(prediction.scoring, "prepare", lambda *what, **how: (
        reading.append(how), prepare(*what, **how))[1])
    rows, failures = prediction.breast_scores.score(
        models, given, flips=True, say=said.append)
    assert reading == [dict(refuse_unfit=False, identities=given.identities())] * 3
    assert failures == [] and calls == [("a", True), ("b", True)] * 2 and said
    left, right = rows
    share = 1 / (1 + np.exp(-4))
    assert [float(left[name]) for name in ("score_a", "score_b", "score")
            ] == pytest.approx([share, 1 - share, 0.5], abs=1e-5)
    assert [row["label"] for row in rows] == ["1", "0"]
    assert [float(right.pop(name)) for name in ("score", "score_a", "score_b")
            ] == pytest.approx([0.5] * 3, abs=1e-6)
    assert right | dict(flags="") == dict(
        patient="P_00001", exam="", laterality="R", cc="",
        mlo=str(tmp_path / "images/P_00001_RIGHT_MLO.png"), label="0", flags="",
        notes="its CC is missing; the other view stands in its place")
    (single, _), _ = prediction.breast_scores.score(models[:1], given)
    assert "score_a" not in single and calls[4:] == [("a", False)] * 2


def test_breasts_are_those_that_a_manifest_tells(monkeypatch):
    rows = {pathlib.Path(f"{name}.png"): dict(
        patient=patient, laterality="L", view=view) for name, patient, view in (
            ("a", "W", "CC"), ("b", "V", "MLO"), ("c", "W", "MLO"))}
    classifier = types.SimpleNamespace(name="m", classes=("neg", "pos"))
    monkeypatch.setattr(scoring, "prepare", lambda path, *what, **how:
                        types.SimpleNamespace(flags=(f"{path}", "both")))
    monkeypatch.setattr(scoring, "predict", lambda *what, **how:
                        np.float32([[0.25, 0.75]]))
    scored, failures = breast_scores.score(
        [classifier], inputs.Inputs([], rows, [], []))
    assert failures == [] and [
        (row["patient"], row["cc"], row["mlo"], row["score"], row["flags"])
        for row in scored] == [("W", "a.png", "c.png", "0.75", "a.png | both | c.png"),
                               ("V", "", "b.png", "0.75", "b.png | both")]


def test_flags_of_one_image_are_refused(tmp_path, images):
    with pytest.raises(files.InputError, match="--report is for models of one image"):
        predict.main([str(save(tmp_path / "m.h5")), str(images), "--report",
                      str(tmp_path / "page.html")])


def test_a_model_of_two_views_is_known_by_its_card_alone(tmp_path):
    path = save(tmp_path / "m.h5")
    assert checkpoints.load_classifier(path, breasts=True).takes_breasts
    with pytest.raises(files.InputError, match="takes CC and MLO of a breast at once"):
        checkpoints.load_classifier(path)
    model = checkpoints.load_model(path)
    checkpoints.save_model(model, path, dict(kind="whole_image"))
    with pytest.raises(files.InputError, match="takes 2 images at once"):
        checkpoints.load_classifier(path, breasts=True)


def test_pictures_of_breasts_are_named_after_their_first_view(
        tmp_path, images, monkeypatch, capsys):
    drawn = []

    def picture(classifier, views):
        drawn.append((classifier.name, [view.name for view in views]))
        return np.full((8, 6, 3), 90, np.uint8)
    monkeypatch.setattr(explanation.breast_maps, "picture", picture)
    model = save(tmp_path / "two.h5")
    out = tmp_path / "out"
    assert predict.main([str(model), str(images), "--out", str(tmp_path / "s.csv"),
                         "--overlay", str(out)]) == 0
    assert drawn == [("two", ["P_00001_LEFT_CC.png", "P_00001_LEFT_MLO.png"]),
                     ("two", ["P_00001_RIGHT_MLO.png"])]
    assert sorted(path.name for path in out.glob("*.png")) == [
        "P_00001_LEFT_CC.png", "P_00001_RIGHT_MLO.png"]
    assert cv2.imread(str(out / "P_00001_LEFT_CC.png")).mean() == 90
    printed = capsys.readouterr().out
    assert f"written: {out}, pictures of 2 breasts" in printed
    assert f"written: {tmp_path}/s.csv, 2 breasts, 2 of them flagged" in printed
