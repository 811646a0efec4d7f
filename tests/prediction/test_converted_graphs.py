"""What is done with the graphs of OpenVINO, on a stand-in that needs no package."""

import dataclasses
import itertools
import logging
import os
import sys
import types

import keras
import numpy as np
import pytest
import recorded
import stand_in_openvino
from stand_in_openvino import Graph, Node

from end2end import config
from end2end.prediction import eight_bits, engines, integer_layers, stored_networks

OPTIONS = config.ImageOptions(size=(8, 8), channels=1)


@pytest.fixture(autouse=True)
def core(monkeypatch):
    return stand_in_openvino.install(monkeypatch)


# Which layers compute in integers ----------------------------------------------------


def network(rule):
    """Two convolutions, a sum, a grouped convolution of both and a matrix product; with
    ranges before them, by a rule, or in float32."""
    nodes = []

    def add(kind, name, *sources, shape=(), data=None):
        nodes.append(Node(kind, name, sources, shape, data))
        return nodes[-1]

    def weights(name, shape):
        constant = add("Constant", f"w {name}", shape=shape, data=f"{rule} {name}")
        return constant if rule == "float" else add(
            "Convert", f"convert {name}", constant, shape=shape)

    def ranged(name, source, shape=()):
        if rule == "float":
            return source
        limits = [add("Constant", f"{name} {end}", data=f"{rule} {name} {end}")
                  for end in ("low", "high")]
        return add("FakeQuantize", name, source, *limits, shape=shape)
    image = ranged("range 1", add("Parameter", "image"))
    first = add("Convolution", "conv 1", image, weights("conv 1", (4, 1, 3, 3)),
                shape=(1, 4, 8, 6))
    bias = add("Add", "bias 1", first, add("Constant", "b", data=f"{rule} b"))
    pooled = add("MaxPool", "pool", add("Relu", "relu", bias))
    second = add("Convolution", "conv 2", ranged("range 2", pooled),
                 weights("conv 2", (5, 4, 1, 1)), shape=(1, 5, 4, 3))
    added = add("Add", "sum", second, ranged("range 3", pooled, (1, 5, 4, 2)))
    both = add("Concat", "concat", ranged("range 4", added), ranged("range 5", second))
    grouped = add("GroupConvolution", "conv 3", both,
                  weights("conv 3", (2, 3, 1, 2, 2)), shape=(1, 6, 3, 2))
    output = add("MatMul", "dense", grouped, weights("dense", (7, 6)), shape=(1, 7))
    add("Result", "result", output)
    return Graph(nodes)


@pytest.fixture
def graphs():
    return network("float"), {rule: network(rule) for rule in ("mean", "greatest")}


def test_groups_have_their_layers_and_multiplications(graphs):
    assert [dataclasses.astuple(group) for group in integer_layers.groups(graphs[1])] \
        == [("range 1", ("conv 1",), 4 * 9 * 8 * 6), ("range 2", ("conv 2",), 20 * 12),
            ("range 3", (), 1 * 5 * 4 * 2), ("range 4", ("conv 3",), 24 * 6),
            ("range 5", ("conv 3",), 24 * 6)]


def test_layers_in_eight_bits_have_the_weights_and_ranges_of_their_rule(graphs):
    graph, by_rule = graphs
    names = [f"range {number}" for number in range(1, 6)]
    said = []
    for rules in ({}, dict.fromkeys(names, "mean"), dict.fromkeys(names, "greatest"),
                  {"range 2": "greatest"}, {"range 4": "mean"},
                  {"range 4": "mean", "range 5": "mean", "range 1": "greatest"}):
        mixed = integer_layers.mixed(graph, by_rule, rules)
        said += [str(rules), stand_in_openvino.text(mixed.nodes[-1]),
                 str(integer_layers.count(mixed))]
        assert mixed.validated == 1
    for rule, before in by_rule.items():
        assert stand_in_openvino.text(before.nodes[-1]) == stand_in_openvino.text(
            network(rule).nodes[-1])
    recorded.check("graphs-mixed", "\n".join(said))


