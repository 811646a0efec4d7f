"""Network descriptions of every Keras age, read as data and written again.

A description is the JSON text that Keras stores beside the weights. It becomes rows
(`Row`) of the layer classes in `layer_settings` and no others; nothing named in a file
is ever imported. `network_build` makes the model.
"""

import dataclasses
import json

from end2end.model_files import keras1_names, layer_settings
from end2end.model_files.layer_settings import expect
from end2end.utils import files

DEEPEST_NESTING = 16
MOST_LAYERS = 20_000
MODEL_CLASSES = ("Model", "Functional", "Sequential")


@dataclasses.dataclass
class Row:
    """One layer of a description.

    Attributes:
        name: of the layer.
        kind: its class name.
        settings: checked constructor arguments; of a nested network its `Network`.
        calls: per call the tensors it takes, each (layer name, call, output).
    """

    name: str
    kind: str
    settings: object
    calls: list


@dataclasses.dataclass
class Network:
    """Rows in their stored order, with (layer name, call, output) of both ends."""

    name: str
    rows: list
    inputs: list
    outputs: list


def read(description, source, *, depth=0):
    """Turns a stored description into a `Network`.

    Args:
        description: the decoded JSON, `{"class_name": ..., "config": ...}`.
        source: name of the file, for messages.
        depth: of nesting, counted here.

    Raises:
        files.InputError: a class that is not known, a Lambda, a setting that is not
            understood, a number beyond reason, or a description that is no network.
    """
    kind = _kind(description, source)
    if kind not in MODEL_CLASSES:
        raise files.InputError(
            f"{source}: the model is of class {kind!r}; expected one of "
            f"{', '.join(MODEL_CLASSES)}. Classes of other programs are not loaded.")
    if depth > DEEPEST_NESTING:
        raise files.InputError(
            f"{source}: networks are nested deeper than {DEEPEST_NESTING}; the file is "
            "damaged or hostile.")
    config = description.get("config")
    if kind == "Sequential":
        return _read_sequential(config, source, depth)
    expect(isinstance(config, dict), source, "a network without layers")
    entries = _list(config, "layers", source)
    rows = [_read_row(entry, source, depth) for entry in entries]
    names = [row.name for row in rows]
    expect(len(set(names)) == len(names), source, "two layers of one name")
    network = Network(
        str(config.get("name", "model")), rows,
        _ends(config.get("input_layers"), source),
        _ends(config.get("output_layers"), source))
    _drop_own_calls(network)
    return network


def of_model(model, source):
    """The `Network` of a model in memory."""
    return read(json.loads(model.to_json()), source)


def _read_sequential(config, source, depth):
    # Keras 2.0 stored the bare list of layers.
    if isinstance(config, list):
        config = {"layers": config}
    entries = _list(config, "layers", source)
    name = config.get("name", "sequential")
    rows = [_read_row(entry, source, depth) for entry in entries]
    expect(rows, source, "a network without layers")
    if rows[0].kind != "InputLayer":
        rows.insert(0, Row(f"{name}_input", "InputLayer",
                           _input_shape(entries[0], config, source), []))
    for before, row in zip(rows, rows[1:], strict=False):
        row.calls = [[(before.name, 0, 0)]]
    return Network(str(name), rows, [(rows[0].name, 0, 0)], [(rows[-1].name, 0, 0)])


def _input_shape(entry, config, source):
    shape = entry["config"].get("batch_input_shape") if isinstance(
        entry.get("config"), dict) else None
    if shape is None:
        shape = config.get("build_input_shape")
    expect(isinstance(shape, list), source, "a network without the shape of its input")
    return layer_settings.shape(shape, source)


def _read_row(entry, source, depth):
    kind = _kind(entry, source)
    config = entry.get("config")
    nested = kind in MODEL_CLASSES
    name = entry.get("name") or (isinstance(config, dict) and config.get("name"))
    expect(isinstance(name, str) and name, source, "a layer without a name")
    where = f"{source}: layer {name!r}"
    if nested:
        settings = read(entry, source, depth=depth + 1)
    elif kind == "InputLayer":
        expect(isinstance(config, dict), where, "no settings")
        shape = config.get("batch_shape", config.get("batch_input_shape"))
        expect(isinstance(shape, list), where, "no shape")
        settings = layer_settings.shape(shape, where)
    else:
        kind, config = keras1_names.layer(kind, config, where)
        if kind not in layer_settings.SETTINGS:
            raise files.InputError(_refusal(kind, where))
        settings = layer_settings.checked(kind, config, where)
    inbound = entry.get("inbound_nodes") or []
    expect(isinstance(inbound, list), where, "a malformed connection")
    calls = [_read_call(call, where) for call in inbound]
    # A slash is not allowed in today's layer names.
    return Row(name.replace("/", "_"), kind, settings, calls)


