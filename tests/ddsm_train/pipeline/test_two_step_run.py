"""The work of the two-step baseline: checks, the score file, the last lines."""

import argparse
import pathlib

import numpy as np
import pytest
import recorded

from ddsm_train.pipeline import two_step_run
from end2end.heatmaps import heatmap_files, two_step
from end2end.utils import files

VALUES = dict(largest=1, trees=20, max_depth=3, min_samples_split=2, workers=1,
              cutoffs=[0.5], by="image")


@pytest.mark.parametrize("changes, message", [
    (dict(min_samples_split=1), "--min-samples-split 1: expected at least 2."),
    (dict(trees=0), "--trees 0: expected at least 1."),
    (dict(largest=0), "--largest 0: expected at least 1."),
    (dict(max_depth=0), "--max-depth 0: expected at least 1."),
    (dict(workers=0), "--workers 0: expected at least 1."),
    *((dict(cutoffs=[0.5, cutoff]), "--cutoffs are probabilities; expected values "
       "above 0, up to 1.") for cutoff in (0, 1.001, -0.5))])
def test_values_that_no_forest_can_be_grown_with_are_refused(changes, message):
    with pytest.raises(files.InputError) as caught:
        two_step_run.check(argparse.Namespace(**(VALUES | changes)))
    assert str(caught.value) == message
    two_step_run.check(argparse.Namespace(
        **VALUES | dict(trees=1, max_depth=1, cutoffs=[1e-9, 1])))


def test_cases_are_named_by_patient_side_and_view():
    features = two_step.Features(
        np.zeros((2, 1)), ("f",), np.array([0, 1]), ("P_1", "P_2"), ("LEFT", "RIGHT"),
        ("cc", ""))
    table = two_step_run.table(features, np.array([0.25, 0.75]))
    assert table.paths == ("P_1_LEFT_cc", "P_2_RIGHT")
    assert table.lateralities == ("L", "R")


@pytest.mark.parametrize("cases, noted", [(10, True), (300, False)])
def test_too_few_cases_to_split_are_noted(cases, noted):
    report = dict(auc=0.75, interval=(0.5, 1.0), cases=dict(train=cases, test=8),
                  cancers=dict(test=3))
    text = two_step_run.summary(report, argparse.Namespace(
        **(VALUES | dict(min_samples_split=300))), pathlib.Path("out"))
    assert text.startswith(
        "AUC 0.750 [0.500, 1.000] (few: 3 with cancer) of 8 images, 3 with cancer ")
    assert ("\nnote: 10 training cases are fewer than --min-samples-split 300, so " in
            text) == noted
    assert text.splitlines()[-2:][0].startswith("scores in out")
    assert text.splitlines()[-1].startswith("next: ")


def heatmap_file(path, count, *, classes=("background", "calc_mal", "mass_mal")):
    """Breasts of which every third has cancer, and every fourth no MLO."""
    rng = np.random.default_rng(count)
    cases = []
    for number in range(count):
        maps = rng.random((2, 7, 5, len(classes))).astype(np.float32)
        maps[..., 1] *= 0.4 + 0.6 * (number % 3 == 0)
        maps /= maps.sum(axis=-1, keepdims=True)
        cases.append(heatmap_files.Case(
            f"P_{number}", "LEFT" if number % 2 else "RIGHT", int(number % 3 == 0),
            maps[0], None if number % 4 == 3 else maps[1]))
    heatmap_files.write_cases(path, cases, classes=classes, settings={})


@pytest.mark.parametrize("by", ["image", "breast"])
def test_the_result_is_as_recorded(tmp_path, monkeypatch, by):
    grown, grow = [], two_step.train_forest
    monkeypatch.setattr(two_step, "train_forest", lambda cases, **how: (
        grown.append(how) or grow(cases, **how)))
    heatmap_file(tmp_path / "train.npz", 12)
    heatmap_file(tmp_path / "test.npz", 9)
    arguments = argparse.Namespace(**VALUES | dict(
        trees=5, cutoffs=[0.3, 0.5], by=by, seed=3, train=str(tmp_path / "train.npz"),
        test=str(tmp_path / "test.npz"), out=str(tmp_path / "out")))
    text = two_step_run.run(arguments)
    assert grown == [dict(seed=3, n_estimators=5, max_depth=3, n_jobs=1,
                          min_samples_split=2)]
    recorded.check(f"two-step-{by}", "\n".join([
        text, recorded.folder(tmp_path / "out")]), dict(OUT=tmp_path))


@pytest.mark.parametrize(("count", "changes", "message"), [
    (6, dict(classes=("background", "cancer")), "heatmaps of different classes"),
    # As many classes in another order.
    (6, dict(classes=("background", "mass_mal", "calc_mal")),
     "heatmaps of different classes"),
    (1, {}, "AUC needs both classes")])
def test_heatmaps_that_cannot_be_tested_on_are_refused(
        tmp_path, count, changes, message):
    heatmap_file(tmp_path / "train.npz", 6)
    heatmap_file(tmp_path / "test.npz", count, **changes)
    arguments = argparse.Namespace(**VALUES | dict(
        train=str(tmp_path / "train.npz"), test=str(tmp_path / "test.npz"), seed=3,
        out=str(tmp_path / "out")))
    with pytest.raises(files.InputError, match=message):
        two_step_run.run(arguments)
    assert not (tmp_path / "out").exists()
