"""Files of weights without a network: whose they are, and what is refused."""

import types

import h5py
import numpy as np
import pytest
import tiny_networks

from end2end import checkpoints, config, models
from end2end.checkpoints import saved_models, weights_only
from end2end.model_files import stored_weights
from end2end.utils import files


def stripped(path, target, rename=None):
    """A file of weights only, made of a whole .h5; top layers may be renamed."""
    with h5py.File(path) as source, h5py.File(target, "w") as out:
        weights = source["model_weights"]
        names = [name.decode() for name in weights.attrs["layer_names"]]
        renamed = [(rename or {}).get(name, name) for name in names]
        out.attrs["layer_names"] = [name.encode() for name in renamed]
        for name, new in zip(names, renamed, strict=True):
            source.copy(weights[name], out, new)
    return target


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "whole.h5"
    checkpoints.save_model(models.patch_classifier("yaroslav", 3), path, {})
    return path


def test_every_trunk_has_a_layer_of_its_own():
    names = {backbone: {layer.name for layer in models.patch_classifier(
        backbone, 2).layers} for backbone in ("vgg16", "vgg19", "yaroslav")}
    for backbone, found in names.items():
        first = next(name for name, mark in weights_only.MARKS.items() if mark in found)
        assert first == backbone


def test_weights_of_layers_with_other_names_are_taken_in_order(whole, tmp_path):
    only = stripped(whole, tmp_path / "only.h5", {"predictions": "dense_7"})
    model = models.patch_classifier("yaroslav", 3)
    saved_models.load_weights(model, only)
    for found, expected in zip(model.get_weights(),
                               checkpoints.load_model(whole).get_weights(),
                               strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_of_another_network_are_refused_with_both_counts(whole, tmp_path):
    only = stripped(whole, tmp_path / "only.h5")
    with pytest.raises(files.InputError, match="has 25 layers with weights.*has 14"):
        saved_models.load_weights(models.patch_classifier("vgg16", 3), only)


def test_weights_that_tell_no_network_say_what_to_do(tmp_path):
    checkpoints.save_model(tiny_networks.flat_network(), tmp_path / "tiny.h5", {})
    only = stripped(tmp_path / "tiny.h5", tmp_path / "only.h5")
    with pytest.raises(files.InputError, match="config.json beside it"):
        checkpoints.load_model(only)


class Grouped(stored_weights.GroupedWeights):
    """Weights of known names and shapes in groups."""

    def __init__(self, groups):
        self.groups = groups

    def shapes(self):
        return self.groups


@pytest.mark.parametrize("weights", [
    None, Grouped({"a": {"dense": dict(kernel=(3, 2))}}),
    Grouped({"trunk": {"block6_conv2": {}, "conv1": {}}, "top": {"dense": {}}})])
def test_only_a_single_trunk_tells_a_network_by_its_names(weights):
    stored = types.SimpleNamespace(source="a.h5", weights=weights)
    with pytest.raises(files.InputError) as caught:
        weights_only.load(stored, {})
    assert str(caught.value) == (
        "model a.h5 holds weights without the network, which their names do not tell; "
        "save the whole model, put its .config.json beside it, or fill a model of your "
        "own with checkpoints.load_weights.")


def test_a_trunk_is_told_by_its_layer_and_channels_and_classes_by_their_kernels(
        monkeypatch):
    monkeypatch.setattr(models, "patch_classifier", lambda *words, **how: (words, how))
    for mark, backbone in (("block5_conv3", "vgg16"), ("block6_conv2", "yaroslav")):
        weights = Grouped({
            "none": {}, "first": {"conv1": dict(kernel=(3, 3, 1, 8))},
            mark: {mark: dict(kernel=(3, 3, 8, 8))},
            "last": {"dense": dict(kernel=(8, 4), bias=(4,))}})
        assert weights_only._from_names(types.SimpleNamespace(weights=weights)) == (
            (backbone, 4), dict(input_shape=(None, None, 1)))


@pytest.mark.parametrize(("kind", "further", "patch_classes"), [
    ("patch", {}, 4), ("whole_image", {}, 5),
    ("whole_image", dict(patch_classes=3), 3)])
def test_the_card_beside_weights_tells_the_network(
        monkeypatch, kind, further, patch_classes):
    filled, built = [], []
    for name, made in (("patch_classifier", "patch"),
                       ("whole_image_classifier", "whole")):
        monkeypatch.setattr(models, name, lambda *words, made=made, **options: (
            built.append((words, options)) or made))
    monkeypatch.setattr(weights_only, "fill", lambda *words: filled.append(words))
    stored = types.SimpleNamespace(source="a.h5", weights=None)
    model = weights_only.load(stored, further | dict(
        kind=kind, classes=list("abcd"), images=dict(channels=1, size=[96, 64]),
        model=dict(backbone="yaroslav", dropout=0.25)))
    assert filled == [(model, stored)]
    assert built[0] == (("yaroslav", patch_classes), dict(
        dropout=0.25, input_shape=(None, None, 1)))
    if kind == "patch":
        assert model == "patch" and len(built) == 1
    else:
        options = config.ModelOptions(backbone="yaroslav", dropout=0.25)
        assert model == "whole" and built[1:] == [
            (("patch", options), dict(size=(96, 64), num_classes=4))]


def test_the_card_beside_weights_tells_a_whole_image_network(tmp_path):
    options = config.ModelOptions(
        backbone="yaroslav", top_kind="vgg", top_filters=(4,), top_repeats=(1,))
    images = config.ImageOptions(size=(128, 128), channels=1)
    model = models.whole_image_classifier(
        models.patch_classifier("yaroslav", 5), options, size=images.size)
    checkpoints.save_model(model, tmp_path / "best.h5", {
        "kind": "whole_image", "classes": ["neg", "pos"],
        "images": config.to_dict(images), "model": config.to_dict(options)})
    only = stripped(tmp_path / "best.h5", tmp_path / "only.h5")
    checkpoints.config_path(only).write_text(
        checkpoints.config_path(tmp_path / "best.h5").read_text())
    image = models.random_input(model, size=images.size)[0]
    np.testing.assert_array_equal(
        checkpoints.load_classifier(only).model.predict_on_batch(image),
        model.predict_on_batch(image))


def test_weights_of_theano_are_refused_without_their_network(whole, tmp_path):
    only = stripped(whole, tmp_path / "only.h5")
    with h5py.File(only, "a") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.2.4", "theano"
    with pytest.raises(files.InputError, match="Theano without their network"):
        saved_models.load_weights(models.patch_classifier("yaroslav", 3), only)


@pytest.mark.parametrize(("given", "group"), [
    (dict(images=dict(size=[96, 64])), "ModelOptions"),
    (dict(model=dict(backbone="yaroslav")), "ImageOptions")])
def test_a_card_that_lacks_what_builds_the_network_is_named(given, group):
    stored = types.SimpleNamespace(source="a.h5", weights=None)
    with pytest.raises(files.InputError) as caught:
        weights_only.load(stored, given | dict(kind="patch", classes=["a", "b"]))
    assert str(caught.value) == (f"model a.h5: expected the settings of {group}, found "
                                 "NoneType; restore the file.")
