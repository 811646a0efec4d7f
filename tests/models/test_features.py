"""Features of chosen layers."""

import keras
import numpy as np
import pytest

from end2end import models
from end2end.utils import files


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return keras.Sequential([
        keras.Input((6, 4, 1)), keras.layers.Conv2D(3, 3, name="maps"),
        keras.layers.GlobalAveragePooling2D(name="pooled"),
        keras.layers.Dense(2, activation="softmax", name="scores")])


def test_features_are_the_values_of_the_layers_in_the_order_asked_for(network):
    x = np.random.default_rng(0).normal(size=(5, 6, 4, 1)).astype(np.float32)
    scores, maps, pooled = models.layer_features(
        network, names=["scores", "maps"], indices=[-2]).predict(x, verbose=0)
    np.testing.assert_allclose(scores, network.predict(x, verbose=0), rtol=1e-6)
    assert maps.shape == (5, 4, 2, 3)
    np.testing.assert_allclose(pooled, maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)


def test_a_single_layer_gives_a_single_array(network):
    features = models.layer_features(network, indices=[1])
    assert features.output.shape == (None, 3)
    maps = models.layer_features(network, indices=[-3])
    assert maps.output.shape == (None, 4, 2, 3)


@pytest.mark.parametrize("layers, words", [
    (dict(), "none was named"), (dict(names=["map"]), "'map'.*maps, pooled, scores"),
    (dict(indices=[3]), "none 3; .* -3 to 2"),
    (dict(indices=[-4]), "none -4; .* -3 to 2")])
def test_layers_that_do_not_exist_are_refused_with_those_that_do(
        network, layers, words):
    with pytest.raises(files.InputError, match=words):
        models.layer_features(network, **layers)
