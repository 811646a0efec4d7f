"""Networks of a few dozen weights and batches from arrays, for the training tests."""

import dataclasses
import types

import keras
import numpy as np
from keras import layers

from end2end.models import backbones

CLASSES = 2


def nested_network(*, dropout=0.0, weight_decay=0.01, seed=1, size=(8, 8)):
    """A nested trunk with batch normalisation, and a top of both kinds of layer."""
    keras.utils.set_random_seed(seed)
    inside = keras.Input((*size, 1))
    x = layers.Conv2D(3, 3, name="trunk_conv")(inside)
    x = layers.BatchNormalization(name="trunk_bn")(x)
    x = layers.Activation("relu", name="trunk_relu")(x)
    x = layers.Conv2D(4, 3, name="trunk_conv2")(x)
    trunk = keras.Model(inside, x, name="trunk")
    image = keras.Input((*size, 1))
    x = trunk(image)
    penalty = keras.regularizers.L2(weight_decay)
    x = layers.Conv2D(2, 1, name="top_conv", kernel_regularizer=penalty)(x)
    x = layers.BatchNormalization(name="top_bn")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="drop")(x)
    x = layers.Dense(CLASSES, activation="softmax", name="output",
                     kernel_regularizer=keras.regularizers.L2(weight_decay))(x)
    return keras.Model(image, x, name="tiny")


def flat_network(*, dropout=0.0, weight_decay=0.01, seed=1):
    """Normalisation, average and output only: for tests in which the rest is idle."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization(name="bn")(image)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="drop")(x)
    x = layers.Dense(CLASSES, activation="softmax", name="output",
                     kernel_regularizer=keras.regularizers.L2(weight_decay))(x)
    return keras.Model(image, x, name="flat")


def use_tiny_trunk(monkeypatch):
    """Makes Yaroslav's network one convolution."""
    def trunk(x):
        x = layers.Conv2D(4, 3, strides=4, padding="same", name="block1_conv1")(x)
        x = layers.BatchNormalization(name="batch_normalization_1")(x)
        return layers.Activation("relu", name="activation_1")(x)

    row = dataclasses.replace(
        backbones.BACKBONES["yaroslav"], build=trunk, features="activation_1",
        smallest=1)
    monkeypatch.setitem(backbones.BACKBONES, "yaroslav", row)


class ArrayBatches:
    """Stands in for `image_batches.ImageBatches`: arrays, in the order of the run."""

    def __init__(self, count=10, *, batch_size=4, seed=0, shift=2.0, weights=None):
        rng = np.random.default_rng(seed)
        self.labels = np.arange(count) % CLASSES
        self.images = rng.normal(
            self.labels[:, None, None, None] * shift, 1, (count, 8, 8, 1)
        ).astype(np.float32)
        self.batch_size, self.num_images, self.weights = batch_size, count, weights
        self.options = types.SimpleNamespace(height=None, size=(8, 8))
        self.asked, self.workers = [], set()

    def __len__(self):
        return -(-self.num_images // self.batch_size)

    def indices(self, b):
        start = b % len(self) * self.batch_size
        return np.arange(start, min(start + self.batch_size, self.num_images))

    def batch(self, b):
        which = self.indices(b)
        one_hot = np.eye(CLASSES, dtype=np.float32)[self.labels[which]]
        return self.images[which], one_hot, self.weights

    def batches(self, start=0, stop=None, *, workers=1):
        self.workers.add(workers)
        for b in range(start, len(self) if stop is None else stop):
            self.asked.append(b)
            yield self.batch(b)
