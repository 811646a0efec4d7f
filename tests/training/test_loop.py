"""The training loop: stages run, kept, interrupted and gone on with."""

import dataclasses
import gzip
import json
import pathlib
import types

import keras
import numpy as np
import pytest
import tiny_networks

from end2end import checkpoints, config
from end2end.training import callbacks, freezing, loop, optimizers, schedule
from end2end.utils import files

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "training"
TRAINING = config.TrainingOptions(
    optimizer="adam", learning_rate=0.001, first_until_epoch=3, top_until_epoch=13,
    all_until_epoch=50, all_rate_multiplier=0.01, late_weight_decay=0.02,
    late_dropout=0.3, workers=1)


@pytest.fixture(autouse=True, scope="module")
def eager():
    """No graphs: compiling them takes longer than the few steps of a test."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def quick(**changes):
    return dataclasses.replace(TRAINING, **changes)


def stages(*ends, first="output"):
    return [schedule.Stage(f"stage {number}", first if number == 0 else None, end,
                           0.01, 0.01, 0.0) for number, end in enumerate(ends)]


def run(ends, *, options=TRAINING, model=None, batches=None, output=None, **keywords):
    model = model or tiny_networks.flat_network()
    return loop.train(
        model, stages(*ends), batches or tiny_networks.ArrayBatches(),
        tiny_networks.ArrayBatches(6, seed=3), options=options, output=output,
        **keywords)


def test_epoch_flags_are_end_points_of_the_run():
    said = []
    history = run([2, 3, 5], output=loop.Output(say=said.append))
    assert [line.partition(" took")[0] for line in said if " took " in line] == [
        f"epoch {number} of 5" for number in range(1, 6)]
    assert [(row["epoch"], row["stage"]) for row in history.rows] == [
        (1, "stage 0"), (2, "stage 0"), (3, "stage 1"), (4, "stage 2"), (5, "stage 2")]


def test_first_steps_are_those_of_a_run_and_validate_nothing():
    batches = tiny_networks.ArrayBatches()
    losses = list(loop.first_steps(
        tiny_networks.flat_network(), stages(1)[0], batches, options=TRAINING, count=3))
    history = run([1])
    # Ten images: batches of four, four and two.
    assert np.average(losses, weights=[4, 4, 2]) == pytest.approx(
        history.rows[0]["loss"], rel=1e-6)
    assert batches.asked == [0, 1, 2]


def test_a_stage_whose_end_is_reached_runs_no_epoch(monkeypatch, caplog):
    said = []
    caplog.set_level("WARNING", "end2end")
    monkeypatch.setattr(freezing, "too_few_values", lambda model, *size: str(size))
    history = run([2, 1, 3], output=loop.Output(say=said.append))
    assert [row["stage"] for row in history.rows] == ["stage 0", "stage 0", "stage 2"]
    assert list(history.seconds) == ["stage 0", "stage 1", "stage 2"]
    assert "\nstage 2 of 3, 'stage 1': its end, epoch 1, is reached" in said
    assert [line for line in said if "done" in line] == [
        "stage 'stage 0' done: 2 epochs", "stage 'stage 2' done: 1 epochs"]
    assert caplog.messages == ["((8, 8), 4)"]
    batches = tiny_networks.ArrayBatches(batch_size=3)
    batches.options.height = 8
    run([0], batches=batches)
    assert caplog.messages[1:] == ["((8, 8), 3)"]


def test_stages_are_compiled_with_the_options_and_what_is_left_of_their_epochs(
        monkeypatch):
    asked, compiled, model = [], [], tiny_networks.flat_network()
    model.compile = lambda *what, **how: (
        compiled.append(how), type(model).compile(model, *what, **how))
    monkeypatch.setattr(loop.rates, "rate", lambda peak, **how: (
        asked.append((peak, how)), peak)[1])
    options = quick(weight_average=0.25, accumulate=2, seed=11)
    batches = tiny_networks.ArrayBatches(10)
    staged = [stages(1)[0], schedule.Stage("two", None, 4, 0.02, 0.01, 0.5)]
    loop.train(model, staged, batches, tiny_networks.ArrayBatches(6), options=options)
    assert asked == [(0.01, dict(epochs=1, steps=3, options=options)),
                     (0.02, dict(epochs=3, steps=3, options=options))]
    assert compiled == [dict(jit_compile=False, metrics=["accuracy"])] * 2
    optimizer = model.optimizer
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.25)
    assert optimizer.gradient_accumulation_steps == 2
    place = [layer.name for layer in model.layers].index("drop")
    drawn = model.get_layer("drop").seed_generator
    other = keras.random.SeedGenerator(11 + place)
    assert drawn.state.numpy()[0] == other.state.numpy()[0]


def test_a_stage_that_had_stopped_does_not_go_on_after_an_interruption(tmp_path):
    fixed = [dataclasses.replace(stages(9)[0], learning_rate=0.0)]
    said = []

    def again():
        model = tiny_networks.flat_network()
        model.get_layer("bn").momentum = 1.0
        return loop.train(
            model, fixed, tiny_networks.ArrayBatches(), tiny_networks.ArrayBatches(6),
            options=quick(stop_patience=0), output=output_in(tmp_path, say=said.append))
    first = again()
    said.clear()
    second = again()
    assert second.rows == first.rows and len(first.rows) == 2
    assert (second.best, second.best_epoch, second.resumed_at) == (
        first.best, first.best_epoch, 2)
    assert said[:2] == [
        f"going on after epoch 2, from {tmp_path / 'state.npz'}",
        "\nstage 1 of 1, 'stage 0': its end, epoch 9, is reached"]


@pytest.mark.parametrize(("watch", "weights"), [
    ("val_auc", [1, 3]), ("val_accuracy", [1, 3])])
def test_classes_are_weighed_and_only_auroc_is_watched_where_it_is_asked_for(
        watch, weights):
    options = quick(balance_batches=False, positive_weight=3.0)
    batches = tiny_networks.ArrayBatches(3)
    plain = dataclasses.replace(stages(1)[0], weight_decay=0.0)
    first, = loop.first_steps(tiny_networks.flat_network(weight_decay=0.0), plain,
                              batches, options=options, watch=watch, count=1)
    model = tiny_networks.flat_network(weight_decay=0.0)
    model.get_layer("output").kernel_regularizer = None
    images, labels, _ = batches.batch(0)
    each = np.array(schedule.cross_entropy(labels, model(images, training=True)))
    history = loop.train(
        tiny_networks.flat_network(weight_decay=0.0), [plain], batches,
        tiny_networks.ArrayBatches(6), options=options, watch=watch)
    expected = (each * (labels @ np.float32(weights))).sum() / 3
    assert history.rows[0]["loss"] == pytest.approx(expected, rel=1e-4)
    assert first == pytest.approx(expected, rel=1e-4)
    assert ("val_auc" in history.rows[0]) == (watch == "val_auc")
    assert history.best == history.rows[0][watch]
    three = loop._Run(types.SimpleNamespace(
        output_shape=(None, 3), distribute_strategy=types.SimpleNamespace(
            num_replicas_in_sync=1)), stages(1), batches, batches, options,
        loop.Output(), watch)
    assert (three.weights is None) == (watch == "val_auc")


def test_a_run_without_an_epoch_has_no_best_value():
    history = run([0])
    assert (history.rows, history.best, history.best_epoch) == ([], None, None)


@pytest.mark.parametrize(("height", "sides"), [(None, (8, 8)), (8, (None, None))])
def test_images_of_one_height_may_have_any_width(height, sides):
    batches = tiny_networks.ArrayBatches()
    batches.options.height = height
    whole = loop._Run(tiny_networks.flat_network(), stages(1), batches, batches,
                      TRAINING, loop.Output(), "val_auc")
    shapes = [tuple(part.shape) for part in whole._dataset(0, 1).element_spec]
    assert shapes == [(None, *sides, 1), (None, tiny_networks.CLASSES), (None,)]


def test_with_the_last_epoch_kept_no_stage_ends_early():
    saved = []
    output = loop.Output(save=lambda model, logs: saved.append(logs["epoch"]))
    options = quick(stop_patience=0, keep_epoch="last")
    history = run([2, 5, 4], options=options, output=output)
    assert (len(history.rows), saved) == (5, [5])
    assert history.best_epoch == history.only_epoch == 5
    assert history.best == history.rows[-1]["val_auc"]
    saved.clear()
    history = run([2], options=options, output=output, watch="val_accuracy")
    assert (saved, history.best) == ([2], history.rows[1]["val_accuracy"])


def test_a_later_stage_from_a_layer_that_is_not_there_is_refused_before_any_epoch():
    batches = tiny_networks.ArrayBatches()
    wrong = [*stages(2), *stages(4, first="activation_46")]
    with pytest.raises(files.InputError, match="no layer 'activation_46'"):
        loop.train(tiny_networks.flat_network(), wrong, batches,
                   tiny_networks.ArrayBatches(6), options=TRAINING)
    assert batches.asked == []


def test_a_stage_that_stops_early_leaves_its_epochs_to_the_next():
    options = quick(stop_patience=0)
    fixed = [dataclasses.replace(row, learning_rate=0.0) for row in stages(9, 9)]
    model = tiny_networks.flat_network()
    model.get_layer("bn").momentum = 1.0
    said = []
    history = loop.train(
        model, fixed, tiny_networks.ArrayBatches(), tiny_networks.ArrayBatches(6),
        options=options, output=loop.Output(say=said.append))
    # Nothing changes, so each stage ends after its second epoch.
    assert [row["stage"] for row in history.rows] == ["stage 0"] * 2 + ["stage 1"] * 2
    assert [line for line in said if "done" in line] == [
        f"stage 'stage {number}' done: 2 epochs, stopped early" for number in (0, 1)]


@pytest.mark.parametrize(("count", "steps"), [(10, 3), (8, 3), (3, 1)])
def test_an_epoch_has_one_batch_more_than_whole_batches(count, steps):
    batches = tiny_networks.ArrayBatches(count)
    run([2], batches=batches)
    assert batches.asked == list(range(2 * steps))


def test_the_stages_go_on_with_the_batches_of_the_run():
    batches = tiny_networks.ArrayBatches(10)
    run([1, 3], batches=batches)
    assert batches.asked == list(range(9))
    indices = np.concatenate([batches.indices(b) for b in batches.asked])
    assert np.bincount(indices).tolist() == [3] * 10


def test_sample_weights_are_averaged_by_the_batch_size():
    weights = np.array([1, 2, 1], np.float32)
    model = tiny_networks.flat_network(weight_decay=0.0)
    batches = tiny_networks.ArrayBatches(3, weights=weights)  # one batch an epoch
    images, labels, _ = batches.batch(0)
    each = np.array(schedule.cross_entropy(labels, model(images, training=True)))
    plain = [dataclasses.replace(row, weight_decay=0.0) for row in stages(1)]
    history = loop.train(
        model, plain, batches, tiny_networks.ArrayBatches(6), options=TRAINING)
    expected = (each * weights).sum() / 3
    assert history.rows[0]["loss"] == pytest.approx(expected, rel=1e-4)


def test_late_weight_decay_and_dropout_act_from_the_second_stage_on():
    rows = [schedule.Stage("one", None, 1, 0.0, 0.01, 0.0),
            schedule.Stage("two", None, 2, 0.0, 0.5, 0.9)]
    results = {}
    for semantics in ("corrected", "original"):
        model = tiny_networks.flat_network(weight_decay=0.01)
        loop.train(
            model, rows, tiny_networks.ArrayBatches(), tiny_networks.ArrayBatches(6),
            options=quick(semantics=semantics))
        results[semantics] = float(sum(model.losses)), model.get_layer("drop").rate
    assert results["corrected"][0] == pytest.approx(50 * results["original"][0])
    assert (results["corrected"][1], results["original"][1]) == (0.9, 0.0)


@pytest.mark.parametrize(("momentum", "acting"), [(None, 0.99), (0.625, 0.625)])
def test_averages_of_normalisation_keep_the_share_that_is_set(momentum, acting):
    model = tiny_networks.flat_network()
    run([1], model=model, options=quick(statistics_momentum=momentum))
    assert model.get_layer("bn").momentum == acting


def test_a_plateau_halves_the_rate_for_sgd_only():
    rates = {}
    for name in ("sgd", "adam"):
        model = tiny_networks.flat_network()
        model.get_layer("bn").momentum = 1.0
        history = loop.train(
            model, [schedule.Stage("one", None, 4, 1e-12, 0.0, 0.0)],
            tiny_networks.ArrayBatches(), tiny_networks.ArrayBatches(6),
            options=quick(optimizer=name, rate_patience=1))
        rates[name] = [row["learning_rate"] / 1e-12 for row in history.rows]
    np.testing.assert_allclose(rates["sgd"], [1, 1, 1, 0.5], rtol=1e-6)
    np.testing.assert_allclose(rates["adam"], 1, rtol=1e-6)


def test_a_loss_that_becomes_nan_ends_the_run_with_what_was_tried():
    batches = tiny_networks.ArrayBatches()
    batches.images[:] = np.nan
    with pytest.raises(callbacks.Diverged) as caught:
        run([1], batches=batches)
    assert str(caught.value) == (
        "the loss became nan in batch 1 of epoch 1; tried: stage 'stage 0', adam at "
        "learning rate 0.01, weight decay 0.01, batch 4. Lower --init-learningrate, or "
        "check the images (--rescale-factor, --featurewise-mean)")


def test_what_a_reading_thread_raises_comes_out_as_it_is():
    class Broken(tiny_networks.ArrayBatches):
        def batches(self, *arguments, **keywords):
            yield self.batch(0)
            raise OSError("disk on fire")

    with pytest.raises(OSError, match="^disk on fire$"):
        run([1], batches=Broken())


def output_in(folder, saved=None, **changes):
    return loop.Output(
        save=lambda model, logs: None if saved is None else saved.append(logs["epoch"]),
        history=folder / "history.csv", state=folder / "state.npz", **changes)


class Interrupting(tiny_networks.ArrayBatches):
    """Raises in the middle of an epoch, as Ctrl-C does."""

    def batches(self, start=0, stop=None, *, workers=1):
        for b in range(start, stop):
            if b == 7:
                raise KeyboardInterrupt
            yield self.batch(b)


# The kill comes in the third epoch: the first of the second stage, or its second.
@pytest.mark.parametrize(("ends", "changes"), [
    pytest.param([2, 5], dict(optimizer="adam"), marks=pytest.mark.slow),
    ([2, 5], dict(optimizer="sgd")),
    pytest.param([1, 4], dict(optimizer="adam"), marks=pytest.mark.slow),
    ([1, 6], dict(optimizer="adamw", decoupled_decay=0.1, weight_average=0.5,
                  warmup_epochs=1, rate_cycle=0.4, label_smoothing=0.1))])
def test_an_interrupted_run_goes_on_to_the_same_history_and_weights(
        tmp_path, ends, changes):
    options = quick(stop_patience=1, rate_patience=0, **changes)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = tiny_networks.flat_network(dropout=0.2)
    unbroken = run(ends, options=options, model=whole, output=output_in(tmp_path / "a"))
    with pytest.raises((KeyboardInterrupt, Exception)):
        run(ends, options=options, model=tiny_networks.flat_network(dropout=0.2),
            batches=Interrupting(), output=output_in(tmp_path / "b"))
    continued = tiny_networks.flat_network(dropout=0.2)
    resumed = run(ends, options=options, model=continued,
                  output=output_in(tmp_path / "b"))
    assert resumed.resumed_at == 2
    assert resumed.rows == unbroken.rows
    assert (resumed.best, resumed.best_epoch) == (unbroken.best, unbroken.best_epoch)
    assert (tmp_path / "a/history.csv").read_text() == (
        tmp_path / "b/history.csv").read_text()
    for variable, other in zip(whole.variables, continued.variables, strict=True):
        np.testing.assert_array_equal(variable, other)


@pytest.mark.parametrize(("patience", "keep"), [(0, "best"), (9, "best"), (9, "last")])
def test_the_average_of_the_weights_is_validated_saved_and_left(patience, keep):
    kernels, model = [], tiny_networks.flat_network()
    kernel = model.get_layer("output").kernel
    batches = tiny_networks.ArrayBatches(3)                # one step per epoch
    saved = []
    output = loop.Output(save=lambda model, logs: saved.append(kernel.numpy()))
    options = quick(optimizer="sgd", weight_average=0.5, stop_patience=patience,
                    keep_epoch=keep)

    class Watch(callbacks.TimeLeft):
        def on_train_batch_end(self, batch, logs=None):
            kernels.append(kernel.numpy())

    # Where the labels are the other way round, the third epoch of four is worse.
    validation = tiny_networks.ArrayBatches(6, seed=3, shift=2.0 if patience else -2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks, "TimeLeft", Watch)
        history = loop.train(
            model, stages(3 if patience else 4), batches, validation, options=options,
            output=output)
    assert len(history.rows) == 3
    average, averages = kernels[0], [kernels[0]]
    for later in kernels[1:]:
        average = (average + later) / 2
        averages.append(average)
    np.testing.assert_allclose(saved[-1], averages[history.best_epoch - 1], atol=1e-6)
    assert history.best_epoch == (3 if keep == "last" else 1)
    assert np.abs(averages[2 if keep == "last" else 1] - kernels[-1]).max() > 1e-4
    np.testing.assert_allclose(kernel, averages[-1], atol=1e-6)


def test_a_cosine_takes_the_place_of_the_plateau_and_stands_in_the_history():
    options = quick(optimizer="sgd", rate_patience=0, warmup_epochs=1, rate_cycle=1.0)
    rates = [row["learning_rate"] for row in run([3], options=options).rows]
    # Ten images in batches of four: three steps, and so the cosine has six.
    np.testing.assert_allclose(rates, [0.01 / 3, 0.01, 0.005], rtol=1e-6)


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_a_progress_bar_keeps_its_line(verbose):
    lines = []
    run([1], output=loop.Output(say=lines.append, verbose=verbose))
    [line] = [line for line in lines if "of 1 took" in line]
    assert line.startswith("\n" if verbose == 1 else "epoch 1 of 1")


def test_a_state_of_other_settings_is_left_aside(tmp_path):
    run([2], output=output_in(tmp_path, signature="a"))
    messages = []
    history = run([1], output=output_in(tmp_path, signature="b", say=messages.append))
    assert (len(history.rows), history.resumed_at) == (1, 0)
    assert messages[0] == (
        f"settings or data changed since {tmp_path / 'state.npz'} was written; "
        "training starts from the beginning")


@pytest.mark.parametrize("changes", [
    dict(remat=True), dict(precision="mixed_float16"), dict(accumulate=2)])
def test_ways_to_save_memory_train_and_come_back_from_a_state(tmp_path, changes):
    options = quick(**changes)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = run([2], options=options, output=output_in(tmp_path / "a"))
    run([1], options=options, output=output_in(tmp_path / "b"))
    resumed = run([2], options=options, output=output_in(tmp_path / "b"))
    assert resumed.resumed_at == 1
    assert resumed.rows == whole.rows


def test_recomputing_gives_the_history_of_a_plain_run():
    plain, recomputed = (run([2], options=quick(remat=remat))
                         for remat in (False, True))
    for row, other in zip(plain.rows, recomputed.rows, strict=True):
        assert other["val_loss"] == pytest.approx(row["val_loss"], rel=1e-4)


def test_tensorboard_finds_the_values_of_each_epoch(tmp_path):
    import tensorflow as tf

    history = run([2], options=quick(tensorboard=str(tmp_path)))
    values = {}
    for record in tf.data.TFRecordDataset([str(path) for path in tmp_path.iterdir()]):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name in ("scalars", "")
            values[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert values["val_loss", 2] == pytest.approx(history.rows[1]["val_loss"])
    assert values["learning_rate", 1] == pytest.approx(0.01)


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The original's small whole-image model, its inputs, what it computed."""
    path = tmp_path_factory.mktemp("golden") / "initial.h5"
    path.write_bytes(gzip.decompress((GOLDEN / "initial.h5.gz").read_bytes()))
    data = np.load(GOLDEN / "inputs.npz")
    results = {name: json.loads((GOLDEN / f"{name}.json").read_text())
               for name in ("gradients", "curves")}
    return path, data["x"].astype(np.float32), data["y"].astype(np.float32), results


