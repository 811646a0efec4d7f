"""Chains of commands: run what is missing, in order, and remember it.

Every step is a command line that a user could type. A step that was finished with the
same command line, and of whose sources none was made anew since, is skipped, so a chain
can be interrupted and called again.
"""

import contextlib
import dataclasses
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time
from typing import Any

from end2end.utils import commands, files

# Commands that run now: a signal to this process alone has to reach them too.
_running: set[subprocess.Popen] = set()
PATIENCE = 10  # seconds, for a command that ends by itself


@dataclasses.dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: of its record, unique in a folder.
        title: what it does.
        command: module and arguments.
        after: names of the steps whose results it reads.
    """

    name: str
    title: str
    command: tuple[object, ...]
    after: tuple[str, ...] = ()


def perform(step: Step, out: pathlib.Path, *, log: pathlib.Path | None = None
            ) -> dict[str, Any]:
    """Runs one step unless it is done.

    Args:
        step: `Step`.
        out: folder; records are in its sub-folder `steps`.
        log: file that what the command prints is added to, for a step that runs beside
            others; `None`: the terminal.

    Returns:
        the record: a dict of name, title, command (list of words), seconds, and
        peak_megabytes, the peak memory of the step's largest process.

    Raises:
        ChildProcessError: the command failed; the message names it.
    """
    command = ["python", "-m", *map(str, step.command)]
    path = out / "steps" / f"{step.name}.json"
    record = files.read_json(path) if path.exists() else {}
    fresh = all(stamp(name, out) <= stamp(step.name, out) for name in step.after)
    commands.say(f"\n== {step.title}\n$ {shlex.join(command)}")
    if record.get("command") == command and fresh:
        commands.say(f"done before in {record['seconds']:.0f} s; remove {path} to redo")
        return record
    path.unlink(missing_ok=True)
    if log is not None:
        commands.say(f"beside the next steps; it prints to {log}")
    started = time.monotonic()
    status, megabytes = ended([sys.executable, *command[1:]], log)
    if status:
        raise ChildProcessError(
            f"step {step.name} ended with status {status}"
            f"{'' if log is None else f' (see {log})'}: {shlex.join(command)}")
    record = dict(
        name=step.name, title=step.title, command=command,
        seconds=round(time.monotonic() - started, 1), peak_megabytes=megabytes)
    files.write_json(path, record)
    return record


def ended(command: list[str], log: pathlib.Path | None) -> tuple[int, int]:
    """Runs a command to its end.

    Args:
        command: list of words.
        log: file for its output, or `None`.

    Returns:
        its exit status, and the peak memory of its largest process, MB. Where this
        process is interrupted, the commands that it runs have ended before it goes on.
    """
    with contextlib.ExitStack() as stack:
        stream = None if log is None else stack.enter_context(open(log, "ab"))
        process = stack.enter_context(subprocess.Popen(
            command, stdout=stream, stderr=stream and subprocess.STDOUT))
        _running.add(process)
        try:
            # Unlike the usual way to wait, it tells the memory of this child alone.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        except KeyboardInterrupt as error:
            end_running(error)
            raise
        finally:
            _running.discard(process)
    return process.returncode, usage.ru_maxrss // 1024


def end_running(reason: KeyboardInterrupt) -> None:
    """Ends the commands that run now, those of other threads too.

    Args:
        reason: why; a terminal sends Ctrl-C to them as well, so that they end by
            themselves and are only waited for.
    """
    told = getattr(reason, "number", signal.SIGINT) == signal.SIGINT
    for process in list(_running):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE if told else 0)
        process.terminate()
        process.wait()


def stamp(name: str, out: pathlib.Path) -> int:
    """When a step was finished, in nanoseconds; 0 if it was not."""
    path = out / "steps" / f"{name}.json"
    return path.stat().st_mtime_ns if path.exists() else 0
