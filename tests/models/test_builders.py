import contextlib
import dataclasses
import re
import types

import golden_models
import keras
import keras_versions
import network_lines
import numpy as np
import pytest
import recorded

from end2end import config, models
from end2end.models import backbones, builders
from end2end.utils import files

CLASS_NAMES = {"Model": "Functional"}
SETTINGS = {
    "filters": "filters", "kernel_size": "kernel_size", "strides": "strides",
    "padding": "padding", "pool_size": "pool_size", "units": "units", "rate": "rate",
    "epsilon": "epsilon", "momentum": "momentum", "use_bias": "use_bias"}


def described(layer, expected):
    """Our layer in the words of the golden description."""
    ours = {
        "class": type(layer).__name__,
        "output_shape": list(layer.output.shape) if not isinstance(
            layer, keras.Model) else expected["output_shape"]}
    for key, attribute in SETTINGS.items():
        if key in expected:
            value = getattr(layer, attribute)
            ours[key] = list(value) if isinstance(value, tuple) else value
    if "activation" in expected:
        ours["activation"] = layer.activation.__name__
    if "l2" in expected:
        ours["l2"] = pytest.approx(float(layer.kernel_regularizer.l2))
    if not isinstance(layer, keras.Model):
        ours["weights"] = [list(variable.shape) for variable in layer.weights]
    return ours


def check_layers(ours, golden, *, names):
    assert len(ours) == len(golden)
    for layer, expected in zip(ours, golden, strict=True):
        inner = expected.get("layers")
        name = layer.name if names else expected["name"]
        expected = {key: value for key, value in expected.items()
                    if not (inner and key == "weights") and key != "layers"}
        expected["class"] = CLASS_NAMES.get(expected["class"], expected["class"])
        assert described(layer, expected) | {"name": name} == expected
        if inner:
            check_layers(layer.layers, inner, names=True)


@pytest.mark.parametrize("name", golden_models.CASES)
def test_a_network_equals_the_originals_layer_by_layer(name):
    golden = golden_models.case(name)
    patch, whole = golden_models.build(golden)
    check_layers(whole.layers, golden["layers"], names=False)
    assert whole.count_params() == golden["total_params"]
    assert patch.count_params() == golden["patch_params"]
    assert len(patch.layers) == golden["n_patch_layers"]
    trunk = whole.layers[1]
    assert trunk.layers[-1].name == golden["trunk_last_layer"]
    assert list(whole.layers[2].input.shape) == golden["trunk_output_shape"]
    frozen = models.first_top_layer(whole, semantics="original")
    assert whole.layers[golden["top_layer_nb"]].name == frozen


ORIGINAL_LAYERS = [
    # Counts and places as the original printed them.
    ("resnet50", 177, {162: "activation_46", 46: "bn3a_branch1", 171: "add_16"}),
    ("vgg16", 22, {15: "block5_conv1", 11: "block4_conv1"}),
    ("vgg19", 25, {17: "block5_conv1"}),
    ("xception", 135, {126: "block14_sepconv1"}),
    ("inception", 314, {194: "activation_59", 307: "mixed9_1"}),
    ("yaroslav", 45, {43: "global_average_pooling2d_1", 44: "predictions"}),
]
PARAMETERS = {
    "resnet50": 23_597_957, "vgg16": 14_717_253, "vgg19": 20_026_949,
    "xception": 20_871_725, "inception": 21_813_029, "yaroslav": 5_904_357}


@pytest.mark.parametrize(("backbone", "count", "places"), ORIGINAL_LAYERS)
def test_an_index_of_the_original_names_its_layer(backbone, count, places):
    model = golden_models.patch_model(backbone, 0.5)
    row = backbones.BACKBONES[backbone]
    assert len(model.layers) == count
    assert model.count_params() == PARAMETERS[backbone]
    for index, name in places.items():
        assert models.layer_at_original_index(model, index) == name
    assert models.patch_features(model) is model.get_layer(row.features).output
    if row.top_start:
        assert row.top_start == next(iter(places.values()))


def test_an_index_beyond_the_network_is_refused():
    with pytest.raises(files.InputError, match="layers 0 to 44"):
        models.layer_at_original_index("yaroslav", 45)
    assert models.layer_at_original_index("yaroslav", 1) == "block1_conv1"


def test_a_head_without_dropout_loses_nothing_unless_the_original_is_asked_for():
    patch = golden_models.patch_model("vgg16", 0)
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(4,), top_repeats=(1,))
    ends = {semantics: models.whole_image_classifier(
        patch, options, size=(64, 64), semantics=semantics).layers[1].layers[-1].name
        for semantics in ("corrected", "original")}
    assert ends == {"corrected": "block5_pool", "original": "block5_conv3"}


