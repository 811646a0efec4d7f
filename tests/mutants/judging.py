"""Runs the tests of a module on a copy of the project in which a fault was planted.

Tests run in a process that is forked from one that has imported the packages which they
use: their import would take longer than most tests.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import resource
import shutil
import signal
import sys
import time

import pytest

from tests.mutants import choosing, tracing

PACKAGES = ("numpy", "cv2", "pydicom", "pandas", "scipy.stats", "sklearn.metrics",
            "h5py", "matplotlib.pyplot", "pytest", "hypothesis", "tensorflow", "keras")
COPIED = ("end2end", "ddsm_train", "inbreast", "tests", "docs", "benchmarks", ".ci",
          "pyproject.toml", "setup.py", "Makefile", "README.md", "CHANGELOG.md")
# A fault may ask for any amount of memory and of disk.
MEMORY = 12 << 30
FILE_SIZE = 4 << 30
# Seconds of the processor for the tests of a stage; the longer tests are left out.
BUDGET = 25.0
# Seconds of the clock for each of the processor, and the least: the machine may be
# busy, but a test that waits for what never comes uses no processor.
CLOCK, LEAST_CLOCK = 6, 180.0
NOTICED, SURVIVED = "noticed", "survived"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """`noticed` or `survived`, seconds, and the first test that failed."""

    ending: str
    seconds: float
    by: str = ""


class Judge:
    """A copy of the project and a way to run tests in it.

    Args:
        source: root of the project.
        folder: for the copy.
        notes: folder in which is kept which test runs which lines.

    Attributes:
        root: folder of the copy.
    """

    def __init__(self, source, folder, notes):
        self.root = pathlib.Path(folder).resolve() / "project"
        self.log = self.root.with_name("tests.log")
        self.store, self._notes = tracing.Store(notes, self.root), {}
        self.root.mkdir()
        for name in COPIED:
            path = pathlib.Path(source) / name
            if path.is_dir():
                shutil.copytree(path, self.root / name)
            elif path.exists():
                shutil.copy2(path, self.root / name)
        os.chdir(self.root)
        os.environ.update(PYTHONPATH=str(self.root), PYTHONDONTWRITEBYTECODE="1")
        sys.path.insert(0, str(self.root))
        for name in PACKAGES:
            importlib.import_module(name)
        # Of files with a fault no compiled form may stay; of the others it saves time.
        sys.dont_write_bytecode = True

    def judge(self, mutant, text, stages):
        """Runs tests with `text` in the place of the module of `mutant`.

        Args:
            mutant: the fault.
            text: of its module with the fault.
            stages: tuples of files of tests, or of names of tests. Of the files of the
                first all tests are run, those first that run the line; of the others
                those that run the line.
        """
        before = (self.root / mutant.module).read_text(encoding="utf-8")
        numbers = tracing.lines_of(before, mutant.line)
        spent, ran = 0.0, False
        for stage, files in enumerate(stages):
            order = self.order(mutant.module, numbers, files, all_follow=not stage)
            ran |= any(running for _, running, _ in order)
            names = [name for name, _, _ in order]
            if not names:
                continue
            with self._planted(mutant.module, text):
                status, seconds = self._run(
                    sorted({name.partition("::")[0] for name in names}),
                    Chosen(names), 3 * sum(cost for _, _, cost in order) + 20)
            spent += seconds
            if status not in (0, int(pytest.ExitCode.NO_TESTS_COLLECTED)):
                return Outcome(NOTICED, spent, self._failed(status))
        return Outcome(SURVIVED, spent, "" if ran else "no test runs this line")

    def order(self, module, numbers, files, *, all_follow):
        """The tests to run: rows of name, whether it runs the lines, seconds; the
        quickest of those that run the lines first."""
        rows = []
        for file in files:
            if "::" in file:
                rows.append((file, True, 1.0))
                continue
            notes = self.notes(file)
            running = notes.running(module, numbers)
            running |= {name for name in notes.seconds
                        if name.endswith(f"[{choosing.folder(module)}]")}
            rows += [(name, name in running, seconds)
                     for name, seconds in notes.seconds.items()
                     if all_follow or name in running]
        rows.sort(key=lambda row: (not row[1], row[2]))
        chosen, total = [], 0.0
        for row in rows:
            total += row[2]
            if chosen and total > BUDGET:
                break
            chosen.append(row)
        return chosen

    def notes(self, file):
        """Notes of a file of tests, which is run where there are none.

        Raises:
            RuntimeError: the tests cannot be collected.
        """
        if file not in self._notes:
            if self.store.read(file) is None:
                self._note(file)
            self._notes[file] = self.store.read(file)
        return self._notes[file]

    def _note(self, file):
        path = self.root.with_name("notes.json")
        path.unlink(missing_ok=True)
        sys.dont_write_bytecode = False
        status, _ = self._run([file], tracing.Traced(self.root, path), 900)
        sys.dont_write_bytecode = True
        if not path.exists():
            raise RuntimeError(
                f"{file} fails without a fault (status {status}):\n"
                f"{self.log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
        self.store.write(file, json.loads(path.read_text(encoding="utf-8")))

    @contextlib.contextmanager
    def _planted(self, module, text):
        path = self.root / module
        before, times = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _run(self, tests, plugin, limit):
        """Status and processor seconds of pytest in a forked process."""
        before = _children_seconds()
        child = os.fork()
        if child == 0:
            self._test(tests, plugin, limit)
        status = awaited(child, max(CLOCK * limit, LEAST_CLOCK))
        return status, _children_seconds() - before

    def _test(self, tests, plugin, limit):
        """In the forked process: runs pytest and ends."""
        status = 70
        try:
            os.setsid()
            output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(output, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 5))
            plugin.begin()
            status = int(pytest.main([
                "-q", "-m", "not slow", "-p", "no:cacheprovider", "--tb=line",
                *plugin.flags, *tests], plugins=[plugin]))
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _failed(self, status):
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return names[0][:120] if names else f"status {status}"


def awaited(child, seconds):
    """Status of a child process that leads a group of its own; the group is killed when
    the child ends, or after so many seconds of the clock."""
    status, end = None, time.monotonic() + seconds
    while status is None and time.monotonic() < end:
        pid, code = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if pid else None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
        status = -signal.SIGKILL
    return status


@dataclasses.dataclass
class Chosen:
    """A plugin of pytest that runs some tests only, in their order, up to a failure."""

    order: list
    flags = ("-x",)

    def begin(self):
        """Nothing has to be prepared."""

    def pytest_collection_modifyitems(self, config, items):
        ranks = {name: rank for rank, name in enumerate(self.order)}
        items[:] = sorted((item for item in items if item.nodeid in ranks),
                          key=lambda item: ranks[item.nodeid])


def _children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
