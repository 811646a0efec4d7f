"""Writes varied networks with whatever Keras is installed, for `try_model_files.py`.

    OLD_PYTHON tests/helpers/make_varied_files.py FOLDER/AGE [--tf]

Each becomes FOLDER/AGE/CASE/ with its file `model.h5`, its input `X.npy` and the output
`Y.npy` that this Keras computes; from tf.keras 2.13 on also with a `.keras` file. It
runs on Python 3.6 and later, with Keras 2 and 3 on TensorFlow or Theano and with
tf.keras (`--tf`), and imports nothing of this project. What an age does not have, or
cannot save, is named and left out.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np  # noqa: E402

if os.environ.get("KERAS_BACKEND") == "theano":
    import theano.ifelse  # noqa: F401 - which Keras 2.0 forgets
if "--tf" in sys.argv:
    import tensorflow as tf
    keras, VERSION = tf.keras, tf.__version__
else:
    import keras
    VERSION = keras.__version__
layers = keras.layers
SHAPE = (17, 14, 3)
# With a side that the networks of keras.applications take.
LARGE = (96, 96, 3)
ACTIVATIONS = ("linear", "relu", "softmax", "sigmoid", "tanh", "elu", "selu",
               "hard_sigmoid", "softplus", "softsign", "exponential", "swish", "gelu",
               "mish", "relu6", "leaky_relu", "log_softmax")
# Class and arguments of single layers, each before a convolution and a classifier.
LAYERS = [
    ("Conv2D", (4, 3), {}), ("Conv2D", (4, 4), dict(padding="same", strides=3)),
    ("Conv2D", (4, 3), dict(dilation_rate=2)),
    ("Conv2DTranspose", (3, 3), dict(strides=2)),
    ("Conv2DTranspose", (3, 4), dict(strides=2, padding="same")),
    ("DepthwiseConv2D", (3,), dict(depth_multiplier=2)),
    ("SeparableConv2D", (4, 3), dict(strides=2, padding="same")),
    ("BatchNormalization", (), dict(epsilon=0.01)), ("LayerNormalization", (), {}),
    ("GroupNormalization", (3,), {}), ("UnitNormalization", (), {}),
    ("MaxPooling2D", (3,), dict(strides=2)), ("MaxPooling2D", (2,), {}),
    ("AveragePooling2D", (3,), dict(padding="same")), ("AveragePooling2D", (2,), {}),
    ("UpSampling2D", ((2, 3),), {}),
    ("UpSampling2D", (2,), dict(interpolation="bilinear")),
    ("ZeroPadding2D", (((1, 2), (3, 0)),), {}), ("Cropping2D", (2,), {}),
    ("LeakyReLU", (0.1,), {}), ("ELU", (0.7,), {}), ("ThresholdedReLU", (0.5,), {}),
    ("PReLU", (), dict(shared_axes=[1, 2])), ("ReLU", (2.0,), {}),
    ("Softmax", (), dict(axis=1)), ("Permute", ((2, 1, 3),), {}),
    ("SpatialDropout2D", (0.3,), {}), ("GaussianDropout", (0.3,), {}),
    ("GaussianNoise", (0.5,), {}), ("AlphaDropout", (0.3,), {}),
    ("Rescaling", (1 / 127.5,), dict(offset=-1.0)), ("Resizing", (9, 21), {}),
    ("Normalization", (), dict(mean=[3.0, 4.0, 5.0], variance=[2.0, 3.0, 4.0])),
    ("CenterCrop", (9, 8), {}), ("RandomFlip", (), {}), ("RandomRotation", (0.2,), {}),
    ("RandomZoom", (0.3,), {}), ("RandomContrast", (0.4,), {}),
    ("RandomTranslation", (0.2, 0.2), {}), ("RandomBrightness", (0.3,), {}),
    ("RandomCrop", (9, 8), {}), ("Lambda", (abs,), {})]


def layer(kind, arguments, settings):
    """A layer, also where an age kept it for experiments."""
    early = getattr(getattr(layers, "experimental", None), "preprocessing", None)
    return (getattr(layers, kind, None) or getattr(early, kind))(*arguments, **settings)


def classifier(first, units=2, activation="softmax", shape=SHAPE):
    """A layer, a convolution and a classifier."""
    image = layers.Input(shape)
    x = layers.Conv2D(6, 3, activation="relu")(first(image))
    x = layers.GlobalAveragePooling2D()(x)
    return model_of(image, layers.Dense(units, activation=activation)(x))


def model_of(inputs, outputs):
    """A network; `Model` lies elsewhere in old versions."""
    return keras.models.Model(inputs, outputs)


def inside(name):
    """A network with a nested one whose layers have the name with a number."""
    image = layers.Input(SHAPE)
    x = layers.Conv2D(4, 3, name=name + "1")(image)
    inner = model_of(image, layers.BatchNormalization(name=name + "2")(x))
    return classifier(inner)


def shared():
    """One convolution called twice."""
    convolution = layers.Conv2D(3, 3, activation="relu")
    return classifier(lambda x: convolution(convolution(x)))


def several(inputs, outputs):
    """A network of several images or outputs."""
    images = [layers.Input(SHAPE) for _ in range(inputs)]
    pooled = [layers.GlobalAveragePooling2D()(image) for image in images]
    x = pooled[0] if inputs == 1 else layers.concatenate(pooled)
    ends = [layers.Dense(2, activation="softmax")(x) for _ in range(outputs)]
    return model_of(images if inputs > 1 else images[0],
                    ends if outputs > 1 else ends[0])


def in_a_row():
    """A network without a graph."""
    return keras.models.Sequential([
        layers.Conv2D(4, 3, input_shape=SHAPE, activation="relu"),
        layers.MaxPooling2D(2), layers.Flatten(),
        layers.Dense(2, activation="softmax")])


def application(name):
    """A network of keras.applications with a classifier."""
    trunk = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=LARGE)
    return model_of(trunk.input, layers.Dense(2, activation="softmax")(
        layers.GlobalAveragePooling2D()(trunk.output)))


def cases():
    """Pairs of a name and a function that builds a network."""
    for number, (kind, arguments, settings) in enumerate(LAYERS):
        yield f"layer-{number:02d}-{kind}", (
            lambda row=(kind, arguments, settings): classifier(layer(*row)))
    for name in ACTIVATIONS:
        yield "inside-" + name, (
            lambda name=name: classifier(layers.Activation(name)))
        yield "end-" + name, (
            lambda name=name: classifier(layers.Activation("linear"), 3, name))
    yield "one-sigmoid", lambda: classifier(layers.Activation("relu"), 1, "sigmoid")
    yield "nested", lambda: inside("layer_")
    yield "slashes", lambda: inside("stage/layer_")
    yield "shared", shared
    yield "row", in_a_row
    yield "three-inputs", lambda: several(3, 1)
    yield "two-outputs", lambda: several(1, 2)
    for name in sorted(vars(getattr(keras, "applications", object))):
        if name[0].isupper() and callable(getattr(keras.applications, name)):
            yield "app-" + name, lambda name=name: application(name)


def fill(model, random):
    """Gives a network weights of reasonable size; vectors are positive."""
    model.set_weights([
        random.uniform(0.5, 1.5, weight.shape).astype("float32") if weight.ndim < 2
        else (random.randn(*weight.shape) / np.sqrt(np.prod(weight.shape[:-1]))).astype(
            "float32") for weight in model.get_weights()])


def write(folder, name, model, random, suffix):
    """Saves a network with an input and its output."""
    folder = os.path.join(folder, name + ("@keras" if suffix == ".keras" else ""))
    os.makedirs(folder)
    shapes = model.input_shape
    shapes = shapes if isinstance(shapes, list) else [shapes]
    inputs = [random.uniform(0, 5, (2,) + tuple(shape[1:])).astype("float32")
              for shape in shapes]
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0])
    model.save(os.path.join(folder, "model" + suffix))
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for letter, arrays in (("X", inputs), ("Y", outputs)):
        for number, array in enumerate(arrays):
            np.save(os.path.join(folder, f"{letter}{number or ''}.npy"), array)


def main(folder):
    """Writes the files and prints what was left out."""
    version = tuple(int(part) for part in VERSION.split("-")[0].split(".")[:2])
    suffixes = [".h5"] + [".keras"] * (version >= (2, 13))
    random = np.random.RandomState(3)
    for name, build in cases():
        for suffix in suffixes:
            try:
                model = build()
                fill(model, random)
                write(folder, name, model, random, suffix)
            # An age lacks a layer, or cannot save it: whatever it raises then.
            except Exception as error:
                print(f"{name}{suffix}: left out ({str(error)[:80]})")


if __name__ == "__main__":
    main(sys.argv[1])
