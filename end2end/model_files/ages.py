"""What a network description means depends on the Keras that wrote it.

A `Network` is turned into one that means the same to Keras 3, by adding layers without
weights or by marking kernels that must be turned; what cannot be expressed is refused
by name. The differences were measured with Keras 1.2 to 3 (docs/keras-ages.md).
"""

import dataclasses
import re

from end2end.model_files import operations
from end2end.model_files.layer_settings import refuse
from end2end.model_files.network_config import Network, Row

# hard_sigmoid is clip(scale * x + offset, 0, 1).
HARD_SIGMOID = {"old": (0.2, 0.5), "new": (1 / 6, 0.5)}
# Layers whose kernels Theano turns by 180 degrees, as its convolutions are defined.
TURNED = ("Conv2D", "Conv2DTranspose", "Conv1D")
# From this version on Keras 2 wrote it always.
STORES_OUTPUT_PADDING = (2, 3)
CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
# The first version that may have a class or an activation; a name in an older file is
# that of something its author wrote. Versions as `Age.place`. Measured: absent from the
# version before of Keras 1.2.2, 2.0.8, 2.2.4, 2.3.1, tf.keras 1.13, 2.3, 2.8 and 2.15.
SINCE = {
    (0, 2, 0): ("Add", "AlphaDropout", "Average", "Concatenate", "Conv2D",
                "Conv2DTranspose", "Maximum", "Minimum", "Multiply", "Subtract",
                "selu"),
    # DepthwiseConv2D stood in the MobileNet of Keras 2.0, and ReLU may be what became
    # of a ThresholdedReLU.
    (0, 2, 1): ("Softmax", "exponential"),
    (1, 2, 2): ("LayerNormalization",),
    (1, 2, 3): ("CenterCrop", "Normalization", "RandomContrast", "RandomFlip",
                "RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth",
                "RandomZoom", "Rescaling", "Resizing", "swish"),
    (1, 2, 4): ("gelu", "leaky_relu", "log_softmax", "silu"),
    (1, 2, 9): ("GroupNormalization", "LayerScale", "RandomBrightness",
                "StochasticDepth", "UnitNormalization", "mish"),
    (1, 3, 0): ("celu", "glu", "hard_shrink", "hard_silu", "hard_swish", "hard_tanh",
                "log_sigmoid", "soft_shrink", "sparse_plus", "sparse_sigmoid",
                "squareplus", "tanh_shrink", "threshold")}
_SINCE = {name: place for place, names in SINCE.items() for name in names}


@dataclasses.dataclass(frozen=True)
class Age:
    """Which program wrote a file.

    Attributes:
        keras: its version, such as `2.2.4` or `2.3.0-tf`; empty where it is not said.
        backend: `tensorflow`, `theano`, ...; empty where it is not said.
    """

    keras: str = ""
    backend: str = ""

    @property
    def major(self) -> int | None:
        """First number of the version, None where it is not known."""
        match = re.match(r"(\d+)\.", self.keras)
        return int(match[1]) if match else None

    @property
    def place(self) -> tuple[int, int, int] | None:
        """(0 of Keras before TensorFlow took it over, else 1; two version numbers)."""
        match = re.match(r"(\d+)\.(\d+)", self.keras)
        if not match:
            return None
        version = int(match[1]), int(match[2])
        return int("tf" in self.keras or version >= (2, 4)), *version

    @property
    def old_resizing(self) -> bool:
        """Whether bilinear interpolation took corners for centres, as TensorFlow 1."""
        match = re.match(r"(\d+)\.(\d+)", self.keras)
        version = (int(match[1]), int(match[2])) if match else (3, 0)
        return version < (2, 3) or version == (2, 3) and "tf" not in self.keras


