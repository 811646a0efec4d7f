"""A short slice of `python -m tests.fuzz`: damaged files of every kind are read or
refused with a sentence, never anything else."""

import os
import pathlib
import subprocess
import sys
import time
import types

import pytest

from tests.fuzz import guided, readers, runner, worker

ROOT = pathlib.Path(__file__).parents[1]

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


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow)
             if name in ("dicom", "h5", "keras") else name for name in readers.KINDS])
def test_sound_files_of_a_kind_are_read(name, tmp_path):
    """Else every damaged file of the kind is refused for nothing."""
    worker.Cases(name, 1, tmp_path).warm_up()


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


def test_a_content_is_read_in_the_same_way_each_time(tmp_path):
    calls = []
    cases = types.SimpleNamespace(
        out=tmp_path, places=(), kind=types.SimpleNamespace(names=("a.dcm", "b.dcm")),
        read=lambda name, data, rng, begin: calls.append((name, data, rng.random())))
    for data in (b"one", b"two", b"one"):
        guided.Guided(cases, data).run(int(guided.digest(data), 16), None)
    assert calls[0] == calls[2] != calls[1]


def test_what_is_not_installed_is_said(monkeypatch, capsys):
    monkeypatch.setattr(guided.importlib.util, "find_spec", lambda name: None)
    assert guided.main(["--kind", "split"]) == 2
    assert capsys.readouterr().err == (
        "error: atheris is not installed: pip install -e '.[guided]'\n")


# A reader that fails at each file with a zero in it.
FAULTY = """
import dataclasses, sys
from tests.fuzz import guided

def read(place):
    if 0 in place.file.read_bytes():
        raise KeyError("zero")

def work(*arguments):
    from tests.fuzz import readers
    readers.KINDS["split"] = dataclasses.replace(readers.KINDS["split"], read=read)
    sound(*arguments)

sound, guided.work = guided.work, work
if __name__ == "__main__":
    sys.exit(guided.main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("faulty", (False, True))
def test_files_that_reach_new_lines_are_damaged_further(tmp_path, faulty):
    pytest.importorskip("atheris")
    (tmp_path / "faulty.py").write_text(FAULTY)
    words = [tmp_path / "faulty.py"] if faulty else ["-m", "tests.fuzz.guided"]
    process = subprocess.run(
        [sys.executable, *words, "--kind", "split", "--seconds", "5", "--keep",
         tmp_path / "kept"], text=True, capture_output=True, cwd=ROOT,
        env=os.environ | dict(PYTHONPATH=str(ROOT)))
    assert process.returncode == int(faulty), process.stderr
    row = process.stdout.splitlines()[1].split()
    tried, *endings = map(int, row[1:5])
    assert row[0] == "split" and tried > 20 and tried == sum(endings)
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    if faulty:
        assert endings[1] == 0 < endings[2] and len(kept) == 2
        assert b"\0" in (tmp_path / "kept" / kept[0]).read_bytes()
        assert "KeyError" in (tmp_path / "kept" / kept[1]).read_text()
    else:
        assert endings[2] == 0 < min(endings[:2]) and not kept
