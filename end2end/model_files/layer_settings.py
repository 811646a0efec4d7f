"""Settings of single layers in stored networks: which are known, and what they may be.

The classes listed here are the only ones that are ever built from a file.
"""

import math

from end2end.utils import files

# Whatever counts more than this in a description is damage or an attack.
GREATEST_NUMBER = 10_000_000
GREATEST_SIDE = 100_000
ACTIVATIONS = (
    "linear", "relu", "relu6", "softmax", "sigmoid", "tanh", "elu", "selu", "swish",
    "silu", "gelu", "softplus", "softsign", "hard_sigmoid", "leaky_relu", "exponential")

_CONVOLUTION = (
    "kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias",
    "bias_regularizer")
_POOLING = ("pool_size", "strides", "padding")
_MERGE = ()
# Class name: the settings that are taken over.
SETTINGS = {
    "Conv2D": ("filters", "groups", "kernel_regularizer", *_CONVOLUTION),
    "DepthwiseConv2D": ("depth_multiplier", *_CONVOLUTION, "depthwise_regularizer"),
    "SeparableConv2D": ("filters", "depth_multiplier", *_CONVOLUTION,
                        "depthwise_regularizer", "pointwise_regularizer"),
    "Dense": ("units", "activation", "use_bias", "kernel_regularizer",
              "bias_regularizer"),
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale",
                           "gamma_regularizer", "beta_regularizer"),
    "Activation": ("activation",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "LeakyReLU": ("negative_slope",),
    "Softmax": ("axis",),
    "Dropout": ("rate",),
    "SpatialDropout2D": ("rate",),
    "MaxPooling2D": _POOLING,
    "AveragePooling2D": _POOLING,
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "Flatten": (),
    "Reshape": ("target_shape",),
    "ZeroPadding2D": ("padding",),
    "Cropping2D": ("cropping",),
    "UpSampling2D": ("size", "interpolation"),
    "Rescaling": ("scale", "offset"),
    "Add": _MERGE, "Subtract": _MERGE, "Multiply": _MERGE, "Average": _MERGE,
    "Maximum": _MERGE, "Minimum": _MERGE,
    "Concatenate": ("axis",),
}
# Settings of any age that change nothing here, or only at training from scratch.
_IGNORED = {
    "name", "trainable", "dtype", "batch_input_shape", "batch_shape", "seed",
    "kernel_initializer", "bias_initializer", "gamma_initializer", "beta_initializer",
    "moving_mean_initializer", "moving_variance_initializer", "depthwise_initializer",
    "pointwise_initializer", "fused", "synchronized", "noise_shape", "sparse", "ragged",
    "implementation", "autocast"}
# Older spellings.
_RENAMED = {("LeakyReLU", "alpha"): "negative_slope"}
_REGULARIZERS = {"L1L2", "L2", "L1", "l2", "l1", "l1_l2"}


def expect(condition, where, found):
    if not condition:
        raise files.InputError(
            f"{where}: found {found}; the file is damaged or not of this kind of "
            "model. Get a new copy of it.")


def checked(kind, config, where):
    """Constructor arguments of a layer from its stored settings.

    Raises:
        files.InputError: a setting that is not understood or beyond reason.
    """
    expect(isinstance(config, dict), where, "no settings")
    kept = {}
    for key, value in config.items():
        key = _RENAMED.get((kind, key), key)
        if key in SETTINGS[kind]:
            kept[key] = _value(key, value, where)
        elif key == "data_format":
            expect(value in (None, "channels_last"), where,
                    f"the order {value!r} of the axes (expected channels_last)")
        elif key == "renorm":
            expect(not value, where, "batch renormalisation, which is not supported")
        elif key.startswith("renorm_") or (key, value) == ("groups", 1):
            continue
        elif key not in _IGNORED and value not in (None, False, {}, []):
            raise files.InputError(
                f"{where} has the setting {key}={value!r}, which is not understood; "
                "the model is not loaded, since it could behave otherwise.")
    return kept


def _value(key, value, where):
    if key == "activation":
        return _activation(value, where)
    if key.endswith("regularizer"):
        return _regularizer(value, where)
    if key == "axis" and isinstance(value, list) and len(value) == 1:
        value = value[0]
    for number in _numbers(value, where):
        expect(abs(number) <= GREATEST_NUMBER, where,
                f"{key} {number}, which is beyond reason")
    return value


def _numbers(value, where):
    if isinstance(value, dict):
        raise files.InputError(f"{where} holds an object where a number is expected.")
    flat = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, (list, dict)):
            flat += _numbers(item, where)
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            expect(math.isfinite(item), where, f"the number {item}")
            flat.append(item)
    return flat


def _activation(value, where):
    if isinstance(value, dict):
        inner = value.get("config")
        if value.get("class_name") == "function" and isinstance(inner, str):
            value = inner
        else:
            value = value.get("class_name", "")
    if value is None:
        return "linear"
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
            f"the unknown regularizer {name or value!r}")
    rates = {}
    for key in ("l1", "l2"):
        rate = config.get(key, 0.0)
        expect(isinstance(rate, (int, float)) and 0 <= rate <= GREATEST_NUMBER, where,
                f"a regularizer of {key} {rate!r}")
        # Keras 2.0.8 stored rates as float32; 0.001 shall read 0.001 again.
        rates[key] = float(f"{rate:.7g}")
    if not any(rates.values()):
        return None
    return {"class_name": "L1L2", "config": rates}


def shape(sides, where):
    """Input shape without the batch, each side None or of reasonable size."""
    expect(len(sides) >= 2, where, f"the input shape {sides}")
    for side in sides:
        expect(side is None or type(side) is int and 0 < side <= GREATEST_SIDE,
                where, f"an input side of {side!r}, which is beyond reason")
    return tuple(sides[1:])
