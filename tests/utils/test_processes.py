"""Pools that end with their command, and memory measured as page faults."""

import pickle
import platform
import signal
import subprocess
import sys
import types

import pytest

from end2end.utils import processes

FAULTS = """
import resource, sys
import numpy as np
from end2end.utils import processes
if sys.argv[1] == "keep":
    assert processes.keep_freed_memory()
for _ in range(3):
    np.ones(4_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(4_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_memory_is_kept_by_the_parameters_of_malloc(monkeypatch):
    """Their numbers are those of glibc's malloc.h, which ctypes cannot tell."""
    calls = []
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda name: types.SimpleNamespace(
        mallopt=lambda *numbers: calls.append(numbers) or 1))
    monkeypatch.setattr(processes.platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert processes.keep_freed_memory()
    assert sorted(calls) == [(-8, 1), (-4, 0), (-2, 64 << 20), (-1, 2**31 - 1)]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_that_is_kept_causes_no_new_page_faults():
    def faults(word):
        return int(subprocess.run([sys.executable, "-c", FAULTS, word], text=True,
                                  capture_output=True, check=True).stdout)
    assert faults("keep") < 1000


RETURNED = """
import pathlib
from end2end.utils import processes
processes.keep_freed_memory()

def anonymous():
    status = pathlib.Path("/proc/self/status").read_text().split("RssAnon:")[1]
    return int(status.split()[0]) >> 10

pieces = [bytearray(1 << 20) for _ in range(200)]
kept = pieces.pop()
del pieces
before = anonymous()
processes.return_freed_memory()
print(before - anonymous())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_goes_back_where_that_is_asked_for():
    megabytes = subprocess.run([sys.executable, "-c", RETURNED], text=True,
                               capture_output=True, check=True).stdout
    assert int(megabytes) > 150


KILLED = """
import sys, time
from end2end.utils import processes
if __name__ == "__main__":
    with processes.pool(1) as pool:
        pool.submit(print, "begun", flush=True).result()
        time.sleep(60)
"""


def test_workers_end_with_a_killed_command(tmp_path):
    (tmp_path / "program.py").write_text(KILLED)
    process = subprocess.Popen([sys.executable, str(tmp_path / "program.py")],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    process.kill()
    # The pipe is closed once no worker has it any more.
    assert process.communicate(timeout=30)[0] == ""


def test_jobs_of_a_pool_come_back():
    with processes.pool(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]


def test_jobs_that_were_not_begun_are_dropped_also_after_an_error(monkeypatch):
    calls = []
    monkeypatch.setattr(
        processes.concurrent.futures, "ProcessPoolExecutor",
        lambda *args, **keywords: types.SimpleNamespace(
            shutdown=lambda **how: calls.append((args[0], keywords, how))))
    with pytest.raises(KeyboardInterrupt), processes.pool(3):
        raise KeyboardInterrupt
    assert calls == [(3, dict(initializer=processes._begin),
                      dict(cancel_futures=True))]


def answer_of(task):
    """What a process of its own does for the tests below."""
    import os
    import time

    if task == "refuse":
        raise ValueError("two\nlines")
    if task == "die":
        os._exit(7)
    if task == "wait":
        time.sleep(60)
    return task, os.getpid()


def test_a_process_answers_with_a_result_or_the_line_of_an_error(monkeypatch):
    begun, answers = [], []
    monkeypatch.setattr(processes, "_begin", lambda: begun.append(len(answers)))
    connection = types.SimpleNamespace(send=answers.append)
    for task in (abs, -3), (int, "x"):
        processes._call(connection, pickle.dumps((task[0], task[1:])))
    assert answers == [(3, ""), (
        None, "invalid literal for int() with base 10: 'x'")]
    assert begun == [0, 1]


def test_a_process_is_quiet_and_ends_with_its_parent(monkeypatch):
    calls = []

    def noted(name):
        return lambda *words: calls.append((name, *words))
    monkeypatch.setattr(processes.quiet, "install", noted("quiet"))
    monkeypatch.setattr(processes.cv2, "setNumThreads", noted("threads"))
    monkeypatch.setattr(processes.signal, "signal", noted("signal"))
    monkeypatch.setattr(processes.os, "_exit", noted("exit"))
    monkeypatch.setattr(
        processes.threading, "Thread", lambda target, daemon: types.SimpleNamespace(
            start=lambda: calls.append((target, daemon))))
    processes._begin()
    assert calls == [("quiet",), ("threads", 1),
                     ("signal", signal.SIGINT, signal.SIG_IGN),
                     (processes._end_with_parent, True)]
    calls.clear()
    for parent in None, types.SimpleNamespace(join=noted("joined")):
        monkeypatch.setattr(
            processes.multiprocessing, "parent_process", lambda parent=parent: parent)
        processes._end_with_parent()
    assert calls == [("exit", 1), ("joined",), ("exit", 1)]


def test_where_the_library_is_another_no_memory_is_kept(monkeypatch):
    monkeypatch.setattr(processes.platform, "libc_ver", lambda: ("musl", "1"))
    monkeypatch.setattr(processes.ctypes, "CDLL", None)
    assert processes.keep_freed_memory() is False
    processes.return_freed_memory()


def test_what_is_held_in_circles_is_freed_before_memory_goes_back(monkeypatch):
    calls = []
    monkeypatch.setattr(processes.platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(processes.gc, "collect", lambda: calls.append("circles"))
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda name: types.SimpleNamespace(
        malloc_trim=lambda rest: calls.append((name, rest))))
    processes.return_freed_memory()
    assert calls == ["circles", (None, 0)]


def test_a_function_is_called_in_a_process_of_its_own():
    import os

    task, process = processes.alone(answer_of, "work", seconds=60)
    assert task == "work" and process != os.getpid()


@pytest.mark.parametrize("task, seconds, message", [
    ("refuse", 60, "^two lines$"), ("die", 60, "its process ended with status 7"),
    ("wait", 0.01, "not done within 0 s")])
def test_a_process_that_fails_dies_or_takes_too_long_is_one_error(
        task, seconds, message):
    with pytest.raises(ChildProcessError, match=message):
        processes.alone(answer_of, task, seconds=seconds)