def test_the_trunk_is_shared_and_the_heatmap_starts_as_the_patch_head():
    patch = golden_models.patch_model("yaroslav", 0)
    options = config.ModelOptions(
        backbone="yaroslav", heatmap=True, heatmap_pool=(2, 2), heatmap_max_pool=(1, 1),
        top_filters=(4,), top_repeats=(1,), expansion=2)
    whole = models.whole_image_classifier(patch, options, size=(192, 128))
    assert whole.layers[1].get_layer("block1_conv1") is patch.get_layer("block1_conv1")
    for ours, head in zip(whole.get_layer("heatmap").get_weights(),
                          patch.get_layer("predictions").get_weights(), strict=True):
        np.testing.assert_array_equal(ours, head)
    assert models.first_top_layer(whole) == "resnet1_1_a_conv"
    assert models.first_top_layer(whole, semantics="original") == "resnet1_1_a_relu"


def test_a_heatmap_cell_is_the_patch_classifier_on_its_patch():
    patch = golden_models.patch_model("yaroslav", 0)
    image = models.random_input(patch, size=(128, 128))[0]
    heatmap = models.heatmap_model(patch, pool=(2, 2))
    np.testing.assert_allclose(
        heatmap(image)[:, 0, 0], patch(image), atol=1e-6)


def test_one_channel_makes_a_one_channel_network():
    patch = models.patch_classifier("vgg16", 5, input_shape=(None, None, 1))
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(4,), top_repeats=(1,))
    model = models.whole_image_classifier(patch, options, size=(64, 96), num_classes=3)
    assert model.input_shape == (None, 64, 96, 1)
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize(("options", "expected"), [
    ({"top_kind": "dense"}, "--block-type"),
    ({"top_filters": ()}, "--top-depths"),
    ({"top_repeats": (0, 1)}, "--top-repetitions"),
    ({"heatmap": True, "heatmap_strides": (0, 1)}, "--hm-strides"),
    ({"convolutional": False, "dense_units": 1}, "--fc-init-units"),
    ({"top_filters": (4, 4), "top_repeats": (1, 1), "top_kind": "vgg"},
     "too small for these layers")])
def test_settings_of_no_network_are_refused(options, expected):
    patch = golden_models.patch_model("yaroslav", 0)
    with pytest.raises(files.InputError, match=expected):
        models.whole_image_classifier(
            patch, config.ModelOptions(backbone="yaroslav", **options), size=(64, 64))


def test_the_smallest_size_that_works_is_named():
    options = config.ModelOptions(
        backbone="yaroslav", top_filters=(4, 4), top_repeats=(1, 1), top_kind="vgg")
    patch = golden_models.patch_model("yaroslav", 0)
    with pytest.raises(files.InputError) as caught:
        models.whole_image_classifier(patch, options, size=(64, 96))
    side = int(re.search(r"--img-size (\d+) \1 works", str(caught.value))[1])
    models.whole_image_classifier(patch, options, size=(side, side))
    with pytest.raises(files.InputError, match="too small"):
        models.whole_image_classifier(patch, options, size=(side - 32, side - 32))


@keras_versions.EMPTY_MAPS
@pytest.mark.parametrize("backbone", ["resnet50", "vgg16", "inception", "yaroslav"])
def test_the_smallest_patches_of_a_backbone_pass_and_smaller_ones_do_not(backbone):
    row = models.backbone_row(backbone)
    model = models.patch_classifier(backbone, 2)
    for side, fits in ((row.smallest, True), (row.smallest - 1, False)):
        with contextlib.nullcontext() if fits else pytest.raises(ValueError):
            model(keras.Input((side, 256, row.channels)))


def test_patches_too_small_are_refused_with_a_size_and_networks_that_work():
    with pytest.raises(files.InputError) as caught:
        models.check_patch_size("resnet50", (224, 64))
    assert "224x64 are too small for resnet50" in str(caught.value)
    assert "--img-size 197 197 works" in str(caught.value)
    assert "yaroslav" in str(caught.value) and "inception" not in str(caught.value)
    models.check_patch_size("resnet50", (224, 197))
    models.check_patch_size("resnet50", (None, None))
    with pytest.raises(files.InputError, match="too small for inception"):
        models.patch_classifier("inception", 2, input_shape=(74, 200, 3))


@keras_versions.EMPTY_MAPS
def test_images_too_small_for_a_network_of_any_size_are_refused_with_one_that_works():
    network = models.patch_classifier("vgg16", 2)
    models.check_image_size(network, (32, 48))
    with pytest.raises(files.InputError, match=r"24x48 are too .* 32 32 works"):
        models.check_image_size(network, (24, 48))


