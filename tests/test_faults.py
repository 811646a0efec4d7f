"""Kills, full and read-only disks, files that vanish or change, workers that die: what
was written stays whole and a second call completes the work. Real processes."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import cv2
import faults
import numpy as np
import pydicom
import pytest
from faults import contents, finish, start, whole
from saved_models import whole_image_model

from ddsm_train import prepare
from end2end import phantoms
from end2end.data import conversion

ALL = ["prepare", *(pytest.param(name, marks=pytest.mark.slow) for name in (
    "sampling", "prediction", "training"))]
SEED = 20


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A download of ten synthetic women, what became of it, and a model. Read only."""
    folder = tmp_path_factory.mktemp("inputs")
    phantoms.write_cbis_ddsm(folder / "download", patients=10, seed=5, size=(64, 64))
    prepare.main([str(folder / "download"), str(folder / "prepared"), "--workers", "1",
                  "--size", *faults.SIZE])
    whole_image_model(folder / "best.h5", scale=1 / 257)
    return folder


@pytest.fixture(scope="module")
def unbroken(inputs, tmp_path_factory):
    """What each command writes where nothing happens, and how long it takes."""
    known = {}

    def run(name):
        if name not in known:
            out = tmp_path_factory.mktemp(name) / "out"
            began = time.monotonic()
            finish(start(name, inputs, out))
            known[name] = contents(name, out), time.monotonic() - began
        return known[name]

    return run


def until_first(name, process, out):
    """Waits until a command has written something, or has ended."""
    while process.poll() is None and not any(out.glob(faults.COMMANDS[name].grows)):
        time.sleep(0.002)


