"""The make targets: one for each experiment and table; plain words without data."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from ddsm_train.pipeline import named as ddsm
from ddsm_train.pipeline import steps as ddsm_steps
from end2end import experiments
from inbreast.pipeline import named as inbreast
from inbreast.pipeline import steps as inbreast_steps

ROOT = pathlib.Path(__file__).parent.parent
DDSM_TARGETS = {*ddsm.EXPERIMENTS, *ddsm.GROUPS} - {"paper"}
INBREAST_TARGETS = {"table4", "fig3b", "fig5", "inbreast-readme", "inbreast-text",
                    *(f"inbreast-{name}" for name in inbreast.EXPERIMENTS)}


@pytest.fixture
def make(tmp_path):
    """Runs make with this Python in place of an environment of its own."""
    ready = tmp_path / "ready"
    ready.touch()
    kept = {name: value for name, value in os.environ.items()
            if name not in ("SCALE", "DDSM", "INBREAST", "SEED", "OUT", "MODELS",
                            "MAKEFLAGS", "MAKELEVEL", "MFLAGS")}

    def run(*words):
        return subprocess.run(
            ["make", "--no-print-directory", f"READY={ready}", f"RUN={sys.executable}",
             *words], cwd=ROOT, env=kept, capture_output=True, text=True)

    return run


def printed(done):
    """The module, its target name and all words of the one command of a dry run."""
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.strip().splitlines()
    words = line.split()
    return words[2], words[-1], words


def test_every_experiment_and_table_is_a_target(make):
    done = make("-n", "SCALE=demo", *sorted(DDSM_TARGETS | INBREAST_TARGETS))
    assert done.returncode == 0, done.stderr
    asked = {(line.split()[2], line.split()[-1]) for line in done.stdout.splitlines()}
    assert asked == {
        *(("ddsm_train.experiments", name) for name in DDSM_TARGETS),
        *(("inbreast.experiments", name.removeprefix("inbreast-"))
          for name in INBREAST_TARGETS)}
    for module, name in asked:
        experiments.chosen({steps.PROGRAM.name: steps.PROGRAM for steps in (
            ddsm_steps, inbreast_steps)}[module], name)


@pytest.mark.parametrize("target", ["table1", "table2", "table3", "fig2", "fig3",
                                    "fig4", "resnet-vgg", "transfer", "paper"])
def test_without_the_download_one_line_says_so(make, target):
    done = make(target, "INBREAST=folder")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert re.search(rf"DDSM= is missing.*make {target} DDSM=.*SCALE=demo", line)


@pytest.mark.parametrize("target", ["table4", "fig3b", "inbreast-vgg-vgg-20", "paper"])
def test_without_inbreast_one_line_says_so(make, target):
    done = make(target, "DDSM=folder")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "INBREAST= is missing" in line


def test_folders_and_seeds_reach_the_command(make):
    _, _, words = printed(make("-n", "table2", "DDSM=/my/ddsm", "SEED=1 2"))
    assert words[words.index("--data") + 1] == '"/my/ddsm"'
    assert words[words.index("--scale") + 1] == "paper"
    assert words[words.index("--seed") + 1:][:2] == ["1", "2"]
    _, _, words = printed(make("-n", "table4", "INBREAST=/in", "DDSM=/my/ddsm"))
    assert words[words.index("--data") + 1] == '"/in"'
    assert words[words.index("--ddsm") + 1] == '"/my/ddsm"'


def test_models_are_looked_for_where_they_were_made(make):
    _, _, first = printed(make("-n", "table2", "SCALE=demo", "OUT=here"))
    _, _, then = printed(make("-n", "table4", "SCALE=demo", "OUT=here"))
    assert first[first.index("--out") + 1] == then[then.index("--models") + 1]


def test_a_folder_that_is_not_there_is_status_2_and_said(make):
    done = make("table2", "DDSM=/no/such/folder")
    assert done.returncode == 2
    assert "/no/such/folder" in done.stderr


def test_help_shows_the_tables_and_how_to_give_the_data(make):
    text = make("help").stdout
    for name in ("table1", "table4", "fig2", "fig3", "fig4", "paper", "experiments"):
        assert re.search(rf"^  {name} ", text, re.MULTILINE)
    assert "DDSM=" in text and "INBREAST=" in text and "SCALE=demo" in text


def test_the_list_of_experiments_is_that_of_the_documentation(make):
    done = make("experiments")
    document = (ROOT / "docs" / "experiments.md").read_text()
    for row in (*ddsm.EXPERIMENTS, *(f"inbreast-{name}" for name in
                                     inbreast.EXPERIMENTS)):
        (line,) = (line for line in done.stdout.splitlines()
                   if line.startswith(f"| `{row}` |"))
        assert line in document
    assert "| `resnet-vgg` | Table 2, row 6 | 256 x 1, 128 x 1 | 0.87 [0.84, 0.90]; " \
        "with flips 0.88 | 1.3 |" in document


def test_the_small_scale_is_for_cbis_ddsm_and_adaptation(make):
    assert "--scale small" in make("-n", "adapt", "SCALE=small").stdout
    finished = make("-n", "table4", "SCALE=small")
    assert finished.returncode == 2
    assert "table4 has SCALE=demo and SCALE=smoke" in finished.stderr


def test_a_name_that_is_no_target_is_refused_by_make(make):
    finished = make("-n", "tabel1", "SCALE=demo")
    assert finished.returncode == 2
    assert "No rule to make target 'tabel1'" in finished.stderr


def test_without_a_python_the_names_are_not_known_and_make_says_what_to_do(make):
    finished = make("-n", "table1", "SCALE=demo", "PYTHON=/no/python")
    assert finished.returncode == 2
    assert "make PYTHON=python3.12 table1" in finished.stderr
    assert make("-n", "demo", "PYTHON=/no/python").returncode == 0


def test_the_names_are_read_without_any_package(make):
    bare = f"PYTHON={sys.executable} -I -S"
    module, name, _ = printed(make("-n", "inbreast-vgg-vgg-20", "SCALE=demo", bare))
    assert (module, name) == ("inbreast.experiments", "vgg-vgg-20")


def test_cleaning_leaves_the_runs_alone(make):
    words = make("-n", "clean").stdout.split()
    assert ".venv" in words and "build" in words
    assert not any(word.startswith("runs") for word in words)


@pytest.fixture
def folder_of_runs(tmp_path):
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / "best.h5").write_text("weights")
    return tmp_path


def clean_runs(folder, *words, **how):
    return subprocess.run(
        ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), "clean-runs",
         *words], cwd=folder, capture_output=True, text=True, **how)


def test_runs_are_not_removed_without_a_terminal_to_ask_at(folder_of_runs):
    finished = clean_runs(folder_of_runs, stdin=subprocess.DEVNULL)
    assert finished.returncode == 2
    assert "YES=1" in finished.stderr
    assert (folder_of_runs / "runs" / "demo" / "best.h5").exists()


@pytest.mark.parametrize("answer, kept", [("yes", False), ("no", True), ("", True)])
def test_runs_are_removed_after_a_yes_alone(folder_of_runs, answer, kept):
    asker, terminal = os.openpty()
    os.write(asker, f"{answer}\n".encode())
    finished = clean_runs(folder_of_runs, stdin=terminal)
    os.close(terminal), os.close(asker)
    assert "every model, score and report?" in finished.stdout
    assert (folder_of_runs / "runs").exists() == kept
    assert (finished.returncode == 0) != kept


def test_runs_are_removed_unasked_with_yes_1(folder_of_runs):
    finished = clean_runs(folder_of_runs, "YES=1", stdin=subprocess.DEVNULL)
    assert finished.returncode == 0 and not (folder_of_runs / "runs").exists()
    assert "no folder runs" in clean_runs(folder_of_runs).stdout


@pytest.mark.slow
def test_targets_run_from_nothing_to_their_tables_on_phantoms(make, tmp_path):
    common = ("SCALE=smoke", f"OUT={tmp_path / 'out'}")
    done = make("patch-vgg16-s10", *common)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"\| patch-vgg16-s10 \|.*\| 0\.84 .*\| [01]\.\d\d", done.stdout)
    done = make("inbreast-vgg-vgg-20", *common)
    assert done.returncode == 0, done.stderr[-3000:]
    # The network that it starts from comes first, and has the phantoms of above.
    start, fine_tuning = done.stdout.split("== Synthetic women, as an INbreast")
    assert "done before" in start and "done before" not in fine_tuning
    assert re.search(r"\| vgg-vgg-20 \|.*\| 0\.87 \| [01]\.\d\d \[", done.stdout)
    again = make("inbreast-vgg-vgg-20", *common)
    assert again.stdout.count("done before") >= 4
    assert make("tables", *common).stdout.count("| vgg-vgg-20 |") == 1
