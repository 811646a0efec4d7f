"""Reads files with fragile libraries in a process of its own.

The decoders of JPEG, JPEG-LS and JPEG 2000, and HDF5, are libraries in C that a damaged
file can bring down or keep busy for ever (GDCM ends the process with an uncaught
exception, HDF5 was seen to go round in circles). Here that ends a process with limited
memory and time, and the file is refused like any other damaged one.

The process is `python -m end2end.utils.isolated`: it takes a line of JSON per file and
gives a line of JSON and perhaps an array. It ends with the process that started it.
"""

import atexit
import contextlib
import importlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import threading

import numpy as np

from end2end.utils import commands, files

# Of the clock, in which a busy machine may do little; and of the processor.
SECONDS = 60
SECONDS_OF_PROCESSOR = 9
# Above this many bytes per second a file is read anyway.
SLOWEST_DISK = 10_000_000
MAX_MEMORY = 2 << 30
# What can be asked for: module and function; they take a path and further values, and
# return an array or None.
TASKS = {"dicom": ("end2end.dicom.parsing", "decoded_here"),
         "header": ("end2end.dicom.parsing", "header_parsed"),
         "model": ("end2end.model_files.safe_loading", "examine")}


class Reader:
    """The process, started at the first file and again after it died."""

    def __init__(self):
        self.process, self.lock = None, threading.Lock()

    def ask(self, task, path, **values):
        """Reads a file there.

        Args:
            task: one of `TASKS`.
            path: of the file.
            values: further arguments of the task.

        Returns:
            What the task returns: an array, or None.

        Raises:
            files.InputError: the file cannot be read; or the library that reads it
                crashed, took too long or too much memory.
        """
        question = dict(task=task, path=os.path.abspath(path), **values)
        with self.lock:
            try:
                return self._ask(
                    question, SECONDS + os.path.getsize(path) / SLOWEST_DISK)
            except (EOFError, BrokenPipeError, TimeoutError) as error:
                self.stop()
                what = str(error) or "crashed or did not end"
                raise files.InputError(
                    f"{path} cannot be read: its library {what}; "
                    "the file is damaged. Restore it or leave it out.") from None

    def _ask(self, question, seconds):
        if self.process is None or self.process.poll() is not None:
            self._start()
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        out = self.process.stdout
        if not select.select([out], [], [], seconds)[0]:
            raise TimeoutError(f"did not end within {seconds:.0f} seconds")
        line = out.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        answer = json.loads(line)
        if "error" in answer:
            raise files.InputError(answer["error"])
        if "dtype" not in answer:
            return None
        array = np.empty(answer["shape"], answer["dtype"])
        if out.readinto(memoryview(array).cast("B")) < array.nbytes:
            raise EOFError
        return array

    def _start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "end2end.utils.isolated"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))})

    def stop(self):
        """Ends the process; the next file starts another."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()
            self.process = None


_reader = Reader()
ask = _reader.ask
atexit.register(_reader.stop)
# A forked process must not speak through its parent's pipe.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _reader.__init__())


def limit_memory():
    """Lets this process take `MAX_MEMORY` more than now, where that can be set."""
    try:
        import resource
        with open("/proc/self/status") as stream:
            now = next(int(line.split()[1]) for line in stream if "VmSize" in line)
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, ((now << 10) + MAX_MEMORY, -1))


def limit_time(seconds):
    """Ends this process after so many seconds of the processor; 0: no longer."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def answer(question):
    """Does one task; returns the answer as JSON values, and an array or None."""
    module, name = TASKS[question.pop("task")]
    try:
        function = getattr(importlib.import_module(module), name)
        limit_memory()
        limit_time(SECONDS_OF_PROCESSOR)
        array = function(pathlib.Path(question.pop("path")), **question)
        limit_time(0)
    except files.InputError as error:
        limit_time(0)
        return dict(error=str(error)), None
    if array is None:
        return {}, None
    return dict(dtype=array.dtype.str, shape=array.shape), array.copy("C")


def parser():
    """The command line, which has no arguments."""
    return commands.Parser(prog="python -m end2end.utils.isolated", description=__doc__)


def main(argv=None):
    """Answers questions until there are no more."""
    parser().parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command's own business
    # Libraries print to the usual places.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        for line in sys.stdin.buffer:
            values, array = answer(json.loads(line))
            out.write(json.dumps(values).encode() + b"\n")
            if array is not None:
                out.write(memoryview(array).cast("B"))
            out.flush()


if __name__ == "__main__":
    main()
