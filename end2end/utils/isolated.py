"""Reads files with fragile libraries in a process of its own.

The decoders of JPEG, JPEG-LS and JPEG 2000, and HDF5, are libraries in C that a damaged
file can bring down or keep busy for ever (GDCM ends the process with an uncaught
exception, HDF5 was seen to go round in circles). Here that ends a process with limited
memory and time, and the file is refused like any other damaged one. Networks of unknown
origin are tried in another such process, which loads TensorFlow for it.

The process takes a line of JSON per file and gives a line of JSON and perhaps an array.
It ends with the process that started it, imports nothing from the working folder, and
never takes more memory than the limits of that process (`ulimit -v`) leave it.
"""

import atexit
import contextlib
import importlib
import json
import os
import pathlib
import queue
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from end2end.utils import commands, files

# Of the clock, in which a busy machine may do little; and of the processor.
SECONDS = 60
SECONDS_OF_PROCESSOR = 9
# Above this many bytes per second a file is read anyway.
SLOWEST_DISK = 10_000_000
MAX_MEMORY = 2 << 30
READY = b"ready\n"
# The first words of the process: `-c` looks for modules in the working folder too.
START = ("import sys; sys.path[:] = sys.argv[1:]; "
         "import end2end.utils.isolated as isolated; isolated.main([])")
PACKAGE = pathlib.Path(__file__).resolve().parents[2]
# What can be asked for: module and function; they take a path and further values, and
# return an array or None. A third name is of a function that loads what the task needs
# before its time and memory count; such a task has more of both for larger files.
TASKS = {"dicom": ("end2end.dicom.parsing", "decoded_here"),
         "header": ("end2end.dicom.parsing", "header_parsed"),
         "model": ("end2end.model_files.safe_loading", "examine"),
         "network": ("end2end.checkpoints.isolated_trials", "examine", "prepare")}
# Bytes of a model file that are built into a network in a second of the processor.
BUILT_PER_SECOND = 20_000_000
# The environment variable by which all limits on networks of others are multiplied.
LIMITS = "END2END_MODEL_LIMITS"
LIMIT_IS_OURS = ("This is a limit of this program and no fault of the file; the "
                 f"environment variable {LIMITS}=2 doubles it.")
# Notes of TensorFlow's log, which are no reason of an end.
NOTE = re.compile(r"[IW]\d{4} |WARNING: All log messages")
DAMAGED = ("{path} cannot be read: its library {end}; the file is damaged. Restore it "
           "or leave it out.")


