"""Plain arithmetic between layers, which files store as functions, as layers.

`x / 255 - 1` or `a + b` in the code of a model becomes a TFOpLambda in files of
tf.keras 2.4 to 2.15, and an operation in files of Keras 3. What a layer without weights
computes too is built of that layer; every other function is refused by name.
"""

import math

from end2end.model_files.layer_settings import expect, refuse

CLASSES = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
# Module of the operations of Keras 3.
MODULE = "keras.src.ops"
ALIASES = {
    "math.add": "add", "__operators__.add": "add", "math.subtract": "subtract",
    "__operators__.sub": "subtract", "math.multiply": "multiply",
    "__operators__.mul": "multiply", "math.truediv": "divide", "math.divide": "divide",
    "__operators__.truediv": "divide", "truedivide": "divide",
    "math.reduce_mean": "mean", "math.maximum": "maximum", "math.minimum": "minimum",
    "nn.relu": "relu", "nn.relu6": "relu6", "math.sigmoid": "sigmoid",
    "nn.sigmoid": "sigmoid", "math.tanh": "tanh", "nn.tanh": "tanh",
    "nn.softmax": "softmax", "nn.silu": "silu", "nn.swish": "silu"}
# Of two tensors: the layer. Of a tensor x and a number c: scale and offset of x, for
# x first and for c first.
MERGES = {"add": "Add", "multiply": "Multiply", "subtract": "Subtract",
          "maximum": "Maximum", "minimum": "Minimum"}
WITH_NUMBER = {
    "add": (lambda c: (1.0, c), lambda c: (1.0, c)),
    "multiply": (lambda c: (c, 0.0), lambda c: (c, 0.0)),
    "subtract": (lambda c: (1.0, -c), lambda c: (-1.0, c)),
    "divide": (lambda c: (1.0 / c if c else math.inf, 0.0), None)}
WITH_TWO = (*MERGES, *WITH_NUMBER, "truedivide")
ACTIVATIONS = ("relu", "relu6", "sigmoid", "tanh", "softmax", "silu")


def is_operation(entry: dict) -> bool:
    """Whether an entry of a network's layers is a function and not a layer.

    The .h5 files of Keras 3 do not name the module; but a layer of several tensors
    takes a list of them, a function takes one after the other.
    """
    if entry.get("class_name") in (*CLASSES, "Mean") or \
            str(entry.get("module")).startswith(MODULE):
        return True
    calls = entry.get("inbound_nodes")
    call = calls[0] if isinstance(calls, list) and calls else None
    return isinstance(call, dict) and isinstance(call.get("args"), list) and \
        len(call["args"]) > 1 and str(entry.get("class_name")).lower() in WITH_TWO


def layer(entry: dict, where: str) -> tuple[str, dict, list]:
    """The layer that computes what a stored function does.

    Args:
        entry: of a network's layers; `is_operation`.
        where: file and layer, for messages.

    Returns:
        class and settings of the layer, and the tensors that it takes, each
        `[layer name, call, output]`.

    Raises:
        files.InputError: a function that no layer computes.
    """
    name, operands, settings = _call(entry, where)
    tensors = [value for value in operands if isinstance(value, list)]
    numbers = [value for value in operands if not isinstance(value, list)]
    if name in MERGES and len(tensors) == 2 and not settings:
        return MERGES[name], {}, tensors
    if name in WITH_NUMBER and len(tensors) == len(numbers) == 1 and not settings:
        return "Rescaling", _rescaling(name, operands, where), tensors
    if name in ACTIVATIONS and len(tensors) == 1 and not numbers and \
            settings.get("axis", -1) in (-1, None):
        return "Activation", {"activation": name}, tensors
    if name == "mean" and len(tensors) == 1 and settings.get("axis") == [1, 2]:
        keep = {"keepdims": True} if settings.get("keepdims") else {}
        return "GlobalAveragePooling2D", keep, tensors
    kind = str(entry.get("class_name"))[:60]
    refuse(where, f"({kind}) computes {name[:60]!r} between the layers, which no layer "
           "of this program does; rebuild the model with layers (Rescaling, Add, ...)")


def _rescaling(name, operands, where):
    of_first, of_second = WITH_NUMBER[name]
    first = isinstance(operands[0], list)
    function = of_first if first else of_second
    number = operands[1 if first else 0]
    if function is None or not isinstance(number, (int, float)) or \
            isinstance(number, bool):
        refuse(where, f"computes {name!r} of what is no number and a layer")
    scale, offset = function(float(number))
    expect(math.isfinite(scale) and math.isfinite(offset), where,
           f"it computes with the number {number}")
    return {"scale": scale, "offset": offset}


def _call(entry, where):
    """Name of the function, what it is computed of, and its other arguments."""
    config, calls = entry.get("config"), entry.get("inbound_nodes")
    expect(isinstance(config, dict) and isinstance(calls, list) and len(calls) == 1,
           where, "it has a malformed connection")
    if entry["class_name"] == "TFOpLambda":
        return _of_tensorflow(config, calls[0], where)
    if entry["class_name"] in CLASSES:
        refuse(where, f"is a {entry['class_name']}, an operation of TensorFlow between "
               "the layers; rebuild the model with layers")
    return _of_keras(entry["class_name"], config, calls[0], where)


def _of_tensorflow(config, call, where):
    function = str(config.get("function"))
    if isinstance(call, list) and call and isinstance(call[0], list):
        call = call[0]
    expect(isinstance(call, list) and len(call) == 4 and isinstance(call[3], dict),
           where, "it has a malformed connection")
    arguments = {key: value for key, value in call[3].items()
                 if (key, value) not in (("name", None), ("keepdims", False))}
    first = call[2] if call[0] == "_CONSTANT_VALUE" else call[:3]
    second = [arguments.pop("y")] if "y" in arguments else []
    return ALIASES.get(function, function), [first, *second], arguments


def _of_keras(kind, config, call, where):
    name = kind.lower()
    expect(isinstance(call, dict) and isinstance(call.get("args"), list)
           and isinstance(call.get("kwargs") or {}, dict), where,
           "it has a malformed connection")
    operands = [_operand(value, where) for value in call["args"]]
    arguments = {key: value for key, value in (
        *config.items(), *(call.get("kwargs") or {}).items())
        if key not in ("name", "dtype") and value not in (None, False)}
    return ALIASES.get(name, name), operands, arguments


def _operand(value, where):
    """A tensor as `[layer name, call, output]`; all else as it is."""
    if isinstance(value, dict):
        config = value.get("config")
        history = config.get("keras_history") if isinstance(config, dict) else None
        expect(isinstance(history, list), where, "it has a malformed connection")
        return history
    return {"": value} if isinstance(value, list) else value
