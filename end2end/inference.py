"""A trained network in the fastest form that keeps its scores.

    quick = inference.fast(model)
    scores = quick(inputs)                  # as model.predict_on_batch(inputs)

The graph of the network goes to OpenVINO, which folds batch normalisation and
activations into the convolutions and lays the arrays out for the processor's vector
units. It computes in float32. Eight-bit arithmetic is twice as fast again where
processors have no half precision, but moves scores by as much as 0.3.
"""

import importlib.util
import tempfile

import numpy as np

from end2end import files

# Above this a converted network is not the network that was trained.
TOLERANCE = 1e-3


def check():
    """Raises files.InputError unless the package that does the work is installed."""
    if importlib.util.find_spec("openvino") is None:
        raise files.InputError(
            "fast inference needs the package openvino; install it: pip install "
            "'end2end[fast]', or leave out --fast.")


def fast(model):
    """Converts a network to OpenVINO, and compares the two on one random input.

    Args:
        model: `keras.Model` with one input.

    Returns:
        a function from float32 `(n, height, width, channels)` to float32 scores, as
        `model.predict_on_batch`.

    Raises:
        files.InputError: OpenVINO is not installed.
        ArithmeticError: its scores differ by more than `TOLERANCE`.
    """
    check()
    import openvino

    from end2end import models

    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        network = openvino.Core().compile_model(
            openvino.convert_model(folder), "CPU",
            {"INFERENCE_PRECISION_HINT": "f32"})

    def scores(inputs):
        # One by one, since larger batches are slower and the memory stays.
        return np.concatenate([
            np.array(network(inputs[k:k + 1])[0], np.float32)
            for k in range(len(inputs))])

    tried = models.random_input(model)[0][:1]
    expected = np.asarray(model.predict_on_batch(tried))
    difference = float(np.abs(scores(tried) - expected).max())
    if not difference <= TOLERANCE:
        raise ArithmeticError(
            f"OpenVINO's scores differ from Keras's by {difference:.2g}, more than "
            f"{TOLERANCE}; leave out --fast.")
    return scores
