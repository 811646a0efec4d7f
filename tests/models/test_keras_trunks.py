"""Networks of `keras.applications` as trunks: names that stay, Keras's own outputs."""

import keras
import numpy as np
import pytest
from keras import layers
from keras.src.applications import convnext, efficientnet

from end2end import checkpoints, models
from end2end.models import backbones, keras_trunks

IMAGE = np.random.default_rng(0).uniform(0, 255, (2, 64, 48, 3)).astype("float32")


def before_keras_s_own(images):
    """Images that EfficientNet's own preparation turns into those of `-ddsm`."""
    return 255 * ((images * 257 - 13369) / 65535 * np.array(keras_trunks.DEVIATION)
                  + np.array(keras_trunks.MEAN))


PREPARE = {
    "efficientnetb0-ddsm": before_keras_s_own,
    "efficientnetb3-ddsm": before_keras_s_own,
    "resnet50-keras": lambda image: image - np.float32([103.939, 116.779, 123.68]),
    "densenet121": lambda image: keras.applications.densenet.preprocess_input(
        image.copy())}
LATER = [name for name, row in backbones.BACKBONES.items() if row.prepares]


def tiny(include_top, weights, input_shape=(None, None, 3)):
    """A network with everything that Keras numbers, nests or leaves out of layers."""
    image = keras.Input(input_shape)
    x = layers.Normalization()(layers.Rescaling(1 / 255)(image))
    x = keras.Sequential([layers.Conv2D(4, 3, padding="same", name="stem_conv"),
                          layers.LayerNormalization(name="stem_norm")], name="stem")(x)
    y = layers.Dense(4, activation="gelu", name="wide")(x)
    y = convnext.LayerScale(0.5, 4, name="scale")(y)
    x = x + y
    x = layers.Dropout(0.2, noise_shape=(None, 1, 1, 1), name="branch")(x)
    return keras.Model(image, layers.LayerNormalization()(x))


@pytest.fixture
def applications(monkeypatch):
    monkeypatch.setattr(keras.applications, "ResNet50", tiny)


def names():
    image = keras.Input((None, None, 3), name="image")
    trunk = keras_trunks.trunk("ResNet50")
    model = keras.Model(image, trunk(image))
    (scale,) = model.get_layer("scale").get_weights()
    assert scale.tolist() == [[[[0.5]] * 4]]
    assert model.get_layer("branch").rate == 0.2
    return [layer.name for layer in model.layers]


def test_names_do_not_depend_on_what_was_built_before(applications):
    layers.LayerNormalization()
    first = names()
    assert first == names() == [
        "image", "preparation", "stem_conv", "stem_norm", "wide", "scale",
        "add_1", "branch", "layer_normalization_1"]


@pytest.mark.parametrize(("preparation", "prepared"), [
    ("torch", keras.applications.densenet.preprocess_input),
    # Grey: the order of the channels is of no consequence.
    ("caffe", keras.applications.resnet.preprocess_input),
    # From 16 bits by the factor 1/257.
    ("ddsm", lambda images: (images * 257 - 13369) / 65535)])
def test_images_are_prepared_as_keras_prepares_them(
        applications, preparation, prepared):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras_trunks.trunk("ResNet50", preparation)(image))
    before = keras.Model(model.inputs, model.get_layer("stem_conv").input)
    grey = np.repeat(IMAGE[..., :1], 3, axis=-1)
    np.testing.assert_allclose(
        before.predict_on_batch(grey), prepared(grey.copy()), atol=1e-4)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_weights_of_a_nested_network_are_read_from_a_file(
        applications, tmp_path, ending):
    theirs = tiny(False, None, (None, None, 3))
    theirs.layers[-1].set_weights([np.float32([1, 2, 3, 4]), np.float32([5, 6, 7, 8])])
    theirs.get_layer("scale").set_weights([np.float32([2, 3, 4, 5])])
    path = tmp_path / f"file{ending}"
    (theirs.save_weights if ending == ".weights.h5" else theirs.save)(path)
    ours = models.patch_classifier("resnet50-keras", 2, weights=path)
    for name, expected in (("layer_normalization_1", [1, 2, 3, 4]),
                           ("scale", [[[[2], [3], [4], [5]]]])):
        np.testing.assert_array_equal(ours.get_layer(name).get_weights()[0], expected)
    np.testing.assert_array_equal(ours.get_layer("stem_conv").get_weights()[0],
                                  theirs.get_layer("stem").get_weights()[0])


def theirs_with_weights(backbone, path, monkeypatch):
    """Keras's network as Keras loads its ImageNet weights, and a file of them."""
    build = getattr(keras.applications, backbones.BACKBONES[backbone].application)
    network = build(include_top=False, weights=None, input_shape=(None, None, 3))
    draw = np.random.default_rng(1).uniform
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([np.asarray(value) + draw(0.1, 0.5, value.shape)
                               for value in layer.get_weights()])
        if isinstance(layer, layers.Normalization) and layer.weights:
            # In Keras's files the deviation stands in place of the variance.
            layer.set_weights(list(map(np.float32, (
                keras_trunks.MEAN, keras_trunks.DEVIATION, 0))))
    network.save_weights(path)
    if backbone.startswith("efficientnet"):
        monkeypatch.setattr(
            efficientnet.file_utils, "get_file", lambda *some, **more: str(path))
        network = build(include_top=False, weights="imagenet",
                        input_shape=(None, None, 3))
    return network


@pytest.mark.slow
@pytest.mark.parametrize("backbone", LATER)
def test_weights_and_outputs_are_keras_s_own(
        backbone, tmp_path, monkeypatch, double_precision):
    path = tmp_path / "file.weights.h5"
    theirs = theirs_with_weights(backbone, path, monkeypatch)
    ours = models.patch_classifier(backbone, 5, weights=path)
    trunk = keras.Model(ours.inputs, models.patch_features(ours))
    images = IMAGE.astype("float64")
    statistics = 7 if backbone.startswith("efficientnet") else 0
    assert trunk.count_params() == theirs.count_params() - statistics
    expected = theirs.predict_on_batch(PREPARE.get(backbone, np.copy)(images))
    np.testing.assert_allclose(
        trunk.predict_on_batch(images), expected, rtol=0,
        atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.slow
def test_a_saved_trunk_loads_here_and_in_plain_keras(tmp_path):
    model = models.patch_classifier("efficientnetb0", 3)
    checkpoints.save_model(model, tmp_path / "best.h5", {"kind": "patch"})
    expected = model.predict_on_batch(IMAGE)
    for loaded in (checkpoints.load_model(tmp_path / "best.h5"),
                   keras.models.load_model(tmp_path / "best.h5", compile=False)):
        np.testing.assert_allclose(loaded.predict_on_batch(IMAGE), expected, atol=1e-6)
        assert loaded.get_layer("block2b_drop").noise_shape is not None