def killed_and_finished(name, inputs, out, expected, waits):
    for wait in waits:
        process = start(name, inputs, out)
        if wait >= 0:
            until_first(name, process, out)
            time.sleep(wait)
        else:
            time.sleep(-wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        whole(name, out)
    finish(start(name, inputs, out))
    assert contents(name, out) == expected
    assert not [path for path in out.rglob(".*") if ".part" in path.name]


@pytest.mark.parametrize("name", ALL)
def test_a_second_call_completes_what_a_kill_left(name, inputs, unbroken, tmp_path):
    # What is prepared for the tests was written by one process without a kill.
    expected = (contents(name, inputs / "prepared") if name == "prepare"
                else unbroken(name)[0])
    killed_and_finished(name, inputs, tmp_path / "out", expected, [0.02])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare", "sampling", "prediction", "training"])
def test_killed_eight_times_at_random_the_work_is_complete_in_the_end(
        name, inputs, unbroken, tmp_path):
    expected, seconds = unbroken(name)
    rng = random.Random(f"{SEED} {name}")
    waits = [-rng.uniform(0, seconds) if k % 2 else rng.uniform(0, 0.4)
             for k in range(8)]
    killed_and_finished(name, inputs, tmp_path / "out", expected, waits)


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 KB."""
    with faults.mounted(tmp_path / "disk", "64k") as disk:
        yield disk


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_full_disk_ends_in_one_line_and_room_completes_the_work(
        name, inputs, unbroken, tmp_path, disk):
    if name == "prediction":  # leaves a few bytes for its rows
        (disk.path / "other").write_bytes(bytes(60_000))
    out = disk.path / "out"
    said = finish(start(name, inputs, out), status=1)
    assert "No space left" in said
    whole(name, out)
    (disk.path / "other").unlink(missing_ok=True)
    disk.set("size=200m")
    finish(start(name, inputs, out))
    assert contents(name, out) == unbroken(name)[0]


@pytest.mark.parametrize("name", ALL)
def test_a_read_only_folder_is_refused_in_one_line_before_any_work(
        name, inputs, disk):
    (disk.path / "out").mkdir()
    disk.set("ro")
    said = finish(start(name, inputs, disk.path / "out"), status=2)
    assert "cannot be written" in said
    disk.set("rw")
    assert not any((disk.path / "out").iterdir())


def changed_inputs(name, inputs, folder):
    """A copy of the inputs, and the images that a command reads."""
    shutil.copytree(inputs, folder, symlinks=True)
    if name == "prepare":
        return sorted((folder / "download").rglob("*.dcm"))
    part = "images/train" if name == "training" else "full"
    return sorted((folder / "prepared" / part).rglob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare", "sampling", "prediction", "training"])
def test_files_that_vanish_after_the_listing_are_named_and_the_rest_is_done(
        name, inputs, unbroken, tmp_path):
    own, out = tmp_path / "inputs", tmp_path / "out"
    paths = changed_inputs(name, inputs, own)
    gone = tmp_path / "gone"
    process = start(name, own, out)
    until_first(name, process, out)
    moved = [path for path in paths[::2] if path.exists()]
    for path in moved:
        (gone / path.relative_to(own)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(gone / path.relative_to(own))
    said = process.communicate(timeout=600)[0]
    # Training needs all of its images; the others do without.
    assert process.returncode in ((0, 2) if name == "training" else (0, 1)), said
    assert "Traceback" not in said, said
    whole(name, out)
    for path in moved:
        (gone / path.relative_to(own)).rename(path)
    finish(start(name, own, out))
    if name == "training":
        assert contents(name, out) == unbroken(name)[0]
        return
    same = {key: value for key, value in contents(name, out).items()
            if key != "notes.csv"}
    expected = unbroken(name)[0]
    if name == "prediction":  # its rows hold the paths of the images
        rows = (out / "scores.csv").read_text().splitlines()
        assert len(rows) == len(set(rows)) == len(paths) + 1
        return
    assert same == {key: expected[key] for key in same}


def rewritten(path):
    """Puts another picture in place of an image file; its other content stays."""
    part = path.with_name("part" + path.suffix)
    if path.suffix == ".dcm":
        data = pydicom.dcmread(path)
        data.PixelData = bytes(255 - value for value in data.PixelData)
        data.save_as(part)
    else:
        cv2.imwrite(str(part), ~cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
    part.replace(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare", "sampling", "prediction", "training"])
def test_images_that_change_after_the_listing_count_as_they_are_in_the_end(
        name, inputs, tmp_path):
    own, out = tmp_path / "inputs", tmp_path / "out"
    paths = changed_inputs(name, inputs, own)
    process = start(name, own, out)
    until_first(name, process, out)
    for path in paths[::2]:
        rewritten(path)
    said = process.communicate(timeout=600)[0]
    assert "Traceback" not in said and process.returncode in (0, 1), said
    whole(name, out)
    finish(start(name, own, out))
    finish(start(name, own, tmp_path / "fresh"))
    if name == "prediction":
        first, second = (sorted((folder / "scores.csv").read_text().splitlines())
                         for folder in (out, tmp_path / "fresh"))
        assert first == second
    else:
        assert contents(name, out) == contents(name, tmp_path / "fresh")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sampling", "prediction", "training"])
def test_images_cut_short_after_the_listing_are_named_and_done_once_they_are_whole(
        name, inputs, unbroken, tmp_path):
    own, out = tmp_path / "inputs", tmp_path / "out"
    paths = changed_inputs(name, inputs, own)
    process = start(name, own, out)
    until_first(name, process, out)
    before = {path: (path.read_bytes(), path.stat()) for path in paths[::2]}
    for path, (data, _) in before.items():
        path.write_bytes(data[:len(data) // 2])
    said = process.communicate(timeout=600)[0]
    assert process.returncode in ((0, 2) if name == "training" else (0, 1)), said
    assert "Traceback" not in said, said
    whole(name, out)
    for path, (data, was) in before.items():
        path.write_bytes(data)
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    finish(start(name, own, out))
    if name == "prediction":
        rows = (out / "scores.csv").read_text().replace(str(own), str(inputs))
        clean = tmp_path / "clean"
        finish(start(name, inputs, clean))
        assert sorted(rows.splitlines()) == sorted(
            (clean / "scores.csv").read_text().splitlines())
    else:
        assert contents(name, out) == unbroken(name)[0]


def test_a_file_that_changes_while_it_is_read_is_read_again_by_the_next_call(tmp_path):
    source, out = tmp_path / "a.png", tmp_path / "out"
    out.mkdir()
    cv2.imwrite(str(source), np.full((8, 8), 10, np.uint8))
    job = dict(key="a", sources=[source], settings=[])

    def convert(job):
        pixels = conversion.read_stored(source)
        # Another program writes a new version before this one is done.
        if pixels[0, 0] == 10:
            cv2.imwrite(str(source), np.full((9, 9), 20, np.uint8))
        conversion.write_png(out / "a.png", pixels)
        return dict(outputs=["a.png"], complete=True)

    for expected in (10, 20):
        conversion.run_jobs([job], convert,
                            ledger=conversion.Ledger(out / "converted.jsonl"))
        assert cv2.imread(str(out / "a.png"), -1)[0, 0] == expected


def children(process):
    """Process numbers of what a process has started."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task")
    return [int(number) for task in tasks.iterdir()
            for number in (task / "children").read_text().split()]


@pytest.mark.slow
def test_a_worker_that_dies_loses_and_doubles_no_image(inputs, unbroken, tmp_path):
    out = tmp_path / "out"
    process = start("prepare", inputs, out)
    until_first("prepare", process, out)
    for number in children(process)[1:]:  # the first is not a worker
        subprocess.run(["kill", "-9", str(number)])
    finish(process)
    finish(start("prepare", inputs, out))
    assert contents("prepare", out) == unbroken("prepare")[0]
