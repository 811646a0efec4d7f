import json
import pathlib

import golden_models
import h5py
import keras
import numpy as np
import pytest

from end2end import checkpoints, config, files, models

GOLDEN = pathlib.Path(__file__).parent / "golden"
STORED = sorted(path.name.removesuffix(".h5.gz")
                for path in golden_models.GOLDEN.glob("*.h5.gz"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def stored(folder):
    """The original's files, unpacked once: `{name: path}`."""
    return {name: golden_models.unpacked(
        golden_models.GOLDEN / f"{name}.h5.gz", folder) for name in STORED}


@pytest.mark.parametrize("name", STORED)
def test_a_file_of_keras_2_0_8_gives_the_originals_predictions(stored, name):
    base, kind = name.rsplit(".", 1)
    golden = golden_models.case(base)
    model = checkpoints.load_model(stored[name])
    arrays = golden_models.inputs(
        base, {"image": "images", "patch": "patches"}[kind],
        model.input_shape[-1])
    expected = golden[f"{kind}_predictions"]
    np.testing.assert_allclose(
        model.predict_on_batch(arrays), expected, atol=1e-5)
    if kind == "image":
        flips = [arrays, arrays[:, :, ::-1], arrays[:, ::-1], arrays[:, ::-1, ::-1]]
        average = np.mean([model.predict_on_batch(flip) for flip in flips], axis=0)
        np.testing.assert_allclose(
            average, golden["flip_averaged_predictions"], atol=1e-5)


def test_the_gradients_of_a_training_step_are_the_originals(folder):
    import tensorflow as tf
    path = golden_models.unpacked(GOLDEN / "training" / "initial.h5.gz", folder)
    expected = json.loads((GOLDEN / "training" / "gradients.json").read_text())
    with np.load(GOLDEN / "training" / "inputs.npz") as arrays:
        images, labels = arrays["x"][:4].astype("float32"), arrays["y"][:4]
    model = checkpoints.load_model(path)
    with tf.GradientTape() as tape:
        probabilities = model(images, training=True)
        losses = keras.losses.categorical_crossentropy(
            labels.astype("float32"), probabilities)
        loss = tf.reduce_mean(losses * [1.0, 2.0, 1.0, 2.0]) + sum(model.losses)
    norms = {
        f"{variable.path}:0": float(tf.norm(gradient)) for variable, gradient in zip(
            model.trainable_variables,
            tape.gradient(loss, [v.value for v in model.trainable_variables]),
            strict=True)}
    assert float(loss) == pytest.approx(expected["loss"], rel=1e-4)
    for weight in expected["weights"]:
        # A bias before a batch normalisation has no gradient but rounding.
        if weight["gradient_norm"] > 1e-2:
            assert norms[weight["name"]] == pytest.approx(
                weight["gradient_norm"], rel=0.02), weight["name"]
