"""Settings of single layers in stored networks: which are known, and what they may be.

The classes listed here are the only ones that are ever built from a file.
"""

import logging
import math
from collections.abc import Sequence
from typing import NoReturn

from end2end.utils import files

log = logging.getLogger(__name__)

# Whatever counts more than this in a description is damage or an attack.
GREATEST_NUMBER = 10_000_000
GREATEST_SIDE = 100_000
ACTIVATIONS = (
    "linear", "relu", "relu6", "softmax", "sigmoid", "tanh", "elu", "selu", "swish",
    "silu", "gelu", "softplus", "softsign", "hard_sigmoid", "leaky_relu", "exponential",
    "mish", "log_softmax", "hard_silu", "hard_swish", "celu", "glu", "tanh_shrink",
    "hard_tanh", "hard_shrink", "soft_shrink", "squareplus", "sparse_plus",
    "sparse_sigmoid", "log_sigmoid", "threshold")
# TensorFlow's names of functions given as activations.
_ALIASES = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax"}
# Layers that may stand as an activation of another layer.
ACTIVATION_LAYERS = ("ReLU", "LeakyReLU", "ELU", "Softmax")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")

_CONVOLUTION = (
    "kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias",
    "bias_regularizer")
_POOLING = ("pool_size", "strides", "padding")
_NORMALIZATION = ("axis", "epsilon", "center", "scale", "gamma_regularizer",
                  "beta_regularizer")
