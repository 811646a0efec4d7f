"""Early stopping, plateau and best model count as in Keras 2.0.8."""

import contextlib
import types

import keras
import numpy as np
import pytest
import tiny_networks

from end2end.training import callbacks
from end2end.utils import files


def epochs(callback, losses, *, watch="val_loss", rate=1.0):
    """Feeds one value per epoch; returns (epochs run, learning rate after each)."""
    rates = []
    if hasattr(callback, "pending") and callback.pending is None:
        callback.on_train_begin()
        assert callback.state() == (np.inf, 0)
    callback.set_model(types.SimpleNamespace(
        stop_training=False,
        optimizer=types.SimpleNamespace(learning_rate=keras.Variable(rate))))
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {watch: loss})
        rates.append(float(callback.model.optimizer.learning_rate))
        if callback.model.stop_training:
            break
    return epoch + 1, rates


def test_early_stopping_ends_at_the_epoch_after_the_patience():
    stopper = callbacks.EarlyStopping(2)
    # Epoch 1 is the best; 2, 3 and 4 are not better: the third of them ends it.
    assert epochs(stopper, [1.0, 1.0, 1.1, 1.2, 1.3, 1.4])[0] == 4


def test_early_stopping_with_patience_0_needs_one_epoch_without_progress():
    assert epochs(callbacks.EarlyStopping(0), [1.0, 0.9, 0.9, 0.1])[0] == 3


def test_early_stopping_counts_anew_in_the_next_stage():
    stopper = callbacks.EarlyStopping(1)
    epochs(stopper, [1.0, 1.0])
    assert epochs(stopper, [2.0, 2.0, 1.9, 2.0])[0] == 4


def test_the_rate_is_halved_one_epoch_after_the_patience_then_every_patience():
    plateau = callbacks.ReduceRateOnPlateau(2)
    _, rates = epochs(plateau, [1.0] * 8)
    # Epoch 1 sets the best; 2, 3, 4 are no better: halved at 4, then at 6 and 8.
    assert rates == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_an_improvement_by_less_than_1e_4_is_no_progress_for_the_rate():
    plateau = callbacks.ReduceRateOnPlateau(1)
    _, rates = epochs(plateau, [1.0, 0.99995, 1.0 - 1e-4])
    assert rates[-1] == 0.5


def test_a_stopper_goes_on_from_its_state():
    whole, first, second = (callbacks.EarlyStopping(2) for _ in range(3))
    losses = [1.0, 1.1, 1.1, 1.1]
    epochs(first, losses[:2])
    second.restore(first.state())
    assert 2 + epochs(second, losses[2:])[0] == epochs(whole, losses)[0] == 4


def test_the_best_model_needs_a_strictly_higher_value_across_stages():
    saved = []
    keeper = callbacks.BestCheckpoint(
        "val_accuracy", lambda model, logs: saved.append(logs["epoch"]))
    assert keeper.state() == (-1.0, None, {})
    epochs(keeper, [0.0, 0.5, 0.5, 0.6, 0.6], watch="val_accuracy")
    epochs(keeper, [0.6, 0.7], watch="val_accuracy")
    assert (saved, keeper.best) == ([1, 2, 4, 2], 0.7)


def test_a_loss_that_becomes_nan_says_where_and_what_was_tried():
    watcher = callbacks.StopOnNan("tried: adam at 10")
    watcher.on_epoch_begin(4)
    with pytest.raises(callbacks.Diverged, match="batch 3 of epoch 5; tried: adam"):
        watcher.on_train_batch_end(2, {"loss": float("nan")})


def test_a_best_model_is_spoken_of_only_where_there_is_one():
    for kept in (False, True):
        watcher = callbacks.StopOnNan("tried: adam", lambda kept=kept: kept)
        with pytest.raises(callbacks.Diverged) as caught:
            watcher.on_train_batch_end(0, {"loss": float("inf")})
        assert ("best model so far is kept" in str(caught.value)) == kept


def test_the_time_left_is_that_of_the_whole_run(monkeypatch):
    lines, clock = [], iter([0.0, 40.0, 100.0, 820.0])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(clock))
    watcher = callbacks.TimeLeft(12, lines.append)
    for epoch in (1, 2):
        watcher.on_epoch_begin(epoch)
        watcher.on_epoch_end(epoch)
    assert lines == ["epoch 2 of 12 took 40 s; at most about 7 min left of the run",
                     "epoch 3 of 12 took 12 min; at most about 1.8 h left of the run"]


