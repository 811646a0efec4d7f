"""An OpenVINO graph of which some layers compute in eight-bit integers.

    graphs = integer_layers.quantized(graph, inputs)        # by rule of ranges
    names = integer_layers.groups(graphs)
    mixed = integer_layers.mixed(graph, graphs, {names[3]: "greatest"})

NNCF puts a `FakeQuantize` node, which holds a range of values, before the layers that
compute in integers. Such a node and the layers that it feeds are one group here: it is
in eight bits or in float32, whatever the other groups are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

# This also keeps OpenVINO and NNCF from reporting their use.
from end2end.prediction import engines

if TYPE_CHECKING:
    import openvino

WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")
# How the range of an activation follows from those of the images, by NNCF's names. The
# mean leaves out what few images have, such as film markers, and keeps small steps; but
# it also cuts off what tells a cancer: near the output only the greatest keeps it.
RULES = {"mean": "MEAN_MINMAX", "greatest": "MINMAX"}


@dataclasses.dataclass(frozen=True)
class Group:
    """Layers that take the same quantised values.

    Attributes:
        name: of the `FakeQuantize` node.
        layers: names of convolutions and matrix products; none where values are
            added.
        operations: multiplications of one image; of a sum the number of values.
    """

    name: str
    layers: tuple[str, ...]
    operations: int


def quantized(graph: openvino.Model, inputs: Sequence[NDArray[np.float32]]
              ) -> dict[str, openvino.Model]:
    """A graph with all layers in eight bits, by each of `RULES`.

    Args:
        graph: of one image, such as of `engines.converted`; it stays as it is.
        inputs: of the network, arrays `(height, width, channels)`, from which the
            ranges are learnt.
    """
    import nncf
    from nncf.quantization import range_estimator

    # Not by `nncf.set_log_level`: it changes the handlers of others, too.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    batches = list(map(engines.Network(graph, "f32").prepared, inputs))
    graphs = {}
    # It draws progress bars, which belong to no file and no pipe.
    with contextlib.redirect_stdout(io.StringIO()):
        for rule, name in RULES.items():
            ranges = getattr(range_estimator.RangeEstimatorParametersSet, name)
            graphs[rule] = nncf.quantize(
                graph.clone(), nncf.Dataset(batches), subset_size=len(batches),
                preset=nncf.QuantizationPreset.MIXED,
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    activations_range_estimator_params=ranges))
    return graphs


def groups(graphs: Mapping[str, openvino.Model]) -> list[Group]:
    """The groups of graphs of `quantized`, in the order in which they compute."""
    nodes = next(iter(graphs.values())).get_ordered_ops()
    fed = {node.get_friendly_name(): [] for node in nodes if _is_range(node)}
    for layer in nodes:
        for name in _ranges_before(layer):
            fed[name].append(layer)
    return [Group(node.get_friendly_name(),
                  tuple(layer.get_friendly_name()
                        for layer in fed[node.get_friendly_name()]),
                  sum(map(_multiplications, fed[node.get_friendly_name()]))
                  or int(np.prod(list(node.output(0).get_shape()))))
            for node in nodes if _is_range(node)]


def mixed(graph: openvino.Model, graphs: Mapping[str, openvino.Model],
          rules: Mapping[str, str]) -> openvino.Model:
    """A graph with chosen groups in eight bits and the others in float32.

    Args:
        graph: in float32.
        graphs: the same as of `quantized`.
        rules: by name of a group the rule of its range; the others are in float32.
    """
    result = next(iter(graphs.values())).clone()
    sources = {rule: _by_name(graphs[rule]) for rule in graphs} | {
        None: _by_name(graph.clone())}
    nodes = result.get_ordered_ops()
    before = {layer: _ranges_before(layer) for layer in nodes}
    for layer in nodes:
        if before[layer]:
            chosen = {rules.get(name) for name in before[layer]}
            rule = None if None in chosen else chosen.pop()
            _take_weights(layer, sources[rule][layer.get_friendly_name()])
    for node in nodes:
        if not _is_range(node):
            continue
        rule = rules.get(node.get_friendly_name())
        if rule:
            _take_constants(node, sources[rule][node.get_friendly_name()])
        else:
            for target in node.output(0).get_target_inputs():
                target.replace_source_output(node.input_value(0))
    result.validate_nodes_and_infer_types()
    return result


def count(graph: openvino.Model) -> tuple[int, int]:
    """Convolutions and matrix products, and those of them with float32 weights."""
    layers = [layer for layer in graph.get_ops() if layer.get_type_name() in WEIGHTED]
    return len(layers), sum(
        layer.input_value(1).get_node().get_type_name() == "Constant"
        for layer in layers)


def _by_name(graph):
    return {node.get_friendly_name(): node for node in graph.get_ops()}


def _is_range(node):
    return node.get_type_name() == "FakeQuantize"


def _ranges_before(layer):
    """Names of the ranges from which a weighted layer takes its values, through pooling
    and changes of shape."""
    names, waiting = set(), []
    if layer.get_type_name() in WEIGHTED:
        waiting.append(layer.input_value(0).get_node())
    while waiting:
        node = waiting.pop()
        if _is_range(node):
            names.add(node.get_friendly_name())
        elif node.get_type_name() not in WEIGHTED:
            values = node.input_values()
            waiting += [value.get_node() for value in (
                values if node.get_type_name() == "Concat" else values[:1])]
    return names


def _multiplications(layer):
    values = list(layer.output(0).get_shape())
    kernel = list(layer.input_value(1).get_shape())
    # The output's channels are in both.
    places = int(np.prod(values[2:])) if len(values) == 4 else 1
    return int(np.prod(kernel)) * places


def _take_weights(layer: Any, source: Any) -> None:
    """Weights and bias of the same layer of another graph."""
    layer.input(1).replace_source_output(source.input_value(1))
    pairs = zip(layer.output(0).get_target_inputs(),
                source.output(0).get_target_inputs(), strict=False)
    for ours, theirs in pairs:
        if ours.get_node().get_type_name() == "Add":
            _take_constants(ours.get_node(), theirs.get_node())


def _take_constants(node: Any, source: Any) -> None:
    """The constants among the inputs of the same node of another graph."""
    for target, value in zip(node.inputs(), source.input_values(), strict=True):
        if value.get_node().get_type_name() == "Constant":
            target.replace_source_output(value)
