"""Freezing by name as in Keras 2.0.8, and penalties that can change."""

import keras
import numpy as np
import pytest
import tiny_networks

from end2end.training import freezing, schedule
from end2end.utils import files


def step(model):
    """Trains one batch; returns the names of the variables that changed."""
    before = [np.asarray(variable.value) for variable in model.variables]
    model.compile("sgd", schedule.cross_entropy)
    batches = tiny_networks.ArrayBatches()
    model.train_on_batch(*batches.batch(0)[:2])
    return {variable.path.split("/", 1)[-1] if variable.path.startswith("trunk/")
            else variable.path for variable, old in zip(
                model.variables, before, strict=True)
            if not np.array_equal(old, np.asarray(variable.value))}


def test_the_frozen_trunk_keeps_its_weights_but_moves_its_averages():
    model = tiny_networks.nested_network()
    freezing.train_from(model, "top_conv")
    changed = {name for name in step(model) if name.startswith("trunk")}
    assert changed == {"trunk_bn/moving_mean", "trunk_bn/moving_variance"}


def test_a_frozen_normalisation_uses_the_statistics_of_the_batch():
    model = tiny_networks.nested_network()
    freezing.train_from(model, "top_conv")
    images = tiny_networks.ArrayBatches(shift=50).images
    frozen = np.array(model(images, training=True))
    freezing.train_from(model, None)
    np.testing.assert_allclose(np.array(model(images, training=True)), frozen)
    freezing.train_from(model, "top_conv", freeze_statistics=True)
    assert not np.allclose(np.array(model(images, training=True)), frozen)


def test_freezing_wholly_keeps_the_averages_too():
    model = tiny_networks.nested_network()
    freezing.train_from(model, "top_conv", freeze_statistics=True)
    assert not {name for name in step(model) if name.startswith("trunk")}


def test_unfreezing_reaches_layers_frozen_inside_a_nested_model():
    model = tiny_networks.nested_network()
    for layer in model.get_layer("trunk").layers:
        layer.trainable = False
    model.get_layer("trunk").trainable = False
    names = freezing.train_from(model, None)
    assert names == ["trunk_conv", "trunk_bn", "trunk_conv2", "top_conv", "top_bn",
                     "output"]
    assert "trunk_conv/kernel" in step(model)


def test_unfreezing_reaches_a_normalisation_that_an_earlier_stage_froze():
    model = tiny_networks.nested_network()
    freezing.train_from(model, "top_conv")
    assert "trunk_bn" in freezing.train_from(model, None)
    assert {"trunk_bn/gamma", "trunk_bn/beta"} <= step(model)


def test_a_boundary_inside_the_nested_trunk_is_found_by_name():
    model = tiny_networks.nested_network()
    assert freezing.train_from(model, "trunk_conv2")[0] == "trunk_conv2"


def test_naming_the_trunk_itself_trains_all_of_it():
    model = tiny_networks.nested_network()
    assert freezing.train_from(model, "trunk")[0] == "trunk_conv"


def test_an_unknown_layer_is_refused_by_name():
    with pytest.raises(files.InputError) as caught:
        freezing.train_from(tiny_networks.nested_network(), "res9")
    assert str(caught.value) == (
        "model tiny has no layer 'res9' to train from; expected one such as 'output'. "
        "Correct --top-layer-nb.")


def test_new_penalties_act_on_the_loss_after_compiling():
    model = tiny_networks.nested_network(weight_decay=0.01)
    before = float(sum(model.losses))
    freezing.set_penalties(model, weight_decay=0.05, dropout=0.0)
    assert float(sum(model.losses)) == pytest.approx(5 * before)
    images = tiny_networks.ArrayBatches()
    model.compile("sgd", schedule.cross_entropy)
    data, labels, _ = images.batch(0)
    total = float(model.test_on_batch(data, labels))
    plain = float(np.mean(schedule.cross_entropy(labels, model(data))))
    assert total == pytest.approx(plain + 5 * before, rel=1e-5)


