"""The command line of fine-tuning: recipes, what is typed, what the model says."""

import pytest

from end2end.training import schedule
from end2end.utils import files
from inbreast import finetune


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "best.h5"
    path.write_bytes(b"")
    return path


def parsed(model_file, *flags):
    return finetune.parse(
        ["T", "V", "S", "--resume-from", str(model_file), *map(str, flags)])[:-1]


def test_the_papers_recipe_is_adam_at_1e_5_for_200_epochs_of_all_layers(model_file):
    _, images, model, options = parsed(model_file)
    rows = schedule.image_stages(options, model, first_trainable="top")
    assert rows[0].until_epoch == 0
    assert (rows[1].until_epoch, rows[1].weight_decay) == (200, 0.01)
    assert rows[1].learning_rate == pytest.approx(1e-5)
    assert options.optimizer == "adam"
    assert images.intensity_scale == images.pixel_mean == "auto"


def test_flags_typed_win_over_the_recipe(model_file):
    _, images, _, options = parsed(
        model_file, "--all-layer-epochs", 3, "--featurewise-mean", 44.33)
    assert (options.all_until_epoch, images.pixel_mean) == (3, 44.33)


def test_the_image_size_is_that_of_the_model_unless_typed(model_file):
    assert parsed(model_file)[1].size == (1152, 896)
    files.write_json(model_file.with_suffix(".config.json"),
                     dict(images=dict(size=[320, 256])))
    assert parsed(model_file)[1].size == (320, 256)
    assert parsed(model_file, "--img-size", 64, 32)[1].size == (64, 32)


@pytest.mark.parametrize("name", ["breast_only", "remove_pectoral", "crop_breast"])
def test_only_what_a_model_learned_from_is_shown_to_it(model_file, name):
    assert not getattr(parsed(model_file)[1], name)
    files.write_json(model_file.with_suffix(".config.json"),
                     dict(images={"size": [320, 256], name: True}))
    assert getattr(parsed(model_file)[1], name)
    flag = f"--no-{name.replace('_', '-')}"
    assert not getattr(parsed(model_file, flag)[1], name)


def test_fine_tuning_without_a_model_is_refused():
    with pytest.raises(files.InputError, match="--resume-from"):
        finetune.parse(["T", "V", "S"])


def test_one_fold_is_refused_and_several_are_told(model_file):
    words = ["T", "V", "S", "--resume-from", str(model_file), "--folds"]
    assert finetune.parse([*words, "3"])[-1] == 3
    with pytest.raises(files.InputError, match="--folds 1: expected 2"):
        finetune.parse([*words, "1"])
