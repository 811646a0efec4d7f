"""The command line that all training programs share."""

import os

import pytest

from ddsm_train import image_clf_train
from end2end.config import training_command
from end2end.utils import files


def test_the_flags_of_a_named_experiment_hold_unless_typed():
    experiments = {"one": ("--batch-size", 8, "--top-depths", 4, 4)}
    _, _, model, training = training_command.parse(
        image_clf_train.parser(),
        ["T", "V", "S", "--experiment", "one", "--batch-size", "2"], experiments)
    assert (model.top_filters, training.batch_size) == ((4, 4), 2)
    with pytest.raises(files.InputError, match="'two' is not known here"):
        training_command.parse(
            image_clf_train.parser(), ["T", "V", "S", "--experiment", "two"],
            experiments)


@pytest.mark.parametrize(("asked", "used"), [(None, "1"), ("0", "0")])
def test_the_convolutions_of_onednn_are_asked_for_unless_the_user_says_otherwise(
        monkeypatch, asked, used):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "x")
    if asked is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    else:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", asked)
    training_command.parse(image_clf_train.parser(), ["T", "V", "S"], {})
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == used
