"""Commands: quick help without TensorFlow, one line for bad input, plain statuses."""

import pathlib
import resource
import subprocess
import sys
import time

import pytest

from end2end.utils import programs

ROOT = pathlib.Path(__file__).parent.parent
# `tests/utils/test_programs.py` holds the table of programs against what can be run.
ENTRY_POINTS = sorted({
    *programs.MODULES, "end2end", "end2end.offline_use", "end2end.utils.isolated"})
SECONDS_OF_HELP = 0.5
SLOW_IMPORTS = ("tensorflow", "keras", "pandas", "matplotlib", "sklearn", "scipy")


def run(*words):
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=ROOT)


def test_the_programs_of_the_original_are_there():
    assert {"ddsm_train.patch_clf_train", "ddsm_train.image_clf_train",
            "ddsm_train.sample_patches_combined", "ddsm_train.heatmap_score"
            } <= set(ENTRY_POINTS)


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_help_is_printed_without_heavy_imports(module):
    """Within half a second of the processor; the error stream stays empty."""
    check = (
        "import runpy, sys\n"
        f"sys.argv = [{module!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        f"heavy = [name for name in {SLOW_IMPORTS!r} if name in sys.modules]\n"
        "assert not heavy, heavy\n")
    # The first call after an installation compiles the modules, and a machine that does
    # other work counts their waits: the quickest of three calls is the command's own.
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = run("-c", check)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if spent < SECONDS_OF_HELP:
            break
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    assert done.stderr == ""
    assert spent < SECONDS_OF_HELP


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_a_mistyped_flag_is_status_2_and_one_line(module):
    done = run("-m", module, "--no-such-flag")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_missing_folder_is_status_2_before_tensorflow_is_loaded(tmp_path):
    started = time.monotonic()
    done = run("-m", "ddsm_train.patch_clf_train", str(tmp_path / "none"), "b", "c",
               "--best-model", str(tmp_path / "best.h5"))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [done.stderr.strip()]
    assert "none does not exist" in done.stderr
    assert time.monotonic() - started < 20
    assert list(tmp_path.iterdir()) == []
