"""The whole models: patch classifier, whole-image classifier, heatmap model."""

import bisect
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from end2end import models
from end2end.utils import files

if TYPE_CHECKING:
    import keras

    from end2end.models import backbones

# What may follow the last feature map of a patch classifier.
TAIL = ("Dense", "Dropout", "GlobalAveragePooling2D", "AveragePooling2D", "Flatten",
        "Activation")
# The original cut the patch model at these places from its end, which hit the last
# feature map only where the head had a dropout layer.
ORIGINAL_CUTS = {"resnet50": -5, "yaroslav": -3}


def backbone_row(name: str) -> "backbones.Backbone":
    """Row of `backbones.BACKBONES`.

    Raises:
        files.InputError: there is no such backbone.
    """
    if name not in models.backbones.BACKBONES:
        raise files.InputError(
            f"backbone {name!r} is not known; expected one of "
            f"{', '.join(models.backbones.BACKBONES)} (--patch-net).")
    return models.backbones.BACKBONES[name]


def check_patch_size(backbone: str, size: tuple) -> None:
    """Refuses patches that are too small for a backbone.

    Args:
        backbone: name of a row of `backbones.BACKBONES`.
        size: (height, width) in pixels; None for any.

    Raises:
        files.InputError: they are, or there is no such backbone.
    """
    least = backbone_row(backbone).smallest
    if None in size or min(size) >= least:
        return
    others = [name for name, row in models.backbones.BACKBONES.items()
              if row.smallest <= min(size)]
    instead = f" or --net {' or '.join(others)}" if others else ""
    raise files.InputError(
        f"patches of {size[0]}x{size[1]} are too small for {backbone}; use larger "
        f"ones (--img-size {least} {least} works){instead}.")


def patch_classifier(
        backbone: str, num_classes: int, *, dropout: float = 0.0,
        weight_decay: float = 0.01, weights: str | None = None,
        input_shape: tuple | None = None) -> "keras.Model":
    """Trunk, global average, softmax: patches to class probabilities.

    Args:
        backbone: name of a row of `backbones.BACKBONES`.
        num_classes: width of the output.
        dropout: rate before the output; a dropout layer exists only above 0. Without
            effect on yaroslav, as in the original.
        weight_decay: L2 penalty of the output kernel (none for yaroslav).
        weights: None for a random start, `imagenet` for Keras's own download, or the
            path of a file of ImageNet weights.
        input_shape: (height, width, channels); default any size and the backbone's
            channels.

    Returns:
        an uncompiled `keras.Model`: float32 `(b, h, w, channels)` to
        `(b, num_classes)`.

    Raises:
        files.InputError: unknown backbone, an input too small for it, or weights that
            cannot be had or do not fit.
    """
    import keras
    from keras import layers

    row = backbone_row(backbone)
    shape = input_shape or (None, None, row.channels)
    check_patch_size(backbone, shape[:2])
    image = keras.Input(shape, name="input_1")
    x = row.build(image)
    x = layers.GlobalAveragePooling2D(name="global_average_pooling2d_1")(x)
    # The original gave yaroslav a bare head, whatever was asked.
    bare = backbone == "yaroslav"
    if dropout > 0 and not bare:
        x = layers.Dropout(dropout, name="dropout_1")(x)
    x = layers.Dense(
        num_classes, activation="softmax", name="predictions" if bare else "dense_1",
        kernel_regularizer=None if bare else models.top_layers.penalty(weight_decay))(x)
    model = keras.Model(image, x, name=backbone)
    if weights is not None:
        models.imagenet.load_into(model, backbone, weights)
    return model


def patch_features(patch_model: "keras.Model") -> "keras.KerasTensor":
    """Last feature map of a patch classifier: whatever enters the pooling of its head.

    Args:
        patch_model: a patch classifier of any origin.

    Returns:
        the symbolic tensor `(b, h, w, c)`, after its ReLU or pooling.

    Raises:
        files.InputError: the model has no feature map.
    """
    for layer in reversed(patch_model.layers):
        if not _is(layer, *TAIL) or _is_relu(layer):
            if len(layer.output.shape) != 4 or _is(layer, "InputLayer"):
                break
            return layer.output
    raise files.InputError(
        f"model {patch_model.name} has no feature map before its output; expected a "
        "patch classifier.")


