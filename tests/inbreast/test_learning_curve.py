"""The program of the learning curve: none, the subsets, and all."""

import noted_steps
import pytest

from end2end.data import image_lists
from end2end.utils import files, steps
from inbreast import learning_curve


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "best.h5"
    path.write_bytes(b"")
    return path


@pytest.fixture
def commands(monkeypatch):
    """The steps that would be run."""
    return noted_steps.results_of(monkeypatch, steps)


def test_a_learning_curve_is_none_the_subsets_and_all(
        tmp_path, model_file, commands, capsys):
    table = noted_steps.write_manifest(tmp_path)
    (tmp_path / "test" / "neg").mkdir(parents=True)
    (tmp_path / "test" / "neg" / "a.png").write_bytes(b"")
    out = tmp_path / "curve"
    learning_curve.main([str(table), str(tmp_path / "test"), "--model",
                         str(model_file), "--patients", "4", "6", "--out", str(out),
                         "--flags", "--all-layer-epochs 2"])
    tuned = [step for step in commands if step.command[0] == "inbreast.finetune"]
    assert len(tuned) == 3
    assert len(commands) == 7
    for step in tuned:
        train, val = (image_lists.read_manifest(path)
                      for path in step.command[1:3])
        everybody = set(train.patients) == set(val.patients)
        assert everybody or not set(train.patients) & set(val.patients)
        assert step.command[-2:] == ("--all-layer-epochs", "2")
    assert everybody and "last" in tuned[-1].command
    text = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in text.splitlines()
            if line.startswith("| ")][1:] == ["0", "4", "6", "9"]
    assert text.count("] (few: 10 with cancer) |") == 4
    assert (out / "learning_curve.csv").exists()
    assert (out / "learning_curve.png").exists()


def test_too_few_patients_or_a_wrong_share_are_refused(tmp_path, model_file):
    table = noted_steps.write_manifest(tmp_path)
    common = [str(table), str(tmp_path), "--model", str(model_file), "--out",
              str(tmp_path / "out")]
    with pytest.raises(files.InputError, match="--patients 2"):
        learning_curve.main([*common, "--patients", "2"])
    with pytest.raises(files.InputError, match="--val-share 1"):
        learning_curve.main([*common, "--val-share", "1"])
