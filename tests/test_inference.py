"""Networks converted to their fastest form."""

import numpy as np
import pytest
import tiny_networks

from end2end import files, inference, prediction


def test_a_converted_network_gives_the_scores_of_keras():
    pytest.importorskip("openvino")
    model = tiny_networks.nested_network()
    inputs = np.random.default_rng(0).normal(
        size=(3, *model.input_shape[1:])).astype(np.float32)
    quick = inference.fast(model)
    expected = prediction.predict_inputs(model, inputs, flips=prediction.FLIPS)
    scores = prediction.predict_inputs(quick, inputs, flips=prediction.FLIPS)
    assert scores.shape == expected.shape
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_without_the_package_the_reader_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(files.InputError, match="pip install"):
        inference.check()
