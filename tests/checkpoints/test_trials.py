"""A network is tried before it is used."""

import foreign_models
import keras
import pytest
from keras import layers

from end2end.checkpoints import trials
from end2end.utils import files


def test_an_ordinary_network_passes_and_one_of_open_size_too():
    trials.check(foreign_models.network(
        layers.Conv2D(8, 3), *foreign_models.classifier_top()), "m")
    trials.check(foreign_models.network(
        layers.Conv2D(8, 3), *foreign_models.classifier_top(), shape=(None, None, 1)),
        "m", (40, 30))


def test_a_small_network_that_takes_all_memory_is_refused():
    model = foreign_models.network(
        layers.UpSampling2D(3000), layers.GlobalAveragePooling2D())
    with pytest.raises(files.InputError, match="bytes of memory"):
        trials.check(model, "m")


def test_a_network_of_too_many_multiplications_is_refused():
    image = keras.Input((64, 48, 64))
    x = image
    for _ in range(12):
        x = layers.Conv2D(512, 15, padding="same", kernel_initializer="zeros")(x)
    with pytest.raises(files.InputError, match="multiplications"):
        trials.check(keras.Model(image, layers.GlobalMaxPooling2D()(x)), "m")


def test_what_cannot_be_computed_is_refused_with_the_size():
    model = foreign_models.network(
        layers.Conv2D(2, 9), *foreign_models.classifier_top(), shape=(None, None, 1))
    with pytest.raises(files.InputError, match="for an image of 5x4"):
        trials.check(model, "m", (5, 4))
