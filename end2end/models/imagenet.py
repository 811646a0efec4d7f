"""ImageNet weights, by layer name, into the trunks.

Reads Keras's own files of any age: those of 2.0.8 have our names already, those of
today's ResNet50 are translated, and layers that Keras numbered are taken in order.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

import keras
import numpy as np

from end2end.model_files import (
    network_build,
    network_config,
    safe_loading,
    stored_weights,
)
from end2end.models import backbones, keras_trunks
from end2end.utils import files


def load_into(model: keras.Model, backbone: str, weights: str | pathlib.Path) -> None:
    """Fills the trunk of a patch classifier with ImageNet weights.

    A one-channel trunk gets the sum over red, green and blue of the first kernel, which
    equals three equal channels.

    Args:
        model: what `models.patch_classifier` builds.
        backbone: its name.
        weights: `imagenet`, or the path of a .h5, .weights.h5 or .keras file.

    Raises:
        files.InputError: no such weights, no network and no file, or a weight that is
            missing or misshapen.
    """
    row = backbones.BACKBONES[backbone]
    if row.application is None:
        raise files.InputError(
            f"backbone {backbone!r} has no ImageNet weights; give --no-use-pretrained.")
    stored = (_downloaded(backbone) if weights == "imagenet"
              else _from_file(pathlib.Path(weights), backbone))
    # The classifier on top is ours.
    names = [layer.name for layer in model.layers[:-1] if layer.weights
             and not (row.added and re.fullmatch(row.added, layer.name))]
    for name, other in _pairs(names, stored, backbone).items():
        _fill(model.get_layer(name), stored.get(other, {}),
              f"ImageNet weights {weights}")


def application(backbone: str) -> Callable:
    """Keras's function of a backbone, which can download ImageNet weights."""
    name = backbones.BACKBONES[backbone].application
    return getattr(keras.applications, str(name))


def _pairs(names, stored, backbone):
    """`{our layer: theirs}`: by name, or by order where no name is known.

    Keras's files of 2016 have the names of Keras 1; Keras itself loads them by order.
    """
    theirs = {key: name for name, key in _keys(stored, backbone).items()}
    pairs = {name: theirs.get(key) for name, key in _keys(names, backbone).items()}
    weighted = [name for name, arrays in stored.items() if arrays]
    if None in pairs.values() and len(names) <= len(weighted) <= len(names) + 3:
        return dict(zip(names, weighted, strict=False))
    return pairs


def _keys(names, backbone):
    """`{layer name: common key}`: translated, or kind and rank of a numbered layer."""
    keys = {name: _translated(name) if backbone == "resnet50" else name
            for name in names}
    for kind in ("conv2d", "batch_normalization", "layer_normalization"):
        numbers = {name: int(name[len(kind) + 1:] or 0) for name in names
                   if re.fullmatch(rf"{kind}(_\d+)?", name)}
        ranked = sorted(numbers, key=numbers.get)
        keys |= {name: f"{kind} {rank}" for rank, name in enumerate(ranked)}
    return keys


def _translated(name):
    """A layer of today's ResNet50 in the words of Keras 2.0.8.

    `conv2_block1_1_conv` is `res2a_branch2a`, `conv2_block1_0_bn` is `bn2a_branch1`.
    """
    special = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}
    match = re.match(r"^conv(\d)_block(\d)_(\d)_(conv|bn)$", name)
    if not match:
        return special.get(name, name)
    stage, block, branch, kind = match.groups()
    end = "1" if branch == "0" else f"2{'abc'[int(branch) - 1]}"
    prefix = "res" if kind == "conv" else "bn"
    return f"{prefix}{stage}{chr(96 + int(block))}_branch{end}"


def _fill(layer, arrays, source):
    shapes = network_build.expected_shapes(layer)
    if not set(shapes) <= set(arrays) and len(shapes) == len(arrays):
        # Keras 1 wrote `block1_conv1_W_1`, in the same order.
        arrays = dict(zip(shapes, arrays.values(), strict=True))
    values = []
    for role, shape in shapes.items():
        array = arrays.get(role)
        if array is None:
            raise files.InputError(
                f"{source}: weight {role!r} of layer {layer.name!r} is missing; "
                "expected a file of this backbone.")
        if role == "depthwise_kernel" and array.ndim == 1:
            array = array.reshape(1, 1, -1, 1)      # a factor for each channel
        if len(shape) == 4 and shape[2] == 1 and array.shape[2] == 3:
            array = array.sum(axis=2, keepdims=True)
        if array.shape != shape:
            raise files.InputError(
                f"{source}: weight {role!r} of layer {layer.name!r} has the shape "
                f"{array.shape}, but the network needs {shape}; expected a file of "
                "this backbone.")
        values.append(array)
    layer.set_weights(values)


def _downloaded(backbone):
    """`{layer: {role: array}}` of Keras's own download."""
    build = application(backbone)
    try:
        theirs = build(include_top=False, weights="imagenet")
    # Keras passes on whatever the network raised, mostly a bare Exception.
    except Exception as error:
        raise files.InputError(
            f"ImageNet weights of {backbone} cannot be downloaded "
            f"({' '.join(str(error).split())[:100]}); give a local file "
            "(--pretrained-weights) or --no-use-pretrained.") from error
    return {layer.name: _by_role(layer) for _, layer in keras_trunks.flat(theirs)
            if layer.weights}


def _by_role(layer):
    return dict(zip(network_build.expected_shapes(layer),
                    (np.asarray(value) for value in layer.get_weights()), strict=True))


def _from_file(path, backbone):
    """`{layer: {role: array}}` of a file, whole model or weights only."""
    file = files.existing_file(path, "ImageNet weights")
    with safe_loading.opened(file) as stored:
        if isinstance(stored.weights, stored_weights.GroupedWeights):
            return stored.weights.arrays()
    # Keras 3 stores weights by class and count: its own network says which is which.
    build = application(backbone)
    theirs = build(include_top=False, weights=None)
    with safe_loading.opened(file) as stored:
        network = network_config.of_model(theirs, f"backbone {backbone}")
        stored.weights.number_layers(network)
        return {layer.name: dict(zip(
            network_build.expected_shapes(layer),
            stored.weights.read(path, network_build.expected_shapes(layer)),
            strict=True)) for path, layer in keras_trunks.flat(theirs) if layer.weights}
