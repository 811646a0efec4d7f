"""Graphs and networks that are called as OpenVINO's are, for tests without it.

The package has 50 MB and is an extra. What this project does with its graphs is to walk
along them and to put one source in the place of another: for that a node needs a kind,
a name and its inputs. Nothing is computed here but what `Graph.compute` says.
"""

import copy
import sys
import types

import numpy as np


class Shape(list):
    """Lengths, of which one alone can be asked for, as of a partial shape."""

    def __getitem__(self, number):
        part = super().__getitem__(number)
        return part if isinstance(number, slice) else types.SimpleNamespace(
            get_length=lambda: part)


class Node:
    """A node with one output.

    Args:
        kind: such as `Convolution`.
        name: of the node.
        sources: nodes that it takes.
        shape: of its output.
        data: of a constant.
    """

    def __init__(self, kind, name, sources=(), shape=(), data=None):
        self.kind, self.name, self.data = kind, name, data
        self.shape, self.users = Shape(shape), []
        self.places = [_Input(self, source) for source in sources]

    def get_type_name(self):
        return self.kind

    def get_friendly_name(self):
        return self.name

    def get_node(self):
        return self

    def get_shape(self):
        return list(self.shape)

    get_partial_shape = property(lambda self: lambda: self.shape)

    def set_partial_shape(self, shape):
        self.shape = Shape(shape)

    def output(self, number):
        assert number == 0
        return self

    def get_target_inputs(self):
        return list(self.users)

    def input(self, number):
        return self.places[number]

    def inputs(self):
        return self.places

    def input_value(self, number):
        return self.places[number].source

    def input_values(self):
        return [place.source for place in self.places]


class _Input:
    def __init__(self, node, source):
        self.node, self.source = node, source
        source.users.append(self)

    def get_node(self):
        return self.node

    def replace_source_output(self, source):
        self.source.users.remove(self)
        self.source = source
        source.users.append(self)


class Graph:
    """Nodes in the order in which they compute.

    Args:
        nodes: `Node` objects.
        compute: (batch of one image) to scores `(1, classes)`.
    """

    def __init__(self, nodes, compute=None):
        self.nodes, self.compute, self.validated, self.shapes = nodes, compute, 0, None

    def clone(self):
        return copy.deepcopy(self)

    def get_ordered_ops(self):
        return list(self.nodes)

    def get_ops(self):
        return self.nodes[::-1]

    def get_parameters(self):
        return [node for node in self.nodes if node.kind == "Parameter"]

    def validate_nodes_and_infer_types(self):
        self.validated += 1

    def reshape(self, shapes):
        self.shapes = shapes


def text(node):
    """A node with all that it takes, in words."""
    taken = ", ".join(map(text, node.input_values()))
    return f"{node.data or node.name}" + (f"({taken})" if taken else "")


class Core:
    """Compiles graphs into calls of their `compute`; notes the settings."""

    capabilities, compiled, stored = ["FP32", "BF16"], [], {}

    def get_property(self, device, name):
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self.capabilities

    def compile_model(self, graph, device, settings):
        assert device == "CPU"
        self.compiled.append(dict(settings))
        precision = settings["INFERENCE_PRECISION_HINT"]
        return lambda image: [graph.compute(image, precision)]

    def read_model(self, path):
        return self.stored[path.name]


class AsyncInferQueue:
    """Answers when it is waited for, the last first."""

    def __init__(self, call, count):
        self.call, self.count, self.waiting = call, count, []

    def set_callback(self, callback):
        self.callback = callback

    def start_async(self, inputs, number):
        (image,) = inputs
        self.waiting.append((image.copy(), number))

    def wait_all(self):
        while self.waiting:
            image, number = self.waiting.pop()
            self.callback(_Request(self.call(image)), number)


class _Request:
    def __init__(self, outputs):
        self.outputs = outputs

    def get_output_tensor(self, place):
        return types.SimpleNamespace(data=self.outputs[place])


def install(monkeypatch):
    """Puts the stand-in in the place of the package; returns its `Core`."""
    core = type("Core", (Core,), dict(compiled=[], stored={}))
    module = types.SimpleNamespace(
        Core=core, AsyncInferQueue=AsyncInferQueue, PartialShape=Shape,
        opset13=types.SimpleNamespace(
            constant=lambda data: Node("Constant", "summed", data=data)))
    monkeypatch.setitem(sys.modules, "openvino", module)
    return core


def image_graph(compute=None, shape=(1, 8, 6, 3), between=(), kernel=None):
    """A graph that begins with a convolution over an image."""
    image = layer = Node("Parameter", "image", shape=shape)
    nodes = [image]
    for kind in between:
        layer = Node(kind, kind.lower(), [layer])
        nodes.append(layer)
    kernel = kernel or Node("Constant", "kernel", data=np.arange(
        2 * 3 * 4).reshape(2, 3, 2, 2).astype(np.float32))
    return Graph([*nodes, kernel, Node("Convolution", "first", [layer, kernel])],
                 compute)
