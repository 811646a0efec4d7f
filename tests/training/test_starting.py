"""The network that a run starts from: new, converted or loaded."""

import contextlib
import dataclasses
import logging

import keras
import keras_versions
import pytest
import tiny_networks

from end2end import checkpoints, config, models
from end2end.training import devices, freezing, run_inputs, schedule, starting
from end2end.utils import files

SMALL = config.ModelOptions(
    backbone="yaroslav", top_kind="vgg", top_filters=(2,), top_repeats=(1,))


def settings(model=SMALL, *, size=(64, 48), **training):
    messages = []
    return run_inputs.Settings(
        config.ImageOptions(size=size), model, config.TrainingOptions(
            **dict(class_list=("neg", "pos"), deterministic=False) | training),
        say=messages.append), messages


@pytest.fixture
def stored(tmp_path):
    """A saved network of two outputs for images of 8 rows and 8 columns."""
    path = tmp_path / "tiny.h5"
    checkpoints.save_model(
        tiny_networks.nested_network(weight_decay=0.01), path, dict(
            classes=["neg", "pos"], model=dict(backbone="vgg16")))
    return path


def test_a_backbone_without_imagenet_weights_starts_at_random_and_says_so():
    run, messages = settings()
    network, ready = starting.patch_network(run)
    assert network.output_shape == (None, 2)
    assert ready.images.channels == models.input_channels(network) == 1
    assert "yaroslav has no ImageNet weights" in messages[0]


@pytest.mark.parametrize(("semantics", "rate"), [("corrected", 0.5), ("original", 0)])
def test_a_late_dropout_has_its_layer_from_the_first_stage_on(
        monkeypatch, semantics, rate):
    rates = []

    def network(backbone, classes, *, dropout, **keywords):
        rates.append(dropout)
        return tiny_networks.nested_network()

    monkeypatch.setattr(starting.models, "patch_classifier", network)
    starting.patch_network(settings(late_dropout=0.5, semantics=semantics)[0])
    assert rates == [rate]


@pytest.mark.parametrize(("backbone", "pretrained", "path", "weights"), [
    ("vgg16", True, None, "imagenet"), ("vgg16", True, "w.h5", "w.h5"),
    ("vgg16", False, None, None), ("yaroslav", True, "w.h5", None)])
def test_the_weights_that_a_new_network_starts_from(
        monkeypatch, backbone, pretrained, path, weights):
    calls, model = [], dataclasses.replace(
        SMALL, backbone=backbone, pretrained=pretrained, pretrained_weights=path)
    monkeypatch.setattr(starting.models, "patch_classifier", lambda *what, **how: (
        calls.append((what, how)), tiny_networks.nested_network())[1])
    starting.patch_network(settings(model)[0])
    assert calls == [((backbone, 2), dict(
        dropout=model.dropout, weight_decay=model.weight_decay, weights=weights))]


def test_a_patch_classifier_is_trained_further_from_a_numbered_layer(stored):
    run, _ = settings(size=(8, 8), resume_from=str(stored), first_trainable="2",
                      late_dropout=0.5)
    network, ready = starting.patch_network(run)
    assert ready.images.channels == 1 and network.output_shape == (None, 2)
    assert starting.boundaries(network, ready) == dict(
        head=models.patch_head(network).name,
        first_trainable=models.layer_at_original_index(network, 2))


def test_a_loaded_network_must_have_an_output_for_each_class(stored):
    run, _ = settings(resume_from=str(stored), class_list=("a", "b", "c"))
    with pytest.raises(files.InputError, match="2 outputs, but --class-list names 3"):
        starting.loaded_network(run)


def test_a_loaded_network_of_another_size_is_refused(tmp_path):
    stored = tmp_path / "low.h5"
    checkpoints.save_model(
        tiny_networks.nested_network(size=(8, 10)), stored,
        dict(classes=["neg", "pos"], model=dict(backbone="vgg16")))
    run, _ = settings(resume_from=str(stored))
    with pytest.raises(files.InputError) as caught:
        starting.loaded_network(run)
    assert str(caught.value) == (
        f"model {stored} takes images of 8x10 pixels, but --img-size is 64 48; correct "
        "the flag.")


@pytest.mark.parametrize(("semantics", "outcome"), [
    ("corrected", "are replaced"), ("original", "are kept")])
def test_another_weight_decay_than_the_stored_one_is_said(
        stored, caplog, semantics, outcome):
    model = dataclasses.replace(SMALL, weight_decay=0.5)
    run, _ = settings(model, size=(8, 8), resume_from=str(stored),
                        semantics=semantics, late_weight_decay=0.25)
    starting.loaded_network(run)
    assert caplog.messages == [
        f"{stored} was trained with the weight decay 0.01, the flags say 0.5 and 0.25; "
        f"the stored values {outcome} (--semantics {semantics})."]


