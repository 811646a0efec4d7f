import shutil

import golden_models
import pytest

from end2end import checkpoints, config, models
from end2end.checkpoints import published
from end2end.utils import files


@pytest.fixture(scope="module")
def yaroslav(tmp_path_factory):
    """The original's file of a network with the structure of a published one."""
    return golden_models.unpacked(
        golden_models.GOLDEN / "yaroslav_heatmap_fc16-8_shortcut.image.h5.gz",
        tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("name", [
    "resnet50_heatmap_512-512-1024x2", "resnet50_resnet_256-256-256_128-128-128",
    "resnet50_vgg_256_128", "vgg16_vgg_512x3", "vgg19_vgg_128_64",
    "yaroslav_heatmap_fc16-8_shortcut"])
def test_the_plan_of_a_network_is_read_off_its_layers(name):
    golden = golden_models.case(name)
    options = golden_models.options(golden)
    plan = published.read_plan(golden_models.build(golden)[1])
    assert plan.pop("weight_decay") == pytest.approx(options.weight_decay)
    assert plan == {key: getattr(options, key) for key in plan}


def test_a_published_model_is_known_by_its_file_name(tmp_path):
    source = golden_models.GOLDEN / "vgg16_resnet_512-512-1024x2.image.h5.gz"
    path = tmp_path / "1152x896_s10_prt_addvgg53.h5"
    shutil.move(golden_models.unpacked(source, tmp_path), path)
    classifier = checkpoints.load_classifier(path)
    assert classifier.name == "CBIS-DDSM VGG16 [512-512-1024]x2"
    assert classifier.classes == ("neg", "pos")
    assert classifier.images.pixel_mean == 52.18
    assert classifier.images.intensity_scale == 0.003891
    assert classifier.card["metrics"]["auc_flips"] == 0.8824
    assert classifier.card["model"]["expansion"] == 2


def test_a_renamed_model_is_known_by_its_structure_with_a_warning(yaroslav, caplog):
    classifier = checkpoints.load_classifier(yaroslav)
    assert "YaroslavNet" in classifier.name
    assert classifier.images.channels == 1
    assert classifier.images.size == classifier.model.input_shape[1:3]
    assert "by its structure" in caplog.text


def test_settings_that_are_given_win_over_recognition(yaroslav, caplog):
    size = tuple(golden_models.case("yaroslav_heatmap_fc16-8_shortcut")["img_size"])
    images = config.ImageOptions(size=size, pixel_mean=10.0)
    classifier = checkpoints.load_classifier(yaroslav, images)
    assert classifier.images.pixel_mean == 10.0
    assert "by its structure" not in caplog.text


def test_the_inbreast_model_of_one_structure_is_told_by_its_name():
    golden = golden_models.case("vgg16_vgg_512x1")
    model = golden_models.build(golden)[1]
    assert published.card(model, "renamed")["images"]["pixel_mean"] == 52.18
    assert published.card(model, "renamed")["acquisition"] == "film"
    card = published.card(model, "my_INbreast_vgg16")
    assert card["images"]["pixel_mean"] == 44.33
    assert card["metrics"]["auc"] == 0.92


def test_a_trunk_that_the_original_cut_too_early_is_seen():
    golden = golden_models.case("vgg16_vgg_512x1")
    assert published.cut_before_end(golden_models.build(golden)[1]) == "block5_conv3"


def test_an_unknown_network_is_not_taken_for_a_published_one(tmp_path):
    golden = golden_models.case("vgg16_vgg_256_128")
    model = golden_models.build(golden)[1]
    assert published.card(model, "renamed") == {}
    checkpoints.save_model(model, tmp_path / "own.h5", {})
    with pytest.raises(files.InputError, match="how its images were prepared"):
        checkpoints.load_classifier(tmp_path / "own.h5")


@pytest.mark.parametrize("name,warns", [
    ("ddsm_vgg16_s10", False), ("vgg16_S30 (1)", False), ("vgg16", True),
    ("resnet50_s10", True), ("vgg16_s100", True)])
def test_a_published_patch_classifier_is_known_by_its_name_or_with_a_warning(
        caplog, name, warns):
    model = models.patch_classifier("vgg16", 5, input_shape=(None, None, 3))
    card = published.card(model, name)
    assert card["kind"] == "patch" and card["images"]["pixel_mean"] == 52.18
    assert tuple(card["images"]["size"]) == (224, 224) and len(card["classes"]) == 5
    assert ("by its structure" in caplog.text) == warns
    assert card["name"].endswith(("S10", "S30")) != warns
