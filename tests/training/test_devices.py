"""What NUM_GPU_DEVICES and TF_CONFIG ask for, and what is refused before any work."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import signal
import socket
import sys
import types

import numpy as np
import pytest
import stand_in_strategy

from end2end import config
from end2end.training import devices, run_inputs
from end2end.utils import files

TRAINING = config.TrainingOptions(best_model="best.h5")
HOSTS = {"worker": ["a:1", "b:1", "c:1"]}
TWO_HOSTS = dict(cluster=dict(worker=["a:1", "b:1"]),
                 task=dict(type="worker", index=0))


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    monkeypatch.delenv("NUM_GPU_DEVICES", raising=False)
    monkeypatch.delenv("TF_CONFIG", raising=False)


def layout(monkeypatch, *, content=None, gpus=None, **changes):
    if content is not None:
        monkeypatch.setenv("TF_CONFIG", content if isinstance(content, str)
                           else json.dumps(content))
    if gpus is not None:
        monkeypatch.setenv("NUM_GPU_DEVICES", gpus)
    return devices.layout(dataclasses.replace(TRAINING, **changes))


def test_without_the_variables_a_run_has_one_device(monkeypatch):
    assert layout(monkeypatch) == devices.Layout("none", 1)
    assert devices.cluster(" ") == ((), 0)


def test_the_number_of_gpus_asks_for_several_devices(monkeypatch):
    assert layout(monkeypatch, gpus="3") == devices.Layout("devices", 3)


def test_a_cluster_tells_which_process_this_is(monkeypatch):
    stated = layout(monkeypatch, gpus="2", content=dict(
        cluster=HOSTS, task=dict(type="worker", index=2)))
    assert stated == devices.Layout("hosts", 2, 2, ("a:1", "b:1", "c:1"))
    assert not stated.chief


def test_a_chief_comes_before_the_workers(monkeypatch):
    jobs = dict(chief=["a:1"], worker=["b:1"])
    assert [layout(monkeypatch, content=dict(
        cluster=jobs, task=dict(type=kind, index=0))).chief
        for kind in ("chief", "worker")] == [True, False]


def test_a_cluster_of_one_is_one_device(monkeypatch):
    content = dict(cluster=dict(worker=["a:1"]), task=dict(type="worker", index=0))
    assert layout(monkeypatch, content=content).strategy == "none"
    assert devices.cluster(json.dumps(content)) == ((), 0)


@pytest.mark.parametrize("content", [
    "{", "[1]", dict(cluster=HOSTS), dict(cluster=HOSTS, task=dict(type="worker",
                                                                   index=3)),
    dict(cluster=HOSTS | dict(ps=["d:1"]), task=dict(type="worker", index=0))])
def test_a_cluster_that_makes_no_sense_is_refused(monkeypatch, content):
    with pytest.raises(files.InputError, match="TF_CONFIG cannot be used.*expected"):
        layout(monkeypatch, content=content)


def test_a_process_that_never_comes_is_named(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        free, busy = 0, server.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as two:
            free = two.getsockname()[1]
        addresses = (f"127.0.0.1:{free}", "127.0.0.1:1")
        with pytest.raises(ConnectionError, match="no process at 127.0.0.1:1 in 0 s"):
            devices.meet(devices.Layout("hosts", 1, 0, addresses, wait=0))
        with pytest.raises(files.InputError, match="cannot listen.*free port"):
            devices.meet(devices.Layout("hosts", 1, 0, (f"127.0.0.1:{busy}", "b:1")))


def test_the_times_that_others_have_can_be_set(monkeypatch):
    content = dict(cluster=HOSTS, task=dict(type="worker", index=0))
    stated = layout(monkeypatch, content=content)
    assert (stated.wait, stated.join) == (1800, 300)
    monkeypatch.setenv("END2END_WAIT_SECONDS", "60")
    monkeypatch.setenv("END2END_JOIN_SECONDS", "1")
    stated = layout(monkeypatch, content=content)
    assert (stated.wait, stated.join) == (60, 1)
    for wrong in ("0", "-3", "soon"):
        monkeypatch.setenv("END2END_JOIN_SECONDS", wrong)
        with pytest.raises(files.InputError, match="END2END_JOIN_SECONDS"):
            layout(monkeypatch, content=content)


@pytest.mark.parametrize("gpus", ["0", "-1", "two"])
def test_a_number_of_gpus_that_is_none_is_refused(monkeypatch, gpus):
    with pytest.raises(files.InputError, match="NUM_GPU_DEVICES"):
        layout(monkeypatch, gpus=gpus)


@pytest.mark.parametrize("changes, reason", [
    (dict(accumulate=2), "--accumulate 2"), (dict(xla=True), "--xla"),
    (dict(precision="mixed_float16"), "--precision mixed_float16")])
def test_what_works_on_one_device_only_is_refused_on_several(
        monkeypatch, changes, reason):
    layout(monkeypatch, **changes)
    with pytest.raises(files.InputError, match=reason):
        layout(monkeypatch, gpus="2", **changes)


def test_several_hosts_need_a_file_to_go_on_from(monkeypatch):
    assert layout(monkeypatch, best_model="NOSAVE", gpus="2").devices == 2
    with pytest.raises(files.InputError, match="NOSAVE"):
        layout(monkeypatch, best_model="NOSAVE", content=TWO_HOSTS)


def test_several_hosts_are_not_tuned_and_several_devices_are(monkeypatch):
    assert layout(monkeypatch, tune=True, gpus="2").devices == 2
    with pytest.raises(files.InputError, match="--tune works on one host only"):
        layout(monkeypatch, tune=True, content=TWO_HOSTS)


@pytest.mark.parametrize(("content", "reason"), [
    ("[1]", "has no attribute 'get'"), (dict(cluster=HOSTS), "'type'"),
    (dict(cluster=HOSTS | dict(ps=["d:1"]), task=dict(type="worker", index=0)),
     "(other roles than chief and worker)"),
    (dict(cluster=dict(worker=["a:1", "b:0"]), task=dict(type="worker", index=0)),
     "(an address without a port)")])
def test_what_is_wrong_with_a_cluster_is_said(monkeypatch, content, reason):
    with pytest.raises(files.InputError) as caught:
        layout(monkeypatch, content=content)
    assert reason in str(caught.value)
    assert str(caught.value).endswith(
        f"expected {devices.EXAMPLE}, the index that of this process. Set it so, or "
        "unset it.")


@pytest.fixture
def tensorflow(monkeypatch):
    """Lists of GPUs and strategies that note what they are asked for."""
    import tensorflow as tf

    noted = types.SimpleNamespace(gpus=[], calls=[])
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: (
        noted.gpus if kind == "GPU" else ["processor", "another"]))
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *arguments: (
        noted.calls.append(("visible", *arguments))))
    monkeypatch.setattr(
        tf.config, "set_logical_device_configuration", lambda device, parts: (
            noted.calls.append(("logical", device, len(parts)))))
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: names)
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: (
        noted.calls.append("joined")) or "strategy")
    return noted


@pytest.mark.parametrize(("gpus", "names", "warnings"), [
    (4, ["GPU:0", "GPU:1", "GPU:2"], []), (3, ["GPU:0", "GPU:1", "GPU:2"], []),
    (2, ["GPU:0", "GPU:1"],
     ["NUM_GPU_DEVICES=3, but there are 2 GPUs; 2 are used."]),
    (1, None, ["NUM_GPU_DEVICES=3, but there are 1 GPUs; 1 are used."]),
    (0, ["CPU:0", "CPU:1", "CPU:2"], [
        "NUM_GPU_DEVICES=3, but there is no GPU; the processor stands for 3 devices, "
        "which is good for a trial and no faster."])])
def test_one_process_takes_the_gpus_that_there_are_or_parts_of_the_processor(
        tensorflow, caplog, gpus, names, warnings):
    tensorflow.gpus = ["a", "b", "c", "d"][:gpus]
    assert devices.STRATEGIES["devices"](devices.Layout("devices", 3)) == names
    assert caplog.messages == warnings
    assert tensorflow.calls == ([] if gpus else [("logical", "processor", 3)])


@pytest.mark.parametrize(("gpus", "asked", "warning"), [
    (3, 2, None), (2, 2, None), (0, 1, None),
    (1, 2, "NUM_GPU_DEVICES=2, but there are 1 GPUs; this process uses 1 device(s)."),
    (0, 2, "NUM_GPU_DEVICES=2, but there are 0 GPUs; this process uses 1 device(s).")])
def test_processes_join_within_their_time_and_end_on_a_signal(
        tensorflow, monkeypatch, caplog, gpus, asked, warning):
    tensorflow.gpus, calls = ["a", "b", "c"][:gpus], tensorflow.calls
    monkeypatch.setattr(devices, "meet", lambda layout: calls.append("met"))
    monkeypatch.setattr(
        devices.faulthandler, "dump_traceback_later", lambda seconds, exit, file:
            calls.append((seconds, exit, file.name)))
    monkeypatch.setattr(devices.faulthandler, "cancel_dump_traceback_later",
                        lambda: calls.append("cancelled"))
    monkeypatch.setattr(devices.signal, "signal", lambda *what: calls.append(what))
    stated = devices.Layout("hosts", asked, 0, ("a:1", "b:1"), join=7)
    assert devices.STRATEGIES["hosts"](stated) == "strategy"
    visible = [("visible", tensorflow.gpus[:asked], "GPU")] if gpus else []
    assert calls == [*visible, "met", (7, True, "/dev/null"), "joined", "cancelled",
                     (signal.SIGTERM, signal.SIG_DFL)]
    assert caplog.messages == ([warning] if warning else [])


def test_one_device_needs_no_strategy():
    assert devices.strategy(devices.Layout()) is None
    said = []
    settings = run_inputs.Settings(
        config.ImageOptions(), config.ModelOptions(), TRAINING, said.append,
        layout=devices.Layout())
    with devices.started(settings) as same, devices.scope(same):
        assert same is settings
    devices.announce(settings)
    assert said == []
    assert devices.together(settings, 5) == [5]
    assert devices.agree(settings, "signature") is None


@pytest.fixture
def hosts(monkeypatch, tmp_path):
    """Settings of process 2 of 3 with two devices each, the lines said, and what is
    added up over the processes."""
    lines, sums = [], []
    settings = run_inputs.Settings(
        config.ImageOptions(), config.ModelOptions(), dataclasses.replace(
            TRAINING, batch_size=10, best_model=str(tmp_path / "best.h5")),
        say=lines.append, verbose=2, layout=devices.Layout(
            "hosts", 2, 1, ("a:1", "b:1", "c:1"), wait=60, join=7))
    strategy = stand_in_strategy.Strategy(
        6, 2, jobs=dict(worker=["a:1", "b:1", "c:1"]), task=("worker", 1))
    monkeypatch.setattr(devices, "strategy", lambda layout: strategy)
    devices_of = types.SimpleNamespace(total=lambda numbers: (
        sums.append(numbers.copy()), numbers)[1])
    monkeypatch.setattr(devices.training.replicas, "Devices", lambda strategy:
                        devices_of)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "it", "a b"])
    return types.SimpleNamespace(settings=settings, lines=lines, sums=sums,
                                 devices=devices_of, strategy=strategy)


def test_a_process_says_that_it_waits_and_is_silent_behind_the_first(hosts):
    with devices.started(hosts.settings) as settings:
        assert settings.strategy is hosts.strategy
        assert (settings.say, settings.verbose) == (devices.log.debug, 0)
        assert hosts.sums == []
    assert logging.getLogger("tensorflow").level == logging.WARNING
    assert hosts.lines == [
        "process 2 of 3; waiting for the others, at most 60 s (where one is lost while "
        "they join, this ends 7 s later with status 1)",
        "6 replicas, each with a batch of 5: 30 images in a step",
        "messages and files come from the first process"]
    # At the end each has come so far.
    assert [numbers.tolist() for numbers in hosts.sums] == [[0, 0, 0]]


def test_the_first_process_goes_on_speaking(hosts):
    first = dataclasses.replace(
        hosts.settings.layout, index=0, addresses=("a:1", "b:1"))
    with devices.started(dataclasses.replace(
            hosts.settings, layout=first)) as settings:
        assert settings.say == hosts.settings.say and settings.verbose == 2
    assert len(hosts.lines) == 2
    with devices.scope(settings) as entered:
        assert entered is None


@pytest.mark.parametrize(("rows", "task", "expected"), [
    (0, "", "(one does not answer); no epoch is complete."),
    (3, " /job:worker/replica:0/task:2 is away",
     "(worker 2 does not answer); epoch 3 is complete in FOLDER/best.state.npz.")])
def test_a_lost_process_is_named_with_what_there_is_to_go_on_from(
        hosts, tmp_path, rows, task, expected):
    import tensorflow as tf

    if rows:
        np.savez(tmp_path / "best.state.npz", meta=np.array(json.dumps(
            dict(rows=[{}] * rows))))
    with pytest.raises(ConnectionError) as caught, devices.started(hosts.settings):
        raise tf.errors.UnavailableError(None, None, f"gone{task}")
    assert str(caught.value).replace(str(tmp_path), "FOLDER") == (
        f"the processes of this run lost each other {expected} Start the same command "
        "on every host again to go on (python -m it 'a b')")


def test_an_error_of_tensorflow_in_one_process_comes_out_as_it_is(hosts):
    import tensorflow as tf

    alone = dataclasses.replace(hosts.settings, layout=devices.Layout("devices", 2))
    with pytest.raises(tf.errors.InternalError), devices.started(alone):
        raise tf.errors.InternalError(None, None, "no memory")
    assert hosts.lines == ["6 replicas, each with a batch of 5: 30 images in a step"]


def test_processes_agree_on_signature_epochs_and_report(hosts, tmp_path):
    def number(signature):
        hosts.sums.clear()
        with contextlib.suppress(files.InputError):
            devices.agree(hosts.settings, signature)
        [numbers] = hosts.sums
        assert numbers.dtype == np.int32 and numbers[1] > 0
        assert numbers[[0, 2]].tolist() == [0, 0]
        return numbers[1]

    first = number("signature")
    digest = hashlib.sha256(b'["signature", 0, false]').digest()
    assert first == int.from_bytes(digest[:4], "big") // 2
    assert number("signature") == first != number("other")
    np.savez(tmp_path / "best.state.npz", meta=np.array(json.dumps(dict(rows=[{}]))))
    later = number("signature")
    (tmp_path / "best.report.json").write_text("{}")
    assert len({first, later, number("signature")}) == 3


@pytest.mark.parametrize(("numbers", "differs"), [
    ([7, 7, 7], None), ([7, 7, 8], 3), ([7, 8, 8], 2)])
def test_the_first_process_that_sees_something_else_is_named(hosts, numbers, differs):
    hosts.devices.total = lambda _: np.array(numbers)
    if differs is None:
        assert devices.agree(hosts.settings, "signature") is None
        return
    with pytest.raises(files.InputError) as caught:
        devices.agree(hosts.settings, "signature")
    assert str(caught.value) == (
        f"process {differs} of 3 has other settings, images (size, time of change) or "
        f"results beside {hosts.settings.training.best_model} than the first; give the "
        "same command everywhere, and folders that all hosts share.")


@pytest.mark.parametrize(("dual", "both"), [
    (True, dict(family=socket.AF_INET6, dualstack_ipv6=True)), (False, {})])
def test_a_process_listens_on_both_kinds_of_addresses_where_there_are_both(
        monkeypatch, dual, both):
    asked = []

    def refused(*what, **how):
        asked.append((*what, how))
        raise OSError(98, "in use")

    monkeypatch.setattr(devices.socket, "has_dualstack_ipv6", lambda: dual)
    for name in ("create_server", "create_connection"):
        monkeypatch.setattr(devices.socket, name, refused)
    with pytest.raises(files.InputError) as caught:
        devices.meet(devices.Layout("hosts", 1, 1, ("a:1", "b:22")))
    assert str(caught.value) == (
        "this process cannot listen at b:22, its address in TF_CONFIG (in use); give a "
        "free port.")
    assert not devices.listens("[::1]:7")
    assert asked == [(("", 22), both), (("::1", 7), dict(timeout=5))]


def test_a_process_waits_until_all_listen(monkeypatch):
    """The address of another is free at first, and taken while this one waits."""
    others = []

    def sleep(seconds):
        assert seconds == 0.5
        others.append(socket.create_server(("127.0.0.1", free[1])))

    free = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as server:
            free.append(server.getsockname()[1])
    monkeypatch.setattr(devices.time, "sleep", sleep)
    addresses = tuple(f"127.0.0.1:{port}" for port in free)
    devices.meet(devices.Layout("hosts", 1, 0, addresses, wait=60))
    assert len(others) == 1
    assert [devices.listens(address) for address in addresses] == [False, True]
    others[0].close()
