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

import coverage
import pytest

PACKAGES = ("numpy", "cv2", "pydicom", "pandas", "scipy.stats", "sklearn.metrics",
            "h5py", "matplotlib.pyplot", "pytest", "hypothesis", "tensorflow", "keras")
COPIED = ("end2end", "ddsm_train", "inbreast", "tests", "docs", "benchmarks", ".ci",
          "pyproject.toml", "setup.py", "Makefile", "README.md", "CHANGELOG.md")
# A fault may ask for any amount of memory and of disk.
MEMORY = 12 << 30
FILE_SIZE = 4 << 30
NOTICED, SURVIVED = "noticed", "survived"


@dataclasses.dataclass(frozen=True)
class Usual:
    """The tests of a module without a fault.

    Attributes:
        seconds: of the processor.
        lines: names of the tests by number of the line that they run; an empty name
            for what runs at import or in fixtures.
        of_tests: seconds by name.
    """

    seconds: float
    lines: dict
    of_tests: dict

    def order(self, line):
        """Names of the tests that run a line, the quickest first, and whether the
        others should follow."""
        # Within a statement of several lines only some are noted.
        noted = [number for number in map(int, self.lines) if number <= line]
        names = set(self.lines[str(max(noted))]) if noted else set()
        return sorted(names - {""}, key=lambda name: self.of_tests.get(name, 0)), (
            "" in names or not names)


UNTRACED = Usual(100.0, {}, {})


@dataclasses.dataclass(frozen=True)
class Outcome:
    """`noticed` or `survived`, seconds, and the first test that failed."""

    ending: str
    seconds: float
    by: str = ""


class Judge:
    """A copy of the project and a way to run tests in it.

    Attributes:
        root: folder of the copy.
    """

    def __init__(self, source, folder):
        self.root = pathlib.Path(folder) / "project"
        self.log = pathlib.Path(folder) / "tests.log"
        self.notes = pathlib.Path(folder) / "notes.json"
        self._usually = {}
        self.root.mkdir()
        for name in COPIED:
            path = pathlib.Path(source) / name
            if path.is_dir():
                shutil.copytree(path, self.root / name)
            elif path.exists():
                shutil.copy2(path, self.root / name)
        os.chdir(self.root)
        os.environ.update(PYTHONPATH=str(self.root), PYTHONDONTWRITEBYTECODE="1")
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(self.root))
        for name in PACKAGES:
            importlib.import_module(name)

    def judge(self, mutant, text, tests, *, traced=True):
        """Runs `tests` with `text` in the place of the module of `mutant`.

        Args:
            mutant: the fault.
            text: of its module with the fault.
            tests: files.
            traced: run them once without the fault, and then those that run the line
                first, the others only where the line may have been run by a fixture,
                an import or another process. Of one fault alone this takes longer.

        Raises:
            RuntimeError: the tests fail without the fault.
        """
        usual = self._usual(mutant.module, tests) if traced else UNTRACED
        order, all_follow = usual.order(mutant.line)
        path = self.root / mutant.module
        before, times = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(text, encoding="utf-8")
        try:
            status, seconds = self._run(
                tests, Chosen(order, all_follow), 3 * usual.seconds + 20)
        finally:
            path.write_text(before, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        if status == 0:
            return Outcome(SURVIVED, seconds, "" if order or not traced
                           else "no test runs this line")
        by = self._failed(status)
        if not traced and not by.startswith("FAILED"):
            # Perhaps these tests cannot even be collected here.
            self._usual(mutant.module, tests)
        return Outcome(NOTICED, seconds, by)

    def _usual(self, module, tests):
        if module not in self._usually:
            traced = Traced(str(self.root / module), str(self.notes))
            status, seconds = self._run(tests, traced, 900)
            if status:
                raise RuntimeError(
                    f"{' '.join(tests)} fail without a fault (status {status}):\n"
                    f"{self.log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
            self._usually[module] = Usual(seconds, notes["lines"], notes["seconds"])
        return self._usually[module]

    def _run(self, tests, plugin, limit):
        """Status and processor seconds of pytest in a forked process."""
        start, before = time.monotonic(), _children_seconds()
        child = os.fork()
        if child == 0:
            self._test(tests, plugin, limit)
        status = None
        # The machine may be busy: the limit itself is one of the processor.
        while status is None and time.monotonic() < start + 20 * limit:
            pid, code = os.waitpid(child, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if pid else None
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if status is None:
            os.waitpid(child, 0)
            status = -signal.SIGKILL
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
                "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--tb=line",
                *tests], plugins=[plugin]))
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _failed(self, status):
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return names[0][:120] if names else f"status {status}"


class Traced:
    """A plugin of pytest that notes which tests run which lines, and their seconds."""

    def __init__(self, module, notes):
        self.module, self.notes = module, notes
        self.seconds = {}
        self.coverage = coverage.Coverage(
            data_file=None, include=[module], config_file=False)

    def begin(self):
        """In the process of the tests, before the module is imported."""
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        start = time.process_time()
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.coverage.switch_context("")
            self.seconds[item.nodeid] = time.process_time() - start

    def pytest_sessionfinish(self):
        self.coverage.stop()
        lines = self.coverage.get_data().contexts_by_lineno(self.module)
        with open(self.notes, "w", encoding="utf-8") as stream:
            json.dump(dict(lines=lines, seconds=self.seconds), stream)


@dataclasses.dataclass
class Chosen:
    """A plugin of pytest that runs some tests first, and the others or not."""

    order: list
    all_follow: bool

    def begin(self):
        """Nothing has to be prepared."""

    def pytest_collection_modifyitems(self, config, items):
        ranks = {name: rank for rank, name in enumerate(self.order)}
        if not self.all_follow:
            items[:] = [item for item in items if item.nodeid in ranks]
        items.sort(key=lambda item: ranks.get(item.nodeid, len(ranks)))


def _children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