def _refusal(kind, where):
    if kind in ("Lambda", "TFOpLambda", "SlicingOpLambda", "__lambda__"):
        return (f"{where} is a {kind}, which would run code from the file; it is not "
                "loaded. Rebuild the model without it.")
    return (f"{where} is of the unknown class {kind!r}; expected one of "
            f"{', '.join(layer_settings.SETTINGS)}. Custom classes are not loaded.")


def _kind(entry, source):
    """Class name of an entry, which must be one of Keras's own."""
    expect(isinstance(entry, dict) and isinstance(entry.get("class_name"), str),
            source, "a layer without a class")
    kind = entry["class_name"]
    module = entry.get("module") or "keras"
    registered = entry.get("registered_name") or kind
    own = str(module).split(".")[0] in ("keras", "tensorflow", "tf_keras")
    if not own or registered not in (kind, f"keras>{kind}", f"Keras>{kind}"):
        raise files.InputError(
            f"{source}: class {registered!r} of module {module!r} is not one of "
            "Keras; custom classes are not loaded.")
    # The oldest names of some classes.
    return {"MaxPool2D": "MaxPooling2D", "AvgPool2D": "AveragePooling2D",
            "BatchNormalizationV1": "BatchNormalization",
            "BatchNormalizationV2": "BatchNormalization"}.get(kind, kind)


def _read_call(call, where):
    """Tensors of one call: lists of Keras 2, dictionaries of Keras 3."""
    if isinstance(call, dict):
        tensors = list(_keras_tensors(call.get("args"), where))
        extra = call.get("kwargs") or {}
    else:
        expect(isinstance(call, list), where, "a malformed connection")
        if call and isinstance(call[0], str):
            call = [call]
        tensors = [_end(item, where) for item in call]
        extra = {}
        for item in call:
            if len(item) > 3 and isinstance(item[3], dict):
                extra |= item[3]
    for key, value in extra.items():
        expect(key in ("training", "mask") and not isinstance(value, (dict, list)),
                where, f"the call argument {key!r}, which is not understood")
    expect(tensors, where, "a call without input")
    return tensors


def _keras_tensors(value, where):
    if isinstance(value, list):
        for item in value:
            yield from _keras_tensors(item, where)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        history = (value.get("config") or {}).get("keras_history")
        yield _end(history, where)
    elif value is not None:
        raise files.InputError(f"{where} has a constant as its input; not supported.")


def _ends(value, source):
    """`["a", 0, 0]` or a list of such, in a list or (by name) a dictionary."""
    if isinstance(value, dict):
        value = list(value.values())
    expect(isinstance(value, list) and value, source, "a network without both ends")
    if isinstance(value[0], str):
        value = [value]
    return [_end(item, source) for item in value]


def _end(item, source):
    expect(isinstance(item, list) and len(item) >= 3 and isinstance(item[0], str)
            and all(type(number) is int and number >= 0 for number in item[1:3]),
            source, "a malformed connection")
    return (item[0].replace("/", "_"), item[1], item[2])


def _drop_own_calls(network):
    """Counts the calls of nested networks from 0.

    Keras up to 2.15 counts the making of a nested network as its call 0, so that its
    first use is call 1.
    """
    nested = {row.name for row in network.rows if row.kind in MODEL_CLASSES}
    used = [end for row in network.rows for call in row.calls for end in call]
    shifted = {name for name in nested
               if all(end[1] > 0 for end in used + network.outputs if end[0] == name)}

    def shift(ends):
        return [(name, call - (name in shifted), output) for name, call, output in ends]

    for row in network.rows:
        row.calls = [shift(call) for call in row.calls]
    network.outputs = shift(network.outputs)


def _list(config, key, source):
    value = config.get(key) if isinstance(config, dict) else None
    expect(isinstance(value, list), source, "a network without layers")
    expect(len(value) <= MOST_LAYERS, source, f"{len(value)} layers, beyond reason")
    return value


def write(network):
    """The description of a `Network` in the words of Keras 2, read by all ages since.

    The counterpart of `read`.
    """
    nested = {row.name for row in network.rows if row.kind in MODEL_CLASSES}

    def end(item):
        # Keras 2 counts the making of a nested network as its call 0.
        return [item[0], item[1] + (item[0] in nested), item[2]]

    entries = []
    for row in network.rows:
        calls = [[[*end(item), {}] for item in call] for call in row.calls]
        entries.append(
            {"name": row.name, "inbound_nodes": calls} | _written(row))
    return {"class_name": "Functional", "config": {
        "name": network.name, "layers": entries,
        "input_layers": [end(item) for item in network.inputs],
        "output_layers": [end(item) for item in network.outputs]}}


def _written(row):
    if row.kind in MODEL_CLASSES:
        return write(row.settings)
    config = {"name": row.name, "dtype": "float32"}
    if row.kind == "InputLayer":
        return {"class_name": row.kind, "config": config | {
            "batch_input_shape": [None, *row.settings], "sparse": False}}
    return {"class_name": row.kind, "config": config | {
        "trainable": True, **row.settings}}
