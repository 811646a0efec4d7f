"""Signals to real processes: a line at once, the status, and nothing half written."""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import threading
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


@pytest.fixture
def timers(monkeypatch):
    """Timers that only note what they were to do; all handlers are put back."""
    noted, handlers = [], {
        number: signal.getsignal(number) for number in interruption.SENTENCES}

    class Timer:
        daemon = False

        def __init__(self, *words):
            self.words = words

        def start(self):
            noted.append((self.daemon, *self.words))
    monkeypatch.setattr(threading, "Timer", Timer)
    for name in ("_received", "_raised"):
        monkeypatch.setattr(interruption, name, [])
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    yield noted
    for number, handler in handlers.items():
        signal.signal(number, handler)


def swallowed(raising):
    """Whether it raises; the error is gone afterwards."""
    try:
        raising(signal.SIGTERM, None)
    except interruption.Interrupted as error:
        return str(error) == "SIGTERM" and error.number == signal.SIGTERM
    return False


def test_what_swallows_a_signal_gets_it_again(timers, monkeypatch, capfd):
    sent = []
    monkeypatch.setattr(signal, "pthread_kill", lambda *words: sent.append(words))
    monkeypatch.setattr(signal, "raise_signal", sent.append)
    interruption._received.append("of a call before")
    interruption.install()
    assert interruption.received() is None
    assert {signal.getsignal(number) for number in interruption.SENTENCES} == {
        interruption._interrupt}
    assert swallowed(interruption._interrupt)
    assert interruption.received() == signal.SIGTERM
    assert capfd.readouterr().err == f"{interruption.SENTENCES[signal.SIGTERM]}\n"
    assert sys.excepthook is sys.unraisablehook is interruption._say_nothing
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is interruption._raise_once_more
    (daemon, seconds, send, (reference, thread)), = timers
    assert daemon and seconds == interruption.SECONDS_TO_RAISE
    assert thread == threading.get_ident()
    send(reference, thread)
    assert sent == [(thread, signal.SIGTERM)]
    monkeypatch.delattr(signal, "pthread_kill")
    send(reference, thread)
    assert sent[1:] == [signal.SIGTERM]

    assert swallowed(interruption._raise_once_more)
    assert len(timers) == 2 and timers[1][3][0] is not reference
    send(reference, thread)  # the first one is no longer on its way
    interruption.uninstall()
    send(*timers[1][3])
    assert len(sent) == 2
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_in_another_thread_no_handler_is_set(timers):
    before = signal.getsignal(signal.SIGTERM)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        for function in (interruption.install, interruption.uninstall):
            thread.submit(function).result()
            assert signal.getsignal(signal.SIGTERM) == before


def test_an_error_after_a_signal_has_the_status_of_the_signal(timers, capsys):
    interruption._received.append(signal.SIGTERM)
    assert commands._status_of(ValueError("of a library")) == 143
    assert capsys.readouterr().err == ""
