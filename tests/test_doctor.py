"""What is said of an installation, and the trial on phantoms."""

import dataclasses
import importlib.metadata
import logging
import pathlib
import platform
import re
import sys
import types

import numpy as np
import pytest
import tiny_classifier
import tiny_networks

import end2end
from end2end import checkpoints, config, doctor
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
    assert lines == [] and problem == (
        "end2end-mammography is used from a folder without being installed, so no "
        "versions can be compared; run: pip install . in that folder.")


def test_the_machine_is_described():
    text = "\n".join(doctor.machine())
    assert "cores for this process" in text and "Memory: " in text and "GPU: " in text


def test_a_gpu_that_tensorflow_does_not_see_is_named(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho GPU 0: a\necho GPU 1: b\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "nvidia-smi lists 2" in doctor.gpus()[-1]
    assert doctor.gpus()[-1] == (
        '  but nvidia-smi lists 2; run: pip install "tensorflow[and-cuda]", and check '
        "CUDA_VISIBLE_DEVICES")
    import tensorflow as tf
    with monkeypatch.context() as patched:
        patched.setattr(tf.config, "list_physical_devices", lambda kind: [
            types.SimpleNamespace(name=name) for name in "ab"])
        patched.setattr(tf.config.experimental, "get_device_details", lambda gpu: {})
        assert doctor.gpus() == ["GPU: a", "GPU: b"]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert len(doctor.gpus()) == 1


def test_missing_decoders_are_named_with_their_extra(monkeypatch):
    import pydicom
    with monkeypatch.context() as patched:
        patched.setattr(pydicom.pixels, "get_decoder", lambda syntax: (
            types.SimpleNamespace(is_available=True)))
        assert doctor.decoders() == ["Compressed DICOM:", *(
            f"  yes  {getattr(pydicom.uid, name).name}" for name in doctor.SYNTAXES)]
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


def test_the_network_of_the_trial_is_read_as_it_is_in_memory(tmp_path, monkeypatch):
    tiny_networks.use_tiny_trunk(monkeypatch)
    classifier = doctor.small_classifier(tmp_path / "small.h5")
    assert (classifier.name, classifier.classes) == ("small", ("neg", "pos"))
    assert {name: classifier.card[name] for name in (
        "kind", "model", "training", "metrics", "trained_on")} == dict(
            kind="whole_image", model={}, training={}, metrics={},
            trained_on="nothing: random weights")
    assert classifier.images == config.ImageOptions(
        size=doctor.SIZE, channels=1, intensity_scale=0.003891, pixel_mean=44.33)
    stored = checkpoints.load_classifier(tmp_path / "small.h5").model
    for weights, others in zip(
            classifier.model.get_weights(), stored.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, others)
    assert stored.output_shape == (None, 2) and stored is not classifier.model
    assert stored.count_params() == 15866
    import keras
    keras.utils.set_random_seed(5)
    monkeypatch.setattr(doctor.checkpoints, "load_classifier",
                        lambda path: dataclasses.replace(classifier, model="stored"))
    again = doctor.small_classifier(tmp_path / "again.h5").model
    np.testing.assert_array_equal(again.get_weights()[0], stored.get_weights()[0])


def test_a_problem_is_status_1(monkeypatch, capsys):
    monkeypatch.setattr(distribution, "clashes", lambda *where: ["two of it."])
    assert doctor.main([]) == 1
    printed = capsys.readouterr().out
    assert "problem: two of it." in printed and "Trial" not in printed
    monkeypatch.setattr(distribution, "clashes", lambda *where: [])
    assert doctor.main(["--no-check"]) == 0


PROC = {"/proc/cpuinfo": "processor : 0\nmodel name\t: Some: CPU\nmodel name : other\n",
        "/proc/meminfo": "MemTotal:  8000000 kB\nMemFree: 1 kB\n"
                         "MemAvailable: 500000 kB"}


@pytest.fixture
def known_machine(monkeypatch):
    """A machine of which everything is known."""
    exists, read = pathlib.Path.exists, pathlib.Path.read_text
    monkeypatch.setattr(pathlib.Path, "exists", lambda path: (
        str(path) in PROC or exists(path)))
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path, *more, **how: (
        PROC.get(str(path)) or read(path, *more, **how)))
    monkeypatch.setattr(doctor.os, "sched_getaffinity", lambda process: {3, 4, 9},
                        raising=False)
    monkeypatch.setattr(doctor.prediction.flip_calls, "processor_features",
                        lambda: {"avx2", "sse", "amx_bf16"})
    monkeypatch.setattr(doctor.shutil, "disk_usage",
                        lambda path: types.SimpleNamespace(free=2.25e9))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)