def test_an_unknown_backbone_is_refused_by_name():
    with pytest.raises(files.InputError, match="'resnet99' is not known"):
        models.patch_classifier("resnet99", 5)


@pytest.fixture
def small_trunk(monkeypatch):
    """Trunks of a few weights in the place of the paper's."""
    def build(x):
        x = keras.layers.Conv2D(4, 3, strides=4, padding="same", name="conv")(x)
        return keras.layers.Activation("relu", name="relu")(x)

    for name in ("yaroslav", "vgg16"):
        monkeypatch.setitem(backbones.BACKBONES, name, dataclasses.replace(
            backbones.BACKBONES[name], build=build, features="relu"))


def test_networks_of_all_settings_have_the_layers_that_are_recorded(small_trunk):
    networks = {
        "head": models.patch_classifier("vgg16", 5, dropout=0.25, weight_decay=0.5),
        "no dropout": models.patch_classifier("vgg16", 3, input_shape=(64, 48, 1)),
        "bare head": models.patch_classifier("yaroslav", 5, dropout=0.25)}
    head = networks["head"]
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(3,), top_repeats=(1,),
        heatmap_pool=(3, 2), heatmap_strides=(2, 1), heatmap_max_pool=(1, 1))
    for name, changes in dict(
            whole={}, heatmap=dict(heatmap=True), dense=dict(
                heatmap=True, convolutional=False, dense_units=4)).items():
        networks[name] = models.whole_image_classifier(
            head, dataclasses.replace(options, **changes), size=(64, 48), num_classes=3)
    networks["map"] = models.heatmap_model(
        head, size=(64, 48), pool=(3, 2), strides=(2, 1), activation="linear")
    networks["any size"] = models.heatmap_model(head)
    lines = []
    for name, network in networks.items():
        lines += [f"== {name} {network.name} {models.input_channels(network)} "
                  f"{models.has_heatmap(network)} "
                  f"{network.layers[-1].get_config()['activation']}",
                  *network_lines.described(network, in_full="head" in name)]
        if "trunk" in [layer.name for layer in network.layers]:
            lines += [models.first_top_layer(network, semantics=semantics)
                      for semantics in ("corrected", "original")
                      if name in ("whole", "heatmap", "dense")]
    lines += [recorded.picture(array) for array in (
        *models.random_input(head), *models.random_input(
            networks["whole"], seed=3, size=(7, 5)))]
    recorded.check("models-networks", "\n".join(lines))


def test_refusals_of_networks_are_as_recorded(small_trunk):
    head = models.patch_classifier("vgg16", 5)
    image = keras.Input((8, 6, 1), name="image")
    bare = keras.Model(image, keras.layers.Flatten(name="flat")(image), name="bare")
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(3, 3, 3), top_repeats=(1, 1, 1))

    def network_of(**changes):
        return lambda size: models.whole_image_classifier(
            head, dataclasses.replace(options, **changes), size=size)

    deep = keras.Input((None, None, 1))
    deep = keras.Model(deep, keras.layers.Conv2D(1, 3, dilation_rate=800)(deep))
    lines = []
    for call, *arguments in (
            (models.patch_features, bare), (models.patch_head, bare),
            (models.backbone_row, "resnet99"), (models.check_patch_size, "vgg16",
                                                (31, 300)),
            (models.check_patch_size, "resnet50", (300, 75)),
            (models.check_patch_size, "yaroslav", (8, 8)),
            (models.layer_at_original_index, head, 5),
            (models.layer_at_original_index, head, -1), (network_of(), (24, 64)),
            (network_of(heatmap=True, heatmap_pool=(50, 50)), (64, 64)),
            (network_of(heatmap=True, heatmap_pool=(400, 400)), (64, 64)),
            (models.check_image_size, deep, (64, 48))):
        with pytest.raises(files.InputError) as caught:
            call(*arguments)
        lines.append(str(caught.value))
    recorded.check("models-refusals", "\n".join(lines))
    assert models.layer_at_original_index(head, 4) == head.layers[4].name
    assert [models.layer_at_original_index("vgg16", index) for index in (0, 4)] == [
        "input_1", "dropout_1"]


def test_an_output_without_a_pixel_is_refused():
    layers = [types.SimpleNamespace(name=name, output=np.zeros((0, *shape)))
              for name, shape in (("a", (3, 2)), ("b", (0, 2)))]
    builders._check_sizes(types.SimpleNamespace(layers=layers[:1]))
    with pytest.raises(ValueError, match=r"^output of b: \(0, 2\)$"):
        builders._check_sizes(types.SimpleNamespace(layers=layers))