def test_the_stored_weight_decay_needs_no_word(stored, caplog):
    for early, late in ((0.01, 0.5), (0.5, 0.01)):
        run, _ = settings(dataclasses.replace(SMALL, weight_decay=early), size=(8, 8),
                          resume_from=str(stored), late_weight_decay=late)
        starting.loaded_network(run)
    assert "weight decay" not in caplog.text


@pytest.mark.parametrize("kind", ["whole_image", "two_view"])
@pytest.mark.parametrize("path", [None, "patch.h5"])
def test_a_new_network_of_mammograms_is_built_on_its_trunk(monkeypatch, kind, path):
    calls, built = [], tiny_networks.nested_network()
    options = dataclasses.replace(SMALL, patch_model_path=path, weight_decay=0.25)
    stated = dataclasses.replace(options, backbone="vgg16")
    monkeypatch.setattr(starting.models, "patch_classifier", lambda *what, **how: (
        calls.append((what, how)), "new")[1])
    monkeypatch.setattr(starting.checkpoints, "load_model", lambda path: f"of {path}")
    monkeypatch.setattr(starting, "with_stated_backbone", lambda options: stated)
    for name in ("whole_image_classifier", "two_view_classifier"):
        monkeypatch.setattr(starting.models, name, lambda *what, name=name, **how: (
            calls.append((name, what, how)), built)[1])
    run, _ = settings(options, semantics="original", class_list=("a", "b", "c"))
    network, ready = starting.NETWORKS[kind](run)
    assert network is built and ready.images.channels == 1
    assert ready.model == (stated if path else options)
    semantics = dict(semantics="original") if kind == "whole_image" else {}
    new = [(("yaroslav", 5), dict(dropout=0.5, weight_decay=0.25))]
    assert calls == [*([] if path else new), (
        f"{kind}_classifier", ("of patch.h5" if path else "new", ready.model),
        dict(size=(64, 48), num_classes=3, **semantics))]


def test_the_latest_of_the_trunks_that_fit_tells_the_last_stage():
    image = x = keras.Input((64, 64, 1))
    for row in (models.backbones.BACKBONES[name] for name in ("resnet50", "yaroslav")):
        for name in (row.last_stage, row.features):
            x = keras.layers.Conv2D(1, 1, name=name)(x)
    assert starting.last_stage(keras.Model(image, x)) == (
        models.backbones.BACKBONES["yaroslav"].last_stage)


def test_the_backbone_that_a_patch_model_names_wins_with_a_warning(stored, caplog):
    options = dataclasses.replace(SMALL, patch_model_path=str(stored))
    assert starting.with_stated_backbone(options).backbone == "vgg16"
    assert "is a vgg16; --patch-net yaroslav is ignored" in caplog.text


def test_a_damaged_card_of_the_patch_model_is_refused(tmp_path):
    (tmp_path / "best.config.json").write_text('{"model": ["vgg16"]}')
    options = dataclasses.replace(SMALL, patch_model_path=str(tmp_path / "best.h5"))
    with pytest.raises(files.InputError, match="model is ."):
        starting.with_stated_backbone(options)


def test_a_named_or_numbered_layer_begins_the_second_stage(stored):
    network = tiny_networks.nested_network()
    run, _ = settings(first_trainable="top_conv", resume_from=str(stored))
    assert starting.first_trainable(network, run) == "top_conv"
    run, _ = settings(first_trainable="2", resume_from=str(stored))
    assert starting.first_trainable(network, run) == network.layers[2].name


def test_a_network_from_random_weights_trains_whole(caplog):
    network = tiny_networks.nested_network()
    assert starting.first_trainable(network, settings()[0]) is None
    assert caplog.messages == []
    starting.first_trainable(network, settings(first_trainable="top_conv")[0])
    assert caplog.messages == [
        "--top-layer-nb has no effect on a network made from a patch model: its new "
        "layers are trained first."]
    on_patches = dataclasses.replace(SMALL, patch_model_path="p.h5")
    assert starting.first_trainable(network, settings(on_patches)[0]) == "top_conv"


def test_stages_begin_at_the_layers_of_the_network_that_is_trained(monkeypatch):
    run, _ = settings(dataclasses.replace(SMALL, backbone="vgg16"))
    for kind in starting.NETWORKS:
        monkeypatch.setitem(starting.NETWORKS, kind, lambda given, kind=kind: (
            kind, dataclasses.replace(given, verbose=7)))
    monkeypatch.setattr(starting, "boundaries", lambda network, given: dict(
        head=f"head of {network}", first_trainable=f"top of {network}"))
    monkeypatch.setattr(starting, "first_trainable", lambda network, given:
                        f"{network}, {given.verbose}")
    for kind, begins in (
            ("patch", ["head of patch", "top of patch", None]),
            ("whole_image", ["whole_image, 7", None]),
            ("two_view", ["two_view, 7", None])):
        network, stages, ready = starting.network_and_stages(kind, run)
        assert (network, ready) == (kind, dataclasses.replace(run, verbose=7))
        assert [stage.first_trainable for stage in stages] == begins


