"""Arithmetic between layers is built of layers that compute the same."""

import json

import deformed
import foreign_models
import h5py
import keras
import numpy as np
import pytest
import recorded
from keras import layers, ops

from end2end import checkpoints
from end2end.model_files import network_config, operations
from end2end.utils import files

END = ["conv", 0, 0]


def written(path, entry):
    """A network whose layer `op` is replaced by an entry; and what it gives without."""
    model = foreign_models.network(
        layers.Conv2D(4, 3, name="conv"), layers.Activation("linear", name="op"),
        *foreign_models.classifier_top())
    foreign_models.save(model, path)
    with h5py.File(path, "a") as file:
        description = json.loads(file.attrs["model_config"])
        described = description["config"]["layers"]
        for layer in described:
            # In the words of Keras 2, which wrote these functions.
            name = layer["config"]["name"]
            before = described[described.index(layer) - 1]["config"]["name"]
            layer["inbound_nodes"] = [] if layer["class_name"] == "InputLayer" else [
                [[before, 0, 0, {}]]]
            if name == "op":
                layer.clear()
                layer.update(entry)
        file.attrs["model_config"] = json.dumps(description)
    return model, path


def function(name, *operands, **arguments):
    """An entry as tf.keras writes it."""
    first, *second = operands
    start = first if isinstance(first, list) else ["_CONSTANT_VALUE", -1, first]
    extra = {"y": second[0]} if second else {}
    return {"class_name": "TFOpLambda", "name": "op",
            "config": {"name": "op", "function": name},
            "inbound_nodes": [[*start, {**extra, **arguments, "name": None}]]}


def expected(model, compute):
    x = model.get_layer("conv").output
    x = compute(x)
    for layer in model.layers[3:]:
        x = layer(x)
    return keras.Model(model.inputs, x)


CASES = [
    ("__operators__.add", (END, 3.0), lambda x: x + 3.0),
    ("math.subtract", (END, 3), lambda x: x - 3.0),
    ("math.subtract", (1.0, END), lambda x: 1.0 - x),
    ("math.multiply", (END, 0.1), lambda x: x * 0.1),
    ("math.truediv", (END, 127.5), lambda x: x / 127.5),
    ("__operators__.add", (END, END), lambda x: x + x),
    ("math.multiply", (END, END), lambda x: x * x),
    ("nn.relu6", (END,), lambda x: ops.relu6(x)),
    ("math.sigmoid", (END,), lambda x: ops.sigmoid(x))]


@pytest.mark.parametrize("name,operands,compute", CASES)
def test_a_function_of_tensorflow_computes_what_it_did(
        tmp_path, name, operands, compute):
    model, path = written(tmp_path / "m.h5", function(name, *operands))
    images = foreign_models.images()
    np.testing.assert_allclose(
        checkpoints.load_model(path).predict(images, verbose=0),
        expected(model, compute).predict(images, verbose=0), atol=1e-6)


@pytest.mark.parametrize("name", ["m.h5", "m.keras"])
def test_operations_of_keras_3_compute_what_they_did(tmp_path, name):
    image = keras.Input((9, 7, 3))
    left, right = layers.Conv2D(4, 3)(image), layers.Conv2D(4, 3)(image)
    x = 1.0 - (left * 0.5 + right) / 3.0
    x = ops.mean(ops.maximum(x, left * right), axis=[1, 2])
    model = keras.Model(image, layers.Dense(2, activation="softmax")(x))
    model.save(tmp_path / name)
    images = foreign_models.images(shape=(9, 7, 3))
    np.testing.assert_allclose(
        checkpoints.load_model(tmp_path / name).predict(images, verbose=0),
        model.predict(images, verbose=0), atol=1e-6)


@pytest.mark.parametrize("entry", [
    function("math.pow", END, 2.0), function("io.read_file", END),
    function("math.reduce_mean", END, axis=[0]), function("math.truediv", 1.0, END),
    function("math.multiply", END, True), function("math.truediv", END, 0.0),
    function("math.multiply", END, "x"), function("nn.softmax", END, axis=1)])
def test_any_other_function_is_refused(tmp_path, entry):
    _, path = written(tmp_path / "m.h5", entry)
    with pytest.raises(files.InputError, match="'op'"):
        checkpoints.load_model(path)


