"""Rows of docs/differences.md about training, by number."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
import tiny_networks

from ddsm_train import patch_clf_train
from end2end import checkpoints, config
from end2end.data import image_batches, image_lists
from end2end.training import (
    callbacks,
    devices,
    experiment,
    freezing,
    loop,
    run_inputs,
    schedule,
    starting,
)
from inbreast import finetune
from inbreast.dataset import subsets

TRAINING = config.TrainingOptions(optimizer="adam", learning_rate=0.001, workers=1)


@pytest.fixture(autouse=True)
def eager():
    """No graphs: compiling them takes longer than the few steps of a test."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def quick(**changes):
    return dataclasses.replace(TRAINING, **changes)


def train(stages, *, model=None, batches=None, options=TRAINING, watch="val_auc"):
    return loop.train(
        model or tiny_networks.flat_network(), stages,
        batches or tiny_networks.ArrayBatches(), tiny_networks.ArrayBatches(6),
        options=options, watch=watch)


def test_01_every_image_comes_once_per_sweep_whatever_the_number_of_workers():
    arrays = [np.full((4, 4), value, np.uint8) for value in range(10)]
    listed = image_lists.from_arrays(arrays, np.arange(10) % 2, ("neg", "pos"))
    options = config.ImageOptions(size=(4, 4), center=False, channels=1)
    images = {}
    for workers in (1, 3):
        batches = image_batches.ImageBatches(
            listed, options, batch_size=4, seed=1, shuffle=True)
        images[workers] = np.concatenate(
            [batch[0][:, 0, 0, 0] for batch in batches.batches(0, 6, workers=workers)])
    np.testing.assert_array_equal(images[1], images[3])
    for sweep in (images[1][:10], images[1][10:]):
        assert sorted(sweep) == list(range(10))


def test_02_epoch_flags_are_end_points():
    options = quick(first_until_epoch=3, top_until_epoch=13, all_until_epoch=50)
    ends = [row.until_epoch for row in schedule.patch_stages(
        options, config.ModelOptions())]
    assert ends == [3, 13, 50]
    assert "Epoch flags are end points" in patch_clf_train.parser().format_help()


@pytest.mark.parametrize(("semantics", "penalty", "rate"), [
    ("corrected", 0.5, 0.9), ("original", 0.01, 0.0)])
def test_03_late_penalties_act_or_only_enter_the_file(semantics, penalty, rate):
    model = tiny_networks.flat_network(weight_decay=0.01)
    stages = [schedule.Stage("one", None, 1, 0.0, 0.01, 0.0),
              schedule.Stage("two", None, 2, 0.0, 0.5, 0.9)]
    train(stages, model=model, options=quick(semantics=semantics))
    kernel = model.get_layer("output").kernel.numpy()
    assert float(sum(model.losses)) == pytest.approx(
        penalty * (kernel**2).sum(), rel=1e-5)
    assert model.get_layer("drop").rate == rate
    with freezing.written_penalties(model, stages[1], semantics):
        written = model.get_layer("output").get_config()["kernel_regularizer"]
    assert written["config"]["l2"] == 0.5


@pytest.mark.parametrize(("semantics", "word"), [
    ("corrected", "replaced"), ("original", "kept")])
def test_04_a_resumed_run_says_where_its_penalties_differ_from_the_file(
        tmp_path, caplog, semantics, word):
    checkpoints.save_model(
        tiny_networks.flat_network(weight_decay=0.01), tmp_path / "m.h5", {})
    settings = run_inputs.Settings(
        config.ImageOptions(size=(8, 8)), config.ModelOptions(weight_decay=0.5),
        quick(resume_from=str(tmp_path / "m.h5"), late_weight_decay=0.7,
              semantics=semantics))
    model = starting.loaded_network(settings)
    assert f"the stored values are {word}" in caplog.text
    train([schedule.Stage("one", None, 1, 0.0, 0.5, 0.0)], model=model,
          options=settings.training)
    acting = model.get_layer("output").kernel.regularizer.l2
    assert acting == pytest.approx(0.5 if semantics == "corrected" else 0.01)


def test_05_frozen_normalisation_moves_its_averages_unless_asked_not_to():
    for moving in (True, False):
        model = tiny_networks.nested_network()
        layer = model.get_layer("trunk").get_layer("trunk_bn")
        freezing.train_from(model, "top_conv", freeze_statistics=not moving)
        before = layer.moving_mean.numpy(), layer.gamma.numpy()
        model(tiny_networks.ArrayBatches().images, training=True)
        assert (not np.array_equal(before[0], layer.moving_mean.numpy())) == moving
        assert not layer.trainable_weights


def test_06_layers_frozen_inside_a_patch_model_are_unfrozen():
    model = tiny_networks.nested_network()
    model.get_layer("trunk").get_layer("trunk_conv").trainable = False
    assert "trunk_conv" in freezing.train_from(model, None)


def test_13_yaroslav_with_default_flags_is_trained_in_one_stage():
    rows = schedule.patch_stages(TRAINING, config.ModelOptions(backbone="yaroslav"))
    assert [(row.first_trainable, row.until_epoch) for row in rows] == [(None, 20)]


def test_25_the_weights_of_a_batch_sum_to_its_size_times_its_classes():
    for labels in ([0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 2, 3]):
        weights = image_batches.balance_weights(np.array(labels))
        assert weights.sum() == pytest.approx(len(labels) * len(set(labels)))


