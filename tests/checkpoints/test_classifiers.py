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


def test_a_network_that_was_cut_too_early_is_used_and_named(path, monkeypatch, caplog):
    monkeypatch.setattr(checkpoints.published, "cut_before_end", lambda model: "conv5")
    with caplog.at_level("INFO"):
        checkpoints.load_classifier(path, typed=dict(size=(9, 7)))
    assert ("m.h5 was cut by the original before the end of its trunk, at conv5; it is "
            "used as it was trained.") in caplog.messages


def test_a_model_of_two_views_is_refused_where_one_image_is_wanted(path, monkeypatch):
    card = dict(kind=checkpoints.outputs.TWO_VIEWS)
    monkeypatch.setattr(checkpoints.saved_models, "card_beside", lambda *_: card)
    monkeypatch.setattr(checkpoints.outputs, "check_ends", lambda *_: None)
    with pytest.raises(files.InputError) as caught:
        checkpoints.load_classifier(path, typed=dict(size=(9, 7)))
    assert str(caught.value) == (
        "model m.h5 takes CC and MLO of a breast at once, which evaluate, predict and "
        "export do; give a model of one image here.")
    assert checkpoints.load_classifier(
        path, typed=dict(size=(9, 7)), breasts=True).card == card


@pytest.mark.parametrize(("height", "sides"), [
    (None, (9, 7)), (40, (40, 30)), (1, (1, 1))])
def test_an_image_of_a_height_alone_is_tried_at_the_usual_aspect(height, sides):
    images = config.ImageOptions(size=(9, 7), height=height)
    assert checkpoints.classifiers._sides(images) == sides


def test_the_output_that_is_taken_for_cancer_is_logged(path, caplog):
    files.write_json(checkpoints.config_path(path), dict(classes=["pos", "neg"]))
    with caplog.at_level("INFO"):
        checkpoints.load_classifier(path, typed=dict(size=(9, 7)))
    assert caplog.messages == [
        "m.h5: output 1 of 2 (pos) is taken for cancer, named by its card."]
