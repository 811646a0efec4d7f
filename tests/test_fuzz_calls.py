"""The judge of whole calls notices what it is there for: fakes that misbehave."""

import argparse
import pathlib
import types

import pytest

from end2end.utils import commands, files
from tests.fuzz import calls, programs, runner


def copying(words):
    """A program that copies each input with its length."""
    source, out = map(pathlib.Path, words[:2])
    out.mkdir(exist_ok=True)
    for path in sorted(source.glob("*.txt")):
        if path.is_file() and not path.is_symlink():
            (out / path.name).write_text(str(path.stat().st_size))
    return 0


def write(folder):
    for number in range(3):
        (folder / f"{number}.txt").write_text("x" * (number + 1))


def read(folder, out):
    return {path.name: path.read_text() for path in out.rglob("*.txt")}


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Calls of a fake program, whose `main` can be exchanged after the sound call."""
    module = types.SimpleNamespace(
        main=copying, parser=lambda: commands.Parser(prog="fake"))
    monkeypatch.setattr(calls.table, "load", lambda name: module)
    monkeypatch.setitem(programs.PROGRAMS, "fake", programs.Program(
        "fake", write, programs._words("IN", "OUT/new"), read, ("*.txt",)))
    monkeypatch.chdir(tmp_path)
    cases = calls.Calls("run-fake", 0, tmp_path)
    cases.warm_up()
    return cases, module


def first_of_files(cases):
    """A case in which an image was changed and nothing else."""
    for number in range(200):
        words, changed, _ = cases.make(number)
        if len(changed) == 1 and calls.EVERYTHING not in changed:
            return number, changed.pop()
    raise AssertionError


def test_a_sound_program_is_read_or_refused(fakes):
    cases, module = fakes
    assert cases.expected == {"0.txt": "1", "1.txt": "2", "2.txt": "3"}
    number, _ = first_of_files(cases)
    assert cases.run(number) == ("read", "")

    def refuse(words):
        raise files.InputError("no such file\nx")
    module.main = refuse
    assert cases.run(number) == ("refused", "error: no such file x")


def test_a_neighbour_whose_result_changes_is_a_finding(fakes):
    cases, module = fakes
    number, damaged = first_of_files(cases)
    other = next(name for name in cases.expected if name != damaged)

    def main(words):
        copying(words)
        (pathlib.Path(words[1]) / other).write_text("7")
    module.main = main
    with pytest.raises(AssertionError, match="neighbour's result"):
        cases.run(number)

    def of_the_damaged_alone(words):
        copying(words)
        (pathlib.Path(words[1]) / damaged).write_text("7")
    module.main = of_the_damaged_alone
    assert cases.run(number)[0] == "read"


def fails(words):
    raise KeyError("a bug")


def changes_an_input(words):
    path = next(pathlib.Path(words[0]).glob("*.txt"))
    path.write_bytes(b"other")


def prints_a_command_of_the_terminal(words):
    print("\x1b[2J")


def prints_a_traceback(words):
    print("Traceback (most recent call last):")


def takes_all_memory(words):
    raise MemoryError


@pytest.mark.parametrize(("main", "words"), [
    (fails, "a bug"), (changes_an_input, "an input was changed"),
    (prints_a_command_of_the_terminal, "x1b"), (prints_a_traceback, "Traceback"),
    (takes_all_memory, "not enough memory")])
def test_what_no_program_may_do_is_a_finding(fakes, main, words):
    cases, module = fakes
    number, _ = first_of_files(cases)
    module.main = main
    with pytest.raises((AssertionError, KeyError), match=words):
        cases.run(number)


def test_a_case_depends_on_seed_kind_and_number_alone(fakes):
    cases, _ = fakes

    def picture(number):
        words, changed, _ = cases.make(number)
        return words, changed, {
            path.name: (path.is_file() and path.stat().st_size < 1 << 20
                        and path.read_bytes(), path.is_symlink())
            for path in cases.folder.iterdir()}
    assert [picture(number) for number in range(12)] == [
        picture(number) for number in range(12)]
    assert picture(3) != picture(4)


def test_options_of_a_task_count_and_those_that_start_other_machines_do_not(
        monkeypatch):
    parser = argparse.ArgumentParser()
    parser.add_argument("--all")
    task = parser.add_subparsers().add_parser("go")
    for flag in ("--rows", "--scheduler", "--workers"):
        task.add_argument(flag)
    monkeypatch.setattr(calls.table, "load", lambda name: types.SimpleNamespace(
        parser=lambda: parser))
    options = calls._options(types.SimpleNamespace(module="x"), ["go"])
    assert [option.option_strings[-1] for option in options] == ["--all", "--rows"]


def test_the_programs_that_read_foreign_files_are_called():
    modules = {program.module for program in programs.PROGRAMS.values()}
    assert modules >= {
        "end2end.predict", "end2end.archive", "ddsm_train.evaluate", "end2end.metrics",
        "ddsm_train.prepare", "inbreast.prepare", "end2end.importing",
        "ddsm_train.sample_patches_combined", "ddsm_train.image_clf_train",
        "end2end.export", "end2end.serve"}


@pytest.mark.slow
def test_calls_of_programs_without_a_network_are_read_or_refused():
    names = ("metrics", "prepare-ddsm", "prepare-inbreast", "import-table", "sampling")
    results = runner.run([(f"run-{name}", list(range(8))) for name in names], seed=2)
    assert {name: result.findings for name, result in results.items()
            if result.findings} == {}
