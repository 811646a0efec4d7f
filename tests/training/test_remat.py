"""Recomputed activations and half precision: the same network, less memory."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_networks
from keras import layers

from end2end import checkpoints
from end2end.training import remat, schedule


def branched_network():
    """Two residual units, so that some places cannot be cut, and dropout."""
    keras.utils.set_random_seed(3)
    image = x = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in (1, 2):
        y = layers.Conv2D(4, 3, padding="same", name=f"conv{i}")(x)
        y = layers.BatchNormalization(name=f"bn{i}")(y)
        y = layers.Dropout(0.3, seed=i, name=f"drop{i}")(y)
        x = layers.Add(name=f"add{i}")([x, y])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(2, activation="softmax", name="output")(x))


def test_a_network_is_cut_only_where_a_single_tensor_passes():
    model = branched_network()
    names = [model.layers[i].name for i in remat.cuts(model)]
    assert names[1:] == ["stem", "add1", "add2", "pool"]


def test_parts_are_balanced_by_the_memory_that_they_take():
    # Layers of 8, 8, 4, 4, 1, 1: the last four are computed anew in one part.
    assert remat.balanced([1, 2, 3, 4], [8, 8, 4, 4, 1, 1]) == [1]
    assert remat.balanced([0, 1], [1, 1, 1]) in ([], [1])
    # Of layers of other sizes; the first is the input, which is there anyway.
    for places, sizes, cut in (
            ([1, 2, 3, 4, 5], [9, 30, 2, 30, 2, 30, 7], [2, 4]),
            ([2, 4], [1, 50, 3, 50, 3, 9], [2, 4]), ([], [5, 6, 7], []),
            ([1, 2, 3], [1, 8, 8, 8, 8], [2]), ([0, 3], [4, 1, 1, 2, 40], [3]),
            ([0, 3, 5], [4, 1, 1, 2, 40, 3, 20, 20], [3, 5])):
        assert remat.balanced(places, sizes) == cut


def test_the_parts_of_a_network_begin_and_end_where_it_is_cut():
    parts = [[[layer.name for layer in part.layers][1:] for part in remat.chain(model)]
             for model in (branched_network(), tiny_networks.nested_network())]
    assert parts == [
        [["stem", "conv1", "bn1", "drop1", "add1"],
         ["conv2", "bn2", "drop2", "add2", "pool", "output"]],
        [["trunk_conv", "trunk_bn"], ["trunk_relu", "trunk_conv2"], ["top_conv"],
         ["top_bn", "pool", "drop", "output"]]]


def test_sizes_are_those_of_both_views_and_of_any_images():
    views = [keras.Input((None, None, 3), name=name) for name in ("cc", "mlo")]
    model = keras.Model(views, layers.Concatenate()(views))
    assert remat.sizes(model, (4, 5, 3)) == [60, 60, 120]
    assert remat.sizes(model, (None, 2, 3)) == [256 * 6, 256 * 6, 256 * 12]


def test_sizes_are_those_of_the_images_given():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(5, 3, strides=2, padding="same")(image))
    assert remat.sizes(model, (8, 6, 3)) == [8 * 6 * 3, 4 * 3 * 5]


@pytest.mark.parametrize("build", [branched_network, tiny_networks.nested_network])
def test_the_parts_one_after_the_other_are_the_network(build):
    model = build()
    images = tiny_networks.ArrayBatches(3).images
    x = images
    for part in remat.chain(model):
        x = part(x)
    np.testing.assert_allclose(x, model(images), rtol=1e-5)


@pytest.mark.parametrize("graph", [False, True])
def test_recomputing_gives_the_same_loss_gradients_and_averages(graph):
    batches = tiny_networks.ArrayBatches()
    images, labels, _ = batches.batch(0)
    results = []
    for recompute in (False, True):
        model = branched_network()

        def step(model=model):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(schedule.cross_entropy(
                    labels, model(images, training=True)))
            return loss, tape.gradient(
                loss, [v.value for v in model.trainable_variables])

        run = tf.function(step) if graph else step
        if recompute:
            with remat.recomputing(model):
                loss, gradients = run()
        else:
            loss, gradients = run()
        state = [np.asarray(variable.value) for variable in model.variables]
        results.append((float(loss), [np.asarray(g) for g in gradients], state))
    plain, recomputed = results
    assert recomputed[0] == pytest.approx(plain[0], rel=1e-6)
    for array, other in zip(plain[1], recomputed[1], strict=True):
        np.testing.assert_allclose(other, array, rtol=1e-4, atol=1e-6)
    for array, other in zip(plain[2], recomputed[2], strict=True):
        np.testing.assert_allclose(other, array, rtol=1e-5)


def test_the_gradient_of_the_input_waits_for_those_of_the_weights():
    # Else the parts before it would be computed while those of the weights still wait,
    # with all activations that they need.
    image = keras.Input((8, 6, 1))
    part = keras.Model(image, layers.Conv2D(4, 3, name="stem")(image))

    @tf.function
    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = remat.recomputed(part)(x)
        return tape.gradient(y, [x, part.layers[1].kernel.value])

    x = tf.ones((2, 8, 6, 1))
    graph = gradients.get_concrete_function(x).graph
    kinds = {waiting.type for operation in graph.get_operations()
             if operation.type == "Identity" for waiting in operation.control_inputs}
    assert "Conv2DBackpropFilter" in kinds


def test_recomputing_ends_with_its_block():
    model = branched_network()
    plain = model.call
    with remat.recomputing(model):
        assert model.call is not plain
    assert model.call == plain
    model.call = lambda *what, **how: (*what, how)
    with remat.recomputing(model):
        assert model.call("images", mask="mask") == (
            "images", dict(training=None, mask="mask"))


def test_half_precision_leaves_the_weights_and_the_output_float32(tmp_path):
    model = tiny_networks.nested_network()
    remat.set_precision(model, "mixed_bfloat16")
    images = tiny_networks.ArrayBatches().images
    assert model(images).dtype == "float32"
    trunk = model.get_layer("trunk")
    assert trunk(images).dtype == "bfloat16"
    assert {variable.dtype for variable in model.weights} == {"float32"}
    checkpoints.save_model(model, tmp_path / "m.h5", {})
    loaded = checkpoints.load_model(tmp_path / "m.h5")
    assert loaded.get_layer("trunk")(images).dtype == "float32"
    np.testing.assert_allclose(loaded(images), model(images), atol=0.02)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_training_in_half_precision_lowers_the_loss(policy):
    model = tiny_networks.flat_network(weight_decay=0.0)
    remat.set_precision(model, policy)
    model.compile("sgd", schedule.cross_entropy, jit_compile=False, run_eagerly=True)
    images, labels, _ = tiny_networks.ArrayBatches().batch(0)
    losses = [float(model.train_on_batch(images, labels)) for _ in range(4)]
    assert losses[-1] < losses[0]
    scales = "LossScaleOptimizer" in type(model.optimizer).__name__
    assert scales == (policy == "mixed_float16")


def test_places_to_cut_are_those_of_least_memory():
    """Against all choices of places, for small networks of uneven layers."""
    def memory(ends, sizes):
        edges = [0, *ends, len(sizes) - 1]
        return sum(sizes[end] for end in ends) + max(
            sum(sizes[start + 1:end + 1]) for start, end in itertools.pairwise(edges))

    rng = np.random.default_rng(2)
    for _ in range(25):
        sizes = rng.integers(1, 40, rng.integers(3, 8)).tolist()
        # The input is a place always.
        places = [0, *sorted(rng.choice(
            np.arange(1, len(sizes) - 1), rng.integers(0, len(sizes) - 1),
            replace=False).tolist())]
        least = min(memory(ends, sizes) for count in range(len(places) + 1)
                    for ends in itertools.combinations(places, count))
        assert least <= memory(remat.balanced(places, sizes), sizes) <= 1.2 * least
    assert remat.balanced([], [3, 4]) == []


def test_a_model_of_two_inputs_has_the_sizes_of_both():
    images = [keras.Input((None, None, 1)) for _ in range(2)]
    model = keras.Model(images, layers.Concatenate()(images))
    assert remat.sizes(model, (4, 3, 1)) == [12, 12, 24]
    assert remat.sizes(model, (None, 2, 1)) == [512, 512, 1024]
