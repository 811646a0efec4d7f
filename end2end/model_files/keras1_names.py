"""The words of Keras 1 in stored networks and weights, turned into those of Keras 2.

Keras 2.0 reads files of Keras 1 and people have them: `nb_filter`, `border_mode`,
`subsample`, `Merge`, `conv1_W:0`. Sources: files written by Keras 1.2.2
(tests/golden/ages).
"""

import re

from end2end.model_files import layer_settings
from end2end.utils import files

CLASSES = {
    "Convolution2D": "Conv2D", "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D"}
MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum",
          "concat": "Concatenate"}
SETTINGS = {
    "nb_filter": "filters", "output_dim": "units", "subsample": "strides",
    "border_mode": "padding", "dim_ordering": "data_format", "bias": "use_bias",
    "atrous_rate": "dilation_rate", "init": "kernel_initializer", "p": "rate",
    "W_regularizer": "kernel_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint", "b_constraint": "bias_constraint",
    "beta_init": "beta_initializer", "gamma_init": "gamma_initializer"}
ORDERS = {"tf": "channels_last", "th": "channels_first"}
# What they say follows from elsewhere.
DROPPED = ("input_dim", "input_length", "input_dtype")
ROLES = {"W": "kernel", "b": "bias", "running_mean": "moving_mean",
         "running_std": "moving_variance"}
_WEIGHT = re.compile(
    r"^(.+)_(W|b|gamma|beta|running_mean|running_std|depthwise_kernel|"
    r"pointwise_kernel)(_\d+)?$")


def layer(kind: str, config: object, where: str) -> tuple[str, object]:
    """Class and settings of a stored layer, in the words of Keras 2.

    Args:
        kind: its class name.
        config: its settings, of any age; not changed.
        where: file and layer, for messages.

    Raises:
        files.InputError: a way of merging or normalising that is not known.
    """
    if not isinstance(config, dict):
        return CLASSES.get(kind, kind), config
    if kind == "Merge":
        return _merge(config, where)
    settings = {SETTINGS.get(key, key): value for key, value in config.items()
                if key not in DROPPED and key not in ("nb_row", "nb_col")}
    if "nb_row" in config and "nb_col" in config:
        settings["kernel_size"] = [config["nb_row"], config["nb_col"]]
    order = settings.get("data_format")
    if isinstance(order, str):
        settings["data_format"] = ORDERS.get(order, order)
    for key, value in settings.items():
        if key.endswith("regularizer") and isinstance(value, dict):
            settings[key] = _regularizer(value)
    padding = settings.get("padding")
    if isinstance(padding, list) and len(padding) == 4:
        settings["padding"] = [padding[:2], padding[2:]]
    if kind == "BatchNormalization":
        _check_mode(settings.pop("mode", 0), where)
    return CLASSES.get(kind, kind), settings


def _check_mode(mode, where):
    """1 normalises each image by itself, 2 each batch, at prediction too."""
    if mode != 0:
        layer_settings.refuse(
            where, f"normalises in mode {str(mode)[:20]} of Keras 1, which later "
            "versions do not have")


def _merge(config, where):
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw" or not isinstance(mode, str) \
            or mode not in MERGES:
        raise files.InputError(
            f"{where} merges by {str(mode)[:60]!r}; expected one of "
            f"{', '.join(MERGES)}. Functions of other programs are not loaded.")
    axis = {"axis": config.get("concat_axis", -1)} if mode == "concat" else {}
    return MERGES[mode], {"name": config.get("name")} | axis


def _regularizer(value):
    """`{"name": "L1L2Regularizer", "l1": ..., "l2": ...}` as Keras 2 stores it."""
    if "class_name" in value or value.get("name") not in (
            "L1L2Regularizer", "WeightRegularizer"):
        return value
    return {"class_name": "L1L2", "config": {
        key: value[key] for key in ("l1", "l2") if key in value}}


def weight(name: str) -> str | None:
    """`conv1_W:0` to `conv1/kernel`; None of a name that Keras 1 did not write."""
    match = _WEIGHT.match(name.split(":")[0])
    if not match:
        return None
    owner, role, _ = match.groups()
    return f"{owner}/{ROLES.get(role, role)}"
