"""Makes a Keras model of a network description and fills it with stored weights.

Every weight's shape is computed from the description and compared with the file before
the layer is made, so that no file makes the program take memory that it does not hold.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from end2end.model_files import (
    layer_settings,
    network_config,
    operations,
    stored_weights,
)
from end2end.utils import files

if TYPE_CHECKING:
    import keras

# Bytes of weights that a network may have; VGG19 with its ImageNet head has 0.6 GB.
MOST_WEIGHTS = 2 << 30
# What Keras raises on settings that do not fit together.
UNFIT = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
         NotImplementedError, RuntimeError)


def build(network: network_config.Network, weights: stored_weights.Weights,
          source: str) -> "keras.Model":
    """Makes the model of a `Network` and fills it.

    Args:
        network: in words of Keras 3 (`ages.in_words_of_keras_3`).
        weights: of the same file. A weight is checked before memory is taken for it.
        source: name of the file, for messages.

    Returns:
        an uncompiled `keras.Model`, all of whose layers are trainable.

    Raises:
        files.InputError: a weight is missing or misshapen, or the layers do not fit
            together.
    """
    model = _Builder(weights, source).network(network, ())
    weights.check_all_taken()
    return model


class _Builder:
    """Makes networks from the inside out, and counts the bytes of their weights."""

    def __init__(self, weights, source):
        self.weights, self.source, self.bytes = weights, source, 0

    def network(self, network, path):
        import keras

        layers, outputs = {}, {}
        for row, call in self._in_order(network):
            if row.kind == "InputLayer":
                outputs[row.name, 0] = [keras.Input(row.settings, name=row.name)]
                continue
            tensors = [self._tensor(outputs, end) for end in row.calls[call]]
            outputs[row.name, call] = self._called(row, tensors, layers, path)
        inputs, results = ([self._tensor(outputs, end) for end in ends]
                           for ends in (network.inputs, network.outputs))
        return keras.Model(_single(inputs), _single(results), name=network.name)

    def _in_order(self, network):
        """Pairs of row and call such that every tensor exists before it is taken.

        Calls from which no output comes are left out, as Keras leaves them out.
        """
        rows = {row.name: row for row in network.rows}
        needed, order, waiting = {}, [], []
        stack = [end[:2] for end in (*network.outputs, *network.inputs)]
        while stack:
            name, call = key = stack.pop()
            if key in needed:
                continue
            calls = rows[name].calls if name in rows else None
            is_input = name in rows and rows[name].kind == "InputLayer"
            layer_settings.expect(
                calls is not None and (call == 0 if is_input else call < len(calls)),
                self.source, f"it has a gap at layer {name!r}")
            needed[key] = () if is_input else [end[:2] for end in calls[call]]
            stack += needed[key]
        waiting = [(row.name, call) for row in network.rows
                   for call in range(max(1, len(row.calls)))
                   if (row.name, call) in needed]
        ready = set()
        while waiting:
            left = []
            for key in waiting:
                if all(before in ready for before in needed[key]):
                    ready.add(key)
                    order.append((rows[key[0]], key[1]))
                else:
                    left.append(key)
            layer_settings.expect(len(left) < len(waiting), self.source,
                                  f"it has a circle at layer {left[:1]}")
            waiting = left
        return order

    def _tensor(self, outputs, end):
        name, call, output = end
        layer_settings.expect(
            output < len(outputs[name, call]), self.source,
            f"output {output} of layer {name!r} is taken, which is not there")
        return outputs[name, call][output]

    def _called(self, row, tensors, layers, path):
        """Output tensors of a layer, which is made and filled at its first call."""
        try:
            if row.name not in layers:
                layers[row.name] = self._layer(row, tensors, path)
                result = layers[row.name](_single(tensors))
                self._fill(row, layers[row.name], path)
            else:
                result = layers[row.name](_single(tensors))
        except files.InputError:
            raise
        except UNFIT as error:
            raise files.InputError(
                f"{self.source}: layer {row.stored_name or row.name!r} cannot be built "
                f"({reason(error)}); it does not fit the layers before it, or needs "
                "another version of Keras.") from error
        return result if isinstance(result, list) else [result]

    def _layer(self, row, tensors, path):
        from keras import layers

        if isinstance(row.settings, network_config.Network):
            return self.network(row.settings, (*path, row.stored_name))
        if row.stored_kind in operations.CLASSES and len(
                {len(tensor.shape) for tensor in tensors}) > 1:
            layer_settings.refuse(
                f"{self.source}: layer {row.stored_name!r}",
                "computes with arrays of different numbers of axes")
        settings = dict(row.settings)
        if _across_images(settings.get("axis"), len(tensors[0].shape)):
            layer_settings.refuse(
                f"{self.source}: layer {row.stored_name or row.name!r}",
                "computes across the images of a batch, so that a score would depend "
                "on the images beside it")
        shapes = declared_shapes(row.kind, settings, tensors[0].shape)
        if shapes:
            self.weights.check((*path, row.stored_name), shapes)
            self.bytes += 4 * sum(
                int(np.prod(shape, dtype=object)) for shape in shapes.values())
            if self.bytes > MOST_WEIGHTS:
                layer_settings.refuse(
                    self.source, f"has more than {MOST_WEIGHTS >> 30} GB of weights")
        if row.kind == "LayerScale":
            # Keras has no such layer of its own: a 1x1 kernel for each channel.
            return layers.DepthwiseConv2D(1, use_bias=False, name=row.name)
        # Random values would be overwritten at once.
        settings |= {key: "zeros" for key in _INITIALIZED.get(row.kind, ())}
        return getattr(layers, row.kind)(name=row.name, **settings)

    def _fill(self, row, layer, path):
        if isinstance(row.settings, network_config.Network) or not layer.weights:
            return
        path, shapes = (*path, row.stored_name), expected_shapes(layer)
        if row.kind == "LayerScale":
            channels = shapes["depthwise_kernel"][2]
            gamma, = self.weights.read(path, {"gamma": (channels,)})
            layer.set_weights([gamma.reshape(1, 1, channels, 1)])
            return
        arrays = self.weights.read(path, shapes)
        if row.turned:
            arrays = [turned(array) if role == "kernel" else array
                      for role, array in zip(shapes, arrays, strict=True)]
        layer.set_weights(arrays)
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _across_images(axis, count):
    """Whether one of the axes, a number or a list, is the first of so many."""
    return any(type(one) is int and one in (0, -count)
               for one in (axis if isinstance(axis, list) else [axis]))


def reason(error: Exception) -> str:
    """The message of Keras in one line, without its colours of a terminal."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    return " ".join(text.split())[:200]


