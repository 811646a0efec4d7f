"""Rows of docs/differences.md about networks and their files, by number."""

import dataclasses
import gzip
import json
import pathlib

import keras
import numpy as np
import pytest
import tiny_networks

from end2end import augment, checkpoints, config, models
from end2end.models import backbones, builders, resnets, top_layers
from end2end.training import freezing, optimizers

HERE = pathlib.Path(__file__).parent

GOLDEN = HERE / "golden"


@pytest.fixture(autouse=True)
def eager():
    """No graphs: compiling them takes longer than the few steps of a test."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def resnet50():
    return models.patch_classifier("resnet50", 5, dropout=0.5)


@pytest.fixture(scope="module")
def vgg16():
    """A patch classifier whose head has no dropout: the hazard of row 7."""
    return models.patch_classifier("vgg16", 5)


def test_07_the_trunk_ends_at_the_last_feature_map_without_dropout_too(vgg16):
    assert models.patch_features(vgg16)._keras_history.operation.name == "block5_pool"
    original = builders.original_features(vgg16, "vgg16")
    assert original._keras_history.operation.name == "block5_conv3"


def test_08_the_first_top_convolution_is_trained_in_stage_one(vgg16):
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(2,), top_repeats=(1,),
        heatmap=True, heatmap_max_pool=(1, 1))
    model = models.whole_image_classifier(vgg16, options, size=(288, 288))
    assert models.first_top_layer(model) == "vgg1_1_conv"
    later = models.first_top_layer(model, semantics="original")
    names = [layer.name for layer in model.layers]
    assert names.index(later) == 8
    assert {"vgg1_1_conv", "vgg1_1_bn"} <= set(names[6:8])


def test_09_index_46_of_resnet50_is_a_normalisation_in_block_3a(resnet50):
    name = models.layer_at_original_index(resnet50, 46)
    assert name == "bn3a_branch1"
    trained = freezing.train_from(resnet50, name)
    assert {"bn3a_branch1", "res3b_branch2a", "dense_1"} <= set(trained)
    assert not {"res3a_branch2c", "res3a_branch1", "bn3a_branch2c"} & set(trained)


def test_34_loading_returns_the_model_and_augmented_images_are_saved(tmp_path):
    checkpoints.save_model(tiny_networks.flat_network(), tmp_path / "m.h5", {})
    assert isinstance(checkpoints.load_model(tmp_path / "m.h5"), keras.Model)
    generator = augment.MammogramDataGenerator()
    flow = generator.flow(np.zeros((2, 4, 4, 1)), np.array([0, 1]), batch_size=2,
                          save_to_dir=tmp_path / "saved")
    next(flow)
    assert len(list((tmp_path / "saved").iterdir())) == 2


def test_36_alpha_and_l1_ratio_act_on_the_output_of_residual_networks():
    model = resnets.resnet("dm_resnet_14", (64, 64, 1), 2, resnets.ResnetOptions(
        filters=4, alpha=0.3, l1_ratio=0.0))
    penalty = model.layers[-1].kernel_regularizer
    ones = np.ones((3, 1), np.float32)
    assert float(penalty(keras.ops.convert_to_tensor(ones))) == pytest.approx(0.9)


def test_37_the_heatmap_is_average_dense_and_max_pooling(vgg16):
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(2,), top_repeats=(1,),
        heatmap=True)
    shapes = {}
    for pool in ((5, 5), (1, 1)):
        model = models.whole_image_classifier(
            vgg16, dataclasses.replace(options, heatmap_max_pool=pool), size=(512, 512))
        assert model.get_layer("heatmap").activation is keras.activations.relu
        shapes[pool] = [model.layers[i].output.shape[1:] for i in (2, 4, 5)]
    # 16x16 features, averaged 7x7 with a stride of 1.
    assert shapes[(5, 5)] == [(10, 10, 512), (10, 10, 5), (2, 2, 5)]
    assert shapes[(1, 1)] == [(10, 10, 512), (10, 10, 5), (10, 10, 5)]


def test_with_both_pools_of_1x1_the_heatmap_is_a_1x1_convolution(vgg16):
    model = models.whole_image_classifier(vgg16, config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(2,), top_repeats=(1,),
        heatmap=True, heatmap_pool=(1, 1), heatmap_max_pool=(1, 1)), size=(96, 64))
    features = np.random.default_rng(1).normal(size=(1, 3, 2, 512)).astype("float32")
    kernel, bias = vgg16.layers[-1].get_weights()
    convolved = keras.ops.relu(keras.ops.conv(
        features, kernel[None, None], padding="valid") + bias)
    x = features
    for layer in model.layers[2:6]:
        x = layer(x)
    np.testing.assert_allclose(x, convolved, rtol=1e-5, atol=1e-5)


def test_42_constants_of_keras_2_0_8_are_set_explicitly(resnet50):
    weights = np.array(top_layers.he_normal()((200, 200)))
    assert weights.std() == pytest.approx(0.88 * np.sqrt(2 / 200), rel=0.02)
    for name in ("rmsprop", "adagrad", "adadelta", "adamax", "adam", "nadam"):
        assert optimizers.optimizer(name, 0.1).epsilon == 1e-8
    assert optimizers.Nadam.schedule_decay == 0.004
    assert resnet50.get_layer("bn_conv1").epsilon == 1e-3


def test_43_resnet50_pads_its_first_convolution_and_not_its_pooling(resnet50):
    assert resnet50.get_layer("conv1").padding == "same"
    assert resnet50.layers[4].padding == "valid"
    assert [layer.name for layer in resnet50.layers if "pad" in layer.name] == []


@pytest.mark.slow
def test_44_files_of_a_nested_trunk_are_read_by_tensor_name(tmp_path):
    path = tmp_path / "initial.h5"
    path.write_bytes(gzip.decompress((GOLDEN / "training/initial.h5.gz").read_bytes()))
    inputs = np.load(GOLDEN / "training/inputs.npz")["x"][:2].astype(np.float32)
    expected = json.loads((GOLDEN / "training/curves.json").read_text())
    scores = checkpoints.load_model(path).predict_on_batch(inputs)
    np.testing.assert_allclose(
        scores, expected["sgd"]["initial_predictions"][:2], atol=1e-5)


@pytest.mark.parametrize(("side", "features", "pooled"), [
    (224, 7, 1), (256, 8, 1), (448, 14, 2)])
def test_45_larger_patches_are_pooled_as_in_the_original(
        resnet50, side, features, pooled):
    both = keras.Model(resnet50.inputs, [
        resnet50.get_layer(backbones.BACKBONES["resnet50"].features).output,
        resnet50.get_layer("avg_pool").output])
    shapes = both.compute_output_shape((None, side, side, 3))
    assert [shape[1] for shape in shapes] == [features, pooled]