_MERGE = ()
# Class name: the settings that are taken over.
SETTINGS = {
    "Conv1D": ("filters", "groups", "kernel_regularizer", *_CONVOLUTION),
    "Conv2D": ("filters", "groups", "kernel_regularizer", *_CONVOLUTION),
    "Conv2DTranspose": ("filters", "kernel_regularizer", "output_padding",
                        *_CONVOLUTION),
    "DepthwiseConv2D": ("depth_multiplier", *_CONVOLUTION, "depthwise_regularizer"),
    "SeparableConv2D": ("filters", "depth_multiplier", *_CONVOLUTION,
                        "depthwise_regularizer", "pointwise_regularizer"),
    "Dense": ("units", "activation", "use_bias", "kernel_regularizer",
              "bias_regularizer"),
    "BatchNormalization": ("momentum", *_NORMALIZATION),
    "LayerNormalization": _NORMALIZATION,
    "GroupNormalization": ("groups", *_NORMALIZATION),
    "UnitNormalization": ("axis",),
    "Normalization": ("axis", "mean", "variance", "invert"),
    "Activation": ("activation",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "LeakyReLU": ("negative_slope",),
    "PReLU": ("shared_axes", "alpha_regularizer"),
    "ELU": ("alpha",),
    "Softmax": ("axis",),
    # With `noise_shape` whole samples are dropped (stochastic depth).
    "Dropout": ("rate", "noise_shape"),
    "SpatialDropout2D": ("rate",),
    "AlphaDropout": ("rate",),
    "GaussianDropout": ("rate",),
    "GaussianNoise": ("stddev",),
    "MaxPooling2D": _POOLING,
    "AveragePooling2D": _POOLING,
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "Flatten": (),
    "Reshape": ("target_shape",),
    "Permute": ("dims",),
    "RepeatVector": ("n",),
    "ZeroPadding2D": ("padding",),
    "Cropping2D": ("cropping",),
    "UpSampling2D": ("size", "interpolation"),
    "Rescaling": ("scale", "offset"),
    "CenterCrop": ("height", "width"),
    "Resizing": ("height", "width", "interpolation"),
    "LayerScale": ("projection_dim",),
    "Add": _MERGE, "Subtract": _MERGE, "Multiply": _MERGE, "Average": _MERGE,
    "Maximum": _MERGE, "Minimum": _MERGE,
    "Concatenate": ("axis",),
}
# Layers that do something in training only; at prediction they pass their input on.
INACTIVE = (
    "ActivityRegularization", "RandomBrightness", "RandomColorDegeneration",
    "RandomColorJitter", "RandomContrast", "RandomElasticTransform", "RandomErasing",
    "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHeight", "RandomHue",
    "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation",
    "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation",
    "RandomWidth", "RandomZoom", "StochasticDepth")
# Settings of any age that change nothing here, or only at training from scratch.
_IGNORED = {
    "name", "trainable", "dtype", "batch_input_shape", "batch_shape", "seed",
    "kernel_initializer", "bias_initializer", "gamma_initializer", "beta_initializer",
    "moving_mean_initializer", "moving_variance_initializer", "depthwise_initializer",
    "pointwise_initializer", "alpha_initializer", "fused", "synchronized",
    "noise_shape", "sparse", "ragged", "implementation", "autocast", "init_values"}
# Settings of single classes that change nothing without others, which are refused.
_IGNORED_OF = {"Resizing": ("fill_mode", "fill_value")}
# Settings that change what training does, but no prediction.
_TRAINING_ONLY = ("_constraint", "activity_regularizer")
# How Keras stores arrays that were given as settings.
_ARRAYS = ("__numpy__", "__tensor__")
# Older spellings.
_RENAMED = {("LeakyReLU", "alpha"): "negative_slope", ("ReLU", "theta"): "threshold"}
_REGULARIZERS = {"L1L2", "L2", "L1", "l2", "l1", "l1_l2"}
# Classes of what tells the number type of a layer; others compute with fewer bits.
_POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1")
# Number types of layers: what they are built with.
_TYPES = {"float32": None, "float64": None, "mixed_float16": "mixed_float16",
          "mixed_bfloat16": "mixed_bfloat16"}


def expect(condition: object, where: str, problem: str) -> None:
    """Refuses a file that does not hold together.

    Raises:
        files.InputError: the condition is false.
    """
    if not condition:
        raise files.InputError(
            f"{where}: {problem}; the file is damaged or not of this kind of model. "
            "Get a new copy of it.")


def refuse(where: str, problem: str) -> NoReturn:
    """Refuses a sound file for something that this program does not do.

    Raises:
        files.InputError: always.
    """
    raise files.InputError(
        f"{where} {problem}; this is a limit of this program, not damage of the file.")


def checked(kind: str, config: object, where: str) -> dict:
    """Constructor arguments of a layer from its stored settings.

    Args:
        kind: a key of `SETTINGS`.
        config: stored settings, in the words of Keras 2 or 3.
        where: file and layer, for messages.

    Raises:
        files.InputError: a setting that is not understood or beyond reason.
    """
    expect(isinstance(config, dict), where, "it has no settings")
    kept = {}
    for key, value in config.items():
        key = _RENAMED.get((kind, key), key)
        if key in SETTINGS[kind]:
            kept[key] = _value(key, value, where)
        elif key == "dtype":
            if dtype := number_type(value, where):
                kept[key] = dtype
        elif key == "data_format":
            _check_order(value, where)
        elif key not in _IGNORED_OF.get(kind, ()):
            _check_unused(key, value, where)
    return kept


def _check_order(value, where):
    if value == "channels_first":
        refuse(where, "has its channels before rows and columns (channels_first); save "
               "the model as channels_last")
    expect(value in (None, "channels_last"), where, f"its data_format is {value!r}")


def _check_unused(key, value, where):
    if key in _IGNORED or value in (None, False, {}, []) or \
            key.startswith("renorm_") or (key, value) == ("groups", 1):
        return
    if key.endswith(_TRAINING_ONLY):
        log.info("%s: its %s acts in training only and is left out.", where, key)
        return
    if key == "renorm":
        refuse(where, "uses batch renormalisation, which Keras 3 does not have")
    refuse(where, f"has the setting {key}={str(value)[:80]!r}, which is not "
           "understood; the model is not loaded, since it could behave otherwise")


def number_type(value: object, where: str) -> str | None:
    """Name of the number type that a layer is built with, None for float32.

    Raises:
        files.InputError: numbers in which this program does not compute.
    """
    if isinstance(value, dict):
        config, policy = value.get("config"), value.get("class_name")
        name = config.get("name") if isinstance(config, dict) else None
        value = name if policy in _POLICIES and name else f"{policy} {config}"
    if value is None:
        return None
    if not isinstance(value, str) or value not in _TYPES:
        refuse(where, f"computes in {str(value)[:40]!r}; expected one of "
               f"{', '.join(_TYPES)}")
    return _TYPES[value]


def _value(key, value, where):
    if key == "activation":
        return _activation(value, where)
    if key.endswith("regularizer"):
        return _regularizer(value, where)
    if key == "interpolation" and value not in INTERPOLATIONS:
        refuse(where, f"enlarges by {str(value)[:40]!r}; expected one of "
               f"{', '.join(INTERPOLATIONS)}")
    if key == "axis" and isinstance(value, list) and len(value) == 1:
        value = value[0]
    value = _plain(value)
    for number in _numbers(value, where):
        if abs(number) > GREATEST_NUMBER:
            refuse(where, f"has the {key} {number}, which is beyond reason")
    return value


def _plain(value):
    """An array as Keras stores one of NumPy or TensorFlow, as a list of numbers."""
    if isinstance(value, dict) and value.get("class_name") in _ARRAYS:
        config = value.get("config")
        return config.get("value") if isinstance(config, dict) else value
    return value


def _numbers(value, where):
    expect(not isinstance(value, dict), where,
           "it holds an object where a number is expected")
    flat = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, (list, dict)):
            flat += _numbers(item, where)
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            expect(math.isfinite(item), where, f"it holds the number {item}")
            flat.append(item)
    return flat


