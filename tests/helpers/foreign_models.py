"""Small model files as other programs write them, for the tests of reading them."""

import h5py
import keras
import numpy as np
from keras import layers

SHAPE = (9, 7, 1)


def network(*stack, shape=SHAPE, seed=3):
    """A network of layers in a row with random weights, batch statistics too."""
    keras.utils.set_random_seed(seed)
    image = x = keras.Input(shape, name="image")
    for layer in stack:
        x = layer(x)
    model = keras.Model(image, x)
    random = np.random.default_rng(seed)
    model.set_weights([random.uniform(0.1, 1.0, weight.shape) - 0.5 * (weight.ndim > 1)
                       for weight in model.get_weights()])
    return model


def save(model, path, *, version="2.13.1", backend="tensorflow"):
    """Saves with Keras itself and puts the mark of another Keras on the file."""
    hdf5 = path.with_name(f"{path.stem}-written.h5")
    model.save(hdf5)
    with h5py.File(hdf5, "a") as file:
        for group in (file, file["model_weights"]):
            for key, value in (("keras_version", version), ("backend", backend)):
                del group.attrs[key]
                if value:
                    group.attrs[key] = value
    return hdf5.rename(path)


def turn_kernels(path):
    """Turns all kernels but depthwise ones by 180 degrees, as Theano stores them."""
    def turn(name, dataset):
        if isinstance(dataset, h5py.Dataset) and dataset.ndim == 4 and \
                "depthwise" not in name:
            dataset[...] = dataset[()][::-1, ::-1]
    with h5py.File(path, "a") as file:
        file["model_weights"].visititems(turn)


def images(count=2, shape=SHAPE, seed=5):
    """Network inputs of about -3 to 3, float32 `(count, *shape)`."""
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype("float32")


def classifier_top(units=2, activation="softmax"):
    """The layers of a head."""
    return layers.GlobalAveragePooling2D(), layers.Dense(units, activation=activation)
