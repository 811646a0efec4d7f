"""Trunks of `keras.applications` as rows: Keras's graph, with names that stay.

Keras numbers some layers anew in each process, nests others, and prepares the images of
some networks outside them. Here every layer has a name of its own, no network is
nested, and each trunk begins with one layer that prepares images of 0 to 255. Outputs
are Keras's, and so is the number of weights, but for the seven statistics of images in
EfficientNet: as weights of a layer inside a trunk Keras would read them from a file
without using them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

# Of ImageNet, red, green, blue, as shares of 255.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What Keras's `preprocess_input` does, as scale and offset; EfficientNet and ConvNeXt
# do the same as `torch` inside. The order blue, green, red of `caffe` is of no
# consequence, since the channels of a mammogram are equal.
PREPARATIONS = {
    "torch": ([1 / (255 * deviation) for deviation in DEVIATION],
              [-mean / deviation
               for mean, deviation in zip(MEAN, DEVIATION, strict=True)]),
    "caffe": (1.0, [-103.939, -116.779, -123.68]),
    # Petrini and Kim 2025, arXiv 2503.19945: (x - 13369) / 65535 of 16 bits.
    "ddsm": (1 / 255, [-13369 / 65535] * 3)}


def trunk(application: str, preparation: str = "torch") -> Callable:
    """Function that builds one trunk: `(b, h, w, 3)` of 0 to 255 to its features.

    Args:
        application: name in `keras.applications`.
        preparation: row of `PREPARATIONS`.
    """
    def build(x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        scale, offset = PREPARATIONS[preparation]
        x = keras.layers.Rescaling(scale, offset=offset, name="preparation")(x)
        network = getattr(keras.applications, application)(
            include_top=False, weights=None)
        return _replayed(network, x)
    return build


def flat(model: keras.Model,
         path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], keras.Layer]]:
    """Every layer of a model with its path of names; nested networks are walked."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from flat(layer, (*path, layer.name))
        else:
            yield (*path, layer.name), layer


def _replayed(network, x):
    """The layers of a network, copied, called on another tensor."""
    tensors, counts = {id(network.inputs[0]): x}, {}
    for layer in network.operations[1:]:
        # `layer.input` of a nested network is inside of it.
        node = next(node for node in layer._inbound_nodes if all(
            id(end) in tensors for end in node.input_tensors))
        y = [tensors[id(end)] for end in node.input_tensors]
        y = y if len(y) > 1 else y[0]
        for inner in [layer] if not hasattr(layer, "layers") else [
                inner for _, inner in flat(layer)]:
            y = _called(inner, _name(inner, counts), y)
        tensors[id(node.output_tensors[0])] = y
    return tensors[id(network.outputs[0])]


def _name(layer, counts):
    """Its name; a number that counts in this network where Keras gave the name."""
    kind = re.sub(r"_\d+$", "", layer.name)
    if kind.replace("_", "") != type(layer).__name__.lower():
        return layer.name
    counts[kind] = counts.get(kind, 0) + 1
    return f"{kind}_{counts[kind]}"


def _called(layer, name, x):
    from keras import initializers, layers

    if isinstance(layer, (layers.Rescaling, layers.Normalization)):
        return x            # what `preparation` does
    if type(layer).__name__ == "Add":
        return layers.Add(name=name)(x)     # a layer, or `+` between tensors
    if type(layer).__name__ == "LayerScale":
        # A factor for each channel, by a layer that every Keras can load.
        return layers.DepthwiseConv2D(
            1, use_bias=False, name=name, depthwise_initializer=initializers.Constant(
                layer.init_values))(x)
    return type(layer).from_config({**layer.get_config(), "name": name})(x)
