"""The epoch chosen by folds of women, none of whom is set apart."""

import dataclasses
import pathlib

import numpy as np
import pytest

from end2end import config
from end2end.data import image_lists
from end2end.training import experiment
from end2end.utils import files
from inbreast.pipeline import folds

TRAINING = config.TrainingOptions(
    first_until_epoch=0, all_until_epoch=9, resume_from="m.h5")


def images(patients=9, positive=4):
    """Two images of each patient, the first of positive patients being positive."""
    names = [f"p{number}" for number in range(patients) for _ in range(2)]
    labels = [int(number < positive and image == 0)
              for number in range(patients) for image in range(2)]
    return image_lists.ImageList(
        tuple(pathlib.Path(f"{i}.png") for i in range(len(names))), np.array(labels),
        ("neg", "pos"), patients=tuple(names))


def test_every_woman_is_watched_once_and_trains_in_the_other_folds():
    dealt = folds.dealt(images(), 3, seed=1)
    watched = [set(fold.patients) for _, fold in dealt]
    assert sorted(sum(map(sorted, watched), [])) == [f"p{i}" for i in range(9)]
    for (others, fold), names in zip(dealt, watched, strict=True):
        assert set(others.patients) == {f"p{i}" for i in range(9)} - names
        for part in (others, fold):
            assert set(part.labels) == {0, 1}


def test_there_are_no_more_folds_than_women_with_cancer():
    assert len(folds.dealt(images(9, 2), 5, seed=1)) == 2
    with pytest.raises(files.InputError, match="expected two of each"):
        folds.dealt(images(9, 1), 5, seed=1)


def test_the_epoch_is_the_first_of_the_highest_mean():
    def rows(*values):
        return [dict(val_auc=value) for value in values]

    # The last epoch is of one fold only; means 0.5, 0.8, 0.8.
    assert folds.best_epoch([rows(0.2, 0.9, 0.7, 1.0), rows(0.8, 0.7, 0.9)]) == 2


def test_all_women_train_up_to_the_epoch_of_the_folds(tmp_path, monkeypatch):
    table = tmp_path / "train.csv"
    listed = images()
    table.write_text("path,label,patient\n" + "".join(
        f"{tmp_path / path},{label},{patient}\n" for path, label, patient in zip(
            listed.paths, listed.labels, listed.patients, strict=True)))
    calls = []

    def run(folders, images, model, training, **keywords):
        calls.append((folders, training, keywords))
        return dict(history=[dict(val_auc=value) for value in (0.5, 0.9, 0.8)])

    monkeypatch.setattr(experiment, "run_image_experiment", run)
    monkeypatch.setattr(image_lists, "find_images", lambda *arguments: listed)
    training = dataclasses.replace(TRAINING, first_until_epoch=4,
                                   best_model=str(tmp_path / "best.h5"))
    said = []
    how = dict(say=said.append, verbose=2, not_asked=("height",))
    folds.run((str(table), "VAL", "TEST"), (None, None, training), 4, **how)
    assert [keywords for *_, keywords in calls] == [how] * 5
    assert said == [
        *(f"\nfold {number}: {women} women are watched"
          for number, women in enumerate((3, 2, 2, 2), 1)),
        "\nepoch 2 has the highest mean AUC over 4 folds; all women train up to it"]
    (train, val, test), last, _ = calls[-1]
    assert (train, val, test) == (str(table), str(table), "TEST")
    assert (last.keep_epoch, last.first_until_epoch, last.all_until_epoch) == (
        "last", 2, 2)
    assert last.best_model == str(tmp_path / "best.h5")
    assert {call[1].best_model for call in calls[:-1]} == {
        str(tmp_path / "folds" / f"{number}.h5") for number in (1, 2, 3, 4)}
    assert {(call[1].first_until_epoch, call[1].all_until_epoch)
            for call in calls[:-1]} == {(4, 9)}
    training = dataclasses.replace(training, first_until_epoch=1)
    folds.run((str(table), "VAL", "TEST"), (None, None, training), 2, **how)
    assert calls[-1][1].first_until_epoch == 1


def test_what_the_first_fold_was_tuned_to_is_that_of_all(tmp_path, monkeypatch):
    tunings = []

    def run(folders, images, model, training, **keywords):
        tunings.append((training.tune, training.precision, training.xla))
        tuned = dataclasses.replace(training, precision="mixed_bfloat16", tune=True)
        return dict(history=[dict(val_auc=0.5)], training=config.to_dict(tuned))

    monkeypatch.setattr(experiment, "run_image_experiment", run)
    monkeypatch.setattr(image_lists, "find_images", lambda *arguments: images())
    training = dataclasses.replace(
        TRAINING, best_model=str(tmp_path / "best.h5"), tune=True)
    folds.run(("T", "V", "S"), (None, None, training), 3, say=lambda text: None)
    assert tunings == [(True, "float32", False)] + [
        (False, "mixed_bfloat16", False)] * 3


def test_folds_need_a_place_for_what_they_find():
    training = dataclasses.replace(TRAINING, best_model="NOSAVE")
    with pytest.raises(files.InputError, match="--best-model"):
        folds.run(("T", "V", "S"), (None, None, training), 2, say=lambda text: None)
