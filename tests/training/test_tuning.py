"""`--tune`: which ways are tried, what is taken, and that nothing else is changed."""

import contextlib
import dataclasses
import json
import types

import numpy as np
import pytest
import tiny_networks

from end2end import config
from end2end.training import devices, remat, run_inputs, schedule, tuning, variants
from end2end.utils import files

HALF = variants.Variant("mixed_bfloat16")
XLA = variants.Variant(xla=True)
PROCESSOR = variants.Machine(0, frozenset({"float32", "mixed_bfloat16"}))


def trial(seconds, *losses):
    return tuning.Trial(seconds, 100, losses or (1.0, 2.0))


def test_the_fastest_way_whose_losses_stay_is_taken():
    rows, way, reason = tuning.chosen([
        (variants.PLAIN, trial(1.0)), (HALF, trial(0.5)), (XLA, trial(0.7)),
        (variants.PLAIN, trial(1.02))])
    assert way == HALF and reason == "0.5 s per step in place of 1 s"
    assert [row["name"] for row in rows] == ["float32", "mixed_bfloat16",
                                             "float32, XLA"]


@pytest.mark.parametrize("losses, taken", [
    ((1.0, 2.03), HALF), ((1.0, 2.05), variants.PLAIN),
    ((float("nan"), 2.0), variants.PLAIN)])
def test_a_way_whose_losses_differ_too_much_is_not_taken(losses, taken):
    rows, way, reason = tuning.chosen([
        (variants.PLAIN, trial(1.0)), (HALF, trial(0.5, *losses)),
        (variants.PLAIN, trial(1.0))])
    assert way == taken
    assert ("nothing else takes less" in reason) == (taken == variants.PLAIN)
    assert rows[1].get("refused") == (
        None if taken == HALF else "losses differ by more than 2 %")


@pytest.mark.parametrize("last, seconds, taken", [
    (1.0, 0.96, variants.PLAIN), (1.0, 0.94, HALF), (1.2, 0.85, variants.PLAIN),
    (1.2, 0.79, HALF)])
def test_a_gain_counts_beyond_what_the_same_settings_differ_by(last, seconds, taken):
    _, way, reason = tuning.chosen([
        (variants.PLAIN, trial(1.0)), (HALF, trial(seconds)),
        (variants.PLAIN, trial(last))])
    assert way == taken
    assert ("nothing else takes less" in reason) == (taken == variants.PLAIN)


def test_a_way_that_fails_is_named_and_another_taken():
    rows, way, _ = tuning.chosen([
        (variants.PLAIN, trial(1.0)), (HALF, "out of memory"), (XLA, trial(0.5)),
        (variants.PLAIN, trial(1.0))])
    assert way == XLA and rows[1]["refused"] == "out of memory"


@pytest.mark.parametrize("first, last", [("no", trial(1)), (trial(1), "no")])
def test_where_the_settings_themselves_cannot_be_measured_they_stay(first, last):
    _, way, reason = tuning.chosen([
        (variants.PLAIN, first), (HALF, trial(0.5)), (variants.PLAIN, last)])
    assert way == variants.PLAIN and "could not be measured (no)" in reason


