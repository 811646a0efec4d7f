"""Chains of commands: done once, redone when what they read is newer."""

import os
import signal
import subprocess
import sys

import pytest

from end2end.utils import files, interruption, steps


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that appends its arguments to a file; status 1 for the word `fail`."""
    (tmp_path / "note.py").write_text(
        "import pathlib, sys\n"
        "with open(pathlib.Path(__file__).with_name('log.txt'), 'a') as stream:\n"
        "    stream.write(' '.join(sys.argv[1:]) + '\\n')\n"
        "sys.exit(sys.argv[1] == 'fail')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def log(module):
    path = module / "log.txt"
    return path.read_text().split() if path.exists() else []


def test_a_finished_step_is_not_run_again(module, capsys):
    step = steps.Step("a", "Title", ("note", "one"))
    steps.perform(step, module)
    steps.perform(step, module)
    assert log(module) == ["one"]
    assert capsys.readouterr().out == (
        "\n== Title\n$ python -m note one\n" * 2
        + f"done before in 0 s; remove {module}/steps/a.json to redo\n")
    assert files.read_json(module / "steps" / "a.json")["command"] == [
        "python", "-m", "note", "one"]


def test_another_command_line_runs_again(module):
    for word in ("one", "two"):
        steps.perform(steps.Step("a", "Title", ("note", word)), module)
    assert log(module) == ["one", "two"]


def test_a_step_is_redone_when_what_it_reads_was(module):
    first = steps.Step("a", "A", ("note", "a"))
    second = steps.Step("b", "B", ("note", "b"), after=("a",))
    for step in (first, second, second):
        steps.perform(step, module)
    # A file system may give both the same time.
    for name in "ab":
        os.utime(module / "steps" / f"{name}.json", (7, 7))
    steps.perform(second, module)
    (module / "steps" / "a.json").unlink()
    for step in (first, second):
        steps.perform(step, module)
    assert log(module) == ["a", "b", "a", "b"]


def test_a_command_that_fails_is_named_and_not_recorded(module):
    with pytest.raises(ChildProcessError, match="step a ended with status 1: python"):
        steps.perform(steps.Step("a", "A", ("note", "fail")), module)
    assert not (module / "steps" / "a.json").exists()


def test_what_a_step_beside_others_prints_is_kept_in_its_log(module, capfd):
    (module / "talk.py").write_text(
        "import sys\nprint('a word', flush=True)\n"
        "print('an error', file=sys.stderr)\nraise SystemExit(3)\n")
    path = module / "beside.txt"
    with pytest.raises(ChildProcessError, match="status 3 .see .*beside.txt"):
        steps.perform(steps.Step("a", "A", ("talk",)), module, log=path)
    assert path.read_text() == "a word\nan error\n"
    assert capfd.readouterr() == (
        f"\n== A\n$ python -m talk\nbeside the next steps; it prints to {path}\n", "")


def test_memory_is_that_of_the_step_alone(module):
    (module / "large.py").write_text("bytearray(300_000_000)\n")
    # From a small process: Linux counts the memory of the one that starts a command.
    code = ("import pathlib, sys; from end2end.utils import steps\n"
            "for words in (('large',), ('note', 'b')):\n"
            "    print(steps.perform(steps.Step(words[0], '', words),\n"
            "                        pathlib.Path(sys.argv[1]))['peak_megabytes'])")
    printed = subprocess.run([sys.executable, "-c", code, str(module)], check=True,
                             capture_output=True, text=True, timeout=60).stdout
    large, small = (int(line) for line in printed.split("\n") if line.isdecimal())
    assert small < 100 < 280 < large


def test_a_command_does_not_outlive_the_chain(monkeypatch):
    running = []

    def interrupted(number, options):
        running.extend(steps._running)
        raise interruption.Interrupted(signal.SIGINT)
    monkeypatch.setattr(os, "wait4", interrupted)
    monkeypatch.setattr(steps, "PATIENCE", 0.01)
    with pytest.raises(interruption.Interrupted):
        steps.ended(["sleep", "30"], None)
    assert [process.returncode for process in running] == [-signal.SIGTERM]
    assert steps._running == set()


@pytest.mark.parametrize(("reason", "patience"), [
    (KeyboardInterrupt(), steps.PATIENCE),
    (interruption.Interrupted(signal.SIGINT), steps.PATIENCE),
    (interruption.Interrupted(signal.SIGTERM), 0)])
def test_what_the_terminal_tells_too_is_waited_for(monkeypatch, reason, patience):
    said = []

    class Process:
        def wait(self, seconds=None):
            said.append(seconds)
            if seconds is not None:
                raise subprocess.TimeoutExpired("x", seconds)

        def terminate(self):
            said.append("terminate")
    monkeypatch.setattr(steps, "_running", [Process(), Process()])
    steps.end_running(reason)
    assert said == [patience, "terminate", None] * 2


def test_the_record_of_a_step_has_its_seconds_to_a_tenth(tmp_path, monkeypatch):
    clock = iter([1000.0, 1002.5625])
    monkeypatch.setattr(steps.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(steps, "ended", lambda command, log: (0, 77))
    step = steps.Step("a", "Title", ("note", 3))
    assert steps.perform(step, tmp_path) == dict(
        name="a", title="Title", command=["python", "-m", "note", "3"], seconds=2.6,
        peak_megabytes=77) == files.read_json(tmp_path / "steps" / "a.json")
