"""Fused batch normalisation: the values of Keras's own, in fewer passes."""

import types

import keras
import keras_versions
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from end2end.training import normalising, remat, schedule

RENORMALISED = keras_versions.since("3.14", "no renormalisation")


def network(size=(6, 5)):
    """Two normalised maps, one without a shift, the other in a nested network and
    without a scale, and a normalised vector."""
    keras.utils.set_random_seed(5)
    image = keras.Input((*size, 2))
    x = layers.Conv2D(3, 1, name="stem")(image)
    x = layers.BatchNormalization(momentum=0.7, epsilon=1e-3, center=False,
                                  name="bn")(x)
    inside = keras.Input(x.shape[1:])
    bn = layers.BatchNormalization(
        axis=3, momentum=0.9, epsilon=1e-2, scale=False, name="bn_inside")
    trunk = keras.Model(inside, bn(inside), name="trunk")
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(trunk(x)))
    x = layers.BatchNormalization(name="bn_of_vectors")(x)
    return keras.Model(image, layers.Dense(
        2, activation="softmax", name="output")(x))


def images(size=(6, 5), count=3):
    rng = np.random.default_rng(8)
    return rng.normal(40, 9, (count, *size, 2)).astype(np.float32) * [1, 5]


def step(model, batch):
    """Loss, gradients and all variables after a pass in training mode."""
    labels = np.eye(2, dtype=np.float32)[[0, 1, 1]][:len(batch)]

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(schedule.cross_entropy(
                labels, model(batch, training=True)))
        return loss, tape.gradient(loss, [v.value for v in model.trainable_variables])

    loss, gradients = run()
    kinds = [operation.type for operation in
             run.get_concrete_function().graph.get_operations()]
    state = {variable.path: np.asarray(variable.value) for variable in model.variables}
    return loss, gradients, state, kinds.count("FusedBatchNormV3")


def both(batch, size=(6, 5)):
    plain = step(network(size), batch)
    model = network(size)
    with normalising.fused(model):
        return plain, step(model, batch)


@pytest.mark.parametrize(("size", "count"), [((6, 5), 3), ((1, 1), 1)])
def test_loss_gradients_and_averages_are_those_of_keras(size, count):
    plain, fused = both(images(size, count), size)
    assert plain[3] == 0 and fused[3] == 2
    assert float(fused[0]) == pytest.approx(float(plain[0]), rel=1e-5)
    for ours, theirs in zip(fused[1], plain[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    assert fused[2].keys() == plain[2].keys()
    for path, values in plain[2].items():
        np.testing.assert_allclose(
            fused[2][path], values, rtol=2e-5, atol=1e-6, err_msg=path)
    if count > 1:       # the averages did move, and each by its own momentum
        assert plain[2]["bn/moving_mean"].max() != 0
        assert not np.allclose(plain[2]["bn/moving_variance"], 1)


def test_batches_with_a_mask_are_left_to_keras():
    layer = types.SimpleNamespace(
        trainable=True, call=lambda *what, **how: (*what, how))
    assert normalising.fused_call(layer)("images", True, "mask") == (
        "images", dict(training=True, mask="mask"))


@pytest.mark.parametrize(("xla", "operations"), [(False, 2), (True, 0)])
def test_xla_joins_the_passes_of_keras_itself(xla, operations):
    model = network()
    with remat.computing(model, xla=xla):
        assert step(model, images())[3] == operations


@RENORMALISED
def test_a_keras_without_renormalisation_is_fused():
    model = network()
    del model.get_layer("bn").renorm  # as before Keras 3.14
    with normalising.fused(model):
        assert step(model, images())[3] == 2


def test_half_precision_stays_so_and_near_to_that_of_keras():
    outputs = []
    for around in (False, True):
        model = network()
        remat.set_precision(model, "mixed_bfloat16")
        layer = model.get_layer("bn")
        values = tf.cast(layers.Conv2D(3, 1, kernel_initializer="ones")(images()),
                         tf.bfloat16)
        if around:
            with normalising.fused(model):
                outputs.append(layer(values, training=True))
        else:
            outputs.append(layer(values, training=True))
    assert outputs[1].dtype == "bfloat16"
    np.testing.assert_allclose(*(tf.cast(x, tf.float32) for x in outputs), atol=0.02)


@RENORMALISED
def test_what_is_not_trained_and_other_axes_are_left_to_keras():
    image = keras.Input((4, 3, 2))
    frozen = layers.BatchNormalization(name="frozen", trainable=False)
    rows = layers.BatchNormalization(axis=1, name="rows")
    renormed = layers.BatchNormalization(renorm=True, name="renormed")
    model = keras.Model(image, renormed(rows(frozen(image))))
    batch = images((4, 3))
    expected = [layer(batch, training=mode).numpy()
                for layer, mode in ((frozen, True), (rows, False), (renormed, False))]
    with normalising.fused(model):
        assert [("call" in vars(layer)) for layer in (frozen, rows, renormed)] == [
            True, False, False]
        # Statistics that are frozen, though the call is one of training.
        for layer, mode, values in zip(
                (frozen, rows, renormed), (True, False, False), expected, strict=True):
            np.testing.assert_array_equal(layer(batch, training=mode), values)
    assert "call" not in vars(frozen)
    np.testing.assert_array_equal(frozen.moving_mean, [0, 0])
