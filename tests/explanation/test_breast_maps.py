"""Pictures of breasts: both views side by side, a single one alone."""

import dataclasses

import cv2
import keras
import numpy as np
import pytest
import recorded
from keras import layers

from end2end import checkpoints, config
from end2end.explanation import breast_maps


@pytest.fixture(scope="module")
def classifier():
    views = [keras.Input((8, 6, 1), name=name) for name in ("cc", "mlo")]
    trunk = keras.Sequential([layers.Conv2D(1, 1, use_bias=False)], name="trunk")
    x = layers.Concatenate(name="views")([trunk(view) for view in views])
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(views, layers.Dense(2, "softmax", use_bias=False)(x))
    model.set_weights([np.ones((1, 1, 1, 1)), np.array([[0, 0.1], [0, 0]])])
    return checkpoints.Classifier(
        model, config.ImageOptions(size=(8, 6), center=False, channels=1),
        ("neg", "pos"), "tiny", {"kind": "two_view"})


def test_colour_is_where_the_score_comes_from(classifier, tmp_path):
    paths = []
    for name, place in (("cc", (2, 3)), ("mlo", (5, 1))):
        image = np.full((8, 6), 10, np.uint8)
        image[place] = 200
        paths.append(tmp_path / f"{name}.png")
        cv2.imwrite(str(paths[-1]), image)
    picture = breast_maps.picture(classifier, paths)
    assert picture.shape == (8, 12, 3)
    coloured = picture.max(axis=-1) != picture.min(axis=-1)
    # The weight of MLO is 0.
    assert np.argwhere(coloured).tolist() == [[2, 3]]
    single = breast_maps.picture(classifier, paths[1:])
    assert single.shape == (8, 6, 3)
    recorded.check("maps-of-a-breast", "\n".join(map(recorded.picture, (
        picture, single))))


@pytest.mark.parametrize(("classes", "index"), [
    (("neg", "pos"), 1), (("pos", "neg"), 0)])
def test_the_map_is_of_the_class_of_cancer(
        classifier, tmp_path, monkeypatch, classes, index):
    asked = []
    monkeypatch.setattr(
        breast_maps.saliency, "grad_cam_of_views", lambda *words, **how: (
            asked.append((len(words), how)) or [np.zeros((8, 6))] * 2))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 6), 10, np.uint8))
    breast_maps.picture(dataclasses.replace(classifier, classes=classes),
                        [tmp_path / "a.png"])
    assert asked == [(3, dict(class_index=index))]
