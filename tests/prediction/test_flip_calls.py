"""The network is called for the views of an image as suits the processor."""

import types

import numpy as np
import pytest
import tiny_networks

from end2end import prediction
from end2end.prediction import flip_calls


@pytest.mark.parametrize("engine", flip_calls.VIEWS)
def test_all_ways_give_the_scores_of_one_view_after_the_other(engine, monkeypatch):
    model = tiny_networks.nested_network()
    inputs = np.random.default_rng(0).normal(
        size=(1, *model.input_shape[1:])).astype(np.float32)
    monkeypatch.setattr(flip_calls, "engine", lambda: engine)
    scores = prediction.predict_inputs(model, inputs, flips=prediction.FLIPS)
    expected = [model.predict_on_batch(np.flip(inputs, axes).copy())
                for axes in prediction.FLIPS]
    assert scores.shape == (1, 4, model.output_shape[-1])
    np.testing.assert_allclose(scores[0], np.concatenate(expected), atol=1e-6)


@pytest.mark.parametrize("asked, features, expected", [
    ("1", (), "onednn"), ("0", ("avx_vnni",), "eigen"), ("True", (), "onednn"),
    ("yes", ("avx_vnni",), "eigen"), ("", ("avx_vnni",), "eigen"),
    (None, ("avx2", "avx_vnni"), "onednn"), (None, ("avx2",), "eigen")])
def test_the_engine_is_the_one_that_tensorflow_chooses(
        asked, features, expected, monkeypatch):
    if flip_calls.engine() == "gpu":
        pytest.skip("here a GPU computes")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if asked is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", asked)
    monkeypatch.setattr(flip_calls, "processor_features", lambda: set(features))
    assert flip_calls.engine() == expected
    import tensorflow as tf
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert flip_calls.engine() == "gpu"


def test_features_are_read_from_the_list_of_linux(tmp_path):
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor : 0\nflags\t\t: fpu avx2 avx_vnni\n\nprocessor : 1\n")
    assert flip_calls.processor_features(listed) == {"fpu", "avx2", "avx_vnni"}
    assert flip_calls.processor_features(tmp_path / "none") == set()


def test_what_a_network_computes_with_is_made_before_two_threads_need_it(monkeypatch):
    calls = []

    def predict(views):
        assert calls[0] == "made"
        calls.append(len(views))
        return views.sum(axis=(1, 2))
    model = types.SimpleNamespace(
        make_predict_function=lambda: calls.append("made"), predict_on_batch=predict)
    monkeypatch.setattr(flip_calls, "engine", lambda: "onednn")
    views = [np.full((3, 2, 1), number) for number in range(5)]
    outputs = flip_calls.predict(model, views)
    assert outputs.dtype == np.float32
    assert outputs.tolist() == [[0], [6], [12], [18], [24]]
    assert calls[0] == "made" and sorted(calls[1:]) == [1, 2, 2]
