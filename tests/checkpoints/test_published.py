import dataclasses
import shutil
import types

import golden_models
import keras
import pytest
import recorded

from end2end import checkpoints, config, models
from end2end.checkpoints import published
from end2end.models import backbones
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


def test_a_trunk_of_todays_keras_is_none_of_the_papers(monkeypatch):
    monkeypatch.setattr(published, "TRUNK_PARAMETERS", dict(vgg16=2 * 27 + 2))
    for first, name in (([], "vgg16"), ([keras.layers.Rescaling(2.0)], None)):
        trunk = keras.Sequential([keras.Input((8, 8, 3)), *first,
                                  keras.layers.Conv2D(2, 3)])
        assert published.trunk_name(trunk) == name


def test_a_nested_network_with_something_behind_it_is_a_trunk():
    layers = [None, types.SimpleNamespace(layers=[]), None]
    assert [published._has_trunk(types.SimpleNamespace(layers=layers[:count]))
            for count in (1, 2, 3)] == [False, False, True]
    assert not published._has_trunk(types.SimpleNamespace(layers=layers[::2] * 2))


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
    assert card["images"]["pixel_mean"] == 52.18
    assert tuple(card["images"]["size"]) == (224, 224) and len(card["classes"]) == 5
    assert ("by its structure" in caplog.text) == warns
    assert card.pop("name").endswith(("S10", "S30")) != warns
    assert {key: card[key] for key in card if key not in ("images", "classes")} == dict(
        format=1, kind="patch", published=True,
        model=config.to_dict(config.ModelOptions(backbone="vgg16")),
        trained_on="CBIS-DDSM by Shen et al. 2019 (published model)",
        licence=published.LICENCE)


@pytest.fixture
def small_trunks(monkeypatch):
    """Trunks of a few weights, which are known by their number as the paper's are."""
    for number, name in enumerate(("vgg16", "yaroslav", "resnet50"), start=2):
        def build(x, number=number):
            x = keras.layers.Conv2D(
                number, 3, strides=4, padding="same", name="conv")(x)
            return keras.layers.Activation("relu", name="relu")(x)

        row = dataclasses.replace(backbones.BACKBONES[name], build=build, smallest=1,
                                  features="relu")
        monkeypatch.setitem(backbones.BACKBONES, name, row)
        monkeypatch.setitem(published.TRUNK_PARAMETERS, name,
                            number * (9 * row.channels + 1))
        monkeypatch.setitem(published._FIRST_KERNEL, name, 9 * number)
    monkeypatch.setattr(published, "PUBLISHED", [dict(
        row, plan=row["plan"] | (dict(top_filters=(4, 4)) if "top_filters" in row[
            "plan"] else {})) for row in published.PUBLISHED])


VGG, RESNET = (plan | dict(top_filters=(4, 4))
               for plan in (published._VGG, published._RESNET))
PLANS = {
    "1152x896_s10_prt_addvgg20": dict(backbone="vgg16", **VGG),
    "renamed": dict(backbone="vgg16", **VGG),
    "of INbreast": dict(backbone="vgg16", **RESNET),
    "DDSM_resnet50_s10_512-512-1024x2 (1)": dict(
        backbone="resnet50", **RESNET),
    "ddsm_YaroslavNet_s10": dict(
        backbone="yaroslav", heatmap=True, convolutional=False, shortcut=True,
        dense_units=16, heatmap_pool=(3, 2), heatmap_strides=(2, 1),
        heatmap_max_pool=(1, 2), weight_decay=0.125, dropout=0.25),
    "dense": dict(backbone="vgg16", heatmap=True, convolutional=False, dense_units=4,
                  dense_layers=1, heatmap_pool=(2, 2), heatmap_max_pool=(2, 2)),
    "uneven": dict(backbone="vgg16", top_kind="resnet", top_filters=(3, 5),
                   top_repeats=(1, 3), expansion=3),
    "vgg": dict(backbone="resnet50", top_kind="vgg", top_filters=(3, 5),
                top_repeats=(3, 1)),
    "mbconv": dict(backbone="vgg16", top_kind="mbconv", top_filters=(3,),
                   top_repeats=(1,))}


def test_what_is_known_of_networks_is_as_recorded(small_trunks, caplog):
    lines = []
    for name, changes in PLANS.items():
        options = config.ModelOptions(**changes)
        channels = 1 if "heatmap_pool" in changes else None
        patch = models.patch_classifier(
            options.backbone, 5, input_shape=channels and (None, None, channels))
        model = models.whole_image_classifier(
            patch, options, size=(None, None) if name == "renamed" else (96, 64))
        lines += [f"== {name}", str(published.read_plan(model)),
                  str(published.cut_before_end(model))]
        for by_structure in (True, False):
            caplog.clear()
            card = published.card(model, name, by_structure=by_structure)
            lines += [str({key: value for key, value in card.items() if key not in (
                "model",)}), *caplog.messages]
    for name in ("ddsm_vgg16_s10", "x_vgg16_s30.1", "s300_vgg16", "resnet50_s10"):
        caplog.clear()
        card = published.card(models.patch_classifier(
            "vgg16", 5, input_shape=(40, 24, 3)), name)
        lines += [f"== patches {name}: {card['name']!r} {card['images']['size']} "
                  f"{card['images']['channels']} {card['classes']}", *caplog.messages]
    lines += map(str, (
        published.card(models.patch_classifier("vgg16", 4), "ddsm_vgg16_s10"),
        *map(published.by_name, ("1152x896_s10_prt_addvgg20 (3)",
                                 "inbreast_vgg16_512x1", "x"))))
    early = models.whole_image_classifier(
        models.patch_classifier("vgg16", 5), config.ModelOptions(
            backbone="vgg16", **VGG), size=(96, 64), semantics="original")
    lines.append(str(published.cut_before_end(early)))
    recorded.check("published", "\n".join(lines))
