"""Signals to real processes: a line at once, the status, and nothing half written."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from end2end.utils import commands, interruption

ROOT = pathlib.Path(__file__).parents[2]
# It works until a signal comes; the words after it are run as the signal has come.
WAITING = """
import sys, time
from end2end.utils import commands
def main():
    try:
        print("works", flush=True)
        time.sleep(30)
    except KeyboardInterrupt:
        print("is unwinding", flush=True)
        {then}
    finally:
        print("left in order", flush=True)
commands.run(main)
"""
CHAIN = """
import pathlib, sys
from end2end.utils import commands, steps
steps.PATIENCE = 0.1
commands.run(lambda: steps.perform(
    steps.Step("a", "A", ("waiting",)), pathlib.Path(sys.argv[1])))
"""


def start(code, *words, path=""):
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{path}"})
    while process.stdout.readline() != "works\n":
        assert process.poll() is None
    return process


@pytest.mark.parametrize(("number", "status", "then"), [
    (signal.SIGINT, 130, "raise"), (signal.SIGTERM, 143, "raise"),
    (signal.SIGTERM, 143, "raise ValueError('of a library')"),
    (signal.SIGINT, 130, "sys.excepthook(*sys.exc_info()); raise")])
def test_a_signal_is_one_line_and_its_status(number, status, then):
    process = start(WAITING.format(then=then))
    process.send_signal(number)
    assert process.communicate(timeout=30) == (
        "is unwinding\nleft in order\n", f"{interruption.SENTENCES[number]}\n")
    assert process.returncode == status


# It goes on where a signal is swallowed, as native code does that calls Python.
SWALLOWING = """
import time
from end2end.utils import commands
class Waiting:
    def __del__(self):
        print("works", flush=True)
        time.sleep(30)
def main():
    try:
        {swallowing}
        print("goes on", flush=True)
        time.sleep(30)
    finally:
        print("left in order", flush=True)
commands.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("swallowing", ["Waiting()", """for _ in range(3):
            try: Waiting.__del__(None)
            except BaseException: pass"""], ids=["once", "three times"])
def test_a_signal_that_is_swallowed_comes_again(number, swallowing):
    process = start(SWALLOWING.format(swallowing=swallowing))
    process.send_signal(number)
    try:
        said, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert said.endswith("left in order\n")
    assert errors == f"{interruption.SENTENCES[number]}\n"
    assert process.returncode == 128 + number


@pytest.mark.parametrize("number", [
    signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_second_signal_ends_the_process_where_it_stands(number):
    process = start(WAITING.format(then="time.sleep(30)"))
    process.send_signal(number)
    assert process.stdout.readline() == "is unwinding\n"
    process.send_signal(number)
    assert process.communicate(timeout=30) == (
        "", f"{interruption.SENTENCES[number]}\n")
    assert process.returncode == -number


@pytest.mark.parametrize(("number", "status"), [
    (signal.SIGTERM, 143),
    pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)])
def test_the_step_of_a_chain_ends_with_the_chain(number, status, tmp_path):
    (tmp_path / "waiting.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path(__file__).with_name('number').write_text(str(os.getpid()))\n"
        "print('works', flush=True)\n"
        "time.sleep(30)\n")
    process = start(CHAIN, tmp_path, path=tmp_path)
    process.send_signal(number)  # to the chain alone
    said = process.communicate(timeout=30)[1]
    assert process.returncode == status
    assert said == f"{interruption.SENTENCES[number]}\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "number").read_text()), 0)
    assert not (tmp_path / "steps" / "a.json").exists()


def test_signals_end_a_process_whose_command_is_over():
    code = ("import atexit, time\n"
            "from end2end.utils import commands\n"
            "atexit.register(lambda: (print('works', flush=True), time.sleep(30)))\n"
            "commands.run(lambda: None)\n")
    process = start(code)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == -signal.SIGINT


def test_without_a_signal_an_unexpected_error_is_raised_on():
    def main():
        raise TypeError("a fault of the code")
    with pytest.raises(TypeError, match="a fault of the code"):
        commands.run(main)
    assert interruption.received() is None
