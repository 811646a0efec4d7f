"""Windows of a sliding heatmap that share what neighbours have in common.

    shared = shared_windows.plan(model, patch_size=224, stride=16)
    scores = shared.block(slab, batch_size=128)     # windows of some rows of the grid

A layer that pads with zeros sees them at the edges of each window, so a patch
classifier swept by convolution gives other scores than window by window. But zeros
reach only as far as the layers before have carried them. Along each direction a window
has a first edge, an inside and a last edge, so it has nine parts. What is inside both
ways is computed once for all windows; an edge that is inside along it once for a row
or for a column of windows; the four corners alone for each window. So the scores are
those of the windows, but for rounding.
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
# Where the corners are more than this share of a window, sharing saves little.
MOST_CORNERS = 0.4
FIRST, INSIDE, LAST = PLACES = ("first", "inside", "last")


@dataclasses.dataclass(frozen=True)
class Direction:
    """How windows lie down or across, in cells of the features.

    Attributes:
        count: windows.
        step: from window to window.
        size: of a window.
        edge: cells at either end that zeros beyond it have changed.
    """

    count: int
    step: int
    size: int
    edge: int = 0

    def wider(self, reach: int) -> Direction:
        """After a convolution that reaches so far."""
        return dataclasses.replace(self, edge=self.edge + reach)

    def pooled(self, pool: int) -> Direction:
        """After a pooling."""
        return Direction(self.count, self.step // pool, self.size // pool,
                         -(-self.edge // pool))


@dataclasses.dataclass(frozen=True)
class Block:
    """The features of a block of windows.

    Attributes:
        parts: by place down and place across, `(windows down, windows across, height,
            width, channels)`; a part that has no cells is missing. Along a direction in
            which it is inside, a part stands for all windows: its cells are those of
            the whole block, meaningless where an edge of a window would be.
        directions: down and across.
    """

    parts: dict[tuple[str, str], Any]
    directions: tuple[Direction, Direction]

    def inside(self, part: Any, axis: int, first: int, last: int,
               numbers: range | None = None) -> Any:
        """These cells of each window, or of the windows of these numbers, of a part
        that is inside along an axis."""
        from keras import ops

        step, cells = self.directions[axis].step, [slice(None)] * 5
        windows = []
        for number in numbers or range(self.directions[axis].count):
            cells[2 + axis] = slice(number * step + first, number * step + last)
            windows.append(part[tuple(cells)])
        return ops.concatenate(windows, axis=axis)

    def grown(self, more: tuple[int, int]) -> dict[tuple[str, str], Any]:
        """The parts, edges with so many cells more of the inside, down and across."""
        parts = self.parts
        for axis in (1, 0):
            parts = self._grown(parts, axis, more[axis]) if more[axis] else parts
        return parts

    def _grown(self, parts, axis, more):
        from keras import ops

        direction, grown = self.directions[axis], dict(parts)
        for places, part in parts.items():
            if places[axis] != INSIDE:
                continue
            for place, start in ((FIRST, direction.edge),
                                 (LAST, direction.size - direction.edge - more)):
                there = (place, places[1]) if axis == 0 else (places[0], place)
                pieces = [self.inside(part, axis, start, start + more)]
                if there in parts:
                    pieces.insert(0 if place == FIRST else 1, parts[there])
                grown[there] = ops.concatenate(pieces, axis=2 + axis)
        return grown

    def windows(self, row: int, numbers: range) -> NDArray[np.float32]:
        """Whole windows of these numbers across in a row, `(windows, height, width,
        channels)`."""
        down, across = self.directions
        start = row * down.step
        strips = []
        for vertical in PLACES:
            cells = (np.s_[:, :, start + down.edge:start + down.size - down.edge]
                     if vertical == INSIDE else np.s_[row:row + 1])
            strip = [
                self.inside(part[cells], 1, across.edge, across.size - across.edge,
                            numbers)
                if horizontal == INSIDE
                else part[cells][:, numbers.start:numbers.stop]
                for horizontal in PLACES
                if (part := self.parts.get((vertical, horizontal))) is not None]
            if strip:
                strips.append(np.concatenate(strip, axis=3)[0])
        return np.concatenate(strips, axis=1)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a classifier computes blocks of windows.

    Attributes:
        layers: the first ones, whose results windows share.
        rest: `keras.Model` of the others, from the features of whole windows.
        patch_size, stride: in pixels.
    """

    layers: tuple[keras.Layer, ...]
    rest: keras.Model
    patch_size: int
    stride: int

    @property
    def rows(self) -> int:
        """Rows of windows of a block, which is one and a half windows high: twice as
        many take a sixth less time and twice the memory."""
        return max(1, self.patch_size // (2 * self.stride))

    def block(self, slab: NDArray[np.float32], *, batch_size: int
              ) -> NDArray[np.float32]:
        """Scores `(rows, columns, classes)` of the windows of some rows of the grid.

        Args:
            slab: `(height, width, channels)`, from the upper left corner of the first
                window to the lower right corner of the last.
            batch_size: windows of one call of the rest.
        """
        from keras import ops

        down, across = (
            Direction((length - self.patch_size) // self.stride + 1, self.stride,
                      self.patch_size) for length in slab.shape[:2])
        block = Block({(INSIDE, INSIDE): ops.convert_to_tensor(slab[None, None])},
                      (down, across))
        for layer in self.layers:
            block = _applied(layer, block)
        # Those of a whole row together are gigabytes where the stride is small.
        batches = [range(start, min(start + batch_size, across.count))
                   for start in range(0, across.count, batch_size)]
        return np.stack([np.concatenate([
            self.rest.predict_on_batch(block.windows(row, numbers))
            for numbers in batches]) for row in range(down.count)])


def plan(model: Any, *, patch_size: int, stride: int) -> Plan | None:
    """How windows of a classifier can share features; None where nothing is to be won.

    Args:
        model: patch classifier; layers are shared as long as they follow one another
            and are convolutions with a step of one, poolings that divide the stride,
            and what computes each place by itself.
        patch_size, stride: in pixels.
    """
    chain = _chain(model)
    directions, count = (Direction(1, stride, patch_size),) * 2, 0
    for number, layer in enumerate(chain, 1):
        directions = _after(layer, directions)
        if directions is None or not _worthwhile(*directions):
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


def _after(layer, directions):
    """How windows lie after a layer; None where they cannot share its results."""
    kind = type(layer).__name__
    if kind in POOLING and _divides(layer, *directions):
        return tuple(each.pooled(layer.pool_size[0]) for each in directions)
    if kind == "Conv2D" and _shares(layer):
        return tuple(each.wider(size // 2) for each, size in zip(
            directions, layer.kernel_size, strict=True))
    # A normalisation along rows or columns knows the place in the window.
    if kind in POINTWISE and getattr(layer, "axis", -1) in (-1, 3):
        return directions
    return None


def _worthwhile(down, across):
    return (max(2 * down.edge - down.size, 2 * across.edge - across.size) <= 0
            and 4 * down.edge * across.edge <= MOST_CORNERS * down.size * across.size)


def _shares(layer):
    return ((layer.padding == "same" or layer.kernel_size == (1, 1))
            and layer.strides == (1, 1) and layer.dilation_rate == (1, 1)
            and layer.groups == 1
            and layer.kernel_size[0] % 2 == layer.kernel_size[1] % 2 == 1)


def _divides(layer, *directions):
    pool = layer.pool_size[0]
    return layer.pool_size == layer.strides == (pool, pool) and not any(
        each.size % pool or each.step % pool for each in directions)


def _convolved(layer, block):
    from keras import ops

    def convolution(part, places):
        # Zeros lie beyond the edge at which a part is, and around the block.
        padding = [(0 if place == LAST else cells, 0 if place == FIRST else cells)
                   for place, cells in zip(places, reach, strict=True)]
        part = ops.pad(part, [(0, 0), *padding, (0, 0)])
        part = ops.conv(part, layer.kernel, padding="valid")
        return layer.activation(part + layer.bias if layer.use_bias else part)

    reach = [size // 2 for size in layer.kernel_size]
    return convolution, block.grown([2 * cells for cells in reach])


def _pooled(layer, block):
    pool = layer.pool_size[0]

    def pooling(part, places):
        height, width = (length // pool * pool for length in part.shape[1:3])
        return layer(part[:, :height, :width])

    return pooling, block.grown([-each.edge % pool for each in block.directions])


def _by_place(layer, block):
    return lambda part, places: layer(part, training=False), block.parts


# The function of `(windows, height, width, channels)` and places that a layer applies
# to a part, and the parts that it needs.
APPLIED = {"Conv2D": _convolved, **dict.fromkeys(POOLING, _pooled),
           **dict.fromkeys(POINTWISE, _by_place)}


def _applied(layer, block):
    """The block of a layer's results."""
    from keras import ops

    function, parts = APPLIED[type(layer).__name__](layer, block)
    results = {}
    for places, part in parts.items():
        result = function(ops.reshape(part, (-1, *part.shape[2:])), places)
        results[places] = ops.reshape(result, (*part.shape[:2], *result.shape[1:]))
    return Block(results, _after(layer, block.directions))
