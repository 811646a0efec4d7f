"""Shares cases among watched processes and counts how they end."""

import collections
import dataclasses
import multiprocessing
import multiprocessing.connection
import pathlib
import tempfile
import time

from tests.fuzz import worker

SECONDS = 10
# Of the clock, after which a process is given up; the machine may be busy.
SECONDS_TO_WAIT = 180
# A process is replaced after so many cases, since libraries keep memory.
CASES_PER_PROCESS = 5000
# The first case waits for TensorFlow to be imported and whole files to be read.
SECONDS_TO_START = 300
GOOD = ("read", "refused")


@dataclasses.dataclass
class Result:
    """What came of the cases of one kind.

    Attributes:
        endings: counts by ending.
        findings: (number, ending, text) of all that are not in `GOOD`.
        slowest: seconds of the slowest case.
        most: bytes of memory of the greediest case.
        seconds: of the whole kind, in all processes.
    """

    endings: collections.Counter = dataclasses.field(
        default_factory=collections.Counter)
    findings: list = dataclasses.field(default_factory=list)
    slowest: float = 0.0
    most: int = 0
    seconds: float = 0.0

    def add(self, number, ending, text, seconds=0.0, most=0):
        if ending in GOOD and seconds > SECONDS:
            ending, text = "hang", f"{seconds:.1f} seconds"
        if ending in GOOD and most > worker.MEMORY:
            ending, text = "memory", f"{most >> 20} MB"
        self.endings[ending] += 1
        self.slowest, self.most = max(self.slowest, seconds), max(self.most, most)
        self.seconds += seconds
        if ending not in GOOD:
            self.findings.append((number, ending, text))


class _Process:
    """One worker with the cases it has still to do."""

    def __init__(self, context, seed, jobs, folder):
        self.jobs, self.log = jobs, pathlib.Path(f"{folder}.log")
        self.connection, theirs = context.Pipe(duplex=False)
        self.process = context.Process(
            target=worker.work, args=(theirs, seed, jobs, folder), daemon=True)
        self.process.start()
        theirs.close()
        self.current, self.since = None, time.monotonic()

    def seconds(self):
        return time.monotonic() - self.since

    def last_words(self):
        """Where a native crash was, or the last line that was written."""
        lines = [line.strip() for line in self.log.read_text(
            errors="replace").splitlines() if line.strip()]
        crash = [line for line in lines if line.startswith("File \"") and " in " in line
                 and "Fatal Python error" in "".join(lines)]
        return " | ".join(crash[:4] or lines[-1:])

    def overdue(self):
        limit = SECONDS_TO_WAIT if self.current else SECONDS_TO_START
        return self.seconds() > limit

    def rest(self):
        """The jobs after the case that ended the process."""
        if self.current is None:
            return []
        kind, number = self.current
        at = [name for name, _ in self.jobs].index(kind)
        numbers = list(self.jobs[at][1])
        numbers = numbers[numbers.index(number) + 1:]
        jobs = [(kind, numbers), *self.jobs[at + 1:]]
        return [(name, left) for name, left in jobs if left]


def run(jobs, *, seed, workers=1, progress=None, seconds=None):
    """Runs cases and returns what came of them.

    Args:
        jobs: list of (kind, numbers of its cases).
        seed: with the kind and the number it makes the file.
        workers: processes.
        progress: called after each case.
        seconds: of the clock, after which the rest of the cases is left out.

    Returns:
        dict of kind to `Result`.
    """
    results = {kind: Result() for kind, _ in jobs}
    waiting = collections.deque(_shares(jobs, workers))
    context = multiprocessing.get_context("spawn")
    last = time.monotonic() + seconds if seconds else None
    with tempfile.TemporaryDirectory() as folder:
        active = []
        made = 0
        while waiting or active:
            if last and time.monotonic() > last:
                waiting.clear()
                _stop(active)
            while waiting and len(active) < workers:
                made += 1
                active.append(_Process(context, seed, waiting.popleft(),
                                       str(pathlib.Path(folder, str(made)))))
            multiprocessing.connection.wait(
                [one.connection for one in active], timeout=1)
            for one in list(active):
                if _receive(one, results, progress):
                    active.remove(one)
                    if one.current is None:
                        one.process.join(10)
                    one.process.kill()
                    one.process.join()
                    if left := one.rest():
                        waiting.appendleft(left)
    return results


def _stop(active):
    """Ends all processes, without counting what they are at."""
    while active:
        one = active.pop()
        one.process.kill()
        one.process.join()


def _shares(jobs, workers):
    """Jobs in parts, one per process."""
    total = sum(len(numbers) for _, numbers in jobs)
    if total <= CASES_PER_PROCESS and workers == 1:
        return [jobs]
    size = max(1, min(CASES_PER_PROCESS, -(-total // workers)))
    return [[(kind, list(numbers)[start:start + size])] for kind, numbers in jobs
            for start in range(0, len(numbers), size)]


def _receive(one, results, progress):
    """Takes what a process reports; returns whether it has ended."""
    try:
        while one.connection.poll():
            kind, *message = one.connection.recv()
            one.since = time.monotonic()
            if kind == "done":
                one.current = None
                return True
            if kind == "begin":
                one.current = tuple(message)
                continue
            name, *values = message
            results[name].add(*values)
            if progress:
                progress()
    except EOFError:
        one.process.join()
        _lost(one, results, f"the process ended with {one.process.exitcode}: "
              f"{one.last_words()}", "crash")
        return True
    if one.overdue():
        _lost(one, results, f"no end in {one.seconds():.0f} seconds", "hang")
        return True
    return False


def _lost(one, results, text, ending):
    if one.current is None:
        raise RuntimeError(f"{text} before its first case: {one.jobs[0][0]}")
    kind, number = one.current
    results[kind].add(number, ending, text)