def test_of_long_names_of_functions_the_beginning_is_said():
    entry = dict(function("f" * 61, END), class_name="TFOpLambda")
    with pytest.raises(files.InputError, match=(
            f"^here .TFOpLambda. computes '{'f' * 60}' between the layers, which no ")):
        operations.layer(entry, "here")
    entry = dict(class_name="C" * 61, config={}, inbound_nodes=[dict(args=[])])
    with pytest.raises(files.InputError, match=f"^here .{'C' * 60}. computes 'c"):
        operations.layer(entry, "here")


def test_arrays_of_different_numbers_of_axes_are_refused(tmp_path):
    image = keras.Input((9, 7, 3))
    x = layers.Conv2D(3, 1)(image)
    x = x + layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    model.save(tmp_path / "m.keras")
    with pytest.raises(files.InputError, match="numbers of axes"):
        checkpoints.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("kind", ["SlicingOpLambda", "TensorFlowOpLayer"])
def test_other_kinds_of_functions_are_refused_by_name(tmp_path, kind):
    _, path = written(tmp_path / "m.h5", function("x", END) | {"class_name": kind})
    with pytest.raises(files.InputError, match=kind):
        checkpoints.load_model(path)


def test_a_thresholded_relu_keeps_what_exceeds_its_threshold(tmp_path):
    model, path = written(tmp_path / "m.h5", {
        "class_name": "ThresholdedReLU", "name": "op", "inbound_nodes": [[[*END, {}]]],
        "config": {"name": "op", "theta": 0.25}})
    images = foreign_models.images()
    np.testing.assert_allclose(
        checkpoints.load_model(path).predict(images, verbose=0),
        expected(model, lambda x: x * ops.cast(x > 0.25, "float32")).predict(
            images, verbose=0), atol=1e-6)


def tensor(name):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}


def of_tensorflow(function_name, first, **arguments):
    return {"class_name": "TFOpLambda", "name": "op", "inbound_nodes": [
        [*first, arguments]], "config": {"function": function_name}}


def of_keras(kind, *operands, **config):
    return {"class_name": kind, "module": "keras.src.ops.numpy", "name": "op",
            "config": config, "inbound_nodes": [{"args": list(operands), "kwargs": {}}]}


ENTRIES = [
    of_tensorflow("math.subtract", ["a", 0, 0], y=["b", 0, 0], name=None),
    of_tensorflow("__operators__.truediv", ["a", 0, 0], y=255.0),
    of_tensorflow("math.subtract", ["_CONSTANT_VALUE", -1, 2.0], y=["b", 0, 0]),
    of_tensorflow("math.reduce_mean", ["a", 0, 0], axis=[1, 2], keepdims=True),
    of_tensorflow("nn.softmax", ["a", 0, 0], axis=-1),
    of_keras("Add", tensor("a"), tensor("b"), name="x", dtype="float32"),
    of_keras("Multiply", tensor("a"), 0.5), of_keras("Subtract", 3, tensor("a")),
    of_keras("Divide", 3, tensor("a")), of_keras("TrueDivide", tensor("a"), 0),
    of_keras("Mean", tensor("a"), axis=[1, 2], keepdims=False),
    of_keras("Relu6", tensor("a")), of_keras("Concatenate", [tensor("a"), 3]),
    {"class_name": "SlicingOpLambda", "name": "op", "config": {},
     "inbound_nodes": [[]]}]


def test_operations_deformed_at_any_place_are_read_or_refused_as_recorded():
    def read(stored):
        return network_config._read_row(stored, network_config._Reading("m.h5"))

    rows = [deformed.record(read, entry) for entry in ENTRIES[:-1]]
    rows.append(deformed.outcome(read, ENTRIES[-1]))
    recorded.check("model-operations", "\n==\n".join(rows))


@pytest.mark.parametrize(("entry", "is_one"), [
    *((entry, True) for entry in ENTRIES), ({"class_name": "Dense"}, False),
    ({"class_name": "Mean"}, True), ({"class_name": "TensorFlowOpLayer"}, True),
    (of_keras("Add", tensor("a"), tensor("b")) | {"module": None}, True),
    (of_keras("Add", tensor("a")) | {"module": None}, False),
    (of_keras("Flip", tensor("a"), 3) | {"module": None}, False),
    ({"class_name": "Add", "inbound_nodes": [[["a", 0, 0], ["b", 0, 0]]]}, False)])
def test_functions_are_told_from_layers(entry, is_one):
    assert operations.is_operation(entry) is is_one
