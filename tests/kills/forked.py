"""Programs and steps of chains, forked from a process that has loaded their packages.

A start takes seconds, in which nothing is written; a fork takes milliseconds, so that
signals fall into the work.
"""

import contextlib
import importlib
import os
import subprocess
import sys
import traceback
import types

from end2end.utils import commands, locks, steps
from end2end.utils import programs as table

# Where processes note the modules that they have loaded when they end, if anywhere.
notes = []


def to(stream):
    """Sends what this process prints to a file, by its path or descriptor."""
    descriptor = stream if isinstance(stream, int) else os.open(
        stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(descriptor, number)


def work(module, words):
    """Runs a program to its end in this process, and ends the process."""
    status = 70
    try:
        status = _status(module, words)
        sys.stdout.flush()
        for path in notes:
            with open(path, "a") as stream:
                stream.writelines(f"{name}\n" for name in list(sys.modules))
    finally:
        os._exit(status)  # whatever happens: its caller goes on in another process


def _status(module, words):
    steps.subprocess = types.SimpleNamespace(
        Popen=Forked, STDOUT=subprocess.STDOUT,
        TimeoutExpired=subprocess.TimeoutExpired)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # a new process has a state of its own
    sys.argv[:] = [str(table.file_of(module)), *words]
    try:
        commands.run(lambda: table.load(module).main(words))
    except SystemExit as end:
        return end.code or 0
    except BaseException:  # noqa: BLE001 - for the log
        traceback.print_exc()
    return 70


@contextlib.contextmanager
def noting(path):
    """Within it, processes that end note their modules in a file."""
    notes.append(path)
    try:
        yield
    finally:
        notes.remove(path)


def load_noted(path):
    """Loads the modules of a file, so that forked processes need not."""
    for name in dict.fromkeys(path.read_text().split()):
        if name not in sys.modules and not name.startswith("__"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


class Forked(subprocess.Popen):
    """A step of a chain, `python -m MODULE WORDS`, forked instead of started anew."""

    def __init__(self, args, stdout=None, stderr=None):
        self._target = stdout
        super().__init__(args)

    def _execute_child(self, args, *rest):
        sys.stdout.flush()
        self.pid = os.fork()
        self._child_created = True
        if self.pid:
            return
        if self._target is not None:  # in the child
            to(self._target.fileno())
        # A command that is started anew has no open files and locks of another.
        for lock in locks._held.values():
            os.close(lock.descriptor)
        for known in (locks._held, locks._written, steps._running):
            known.clear()
        work(args[2], args[3:])