# Compiled networks -------------------------------------------------------------------


def scores_of(image, precision):
    """Two scores that tell the image, its number of channels and the precision."""
    share = float(image.mean()) / 10
    assert image.flags.c_contiguous and image.dtype == np.float32
    move = 0 if precision == "f32" else 1e-4
    return np.array([[1 - share - move, share + move]])


def test_images_of_a_batch_come_back_in_their_order(core):
    quick = engines.Network(stand_in_openvino.image_graph(
        scores_of, shape=(1, 8, 6, 1)), "f32")
    assert (quick.channels, quick.name, quick.precision) == (1, "float32", "f32")
    assert engines.Network(stand_in_openvino.image_graph(), "bf16",
                           name="eight").name == "eight"
    inputs = np.zeros((3, 8, 6, 3), np.float64)
    inputs[..., 0] = np.array([1, 2, 3])[:, None, None]
    inputs[..., 1:] = 90
    for batch in (inputs, inputs[1:2]):
        scores = quick(batch)
        assert scores.dtype == np.float32 and scores.shape == (len(batch), 2)
        np.testing.assert_allclose(scores[:, 1], batch[:, 0, 0, 0] / 10, rtol=1e-6)
    assert quick.prepared(inputs[0]).shape == (1, 8, 6, 1)
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    assert core.compiled[0] == hint and len(core.compiled) == 3
    assert core.compiled[2] == hint | dict.fromkeys(
        ("NUM_STREAMS", "INFERENCE_NUM_THREADS"), os.cpu_count())


@pytest.mark.parametrize(("between", "changed"), [
    ((), True), (("Transpose", "Pad"), True), (("Relu",), False)])
def test_of_equal_channels_one_is_computed_where_a_convolution_takes_them(
        between, changed):
    graph = stand_in_openvino.image_graph(between=between)
    kernel = graph.nodes[-1].input_value(1).data
    engines.to_one_channel(graph)
    data = graph.nodes[-1].input_value(1).data
    if changed:
        np.testing.assert_array_equal(data, kernel.sum(axis=1)[:, None])
        assert data.shape == (2, 1, 2, 2)
    else:
        assert data is kernel
    assert list(graph.nodes[0].shape) == [1, 8, 6, 1 if changed else 3]
    assert graph.validated == changed


def test_channels_stay_where_others_take_the_image_or_the_kernel_is_computed():
    twice = stand_in_openvino.image_graph()
    twice.nodes.append(Node("Relu", "other", [twice.nodes[0]]))
    computed = stand_in_openvino.image_graph(kernel=Node("Convert", "kernel"))
    for graph in (twice, computed):
        engines.to_one_channel(graph)
        assert list(graph.nodes[0].shape) == [1, 8, 6, 3] and not graph.validated


def test_a_network_is_converted_for_one_image_of_any_size(monkeypatch, core):
    image, graph = keras.Input((None, 8, 1)), stand_in_openvino.image_graph()
    output = keras.layers.Dropout(0.5)(keras.layers.GlobalMaxPooling2D()(image))
    model = keras.Model(image, output)
    calls = []
    sys.modules["openvino"].convert_model = lambda traced: calls.append(traced) or graph
    assert engines.converted(model) is graph
    assert graph.shapes == [1, -1, 8, 1] and list(graph.nodes[0].shape)[-1] == 1
    (specification,) = calls[0].structured_input_signature[0]
    assert tuple(specification.shape) == (1, None, 8, 1)
    outputs = calls[0](np.arange(48, dtype=np.float32).reshape(1, 6, 8, 1))
    assert np.array(outputs).tolist() == [[47]]


