"""A whole-image classifier of a few weights, and pictures like breasts for it."""

import dataclasses

import keras
import numpy as np
from keras import layers

from end2end import checkpoints, config

SIZE = (32, 24)


def save(path, seed=3, **card):
    """Saves the classifier with its settings; returns `path`."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((*SIZE, 1))
    x = layers.Conv2D(4, 5, strides=2, activation="relu", name="conv")(image)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(2, activation="softmax", name="output")(x)
    options = config.ImageOptions(
        size=SIZE, channels=1, intensity_scale=0.003891, pixel_mean=40.0)
    checkpoints.save_model(keras.Model(image, x), path, dict(
        format=1, kind="whole_image", classes=["neg", "pos"], model={}, training={},
        images=dataclasses.asdict(options), trained_on="random weights, no data",
        metrics={}) | card)
    return path


def picture(seed, dtype=np.uint16):
    """A bright breast on a dark background, with grain."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:80, :60] / 60
    breast = np.exp(-((rows - 0.7) ** 2 + columns**2) * (2 + seed % 5))
    grey = breast * 0.8 + rng.random((80, 60)) * 0.1
    return (grey * np.iinfo(dtype).max).astype(dtype)
