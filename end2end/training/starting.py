"""The network that a run starts from: new, converted or loaded."""

from __future__ import annotations

import dataclasses
import functools
import logging
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from end2end import checkpoints, config, models
from end2end.training import devices, freezing, schedule, variants
from end2end.utils import files, processes

if TYPE_CHECKING:
    from end2end.training.run_inputs import Settings

log = logging.getLogger(__name__)


def start_repeatably(training: config.TrainingOptions) -> None:
    """Seeds new weights and dropout, and asks TensorFlow for repeatable sums."""
    processes.keep_freed_memory()
    keras.utils.set_random_seed(training.seed)
    variants.set_data_format(training.data_format)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()


def network_and_stages(
        kind: str, settings: Settings
) -> tuple[keras.Model, list[schedule.Stage], Settings]:
    """The network of a run, its stages, and the settings with its channels.

    Args:
        kind: `patch`, `whole_image` or `two_view`.
        settings: with the strategy, where there are several devices.
    """
    with devices.scope(settings):
        network, settings = NETWORKS[kind](settings)
    training, options = settings.training, settings.model
    if kind == "patch":
        return network, schedule.patch_stages(
            training, options, **boundaries(network, settings)), settings
    stages = schedule.image_stages(
        training, options, first_trainable=first_trainable(network, settings))
    return network, adapted(stages, network, settings), settings


def patch_network(settings: Settings) -> tuple[keras.Model, Settings]:
    """A new or loaded patch classifier, and the settings with its channels.

    Returns:
        model, `Settings`.
    """
    training, options = settings.training, settings.model
    start_repeatably(training)
    if training.resume_from:
        network = loaded_network(settings)
    else:
        row = models.backbone_row(options.backbone)
        weights = None
        if options.pretrained and row.top_start is None:
            settings.say(f"{options.backbone} has no ImageNet weights; it starts from "
                         "random weights.")
        elif options.pretrained:
            weights = options.pretrained_weights or "imagenet"
        # A dropout that acts from the second stage on needs its layer from the first.
        dropout = options.dropout
        if training.semantics == "corrected":
            dropout = dropout or training.late_dropout
        network = models.patch_classifier(
            options.backbone, len(training.class_list), dropout=dropout,
            weight_decay=options.weight_decay, weights=weights)
    return network, with_channels(network, settings)


def with_channels(network: keras.Model, settings: Settings) -> Settings:
    """The settings, with as many image channels as the network takes."""
    channels = models.input_channels(network)
    return dataclasses.replace(
        settings, images=dataclasses.replace(settings.images, channels=channels))


def loaded_network(settings: Settings) -> keras.Model:
    """The model to train further.

    Its weight penalties are replaced by those of the settings, or, with `original`
    semantics, kept; where they differ, a warning says so.

    Raises:
        files.InputError: no model, its outputs are not the classes, or the images are
            of another size than it takes or too small for its layers.
    """
    training, path = settings.training, settings.training.resume_from
    network = checkpoints.load_model(path)
    outputs = network.output_shape[-1]
    if outputs != len(training.class_list):
        raise files.InputError(
            f"model {path} has {outputs} outputs, but --class-list names "
            f"{len(training.class_list)} classes; correct one of them.")
    fixed = network.inputs[0].shape[1:3]
    if None not in fixed and settings.images.size != fixed:
        raise files.InputError(
            f"model {path} takes images of {fixed[0]}x{fixed[1]} pixels, but "
            "--img-size is {} {}; correct the flag.".format(*settings.images.size))
    models.check_image_size(network, settings.images.size)
    flags = settings.model.weight_decay, training.late_weight_decay
    stored = sorted({float(layer.kernel_regularizer.l2)
                     for layer in freezing.penalised(network)})
    if any(not np.isclose(value, flags).any() for value in stored):
        outcome = "are kept" if training.semantics == "original" else "are replaced"
        log.warning(
            "%s was trained with the weight decay %s, the flags say %g and %g; the "
            "stored values %s (--semantics %s).", path,
            " and ".join(f"{value:g}" for value in stored), *flags, outcome,
            training.semantics)
    return network


def boundaries(network: keras.Model, settings: Settings) -> dict[str, str | None]:
    """Names of the layers at which the stages of patch training begin to train."""
    first_trainable = settings.training.first_trainable
    if first_trainable is not None and str(first_trainable).isdigit():
        first_trainable = models.layer_at_original_index(
            network, int(first_trainable))
    return dict(head=models.patch_head(network).name, first_trainable=first_trainable)


# Images of such sides are large enough for every named experiment.
LARGE_SIDE = 512