@pytest.mark.parametrize(("capabilities", "moves", "expected"), [
    (["BF16", "FP32"], dict(bf16=1e-4), "bf16"), (["FP32"], dict(bf16=1e-4), "f32"),
    (["BF16"], dict(bf16=2e-3), "f32"), (["BF16"], dict(f32=9e-4, bf16=9e-4), "bf16"),
    (["BF16"], dict(f32=2e-3), None), (["BF16"], dict(f32=np.nan), None)])
def test_the_fastest_numbers_that_keep_the_scores_are_taken(
        core, monkeypatch, capabilities, moves, expected):
    core.capabilities = capabilities
    tried = []

    def model(image, training):
        assert training is False
        share = np.mean(image) / 1000
        return np.array([[1 - share, share]])

    def compute(image, precision):
        tried.append(precision)
        move = moves.get(precision, 0)
        return model(image, training=False) + [-move, move]
    graph = stand_in_openvino.image_graph(compute, shape=(1, 8, 8, 1))
    monkeypatch.setattr(engines, "check", lambda: None)
    monkeypatch.setattr(engines, "converted", lambda model: graph)
    monkeypatch.setattr(engines, "TRIALS", 3)
    if expected is None:
        with pytest.raises(ArithmeticError, match="more than 0.001; leave out --fast"):
            engines.fast(model, OPTIONS)
    else:
        assert engines.fast(model, OPTIONS).precision == expected
        assert len(tried) == (1 if len(capabilities) == 1 and capabilities[0] == "FP32"
                              else 7)


def test_a_stored_network_is_in_the_numbers_that_were_tried_on_this_processor(core):
    for name in ("float32.xml", "eight_bits.xml"):
        core.stored[name] = stand_in_openvino.image_graph(shape=(1, 8, 6, len(name)))
    card = dict(name="tiny", classes=["neg", "pos"], cautions=["odd"])
    for record, expected in (
            (dict(capabilities=["FP32", "BF16"]), ("bf16", "bfloat16", 11)),
            (dict(capabilities=["FP32"]), ("f32", "float32", 11)),
            (dict(capabilities=["FP32", "BF16"], eight_bits=dict(accepted=True)),
             ("f32", engines.EIGHT_BITS, 14))):
        stored = stored_networks.Stored(
            Folder(), dict(record, precision="bf16", card=card), OPTIONS)
        classifier = stored.classifier()
        network = classifier.model
        assert (network.precision, network.name, network.channels) == expected
        assert (classifier.classes, classifier.name, classifier.card) == (
            ("neg", "pos"), "tiny", card)
        assert classifier.images is OPTIONS and classifier.cautions == ("odd",)
        assert stored_networks.fast(classifier, None) is classifier
        assert stored_networks.load("none.h5", stored).name == "tiny"
    core.stored["float32.xml"] = stand_in_openvino.image_graph(scores_of)
    exact = stored_networks.exact(Folder())
    assert (exact.precision, exact.channels) == ("f32", 3)


class Folder:
    """A folder whose files are known by name."""

    def __truediv__(self, name):
        return types.SimpleNamespace(name=name)


# Eight bits --------------------------------------------------------------------------


