"""What the tests of faults share: commands as real processes, and whole files."""

import contextlib
import csv
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
SIZE = ("64", "64")


@dataclasses.dataclass(frozen=True)
class Command:
    """A command that is put to the test.

    Attributes:
        words: function of the folder of inputs and that of outputs.
        grows: pattern of the files that show how far it is.
        ends: status where a write fails; 2 if that shows before any work.
        streamed: names of files that grow row by row; their last row may be cut off.
    """

    words: object
    grows: str
    streamed: tuple = ()


def prepare(inputs, out):
    return ["-m", "ddsm_train.prepare", f"{inputs}/download", str(out), "--size", *SIZE,
            "--workers", "2"]


def sampling(inputs, out):
    made = inputs / "prepared"
    return ["-m", "ddsm_train.sample_patches_combined", f"{made}/roi_mask_path.csv",
            f"{made}/mask", f"{made}/pat_train.txt", f"{made}/full", f"{out}/train",
            f"{out}/val", "--target-height", SIZE[0], "--target-width", SIZE[1],
            "--patch-size", "16", "--nb-bkg", "4", "--nb-abn", "4", "--nb-hns", "0",
            "--no-segment-breast", "--workers", "2"]


def prediction(inputs, out):
    return ["-m", "end2end.predict", f"{inputs}/best.h5", f"{inputs}/prepared/full",
            "--out", f"{out}/scores.csv"]


def training(inputs, out):
    sets = (f"{inputs}/prepared/images/{name}" for name in ("train", "test", "test"))
    return ["-m", "ddsm_train.image_clf_train", *sets, "--no-patch-model-state",
            "--no-use-pretrained", "--patch-net", "yaroslav", "--img-size", "64", "64",
            "--rescale-factor", "0.003891", "--nb-epoch", "3", "--all-layer-epochs",
            "3", "--batch-size", "8", "--top-depths", "4", "--top-repetitions", "1",
            "--optimizer", "adam", "--best-model", f"{out}/best.h5"]


COMMANDS = {
    "prepare": Command(prepare, "full/*.png", ("converted.jsonl",)),
    "sampling": Command(sampling, "*/*/*.png"),
    "prediction": Command(prediction, "scores.csv", ("scores.csv",)),
    "training": Command(training, "best.history.csv"),
}


def start(name, inputs, out):
    """Starts a command; it may be killed."""
    return subprocess.Popen(
        [sys.executable, *COMMANDS[name].words(inputs, out)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(os.environ, TF_NUM_INTRAOP_THREADS="1"))


def process(words, **environment):
    """Starts any program with more in its environment."""
    return subprocess.Popen(
        words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(os.environ, TF_NUM_INTRAOP_THREADS="1") | environment)


def finish(process, status=0):
    """What a command printed until its end, with this status and no traceback."""
    said = process.communicate(timeout=600)[0]
    assert "Traceback" not in said, said
    assert process.returncode == status, said
    return said


def whole(name, out):
    """Checks that all that has its final name is whole."""
    for path in out.rglob("*"):
        if not path.is_file() or path.name.startswith("."):
            continue
        if path.suffix == ".png":
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert image is not None and image.dtype in (np.uint8, np.uint16), path
        elif path.name in COMMANDS[name].streamed:
            rows = path.read_text().split("\n")[:-1]
            assert all(row[0] in "{p/" and row[-1] for row in rows), path
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".csv":
            with open(path, newline="") as stream:
                rows = list(csv.reader(stream))
            assert len(set(map(len, rows))) == 1, path
        elif path.suffix == ".h5":
            import h5py
            with h5py.File(path) as file:
                assert file.attrs["end2end"]


def contents(name, out):
    """Digests of all that a command wrote, but for notes on the run itself."""
    if name == "training":
        return (out / "best.history.csv").read_text()
    found = {}
    for path in sorted(out.rglob("*")):
        # scores.run.json has a random key, scores.files.jsonl the times of files.
        if path.is_file() and path.name[0] != "." and path.suffixes[:1] not in (
                [".run"], [".files"]):
            data = path.read_bytes().replace(str(out).encode(), b"OUT")
            if path.name == "converted.jsonl":  # holds times of the files that it read
                data = json.dumps([
                    json.loads(line)["key"] for line in data.splitlines()]).encode()
            found[path.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


@dataclasses.dataclass
class Disk:
    """A file system in memory, to be filled or made read-only."""

    path: pathlib.Path

    def set(self, words):
        subprocess.run(["mount", "-o", f"remount,{words}", self.path], check=True)


@contextlib.contextmanager
def mounted(path, size):
    """Mounts a small disk; the test is skipped where that is not allowed.

    A process that waits for the end of this one unmounts it, also after a kill.
    """
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path],
                          capture_output=True, text=True) if shutil.which(
        "mount") else None
    if done is None or done.returncode:
        pytest.skip("no file system can be mounted here (needs root on Linux)")
    with subprocess.Popen(
            ["sh", "-c", 'read end; umount -l "$1"', "sh", str(path)],
            stdin=subprocess.PIPE, cwd="/", start_new_session=True):
        yield Disk(path)