def in_words_of_keras_3(network: Network, age: Age, source: str) -> Network:
    """A network that computes in Keras 3 what the file computed where it was written.

    Args:
        network: what `network_config.read` returned; its rows are changed.
        age: of the file.
        source: its name, for messages.

    Raises:
        files.InputError: something whose meaning changed and cannot be expressed, or
            whose meaning is not known since the file does not tell its age.
    """
    rows, ends = [], {}
    for row in network.rows:
        where = f"{source}: layer {row.stored_name!r}"
        if isinstance(row.settings, Network):
            in_words_of_keras_3(row.settings, age, source)
            rows.append(row)
            continue
        if age.backend == "theano":
            rows += _of_theano(row, where)
        elif age.backend not in ("", "tensorflow", "jax", "torch", "numpy"):
            refuse(where, f"comes from the backend {age.backend!r} of Keras, whose "
                   "conventions are not known here; save the model with TensorFlow")
        _check_interpolation(row, age, where)
        _check_convolution(row, age, where)
        if row.kind == "ELU" and "alpha" not in row.settings:
            refuse(where, "is an ELU whose alpha is not in the file (Keras 3.0 to 3.8 "
                   "did not store it)")
        rows.append(row)
        following = _activation_rows(row, age, where)
        if following:
            ends[row.name] = following[-1].name
            rows += following
    network.rows = rows
    _reconnect(network, ends)
    return network


def check_names(network: Network, age: Age, source: str) -> None:
    """Refuses classes and activations that are older than those of Keras.

    Args:
        network: what `network_config.read` returned.
        age: of the file, which another program wrote.
        source: its name, for messages.

    Raises:
        files.InputError: the Keras that wrote the file did not have the name.
    """
    for row in network.rows:
        if isinstance(row.settings, Network):
            check_names(row.settings, age, source)
            continue
        activation = row.settings.get("activation") if isinstance(
            row.settings, dict) else None
        if isinstance(activation, tuple):  # a layer in its place, and its settings
            activation = activation[0]
        # Keras's own classes for what files store as functions.
        kinds = () if row.stored_kind in operations.CLASSES else (row.stored_kind,)
        for name in (*kinds, activation):
            if age.place and _SINCE.get(name, age.place) > age.place:
                refuse(f"{source}: layer {row.stored_name!r}",
                       f"uses {name!r}, which Keras {age.keras} did not have: what its "
                       "author called so is not in the file")


def _reconnect(network, ends):
    """Lets whoever took the output of a row take that of the last row added to it."""
    added = {row.name for row in network.rows if row.stored_name is None}

    def moved(end):
        return (ends.get(end[0], end[0]), *end[1:])

    for row in network.rows:
        if row.name not in added:
            row.calls = [[moved(end) for end in call] for call in row.calls]
    network.outputs = [moved(end) for end in network.outputs]


def _check_interpolation(row, age, where):
    if row.kind == "UpSampling2D" and age.old_resizing and \
            row.settings.get("interpolation", "nearest") != "nearest":
        refuse(where, f"enlarges by {row.settings['interpolation']} interpolation of "
               f"Keras {age.keras}, which took corners of pixels for their centres; "
               "Keras 3 cannot do that")


def _check_convolution(row, age, where):
    if row.kind == "SeparableConv2D" and age.place and age.place < (0, 2, 2) and \
            _pair(row.settings.get("dilation_rate", 1)) != (1, 1):
        refuse(where, f"is a dilated separable convolution of Keras {age.keras}, which "
               "computed it without the dilation")
    if row.kind == "Conv2DTranspose" and row.settings.get("padding") != "same" and \
            row.settings.get("output_padding") is not None:
        refuse(where, "is a transposed convolution with an output_padding and without "
               "padding 'same', which Keras 3.8 computes otherwise than others")
    if row.kind == "Conv2DTranspose" and "output_padding" not in row.settings and \
            _pair(row.settings.get("strides", 1)) != (1, 1) and \
            age.place and age.place[1:] >= STORES_OUTPUT_PADDING:
        refuse(where, "is a transposed convolution with strides whose output_padding "
               "is not in the file (Keras 3.0 to 3.14 did not store it); save the "
               "model with Keras 3.15 or newer")