def test_groups_that_move_the_scores_least_for_what_they_save_come_first(monkeypatch):
    """Networks are stood for by what they add to the logarithm of the odds."""
    moves = {("a", "mean"): 0.3, ("a", "greatest"): -0.2, ("b", "mean"): 0.1,
             ("b", "greatest"): 0.5, ("c", "mean"): 0.9, ("c", "greatest"): 0.8}
    operations = dict(a=100, b=10, c=2000)
    labels = np.arange(20) % 3 == 0
    inputs = [np.full((2, 3, 1), value, np.float32)
              for value in np.linspace(-3, 3, 20)]

    class Network:
        def __init__(self, graph, precision, name="float32"):
            assert precision == "f32"
            self.move, self.name = sum(graph), name

        def __call__(self, inputs):
            odds = np.stack(inputs).mean((1, 2, 3)) + self.move
            score = 1 / (1 + np.exp(-odds))
            return np.stack([1 - score, score], axis=1)
    monkeypatch.setattr(engines, "Network", Network)
    monkeypatch.setattr(integer_layers, "quantized", lambda graph, inputs: dict(
        mean="m", greatest="g"))
    monkeypatch.setattr(integer_layers, "groups", lambda graphs: [
        integer_layers.Group(name, (name,), count)
        for name, count in operations.items()])
    monkeypatch.setattr(integer_layers, "mixed", lambda graph, graphs, rules: [
        moves[item] for item in rules.items()])
    monkeypatch.setattr(integer_layers, "count", lambda graph: (3, 3 - len(graph)))
    clock = itertools.accumulate(itertools.cycle([2.0, 1.0, 0.5, 0.25]))
    monkeypatch.setattr(eight_bits.time, "perf_counter", lambda: next(clock))
    trial = eight_bits.Trial(inputs, labels.astype(int), {"plain": [0.43]})
    order = eight_bits.ranked([], dict(mean=0, greatest=0), trial, Network([], "f32"))
    # 0.64 / 2000, 0.04 / 100, 0.01 / 10.
    assert order == [("c", "greatest"), ("a", "greatest"), ("b", "mean")]
    graph, figures = eight_bits.quantized([], trial)
    # 0.7 more odds cross 0.43, 0.6 and 0.8 do so too: none stays.
    assert graph == [] and (figures.layers, figures.in_float32) == (3, 3)
    assert figures.seconds == (1.0, 0.25) and figures.move == 0
    far = dataclasses.replace(trial, thresholds={"flips": [0.99]})
    graph, figures = eight_bits.quantized([], far)
    assert graph == [0.8, -0.2, 0.1] and figures.in_float32 == 0
    assert figures.crossing == 0 and list(figures.auc) == ["flips"]
    assert figures.change == 0 and figures.move == pytest.approx(0.173, abs=2e-3)


def test_the_clock_of_turns_gives_the_median_of_each_network(monkeypatch):
    times = iter(np.cumsum([0, 5, 0, 1, *([0, 3, 0, 2] * 8)]).tolist())
    monkeypatch.setattr(eight_bits.time, "perf_counter", lambda: next(times))
    calls = []
    assert eight_bits.alternating(
        "images", lambda inputs: calls.append(inputs), len) == (3, 2)
    assert calls == ["images"] * eight_bits.TURNS


def test_each_rule_of_ranges_quantises_a_copy_of_the_graph(monkeypatch, capsys):
    calls = []

    def quantize(graph, dataset, **how):
        print("a bar of progress")
        calls.append((graph, dataset, how))
        return f"quantised {len(calls)}"
    parameters = types.SimpleNamespace(**{
        name: f"set {name}" for name in integer_layers.RULES.values()})
    estimator = types.ModuleType("nncf.quantization.range_estimator")
    estimator.RangeEstimatorParametersSet = parameters
    quantization = types.ModuleType("nncf.quantization")
    quantization.range_estimator = estimator
    nncf = types.ModuleType("nncf")
    nncf.quantize, nncf.Dataset = quantize, lambda batches: list(batches)
    nncf.QuantizationPreset = types.SimpleNamespace(MIXED="mixed")
    nncf.AdvancedQuantizationParameters = lambda **how: how
    for module in (nncf, quantization, estimator):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(engines, "Network", lambda graph, precision: (
        types.SimpleNamespace(prepared=lambda image: (precision, image + 1))))
    graph = types.SimpleNamespace(clone=lambda: "a copy")
    assert integer_layers.quantized(graph, [5, 7]) == {
        rule: f"quantised {number}"
        for number, rule in enumerate(integer_layers.RULES, 1)}
    assert calls == [("a copy", [("f32", 6), ("f32", 8)], dict(
        subset_size=2, preset="mixed", advanced_parameters=dict(
            activations_range_estimator_params=f"set {name}")))
        for name in integer_layers.RULES.values()]
    assert capsys.readouterr().out == ""
    assert logging.getLogger("nncf").level == logging.ERROR