def check_image_size(settings: Settings) -> None:
    """Refuses images too small for the blocks before any image is read.

    Of small images alone, as the network is built for that, and by one process with one
    device, as several must not begin before they know of each other; nor before trials
    (`--tune`), for which a GPU must be free. Others are told when their network is
    built, and what there is to say is said then.

    Raises:
        files.InputError: the images are too small; the message names a size that works.
    """
    if (min(settings.images.size) >= LARGE_SIDE or settings.training.resume_from
            or settings.training.tune or settings.layout.strategy != "none"):
        return
    logging.disable(logging.WARNING)
    try:
        image_network(settings)
    finally:
        logging.disable(logging.NOTSET)


def image_network(settings: Settings) -> tuple[keras.Model, Settings]:
    """A new or loaded whole-image classifier, and the settings with its channels.

    Returns:
        model, `Settings`.
    """
    return _on_trunk(settings, functools.partial(
        models.whole_image_classifier, semantics=settings.training.semantics))


def two_view_network(settings: Settings) -> tuple[keras.Model, Settings]:
    """A new or loaded classifier of breasts, and the settings with its channels.

    Returns:
        model, `Settings`.
    """
    return _on_trunk(settings, models.two_view_classifier)


NETWORKS = {"patch": patch_network, "whole_image": image_network,
            "two_view": two_view_network}


def _on_trunk(settings, build):
    training, options = settings.training, settings.model
    start_repeatably(training)
    if training.resume_from:
        network = loaded_network(settings)
        return network, with_channels(network, settings)
    if options.patch_model_path:
        start = checkpoints.load_model(options.patch_model_path)
        options = with_stated_backbone(options)
        settings = dataclasses.replace(settings, model=options)
    else:
        # Five classes as in the paper; the head is cut off.
        start = models.patch_classifier(
            options.backbone, 5, dropout=0.5, weight_decay=options.weight_decay)
    network = build(start, options, size=settings.images.size,
                    num_classes=len(training.class_list))
    return network, with_channels(network, settings)


def with_stated_backbone(options: config.ModelOptions) -> config.ModelOptions:
    """`ModelOptions` with the backbone that the patch model's settings name."""
    card = checkpoints.saved_models.card_beside(options.patch_model_path, None)
    stated = (card.get("model") or {}).get("backbone")
    if stated and stated != options.backbone:
        if options.backbone != config.ModelOptions().backbone:
            log.warning("%s is a %s; --patch-net %s is ignored.",
                        options.patch_model_path, stated, options.backbone)
        return dataclasses.replace(options, backbone=stated)
    return options


def first_trainable(network: keras.Model, settings: Settings) -> str | None:
    """Name of the first layer trained in stage one; None where all start at random."""
    training, options = settings.training, settings.model
    first = training.first_trainable
    if not training.resume_from:
        if first is not None:
            log.warning("--top-layer-nb has no effect on a network made from a patch "
                        "model: its new layers are trained first.")
        if not options.patch_model_path:
            return None
    elif first is not None:
        return (models.layer_at_original_index(network, int(first))
                if str(first).isdigit() else first)
    return models.first_top_layer(network, semantics=training.semantics)


def adapted(stages: list[schedule.Stage], network: keras.Model,
            settings: Settings) -> list[schedule.Stage]:
    """The stages of a whole-image network, the last one training what is asked for.

    Args:
        stages: of `schedule.image_stages`.
        network: that is trained.
        settings: `Settings`; `training.adapt` is a row of `schedule.ADAPTATIONS`.

    Raises:
        files.InputError: the trunk is none of ours, so its last stage is not known.
    """
    start, normalisation = schedule.ADAPTATIONS[settings.training.adapt]
    if start == "all":
        return stages
    first = {"nothing": lambda: freezing.NOTHING,
             "top": lambda: models.first_top_layer(
                 network, semantics=settings.training.semantics),
             "last stage": lambda: last_stage(network)}[start]()
    return [*stages[:-1], dataclasses.replace(
        stages[-1], name=settings.training.adapt, first_trainable=first,
        normalisation=normalisation)]


def last_stage(network: keras.Model) -> str:
    """First layer of the last stage of a trunk, by the names of its layers.

    Raises:
        files.InputError: none of the trunks has these names.
    """
    names = [layer.name for layer in freezing.leaves(network)]
    places = [(names.index(row.features), row.last_stage)
             for row in models.backbones.BACKBONES.values()
             if row.features in names and row.last_stage in names]
    if not places:
        raise files.InputError(
            "the last stage of this network is not known; give another --adapt.")
    return max(places)[1]
