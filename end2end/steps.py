"""Chains of commands: run what is missing, in order, and remember it.

Every step is a command line that a user could type. A step that was finished with the
same command line, and of whose sources none was made anew since, is skipped, so a chain
can be interrupted and called again.
"""

import dataclasses
import resource
import shlex
import subprocess
import sys
import time

from end2end import files


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
    command: tuple
    after: tuple = ()


def perform(step, out):
    """Runs one step unless it is done.

    Args:
        step: `Step`.
        out: folder; records are in its sub-folder `steps`.

    Returns:
        the record: a dict of name, title, command (list of words), seconds, and
        peak_megabytes, the peak memory of the largest process so far.

    Raises:
        ChildProcessError: the command failed; the message names it.
    """
    command = ["python", "-m", *map(str, step.command)]
    path = out / "steps" / f"{step.name}.json"
    record = files.read_json(path) if path.exists() else {}
    fresh = all(stamp(name, out) <= stamp(step.name, out) for name in step.after)
    print(f"\n== {step.title}\n$ {shlex.join(command)}", flush=True)
    if record.get("command") == command and fresh:
        print(f"done before in {record['seconds']:.0f} s; remove {path} to redo")
        return record
    path.unlink(missing_ok=True)
    started = time.monotonic()
    status = subprocess.run([sys.executable, *command[1:]], check=False).returncode
    if status:
        raise ChildProcessError(
            f"step {step.name} ended with status {status}: {shlex.join(command)}")
    record = dict(
        name=step.name, title=step.title, command=command,
        seconds=round(time.monotonic() - started, 1),
        peak_megabytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
    files.write_json(path, record)
    return record


def stamp(name, out):
    """When a step was finished, in nanoseconds; 0 if it was not."""
    path = out / "steps" / f"{name}.json"
    return path.stat().st_mtime_ns if path.exists() else 0