def test_the_machine_is_described_in_numbers(known_machine, monkeypatch):
    import tensorflow as tf
    assert doctor.memory() == (8.192, 0.512)
    assert doctor.machine() == [
        "Processor: Some: CPU, 3 cores for this process, avx2 amx_bf16",
        "Memory: 8.2 GB, 0.5 GB free", "Disk: 2.2 GB free in this folder",
        "GPU: TensorFlow sees none; networks run on the processor"]
    devices = [types.SimpleNamespace(name="a"), types.SimpleNamespace(name="b")]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: devices)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: (
        dict(device_name="Card") if device.name == "a" else {}))
    assert doctor.gpus() == ["GPU: Card", "GPU: b"]


def test_the_lines_on_packages_are_aligned(installation, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", {
        "numpy": "2.1", "keras": "3.5", "tqdm": "4.1"}.__getitem__)
    monkeypatch.setattr(importlib.metadata, "PackageNotFoundError", KeyError)
    lines, wrong = doctor.packages()
    assert lines[:6] == [
        "Packages:", "  numpy                    2.1          (<3,>=2.0)",
        "  keras                    3.5          (<1,>=0.1)               3.5 is not "
        "allowed",
        "  no-such-package          -            (<2,>=1)                 missing", "",
        "Extras:"]
    assert wrong[0] == ("package keras: 3.5 is not allowed; run: pip install "
                        '"keras<1,>=0.1"')
    place = next(k for k, line in enumerate(lines) if line.startswith("  serve"))
    assert lines[place].startswith("  serve      no   ") and lines[place + 1] == (
        "                 other-package missing; run: pip install "
        '"end2end-mammography[serve]"')


def test_a_whole_report_ends_with_what_is_wrong(known_machine, monkeypatch, capsys):
    monkeypatch.setattr(distribution, "clashes", lambda *where: [])
    monkeypatch.setattr(doctor, "packages", lambda: (["P"], []))
    monkeypatch.setattr(doctor, "decoders", lambda: ["D"])
    trials = []
    monkeypatch.setattr(doctor, "trial", lambda: trials.append(1) or trials[1:])
    assert doctor.main([]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (f"end2end-mammography {end2end.__version__} in "
                       f"{pathlib.Path(end2end.__file__).parents[1]}")
    assert said[1].startswith(
        f"Python {platform.python_version()} ({sys.executable}), ")
    assert said[2:5] == ["", "P", ""] and said[-5:] == [
        "", "D", "", "", "Everything that is needed is there."]
    assert doctor.main([]) == 1 and len(trials) == 2
    assert capsys.readouterr().out.endswith("D\n\nproblem: 1\n\n")
    assert doctor.main(["--no-check"]) == 0 and len(trials) == 2


def test_the_trial_of_a_network_that_is_saved_with_other_weights_is_a_problem(
        monkeypatch, capsys):
    monkeypatch.setattr(doctor, "PHANTOM", (160, 120))
    monkeypatch.setattr(doctor, "small_classifier", lambda path: (
        checkpoints.load_classifier(tiny_classifier.save(path))))
    drawn, disabled = [], []
    write, score = doctor.phantoms.write_inbreast, doctor.predict.main
    monkeypatch.setattr(doctor.phantoms, "write_inbreast", lambda folder, **how: (
        drawn.append(how) or write(folder, **how)))
    monkeypatch.setattr(doctor.predict, "main", lambda words: (
        disabled.append(logging.root.manager.disable) or score(words)))
    assert doctor.trial() == []
    assert drawn == [dict(patients=1, size=(160, 120))] and disabled == [logging.INFO]
    said = capsys.readouterr().out
    assert re.fullmatch(
        r"Trial: four synthetic mammograms, a small network of random weights\.\n"
        r"  4 scored in \d s\n", said)
    predict = doctor.prediction.predict
    monkeypatch.setattr(doctor.prediction, "predict", lambda classifier, paths: (
        predict(classifier, paths) + [[0, 0], [0, 2e-4], [0, 0], [0, -3e-4]]))
    assert doctor.trial() == [
        "scores of the network as saved differ by 0.0003 from those of the network in "
        "memory; please report this."]
    monkeypatch.setattr(doctor.predict, "main", lambda words: print("broken") or 1)
    assert doctor.trial() == ["the trial failed: broken"]
    assert logging.root.manager.disable == logging.NOTSET


def test_where_nothing_is_told_of_the_machine_numbers_are_none(monkeypatch):
    exists = pathlib.Path.exists
    monkeypatch.setattr(pathlib.Path, "exists", lambda path: (
        str(path) not in PROC and exists(path)))
    assert [str(value) for value in doctor.memory()] == ["nan", "nan"]
    monkeypatch.setattr(doctor.platform, "processor", lambda: "")
    monkeypatch.setattr(doctor.platform, "machine", lambda: "m68k")
    assert doctor.processor() == "m68k"
    monkeypatch.setattr(doctor.platform, "processor", lambda: "68040")
    assert doctor.processor() == "68040"
    monkeypatch.delattr(doctor.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 77)
    assert doctor.machine()[0].startswith("Processor: 68040, 77 cores for this process")
