"""The folder for a computer without internet: what is in it."""

import json
import pathlib
import platform
import re
import subprocess
import sys
import types

import offline_folders
import pytest

from end2end import models, offline, offline_use
from end2end.utils import files


def test_the_folder_holds_wheels_weights_program_and_checksums(tmp_path, capsys):
    (tmp_path / "best.h5").write_bytes(b"weights")
    (tmp_path / "best.config.json").write_text("{}")
    bundle = offline_folders.filled(
        tmp_path, "--models", str(tmp_path / "best.h5"), by_pip=True)
    assert offline_use.names(bundle) == [
        "bundle.json", "use.py", "weights/best.config.json", "weights/best.h5",
        "wheels/end2end_mammography-0.1.0-py3-none-any.whl"]
    finished = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=bundle,
                              capture_output=True, text=True)
    assert finished.returncode == 0 and finished.stdout.count(": OK") == 5
    printed = capsys.readouterr().out
    assert re.search(r"SHA256SUMS: [0-9a-f]{64}$", printed, re.MULTILINE)
    assert "bundle/use.py ENVIRONMENT" in printed


def test_imagenet_weights_are_taken_along(tmp_path, monkeypatch):
    class Network:
        def __init__(self, weights):
            assert weights == "imagenet"

        def save(self, path):
            path.write_bytes(b"kernels")

    monkeypatch.setattr(models.imagenet, "application", {"vgg16": Network}.get)
    bundle = offline_folders.filled(tmp_path, "--imagenet", "vgg16")
    assert (bundle / "weights" / "vgg16.keras").read_bytes() == b"kernels"


@pytest.mark.parametrize("flags, message", [
    (["--source", "none.whl"], "none.whl does not exist"),
    (["--source", ".", "--models", "none.h5"], "none.h5"),
])
def test_what_is_missing_is_said_before_any_work(tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(files.InputError, match=re.escape(message)):
        offline.main(["bundle", *flags])
    assert not (tmp_path / "bundle").exists()


def test_two_models_of_one_name_are_refused(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "best.h5").touch()
    with pytest.raises(files.InputError, match="same name; rename one"):
        offline.with_cards([str(tmp_path / name / "best.h5") for name in "ab"])


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "notes.txt").touch()
    with pytest.raises(files.InputError, match="not empty"):
        offline_folders.filled(tmp_path)


def test_a_wheel_that_pip_cannot_get_is_an_error_of_the_work(tmp_path):
    (tmp_path / "broken-0.1-py3-none-any.whl").write_bytes(b"no archive")
    with pytest.raises(OSError, match="pip could not get all wheels"):
        offline.main([str(tmp_path / "bundle"), "--extras", "--source",
                      str(tmp_path / "broken-0.1-py3-none-any.whl")])


@pytest.mark.slow
def test_this_program_is_installed_and_used_with_the_network_cut_off(tmp_path):
    """Takes all wheels of this program, some 700 MB."""
    root = pathlib.Path(__file__).parents[1]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                    "--wheel-dir", str(tmp_path), str(root)], check=True)
    (path,) = tmp_path.glob("end2end_mammography-*.whl")
    offline.main([str(tmp_path / "bundle"), "--source", str(path), "--extras", "dicom"])
    cut = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*cut, "true"]).returncode:
        pytest.skip("no network namespaces (unshare --net) here")
    subprocess.run([*cut, sys.executable, str(tmp_path / "bundle" / "use.py"),
                    str(tmp_path / "there")], check=True, cwd=tmp_path)
    done = subprocess.run(
        [*cut, str(tmp_path / "there" / "bin" / "end2end"), "doctor"], cwd=tmp_path,
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("extras", "wheel"), [
    ((), "[dicom,results,serve]"), (("--extras",), ""),
    (("--extras", "fast", "dicom"), "[fast,dicom]")])
def test_pip_is_asked_for_the_wheels_and_the_user_told_what_to_do(
        tmp_path, monkeypatch, capsys, extras, wheel):
    calls = []

    def run(words):
        calls.append(words)
        (tmp_path / "out" / "wheels").mkdir()
        (tmp_path / "out" / "wheels" / "a.whl").write_bytes(bytes(2_600_000))
        return types.SimpleNamespace(returncode=0)
    monkeypatch.setattr(offline.subprocess, "run", run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "out").mkdir()
    offline.main(["out", "--source", "src", *extras])
    source = str(tmp_path / "src") + wheel if wheel else "src"
    assert calls == [[sys.executable, "-m", "pip", "wheel", "--quiet",
                      "--disable-pip-version-check", "--wheel-dir", "out/wheels",
                      source]]
    sums = tmp_path / "out" / "SHA256SUMS"
    assert capsys.readouterr().out == (
        f"out: 3 MB, for Python {offline_use.PYTHON} on {offline_use.SYSTEM}\n"
        f"SHA-256 of SHA256SUMS: {offline_use.sha256(sums)}\n"
        f"next, on the other computer: python{offline_use.PYTHON} out/use.py "
        "ENVIRONMENT\n")
    assert json.loads((tmp_path / "out" / "bundle.json").read_text()) == dict(
        name="end2end-mammography", extras=wheel.strip("[]").split(",") * bool(wheel),
        python=offline_use.PYTHON, system=offline_use.SYSTEM,
        made_with=platform.python_version())