class Reader:
    """The process, started at the first file and again after it died.

    Attributes:
        refusal: the sentence on a file that ended the process, with `path` and `end`.
        seconds: of the clock that an answer may take, and more for large files.
        idle: seconds after which a process without work is ended; None: never.
    """

    def __init__(self, refusal: str = DAMAGED, seconds: float = SECONDS,
                 idle: float | None = None):
        self.refusal, self.seconds, self.idle = refusal, seconds, idle
        self.process, self.complaints, self.lock = None, None, threading.Lock()
        self.timer = None

    def renew(self) -> None:
        """Forgets the process, which a forked copy of this one must not speak to."""
        self.__init__(self.refusal, self.seconds, self.idle)

    def ask(self, task: str, path: str | os.PathLike, **values: Any) -> NDArray | None:
        """Reads a file there.

        Args:
            task: one of `TASKS`.
            path: of the file.
            values: further arguments of the task.

        Returns:
            What the task returns: an array, or None.

        Raises:
            files.InputError: the file cannot be read; or the library that reads it
                crashed, took too long or too much memory; or the process cannot start.
        """
        if _is_this_process:
            function, _ = _function(task)
            return function(pathlib.Path(path), **values)
        question = dict(task=task, path=os.path.abspath(path), **values)
        with self.lock, self._at_work():
            try:
                return self._ask(
                    question, self.seconds + os.path.getsize(path) / SLOWEST_DISK)
            except files.InputError as error:
                # The file keeps the name by which it was given.
                raise files.InputError(
                    str(error).replace(question["path"], str(path))) from None
            except (EOFError, BrokenPipeError, TimeoutError) as error:
                end = str(error) or self._end()
                self.stop()
                raise files.InputError(
                    self.refusal.format(path=path, end=end)) from None

    @contextlib.contextmanager
    def _at_work(self):
        """Lets the process end some time after the work inside the block."""
        if self.timer is not None:
            self.timer.cancel()
        try:
            yield
        finally:
            if self.idle is not None:
                self.timer = threading.Timer(self.idle, self._retire)
                self.timer.daemon = True
                self.timer.start()

    def _retire(self):
        with self.lock:
            self.stop()

    def _ask(self, question, seconds):
        if self.process is None or self.process.poll() is not None:
            self._start()
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        line = self._line(seconds)
        if not line.endswith(b"\n"):
            raise EOFError
        answer = json.loads(line)
        if "error" in answer:
            raise files.InputError(answer["error"])
        if "dtype" not in answer:
            return None
        array = np.empty(answer["shape"], answer["dtype"])
        if self.process.stdout.readinto(
                memoryview(array).cast("B")) < array.nbytes:
            raise EOFError
        return array

    def _line(self, seconds):
        out = self.process.stdout
        if not select.select([out], [], [], seconds)[0]:
            raise TimeoutError(f"did not end within {seconds:.0f} seconds")
        return out.readline()

    def _start(self):
        self.stop()
        self.complaints = _scratch()
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, *import_path()], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.complaints,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        try:
            ready = self._line(self.seconds) == READY
            reason = "" if ready else self._end()
        except TimeoutError as error:
            ready, reason = False, str(error)
        if not ready:
            self.stop()
            limit = limit_of_memory()
            remedy = (f"The address space is limited to {limit >> 20} MB (ulimit -v); "
                      "raise that limit." if limit else
                      "Mend the installation.")
            raise files.InputError(
                "the process in which files are read cannot start: it "
                f"{reason}. No file was looked at. {remedy}")

    def _end(self):
        """How the process ended, in words, with the last that it said."""
        try:
            code = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return "closed its output"
        self.complaints.seek(0)
        lines = self.complaints.read()[-4000:].decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines)
                     if line.strip() and not NOTE.match(line)), "")
        how = f"ended with status {code}" if code >= 0 else _ENDS.get(
            -code, f"crashed by {signal.Signals(-code).name}")
        return f"{how} ({commands.one_line(last)[:200]})" if last else how

    def stop(self) -> None:
        """Ends the process; the next file starts another."""
        # At the end of Python the timer may do the same at this moment.
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, self.complaints):
                with contextlib.suppress(OSError):
                    stream.close()


