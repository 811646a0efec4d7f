"""Writes small model files with whatever Keras is installed, for tests/golden/ages.

Run it with the Python of an old environment and zip the folder that it writes:

    python tests/helpers/make_model_files.py ages keras-2.0.8
    python tests/helpers/make_model_files.py ages tf-2.15 --tf

It runs on Python 3.6 to 3.12 and imports nothing of this project. Each folder gets the
same networks in the file kinds of that age, and `expected.npz` with an input and their
outputs.
"""

import json
import os
import sys

import numpy as np

if "--tf" in sys.argv:
    import tensorflow as tf
    keras = tf.keras
else:
    import keras
layers = keras.layers
VERSION = getattr(keras, "__version__", None) or tf.__version__


def trunk_and_patch():
    """A small trunk with what real ones have, and a patch classifier on it."""
    image = layers.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv1")(image)
    x = layers.BatchNormalization(name="bn_conv1")(x)
    x = layers.Activation("relu", name="activation_1")(x)
    y = layers.Conv2D(4, 1, name="res2a_branch2a")(x)
    y = layers.BatchNormalization(name="bn2a_branch2a", scale=False)(y)
    y = layers.SeparableConv2D(
        4, 3, padding="same", use_bias=False, name="separable")(y)
    x = layers.add([x, y], name="add_1")
    x = layers.Activation("relu", name="activation_2")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    y = layers.GlobalAveragePooling2D(name="average")(x)
    y = layers.Dropout(0.5, name="dropout_1")(y)
    y = layers.Dense(5, activation="softmax", name="dense_1")(y)
    trunk = keras.models.Model(image, x)
    # As after patch training that ended in its first or second stage.
    trunk.get_layer("bn_conv1").trainable = False
    trunk.get_layer("conv1").trainable = False
    return trunk, keras.models.Model(image, y)


def whole_image(trunk):
    """A nested trunk, a convolution, two dense outputs added."""
    image = layers.Input((24, 16, 3))
    x = trunk(image)
    x = layers.Conv2D(6, 3, padding="same", activation="relu",
                      kernel_regularizer=keras.regularizers.l2(0.001))(x)
    x = layers.BatchNormalization()(x)
    flat = layers.Flatten()(x)
    a = layers.Dense(2)(layers.Dropout(0.25)(flat))
    b = layers.Dense(2)(flat)
    x = layers.Activation("softmax")(layers.add([a, b]))
    return keras.models.Model(image, x)


def sequential():
    """Layers in a row, without a nested network."""
    return keras.models.Sequential([
        layers.Conv2D(4, 3, input_shape=(24, 16, 3), activation="relu"),
        layers.MaxPooling2D(2), layers.Flatten(),
        layers.Dense(2, activation="softmax")])


def drawn(random, shape):
    """Weights of reasonable size; vectors are positive, as variances must be."""
    if len(shape) == 1:
        return random.uniform(0.5, 1.5, shape).astype("float32")
    return (random.randn(*shape) / np.sqrt(np.prod(shape[:-1]))).astype("float32")


def main(folder, age):
    """Writes the files and what they compute."""
    folder = os.path.join(folder, age)
    os.makedirs(folder)
    trunk, patch = trunk_and_patch()
    models = {"patch": patch, "whole": whole_image(trunk), "row": sequential()}
    random = np.random.RandomState(3)
    image = random.randn(2, 24, 16, 3).astype("float32")
    expected = {"input": image}
    modern = VERSION.startswith("3")
    for name, model in models.items():
        model.set_weights([drawn(random, weight.shape)
                           for weight in model.get_weights()])
        model.compile("adam", "categorical_crossentropy")
        model.train_on_batch(image[:, :24], np.eye(model.output_shape[-1])[[0, 1]])
        expected[name] = model.predict(image)
        model.save(os.path.join(folder, name + ".h5"))
        if name == "whole":
            model.save(os.path.join(folder, "plain.h5"), include_optimizer=False)
            ending = ".weights.h5" if modern else "_weights.h5"
            model.save_weights(os.path.join(folder, "only" + ending))
        if modern or "tf-2.15" in age:
            model.save(os.path.join(folder, name + ".keras"))
    np.savez(os.path.join(folder, "expected.npz"), **expected)
    with open(os.path.join(folder, "version.json"), "w") as stream:
        json.dump({"keras": VERSION, "python": sys.version.split()[0]}, stream)


if __name__ == "__main__":
    main(*[word for word in sys.argv[1:] if not word.startswith("--")])