def test_dropout_built_at_rate_0_can_begin_to_drop():
    model = tiny_networks.nested_network(dropout=0.0)
    layer = model.get_layer("drop")
    freezing.set_penalties(model, weight_decay=0.0, dropout=0.0)
    assert not hasattr(layer, "seed_generator")
    freezing.set_penalties(model, weight_decay=0.0, dropout=0.5)
    drawn = layer.seed_generator
    freezing.set_penalties(model, weight_decay=0.0, dropout=0.4, seed=7)
    assert layer.seed_generator is drawn and layer.rate == 0.4
    other = tiny_networks.nested_network(dropout=0.0)
    freezing.set_penalties(other, weight_decay=0.0, dropout=0.5, seed=7)
    place = [layer.name for layer in other.layers].index("drop")
    for generator, seed in (
            (drawn, place), (other.get_layer("drop").seed_generator, 7 + place)):
        assert generator.state.numpy().tolist() == (
            keras.random.SeedGenerator(seed).state.numpy().tolist())
    freezing.set_penalties(model, weight_decay=0.0, dropout=0.5)
    ones = np.ones((1, 1000), np.float32)
    assert 350 < (np.array(layer(ones, training=True)) == 0).sum() < 650
    freezing.set_penalties(model, weight_decay=0.0, dropout=0.0)
    assert (np.array(layer(ones, training=True)) == ones).all()


def test_layers_without_a_penalty_get_none():
    model = tiny_networks.nested_network()
    freezing.set_penalties(model, weight_decay=7.0, dropout=0.0)
    assert model.get_layer("trunk").get_layer("trunk_conv").kernel_regularizer is None


def test_with_original_semantics_the_file_has_the_late_penalties_the_run_has_not():
    model = tiny_networks.nested_network(dropout=0.2, weight_decay=0.01)
    stage = schedule.Stage("all layers", None, 9, 0.1, weight_decay=0.5, dropout=0.7)
    acting = float(sum(model.losses))
    with freezing.written_penalties(model, stage, "original"):
        written = model.get_layer("output").get_config(), model.get_layer("drop").rate
    assert written[0]["kernel_regularizer"]["config"]["l2"] == 0.5
    assert written[1] == 0.7
    assert model.get_layer("drop").rate == 0.2
    assert float(sum(model.losses)) == acting


@pytest.mark.parametrize("momentum", (0.0, 0.5))
def test_averages_keep_the_share_that_was_asked_for(momentum):
    model = tiny_networks.nested_network()
    freezing.set_momentum(model, momentum)
    layer = model.get_layer("trunk").get_layer("trunk_bn")
    before = np.array(layer.moving_mean)
    images = tiny_networks.ArrayBatches(shift=50).images
    convolved = np.array(model.get_layer("trunk").get_layer("trunk_conv")(images))
    model(images, training=True)
    expected = momentum * before + (1 - momentum) * convolved.mean((0, 1, 2))
    np.testing.assert_allclose(np.array(layer.moving_mean), expected, rtol=1e-4)


def test_dropout_of_whole_branches_keeps_its_rate():
    image = keras.Input((4,))
    x = keras.layers.Dropout(0.2, noise_shape=(None, 1), name="branch")(image)
    x = keras.layers.Dropout(0.1, name="head")(x)
    model = keras.Model(image, x)
    freezing.set_penalties(model, weight_decay=0, dropout=0.5)
    assert [layer.rate for layer in model.layers[1:]] == [0.2, 0.5]


@pytest.mark.parametrize(("size", "batch_size", "words"), [
    ((6, 5), 3, "top_bn has 6 values per step (images: 3, cells of each: 2)"),
    ((6, 6), 1, "top_bn has 4 values per step (images: 1, cells of each: 4)"),
    ((6, 6), 2, None), ((8, 8), 1, None)])
def test_normalisation_over_few_values_is_named(size, batch_size, words):
    model = tiny_networks.nested_network(size=(None, None))
    freezing.train_from(model, None)
    warning = freezing.too_few_values(model, size, batch_size)
    assert words in warning if words else warning is None


def test_a_normalisation_that_keeps_its_averages_is_not_named():
    model = tiny_networks.nested_network(size=(None, None))
    freezing.train_from(model, "output", freeze_statistics=True)
    assert freezing.too_few_values(model, (6, 5), 3) is None
    freezing.train_from(model, "output")
    assert freezing.too_few_values(model, (6, 5), 3)


@pytest.mark.parametrize(("first", "normalisation", "names"), [
    (freezing.NOTHING, True, {"trunk_bn", "top_bn"}),
    ("top_conv", True, {"trunk_bn", "top_conv", "top_bn", "output"}),
    ("top_conv", False, {"top_conv", "top_bn", "output"}),
    (freezing.NOTHING, False, set()),
    (None, False, {"trunk_conv", "trunk_bn", "trunk_conv2", "top_conv", "top_bn",
                   "output"})])
def test_normalisation_before_a_layer_can_be_trained_too(first, normalisation, names):
    model = tiny_networks.nested_network()
    assert freezing.position(model, None) == 0
    freezing.train_from(model, freezing.NOTHING)
    assert set(freezing.train_from(
        model, first, normalisation=normalisation)) == names
    assert {variable.path.split("/")[-2] for variable in
            model.trainable_variables} == names
