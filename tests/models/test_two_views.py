"""The network of two views: one trunk, joined maps, refusals."""

import keras
import keras_versions
import numpy as np
import pytest
from keras import layers

from end2end import config, models
from end2end.training import freezing
from end2end.utils import files

OPTIONS = config.ModelOptions(
    top_kind="mbconv", top_filters=(6, 4), top_repeats=(1, 2), expansion=2)


def patch_classifier():
    keras.utils.set_random_seed(3)
    image = keras.Input((None, None, 1), name="input_1")
    x = layers.Conv2D(8, 3, strides=4, padding="same", name="conv")(image)
    x = layers.Activation("relu", name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(image, layers.Dense(5, "softmax", name="dense_1")(x))


def scores(model, cc, mlo):
    return model.predict_on_batch([cc, mlo])


def test_the_trunk_is_one_and_the_views_are_not_exchangeable():
    model = models.two_view_classifier(patch_classifier(), OPTIONS, size=(64, 48))
    assert (model.name, *(tensor.name for tensor in model.inputs)) == (
        "two_view", "cc", "mlo")
    assert [tensor.shape for tensor in model.inputs] == [(None, 64, 48, 1)] * 2
    assert [layer.name for layer in model.layers].count("trunk") == 1
    cc, mlo = np.random.default_rng(0).normal(size=(2, 1, 64, 48, 1)).astype("float32")
    straight = scores(model, cc, mlo)
    assert straight.sum() == pytest.approx(1)
    assert not np.allclose(straight, scores(model, mlo, cc), atol=1e-6)


def test_its_weights_are_the_trunks_and_the_tops():
    patch = patch_classifier()
    model = models.two_view_classifier(
        patch, config.ModelOptions(top_kind="vgg", top_filters=(6,), top_repeats=(1,)),
        size=(64, 48))
    trunk = 3 * 3 * 8 + 8
    # Twice 8 maps enter the top: convolution, batch normalisation, output.
    assert model.count_params() == trunk + (3 * 3 * 16 * 6 + 6) + 4 * 6 + (6 * 2 + 2)


def test_the_trunk_of_a_whole_image_classifier_is_taken():
    whole = models.whole_image_classifier(
        patch_classifier(), config.ModelOptions(
            top_kind="vgg", top_filters=(2,), top_repeats=(1,)), size=(64, 48))
    model = models.two_view_classifier(whole, OPTIONS, size=(32, 32))
    shared, trunk = model.get_layer("trunk"), whole.get_layer("trunk")
    assert [id(weight) for weight in shared.weights] == [
        id(weight) for weight in trunk.weights]
    # Training asks what each layer gives; the trunk has no path from another input.
    assert freezing.too_few_values(model, (32, 32), 1).startswith(
        "batch normalisation mbconv2_1_depth_bn has 4 values")
    assert models.first_top_layer(model) == "mbconv1_1_expand_conv"


@keras_versions.EMPTY_MAPS
def test_both_views_of_a_network_of_any_size_may_be_too_small():
    views = [keras.Input((None, None, 1)) for _ in range(2)]
    network = keras.Model(views, layers.Concatenate()(
        [layers.Conv2D(2, 9)(view) for view in views]))
    models.check_image_size(network, (9, 10))
    with pytest.raises(files.InputError, match="^images of 9x8 are too small for thes"):
        models.check_image_size(network, (9, 8))


@pytest.mark.parametrize(("changes", "size", "reason"), [
    (dict(heatmap=True), (64, 48), "--add-heatmap is for networks of one image"),
    pytest.param(dict(top_kind="vgg"), (8, 8), "too small",
                 marks=keras_versions.EMPTY_MAPS),
    (dict(top_filters=()), (64, 48), "--top-depths")])
def test_settings_of_which_no_network_can_be_built_are_refused(changes, size, reason):
    options = config.ModelOptions(**dict(
        top_filters=(4, 4), top_repeats=(1, 1)) | changes)
    with pytest.raises(files.InputError, match=reason):
        models.two_view_classifier(patch_classifier(), options, size=size)
