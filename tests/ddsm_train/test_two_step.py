"""The program of the two-step baseline."""

import pytest

from ddsm_train import two_step
from ddsm_train.pipeline import two_step_run
from end2end.utils import files


def test_the_defaults_are_the_papers():
    arguments = two_step.parser().parse_args(["train.npz", "test.npz"])
    assert (arguments.trees, arguments.max_depth, arguments.min_samples_split) == (
        500, 9, 300)
    assert arguments.cutoffs == [0.3, 0.5, 0.7, 0.9]


def test_the_seed_of_the_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("RANDOM_SEED", "7")
    assert two_step.parser().parse_args(["a.npz", "b.npz"]).seed == 7


def test_heatmaps_that_are_not_there_are_named(tmp_path):
    with pytest.raises(files.InputError, match="none.npz"):
        two_step.main([str(tmp_path / "none.npz"), str(tmp_path / "none.npz")])


def test_the_forest_is_grown_while_its_folder_is_held(tmp_path, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(two_step_run, "run", lambda arguments: calls.append(
        (arguments.train, arguments.test, arguments.trees,
         (tmp_path / ".lock").exists())) or "what came out")
    two_step.main(["train.npz", "test.npz", "--out", str(tmp_path), "--trees", "7"])
    assert calls == [("train.npz", "test.npz", 7, True)]
    assert capsys.readouterr().out == "what came out\n"
