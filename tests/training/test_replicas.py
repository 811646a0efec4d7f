"""Several devices and several processes give what one gives; a lost process ends well.

Devices and processes are real: logical devices of the processor, and processes that
talk over the loopback address.
"""

import csv
import functools
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import types

import keras
import numpy as np
import pytest
import replica_losses
import stand_in_strategy
import tensorflow as tf
import tiny_networks

from end2end import config
from end2end.data import image_batches
from end2end.training import callbacks, loop, replicas, schedule
from tests.training import test_experiment

ROOT = pathlib.Path(__file__).parents[2]
HERE = ROOT / "tests" / "helpers"
QUIET = dict(TF_CPP_MIN_LOG_LEVEL="3", TF_NUM_INTRAOP_THREADS="1",
             PYTHONPATH=os.pathsep.join(map(str, (ROOT, HERE))))
SECONDS = 120                       # after which a test process is taken for stuck
MORE = ("sgd", "remat", "half", "normalised")


def environment(**more):
    environment = {name: value for name, value in os.environ.items()
            if name not in ("TF_CONFIG", "NUM_GPU_DEVICES")}
    return environment | QUIET | more


def cluster(hosts, index):
    """`TF_CONFIG` of one of the processes."""
    return json.dumps(dict(cluster=dict(worker=hosts),
                           task=dict(type="worker", index=index)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("folders")
    test_experiment.write_folders(root, test_experiment.PATCH_CLASSES,
                                  counts=(5, 2, 2))
    return root


@functools.cache
def losses(count, *names):
    """Of one device and of some: {name: [one, several]}."""
    process = subprocess.run(
        [sys.executable, HERE / "replica_losses.py", str(count), *names], text=True,
        capture_output=True, env=environment(), timeout=SECONDS)
    assert process.returncode == 0, process.stderr[-2000:]
    return json.loads(process.stdout.splitlines()[-1])


def numbers(rows):
    return np.array([[value for name, value in row.items() if name != "stage"]
                     for row in rows])


def equal(single, several):
    assert list(single["rows"][0]) == list(several["rows"][0])
    assert "val_auc" in single["rows"][0]
    np.testing.assert_allclose(
        numbers(several["rows"]), numbers(single["rows"]), atol=1e-4)


@pytest.mark.slow
def test_two_replicas_of_4_give_the_losses_and_the_auroc_of_one_of_8():
    equal(*losses(2, "adam")["adam"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sgd", "remat"])
def test_so_do_three_with_unequal_parts(name):
    equal(*losses(3, *MORE)[name])


@pytest.mark.slow
def test_half_precision_works_on_replicas():
    single, several = losses(3, *MORE)["half"]
    np.testing.assert_allclose(
        numbers(several["rows"]), numbers(single["rows"]), atol=0.05)


@pytest.mark.slow
def test_normalisation_has_own_statistics_but_the_averages_of_all():
    single, several = losses(3, *MORE)["normalised"]
    assert len(several["moving"]) == 2
    for parts in several["moving"]:
        np.testing.assert_array_equal(parts, [parts[0]] * len(parts))
    differs = numbers(single["rows"]) - numbers(several["rows"])
    assert 1e-4 < np.abs(differs).max() < 1


def test_the_parts_of_a_batch_are_all_of_it():
    for count in range(1, 9):
        parts = [replicas.places(count, replica, 3) for replica in range(3)]
        assert np.concatenate(parts).tolist() == list(range(count))
        assert np.ptp(list(map(len, parts))) <= 1


@pytest.fixture
def eager():
    """No graphs: compiling them takes longer than the few steps of a test."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_three_replicas_one_after_the_other_give_the_losses_of_one_device(
        eager, monkeypatch):
    single = replica_losses.rows(None, optimizer="adam")
    strategy = stand_in_strategy.Strategy(3)

    def devices_of(model):
        strategy.model = model
        return replicas.of(types.SimpleNamespace(distribute_strategy=strategy))

    monkeypatch.setattr(loop, "replicas", types.SimpleNamespace(of=devices_of))
    several = replica_losses.rows(strategy, optimizer="adam")
    equal(single, several)
    assert set(strategy.reduced) == {("SUM", None)}


def test_first_steps_on_three_replicas_have_the_losses_of_one_device(
        eager, monkeypatch):
    losses, stage = [], schedule.Stage("all", None, 3, 0.01, 0.01, 0.0)
    for strategy in (None, stand_in_strategy.Strategy(3)):
        model = replica_losses.network(normalised=False)
        if strategy:
            strategy.model = model
            devices = replicas.Devices(strategy)
            monkeypatch.setattr(loop.replicas, "of", lambda model, devices=devices:
                                devices)
        losses.append(list(loop.first_steps(
            model, stage, replica_losses.batches(7, 3), options=config.TrainingOptions(
                optimizer="adam", workers=1), count=3)))
    assert losses[1] == pytest.approx(losses[0], abs=1e-5) and losses[0][2] > 0.1


@pytest.mark.parametrize(("last", "verbose"), [(4, 1), (5, 0)])
def test_what_follows_the_training_on_replicas_is_called_as_by_keras(
        monkeypatch, last, verbose):
    devices, calls = replicas.Devices(stand_in_strategy.Strategy(1)), []
    model = types.SimpleNamespace()
    results = iter([(1.5, 1.0), (2.5, 3.0)] * 2)
    lists = keras.callbacks.CallbackList
    monkeypatch.setattr(keras.callbacks, "CallbackList", lambda *what, **how: (
        calls.append(how), lists(*what, **dict(how, add_progbar=False)))[1])
    monkeypatch.setattr(devices, "stepper", lambda model, loss: lambda parts: (
        calls.append([value.values[0].numpy().tolist() for value in parts]),
        next(results))[1])
    monkeypatch.setattr(devices, "averager", lambda model: lambda: calls.append("mean"))

    class Follower(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            calls.append("begin")

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(epoch)

        def on_train_batch_begin(self, batch, logs=None):
            calls.append(-batch)

        def on_train_batch_end(self, batch, logs=None):
            calls.append((batch, dict(logs)))

        def on_epoch_end(self, epoch, logs=None):
            calls.append((epoch, dict(logs)))
            model.stop_training |= epoch == last

        def on_train_end(self, logs=None):
            calls.append(dict(logs))

    devices.fit(model, iter([(2, [([3], [0])]), (3, [([7], [1])])] * 2), loss=None,
                steps=2, epochs=(4, 6), followers=[Follower()], verbose=verbose)
    logs = dict(accuracy=0.8, loss=2.1)
    epoch = [0, [[3], [0]], (0, dict(accuracy=0.5, loss=1.5)), -1, [[7], [1]],
             (1, pytest.approx(logs)), "mean"]
    assert calls == [
        dict(add_history=True, add_progbar=bool(verbose), verbose=verbose, epochs=6,
             steps=2, model=model), "begin",
        *[part for number in range(4, last + 1)
          for part in (number, *epoch, (number, pytest.approx(logs)))],
        pytest.approx(logs)]


def test_a_model_of_one_device_needs_no_replicas():
    assert replicas.of(tiny_networks.flat_network()) is None


def of_task(task, replicas_of_all=6):
    return replicas.Devices(stand_in_strategy.Strategy(
        replicas_of_all, 2, jobs=dict(chief=["a:1"], worker=["b:1", "c:1"]), task=task))


@pytest.mark.parametrize(("task", "index", "own", "share", "lone"), [
    (("chief", 0), 0, [0, 1], [0, 0], [0, 0]),
    (("worker", 0), 1, [2, 3], [1, 2], [0, 0]),
    (("worker", 1), 2, [4, 5], [0, 3], [0, 0])])
def test_each_process_has_its_replicas_and_their_part_of_a_batch(
        task, index, own, share, lone):
    devices = of_task(task)
    assert (devices.index, devices.chief, list(devices.own), devices.hosts) == (
        index, index == 0, own, 3)
    two = of_task(("worker", 0), 4)
    assert (two.index, two.hosts, list(two.own)) == (1, 2, [2, 3])
    # Of four images six replicas have 0, 1, 1, 0, 1, 1; one without computes the first.
    spread = [list(replicas.places(4, replica, 6)) or [0] for replica in own]
    assert devices.share(4).tolist() == [image for part in spread for image in part]
    assert devices.share(1).tolist() == lone


def test_the_weights_of_the_parts_are_those_of_the_whole_batch():
    devices = replicas.Devices(stand_in_strategy.Strategy(3))
    batches = replica_losses.batches(2, 5)
    images, labels, _ = batches.batch(0)
    weights = np.array([3, 5], np.float32)

    def weighted(images, labels, _):
        assert len(images) == 3         # of three replicas the first has none of two
        return images, labels, np.array([3, 3, 5], np.float32)

    [(count, parts)] = devices.parts(batches, 0, 1, workers=1, weighted=weighted)
    assert count == len(weights)
    expected = [(0, 0.0, 0.0), (0, 1.5, 1.0), (1, 2.5, 1.0)]
    for part, (image, weight, counts) in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part[0], images[image:image + 1])
        np.testing.assert_array_equal(part[1], labels[image:image + 1])
        assert [part[2].tolist(), part[3].tolist()] == [[weight], [counts]]
        assert part[2].dtype == part[3].dtype == np.float32


def test_processes_score_their_share_of_the_batches_and_add_them_up(
        eager, monkeypatch):
    model = replica_losses.network(normalised=False)
    batches = replica_losses.batches(20, 3)                     # seven, the last of 2
    labels, scores = callbacks.predict_batches(model, batches)
    parts = []
    for task in (("chief", 0), ("worker", 0), ("worker", 1)):
        devices, summed = of_task(task), []
        total = devices.total
        monkeypatch.setattr(devices, "total", lambda scores, total=total, to=summed: (
            to.append(scores.shape), total(scores))[1])
        several, part = devices.predict_batches(model, batches)
        assert summed == [labels.shape]
        np.testing.assert_array_equal(several, labels)
        assert several.dtype == part.dtype == np.float32
        parts.append(part)
    np.testing.assert_allclose(sum(parts), scores, atol=1e-6)
    assert [part.any(axis=1).sum() for part in parts] == [6, 6, 8]


def test_averages_that_were_moved_become_those_of_all_replicas(eager, monkeypatch):
    model = tiny_networks.nested_network()
    for name in ("trunk_bn", "top_bn"):
        layer = (model.get_layer("trunk") if name == "trunk_bn" else model).get_layer(
            name)
        layer.moving_mean.assign(np.arange(1, 1 + layer.moving_mean.shape[0]))
    model.get_layer("trunk").get_layer("trunk_bn").trainable = False
    asked = []
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda:
                        types.SimpleNamespace(all_reduce=lambda how, values: (
                            asked.append(how), [value / 2 for value in values])[1]))
    devices = replicas.Devices(stand_in_strategy.Strategy(1))
    devices.averager(model)()
    assert asked == [tf.distribute.ReduceOp.MEAN]
    top = model.get_layer("top_bn")
    averages = [top.moving_mean, top.moving_variance,
                model.get_layer("trunk").get_layer("trunk_bn").moving_mean]
    assert [average.numpy().tolist() for average in averages] == [
        [0.5, 1.0], [0.5, 0.5], [1.0, 2.0, 3.0]]
    assert devices.averager(replica_losses.network(normalised=False))() is None
    assert len(asked) == 1


def ports(count):
    """Free ports, as far as one can know."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


class Run:
    """A training run of two processes."""

    def __init__(self, folders, out, *more, epochs=4, count=2):
        out.mkdir(exist_ok=True)
        hosts = [f"127.0.0.1:{port}" for port in ports(2)]
        self.history = out / "best.history.csv"
        self.processes = [subprocess.Popen(
            [sys.executable, HERE / "replica_process.py", folders, out, str(epochs),
             "4", *more], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(TF_CONFIG=cluster(hosts, i)))
            for i in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.processes:
            process.kill()
            process.wait()

    def wait_for(self, epochs):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if self.history.exists() and len(list(csv.DictReader(
                    self.history.open()))) >= epochs:
                return
            time.sleep(0.05)
        raise TimeoutError("no epoch was done")

    def ended(self, index):
        """Status, standard output and error of a process."""
        process = self.processes[index]
        output, error = process.communicate(timeout=SECONDS)
        return process.returncode, output, error

    def rows(self):
        ends = [self.ended(index) for index in range(len(self.processes))]
        assert [status for status, _, _ in ends] == [0, 0], ends
        return json.loads(ends[0][1].splitlines()[-1])


@pytest.mark.slow
def test_two_processes_give_what_one_gives(folders, tmp_path):
    alone = subprocess.run(
        [sys.executable, HERE / "replica_process.py", folders, tmp_path / "one", "4",
         "8"], text=True, capture_output=True, env=environment(), timeout=SECONDS)
    assert alone.returncode == 0, alone.stderr
    with Run(folders, tmp_path / "two") as run:
        rows = run.rows()
    np.testing.assert_allclose(
        numbers(rows), numbers(json.loads(alone.stdout.splitlines()[-1])), atol=1e-4)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        ".best.h5.checksums.json", "best.config.json", "best.h5", "best.history.csv",
        "best.report.json"]


@pytest.mark.slow
@pytest.mark.parametrize("victim, end", [
    (0, signal.SIGKILL), (1, signal.SIGKILL), (1, signal.SIGSTOP)])
def test_a_lost_process_ends_the_run_which_then_goes_on_as_if_unbroken(
        folders, tmp_path, victim, end):
    with Run(folders, tmp_path / "broken", "--pause", "0.4") as run:
        run.wait_for(2)
        run.processes[victim].send_signal(end)
        started = time.monotonic()
        status, _, error = run.ended(1 - victim)
        assert time.monotonic() - started < 60
    *_, line = error.strip().splitlines()
    assert status == 1
    assert line.startswith("error: the processes of this run lost each other")
    assert "best.state.npz" in line
    assert "Start the same command on every host" in line
    with Run(folders, tmp_path / "broken") as run:
        broken = run.rows()
    with Run(folders, tmp_path / "whole") as run:
        assert broken == run.rows()


@pytest.mark.slow
def test_processes_that_see_other_results_are_refused(folders, tmp_path):
    def run_of_two(second):
        run = Run(folders, tmp_path / "first", count=0)
        hosts = [f"127.0.0.1:{port}" for port in ports(2)]
        run.processes = [subprocess.Popen(
            [sys.executable, HERE / "replica_process.py", folders, out, "2", "4"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(TF_CONFIG=cluster(hosts, i)))
            for i, out in enumerate((tmp_path / "first", second))]
        return run

    with run_of_two(tmp_path / "second") as run:
        ends = [run.ended(index) for index in range(2)]
    assert [status for status, _, _ in ends] == [2, 2]
    assert all("process 2 of 2 has other settings" in error for _, _, error in ends)


def test_replicas_read_with_as_many_threads_as_are_asked_for(eager, monkeypatch):
    asked, kind = [], image_batches.ImageBatches
    read = kind.batches
    monkeypatch.setattr(kind, "batches", lambda batches, *words, workers: (
        asked.append(workers), read(batches, *words, workers=workers))[1])
    devices = replicas.Devices(stand_in_strategy.Strategy(2))
    batches = replica_losses.batches(4, 2)
    devices.predict_batches(
        replica_losses.network(normalised=False), batches, workers=3)
    assert len(list(devices.parts(
        batches, 0, 2, workers=4, weighted=lambda images, labels, _: (
            images, labels, np.ones(len(labels), np.float32))))) == 2
    assert asked == [3, 4]
