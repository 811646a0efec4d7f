import foreign_models
import keras
import numpy as np
import pytest
import recorded

from end2end import checkpoints
from end2end.model_files import network_build, network_config, operations
from end2end.utils import files


@pytest.mark.parametrize(("kind", "settings", "side"), [
    ("Dense", dict(units=4), 5),
    ("Dense", dict(units=4, use_bias=False), 5),
    ("Conv2D", dict(filters=6, kernel_size=[2, 3], groups=2), 4),
    ("Conv2DTranspose", dict(filters=6, kernel_size=[2, 3]), 4),
    ("DepthwiseConv2D", dict(kernel_size=[2, 3], depth_multiplier=2), 4),
    ("SeparableConv2D", dict(filters=5, kernel_size=[2, 3], depth_multiplier=2), 4),
    ("BatchNormalization", dict(scale=False), 4),
    ("LayerNormalization", dict(center=False), 4),
    ("PReLU", dict(shared_axes=[1, 2]), 4)])
def test_shapes_are_those_of_the_weights_that_keras_makes(kind, settings, side):
    shape = (None, 7, 9, side)
    layer = getattr(keras.layers, kind)(**settings)
    layer.build(shape)
    assert network_build.declared_shapes(kind, settings, shape) == \
        network_build.expected_shapes(layer)


def test_a_layer_without_weights_has_no_shapes():
    assert network_build.declared_shapes("Flatten", {}, (None, 7, 9, 3)) == {}
    # Of no known channels none are there.
    assert network_build.declared_shapes(
        "Conv2D", dict(filters=2, groups=None), (None, 7, 9, None)) == dict(
            kernel=(1, 1, 0, 2), bias=(2,))
    assert network_build.declared_shapes(
        "Conv2D", dict(filters=2, groups=0), (None, 7, 9, 5)) == dict(
            kernel=(1, 1, 5, 2), bias=(2,))


def test_a_kernel_is_turned_by_180_degrees_within_its_rows_and_columns():
    kernel = np.arange(12).reshape(2, 3, 2, 1)
    assert network_build.turned(kernel)[..., 0, 0].tolist() == [
        [10, 8, 6], [4, 2, 0]]


@pytest.mark.parametrize(("axis", "across"), [
    (0, True), (-2, True), ([1, 0], True), (1, False), (-1, False), ([1], False),
    (None, False), (False, False)])
def test_the_axis_of_the_batch_is_known_from_either_end(axis, across):
    assert network_build._across_images(axis, 2) == across


def test_a_layer_that_computes_across_the_batch_is_refused(tmp_path):
    path = foreign_models.save(foreign_models.network(
        *foreign_models.classifier_top(2, "linear"), keras.layers.Softmax(axis=0)),
        tmp_path / "a.h5")
    with pytest.raises(files.InputError, match="across the images of a batch"):
        checkpoints.load_model(path)


def test_shapes_of_all_kinds_are_as_recorded():
    shape = (None, 7, 9, 6)
    settings = [dict(units=4), dict(filters=6, kernel_size=[2, 3], groups=2),
                dict(filters=5, kernel_size=3, use_bias=False, depth_multiplier=2),
                dict(axis=[1, -1], scale=False, shared_axes=[2]),
                dict(axis=1, center=False, mean=[1.0]), dict(axis=None)]
    rows = []
    for kind in network_build._SHAPES:
        for number, chosen in enumerate(settings):
            try:
                shapes = network_build.declared_shapes(kind, chosen, shape)
            except TypeError:  # it has no axis
                continue
            rows.append(f"{kind} {number}: {shapes}")
    recorded.check("model-shapes", "\n".join(rows))


class Arrays:
    """Weights that are as the network asks for, or of one layer as they are said."""

    def __init__(self, **arrays):
        self.arrays, self.checked, self.asked = arrays, [], []

    def check(self, path, shapes):
        self.checked.append((path, shapes))

    def read(self, path, shapes):
        self.asked.append((path, shapes))
        return [self.arrays.get(role, np.full(shape, 2.0))
                for role, shape in shapes.items()]

    def check_all_taken(self):
        pass


def described(*rows, inputs=(("in", 0, 0),), shape=(4, 3, 2)):
    return network_config.Network("net", [
        network_config.Row("in", "InputLayer", shape, [[]]), *rows], list(inputs),
        [(rows[-1].name, 0, 0)])


def row(kind, name, settings, *calls, **words):
    return network_config.Row(name, kind, settings, [[
        (before, 0, 0) for before in call] for call in calls], **words)


def test_a_factor_for_each_channel_is_a_kernel_of_one_pixel():
    factors = np.array([3.0, 5.0], np.float32)
    weights = Arrays(gamma=factors)
    model = network_build.build(described(
        row("LayerScale", "scale", {}, ["in"])), weights, "here")
    image = np.arange(24, dtype=np.float32).reshape(1, 4, 3, 2)
    np.testing.assert_allclose(model(image), image * factors)
    assert [model.name, *(layer.name for layer in model.layers)] == [
        "net", "in", "scale"]
    assert weights.asked == [(("scale",), {"gamma": (2,)})]