def test_what_was_set_by_hand_stays():
    given = variants.Variant("mixed_bfloat16", data_format="channels-last")
    assert tuning.alternatives(given) == [
        given, dataclasses.replace(given, xla=True)]
    assert len(tuning.alternatives(variants.PLAIN)) == len(variants.VARIANTS)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Settings of a run whose trials answer by a table, and what was tried."""
    monkeypatch.setattr(variants, "machine", lambda: PROCESSOR)
    monkeypatch.setattr(run_inputs, "run_signature", lambda *_: "run 7")
    lines, tried = [], []
    settings = run_inputs.Settings(
        config.ImageOptions(), config.ModelOptions(), config.TrainingOptions(
            tune=True, best_model=str(tmp_path / "best.h5")), lines.append, verbose=2,
        layout=devices.Layout())

    def alone(function, kind, data, settings, *, seconds):
        assert (function, kind, data, seconds) == (tuning.trial, "patch", {}, 1800)
        assert (settings.say, settings.verbose) == (tuning.log.debug, 0)
        way = variants.of(settings.training)
        tried.append(way)
        return trial(0.4 if way == HALF else 1.0)

    monkeypatch.setattr(tuning.processes, "alone", alone)
    return settings, lines, tried


def test_the_choice_is_said_with_the_table_and_written(run, tmp_path):
    settings, lines, tried = run
    training = tuning.tuned("patch", {}, settings).training
    assert training == dataclasses.replace(
        settings.training, precision="mixed_bfloat16")
    assert tried == [variants.PLAIN, HALF, variants.PLAIN]
    assert "| mixed_bfloat16 | 0.4 | 100 | 0 % |  |" in lines[0]
    assert "| float32, XLA |  |  |  | XLA is not repeatable" in lines[0]
    assert lines[1] == (
        "computed in mixed_bfloat16: 0.4 s per step in place of 1 s")
    record = json.loads((tmp_path / "best.tuning.json").read_text())
    assert record["choice"] == dataclasses.asdict(HALF)
    assert len(record["rows"]) == len(variants.VARIANTS)


def test_a_run_that_goes_on_takes_what_it_took_and_another_measures(
        run, monkeypatch):
    settings, _, tried = run
    first = tuning.tuned("patch", {}, settings)
    tried.clear()
    assert tuning.tuned("patch", {}, settings) == first and tried == []
    monkeypatch.setattr(run_inputs, "run_signature", lambda *_: "run 8")
    tuning.tuned("patch", {}, settings)
    assert len(tried) == 3


def test_a_damaged_record_is_refused_in_one_sentence(run, tmp_path):
    (tmp_path / "best.tuning.json").write_text("{")
    with pytest.raises(files.InputError, match="best.tuning.json"):
        tuning.tuned("patch", {}, run[0])


@pytest.mark.parametrize("content", [
    dict(signature="run 7"), dict(signature="run 7", choice=dict(precision="mixed")),
    dict(signature="run 7", choice=dict(unknown=1)), [1]])
def test_a_record_that_tells_no_way_is_not_used(run, tmp_path, content):
    (tmp_path / "best.tuning.json").write_text(json.dumps(content))
    tuning.tuned("patch", {}, run[0])
    assert len(run[2]) == 3


def test_without_anything_to_choose_from_nothing_is_tried(run, monkeypatch):
    settings, lines, tried = run
    monkeypatch.setattr(variants, "machine", lambda: variants.Machine(
        0, frozenset({"float32"})))
    assert tuning.tuned("patch", {}, settings).training == settings.training
    assert tried == [] and "nothing to choose from" in lines[-1]


def test_a_trial_that_fails_leaves_its_message(run, monkeypatch):
    def alone(*arguments, seconds):
        raise ChildProcessError("out of memory")

    monkeypatch.setattr(tuning.processes, "alone", alone)
    assert tuning.tried("patch", {}, run[0], HALF) == (HALF, "out of memory")


def test_each_precision_has_a_bound_that_its_own_rounding_keeps():
    assert tuning.row_of(HALF, trial(1, 1.0, 2.0), trial(1, 1.0, 2.0)) == dict(
        name="mixed_bfloat16", seconds=1, megabytes=100, difference=0.0)
    assert set(remat.PRECISIONS) == set(variants.BOUNDS)


def test_measured_steps_drop_no_units_and_hardly_move_the_weights(monkeypatch):
    model = tiny_networks.flat_network(dropout=0.3)
    monkeypatch.setattr(tuning.loop, "first_steps", lambda *what, **how: (what, how))
    stage = schedule.Stage("all", None, 3, 0.5, 0.25, 0.75)
    (network, measured, batches), how = tuning._steps(
        model, stage, "batches", types.SimpleNamespace(training="options"))
    assert (network, batches) == (model, "batches")
    assert how == dict(options="options", count=5)
    assert measured == dataclasses.replace(stage, learning_rate=1e-9, dropout=0.0)
    assert [layer.rate for layer in model.layers if hasattr(layer, "rate")] == [0]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("several", [False, True])
def test_measured_scores_are_of_the_first_batch_on_all_devices(
        monkeypatch, precision, several):
    calls, images = [], np.arange(6.0).reshape(3, 2)
    network = types.SimpleNamespace(
        compile=lambda **how: calls.append(how), predict_on_batch=lambda batch: (
            calls.append("one"), batch + 1)[1])
    on_all = types.SimpleNamespace(
        replicas=2, spread=lambda parts: (calls.append(len(parts)), parts)[1],
        strategy=types.SimpleNamespace(experimental_local_results=lambda parts: parts),
        score=lambda model, parts: [part + 1 for part in parts])
    monkeypatch.setattr(tuning.replicas, "of", lambda model: (
        on_all if several else None))
    monkeypatch.setattr(remat, "set_precision", lambda model, name: calls.append(name))
    batches = types.SimpleNamespace(batch=lambda number: [(images, None), None][number])
    scores = list(tuning._scores(network, None, batches, types.SimpleNamespace(
        training=config.TrainingOptions(precision=precision, xla=True))))
    np.testing.assert_array_equal(scores, [images + 1] * 5)
    assert calls == [dict(jit_compile=True), *[precision] * (precision != "float32"),
                     *[2 if several else "one"] * 5]


@pytest.mark.parametrize(("work", "values"), [
    ("step", (4.0, 3.0, 2.5)), ("scores", (0.25, 0.75))])
def test_a_trial_times_all_but_the_first_of_its_last_stage(monkeypatch, work, values):
    calls, started = [], types.SimpleNamespace(name="started")
    settings = types.SimpleNamespace(name="given")
    ready = types.SimpleNamespace(name="ready")
    monkeypatch.setattr(tuning.devices, "started", lambda given: (
        calls.append(given), contextlib.nullcontext(started))[1])
    monkeypatch.setattr(
        tuning.starting, "network_and_stages", lambda kind, given: (
            calls.append((kind, given)), ("network", ["one", "two"], ready))[1])
    monkeypatch.setattr(tuning.run_inputs, "batches", lambda *what: what)
    found = [4.0, 3.0, 2.5] if work == "step" else [np.array([0.25, 0.75])] * 3
    monkeypatch.setitem(
        tuning.WORKS, work, lambda *what: (calls.append(what), found)[1])
    monkeypatch.setattr(tuning.clocks, "timed", lambda steps: ([0.1, 5.0, 4.5], steps))
    monkeypatch.setattr(tuning, "megabytes", lambda: 77)
    assert tuning.trial("patch", "data", settings, work) == tuning.Trial(
        4.5, 77, values)
    assert calls == [settings, ("patch", started), (
        "network", "two", ("patch", "data", "train", ready), ready)]


def test_what_a_run_and_its_machine_allow_is_asked_for_each_way(run, monkeypatch):
    asked, settings = [], dataclasses.replace(
        run[0], layout=devices.Layout("devices", 3),
        images=config.ImageOptions(height=64))
    monkeypatch.setattr(variants, "why_not", lambda variant, training, **how: (
        asked.append((training, how)), "not here")[1])
    found = tuning.compared("patch", {}, settings)
    assert asked == [(settings.training, dict(
        host=PROCESSOR, devices=3, one_size=False))] * len(variants.VARIANTS)
    assert found == dict(
        rows=[dict(name=variant.name, refused="not here")
              for variant in variants.VARIANTS],
        choice=dataclasses.asdict(variants.PLAIN),
        reason="there is nothing to choose from here")


@pytest.mark.parametrize(("seconds", "reason"), [
    (1.62, "nothing else takes less than 1.6 s per step (the settings as given took "
           "2.4 and 2 s)"), (1.58, "1.58 s per step in place of 2 s")])
def test_times_are_compared_with_the_shorter_of_the_settings_as_given(seconds, reason):
    given = [(variants.PLAIN, trial(2.4)), (HALF, trial(seconds, 1.01, 2.0)),
             (XLA, "no"), (variants.PLAIN, trial(2.0))]
    rows, _, said = tuning.chosen(given)
    assert said == reason
    assert tuning.table(dict(rows=rows)).splitlines() == [
        "| settings | s per step | MB | losses differ by | not taken because |",
        "| ---|---|---|---|--- |", "| float32 | 2.4 | 100 |  |  |",
        f"| mixed_bfloat16 | {seconds} | 100 | 1 % |  |",
        "| float32, XLA |  |  |  | no |"]


def test_without_gpus_memory_is_that_of_the_process(monkeypatch):
    monkeypatch.setattr(tuning.tf.config, "list_logical_devices", lambda kind: [])
    monkeypatch.setattr(tuning.resource, "getrusage", lambda who: (
        types.SimpleNamespace(ru_maxrss=5000 * 1024 + 1000)))
    assert tuning.megabytes() == 5000


def test_memory_is_the_sum_of_the_gpus(monkeypatch):
    monkeypatch.setattr(tuning.tf.config, "list_logical_devices", lambda kind: [
        types.SimpleNamespace(name=f"{kind}:{number}") for number in range(2)])
    monkeypatch.setattr(
        tuning.tf.config.experimental, "get_memory_info", lambda name: dict(
            current=0, peak={"GPU:0": 5 << 20, "GPU:1": 9 << 20}[name]))
    assert tuning.megabytes() == 14


@pytest.mark.slow
def test_a_run_with_real_trials_has_the_weights_of_its_settings_given_by_hand(
        tmp_path, monkeypatch):
    """Processes measure; whatever they say, half precision is taken."""
    from end2end import checkpoints
    from end2end.training import experiment
    from tests.training.test_replica_commands import write_sets

    sets = write_sets(tmp_path, ("neg", "pos"), count=5)
    measured = []
    monkeypatch.setattr(variants, "machine", lambda: PROCESSOR)

    def chosen(trials):
        measured.extend(trials)
        return [], HALF, "the test takes it"

    monkeypatch.setattr(tuning, "chosen", chosen)

    def run(name, **training):
        (tmp_path / name).mkdir()
        return experiment.run_image_experiment(
            sets, config.ImageOptions(size=(64, 64), intensity_scale=0.003891),
            config.ModelOptions("yaroslav", pretrained=False, top_filters=(4,),
                                top_repeats=(1,), dropout=0.5),
            config.TrainingOptions(
                first_until_epoch=1, all_until_epoch=2, batch_size=4, optimizer="adam",
                best_model=str(tmp_path / name / "best.h5"), **training))["history"]

    assert run("tuned", tune=True) == run("by-hand", precision=HALF.precision)
    assert [way for way, _ in measured] == [variants.PLAIN, HALF, variants.PLAIN]
    assert all(isinstance(result, tuning.Trial) for _, result in measured)
    first, half, last = (result.values for _, result in measured)
    # Batch normalisation of two images makes the rounding large: such a way is refused.
    assert first == last and 0 < variants.difference(half, first) < 1
    first, second = (checkpoints.load_model(tmp_path / name / "best.h5").get_weights()
                     for name in ("tuned", "by-hand"))
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))
