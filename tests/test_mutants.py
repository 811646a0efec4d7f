"""Faults are planted where they can be seen, and the judge tells which are noticed."""

import subprocess
import sys

import pytest

from tests.mutants import choosing

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


def test_modules_with_tests_are_tried(project):
    (project / "end2end" / "untested.py").touch()
    assert choosing.modules(project) == ["end2end/adding.py", "end2end/grown.py"]
    assert choosing.modules(project, ["end2end/other"]) == []
    assert choosing.mirrored(project, "end2end/adding.py") == ("tests/test_adding.py",)


def test_tests_that_import_a_module_or_its_folder_follow_those_of_its_own(project):
    assert choosing.stages(project, "end2end/adding.py") == (
        ("tests/test_adding.py",), (), ())
    assert choosing.stages(project, "end2end/metrics/roc.py") == (
        (), (), ("tests/test_user.py", "tests/test_wide.py"))
    assert [choosing.folder(name) for name in (
        "end2end/adding.py", "end2end/metrics/roc.py", "inbreast/dataset/a/b.py")] == [
        "end2end", "end2end.metrics", "inbreast.dataset"]


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