def test_a_turned_kernel_is_turned_back_and_its_bias_stays():
    kernel = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2, 1)
    weights = Arrays(kernel=kernel, bias=np.array([7.0]))
    model = network_build.build(described(row(
        "Conv2D", "conv", dict(filters=1, kernel_size=(2, 3)), ["in"], turned=True)),
        weights, "here")
    stored, bias = model.get_layer("conv").get_weights()
    np.testing.assert_array_equal(stored, kernel[::-1, ::-1])
    assert bias.tolist() == [7] and weights.checked == [
        (("conv",), {"kernel": (2, 3, 2, 1), "bias": (1,)})]


def test_a_normalization_takes_its_mean_and_variance_from_the_file():
    weights = Arrays(mean=np.float32([3, 5]), variance=np.float32([4, 16]),
                     count=np.int64(7))
    model = network_build.build(described(
        row("Normalization", "norm", dict(axis=-1), ["in"])), weights, "here")
    image = np.arange(24, dtype=np.float32).reshape(1, 4, 3, 2)
    np.testing.assert_allclose(model(image), (image - [3, 5]) / [2, 4], rtol=1e-6)


@pytest.mark.parametrize(("rows", "words"), [
    ([row("Softmax", "soft", dict(axis=0), ["in"])],
     "^here: layer 'soft' computes across the images of a batch, so that a score would "
     "depend on the images beside it"),
    ([row("Softmax", "soft", dict(axis=0), ["in"], stored_name="in/file")],
     "^here: layer 'in/file' computes across the images of a batch"),
    ([row("Softmax", "soft", dict(axis=0), ["in"], stored_name=None)],
     "^here: layer 'soft' computes across the images of a batch"),
    ([row("Conv2D", "a", dict(filters=1, kernel_size=(9, 9)), ["in"],
          stored_name="in/file")], r"^here: layer 'in/file' cannot be built "),
    ([row("ReLU", "a", {}, ["b"]), row("ReLU", "b", {}, ["a"])],
     "^here: it has a circle at layer .\\(.a., 0\\).; the file"),
    ([row("ReLU", "a", {}, ["none"])], "it has a gap at layer 'none'"),
    ([row("ReLU", "b", {}, ["in"]), network_config.Row("a", "ReLU", {}, [[
        ("b", 1, 0)]])], "it has a gap at layer 'b'"),
    ([network_config.Row("a", "ReLU", {}, [[("in", 1, 0)]])],
     "it has a gap at layer 'in'"),
    ([network_config.Row("a", "ReLU", {}, [[("in", 0, 1)]])],
     "output 1 of layer 'in' is taken, which is not there"),
    ([row("Dense", "flat", dict(units=2), ["in"]),
      row("GlobalAveragePooling2D", "mean", {}, ["in"]),
      row("Add", "sum", {}, ["flat", "mean"], stored_kind=next(iter(
          operations.CLASSES)))],
     "layer 'sum' computes with arrays of different numbers of axes"),
    ([row("Dense", "a", dict(units=1 << 30), ["in"])],
     "here has more than 1 GB of weights"),
    # Of 64 bits the number of these weights would be 0.
    ([row("Conv2D", "a", dict(filters=1 << 23, kernel_size=[1 << 20, 1 << 20],
                              use_bias=False), ["in"])],
     "here has more than 1 GB of weights"),
    ([row("Conv2D", "a", dict(filters=1, kernel_size=(9, 9)), ["in"])],
     r"^here: layer 'a' cannot be built \(.*\); it does not fit the layers before it, "
     "or needs another version of Keras")])
def test_networks_that_cannot_be_are_refused_by_their_layer(monkeypatch, rows, words):
    monkeypatch.setattr(network_build, "MOST_WEIGHTS", 1 << 30)
    with pytest.raises(files.InputError, match=words):
        network_build.build(described(*rows), Arrays(), "here")


def test_weights_of_all_layers_may_take_as_much_as_the_limit(monkeypatch):
    # Kernels of 2x3 and 3x5 and their biases, of four bytes each.
    rows = [row("Dense", "a", dict(units=3), ["in"]),
            row("Dense", "b", dict(units=5), ["a"])]
    monkeypatch.setattr(network_build, "MOST_WEIGHTS", 4 * (9 + 20))
    network_build.build(described(*rows), Arrays(), "here")
    monkeypatch.setattr(network_build, "MOST_WEIGHTS", 4 * (9 + 20) - 1)
    with pytest.raises(files.InputError, match="^here has more than 0 GB of weights"):
        network_build.build(described(*rows), Arrays(), "here")


def test_the_reason_of_keras_is_one_line_without_colours_and_not_long():
    assert network_build.reason(ValueError("\x1b[1ma\x1b[0m \n b" + "c" * 300)) == (
        "a b" + "c" * 197)
