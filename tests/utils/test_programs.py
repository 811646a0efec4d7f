"""The programs in order, their names, and how each is typed."""

import pathlib
import re
import subprocess
import sys
import time

import pytest

from end2end.utils import files, programs

ROOT = pathlib.Path(__file__).parents[2]
# The reader of fragile files is started by other programs alone, the installer of a
# folder of wheels is copied into it.
NOT_TYPED = {"end2end", "end2end.utils.isolated", "end2end.offline_use"}


def runnable():
    """Modules of the three packages that end in a call of their main."""
    return {".".join(path.relative_to(ROOT).with_suffix("").parts
                     ).removesuffix(".__main__")
            for package in programs.PACKAGES for path in (ROOT / package).rglob("*.py")
            if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")}


@pytest.fixture(autouse=True)
def as_modules(monkeypatch):
    monkeypatch.setattr(programs, "_command", [])


def run(*words):
    return subprocess.run([sys.executable, "-m", "end2end", *words], cwd=ROOT,
                          capture_output=True, text=True)


def test_every_module_that_can_be_run_is_in_the_table_once():
    assert sorted(programs.MODULES) == sorted(runnable() - NOT_TYPED)


def test_the_list_has_a_line_of_each_program_in_the_order_of_the_work():
    lines = programs.listing().splitlines()
    names = [programs.words(module) for module in programs.MODULES]
    positions = [next(i for i in range(len(lines)) if lines[i].startswith(f"  {name} "))
                 for name in names]
    assert positions == sorted(positions)
    assert names.index("ddsm prepare") < names.index("ddsm patch-clf-train") < (
        names.index("ddsm evaluate")) < names.index("predict")
    for name, i in zip(names, positions, strict=True):
        assert len(lines[i].removeprefix(f"  {name}").strip()) > 20


@pytest.mark.parametrize("module", programs.MODULES)
def test_the_line_of_a_program_is_the_first_of_its_description(module):
    description = programs.load(module).parser().description
    assert description.startswith(programs.summary(module))


def test_the_list_is_printed_at_once():
    started = time.process_time(), time.monotonic()
    for words in ((), ("--help",)):
        printed = run(*words)
        assert printed.returncode == 0
        assert "  ddsm draw-saliency " in printed.stdout
    assert time.monotonic() - started[1] < 8


@pytest.mark.parametrize(("typed", "module", "rest"), [
    ("predict a.h5 b", "end2end.predict", ["a.h5", "b"]),
    ("ddsm prepare --help", "ddsm_train.prepare", ["--help"]),
    ("ddsm patch_clf_train a", "ddsm_train.patch_clf_train", ["a"]),
    ("inbreast learning-curve", "inbreast.learning_curve", [])])
def test_the_first_words_name_the_program(typed, module, rest):
    assert programs.split(typed.split()) == (module, rest)


@pytest.mark.parametrize(("typed", "nearest"), [
    ("predikt a.h5", "did you mean predict?"),
    ("prepare a b", "did you mean ddsm prepare or inbreast prepare?"),
    ("ddsm evalute", "did you mean ddsm evaluate"),
    ("saliency", "ddsm draw-saliency"), ("qqqqq", "see end2end --help."),
    ("inbreast", "did you mean inbreast prepare or inbreast finetune or inbreast "
     "learning-curve or inbreast evaluate or inbreast experiments? See")])
def test_an_unknown_program_is_answered_with_the_nearest_names(typed, nearest):
    with pytest.raises(files.InputError, match=re.escape(nearest)):
        programs.split(typed.split())


def test_a_call_is_written_as_this_process_was_started(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "orig_argv", ["my python/python3", "-m", "end2end.x"])
    assert programs.call("ddsm_train.two_step") == (
        "'my python/python3' -m ddsm_train.two_step")
    script = tmp_path / "end2end"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    programs.use_command(str(script))
    assert programs.call("ddsm_train.two_step") == "end2end ddsm two-step"
    programs.use_command("env/bin/end2end")
    assert programs.call("end2end.predict") == "env/bin/end2end predict"


def test_a_page_may_name_the_one_command(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python"])
    with programs.as_command("end2end"):
        assert programs.call("inbreast.finetune") == "end2end inbreast finetune"
    assert programs.call("inbreast.finetune") == "python -m inbreast.finetune"


def test_words_with_spaces_are_quoted(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python"])
    assert programs.line("end2end.predict", pathlib.Path("my best.h5"), "--flips", 3
                         ) == "python -m end2end.predict 'my best.h5' --flips 3"


@pytest.mark.parametrize("words", [
    "--version", "predict --version", "ddsm prepare --version",
    "inbreast finetune --version"])
def test_the_version_is_printed_everywhere(words):
    printed = run(*words.split()).stdout
    assert re.fullmatch(r"end2end-mammography \d+\.\d+\.\d+\n", printed)


def test_a_program_runs_under_the_one_command_with_its_own_statuses(tmp_path):
    called = run("metrics", str(tmp_path / "none.csv"))
    assert called.returncode == 2
    assert "none.csv" in called.stderr and called.stderr.count("\n") == 1
    called = run("metrics", "--no-such-flag")
    assert called.returncode == 2
    assert re.search(r"-m end2end\.metrics: error: .*see .*--help\n$", called.stderr)
    called = run("metrcs")
    assert called.returncode == 2
    assert called.stderr == ("error: there is no program 'metrcs'; did you mean "
                             "metrics? See end2end --help.\n")
