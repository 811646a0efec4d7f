"""Networks converted to their fastest form."""

import dataclasses
import importlib.util

import numpy as np
import pytest
import tiny_networks

from end2end import config, prediction
from end2end.prediction import engines
from end2end.utils import files

# Rounding alone moves float32 by less than the tolerance with which it is taken.
NEAR = {"bf16": 1e-2, "f32": 1e-5}


def compiled(model, precision="f32"):
    pytest.importorskip("openvino", reason="needs the extra fast (openvino)")
    if precision not in engines.known_precisions():
        pytest.skip(f"this processor does not compute with {precision}")
    return engines.Network(engines.converted(model), precision)


@pytest.mark.parametrize("precision", NEAR)
def test_a_converted_network_gives_the_scores_of_keras(precision):
    model = tiny_networks.nested_network()
    quick = compiled(model, precision)
    inputs = np.random.default_rng(0).normal(
        size=(3, *model.input_shape[1:])).astype(np.float32)
    for given in inputs, inputs[:1]:
        expected = prediction.predict_inputs(model, given, flips=prediction.FLIPS)
        scores = prediction.predict_inputs(quick, given, flips=prediction.FLIPS)
        assert scores.shape == expected.shape
        np.testing.assert_allclose(scores, expected, atol=NEAR[precision])


def test_equal_channels_are_computed_once_with_the_same_scores():
    keras = pytest.importorskip("keras")
    image = keras.Input((None, None, 3))
    x = keras.layers.ZeroPadding2D(1)(image)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    quick = compiled(model)
    inputs = np.random.default_rng(0).normal(size=(2, 9, 7, 1)).astype(np.float32)
    inputs = np.repeat(inputs, 3, axis=3)
    assert quick.channels == 1
    np.testing.assert_allclose(
        quick(inputs), model.predict_on_batch(inputs), atol=1e-6)


def test_what_is_taken_keeps_scores_and_order_of_the_trial_images():
    pytest.importorskip("openvino", reason="needs the extra fast (openvino)")
    model = tiny_networks.nested_network()
    options = config.ImageOptions(
        size=model.input_shape[1:3], channels=model.input_shape[3])
    quick = engines.fast(model, options)
    inputs = np.stack(engines.trial_inputs(options, engines.TRIALS))
    expected, scores = model.predict_on_batch(inputs), quick(inputs)
    np.testing.assert_allclose(scores, expected, atol=1e-3)
    if quick.precision == "f32":
        np.testing.assert_allclose(scores, expected, atol=1e-5)
    else:
        assert (scores[:, 1].argsort() == expected[:, 1].argsort()).all()


@pytest.mark.parametrize("moved, kept", [
    ([0.0005, 0.0005, -0.0005], True),       # near, the same order
    ([0.002, 0.002, 0.002], False),          # too far
    ([0.0004, -0.0004, 0.0], False)])        # near, but the first two change places
def test_half_precision_must_keep_scores_and_their_order(moved, kept, monkeypatch):
    said = []
    monkeypatch.setattr(engines.log, "info",
                        lambda text, *values: said.append(text % values))
    positive = np.array([0.3000, 0.3006, 0.9])
    exact, rounded = (np.stack([1 - one, one], axis=1)
                      for one in (positive, positive + moved))
    assert engines.keeps(exact, rounded) is kept
    assert said == [f"half precision moves scores by {max(moved):.2g}; their order is "
                    f"{'another' if moved[2] == 0 else 'the same'}"]


@pytest.mark.parametrize("scaling", [
    dict(intensity_scale=255 / 4095), dict(intensity_scale="auto"), dict(height=192),
    dict(stretch_max_to=255.0), dict(stretch_max_to=4095.0,
                                     intensity_scale=255 / 4095)])
def test_the_trial_images_are_mammograms_of_the_size_and_range_of_the_model(
        scaling, monkeypatch):
    options, asked = config.ImageOptions(size=(192, 144), **scaling), []
    to_input = engines.images.to_input
    monkeypatch.setattr(engines.images, "to_input", lambda pixels, given: (
        asked.append(given), to_input(pixels, given))[1])
    first, again = (engines.trial_inputs(options, 2) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first[0].shape == (192, 144, 3)
    assert np.ptp(first[0]) > 100 and first[0].max() <= 255 - options.pixel_mean + 1e-3
    assert (first[0] != first[1]).any()
    assert asked == [dataclasses.replace(
        options, intensity_scale=255 / 65535, stretch_max_to=None)] * 4


@pytest.mark.parametrize(("known", "moves", "count", "taken"), [
    (["f32"], dict(f32=0.0), 1, "f32"),
    (["bf16", "f32"], dict(f32=0.0009, bf16=0.0015), 16, "bf16"),
    (["bf16", "f32"], dict(f32=0.0, bf16=0.0015), 16, "f32"),
    (["bf16", "f32"], dict(f32=0.002, bf16=0.0), 16, None)])
def test_half_precision_is_taken_where_it_is_known_and_keeps_the_scores_of_float32(
        monkeypatch, known, moves, count, taken):
    class Compiled:
        def __init__(self, graph, precision):
            assert graph == "graph"
            self.precision = precision

        def __call__(self, inputs):
            return scores(np.stack(inputs)) + moves[self.precision]

    def scores(inputs, training=False):
        assert not training
        return np.stack([inputs[:, 0, 0, 0], inputs[:, 0, 0, 0]], axis=1) / 100

    asked = []
    monkeypatch.setattr(engines, "known_precisions", lambda: known)
    monkeypatch.setattr(engines, "Network", Compiled)
    monkeypatch.setattr(engines, "trial_inputs", lambda options, count: (
        asked.append((options, count)),
        [np.full((2, 3, 1), number, np.float32) for number in range(count)])[1])
    if taken is None:
        with pytest.raises(ArithmeticError) as caught:
            engines.quickest("graph", scores, "options")
        assert str(caught.value) == (
            "OpenVINO's scores differ from Keras's by 0.002, more than 0.001; leave "
            "out --fast.")
    else:
        quick = engines.quickest("graph", scores, "options")
        assert quick.precision == taken
    assert asked == [("options", count)]


@pytest.mark.parametrize("names, expected", [
    (["FP32", "INT8"], ["f32"]), (["FP32", "BF16"], ["bf16", "f32"])])
def test_half_precision_is_for_processors_that_compute_with_it(
        names, expected, monkeypatch):
    monkeypatch.setattr(engines, "capabilities", lambda: names)
    assert engines.known_precisions() == expected


def test_without_the_package_the_reader_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(files.InputError) as caught:
        engines.check()
    assert str(caught.value) == (
        "fast inference needs the package openvino; install it with pip install "
        '"end2end-mammography[fast]", or leave out --fast.')


@pytest.mark.parametrize(("changes", "size"), [
    (dict(size=(20, 90)), [64, 90]), (dict(size=(90, 20)), [90, 64]),
    (dict(size=(9, 7), height=80), [80, 64]), (dict(height=120), [120, 90])])
def test_trial_images_are_drawn_no_smaller_than_a_breast_can_be(
        monkeypatch, changes, size):
    drawn = []
    monkeypatch.setattr(engines.drawing, "render", lambda *words: (
        drawn.append(words), (np.zeros((8, 6), np.uint16), []))[1])
    engines.trial_inputs(config.ImageOptions(**changes), 3)
    women = [engines.drawing.draw_woman(number, seed=1, difficulty=0.3)
             for number in (1, 2, 3)]
    assert drawn == [(woman, next(iter(woman.lesions)), view, size) for woman, view in
                     zip(women, ("MLO", "CC", "MLO"), strict=True)]
