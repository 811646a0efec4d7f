"""Makes a Keras model of a network description and fills it with stored weights.

Every weight's shape is computed from the description and compared with the file before
the layer is made, so that no file makes the program take memory that it does not hold.
"""

import keras
from keras import layers

from end2end.model_files import layer_settings, network_config
from end2end.utils import files


def build(network, weights, source):
    """Makes the model of a `Network` and fills it.

    Args:
        network: what `read` returned.
        weights: has `check(path, shapes)` and `read(path, shapes)`, of a layer's path
            (names from the outside in) and its shapes `{role: shape}`. Both raise
            `InputError` where a weight is missing or misshapen; `check` is called
            before memory is taken, `read` returns the arrays.
        source: name of the file, for messages.

    Returns:
        an uncompiled `keras.Model`, all of whose layers are trainable.
    """
    return _build(network, weights, source, ())


def _build(network, weights, source, path):
    made, outputs = {}, {}
    waiting = list(network.rows)
    while waiting:
        ready = [row for row in waiting
                 if all(_known(outputs, end) for call in row.calls for end in call)]
        layer_settings.expect(
            ready, source, f"a circle or a gap at layer {waiting[0].name!r}")
        for row in ready:
            _build_row(row, made, outputs, weights, source, path)
        waiting = [row for row in waiting if row.name not in outputs]
    for end in network.inputs + network.outputs:
        layer_settings.expect(
            _known(outputs, end), source, f"an end at unknown layer {end[0]!r}")
    return keras.Model(
        _one([_tensor(outputs, end) for end in network.inputs]),
        _one([_tensor(outputs, end) for end in network.outputs]), name=network.name)


def _build_row(row, made, outputs, weights, source, path):
    where = f"{source}: layer {row.name!r}"
    if row.kind == "InputLayer":
        outputs[row.name] = [[keras.Input(row.settings, name=row.name)]]
        return
    outputs[row.name] = []
    for call in row.calls:
        tensors = [_tensor(outputs, end) for end in call]
        try:
            if row.name not in made:
                made[row.name] = _make(row, tensors, weights, source, path)
            result = made[row.name](_one(tensors))
        except files.InputError:
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            reason = " ".join(str(error).split())[:200]
            raise files.InputError(
                f"{where} cannot be built ({reason}); the file is damaged.") from error
        outputs[row.name].append(result if isinstance(result, list) else [result])
    if row.name in made and row.kind not in network_config.MODEL_CLASSES:
        layer = made[row.name]
        if layer.weights:
            layer.set_weights(weights.read((*path, row.name), expected_shapes(layer)))


def _make(row, tensors, weights, source, path):
    if row.kind in network_config.MODEL_CLASSES:
        return _build(row.settings, weights, source, (*path, row.name))
    settings = dict(row.settings)
    shapes = declared_shapes(row.kind, settings, tensors[0].shape)
    if shapes:
        weights.check((*path, row.name), shapes)
    # Random values would be overwritten at once.
    settings |= {key: "zeros" for key in _INITIALIZED.get(row.kind, ())}
    return getattr(layers, row.kind)(name=row.name, **settings)


_INITIALIZED = {
    "Conv2D": ("kernel_initializer",), "Dense": ("kernel_initializer",),
    "DepthwiseConv2D": ("depthwise_initializer",),
    "SeparableConv2D": ("depthwise_initializer", "pointwise_initializer")}


def declared_shapes(kind, settings, shape):
    """Shapes of a layer's weights by role, from its settings and its input's shape."""
    channels = shape[settings.get("axis", -1) if kind == "BatchNormalization" else -1]
    kernel = settings.get("kernel_size", (1, 1))
    kernel = (kernel, kernel) if isinstance(kernel, int) else tuple(kernel)
    bias = settings.get("use_bias", True)
    if kind == "Dense":
        units = settings.get("units")
        return {"kernel": (channels, units)} | ({"bias": (units,)} if bias else {})
    if kind == "Conv2D":
        filters = settings.get("filters")
        inside = (channels or 0) // (settings.get("groups") or 1)
        return {"kernel": (*kernel, inside, filters)} | (
            {"bias": (filters,)} if bias else {})
    if kind in ("DepthwiseConv2D", "SeparableConv2D"):
        deep = settings.get("depth_multiplier", 1)
        shapes = {"depthwise_kernel": (*kernel, channels, deep)}
        if kind == "DepthwiseConv2D":
            return shapes | ({"bias": (channels * deep,)} if bias else {})
        filters = settings.get("filters")
        shapes["pointwise_kernel"] = (1, 1, channels * deep, filters)
        return shapes | ({"bias": (filters,)} if bias else {})
    if kind == "BatchNormalization":
        roles = [("gamma", settings.get("scale", True)),
                 ("beta", settings.get("center", True)),
                 ("moving_mean", True), ("moving_variance", True)]
        return {role: (channels,) for role, there in roles if there}
    return {}


def expected_shapes(layer):
    """Shapes of a built layer's weights by role, in the order of `layer.weights`."""
    roles = {}
    for variable in layer.weights:
        role = variable.name
        if role == "kernel" and isinstance(layer, layers.DepthwiseConv2D):
            role = "depthwise_kernel"
        roles[role] = tuple(variable.shape)
    return roles


def _known(outputs, end):
    name, call, output = end
    return (name in outputs and call < len(outputs[name])
            and output < len(outputs[name][call]))


def _tensor(outputs, end):
    name, call, output = end
    return outputs[name][call][output]


def _one(tensors):
    return tensors[0] if len(tensors) == 1 else tensors