def _scratch():
    """A file in memory, where the system has such, else a temporary one."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("complaints"), "w+b")
    return tempfile.TemporaryFile()


_ENDS = {int(getattr(signal, "SIGPROF", 0)):
         f"took more than {SECONDS_OF_PROCESSOR} seconds of the processor",
         int(getattr(signal, "SIGKILL", 0)):
         "was killed, perhaps for lack of memory"}


def import_path() -> list[str]:
    """`sys.path` without the working folder, unless this package lies in it."""
    here = pathlib.Path.cwd()
    folders = [str(pathlib.Path(entry).resolve()) for entry in sys.path]
    kept = [folder for folder in folders if folder != str(here) or here == PACKAGE]
    return kept if str(PACKAGE) in kept else [*kept, str(PACKAGE)]


class Readers:
    """Processes for threads that read at the same time; a thread alone starts only one.

    Args:
        count: most processes.
    """

    def __init__(self, count: int):
        self.all = [Reader() for _ in range(count)]
        self.renew()

    def renew(self) -> None:
        """Forgets the processes, see `Reader.renew`."""
        # The one used last is the first to be used again: the others need not start.
        self.free = queue.LifoQueue()
        for reader in self.all:
            reader.renew()
            self.free.put(reader)

    def ask(self, task: str, path: str | os.PathLike, **values: Any) -> NDArray | None:
        """As `Reader.ask`, by a process that is free."""
        if _is_this_process:
            return self.all[0].ask(task, path, **values)
        reader = self.free.get()
        try:
            return reader.ask(task, path, **values)
        finally:
            self.free.put(reader)

    def stop(self) -> None:
        """Ends the processes."""
        for reader in self.all:
            reader.stop()


# Most threads that are worth their memory: each holds a mammogram and has a process.
AT_ONCE = 3
_readers = Readers(AT_ONCE)
ask = _readers.ask
atexit.register(_readers.stop)
# A forked process must not speak through its parent's pipe.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_readers.renew)


def limit_of_memory() -> int:
    """Bytes of address space that this process may take; 0: any."""
    try:
        import resource
    except ImportError:
        return 0
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return 0 if soft == resource.RLIM_INFINITY else soft


# What this process was started with.
_ALLOWED = limit_of_memory()
# Whether this is a process that reads for another one.
_is_this_process = False


def limit_memory(more: int = 0) -> None:
    """Lets this process take `MAX_MEMORY` and `more` bytes above what it has now.

    The limit that it was started with is never exceeded. Nothing happens where no limit
    can be set.
    """
    try:
        import resource
        with open("/proc/self/status") as stream:
            now = next(int(line.split()[1]) for line in stream if "VmSize" in line)
    except (ImportError, OSError):
        return
    most = (now << 10) + MAX_MEMORY + more
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(
        resource.RLIMIT_AS, (min(most, _ALLOWED) if _ALLOWED else most, hard))


def limit_time(seconds: float) -> None:
    """Ends this process after so many seconds of the processor; 0: no longer."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def answer(question: dict) -> tuple[dict, NDArray | None]:
    """Does one task; returns the answer as JSON values, and an array or None."""
    path = pathlib.Path(question.pop("path"))
    is_prepared = False
    try:
        function, is_prepared = _function(question.pop("task"))
        size, factor = (path.stat().st_size, limit_factor()) if is_prepared else (0, 1)
        limit_memory(MAX_MEMORY * (factor - 1) + size * factor)
        limit_time((SECONDS_OF_PROCESSOR + size / BUILT_PER_SECOND) * factor)
        array = function(path, **question)
        limit_time(0)
    except files.InputError as error:
        limit_time(0)
        return dict(error=str(error)), None
    except MemoryError:
        limit_time(0)
        return dict(error=_too_little_memory(path, is_prepared)), None
    if array is None:
        return {}, None
    return dict(dtype=array.dtype.str, shape=array.shape), array.copy("C")


def limit_factor() -> int:
    """By how much a user multiplies the limits on networks of others; at least 1.

    Raises:
        files.InputError: the environment variable is no whole number.
    """
    return max(1, commands.environment_int(LIMITS, 1))


def _function(task):
    """What does a task, and whether it had to be prepared for."""
    module, name, *preparations = TASKS[task]
    module = importlib.import_module(module)
    for preparation in preparations:
        getattr(module, preparation)()
    return getattr(module, name), bool(preparations)


def _too_little_memory(path, is_network):
    if _ALLOWED:
        return (f"{path} cannot be read within the {_ALLOWED >> 20} MB of address "
                "space that this process may take (ulimit -v); raise that limit. The "
                "file need not be damaged.")
    if is_network:
        return (f"the network of {path} cannot be built within {MAX_MEMORY >> 30} GB "
                f"of memory beside the size of its file. {LIMIT_IS_OURS}")
    return (f"{path} cannot be read within {MAX_MEMORY >> 30} GB of memory; it is "
            "damaged or far larger than any such file. Leave it out.")


def parser() -> commands.Parser:
    """The command line, which has no arguments."""
    return commands.Parser(prog="python -m end2end.utils.isolated", description=__doc__)


def main(argv: Sequence[str] | None = None) -> None:
    """Answers questions until there are no more."""
    global _is_this_process
    parser().parse_args(argv)
    _is_this_process = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command's own business
    # Libraries print to the usual places.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        out.write(READY)
        out.flush()
        for line in sys.stdin.buffer:
            values, array = answer(json.loads(line))
            out.write(json.dumps(values).encode() + b"\n")
            if array is not None:
                out.write(memoryview(array).cast("B"))
            out.flush()


if __name__ == "__main__":
    main()
