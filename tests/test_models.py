import golden_models
import keras
import numpy as np
import pytest

from end2end import config, files, models

CLASS_NAMES = {"Model": "Functional"}
SETTINGS = {
    "filters": "filters", "kernel_size": "kernel_size", "strides": "strides",
    "padding": "padding", "pool_size": "pool_size", "units": "units", "rate": "rate",
    "epsilon": "epsilon", "momentum": "momentum", "use_bias": "use_bias"}


@pytest.fixture(scope="module")
def yaroslav():
    return models.patch_classifier("yaroslav", 5)


def described(layer, expected):
    """Our layer in the words of the golden description."""
    ours = {
        "class": type(layer).__name__,
        "output_shape": list(layer.output.shape) if not isinstance(
            layer, keras.Model) else expected["output_shape"]}
    for key, attribute in SETTINGS.items():
        if key in expected:
            value = getattr(layer, attribute)
            ours[key] = list(value) if isinstance(value, tuple) else value
    if "activation" in expected:
        ours["activation"] = layer.activation.__name__
    if "l2" in expected:
        ours["l2"] = pytest.approx(float(layer.kernel_regularizer.l2))
    if not isinstance(layer, keras.Model):
        ours["weights"] = [list(variable.shape) for variable in layer.weights]
    return ours


def check_layers(ours, golden, *, names):
    assert len(ours) == len(golden)
    for layer, expected in zip(ours, golden, strict=True):
        inner = expected.get("layers")
        name = layer.name if names else expected["name"]
        expected = {key: value for key, value in expected.items()
                    if not (inner and key == "weights") and key != "layers"}
        expected["class"] = CLASS_NAMES.get(expected["class"], expected["class"])
        assert described(layer, expected) | {"name": name} == expected
        if inner:
            check_layers(layer.layers, inner, names=True)


@pytest.mark.parametrize("name", golden_models.CASES)
def test_a_network_equals_the_originals_layer_by_layer(name):
    golden = golden_models.case(name)
    patch, whole = golden_models.build(golden)
    check_layers(whole.layers, golden["layers"], names=False)
    assert whole.count_params() == golden["total_params"]
    assert patch.count_params() == golden["patch_params"]
    assert len(patch.layers) == golden["n_patch_layers"]
    trunk = whole.layers[1]
    assert trunk.layers[-1].name == golden["trunk_last_layer"]
    assert list(whole.layers[2].input.shape) == golden["trunk_output_shape"]
    frozen = models.first_top_layer(whole, semantics="original")
    assert whole.layers[golden["top_layer_nb"]].name == frozen
