import h5py
import keras
import numpy as np
import pytest

from end2end import models
from end2end.models import imagenet
from end2end.utils import files


def write_grouped(path, layers):
    """A weights-only file as Keras 2 wrote: `{layer: [(weight name, array)]}`."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight, _ in weights]
            for weight, array in weights:
                group[weight] = array


@pytest.mark.parametrize("backbone", [
    "vgg16", pytest.param("inception", marks=pytest.mark.slow),
    pytest.param("xception", marks=pytest.mark.slow)])
def test_the_trunk_computes_what_keras_computes_with_the_same_weights(
        backbone, monkeypatch):
    name = imagenet.application(backbone).__name__
    # Numbers of layers made before must not matter.
    keras.layers.Conv2D(1, 1)
    theirs = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(96, 80, 3))
    monkeypatch.setattr(keras.applications, name, lambda **keywords: theirs)
    ours = models.patch_classifier(backbone, 5, weights="imagenet")
    image = np.random.default_rng(0).normal(size=(1, 96, 80, 3)).astype("float32")
    features = keras.Model(ours.inputs, models.patch_features(ours))
    np.testing.assert_allclose(
        features.predict_on_batch(image), theirs.predict_on_batch(image),
        rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_todays_resnet50_file_is_mapped_by_name(tmp_path):
    theirs = keras.applications.ResNet50(include_top=False, weights=None)
    path = tmp_path / "resnet50.weights.h5"
    theirs.save_weights(path)
    ours = models.patch_classifier("resnet50", 5, weights=path)
    for name, other in (("conv1", "conv1_conv"), ("bn_conv1", "conv1_bn"),
                        ("res3a_branch1", "conv3_block1_0_conv"),
                        ("bn4f_branch2b", "conv4_block6_2_bn"),
                        ("res5c_branch2c", "conv5_block3_3_conv")):
        for mine, given in zip(ours.get_layer(name).get_weights(),
                               theirs.get_layer(other).get_weights(), strict=True):
            np.testing.assert_array_equal(mine, given)


def test_a_file_with_the_names_of_keras_1_is_taken_in_order(tmp_path):
    model = models.patch_classifier("vgg16", 5)
    draw = np.random.default_rng(1).normal
    layers = {layer.name: [
        (f"{layer.name}_{'Wb'[i]}_1:0", draw(size=value.shape).astype("float32"))
        for i, value in enumerate(layer.get_weights())]
        for layer in model.layers[:-1]}
    write_grouped(tmp_path / "vgg16.h5", layers)
    model = models.patch_classifier("vgg16", 5, weights=tmp_path / "vgg16.h5")
    np.testing.assert_array_equal(
        model.get_layer("block4_conv2").get_weights()[1],
        layers["block4_conv2"][1][1])


def test_one_channel_gets_the_sum_over_the_colours(tmp_path):
    colour = models.patch_classifier("vgg16", 5)
    path = tmp_path / "vgg16.weights.h5"
    colour.save_weights(path)
    grey = models.patch_classifier("vgg16", 5, input_shape=(None, None, 1))
    with pytest.raises(files.InputError, match="the network needs"):
        imagenet.load_into(grey, "vgg19", path)
    write_grouped(tmp_path / "vgg16.h5", {
        layer.name: [(f"{layer.name}/{role}:0", value) for role, value in zip(
            ("kernel", "bias"), layer.get_weights(), strict=False)]
        for layer in colour.layers[:-1]})
    imagenet.load_into(grey, "vgg16", tmp_path / "vgg16.h5")
    np.testing.assert_allclose(
        grey.get_layer("block1_conv1").get_weights()[0],
        colour.get_layer("block1_conv1").get_weights()[0].sum(2, keepdims=True))


def test_without_a_network_and_a_file_there_is_one_clear_error(monkeypatch):
    asked = []

    def offline(**keywords):
        asked.append(keywords)
        raise Exception("URL\n fetch " + "failure" * 40)

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    with pytest.raises(files.InputError) as caught:
        imagenet.load_into(model, "vgg16", "imagenet")
    said = ("URL fetch " + "failure" * 40)[:100]
    assert str(caught.value) == (
        f"ImageNet weights of vgg16 cannot be downloaded ({said}); give a local file "
        "(--pretrained-weights) or --no-use-pretrained.")
    assert asked == [dict(include_top=False, weights="imagenet")]


def test_yaroslav_has_no_imagenet_weights():
    with pytest.raises(files.InputError, match="--no-use-pretrained"):
        models.patch_classifier("yaroslav", 5, weights="imagenet")


@pytest.mark.parametrize(("name", "before"), [
    ("conv1_conv", "conv1"), ("conv1_bn", "bn_conv1"),
    ("conv2_block1_1_conv", "res2a_branch2a"), ("conv2_block1_0_bn", "bn2a_branch1"),
    ("conv4_block6_3_conv", "res4f_branch2c"), ("conv5_block2_2_bn", "bn5b_branch2b"),
    ("conv3_block4_2_relu", "conv3_block4_2_relu"), ("predictions", "predictions")])
def test_layers_of_todays_resnet50_have_names_of_2017(name, before):
    assert imagenet._translated(name) == before
    assert imagenet._keys([name], "resnet50") == {name: before}
    assert imagenet._keys([name], "vgg16") == {name: name}


def test_numbered_layers_are_paired_by_rank_and_others_by_name_or_order():
    names = ["conv2d_7", "conv2d_12", "block1"]
    stored = {"block1": {"kernel": 1}, "conv2d_1": {}, "conv2d": {"kernel": 1}}
    assert imagenet._pairs(names, stored, "vgg16") == {
        "conv2d_7": "conv2d", "conv2d_12": "conv2d_1", "block1": "block1"}
    numbered = {f"convolution2d_{number}": {"W": 1} for number in (9, 10, 11)}
    assert imagenet._pairs(names, numbered | {"pool": {}}, "vgg16") == dict(
        zip(names, numbered, strict=True))
    three = numbered | {f"x{number}": {"W": 1} for number in range(3)}
    assert imagenet._pairs(names, three, "vgg16") == dict(
        zip(names, numbered, strict=True))
    fewer = {name: numbered[name] for name in list(numbered)[:2]}
    assert imagenet._pairs(names, fewer, "vgg16") == dict.fromkeys(names)
    # With more than three layers too many it is another network.
    more = numbered | {f"x{number}": {"W": 1} for number in range(4)}
    assert imagenet._pairs(names, more, "vgg16")["block1"] is None


@pytest.mark.parametrize(("arrays", "words"), [
    (dict(kernel=np.ones((3, 3, 1, 2))), "weight 'bias' of layer 'conv' is missing"),
    (dict(kernel=np.ones((3, 3, 2, 2)), bias=np.ones(2)),
     "weight 'kernel' of layer 'conv' has the shape .*the network needs")])
def test_a_file_of_another_backbone_is_refused_by_its_weight(arrays, words):
    layer = keras.layers.Conv2D(2, 3, name="conv")
    layer.build((None, 8, 7, 1))
    with pytest.raises(files.InputError, match=words):
        imagenet._fill(layer, arrays, "here")


def test_factors_of_channels_are_a_kernel_of_one_pixel():
    layer = keras.layers.DepthwiseConv2D(1, use_bias=False)
    layer.build((None, 4, 5, 3))
    imagenet._fill(layer, dict(depthwise_kernel=np.array([2.0, 3.0, 5.0])), "here")
    assert layer.get_weights()[0].ravel().tolist() == [2, 3, 5]
