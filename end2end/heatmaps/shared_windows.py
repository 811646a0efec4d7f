"""Windows of a sliding heatmap that share what neighbours have in common.

    shared = shared_windows.plan(model, patch_size=224, stride=16)
    scores = shared.row(band, count)            # the windows of one row of the grid

A layer that pads with zeros sees them at the edges of each window, so a patch
classifier swept by convolution gives other scores than window by window. But zeros
reach only as far as the layers before have carried them: here the columns out of their
reach are computed once for a row of windows, and only those at the left and the right
edge for each window. The upper and the lower edge are the same for the whole row. So
the scores are those of the windows, but for rounding.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

# Layers that compute each place by itself when they predict.
POINTWISE = ("Activation", "BatchNormalization", "Dropout", "ReLU", "Rescaling")
POOLING = ("AveragePooling2D", "MaxPooling2D")
# Where the edges are more than this share of a window, sharing saves little.
MOST_EDGES = 0.5


@dataclasses.dataclass(frozen=True)
class Row:
    """The features of a row of windows.

    Attributes:
        band: `(1, height, columns, channels)` of all windows without their edges;
            meaningless where an edge of a window would be.
        left, right: `(windows, height, edge, channels)`, the columns of each window
            that zeros beyond its edge have changed.
        step, width: columns from window to window, and of a window.
    """

    band: Any
    left: Any
    right: Any
    step: int
    width: int

    @property
    def edge(self) -> int:
        """Columns of `left` and of `right`."""
        return self.left.shape[2]

    def inside(self, first: int, last: int) -> Any:
        """Columns of each window from the band, `(windows, height, last - first,
        channels)`."""
        from keras import ops

        return ops.concatenate([
            self.band[:, :, number * self.step + first:number * self.step + last]
            for number in range(len(self.left))])

    def grown(self, more: int) -> tuple[Any, Any]:
        """The edges with so many columns more of the inside."""
        from keras import ops

        far = self.width - self.edge
        return (ops.concatenate(
                    [self.left, self.inside(self.edge, self.edge + more)], axis=2),
                ops.concatenate([self.inside(far - more, far), self.right], axis=2))


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a classifier computes rows of windows.

    Attributes:
        layers: the first ones, whose results windows share.
        rest: `keras.Model` of the others, from the features of whole windows.
        patch_size, stride: in pixels.
    """

    layers: tuple[keras.Layer, ...]
    rest: keras.Model
    patch_size: int
    stride: int

    def row(self, band: NDArray[np.float32], *, batch_size: int
            ) -> NDArray[np.float32]:
        """Scores `(windows, classes)` of the windows of a row.

        Args:
            band: `(patch_size, columns, channels)`, from the left edge of the first
                window to the right edge of the last.
            batch_size: windows of one call of the rest.
        """
        from keras import ops

        count = (band.shape[1] - self.patch_size) // self.stride + 1
        nothing = ops.zeros((count, band.shape[0], 0, band.shape[2]))
        row = Row(ops.convert_to_tensor(band[None]), nothing, nothing, self.stride,
                  self.patch_size)
        for layer in self.layers:
            row = STEPS[type(layer).__name__](layer, row)
        windows = np.concatenate(
            [row.left, row.inside(row.edge, row.width - row.edge), row.right], axis=2)
        return np.concatenate([
            self.rest.predict_on_batch(windows[start:start + batch_size])
            for start in range(0, count, batch_size)])


def plan(model: Any, *, patch_size: int, stride: int) -> Plan | None:
    """How windows of a classifier can share features; None where nothing is to be won.

    Args:
        model: patch classifier; layers are shared as long as they follow one another
            and are convolutions with a step of one, poolings that divide the stride,
            and what computes each place by itself.
        patch_size, stride: in pixels.
    """
    chain = _chain(model)
    edge, width, step, count = 0, patch_size, stride, 0
    for number, layer in enumerate(chain, 1):
        kind = type(layer).__name__
        if kind in POOLING:
            pool = layer.pool_size[0]
            if not _divides(layer, pool, width, step):
                break
            edge, width, step = -(-edge // pool), width // pool, step // pool
        elif kind == "Conv2D" and _shares(layer):
            edge += layer.kernel_size[1] // 2
        elif kind not in POINTWISE or getattr(layer, "axis", -1) not in (-1, 3):
            break  # a normalisation along rows or columns knows the place in the window
        if 2 * edge > MOST_EDGES * width:
            break
        count = number
    if stride >= patch_size or not any(
            type(layer).__name__ == "Conv2D" for layer in chain[:count]):
        return None
    import keras

    rest = keras.Model(chain[count - 1].output, model.outputs[0])
    return Plan(tuple(chain[:count]), rest, patch_size, stride)


def _chain(model):
    """The layers after the input, up to the first whose result several others take."""
    chain, tensor = [], model.inputs[0] if hasattr(model, "inputs") else None
    for layer in getattr(model, "layers", ())[1:]:
        nodes = layer._inbound_nodes
        if len(nodes) != 1 or hasattr(layer, "layers") or [
                id(end) for end in nodes[0].input_tensors] != [id(tensor)]:
            break
        chain.append(layer)
        tensor = nodes[0].output_tensors[0]
        if len(layer._outbound_nodes) != 1:
            break
    return chain


def _shares(layer):
    return ((layer.padding == "same" or layer.kernel_size == (1, 1))
            and layer.strides == (1, 1) and layer.dilation_rate == (1, 1)
            and layer.groups == 1
            and layer.kernel_size[0] % 2 == layer.kernel_size[1] % 2 == 1)


def _divides(layer, pool, width, step):
    return (layer.pool_size == layer.strides == (pool, pool) and width % pool == 0
            and step % pool == 0)


def _convolved(layer, row):
    reach = layer.kernel_size[1] // 2
    left, right = row.grown(2 * reach)
    return dataclasses.replace(
        row, band=_convolution(layer, row.band, reach, reach),
        left=_convolution(layer, left, reach, 0),
        right=_convolution(layer, right, 0, reach))


def _convolution(layer, features, left, right):
    """A convolution that pads columns of zeros as asked, and rows as `same`."""
    from keras import ops

    reach = layer.kernel_size[0] // 2
    padded = ops.pad(features, [[0, 0], [reach, reach], [left, right], [0, 0]])
    result = ops.conv(padded, layer.kernel, padding="valid")
    return layer.activation(result + layer.bias if layer.use_bias else result)


def _pooled(layer, row):
    pool = layer.pool_size[1]
    left, right = row.grown(-row.edge % pool)
    columns = row.band.shape[2] // pool * pool
    return Row(layer(row.band[:, :, :columns]), _nonempty(layer, left),
               _nonempty(layer, right), row.step // pool, row.width // pool)


def _by_place(layer, row):
    return dataclasses.replace(
        row, band=layer(row.band, training=False), left=_nonempty(layer, row.left),
        right=_nonempty(layer, row.right))


def _nonempty(layer, features):
    """The layer's result; edges without a column stay so."""
    if not features.shape[2]:
        return features[:, :layer.compute_output_shape((1, *features.shape[1:3], 1))[1]]
    return layer(features, training=False)


STEPS = {"Conv2D": _convolved, **dict.fromkeys(POOLING, _pooled),
         **dict.fromkeys(POINTWISE, _by_place)}