def test_loss_clips_probabilities_at_1e_7():
    labels = np.array([[1.0, 0.0], [0.0, 1.0]])
    scores = np.array([[0.0, 1.0], [0.0, 1.0]])
    loss, accuracy = callbacks.loss_and_accuracy(labels, scores)
    assert loss == pytest.approx((-np.log(1e-7) - np.log(1 - 1e-7)) / 2, rel=1e-12)
    assert accuracy == 0.5


def test_each_class_has_its_auroc_and_a_class_without_images_none():
    labels = np.eye(3)[[0, 0, 1, 1]]
    scores = np.array([[.8, .2, 0], [.4, .6, 0], [.3, .7, 0], [.6, .4, 0]])
    aucs = callbacks.class_aucs(labels, scores)
    assert aucs[:2] == [0.75, 0.75]
    assert np.isnan(aucs[2])


def test_validation_adds_loss_with_penalties_accuracy_and_auroc_of_all_images():
    model = tiny_networks.nested_network(weight_decay=0.1)
    model.compile("sgd")
    batches = tiny_networks.ArrayBatches(7, batch_size=4)
    validation = callbacks.Validation(batches, auc=True)
    validation.set_model(model)
    logs = {}
    validation.on_epoch_end(0, logs)
    scores = model.predict(batches.images, verbose=0)
    truth = np.eye(2)[batches.labels]
    plain, accuracy = callbacks.loss_and_accuracy(truth, scores)
    kernels = [model.get_layer(name).kernel.numpy() for name in ("top_conv", "output")]
    penalty = 0.1 * sum((kernel**2).sum() for kernel in kernels)
    assert logs["val_loss"] == pytest.approx(plain + penalty, rel=1e-5)
    assert logs["val_accuracy"] == pytest.approx(accuracy)
    assert logs["val_auc"] == pytest.approx(
        np.mean(callbacks.class_aucs(truth, scores)), abs=1e-6)


def test_the_state_of_a_network_comes_back_with_its_optimizer(tmp_path):
    batches = tiny_networks.ArrayBatches()
    models = []
    for _ in range(2):
        model = tiny_networks.nested_network(dropout=0.5)
        model.compile("adam", "categorical_crossentropy")
        model.optimizer.build(model.trainable_variables)
        models.append(model)
    images, labels, _ = batches.batch(0)
    models[0].train_on_batch(images, labels)
    callbacks.write_state(tmp_path / "state.npz", models[0], {"epochs": 3})
    callbacks.restore_variables(tmp_path / "state.npz", models[1])
    assert callbacks.read_meta(tmp_path / "state.npz") == {"epochs": 3}
    # Some releases of Keras return the mean over all batches so far.
    models[0].reset_metrics()
    losses = [float(model.train_on_batch(images, labels)) for model in models]
    assert losses[0] == losses[1]


