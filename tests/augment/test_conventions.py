"""The conventions: ours equals each Keras's own pictures."""

import functools
import pathlib

import keras_augmentation
import numpy as np
import pytest
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from end2end import augment
from end2end.augment import conventions

OLD_KERAS = (pathlib.Path(__file__).parents[1] / "fixtures" / "keras_augmentation"
             / "tf_keras_2_8.npz")
# Whitening divides by singular values at the limit of float32: tf.keras 2.3 and 2.8
# differ from each other by 6e-4 of at most 0.34.
TOLERANCE = {"whitened": 1e-3, "whitened-alone": 1e-3}


@functools.cache
def ours(convention):
    return keras_augmentation.results(
        functools.partial(augment.MammogramDataGenerator, convention=convention))


@functools.cache
def theirs(convention):
    if convention == "keras3":
        return keras_augmentation.results(ImageDataGenerator)
    with np.load(OLD_KERAS) as stored:
        return dict(stored)


@pytest.mark.parametrize("convention", ["keras", "keras3"])
@pytest.mark.parametrize("name", sorted(keras_augmentation.SETTINGS))
def test_seeded_flows_and_single_images_equal_those_of_keras(convention, name):
    expected = theirs(convention)
    if name not in expected:
        assert name in ("cubic", "nearest") and convention == "keras"
        return
    for kind in (name, f"{name}-alone", f"{name}-labels"):
        np.testing.assert_allclose(
            ours(convention)[kind], expected[kind], atol=TOLERANCE.get(kind, 1e-4),
            rtol=0, err_msg=kind)


def test_the_conventions_differ_where_they_say():
    shifted = augment.MammogramDataGenerator(height_shift_range=[4], convention="keras")
    swapped = augment.MammogramDataGenerator(height_shift_range=[4],
                                             convention="keras3")
    image = np.zeros((11, 9, 1), np.float32)
    image[5, 4] = 1
    rows = np.argwhere(shifted.random_transform(image, seed=1)[..., 0])
    columns = np.argwhere(swapped.random_transform(image, seed=1)[..., 0])
    assert (abs(rows - [5, 4]) == [4, 0]).all()
    assert (abs(columns - [5, 4]) == [0, 4]).all()


@pytest.mark.parametrize("name", sorted(conventions.CONVENTIONS))
def test_whitening_makes_values_uncorrelated_in_every_convention(name):
    flat = np.random.default_rng(0).normal(size=(400, 5)) @ np.triu(np.ones((5, 5)))
    flat -= flat.mean(axis=0)
    matrix = conventions.whitening(flat, 1e-9, conventions.CONVENTIONS[name])
    white = flat @ matrix
    np.testing.assert_allclose(white.T @ white / 400, np.eye(5), atol=1e-5)
    # Of fewer samples than values no more directions are known.
    few = flat[:3] - flat[:3].mean(axis=0)
    matrix = conventions.whitening(few, 1e-3, conventions.CONVENTIONS[name])
    white = few @ matrix
    assert matrix.shape == (5, 5)
    np.testing.assert_allclose(white @ white.T, 3 * np.eye(3) - 1, atol=0.02)