def _is(layer, *kinds):
    return type(layer).__name__ in kinds


def _is_relu(layer):
    return _is(layer, "Activation") and len(layer.output.shape) == 4


def original_features(patch_model: "keras.Model",
                      backbone: str) -> "keras.KerasTensor":
    """The layer that the original kept last, counted from the end of the patch model.

    Of a head without dropout this is not the last feature map, but one layer before:
    docs/differences.md.
    """
    return patch_model.layers[ORIGINAL_CUTS.get(backbone, -4)].output


def patch_head(patch_model: "keras.Model") -> "keras.Layer":
    """The dense output layer of a patch classifier.

    Raises:
        files.InputError: it has none.
    """
    for layer in reversed(patch_model.layers):
        if _is(layer, "Dense"):
            return layer
    raise files.InputError(
        f"model {patch_model.name} has no dense output layer; expected a patch "
        "classifier.")


def whole_image_classifier(
        patch_model: "keras.Model", options: Any, *, size: tuple,
        num_classes: int = 2, semantics: str = "corrected") -> "keras.Model":
    """Turns a patch classifier into a classifier of whole images (the paper's idea).

    `layers[1]` is the trunk, which shares its layers and weights with `patch_model`.

    Args:
        patch_model: a patch classifier; its input says how many channels.
        options: `ModelOptions`.
        size: (height, width) of the images in pixels.
        num_classes: width of the output.
        semantics: `original` cuts the trunk where the original did
            (`original_features`).

    Returns:
        an uncompiled `keras.Model`: float32 `(b, height, width, channels)` to
        `(b, num_classes)`.

    Raises:
        files.InputError: settings of which no network can be built, such as images too
            small for the blocks.
    """
    import keras

    models.top_layers.check(options)
    features = (original_features(patch_model, options.backbone)
                if semantics == "original" else patch_features(patch_model))
    trunk = keras.Model(patch_model.inputs, features, name="trunk")

    def build(size):
        image = keras.Input((*size, patch_model.input_shape[-1]), name="image")
        x = trunk(image)
        if options.heatmap:
            x = models.top_layers.heatmap(x, options, patch_model.output_shape[-1])
        top = (models.top_layers.convolutional_top if options.convolutional
               else models.top_layers.dense_top)
        model = keras.Model(image, top(x, options, num_classes), name="whole_image")
        _check_sizes(model)
        return model

    model = _build_or_refuse(build, size, instead="fewer blocks")
    if options.heatmap:
        model.get_layer("heatmap").set_weights(patch_head(patch_model).get_weights())
    return model


# Sides of images that are tried where a network cannot be built, a step of most trunks.
STEP, GREATEST_SIDE = 32, 1152


def check_image_size(model: "keras.Model", size: tuple[int, int]) -> None:
    """Refuses images that are too small for a network that takes any size.

    Args:
        model: the network.
        size: (height, width) in pixels.

    Raises:
        files.InputError: they are; the message names a size that works.
    """
    import keras

    def build(size):
        images = [keras.Input((*size, entry.shape[-1])) for entry in model.inputs]
        model(images if len(images) > 1 else images[0])

    if None in model.inputs[0].shape[1:3]:
        _build_or_refuse(build, size, instead="another network")


def _build_or_refuse(build, size, *, instead):
    try:
        return build(size)
    except ValueError as error:
        raise files.InputError(
            f"images of {size[0]}x{size[1]} are too small for these layers "
            f"({_reason(error)}); {_smallest(build, instead)}.") from error


