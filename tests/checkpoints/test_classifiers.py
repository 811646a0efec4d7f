"""A saved model with its settings: which win, and which are refused."""

import foreign_models
import pytest

from end2end import checkpoints, config
from end2end.utils import files


@pytest.fixture
def path(tmp_path):
    return foreign_models.save(foreign_models.network(
        *foreign_models.classifier_top()), tmp_path / "m.h5")


def test_typed_settings_describe_a_model_without_a_card(path):
    classifier = checkpoints.load_classifier(
        path, typed=dict(size=(9, 7), intensity_scale=2.0))
    assert (classifier.images.intensity_scale, classifier.images.channels) == (2.0, 1)


def test_typed_settings_win_over_the_card_and_leave_the_rest(path):
    files.write_json(checkpoints.config_path(path), dict(
        classes=["neg", "pos"], images=config.to_dict(config.ImageOptions(
            size=(9, 7), intensity_scale=3.0, pixel_mean=5.0))))
    images = checkpoints.load_classifier(path, typed=dict(pixel_mean=7.0)).images
    assert (images.intensity_scale, images.pixel_mean) == (3.0, 7.0)


@pytest.mark.parametrize("typed", [dict(size=(9, 8)), dict(size=(9, 7), height=9)])
def test_a_size_that_the_network_does_not_take_is_refused(path, typed):
    with pytest.raises(files.InputError, match="takes images of 9x7"):
        checkpoints.load_classifier(path, typed=typed)


def test_a_damaged_card_is_refused_with_the_name_of_the_field(path):
    files.write_json(checkpoints.config_path(path), dict(
        calibration=dict(temperature=dict(plain=-1))))
    with pytest.raises(files.InputError, match="calibration.temperature.plain is -1"):
        checkpoints.load_classifier(path, typed=dict(size=(9, 7)))
