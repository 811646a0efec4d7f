"""What is said of an installation, and the trial on phantoms."""

import importlib.metadata

import pytest

from end2end import doctor
from end2end.utils import distribution

REQUIRES = ["numpy<3,>=2.0", "keras<1,>=0.1", "no-such-package<2,>=1",
            'other-package<2,>=1; extra == "serve"', 'tqdm>=4; extra == "all"',
            'windows-only<2; sys_platform == "win32"']


@pytest.fixture
def installation(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: REQUIRES)


def test_packages_are_held_against_the_allowed_versions(installation):
    states = {package.name: package.state for package in doctor.required()}
    assert states.pop("keras").endswith(" is not allowed")
    assert states == {"numpy": "", "no-such-package": "missing"}
    assert [package.name for package in doctor.required("serve")] == ["other-package"]


def test_what_is_wrong_is_said_with_the_command_that_mends_it(installation):
    lines, wrong = doctor.packages()
    assert len(wrong) == 2
    assert wrong[1] == ('package no-such-package: missing; run: pip install '
                        '"no-such-package<2,>=1"')
    text = "\n".join(lines)
    assert 'run: pip install "end2end-mammography[serve]"' in text
    assert "[all]" not in text and "  all        yes" in text


def test_a_folder_that_was_not_installed_is_named(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)
    monkeypatch.setattr(importlib.metadata, "requires", missing)
    lines, (problem,) = doctor.packages()
    assert lines == [] and "pip install ." in problem


def test_the_machine_is_described():
    text = "\n".join(doctor.machine())
    assert "cores for this process" in text and "Memory: " in text and "GPU: " in text


def test_a_gpu_that_tensorflow_does_not_see_is_named(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho GPU 0: a\necho GPU 1: b\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "nvidia-smi lists 2" in doctor.gpus()[-1]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert len(doctor.gpus()) == 1


def test_missing_decoders_are_named_with_their_extra(monkeypatch):
    assert len(doctor.decoders()) == 1 + len(doctor.SYNTAXES)
    import pydicom
    monkeypatch.setattr(pydicom.pixels, "get_decoder",
                        lambda syntax: type("none", (), {"is_available": False}))
    assert 'no   RLE Lossless; run: pip install "end2end-mammography[dicom]"' in (
        "\n".join(doctor.decoders()))


@pytest.mark.slow
def test_the_trial_scores_phantoms_and_its_failure_is_told(monkeypatch, capsys):
    assert doctor.trial() == []
    assert "4 scored in" in capsys.readouterr().out
    monkeypatch.setattr(doctor.predict, "main", lambda words: print("broken") or 1)
    assert doctor.trial() == ["the trial failed: broken"]


def test_a_problem_is_status_1(monkeypatch, capsys):
    monkeypatch.setattr(distribution, "clashes", lambda *where: ["two of it."])
    assert doctor.main([]) == 1
    printed = capsys.readouterr().out
    assert "problem: two of it." in printed and "Trial" not in printed
    monkeypatch.setattr(distribution, "clashes", lambda *where: [])
    assert doctor.main(["--no-check"]) == 0