def _smallest(build, instead):
    """What helps: the side of the smallest square for which `build` works."""
    def works(steps):
        try:
            build((steps * STEP, steps * STEP))
        except ValueError:
            return False
        return True

    side = STEP * (1 + bisect.bisect_left(
        range(1, GREATEST_SIDE // STEP), True, key=works))
    return (f"use larger images (--img-size {side} {side} works) or {instead}"
            if side < GREATEST_SIDE else f"use {instead}")


def _check_sizes(model):
    """Refuses outputs without a pixel, which not every release of Keras does."""
    for layer in model.layers:
        if 0 in layer.output.shape[1:]:
            raise ValueError(f"output of {layer.name}: {layer.output.shape[1:]}")


def _reason(error):
    """What Keras says, without its heading, colours and arguments."""
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[1 if len(lines) > 1 and lines[0].startswith("Exception") else 0]


def heatmap_model(
        patch_model: "keras.Model", *, size: tuple | None = None, pool: tuple = (7, 7),
        strides: tuple = (1, 1), activation: str = "softmax") -> "keras.Model":
    """The patch classifier swept over an image by convolution.

    Args:
        patch_model: a patch classifier.
        size: (height, width) of the images in pixels; default any.
        pool: average pooling of the features before the patch head, in cells.
        strides: of that pooling.
        activation: of the patch head; `linear` gives what the softmax would be of.

    Returns:
        a `keras.Model`: float32 `(b, height, width, channels)` to class probabilities
        `(b, rows, columns, num_classes)`; 30x22 cells at 1152x896 with ResNet50.
    """
    import keras
    from keras import layers

    trunk = keras.Model(patch_model.inputs, patch_features(patch_model), name="trunk")
    image = keras.Input(
        (*(size or (None, None)), patch_model.input_shape[-1]), name="image")
    x = layers.AveragePooling2D(pool, strides=strides, name="average")(trunk(image))
    head = patch_head(patch_model)
    x = layers.Dense(head.units, activation=activation, name="heatmap")(x)
    model = keras.Model(image, x, name="heatmap_model")
    model.get_layer("heatmap").set_weights(head.get_weights())
    return model


def has_heatmap(model: "keras.Model") -> bool:
    """Whether a whole-image model has the patch heatmap inserted after its trunk."""
    return (len(model.layers) > 6
            and _is(model.layers[2], "AveragePooling2D")
            and _is(model.layers[4], "Dense"))


def first_top_layer(model: "keras.Model", *, semantics: str = "corrected") -> str:
    """Name of the first layer trained in stage one of whole-image training.

    Trunk and heatmap are frozen then; of two views all before their joint. `original`
    freezes eight layers where there is a heatmap, hence also the first top convolution
    (docs/differences.md).
    """
    names = [layer.name for layer in model.layers]
    if models.two_views.JOINT in names:
        return names[names.index(models.two_views.JOINT) + 1]
    frozen = 2 if not has_heatmap(model) else 8 if semantics == "original" else 6
    return model.layers[frozen].name


def layer_at_original_index(model: "keras.Model | str", index: int) -> str:
    """Layer name behind an index of the original (`--top-layer-nb 46`).

    Args:
        model: a `keras.Model`, or the name of a backbone.
        index: position in the depth-sorted layer list of Keras 2.0.8, from 0 on.

    Returns:
        the layer's name; `bn3a_branch1` for resnet50 and 46.

    Raises:
        files.InputError: there is no such layer.
    """
    if isinstance(model, str):
        model = patch_classifier(model, 1, dropout=0.5)
    if not 0 <= index < len(model.layers):
        raise files.InputError(
            f"layer {index} does not exist; {model.name} has layers 0 to "
            f"{len(model.layers) - 1}. Name a layer or correct --top-layer-nb.")
    return model.layers[index].name


def input_channels(model: "keras.Model") -> int:
    """Number of channels of a model's input, 1 or 3."""
    return model.inputs[0].shape[-1]


def random_input(model: "keras.Model", *, seed: int = 0,
                 size: tuple = (256, 192)) -> list[NDArray]:
    """Arrays that fit the inputs of a model, for checks: float32, 0 to 255 less 52."""
    generator = np.random.default_rng(seed)
    arrays = []
    for tensor in model.inputs:
        shape = (2, *(known or free for known, free in zip(
            tensor.shape[1:], (*size, 3), strict=True)))
        arrays.append((generator.random(shape) * 255 - 52).astype("float32"))
    return arrays
