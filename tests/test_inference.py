"""Networks converted to their fastest form."""

import numpy as np
import pytest
import tiny_networks

from end2end import files, inference, prediction

# Rounding alone moves float32 by less than the tolerance with which it is taken.
NEAR = inference.TOLERANCES | {"f32": 1e-5}


@pytest.mark.parametrize("precision", NEAR)
def test_a_converted_network_gives_the_scores_of_keras(precision):
    pytest.importorskip("openvino")
    if precision not in inference.known_precisions():
        pytest.skip(f"this processor does not compute with {precision}")
    model = tiny_networks.nested_network()
    inputs = np.random.default_rng(0).normal(
        size=(3, *model.input_shape[1:])).astype(np.float32)
    quick = inference.fast(model, precisions=[precision])
    expected = prediction.predict_inputs(model, inputs, flips=prediction.FLIPS)
    scores = prediction.predict_inputs(quick, inputs, flips=prediction.FLIPS)
    assert scores.shape == expected.shape
    np.testing.assert_allclose(scores, expected, atol=NEAR[precision])


def test_equal_channels_are_computed_once_with_the_same_scores():
    pytest.importorskip("openvino")
    keras = pytest.importorskip("keras")
    image = keras.Input((None, None, 3))
    x = keras.layers.ZeroPadding2D(1)(image)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    quick = inference.fast(model, precisions=["f32"])
    inputs = np.random.default_rng(0).normal(size=(2, 9, 7, 1)).astype(np.float32)
    inputs = np.repeat(inputs, 3, axis=3)
    assert quick.channels == 1
    np.testing.assert_allclose(
        quick(inputs), model.predict_on_batch(inputs), atol=1e-6)


@pytest.mark.parametrize("names, expected", [
    (["FP32", "INT8"], ["f32"]), (["FP32", "BF16"], ["bf16", "f32"])])
def test_half_precision_is_for_processors_that_compute_with_it(
        names, expected, monkeypatch):
    monkeypatch.setattr(inference, "capabilities", lambda: names)
    assert inference.known_precisions() == expected


def test_without_the_package_the_reader_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(files.InputError, match="pip install"):
        inference.check()
