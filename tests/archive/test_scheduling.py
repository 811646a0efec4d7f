"""Calls of a function here, in processes and on Dask, with real kills."""

import os
import pathlib
import signal
import time

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