def _activation_rows(row, age, where):
    """Rows that compute the activation of a row where Keras 3 has no name for it."""
    if not isinstance(row.settings, dict):
        return []
    activation = row.settings.get("activation")
    if isinstance(activation, tuple):
        kind, settings = activation
        row.settings["activation"] = "linear"
        return _chain(row, ((kind, settings),))
    if activation != "hard_sigmoid":
        return []
    if age.major is None:
        refuse(where, "has the activation hard_sigmoid, whose formula differs between "
               "Keras 2 and 3, and the file does not say which Keras wrote it")
    scale, offset = HARD_SIGMOID["old" if age.major < 3 else "new"]
    row.settings["activation"] = "linear"
    return _chain(row, (("Rescaling", {"scale": scale, "offset": offset}),
                        ("ReLU", {"max_value": 1.0})))


def _chain(row, kinds):
    """Rows without weights, each of which takes the output of the one before."""
    chain, before = [], row.name
    for kind, settings in kinds:
        name = f"{row.name}_{kind.lower()}"
        chain.append(Row(name, kind, dict(settings), [
            [(before, call, 0)] for call in range(len(row.calls))], stored_name=None))
        before = name
    return chain


# Theano -------------------------------------------------------------------------------


def _of_theano(row, where):
    """Marks a row of a file of Theano; returns the padding that must stand before it.

    Theano pads a convolution by half of its kernel on either side, TensorFlow by as
    much as the last window needs: they differ for strides and for even kernels.
    """
    settings = row.settings
    if row.kind == "Conv1D" and settings.get("padding") == "same" and \
            not _pads_alike(settings):
        refuse(where, "is a convolution along one axis with padding 'same' of Theano, "
               "which pads otherwise than Keras 3")
    if row.kind in ("DepthwiseConv2D", "SeparableConv2D") and \
            settings.get("depth_multiplier", 1) != 1:
        refuse(where, "has a depth multiplier in a file of Theano, which computed it "
               "in another order of channels")
    if row.kind == "Conv2DTranspose" and settings.get("padding") == "same":
        refuse(where, "is a transposed convolution with padding 'same' of Theano, "
               "which pads otherwise than Keras 3")
    if row.kind in TURNED:
        row.turned = True
    if not isinstance(settings, dict) or settings.get("padding") != "same":
        return []
    if row.kind in ("MaxPooling2D", "AveragePooling2D"):
        sides = _pair(settings.get("pool_size", 2))
        strides = _pair(settings.get("strides") or sides)
        # Versions of Keras differ in whether the average counts padded zeros.
        if row.kind == "AveragePooling2D" or strides != (1, 1) or not all(
                side % 2 for side in sides):
            refuse(where, "pools with padding 'same' of Theano, which lays its windows "
                   "otherwise than Keras 3")
        return []
    if row.kind not in CONVOLUTIONS:
        return []
    if row.kind == "SeparableConv2D" and not all(
            side % 2 for side in _pair(settings["kernel_size"])):
        refuse(where, "is a separable convolution with padding 'same' and an even "
               "kernel of Theano, which cuts its map otherwise than Keras 3")
    return _theano_padding(row, settings)


def _pads_alike(settings):
    """Whether Theano and TensorFlow pad alike: odd kernels without strides."""
    return set(_pair(settings.get("strides", 1))) == {1} and all(
        side % 2 for side in _sides(settings))


def _sides(settings):
    sides = _pair(settings["kernel_size"])
    rates = _pair(settings.get("dilation_rate") or (1,) * len(sides))
    return [(side - 1) * rate + 1 for side, rate in zip(sides, rates, strict=True)]


def _theano_padding(row, settings):
    if _pads_alike(settings):
        return []
    sides = _sides(settings)
    name = f"{row.name}_padding"
    padding = Row(name, "ZeroPadding2D", {"padding": [
        [side // 2, (side - 1) // 2] for side in sides]}, row.calls, stored_name=None)
    settings["padding"] = "valid"
    row.calls = [[(name, call, 0)] for call in range(len(row.calls))]
    return [padding]


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)
