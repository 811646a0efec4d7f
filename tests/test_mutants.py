"""Faults are planted where they can be seen, and the judge tells which are noticed."""

import pathlib
import signal
import subprocess
import sys

import pytest

from tests.mutants import choosing

ROOT = pathlib.Path(__file__).parents[1]
SOURCE = '''"""Adds."""
from typing import Any


def larger(a: int | None, b: int = 3) -> int | None:
    """The larger."""
    if a > b and not b == 7:
        print("larger", end="")
        return a
    return b - 1
'''


@pytest.fixture
def project(tmp_path):
    (tmp_path / "end2end").mkdir()
    (tmp_path / "end2end" / "adding.py").write_text(SOURCE)
    (tmp_path / "end2end" / "grown.py").write_text("import keras\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_adding.py").write_text(
        "from end2end import adding\n\n"
        "def test_larger():\n    assert adding.larger(5) == 5\n\n"
        "def test_other():\n    assert adding.larger(2) == 2\n")
    (tmp_path / "tests" / "test_grown.py").touch()
    (tmp_path / "tests" / "test_user.py").write_text(
        "from end2end.metrics import roc\n")
    (tmp_path / "tests" / "test_wide.py").write_text("from end2end import metrics\n")
    return tmp_path


def test_all_modules_are_tried_or_those_that_are_named(project):
    (project / "inbreast").mkdir()
    for name in ("end2end/untested.py", "inbreast/__main__.py", "inbreast/__init__.py"):
        (project / name).touch()
    assert choosing.modules(project) == [
        "end2end/adding.py", "end2end/grown.py", "end2end/untested.py",
        "inbreast/__init__.py", "inbreast/__main__.py"]
    assert choosing.modules(project, ["end2end/a", "inbreast/__m"]) == [
        "end2end/adding.py", "inbreast/__main__.py"]
    assert choosing.modules(project, ["end2end/other"]) == []
    assert choosing.mirrored(project, "end2end/adding.py") == ("tests/test_adding.py",)


def test_all_other_files_of_tests_follow_those_of_a_module(project):
    others = ("tests/test_grown.py", "tests/test_user.py", "tests/test_wide.py")
    assert choosing.stages(project, "end2end/adding.py") == (
        ("tests/test_adding.py",), (), others)
    assert choosing.stages(project, "end2end/grown.py")[2] == (
        "tests/test_adding.py", *others[1:])
    assert [choosing.folder(name) for name in (
        "end2end/adding.py", "end2end/metrics/roc.py", "inbreast/dataset/a/b.py")] == [
        "end2end", "end2end.metrics", "inbreast.dataset"]


def test_every_module_in_which_a_fault_fits_has_tests_named_after_it():
    """Of faces only one has more than the call that reads them."""
    faces = {module for module in choosing.modules(ROOT)
             if module.endswith("__init__.py")}
    without = {module for module in choosing.modules(ROOT)
               if not choosing.mirrored(ROOT, module)}
    assert without <= faces - {"end2end/__init__.py"}
    for module in without:
        text = (ROOT / module).read_text(encoding="utf-8")
        assert "def " not in text and text.count(" = ") == 1, module
    for module, names in choosing.BESIDE.items():
        for name in (module, *names):
            assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("line, numbers", [
    (1, {7, 8, 9, 10, 14}), (5, {7, 8, 9, 10}), (7, {7}), (8, {8}), (10, {10}),
    (13, {14})])
def test_the_lines_whose_tests_can_notice_a_fault(line, numbers):
    # Of a statement its own; of a head the whole function; else all functions.
    tracing = pytest.importorskip("tests.mutants.tracing")
    source = SOURCE + "\n\ndef other(b=3):\n    return b\n"
    # The docstring of the first function is its first line.
    assert tracing.lines_of(source, line) - {6} == numbers


def test_each_fault_changes_one_line_and_no_type_hint(project):
    planting = pytest.importorskip("tests.mutants.planting")
    mutants = planting.draw(project, ["end2end/adding.py"], 300, seed=1)
    assert mutants == planting.draw(project, ["end2end/adding.py"], 300, seed=1)
    changes = {planting.change(SOURCE, planting.code(project, mutant))
               for mutant in mutants}
    assert len(changes) == len(mutants) >= 10
    assert not [change for change in changes if "def " in change and "b: int =" in (
        change.split("+")[1]) and "None" not in change.split("+")[1]]
    lines = {change.partition("\n")[2] for change in changes}
    for text in ("+        return None", "+    if False:", "+        pass",
                 '+        print("larger")', "+    return b + 1"):
        assert text in lines
    assert all(change.count("\n-") == 0 for change in changes)


def test_nothing_is_planted_that_changes_nothing(project):
    planting = pytest.importorskip("tests.mutants.planting")
    source = ("from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import os\n"
              "def pairs(a, b):\n    if not a:\n        return None\n"
              "    return zip(a, b, strict=True)\n")
    (project / "end2end" / "adding.py").write_text(source)
    changes = {planting.change(source, planting.code(project, mutant))
               for mutant in planting.draw(project, ["end2end/adding.py"], 99, seed=1)}
    assert {change.partition("\n+")[2].strip() for change in changes} == {
        "if  a:", "if not not a:", "if False:", "return None"}


@pytest.mark.parametrize(("code", "status"), [
    ("exit 3", 3), ("sleep 600 & exit 0", 0), ("sleep 600", -signal.SIGKILL)])
def test_a_test_that_waits_for_ever_is_ended_by_the_clock(code, status):
    judging = pytest.importorskip("tests.mutants.judging")
    assert judging.CLOCK * 20 <= judging.LEAST_CLOCK == 180
    # What it began holds the pipe open until it is killed as well.
    child = subprocess.Popen(["sh", "-c", code], start_new_session=True,
                             stdout=subprocess.PIPE)
    seconds = 0.2 if status < 0 else 60
    assert judging.awaited(child.pid, seconds) == status
    assert child.communicate(timeout=60)[0] == b""


@pytest.mark.slow
def test_noticed_and_unnoticed_faults_are_told_apart(project):
    pytest.importorskip("cosmic_ray")
    code = (
        "import sys, tempfile; from tests.mutants import judging, planting\n"
        "judging.PACKAGES = ('pytest',)\n"
        f"place, source = {str(project)!r}, {SOURCE!r}\n"
        "mutant = planting.Mutant('end2end/adding.py', 'x', 0, 10)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    judge = judging.Judge(place, folder, folder + '/notes')\n"
        "    for text in ('b + 1', 'b - 1 * 1'):\n"
        "        print(judge.judge(mutant, source.replace('b - 1', text),\n"
        "                          [('tests/test_adding.py',)]))\n")
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True,
                              text=True, check=True)
    first, second = finished.stdout.splitlines()
    assert "'noticed'" in first and "test_other" in first
    assert "'survived'" in second
