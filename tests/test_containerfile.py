"""The container file: linted; its steps run as a script, since no container runs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FILE = ROOT / "Containerfile"


def instructions():
    """Keyword and words of each instruction, lines that go on joined."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", "", text).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


def words_of(keyword):
    return [words for name, words in instructions() if name == keyword]


def step():
    """The one RUN step."""
    (script,) = words_of("RUN")
    return script


def run_step(folder, *, variant="cpu", extras="", pip=""):
    """Runs the step below a folder with the wheels of `folder/dist`."""
    script = step().replace("/tmp/dist", str(folder / "dist"))
    if pip:
        script = script.replace('"$PREFIX/bin/pip"', pip)
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True,
        env=dict(PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
                 HOME=str(folder), PREFIX=str(folder / "opt"), VARIANT=variant,
                 EXTRAS=extras))


def test_it_has_no_complaint_of_hadolint():
    program = shutil.which("hadolint", path=str(pathlib.Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint comes with the extra docs")
    finished = subprocess.run([program, str(FILE)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout


def test_it_runs_as_an_ordinary_user_and_calls_the_one_command():
    assert words_of("USER") == ["10001:10001"]
    assert words_of("ENTRYPOINT") == ['["end2end"]']
    assert words_of("SHELL") == ['["/bin/bash", "-euo", "pipefail", "-c"]']
    assert {"VARIANT=cpu", "PYTHON=3.12"} <= set(words_of("ARG"))


@pytest.fixture
def noted(tmp_path):
    """A pip that notes its words and knows one TensorFlow; and the folder."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "end2end_mammography-0.1.0-py3-none-any.whl").touch()
    pip = tmp_path / "pip"
    pip.write_text('#!/bin/sh\nif [ "$1" = freeze ]; then echo tensorflow==2.21.0; '
                   f'else echo "$@" >> {tmp_path}/noted; fi\n')
    pip.chmod(0o755)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("variant, last", [
    ("cpu", "dist/end2end_mammography-0.1.0-py3-none-any.whl[dicom,serve]"),
    ("gpu", "tensorflow[and-cuda]==2.21.0")])
def test_the_variant_says_which_tensorflow_is_installed(noted, variant, last):
    finished = run_step(noted, variant=variant, extras="dicom,serve",
                        pip=str(noted / "pip"))
    assert finished.returncode == 0, finished.stderr
    assert (noted / "noted").read_text().splitlines()[-1].endswith(last)


@pytest.mark.slow
def test_another_variant_is_refused(noted):
    finished = run_step(noted, variant="tpu", pip=str(noted / "pip"))
    assert finished.returncode == 2
    assert "VARIANT is tpu; expected cpu or gpu" in finished.stderr


@pytest.mark.slow
def test_the_steps_install_the_wheel_and_an_ordinary_user_can_use_it(tmp_path):
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                    "--wheel-dir", str(tmp_path / "dist"), str(ROOT)], check=True)
    finished = run_step(tmp_path, extras="dicom")
    assert finished.returncode == 0, finished.stderr[-2000:]
    # Where Python lies in a folder of root alone, nobody else can call it.
    reachable = all(folder.stat().st_mode & 0o001
                    for folder in pathlib.Path(sys.executable).resolve().parents)
    user = dict(user=10001, group=10001) if os.getuid() == 0 and reachable else {}
    for folder in (tmp_path, *tmp_path.parents):
        if user and folder != folder.parent and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    called = subprocess.run(
        [str(tmp_path / "opt" / "bin" / "end2end"), "doctor"], cwd="/tmp",
        capture_output=True, text=True, extra_groups=[] if user else None,
        env=dict(PATH=os.environ["PATH"], HOME="/tmp", USER="end2end"), **user)
    assert called.returncode == 0, called.stdout + called.stderr
