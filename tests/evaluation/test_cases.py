"""The images of an evaluation as cases of its report."""

import dataclasses

import cv2
import numpy as np
import pytest
import saved_models

from end2end import checkpoints
from end2end.checkpoints import card_fields
from end2end.evaluation import cases
from end2end.tables import scores


@pytest.fixture
def images(tmp_path):
    paths = []
    for name, value in (("a", 40), ("b", 200)):
        paths.append(str(tmp_path / f"{name}.png"))
        cv2.imwrite(paths[-1], np.full((40, 32), value, np.uint8))
    return paths


@pytest.fixture
def classifier(tmp_path):
    return checkpoints.load_classifier(
        saved_models.whole_image_model(tmp_path / "best.h5"))


def table(paths, values):
    return scores.Scores(
        tuple(paths), np.array(values), np.array([0, 1]), patients=("p1", "p2"),
        lateralities=("L", ""), views=("CC", "MLO"))


def test_the_score_of_a_case_is_the_flip_averaged_one(classifier, images):
    named = dict(plain=table(images, [0.1, 0.9]), flips=table(images, [0.25, 0.75]))
    made = cases.cases(classifier, named, cases.PictureOptions(methods=("gradcam",)))
    assert [case.score for case in made] == [0.25, 0.75]
    assert [case.label for case in made] == [0, 1]
    assert [layer.title for layer in made[0].layers] == ["Grad-CAM"]
    assert (made[0].hanging.side, made[0].hanging.view) == ("L", "CC")
    assert made[0].hanging.exam == "p1" and made[0].hanging.shape == (40, 32)
    assert made[0].details == {"patient": "p1", "side": "L", "view": "CC"}
    assert made[1].details == {"patient": "p2", "view": "MLO"}


def test_maps_are_drawn_as_the_options_say(monkeypatch):
    asked, drawn = [], []

    def explain(classifier, path, settings, label):
        asked.append((path, settings, label))
        return cases.maps.Explained(path, np.zeros((4, 3), np.uint8), 0.5, {})
    monkeypatch.setattr(cases.maps, "explain", explain)
    monkeypatch.setattr(cases.drawing, "gradients_of", lambda count, flips: (
        count, flips))
    bars = []
    monkeypatch.setattr(cases.tqdm, "tqdm", lambda rows, **how: (
        bars.append(how), rows)[1])
    monkeypatch.setattr(cases.case_pictures, "case", lambda explained, **how: (
        drawn.append((explained.score, how["name"], how["limit"]))))
    cases.cases(None, dict(plain=table(["x/a.png", "y/b.png"], [0.1, 0.9])),
                cases.PictureOptions(methods=["guided"], patch="p", map_scale="image"))
    settings = cases.maps.ExplainOptions(
        ("guided",), patch="p", map_scale="image", gradients=(2, False))
    assert asked == [("x/a.png", settings, 0), ("y/b.png", settings, 1)]
    limit = cases.case_pictures.bytes_per_case(2)
    assert drawn == [(0.1, "a", limit), (0.9, "b", limit)]
    assert bars == [dict(disable=None, unit=" pictures", leave=False)]


def test_images_of_a_known_patient_hang_together_by_exam():
    named = scores.Scores(
        tuple("abc"), np.zeros(3), None, patients=("p1", "p2", ""),
        exams=("e1", "", "e3"), lateralities=("", "R", ""), views=("", "", "MLO"),
        models=dict(x=np.array([0.25, 0.5, 0.75])), others=dict(age=("61", "", "50")))
    assert [cases.exam(named, i) for i in range(3)] == ["p1 e1", "p2", ""]
    assert [cases.details(named, i) for i in range(3)] == [
        {"patient": "p1", "score of x": 0.25, "age": "61"},
        {"patient": "p2", "side": "R", "score of x": 0.5},
        {"view": "MLO", "score of x": 0.75, "age": "50"}]


def test_no_case_is_made_of_patches_or_without_pictures(
        classifier, images, monkeypatch):
    of_patches = scores.Scores(
        tuple(images), np.full((2, 5), 0.2), np.array([0, 1]), saved_models.CLASSES)
    options = cases.PictureOptions()
    assert cases.cases(classifier, dict(plain=of_patches), options) == []
    named = dict(plain=table(images, [0.1, 0.9]))
    assert cases.cases(classifier, named, cases.PictureOptions(show=False)) == []
    made = cases.cases(classifier, named, options)
    assert [(case.score, case.label, case.hanging.shape) for case in made] == [
        (0.1, 0, (40, 32)), (0.9, 1, (40, 32))]
    unknown = dataclasses.replace(named["plain"], labels=None)
    made = cases.cases(classifier, dict(plain=unknown), options)
    assert [case.label for case in made] == [None, None]
    # A mammogram may be larger than its picture.
    monkeypatch.setattr(cases.maps, "look", lambda pixels: np.full((4, 3), 9, np.uint8))
    made = cases.cases(classifier, named, options)
    assert [case.hanging.shape for case in made] == [(40, 32)] * 2


def test_a_validation_set_gives_the_scale_of_the_maps_that_are_shown(
        classifier, images):
    field = cases.map_scales(classifier, table(images, [0.1, 0.9]),
                             cases.PictureOptions(methods=("gradient", "heatmap")),
                             "val")["map_scales"]
    assert set(field["scales"]) == {"guided", "gradcam", "gradient"}
    assert (field["images"], field["source"]) == (2, "val")
    card_fields.checked(dict(map_scales=field), "card")


def test_a_model_without_a_map_has_no_scale_of_features(
        classifier, images, monkeypatch):
    monkeypatch.setattr(cases.saliency, "has_map_layer", lambda model: False)
    field = cases.map_scales(classifier, table(images, [0.1, 0.9]),
                             cases.PictureOptions(methods=("gradient", "gradcam")),
                             "val")["map_scales"]
    assert set(field["scales"]) == {"guided", "gradient"} and field["flips"] is False