def test_a_cut_off_state_counts_as_none(tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    assert callbacks.read_meta(path) is None


def test_a_fixed_epoch_is_kept_whatever_its_value():
    kept = []
    best = callbacks.BestCheckpoint(
        "val_auc", lambda model, logs: kept.append(logs["epoch"]), only_epoch=3)
    epochs(best, [0.9, 0.8, 0.6], watch="val_auc")
    assert (best.best, best.best_epoch, kept) == (0.6, 3, [3])


@pytest.mark.parametrize(("seconds", "text"), [
    (0.4, "0 s"), (99.4, "99 s"), (99.9, "100 s"), (100, "2 min"), (5999, "100 min"),
    (6000, "1.7 h"), (36_000, "10.0 h")])
def test_times_are_told_in_the_unit_that_suits(seconds, text):
    assert callbacks.duration(seconds) == text


@pytest.mark.parametrize(("only_epoch", "before"), [
    (None, "no epoch was scored"), (3, "the model of epoch 3 will be kept")])
def test_the_auroc_of_each_epoch_and_the_best_are_said(only_epoch, before):
    lines, kept = [], []
    validation = types.SimpleNamespace(aucs=[])
    best = callbacks.AucCheckpoint(
        lambda model, logs: kept.append(logs), validation=validation, say=lines.append,
        only_epoch=only_epoch)
    best.set_model(None)
    best.on_train_end()
    for epoch, aucs in enumerate(([0.5, 0.7], [0.75, 0.85], [0.2, 0.4])):
        validation.aucs = aucs
        best.on_epoch_end(epoch, dict(val_auc=sum(aucs) / 2, loss=epoch))
    best.on_train_end()
    number, value, shown = (2, "0.8000", "[0.7500 0.8500]") if only_epoch is None else (
        3, "0.3000", "[0.2000 0.4000]")
    assert lines == [
        before, "epoch 1: validation AUROC [0.5000 0.7000], mean 0.6000",
        "epoch 2: validation AUROC [0.7500 0.8500], mean 0.8000",
        "epoch 3: validation AUROC [0.2000 0.4000], mean 0.3000",
        f"best mean validation AUROC so far {value} in epoch {number}: {shown}"]
    assert [logs["epoch"] for logs in kept] == ([1, 2] if only_epoch is None else [3])
    other = callbacks.AucCheckpoint(
        None, validation=validation, say=lines.append, only_epoch=only_epoch)
    other.restore(best.state())
    assert other.state() == best.state()
    other.on_train_end()
    assert lines[-1] == lines[-2]


def test_the_state_of_another_network_is_refused(tmp_path):
    models = [tiny_networks.flat_network(), tiny_networks.nested_network()]
    for model in models:
        model.compile("sgd", "categorical_crossentropy")
        model.optimizer.build(model.trainable_variables)
    path = tmp_path / "state.npz"
    callbacks.write_state(path, models[0], {})
    with pytest.raises(files.InputError) as caught:
        callbacks.restore_variables(path, models[1])
    assert str(caught.value) == (
        f"{path} holds the state of another network; remove it to start again.")


@pytest.mark.parametrize(("name", "value", "where"), [
    ("loss", float("inf"), "epoch 3 (loss)"),
    ("val_loss", float("nan"), "epoch 3 (val_loss)")])
def test_an_epoch_whose_loss_is_none_ends_the_run(name, value, where):
    watcher = callbacks.StopOnNan("tried: adam")
    watcher.on_epoch_end(2, dict(loss=1.0, val_loss=0.0))
    with pytest.raises(callbacks.Diverged) as caught:
        watcher.on_epoch_end(2, dict(loss=1.0, val_loss=0.0) | {name: value})
    assert str(caught.value) == f"the loss became {value} in {where}; tried: adam"


def test_as_many_threads_read_as_validation_is_given():
    model, asked = tiny_networks.flat_network(), []
    batches = tiny_networks.ArrayBatches(5)
    callbacks.predict_batches(model, batches, workers=3)
    assert batches.workers == {3} and batches.asked == [0, 1]
    validation = callbacks.Validation(
        "batches", auc=False, workers=4, predict=lambda *words, workers: (
            asked.append((*words, workers)), (np.eye(2), np.eye(2)))[1])
    validation.set_model(model)
    validation.on_epoch_end(0, {})
    assert asked == [(model, "batches", 4)]


def test_values_for_tensorboard_are_on_disk_after_each_epoch(tmp_path, monkeypatch):
    import tensorflow as tf

    done = []
    writer = types.SimpleNamespace(
        as_default=lambda step: (done.append(step), contextlib.nullcontext())[1],
        flush=lambda: done.append("flushed"), close=lambda: done.append("closed"))
    monkeypatch.setattr(tf.summary, "create_file_writer", lambda folder: (
        done.append(folder), writer)[1])
    monkeypatch.setattr(tf.summary, "write", lambda name, value, metadata: done.append(
        (name, value, metadata.plugin_data.plugin_name)))
    log = callbacks.TensorBoardLog(tmp_path)
    log.set_model(types.SimpleNamespace(
        optimizer=types.SimpleNamespace(learning_rate=keras.Variable(0.25))))
    log.on_train_begin()
    log.on_epoch_end(2, dict(loss=np.float32(0.5)))
    log.on_train_end()
    assert done == [
        str(tmp_path), 3, ("loss", 0.5, "scalars"), ("learning_rate", 0.25, "scalars"),
        "flushed", "closed"]
