"""Notes which tests run which lines, one file of tests at a time; keeps the notes."""

import ast
import dataclasses
import hashlib
import json
import pathlib
import time

import coverage
import pytest

PACKAGES = ("end2end", "ddsm_train", "inbreast")


@dataclasses.dataclass(frozen=True)
class Notes:
    """What the tests of a file do where no fault is planted.

    Attributes:
        seconds: of the processor, by name of the test; only tests that pass.
        lines: of module, then of test: the numbers of the lines that it runs.
    """

    seconds: dict
    lines: dict

    def running(self, module, numbers):
        """Names of the tests that run one of these lines of a module."""
        return {test for test, lines in self.lines.get(module, {}).items()
                if test in self.seconds and not numbers.isdisjoint(lines)}


class Store:
    """Notes in a folder, valid while the test and all modules it ran are unchanged.

    Args:
        folder: where the notes lie; made when missing.
        root: of the project.
    """

    def __init__(self, folder, root):
        self.folder, self.root = pathlib.Path(folder).resolve(), pathlib.Path(root)
        self.folder.mkdir(parents=True, exist_ok=True)

    def read(self, test):
        """Notes of a file of tests, or None where there are none that hold."""
        path = self._path(test)
        if not path.exists():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        if any(digest != self._digest(name)
               for name, digest in content["digests"].items()):
            return None
        return Notes(content["seconds"], content["lines"])

    def write(self, test, content):
        """Keeps what `Traced` noted of a file of tests."""
        names = [test, *content["lines"]]
        self._path(test).write_text(json.dumps(dict(
            content, digests={name: self._digest(name) for name in names})),
            encoding="utf-8")

    def _path(self, test):
        return self.folder / (test.replace("/", "-") + ".json")

    def _digest(self, name):
        path = self.root / name
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


class Traced:
    """A plugin of pytest that notes the lines and the seconds of each test.

    Args:
        root: folder of the packages.
        path: of the notes.
    """

    flags = ()

    def __init__(self, root, path):
        self.root, self.path = str(root), str(path)
        self.seconds, self.failed = {}, set()
        self.coverage = coverage.Coverage(
            data_file=None, config_file=False,
            include=[f"{root}/{package}/*" for package in PACKAGES])

    def begin(self):
        """In the process of the tests, before a module is imported."""
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        start = time.process_time()
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.coverage.switch_context("")
            self.seconds[item.nodeid] = round(time.process_time() - start, 4)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self):
        self.coverage.stop()
        data, lines = self.coverage.get_data(), {}
        for path in data.measured_files():
            of_test = lines.setdefault(path.removeprefix(self.root + "/"), {})
            for number, names in data.contexts_by_lineno(path).items():
                for name in names:
                    of_test.setdefault(name, []).append(number)
        seconds = {name: value for name, value in self.seconds.items()
                   if name not in self.failed}
        with open(self.path, "w", encoding="utf-8") as stream:
            json.dump(dict(seconds=seconds, lines=lines), stream)


def lines_of(source, line):
    """The lines whose tests can notice a fault in a line.

    Args:
        source: text of the module.
        line: number, from 1.

    Returns:
        set of numbers: those of the statement; of the whole function where the line is
        that of its head; of all functions where the line runs at the import.
    """
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree)
                 if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    around = [node for node in functions if _first(node) <= line <= node.end_lineno]
    if not around:
        return {number for node in functions for number in _body(node)}
    inner = max(around, key=_first)
    if line < inner.body[0].lineno:
        return _body(inner)
    statements = [node for node in ast.walk(inner) if isinstance(node, ast.stmt)
                  and node.lineno <= line <= _head_end(node)]
    return set(range(statements[-1].lineno, _head_end(statements[-1]) + 1))


def _first(node):
    return min([node.lineno, *(item.lineno for item in node.decorator_list)])


def _body(node):
    return set(range(node.body[0].lineno, node.end_lineno + 1))


def _head_end(node):
    """Last line of a statement without the statements that it holds."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        return max(node.lineno, body[0].lineno - 1)
    return node.end_lineno
