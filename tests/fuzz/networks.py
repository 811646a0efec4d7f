"""Odd networks, loaded and scored: any layers, strange ends, weights and sizes.

Each is built by Keras and saved by it; numbers of some are changed in the file
afterwards, so that they do not fit any more or ask for enormous arrays. Some of what a
user may say of the outputs is wrong for them. Each choice is an ordinary one in most
cases, so that more than half of the networks are scored and not only refused.
"""

import json
import pathlib
import random
import tempfile

import numpy as np

SHAPES = (*((24, 16, 1), (24, 16, 3), (None, None, 1), (None, None, 3)) * 30,
          (24, None, 1), (24, 16, 2), (24, 16), (3, 24, 16), (5, 4, 1), (384,))
ACTIVATIONS = ("linear", "relu", "relu6", "softmax", "sigmoid", "tanh", "elu",
               "hard_sigmoid", "log_softmax", "softplus", "exponential", "gelu",
               "softsign", "swish")
# More are drawn anew: it is the sizes in a changed file that are enormous.
MOST_WEIGHTS = 20_000_000
ENORMOUS = (0, -1, 1, 3, 1000, 100_000, 10_000_000, 2**31, 2**63, 1e30, "9", None, [])


def layer(rng):
    """A layer of any kind with settings drawn at random."""
    from keras import layers

    size = rng.choice((1, 2, 3, 5, 9, 30))
    padding = rng.choice(("same", "valid"))
    return rng.choice((
        lambda: layers.Conv2D(rng.choice((1, 4, 16)), size, padding=padding,
                              strides=rng.choice((1, 1, 2, 5)),
                              activation=rng.choice(ACTIVATIONS)),
        lambda: layers.Conv2D(4, 3, padding=padding, dilation_rate=rng.choice((1, 4))),
        lambda: layers.DepthwiseConv2D(size, padding=padding,
                                       depth_multiplier=rng.choice((1, 3))),
        lambda: layers.SeparableConv2D(4, size, padding=padding),
        lambda: layers.Conv2DTranspose(2, size, strides=rng.choice((1, 2, 6))),
        lambda: layers.BatchNormalization(axis=rng.choice((-1, -1, 1))),
        lambda: layers.LayerNormalization(), lambda: layers.UnitNormalization(),
        lambda: layers.Normalization(mean=3.0, variance=rng.choice((2.0, 0.0))),
        lambda: layers.MaxPooling2D(rng.choice((2, 3, 8)), padding=padding),
        lambda: layers.AveragePooling2D(rng.choice((2, 7)), padding=padding),
        lambda: layers.UpSampling2D(rng.choice((2, 3, 40))),
        lambda: layers.ZeroPadding2D(rng.choice((1, 500))),
        lambda: layers.Cropping2D(rng.choice((1, 8, 12))),
        lambda: layers.Activation(rng.choice(ACTIVATIONS)),
        lambda: layers.LeakyReLU(), lambda: layers.PReLU(),
        lambda: layers.ReLU(max_value=rng.choice((None, 1.0, 6.0)),
                            threshold=rng.choice((0.0, 0.5))),
        lambda: layers.Rescaling(rng.choice((*(1 / 255, -1.0) * 8, 1e30)), 0.5),
        lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(1.0),
        lambda: layers.RandomFlip(), lambda: layers.RandomRotation(0.2),
        lambda: layers.Permute(rng.choice(((2, 1, 3), (3, 1, 2)))),
        lambda: layers.Dense(rng.choice((2, 8))), lambda: layers.Flatten(),
        lambda: layers.Softmax(axis=rng.choice((-1, 1, 2)))))()


def end(x, rng):
    """What a network ends in: a classifier in most cases, else anything."""
    from keras import layers

    def dense(units, activation):
        return layers.Dense(units, activation=activation)(pooled)

    pooled = rng.choice((layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D,
                         layers.Flatten))()(x)
    _check_size(pooled)
    count = rng.choice((1, 2, 2, 2, 3, 5))
    return rng.choice((
        *(lambda: dense(2, "softmax"), lambda: dense(1, "sigmoid"),
          lambda: dense(2, "sigmoid"), lambda: dense(2, "linear")) * 48,
        lambda: dense(count, rng.choice(ACTIVATIONS)),
        lambda: dense(count, rng.choice(ACTIVATIONS)),
        lambda: layers.Softmax(axis=rng.choice((-1, 1)))(dense(count, "linear")),
        lambda: layers.Dense(2)(dense(4, "softmax")),
        lambda: layers.BatchNormalization()(dense(2, "softmax")),
        lambda: layers.Dropout(0.9)(dense(2, "softmax")),
        lambda: layers.ReLU(max_value=1.0, negative_slope=rng.choice((0.0, 0.3)))(
            dense(2, "linear")),
        lambda: layers.Rescaling(rng.choice((0.5, 2.0)), 0.5)(dense(2, "sigmoid")),
        lambda: layers.Multiply()([dense(2, "sigmoid"), dense(2, "linear")]),
        lambda: layers.Average()([dense(2, "softmax"), dense(2, "softmax")]),
        lambda: layers.Add()([dense(2, "softmax"), dense(2, "softmax")]),
        lambda: layers.Concatenate()([dense(1, "sigmoid"), dense(1, "linear")]),
        lambda: layers.Concatenate()([dense(1, "sigmoid"), dense(1, "sigmoid")]),
        lambda: layers.UnitNormalization()(dense(2, "softmax")),
        lambda: 1.0 - dense(2, "softmax"), lambda: dense(2, "softmax") * 2.0,
        lambda: layers.Reshape((2, 1))(dense(2, "softmax")),
        lambda: [dense(2, "softmax"), dense(2, "softmax"), dense(1, "sigmoid")],
        lambda: layers.Conv2D(2, 1, activation="softmax")(x), lambda: x))()


