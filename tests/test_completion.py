"""The completion of programs, flags and files, in a real shell."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# What bash does when the user presses Tab after these words.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
function=$(complete -p end2end | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" end2end "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "end2end.bash"
    path.write_text(subprocess.run(
        [sys.executable, "-m", "end2end.completion", "bash"], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout)
    return path


def completed(script, folder, *words):
    return set(subprocess.run(
        ["bash", "-c", PRESS_TAB, "bash", script, "end2end", *words], cwd=folder,
        capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_completes_programs_flags_values_and_files(script, tmp_path):
    (tmp_path / "best.h5").touch()
    assert {"predict", "serve", "ddsm", "inbreast", "doctor"} <= completed(
        script, tmp_path, "")
    assert completed(script, tmp_path, "pre") == {"predict"}
    assert completed(script, tmp_path, "ddsm", "patch") == {"patch-clf-train"}
    assert completed(script, tmp_path, "predict", "--refuse") == {"--refuse-unfit"}
    assert completed(script, tmp_path, "inbreast", "finetune", "--recipe", "r") == {
        "readme"}
    assert completed(script, tmp_path, "predict", "be") == {"best.h5"}
    assert completed(script, tmp_path, "archive", "pred") == {"predict"}
    assert completed(script, tmp_path, "--ver") == {"--version"}
    # A path is no number, and the tasks of a program take files too.
    assert completed(script, tmp_path, "predict", "--frame", "be") == set()
    assert completed(script, tmp_path, "archive", "predict", "be") == {"best.h5"}


def test_the_script_for_zsh_names_the_programs():
    printed = subprocess.run(
        [sys.executable, "-m", "end2end.completion", "zsh"], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout
    assert printed.startswith("#compdef end2end") and "two-step" in printed
