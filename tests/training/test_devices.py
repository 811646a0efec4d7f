"""What NUM_GPU_DEVICES and TF_CONFIG ask for, and what is refused before any work."""

import dataclasses
import json
import socket

import pytest

from end2end import config
from end2end.training import devices
from end2end.utils import files

TRAINING = config.TrainingOptions(best_model="best.h5")
HOSTS = {"worker": ["a:1", "b:1", "c:1"]}


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
    assert layout(monkeypatch, content=dict(cluster=dict(
        worker=["a:1"]), task=dict(type="worker", index=0))).strategy == "none"


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
    monkeypatch.setenv("END2END_JOIN_SECONDS", "7")
    stated = layout(monkeypatch, content=content)
    assert (stated.wait, stated.join) == (60, 7)
    for wrong in ("0", "-3", "soon"):
        monkeypatch.setenv("END2END_JOIN_SECONDS", wrong)
        with pytest.raises(files.InputError, match="END2END_JOIN_SECONDS"):
            layout(monkeypatch, content=content)


@pytest.mark.parametrize("gpus", ["0", "-1", "two"])
def test_a_number_of_gpus_that_is_none_is_refused(monkeypatch, gpus):
    with pytest.raises(files.InputError, match="NUM_GPU_DEVICES"):
        layout(monkeypatch, gpus=gpus)


@pytest.mark.parametrize("changes, reason", [
    (dict(accumulate=2), "--accumulate 2"),
    (dict(precision="mixed_float16"), "--precision mixed_float16")])
def test_what_works_on_one_device_only_is_refused_on_several(
        monkeypatch, changes, reason):
    layout(monkeypatch, **changes)
    with pytest.raises(files.InputError, match=reason):
        layout(monkeypatch, gpus="2", **changes)


def test_several_hosts_need_a_file_to_go_on_from(monkeypatch):
    with pytest.raises(files.InputError, match="NOSAVE"):
        layout(monkeypatch, best_model="NOSAVE", content=dict(
            cluster=HOSTS, task=dict(type="worker", index=0)))