def turned(kernel: NDArray) -> NDArray:
    """A kernel `(..., channels, filters)` turned by 180 degrees."""
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


_INITIALIZED = {
    "Conv1D": ("kernel_initializer",), "Conv2D": ("kernel_initializer",),
    "Conv2DTranspose": ("kernel_initializer",), "Dense": ("kernel_initializer",),
    "DepthwiseConv2D": ("depthwise_initializer",),
    "SeparableConv2D": ("depthwise_initializer", "pointwise_initializer")}


# Shapes ------------------------------------------------------------------------------


def declared_shapes(kind: str, settings: dict, shape: Sequence) -> dict:
    """Shapes of a layer's weights by role, from its settings and its input's shape.

    Args:
        kind: class name of the layer.
        settings: its constructor arguments.
        shape: of its input, with the batch.

    Returns:
        dict from role (`kernel`, `bias`, ...) to tuple; empty for a layer without
        weights.
    """
    function = _SHAPES.get(kind)
    if function is None:
        return {}
    return {role: tuple(sides) for role, sides, there in function(settings, shape)
            if there}


def _kernel(settings, dimensions=2):
    size = settings.get("kernel_size", 1)
    return (size,) * dimensions if isinstance(size, int) else tuple(size)


def _dense(settings, shape):
    units = settings.get("units")
    return (("kernel", (shape[-1], units), True),
            ("bias", (units,), settings.get("use_bias", True)))


def _convolution(settings, shape, dimensions=2):
    filters = settings.get("filters")
    inside = (shape[-1] or 0) // (settings.get("groups") or 1)
    return (("kernel", (*_kernel(settings, dimensions), inside, filters), True),
            ("bias", (filters,), settings.get("use_bias", True)))


def _transposed(settings, shape):
    filters = settings.get("filters")
    return (("kernel", (*_kernel(settings), filters, shape[-1]), True),
            ("bias", (filters,), settings.get("use_bias", True)))


def _depthwise(settings, shape):
    deep = settings.get("depth_multiplier", 1)
    return (("depthwise_kernel", (*_kernel(settings), shape[-1], deep), True),
            ("bias", (shape[-1] * deep,), settings.get("use_bias", True)))


def _separable(settings, shape):
    deep, filters = settings.get("depth_multiplier", 1), settings.get("filters")
    return (("depthwise_kernel", (*_kernel(settings), shape[-1], deep), True),
            ("pointwise_kernel", (1, 1, shape[-1] * deep, filters), True),
            ("bias", (filters,), settings.get("use_bias", True)))


def _batch_normalization(settings, shape):
    channels = (shape[settings.get("axis", -1)],)
    return (*_scale(settings, channels), ("moving_mean", channels, True),
            ("moving_variance", channels, True))


def _scale(settings, sides):
    return (("gamma", sides, settings.get("scale", True)),
            ("beta", sides, settings.get("center", True)))


def _along_axes(settings, shape):
    axes = settings.get("axis", -1)
    return tuple(shape[axis] for axis in (axes if isinstance(axes, list) else [axes]))


def _normalization(settings, shape):
    sides = () if settings.get("axis", -1) is None else _along_axes(settings, shape)
    there = settings.get("mean") is None
    return (("mean", sides, there), ("variance", sides, there), ("count", (), there))


def _prelu(settings, shape):
    shared = settings.get("shared_axes") or ()
    return (("alpha", tuple(1 if axis in shared else side for axis, side
                            in enumerate(shape[1:], start=1)), True),)


_SHAPES: dict[str, Callable] = {
    "Dense": _dense, "Conv2D": _convolution,
    "Conv1D": lambda settings, shape: _convolution(settings, shape, 1),
    "Conv2DTranspose": _transposed, "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable, "BatchNormalization": _batch_normalization,
    "LayerNormalization": lambda settings, shape: _scale(
        settings, _along_axes(settings, shape)),
    "GroupNormalization": lambda settings, shape: _scale(
        settings, _along_axes(settings, shape)),
    "Normalization": _normalization, "PReLU": _prelu,
    "LayerScale": lambda settings, shape: (("gamma", (shape[-1],), True),)}


def expected_shapes(layer: "keras.Layer") -> dict:
    """Shapes of a built layer's weights by role, in the order of `layer.weights`."""
    from keras import layers

    roles = {}
    for variable in layer.weights:
        role = variable.name
        if role == "kernel" and isinstance(layer, layers.DepthwiseConv2D):
            role = "depthwise_kernel"
        roles[role] = tuple(variable.shape)
    return roles


def _single(tensors):
    return tensors[0] if len(tensors) == 1 else tensors
