"""The trunks: layers, sizes and constants of Keras 2.0.8, and complete rows."""

import dataclasses
import hashlib
import pathlib

import golden_models
import keras
import network_lines
import numpy as np
import pytest
import recorded

from end2end import config, models
from end2end.models import backbones

# SHA-256 of the layer names of Keras 2.0.8, printed by that version itself (trunk with
# average pooling, without top).
LAYERS = {
    "inception":
        "3c256b40b6f9990315e870120503927442a4eae0df7afdea0ba4b479cf4f02d2",
    "xception":
        "7b2464ca625a6a5889b2fd4b1121edb4e212b8fac3cebb7fdc2b27b82ca2eb1f",
    "resnet50":
        "75570da2880be12184453c9b62f532457fe7190844a8223d28ea22ccf520d475",
    "vgg19":
        "cd9a6e11e35a8b4e23949857f3fbd0f86d1c67d8571858cf7cc32ba2e5919e99",
}


@pytest.mark.parametrize("backbone", LAYERS)
def test_names_and_order_of_the_layers_are_those_of_keras_2_0_8(backbone):
    layers = golden_models.patch_model(backbone, 0.5).layers[:-2]
    text = "\n".join(f"{layer.name} {type(layer).__name__}" for layer in layers)
    assert hashlib.sha256(text.encode()).hexdigest() == LAYERS[backbone]


@pytest.mark.parametrize(("size", "expected"), [
    (224, {"conv1": 112, "max_pooling2d_1": 55, "activation_22": 28,
           "activation_40": 14, "activation_49": 7, "avg_pool": 1}),
    (1152, {"conv1": 576, "max_pooling2d_1": 287, "activation_22": 144,
            "activation_40": 72, "activation_49": 36, "avg_pool": 5})])
def test_feature_maps_of_resnet50_have_the_originals_sizes(size, expected):
    image = keras.Input((size, size, 3))
    model = keras.Model(image, backbones.resnet50(image))
    found = {name: model.get_layer(name).output.shape[1] for name in expected}
    assert found == expected


def test_the_settings_of_all_layers_are_as_recorded():
    """Of the trunks built here anyway; what tells the layers of one apart is hashed."""
    texts = {name: "\n".join(network_lines.described(golden_models.patch_model(
        name, 0.5))) for name in ("resnet50", "vgg16", "vgg19", "xception", "inception",
                                  "yaroslav")}
    recorded.check("models-trunks", "\n".join(
        f"{name} {recorded.exact(text.encode())}" for name, text in texts.items()))


def test_batch_normalisation_has_the_constants_of_keras_2_0_8():
    for backbone in ("resnet50", "yaroslav", "inception"):
        model = golden_models.patch_model(backbone, 0.5)
        constants = {(layer.epsilon, layer.momentum) for layer in model.layers
                     if hasattr(layer, "epsilon")}
        assert constants == {(1e-3, 0.99)}


def test_preprocessing_is_that_of_imagenet():
    image = np.full((1, 2, 2, 3), [10.0, 20.0, 30.0], "float32")
    np.testing.assert_allclose(
        backbones.caffe_preprocess(image)[0, 0, 0],
        [30 - 103.939, 20 - 116.779, 10 - 123.68], rtol=1e-6)
    np.testing.assert_allclose(
        backbones.unit_preprocess(np.array([0.0, 127.5, 255.0])), [-1, 0, 1])
    assert backbones.BACKBONES["yaroslav"].preprocess is None


# The paper's are built in seconds, those that came later not.
ROWS = [pytest.param(name, marks=pytest.mark.slow if row.prepares else ())
        for name, row in backbones.BACKBONES.items()]


@pytest.mark.parametrize("backbone", ROWS)
def test_every_row_is_a_network_whose_features_are_where_it_says(backbone):
    row = backbones.BACKBONES[backbone]
    image = keras.Input((352, 320, row.channels))
    model = keras.Model(image, row.build(image))
    assert len(model.get_layer(row.features).output.shape) == 4
    if row.top_start:
        names = [layer.name for layer in model.layers]
        assert names.index(row.top_start) <= names.index(row.features)
    if row.application:
        assert callable(getattr(keras.applications, row.application))


def test_a_new_row_is_a_choice_of_the_flags_and_a_line_of_the_documentation():
    (patch_net,) = (field for field in dataclasses.fields(config.ModelOptions)
                    if field.name == "backbone")
    assert patch_net.metadata["choices"] == tuple(backbones.BACKBONES)
    page = (pathlib.Path(__file__).parents[2] / "docs" / "models.md").read_text()
    for name in backbones.BACKBONES:
        assert f"| `{name}` |" in page, "end2end ddsm model-table"


# Weights beside VGG's: four of each normalised channel, and those of the shortcuts.
CHANNELS = (64, 128, 256, 512, 512)
NORMALISED = 4 * (2 * 64 + 2 * 128 + 3 * (256 + 512 + 512))
SHORTCUTS = 4 * sum(CHANNELS) + sum(
    below * above for below, above in zip((3, *CHANNELS), CHANNELS, strict=False))


@pytest.mark.parametrize(("backbone", "more"), [
    ("vgg16-bn", NORMALISED), ("vgg16-shortcuts", NORMALISED + SHORTCUTS)])
def test_normalised_vgg_with_imagenet_weights_starts_as_vgg(
        backbone, more, tmp_path, double_precision):
    vgg = models.patch_classifier("vgg16", 5)
    path = tmp_path / "vgg16.weights.h5"
    vgg.save_weights(path)
    ours = models.patch_classifier(backbone, 5, weights=path)
    assert ours.count_params() == vgg.count_params() + more
    image = np.random.default_rng(0).normal(0, 50, (1, 64, 32, 3))
    theirs, values = (
        keras.Model(model.inputs, models.patch_features(model)).predict_on_batch(image)
        for model in (vgg, ours))
    # Each of the 13 normalisations divides by the root of 1.001.
    np.testing.assert_allclose(values * 1.001 ** 6.5, theirs, rtol=1e-6, atol=1e-6)


def test_shortcuts_of_vgg_lead_around_each_block():
    image = keras.Input((64, 32, 3))
    model = keras.Model(
        image, backbones.BACKBONES["vgg16-shortcuts"].build(image))
    assert [layer.input[1].shape[-1] for layer in model.layers
            if layer.name.endswith("_add")] == [64, 128, 256, 512, 512]
    assert not model.get_layer("block3_shortcut_bn").get_weights()[0].any()
