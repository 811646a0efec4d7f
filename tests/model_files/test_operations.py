"""Arithmetic between layers is built of layers that compute the same."""

import json

import foreign_models
import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from end2end import checkpoints
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
