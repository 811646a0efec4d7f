"""The program of the learning curve: none, the subsets, and all."""

import re

import figure_values
import noted_steps
import pytest
import recorded

from end2end.data import image_lists
from end2end.utils import files, steps
from inbreast import learning_curve
from inbreast.pipeline import curve


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
    assert (out / "learning_curve.png").exists()
    lines = [f"{step.name}: {step.title}: {' '.join(map(str, step.command))} after "
             f"{' '.join(step.after)}" for step in commands]
    lines += [text, (out / "learning_curve.csv").read_text(), *(
        path.read_text() for path in sorted((out / "subsets").iterdir()))]
    # The names of manifests have a hash of their absolute paths.
    recorded.check("learning-curve", re.sub(
        r"-[0-9a-f]{8}\.csv", "-HASH.csv", "\n".join(lines)),
        dict(OUT=out, DATA=tmp_path, MODEL=tmp_path.name))


def test_too_few_patients_or_a_wrong_share_are_refused(tmp_path, model_file):
    table = noted_steps.write_manifest(tmp_path)
    common = [str(table), str(tmp_path), "--model", str(model_file), "--out",
              str(tmp_path / "out")]
    for words, message in (
            (["--patients", "8", "3"], "--patients 3: expected 4 or more, to train and "
             "to validate with both classes."),
            (["--val-share", "1"], "--val-share 1.0: expected more than 0, less than "
             "1."),
            (["--val-share", "0"], "--val-share 0.0: expected more than 0, less than "
             "1.")):
        with pytest.raises(files.InputError) as caught:
            learning_curve.main([*common, *words])
        assert str(caught.value) == message


def test_the_picture_has_a_line_for_each_model():
    rows = [dict(model=model, patients=patients, auc=auc, low=auc - 0.1, high=auc + 0.2)
            for model, patients, auc in (("b", 4, 0.5), ("b", 0, 0.25), ("a", 0, 0.7))]
    recorded.check("learning-curve-picture", figure_values.described(
        curve.picture(rows)))
