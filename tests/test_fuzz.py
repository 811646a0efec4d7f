"""A short slice of `python -m tests.fuzz`: damaged files of every kind are read or
refused with a sentence, never anything else."""

import os
import time
import types

import pytest

from tests.fuzz import readers, runner, worker

# The first hundred numbers hold the bombs of each kind.
FIRST = 100
QUICK = {"dicom": 30, "cbis": 8, "inbreast": 4, "outlines": 20, "sampler": 2}


def complain(results):
    return {kind: result.findings for kind, result in results.items()
            if result.findings}


@pytest.mark.slow
def test_damaged_files_are_read_or_refused():
    jobs = [(name, list(range(FIRST, FIRST + QUICK.get(name, 20))))
            for name, kind in readers.KINDS.items() if not kind.slow]
    results = runner.run(jobs, seed=1)
    assert not complain(results)
    for (name, numbers), result in zip(jobs, results.values(), strict=True):
        assert sum(result.endings.values()) == len(numbers), name
    for ending in runner.GOOD:
        assert sum(result.endings[ending] for result in results.values()) > 50


@pytest.mark.slow
def test_files_that_claim_or_swell_to_enormous_sizes_are_refused():
    jobs = [(name, list(range(40))) for name in readers.KINDS]
    assert not complain(runner.run(jobs, seed=1))


def test_the_counts_find_a_hang_memory_and_a_crash():
    result = runner.Result()
    result.add(1, "read", "", seconds=0.1, most=1 << 20)
    result.add(2, "refused", "no image", seconds=runner.SECONDS + 1)
    result.add(3, "read", "", most=runner.worker.MEMORY + 1)
    result.add(4, "raised", "KeyError at images.py:1")
    assert [number for number, *_ in result.findings] == [2, 3, 4]
    assert [ending for _, ending, _ in result.findings] == ["hang", "memory", "raised"]


def test_the_making_of_a_file_counts_neither_as_time_nor_as_memory(
        tmp_path, monkeypatch):
    def run(number, begin):
        made = bytearray(os.urandom(1000)) * 100_000
        while time.process_time() < started + 0.2:
            made[0] += 0
        del made
        begin()
        return "read", ""

    os.makedirs(tmp_path / "a" / "case" / "out")
    os.mkdir(tmp_path / "empty")
    monkeypatch.chdir(tmp_path / "empty")
    started = time.process_time()
    *_, seconds, most = worker._watched(
        types.SimpleNamespace(run=run, out=tmp_path / "a" / "case" / "out",
                              places=frozenset(("out",))), 1,
        types.SimpleNamespace(found=[], active=False))
    assert seconds < 0.1 and most < 50 << 20
