"""The training commands as two processes named by TF_CONFIG, as on two hosts."""

import csv
import signal
import socket
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tests.training.test_replicas import HERE, SECONDS, Run, cluster, environment, ports

PATCHES = ("background", "malignant", "benign")


def write_sets(folder, classes, *, count):
    """Class folders of three sets of 64x64 pixels; the classes differ in brightness."""
    rng = np.random.default_rng(5)
    for part in ("train", "val", "test"):
        for level, name in enumerate(classes):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                noise = rng.integers(0, 30_000 + 15_000 * level, (64, 64))
                cv2.imwrite(str(folder / part / name / f"{i}.png"),
                            noise.astype(np.uint16))
    return [folder / part for part in ("train", "val", "test")]


def images(sets, out, epochs):
    """Trains a classifier of whole images."""
    return ["-m", "ddsm_train.image_clf_train", *sets, "--no-patch-model-state",
            "--no-use-pretrained", "--patch-net", "yaroslav", "--img-size", "64", "64",
            "--rescale-factor", "0.003891", "--nb-epoch", "1", "--all-layer-epochs",
            str(epochs), "--batch-size", "4", "--top-depths", "4",
            "--top-repetitions", "1", "--optimizer", "adam", "--best-model",
            out / "best.h5"]


def patches(sets, out, epochs):
    """Trains a classifier of patches."""
    return ["-m", "ddsm_train.patch_clf_train", *sets, "--no-use-pretrained", "--net",
            "yaroslav", "--img-size", "64", "64", "--class-list", *PATCHES,
            "--rescale-factor", "0.003891", "--nb-epoch", str(epochs), "--batch-size",
            "4", "--optimizer", "adam", "--best-model", out / "best.h5"]


class Command(Run):
    """A command as two processes."""

    def __init__(self, words, out):
        hosts = [f"127.0.0.1:{port}" for port in ports(2)]
        self.history = out / "best.history.csv"
        self.processes = [subprocess.Popen(
            [sys.executable, *map(str, words)], cwd=HERE.parent, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(TF_CONFIG=cluster(hosts, i))) for i in range(2)]

    def finished(self):
        ends = [self.ended(index) for index in range(2)]
        assert [status for status, _, _ in ends] == [0, 0], ends
        with open(self.history, newline="") as stream:
            return [{name: value for name, value in row.items() if name != "seconds"}
                    for row in csv.DictReader(stream)], ends


@pytest.mark.slow
def test_whole_images_go_on_after_a_lost_host_as_if_it_had_never_been_lost(tmp_path):
    sets = write_sets(tmp_path / "sets", ("neg", "pos"), count=10)
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    with Command(images(sets, broken, 8), broken) as run:
        run.wait_for(2)
        run.processes[1].send_signal(signal.SIGKILL)
        status, _, error = run.ended(0)
    assert status == 1
    assert "the processes of this run lost each other" in error.splitlines()[-1]
    with Command(images(sets, broken, 8), broken) as run:
        rows, ends = run.finished()
    assert len(rows) == 8
    # The first process alone says what came out and what is next.
    assert ["next:" in output for _, output, _ in ends] == [True, False]
    with Command(images(sets, whole, 8), whole) as run:
        assert rows == run.finished()[0]


@pytest.mark.slow
def test_the_patch_command_trains_as_two_processes(tmp_path):
    out = tmp_path / "out"
    sets = write_sets(tmp_path / "sets", PATCHES, count=8)
    with Command(patches(sets, out, 2), out) as run:
        rows, _ = run.finished()
    assert len(rows) == 2
    assert (out / "best.h5").exists() and (out / "best.report.json").exists()


@pytest.mark.slow
def test_a_host_that_is_lost_while_all_join_ends_the_others(tmp_path):
    out = tmp_path / "out"
    sets = write_sets(tmp_path / "sets", ("neg", "pos"), count=4)
    with socket.create_server(("127.0.0.1", 0)) as lost:  # listens and never answers
        hosts = [f"127.0.0.1:{ports(1)[0]}", f"127.0.0.1:{lost.getsockname()[1]}"]
        process = subprocess.run(
            [sys.executable, *map(str, images(sets, out, 1))],
            cwd=HERE.parent, text=True, capture_output=True, timeout=SECONDS,
            env=environment(TF_CONFIG=cluster(hosts, 0), END2END_JOIN_SECONDS="3"))
    assert process.returncode == 1
    assert "this ends 3 s later with status 1" in process.stdout
    assert "Traceback" not in process.stderr
    assert not (out / "best.h5").exists()
