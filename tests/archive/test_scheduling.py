"""Calls of a function here, in processes and on Dask, with real kills."""

import concurrent.futures
import os
import pathlib
import signal
import sys
import threading
import time
import types

import dask_cluster
import pytest

from end2end.archive import scheduling, shards
from end2end.utils import files
from tests.archive import test_shards


def slowly(rows):
    time.sleep(0.4)
    return test_shards.doubled(rows)


def test_tasks_are_read_no_further_than_what_is_in_hand():
    read = []

    def tasks():
        for k in range(50):
            read.append(k)
            yield -k
    results = scheduling.run(abs, tasks(), workers=2)
    first = [next(results) for _ in range(3)]
    assert len(read) <= scheduling.AHEAD * 2 + len(first)
    assert sorted([*first, *results]) == list(range(50))


def test_one_worker_is_this_process_and_keeps_the_order():
    assert list(scheduling.run(lambda k: (k, os.getpid()), [3, 1, 2])) == [
        (k, os.getpid()) for k in (3, 1, 2)]


def test_an_address_without_scheduler_is_refused(tmp_path):
    pytest.importorskip("distributed")
    test_shards.write_manifest(tmp_path / "in.csv", 2)
    with pytest.raises(files.InputError, match="no Dask scheduler"):
        list(shards.run(tmp_path / "in.csv", tmp_path / "out", test_shards.WORK,
                        scheduler="tcp://127.0.0.1:9"))


@pytest.mark.slow
def test_a_killed_dask_worker_loses_and_repeats_no_image(tmp_path):
    test_shards.write_manifest(tmp_path / "in.csv", 100)
    work = shards.Work(slowly, test_shards.WORK.columns, test_shards.WORK.settings)
    root = pathlib.Path(__file__).parents[2]
    paths = f"{root}:{root / 'tests/helpers'}"
    with dask_cluster.running(tmp_path, PYTHONPATH=paths) as (address, started):
        counts = dask_cluster.with_a_kill(shards.run(
            tmp_path / "in.csv", tmp_path / "out", work, rows_per_shard=5,
            scheduler=address), started)
    assert sum(counts) == 100
    names = [row["path"] for row in shards.read_rows(tmp_path / "out")]
    assert names == [f"image-{k}.png" for k in range(100)]


def die(rows):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_ends_the_call_with_what_to_do(tmp_path):
    test_shards.write_manifest(tmp_path / "in.csv", 5)
    work = shards.Work(die, test_shards.WORK.columns, test_shards.WORK.settings)
    with pytest.raises(OSError, match="call the command again"):
        list(shards.run(tmp_path / "in.csv", tmp_path / "out", work, workers=2))


class Task:
    def __init__(self, function, task):
        self.function, self.task = function, task

    def result(self):
        return self.function(self.task)


def test_workers_of_a_cluster_have_some_tasks_ahead_each(monkeypatch):
    """On a stand-in for `distributed`, whose tasks end in another order."""
    sent, most = [], []

    class Client:
        def __init__(self, address, timeout):
            assert (address, timeout) == ("tcp://here", "5s")

        def __enter__(self):
            return self

        def __exit__(self, *error):
            sent.append("closed")

        def nthreads(self):
            return {"a": 1, "b": 2}

        def submit(self, function, task, *, pure, retries):
            assert (pure, retries) == (False, 2)
            sent.append(task)
            return Task(function, task)

    def wait(futures, return_when):
        assert return_when == "FIRST_COMPLETED"
        most.append(len(futures))
        return types.SimpleNamespace(done=[min(futures, key=lambda each: each.task)])
    monkeypatch.setitem(sys.modules, "distributed", types.SimpleNamespace(
        Client=Client, wait=wait))
    monkeypatch.setattr(scheduling.distribution, "require", lambda *_, **__: None)
    results = scheduling.on_dask(lambda task: task * 2, range(20, 0, -1), "tcp://here")
    first = next(results)
    ahead = scheduling.AHEAD * 3
    assert first == 2 * (21 - ahead) and sent == list(range(20, 20 - ahead, -1))
    assert sorted([first, *results]) == list(range(2, 42, 2))
    assert most[0] == max(most) == ahead and sent[-1] == "closed"


@pytest.fixture
def threads(monkeypatch):
    """Threads in the place of processes; their numbers."""
    asked = []
    monkeypatch.setattr(scheduling.processes, "pool", lambda workers: (
        asked.append(workers) or concurrent.futures.ThreadPoolExecutor(workers)))
    return asked


def test_workers_have_some_tasks_ahead_each_and_any_that_ends_is_given_on(threads):
    read, go_on = [], threading.Event()

    def tasks():
        for k in range(30):
            read.append(k)
            yield k

    def work(k):
        if k == 0:
            assert go_on.wait(60)
        return -k
    results = scheduling.run(work, tasks(), workers=3)
    first = [next(results) for _ in range(4)]
    assert 0 not in first and len(read) <= scheduling.AHEAD * 3 + 4
    go_on.set()
    assert sorted([*first, *results]) == list(range(-29, 1)) and threads == [3]


def test_a_pool_that_broke_ends_the_call_with_what_to_do(threads):
    def work(k):
        raise concurrent.futures.BrokenExecutor

    with pytest.raises(OSError) as caught:
        list(scheduling.run(work, [1, 2], workers=2))
    assert str(caught.value) == (
        "a worker process was killed; call the command again for the missing shards")