@pytest.mark.slow
def test_the_first_loss_and_the_gradients_equal_those_of_the_original(golden):
    import tensorflow as tf

    path, x, y, results = golden
    model = checkpoints.load_model(path)
    freezing.train_from(model, None)
    weights = tf.constant([1.0, 2.0, 1.0, 2.0])
    with tf.GradientTape() as tape:
        each = schedule.cross_entropy(y[:4], model(x[:4], training=True))
        loss = tf.reduce_mean(each * weights) + sum(model.losses)
    expected = results["gradients"]
    assert float(loss) == pytest.approx(expected["loss"], rel=1e-4)
    norms = {tuple(weight["name"].split(":")[0].split("/")[-2:]): weight
             for weight in expected["weights"]}
    compared = 0
    variables = model.trainable_variables
    for variable, gradient in zip(
            variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        weight = norms.get(tuple(variable.path.split("/")[-2:]))
        if weight and weight["gradient_norm"] > 1e-2:
            assert float(tf.norm(gradient)) == pytest.approx(
                weight["gradient_norm"], rel=0.03), variable.path
            compared += 1
    assert compared > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop", "sgd"])
def test_the_first_steps_go_the_way_of_the_original(golden, name):
    path, x, y, results = golden
    expected = results["curves"][name]
    model = checkpoints.load_model(path)
    np.testing.assert_allclose(
        model.predict(x, batch_size=4, verbose=0), expected["initial_predictions"],
        atol=1e-5)
    model.compile(optimizers.optimizer(name, expected["lr"]), schedule.cross_entropy,
                  jit_compile=False)
    losses = []
    for k in range(3):
        which = slice(4 * k, 4 * k + 4)
        losses.append(float(model.train_on_batch(
            x[which], y[which], sample_weight=np.array([1.0, 2, 1, 2]))))
    theirs = [loss for loss, _ in expected["train_losses"][:3]]
    assert losses[0] == pytest.approx(theirs[0], rel=1e-4)
    np.testing.assert_allclose(losses, theirs, rtol=0.15)


def test_as_many_threads_read_as_are_asked_for_and_keras_warns_of_nothing(recwarn):
    batches, validation = (tiny_networks.ArrayBatches(count) for count in (10, 6))
    options = quick(workers=3)
    loop.train(tiny_networks.flat_network(), stages(1), batches, validation,
               options=options)
    steps = tiny_networks.ArrayBatches()
    list(loop.first_steps(tiny_networks.flat_network(), stages(1)[0], steps,
                          options=options, count=1))
    assert batches.workers == validation.workers == steps.workers == {3}
    assert not [one for one in recwarn if "shuffle" in str(one.message)]


def test_a_stage_may_train_the_normalisation_before_its_first_layer():
    stage = dataclasses.replace(
        stages(1)[0], first_trainable=freezing.NOTHING, normalisation=True)
    model, said = tiny_networks.flat_network(), []
    before = [weight.numpy() for weight in model.trainable_weights]
    loop.train(model, [stage], tiny_networks.ArrayBatches(),
               tiny_networks.ArrayBatches(6), options=TRAINING,
               output=loop.Output(say=said.append))
    after = [weight.numpy() for weight in (
        model.get_layer("bn").gamma, model.get_layer("bn").beta,
        *model.get_layer("output").weights)]
    assert [bool((first != later).any()) for first, later in zip(
        before, after, strict=True)] == [True, True, False, False]
    assert ("\ntrained: from nothing on, normalisation too; 1 layers, 2 of 8 weights"
            in said[0])


@pytest.mark.parametrize("changes", [dict(remat=True), dict(xla=True)])
def test_steps_are_computed_as_the_options_ask_for(monkeypatch, changes):
    asked, model = [], tiny_networks.flat_network()
    monkeypatch.setattr(loop.remat, "computing", lambda *words, **how: asked.append(
        (*words, how)))
    batches = tiny_networks.ArrayBatches()
    loop._Run(model, stages(1), batches, batches, quick(**changes), loop.Output(),
              "val_auc")._computing()
    assert asked == [(model, dict(recompute=False, xla=False) | {
        dict(remat="recompute").get(name, name): True for name in changes})]