@pytest.mark.parametrize(("count", "steps"), [(10, 3), (8, 3)])
def test_26_training_steps_are_kept_and_the_whole_validation_set_is_used(count, steps):
    batches = tiny_networks.ArrayBatches(count)
    train([schedule.Stage("one", None, 1, 0.0, 0.0, 0.0)], batches=batches)
    assert len(batches.asked) == steps
    labels, scores = callbacks.predict_batches(
        tiny_networks.flat_network(), tiny_networks.ArrayBatches(6, batch_size=4))
    assert len(labels) == len(scores) == 6
    labels, _ = callbacks.predict_batches(
        tiny_networks.flat_network(), tiny_networks.ArrayBatches(3, batch_size=64))
    assert len(labels) == 3


def test_27_every_validation_begins_at_the_first_image():
    validation = tiny_networks.ArrayBatches(6)
    loop.train(
        tiny_networks.flat_network(), [schedule.Stage("one", None, 2, 0.0, 0.0, 0.0)],
        tiny_networks.ArrayBatches(), validation, options=TRAINING)
    assert validation.asked == [0, 1, 0, 1]


def test_28_early_stopping_counts_as_keras_2_0_8():
    stopper = callbacks.EarlyStopping(2)
    stopper.set_model(keras.Model())
    stopper.on_train_begin()
    stops = []
    for loss in (1.0, 1.0, 1.0, 1.0):
        stopper.model.stop_training = False
        stopper.on_epoch_end(0, {"val_loss": loss})
        stops.append(stopper.model.stop_training)
    assert stops == [False, False, False, True]
    stopper.on_train_begin()
    assert stopper.wait == 0


def test_29_the_summary_labels_the_accuracy_of_the_epoch_of_lowest_loss():
    rows = [dict(epoch=1, val_loss=0.5, val_accuracy=0.6),
            dict(epoch=2, val_loss=0.9, val_accuracy=0.8)]
    text = experiment.summary(loop.History(rows, "val_accuracy", 0.8, 2))
    assert "0.5000 in epoch 1" in text
    assert "accuracy of 0.6000 in that epoch" in text
    assert "0.8000 in epoch 2" in text


def test_30_nosave_writes_nothing_and_tests_the_final_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = [np.full((8, 8), value, np.uint8) for value in (10, 200)]
    listed = image_lists.from_arrays(arrays, np.array([0, 1]), ("neg", "pos"))
    settings = run_inputs.Settings(
        config.ImageOptions(size=(8, 8), channels=1), config.ModelOptions(),
        quick(best_model="NOSAVE"))
    result = experiment.report(
        "whole_image", tiny_networks.flat_network(), loop.History([], "val_auc"),
        dict.fromkeys(run_inputs.SPLITS, listed), settings, "", parent={})
    assert result["test"]["mean_auc"] in (0.0, 0.5, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_31_class_weights_are_for_few_classes_and_warn_otherwise(caplog):
    options = quick(balance_batches=False, positive_weight=3.0)
    assert schedule.class_weights(options, 3).tolist() == [1, 3, 1]
    assert schedule.class_weights(options, 5) is None
    assert schedule.class_weights(options, 3, most=2) is None
    assert caplog.text.count("no effect") == 2


def test_33_several_gpus_are_asked_for_by_their_number(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert devices.layout(quick()).strategy == "none"
    monkeypatch.setenv("NUM_GPU_DEVICES", "2")
    assert devices.layout(quick()) == devices.Layout("devices", 2)


def test_38_fine_tuning_has_the_recipes_of_the_paper_and_of_the_readme(tmp_path):
    (tmp_path / "m.h5").write_bytes(b"")
    rows = {}
    for recipe in ("paper", "readme"):
        _, _, model, options, _ = finetune.parse(
            ["T", "V", "S", "--resume-from", str(tmp_path / "m.h5"), "--recipe",
             recipe])
        [_, row] = schedule.image_stages(options, model, first_trainable="x")
        rows[recipe] = (row.learning_rate, row.until_epoch, row.weight_decay)
    assert rows["paper"] == pytest.approx((1e-5, 200, 0.01))
    assert rows["readme"] == pytest.approx((1e-6, 50, 0.01))


def test_39_fine_tuning_chooses_its_epoch_on_training_patients():
    patients = tuple(f"p{i // 2}" for i in range(20))
    listed = image_lists.ImageList(
        tuple(pathlib.Path(f"{i}.png") for i in range(20)),
        np.arange(20) // 2 % 2, ("neg", "pos"), patients=patients)
    train_set, validation = subsets.set_apart(listed, 0.3, seed=1)
    assert not set(train_set.patients) & set(validation.patients)
    assert len(train_set) + len(validation) == 20
    assert set(validation.labels) == {0, 1}


def test_49_frozen_layers_add_no_penalty_to_the_loss():
    first = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    model = keras.Sequential([
        keras.Input((3,)), first,
        keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.25))])
    model.set_weights([np.ones(weight.shape) for weight in model.get_weights()])
    assert float(sum(model.losses)) == 0.5 * 6 + 0.25 * 2
    first.trainable = False
    assert float(sum(model.losses)) == 0.25 * 2