@pytest.mark.parametrize("semantics", ["corrected", "original"])
def test_the_first_of_the_top_layers_follows_the_semantics(monkeypatch, semantics):
    monkeypatch.setattr(starting.models, "first_top_layer", lambda model, *, semantics:
                        f"{model}, {semantics}")
    run, _ = settings(
        resume_from="m.h5", semantics=semantics, adapt="normalisation-top")
    expected = f"network, {semantics}"
    assert starting.first_trainable("network", run) == expected
    stages = schedule.image_stages(run.training, run.model, first_trainable="top_conv")
    assert starting.adapted(stages, "network", run)[-1].first_trainable == expected


@pytest.mark.parametrize(("adapt", "first", "normalisation"), [
    ("normalisation", freezing.NOTHING, True), ("normalisation-top", "top_conv", True),
    ("last-stage", "block6_conv1", False)])
def test_the_last_stage_of_training_adapts_what_is_asked_for(
        adapt, first, normalisation):
    network = tiny_networks.nested_network()
    if adapt == "last-stage":
        image = keras.Input((64, 64, 1))
        x = image
        for name in ("block5_conv1", "block5_pool", "block6_conv1", "block6_pool"):
            x = keras.layers.Conv2D(1, 1, name=name)(x)
        network = keras.Model(image, x)
    options, _ = settings(adapt=adapt)
    stages = schedule.image_stages(
        options.training, options.model, first_trainable="top_conv")
    adapted = starting.adapted(stages, network, options)
    assert adapted[:-1] == stages[:-1]
    assert (adapted[-1].name, adapted[-1].first_trainable,
            adapted[-1].normalisation) == (adapt, first, normalisation)
    assert adapted[-1].learning_rate == stages[-1].learning_rate
    assert starting.adapted(stages, network, settings()[0]) == stages


def test_the_last_stage_of_an_unknown_trunk_is_not_guessed():
    with pytest.raises(files.InputError, match="another --adapt"):
        starting.last_stage(tiny_networks.nested_network())


def test_the_flag_has_every_row_of_adaptations():
    field = config.TrainingOptions.__dataclass_fields__["adapt"]
    assert set(field.metadata["choices"]) == set(schedule.ADAPTATIONS)


@pytest.mark.parametrize(("size", "changes", "layout", "built"), [
    ((511, 600), {}, devices.Layout(), 1), ((512, 600), {}, devices.Layout(), 0),
    ((64, 48), dict(resume_from="m.h5"), devices.Layout(), 0),
    ((64, 48), dict(tune=True), devices.Layout(), 0),
    ((600, 511), {}, devices.Layout(), 1),
    ((64, 48), {}, devices.Layout("devices", 2), 0)])
def test_small_images_of_one_device_are_tried_before_they_are_read(
        monkeypatch, size, changes, layout, built):
    calls = []

    def image_network(settings):
        calls.append(logging.root.manager.disable)
        raise files.InputError("too small")

    monkeypatch.setattr(starting, "image_network", image_network)
    settings = run_inputs.Settings(
        config.ImageOptions(size=size), config.ModelOptions(),
        config.TrainingOptions(**changes), layout=layout)
    with pytest.raises(files.InputError) if built else contextlib.nullcontext():
        starting.check_image_size(settings)
    assert calls == [logging.WARNING] * built
    assert logging.root.manager.disable == logging.NOTSET


@pytest.mark.parametrize("deterministic", [True, False])
def test_seeds_and_repeatable_sums_are_asked_for(monkeypatch, deterministic):
    calls = []
    monkeypatch.setattr(starting.processes, "keep_freed_memory",
                        lambda: calls.append("memory"))
    monkeypatch.setattr(starting.keras.utils, "set_random_seed", calls.append)
    monkeypatch.setattr(starting.tf.config.experimental, "enable_op_determinism",
                        lambda: calls.append("deterministic"))
    monkeypatch.setattr(starting.variants, "set_data_format", calls.append)
    starting.start_repeatably(config.TrainingOptions(
        seed=7, deterministic=deterministic, data_format="channels-last"))
    assert calls == ["memory", 7, "channels-last",
                     *["deterministic"] * deterministic]


@keras_versions.EMPTY_MAPS
def test_images_too_small_for_a_network_of_any_size_are_refused(tmp_path):
    image = keras.Input((None, None, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 9)(image))
    path = tmp_path / "open.h5"
    checkpoints.save_model(keras.Model(image, keras.layers.Dense(2)(x)), path, {})
    starting.loaded_network(settings(size=(9, 10), resume_from=str(path))[0])
    with pytest.raises(files.InputError, match="^images of 9x8 are too small for thes"):
        starting.loaded_network(settings(size=(9, 8), resume_from=str(path))[0])
