"""Drawing the map of one method over one mammogram."""

import dataclasses

import numpy as np
import pytest
import recorded
import saved_models

from end2end import checkpoints
from end2end.explanation import drawing, maps, methods
from end2end.utils import files

SIZE = (40, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawing")


@pytest.fixture(scope="module")
def classifier(folder):
    return checkpoints.load_classifier(
        saved_models.whole_image_model(folder / "best.h5"))


@pytest.fixture(scope="module")
def patch(folder):
    return checkpoints.load_classifier(saved_models.patch_model(folder / "patch.h5"))


@pytest.fixture(scope="module")
def pixels():
    pixels = np.random.default_rng(0).integers(0, 200, SIZE).astype(np.uint8)
    pixels[5:8, 5:8] = 255
    return pixels


@pytest.mark.parametrize("name", methods.names())
def test_every_method_draws_a_map_of_the_input_from_0_to_1(
        classifier, patch, pixels, name):
    explained = maps.explain(
        classifier, "a.png", maps.ExplainOptions((name,), patch=patch), picture=pixels)
    strength = explained.maps[name]
    assert strength.shape == explained.grey.shape == SIZE
    assert strength.dtype == np.float32
    assert strength.min() >= 0 and strength.max() <= 1
    assert (explained.cells is not None) == (name == "heatmap")
    assert (explained.peak > 0) == (name == methods.PUBLISHED.name)


def test_without_methods_there_is_the_score_of_the_picture_alone(classifier, pixels):
    explained = maps.explain(classifier, "a.png", maps.ExplainOptions(()),
                             picture=pixels)
    assert (explained.maps, explained.peak, explained.cells, explained.grid) == (
        {}, 0, None, SIZE)


def test_maps_over_the_flips_turn_with_the_image(classifier, pixels):

    options = maps.ExplainOptions(("guided", "gradient"), 0.0, flips=True)
    plain, turned = (
        maps.explain(classifier, "a.png", options, picture=picture)
        for picture in (pixels, pixels[:, ::-1].copy()))
    assert plain.score == pytest.approx(turned.score, abs=1e-6)
    for name, strength in plain.maps.items():
        assert strength.max() == 1
        np.testing.assert_allclose(turned.maps[name][:, ::-1], strength, atol=1e-5)


def test_without_flips_there_is_one_view_and_with_them_there_are_four():
    assert drawing.flips_of(False) == ((),)
    assert len(drawing.flips_of(True)) == 4


ALL = methods.names()
OPTIONS = {
    "plain": maps.ExplainOptions(ALL, picture_side=20),
    "flips, scale of the model": maps.ExplainOptions(
        ("guided", "gradcam"), cutoff=0.3, flips=True, map_scale="model"),
    "other class": maps.ExplainOptions(("gradient",), class_index=0, map_scale="model"),
    "cut to the breast": maps.ExplainOptions(("gradcam", "heatmap"), map_scale="model")}


def test_maps_of_all_methods_are_as_recorded(classifier, patch, tmp_path):
    mammogram = np.random.default_rng(3).integers(90, 130, (80, 60)).astype(np.uint8)
    mammogram[:, 40:], mammogram[:12], mammogram[60:] = 0, 0, 0
    mammogram[30:36, 12:20] = 250
    classifier = dataclasses.replace(classifier, card=classifier.card | dict(
        map_scales=dict(scales=dict(guided=0.001, gradcam=5.0), percentile=95,
                        source="some set", images=9)))
    rows = []
    for name, options in OPTIONS.items():
        options = dataclasses.replace(options, patch=patch)
        model = classifier if name != "cut to the breast" else dataclasses.replace(
            classifier, images=dataclasses.replace(
                classifier.images, crop_breast=True, pixel_mean=40.0))
        drawn = maps.explain(model, "a.png", options, label=1, picture=mammogram)
        maps.save(tmp_path / "a.npz", drawn)
        stored = maps.load(tmp_path / "a.npz")
        for place, image in (("drawn", drawn), ("read", stored)):
            rows += [f"== {name}, {place}: {image.path} {image.score:.5f} "
                     f"{image.label} {image.peak:.5g} {image.source} {image.grid} "
                     f"{image.flips}",
                     recorded.picture(image.grey)]
            rows += [f"{method}: {recorded.picture(strength)}"
                     for method, strength in image.maps.items()]
            rows += [f"{method}: {image.reaches[method]:.5g}; {text}"
                     for method, text in image.legends.items()]
            cells = image.cells
            rows += [f"{cells.first} {cells.step} {cells.classes} {cells.extent}", *map(
                recorded.picture, (cells.logits, cells.probabilities, cells.malignant(
                    (50, 44))))] if cells else []
        if name == "plain":
            common = maps.on_common_scale(drawn, 2 * drawn.peak, 0.25)
            rows += [recorded.picture(common.maps["guided"]),
                     recorded.picture(maps.on_common_scale(drawn, 0, 0.25).maps[
                         "guided"]), recorded.picture(drawn.on_picture("guided"))]
    recorded.check("maps", "\n".join(rows))


@pytest.mark.parametrize("wrong", ["input", "score"])
def test_what_is_no_number_has_no_map(classifier, pixels, monkeypatch, wrong):
    array = np.full((*SIZE, 1), np.nan if wrong == "input" else 1, np.float32)
    monkeypatch.setattr(maps.images, "to_input", lambda *_: array)
    monkeypatch.setattr(maps.prediction, "predict_inputs", lambda *_, **__: np.full(
        (1, 1, 2), np.nan))
    with pytest.raises(files.InputError, match="a.png"):
        maps.explain(classifier, "a.png", maps.ExplainOptions(()), picture=pixels)


def test_a_graph_is_made_for_many_maps(monkeypatch):
    monkeypatch.setattr(drawing.saliency, "for_many_images", lambda: "a graph")
    step_by_step = drawing.saliency.class_gradient
    assert drawing.gradients_of(2, flips=True) == "a graph"     # four flips of each
    assert drawing.gradients_of(1, flips=True) is step_by_step
    assert drawing.gradients_of(8, flips=False) == "a graph"
    assert drawing.gradients_of(7, flips=False) is step_by_step


@pytest.mark.parametrize(("center", "black"), [(True, -7.5), (False, 0)])
def test_black_is_less_the_mean_of_the_training_images_where_these_are_centred(
        monkeypatch, classifier, center, black):
    monkeypatch.setattr(drawing.saliency, "integrated_gradients", lambda *_, **how: (
        how["baseline"]))
    images = dataclasses.replace(classifier.images, center=center, pixel_mean=7.5)
    drawn = drawing.integrated(drawing.Subject(
        dataclasses.replace(classifier, images=images), None,
        np.ones((4, 3, 1), np.float32)))
    assert drawn.reach == black