def _activation(value, where):
    """Name of an activation; of one that is a layer, its class and settings."""
    settings = None
    if isinstance(value, dict):
        inner, name = value.get("config"), value.get("class_name", "")
        if name == "function" and isinstance(inner, str):
            name = inner
        elif isinstance(inner, dict):
            settings = inner
        value = name
    if value is None:
        return "linear"
    if isinstance(value, str) and value in ACTIVATION_LAYERS:
        if settings is None:
            refuse(where, f"has the activation {value!r} without its settings, whose "
                   "defaults differ between versions of Keras")
        return value, checked(value, settings, where)
    value = _ALIASES.get(value, value) if isinstance(value, str) else value
    if value not in ACTIVATIONS:
        raise files.InputError(
            f"{where} has the activation {str(value)[:60]!r}; expected one of "
            f"{', '.join(ACTIVATIONS)}. Functions of other programs are not loaded.")
    return value


def _regularizer(value, where):
    if value is None:
        return None
    name = value.get("class_name") if isinstance(value, dict) else None
    config = value.get("config") if isinstance(value, dict) else None
    expect(name in _REGULARIZERS and isinstance(config, dict), where,
           f"its regularizer {str(name or value)[:60]!r} is unknown")
    rates = {}
    for key in ("l1", "l2"):
        rate = config.get(key, 0.0)
        expect(isinstance(rate, (int, float)) and 0 <= rate <= GREATEST_NUMBER, where,
               f"its regularizer has an {key} of {rate!r}")
        # Keras 2.0.8 stored rates as float32; 0.001 shall read 0.001 again.
        rates[key] = float(f"{rate:.7g}")
    if not any(rates.values()):
        return None
    return {"class_name": "L1L2", "config": rates}


def shape(sides: Sequence, where: str) -> tuple:
    """Input shape without the batch, each side None or of reasonable size.

    Raises:
        files.InputError: it is no such shape.
    """
    expect(len(sides) >= 2, where, f"the input shape is {sides}")
    for side in sides:
        expect(side is None or type(side) is int and side > 0, where,
               f"it has an input side of {side!r}")
        if side and side > GREATEST_SIDE:
            refuse(where, f"has an input side of {side}, which is beyond reason")
    return tuple(sides[1:])