def _check_size(x):
    """Keeps Keras from making so many weights only for them to be drawn anew."""
    if (x.shape[-1] or 0) > MOST_WEIGHTS:
        raise ValueError("too many features")


def network(rng):
    """A network of Keras; what does not fit together is drawn anew."""
    import keras

    while True:
        shape = rng.choice(SHAPES)
        image = keras.Input(shape)
        others = [keras.Input(shape)] if rng.random() < 0.02 else []
        x = keras.layers.Add()([image, *others]) if others else image
        try:
            for _ in range(rng.choice((0, 1, 2, 3, 5, 8))):
                made = layer(rng)
                _check_size(x)
                x = made(x)
                if rng.random() < 0.1:
                    x = made(x)  # one layer, called twice
            inner = keras.Model([image, *others], x)
            if rng.random() < 0.15 and not others:
                image = keras.Input(shape)
                x = inner(image)
            model = keras.Model([image, *others], end(x, rng))
            if model.count_params() <= MOST_WEIGHTS:
                return model
        except (TypeError, ValueError, IndexError, ZeroDivisionError,
                AttributeError, NotImplementedError):
            continue


def weights(model, rng):
    """Fills a model with small, enormous, infinite or no numbers."""
    draw = np.random.default_rng(rng.randrange(1 << 30))
    factor = rng.choice((*(0.1, 0.01) * 40, *(1.0, 0.0) * 4, 1e15, 1e38, np.inf,
                         np.nan))
    with np.errstate(all="ignore"):
        model.set_weights([
            (draw.normal(size=weight.shape) * factor).astype(weight.dtype)
            for weight in model.get_weights()])


def _changed(description, rng):
    """A description with one of its numbers replaced."""
    places = []

    def walk(value):
        for key, inside in (value.items() if isinstance(value, dict)
                            else enumerate(value)):
            if isinstance(inside, (dict, list)):
                walk(inside)
            elif isinstance(inside, (int, float)):
                places.append((value, key))

    walk(description)
    place, key = rng.choice(places)
    place[key] = rng.choice(ENORMOUS)
    return description


def odd(data, rng, others):
    """The bytes of the file of an odd network; `data` and `others` are not needed."""
    import h5py
    import keras

    keras.utils.set_random_seed(1)
    model = network(rng)
    weights(model, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, rng.choice(("m.h5", "m.h5", "m.keras")))
        model.save(path)
        if path.suffix == ".h5" and rng.random() < 0.1:
            with h5py.File(path, "r+") as file:
                text = file.attrs["model_config"]
                file.attrs["model_config"] = json.dumps(
                    _changed(json.loads(text), rng))
        keras.backend.clear_session()
        return path.read_bytes()


def sound():
    """Files of two ordinary networks."""
    import keras
    from keras import layers

    data = []
    for suffix in (".h5", ".keras"):
        image = keras.Input((24, 16, 1))
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, f"m{suffix}")
            keras.Model(image, layers.Dense(2, activation="softmax")(x)).save(path)
            data.append(path.read_bytes())
    return data


def load(path, classes, kind):
    """The classifier of a file, with what a user may type."""
    from end2end import checkpoints
    from end2end.config import model_flags

    return checkpoints.load_classifier(
        path, typed=dict(size=(24, 16), intensity_scale=0.004, pixel_mean=30.0),
        output_options=model_flags.OutputOptions(classes, kind))


def read(place):
    """Loads a network and scores an image; a score lies from 0 to 1."""
    import keras

    from end2end import prediction
    from end2end.config import model_flags
    from end2end.utils import files

    rng = random.Random(place.rng.random())
    classes = rng.choice((*((), (), ("neg", "pos"), ("pos", "neg")) * 20, ("pos",),
                          ("a", "b")))
    kind = rng.choice((model_flags.OUTPUTS[0],) * 40 + model_flags.OUTPUTS)
    try:
        classifier = load(place.file, classes, kind)
    except files.InputError as error:
        if "give --output logits" not in str(error):
            raise
        classifier = load(place.file, classes, "logits")
    pixels = np.linspace(0, 65535, 60 * 40).reshape(60, 40).astype(np.uint16)
    scored = prediction.score_image(pixels, classifier, flips=rng.random() < 0.3)
    assert all(0 <= score <= 1 for score in (scored.score, *scored.models)), scored
    keras.backend.clear_session()
