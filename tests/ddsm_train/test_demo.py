"""The walk from a download to a report, as `make demo` runs it."""

import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from ddsm_train import demo
from ddsm_train.pipeline import walk
from end2end.utils import files


def run_demo(out):
    """Runs the tiny demo as a user would, and returns what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "ddsm_train.demo", "--scale", "tiny", "--out", str(out)],
        capture_output=True, text=True, check=True, timeout=900).stdout


def digest(folder, pattern):
    """Hash over names and contents of the files below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob(pattern)):
        found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished tiny demo, and its output."""
    out = tmp_path_factory.mktemp("demo") / "run"
    return out, run_demo(out)


def test_steps_after_one_that_is_redone_are_redone(tmp_path, capsys):
    chain = [walk.Step(name, "prints its version", ("platform",)) for name in "abc"]
    walk.walk_steps(chain, tmp_path)
    (tmp_path / "steps" / "b.json").unlink()
    capsys.readouterr()
    records = walk.walk_steps(chain, tmp_path)
    assert capsys.readouterr().out.count("done before") == 1
    assert [record["name"] for record in records] == ["a", "b", "c"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_splits_and_patches(tmp_path):
    found = []
    for name in ("a", "b"):
        out = tmp_path / name
        walk.walk_steps(walk.data_steps(out, walk.SCALES["tiny"], 7)[:3], out)
        found.append((digest(out / "data" / "splits", "*.txt"),
                      digest(out / "patches", "*.png")))
    assert found[0] == found[1]


@pytest.mark.slow
def test_the_demo_ends_with_a_report_that_needs_no_network(finished):
    out, printed = finished
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "not a medical device" in page
    assert "data:image/png" in page
    assert not re.search(r"""(?:src|href)=["']?https?:""", page)
    assert str(out / "report.html") in printed


@pytest.mark.slow
def test_saved_models_score_the_test_images_as_the_demo_did(finished):
    from end2end import checkpoints, prediction

    out, _ = finished
    classifier = checkpoints.load_classifier(out / "image" / "best.h5")
    kept = prediction.read_scores(out / "image" / "test" / "scores.csv")
    found = prediction.predict(classifier, kept.paths)[:, 1]
    np.testing.assert_allclose(found, kept.values, atol=1e-5)
    assert "synthetic mammograms only" in classifier.card["trained_on"]


@pytest.mark.slow
def test_a_second_call_of_the_demo_does_nothing_again(finished):
    out, _ = finished
    before = (out / "image" / "best.h5").stat().st_mtime_ns
    assert run_demo(out).count("done before") == 11
    assert (out / "image" / "best.h5").stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_first_epoch_loss(finished, tmp_path):
    out, _ = finished
    command = json.loads((out / "steps" / "patch.json").read_text())["command"]
    other = str(tmp_path / "best.h5")
    command = [other if word == str(out / "patch" / "best.h5") else word
               for word in command]
    subprocess.run([sys.executable, *command[1:]], check=True, timeout=600,
                   capture_output=True)
    losses = [files.read_json(path)["history"][0]["loss"] for path in (
        out / "patch" / "best.report.json", tmp_path / "best.report.json")]
    assert losses[0] == losses[1]


def test_the_walk_is_made_at_its_scale_while_its_folder_is_held(
        tmp_path, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(walk, "run", lambda out, scale, *, seed: calls.append(
        (str(out), scale, seed, (tmp_path / ".lock").exists())) or "what came out")
    demo.main(["--scale", "tiny", "--out", str(tmp_path), "--seed", "7"])
    assert calls == [(str(tmp_path), walk.SCALES["tiny"], 7, True)]
    assert capsys.readouterr().out == "what came out\n"
