"""Graphs with some layers in eight bits: what is in which numbers."""

import numpy as np
import pytest

from end2end.prediction import engines, integer_layers

for package in ("openvino", "nncf"):
    pytest.importorskip(package, reason="needs the extra fast")


@pytest.fixture(scope="module")
def graphs():
    """A graph of three layers in float32, and in eight bits by rule."""
    import keras

    keras.utils.set_random_seed(1)
    image = keras.Input((8, 6, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu", padding="same")(image)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Conv2D(5, 1, activation="relu", bias_initializer="ones")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    graph = engines.converted(keras.Model(
        image, keras.layers.Dense(2, activation="softmax")(x)))
    rng = np.random.default_rng(2)
    inputs = [rng.normal(size=(8, 6, 1)).astype(np.float32) * scale
              for scale in (1, 1, 1, 9)]
    return graph, integer_layers.quantized(graph, inputs), inputs


def outputs(graph, inputs):
    network = engines.Network(graph, "f32")
    return np.concatenate([network(image[None]) for image in inputs])


def test_groups_are_in_order_with_their_multiplications(graphs):
    groups = integer_layers.groups(graphs[1])
    assert [(len(group.layers), group.operations) for group in groups
            if group.layers] == [(1, 8 * 6 * 9 * 4), (1, 4 * 3 * 4 * 5), (1, 5 * 2)]


def test_a_layer_of_joined_maps_takes_its_values_from_the_ranges_of_all():
    import keras

    image = keras.Input((8, 6, 1))
    maps = [keras.layers.MaxPooling2D()(keras.layers.Conv2D(
        count, 3, activation="relu", padding="same")(image)) for count in (4, 3)]
    x = keras.layers.Conv2D(5, 1, activation="relu")(keras.layers.Concatenate()(maps))
    graph = engines.converted(keras.Model(
        image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))))
    groups = integer_layers.groups(integer_layers.quantized(
        graph, [np.full((8, 6, 1), value, np.float32) for value in (0.5, 1)]))
    assert [len(group.layers) for group in groups if group.layers] == [2, 1, 1, 1]
    joined = [group.layers for group in groups if len(group.layers) == 1][:2]
    assert joined[0] == joined[1]


def test_without_a_group_the_graph_is_that_of_float32(graphs):
    graph, by_rule, inputs = graphs
    mixed = integer_layers.mixed(graph, by_rule, {})
    assert integer_layers.count(mixed) == (3, 3)
    np.testing.assert_array_equal(outputs(mixed, inputs), outputs(graph, inputs))


@pytest.mark.parametrize("rule", integer_layers.RULES)
def test_with_all_groups_by_a_rule_it_is_the_quantised_graph(graphs, rule):
    graph, by_rule, inputs = graphs
    mixed = integer_layers.mixed(graph, by_rule, {
        group.name: rule for group in integer_layers.groups(by_rule)})
    assert integer_layers.count(mixed) == (3, 0)
    np.testing.assert_array_equal(
        outputs(mixed, inputs), outputs(by_rule[rule], inputs))
    assert np.abs(outputs(mixed, inputs) - outputs(graph, inputs)).max() > 0


def test_one_group_leaves_the_other_layers_in_float32(graphs):
    graph, by_rule, inputs = graphs
    middle = integer_layers.groups(by_rule)[1]
    mixed = integer_layers.mixed(graph, by_rule, {middle.name: "greatest"})
    assert integer_layers.count(mixed) == (3, 2)
    assert 0 < np.abs(outputs(mixed, inputs) - outputs(graph, inputs)).max() < 0.1


def test_the_greatest_value_of_all_images_is_in_the_range_of_that_rule_alone(graphs):
    tops = {rule: max(
        float(node.input_value(4).get_node().data.max())
        for node in graphs[1][rule].get_ops()
        if node.get_type_name() == "FakeQuantize") for rule in integer_layers.RULES}
    greatest = max(float(image.max()) for image in graphs[2])
    assert tops["mean"] < greatest <= tops["greatest"]
