"""A card names the model that training started from, and what it inherits."""

import foreign_models
import pytest

from end2end import checkpoints, config, models
from end2end.checkpoints import lineage
from end2end.utils import files


def saved(path, card):
    checkpoints.save_model(
        foreign_models.network(*foreign_models.classifier_top()), path, card)
    return path


def test_a_parent_is_named_by_content_with_its_data_and_licence(tmp_path):
    path = saved(tmp_path / "a.h5", dict(
        name="first", trained_on="phantoms", licence="CC BY 4.0"))
    parent = lineage.parent(path)
    assert parent == dict(file="a.h5", sha256=files.sha256(path), name="first",
                          trained_on="phantoms", licence="CC BY 4.0")
    assert lineage.licence(parent) == (
        "derived from a model under CC BY 4.0, which holds for this model too")
    grandchild = lineage.parent(saved(tmp_path / "b.h5", dict(
        parent=parent, licence=lineage.licence(parent))))
    assert grandchild["parent"]["name"] == "first"
    assert lineage.licence(grandchild) == lineage.licence(parent)


def test_what_nobody_says_is_not_recorded_and_no_licence_is_made_up(tmp_path):
    parent = lineage.parent(saved(tmp_path / "a.h5", {}))
    assert (parent["trained_on"], parent["licence"]) == ("not recorded",) * 2
    assert lineage.licence(parent) == lineage.licence({}) == ""


def test_a_published_model_hands_on_its_licence_by_its_name(tmp_path):
    parent = lineage.parent(foreign_models.save(foreign_models.network(
        *foreign_models.classifier_top()), tmp_path / "inbreast_vgg16_512x1.h5"))
    assert parent["trained_on"].startswith("INbreast")
    assert "CC BY-NC-SA" in lineage.licence(parent)


@pytest.mark.parametrize("asked", ["resnet50", "yaroslav"])
def test_a_network_is_described_by_its_layers_whatever_was_asked(asked):
    options = config.ModelOptions(
        backbone="yaroslav", top_kind="vgg", top_filters=(8,), top_repeats=(2,))
    model = models.whole_image_classifier(
        models.patch_classifier("yaroslav", 5), options, size=(128, 128))
    told = lineage.network(model, config.ModelOptions(backbone=asked))
    assert (told["backbone"], told["top_kind"], told["top_filters"]) == (
        "yaroslav", "vgg", [8])
