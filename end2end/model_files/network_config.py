"""Network descriptions of every Keras age, read as data and written again.

A description is the JSON text that Keras stores beside the weights. It becomes rows
(`Row`) of the layer classes in `layer_settings` and no others; nothing named in a file
is ever imported. `network_build` makes the model.
"""

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from end2end.model_files import keras1_names, layer_settings, operations
from end2end.model_files.layer_settings import expect, refuse
from end2end.utils import files

if TYPE_CHECKING:
    import keras

DEEPEST_NESTING = 16
# In all nested networks together; the largest of Keras's own networks has 1,040.
MOST_LAYERS = 2_500
MODEL_CLASSES = ("Model", "Functional", "Sequential")
# The oldest names of some classes.
_RENAMED = {"MaxPool2D": "MaxPooling2D", "AvgPool2D": "AveragePooling2D",
            "Convolution1D": "Conv1D", "Deconvolution2D": "Conv2DTranspose",
            "BatchNormalizationV1": "BatchNormalization",
            "BatchNormalizationV2": "BatchNormalization",
            # Which Keras 3 does not have; ReLU with a threshold is the same.
            "ThresholdedReLU": "ReLU"}
# Classes inside Keras's ConvNeXt, which files name as they name classes of users; those
# of other networks scale at prediction, too. The names of the layers tell them.
_OF_CONVNEXT = ("LayerScale", "StochasticDepth")
_CODE = ("Lambda", "__lambda__")


@dataclasses.dataclass
class Row:
    """One layer of a description.

    Attributes:
        name: of the layer that is built.
        kind: class name of the layer that is built.
        settings: checked constructor arguments; of a nested network its `Network`; of
            an `InputLayer` its shape without the batch.
        calls: per call the tensors it takes, each (layer name, call, output).
        stored_name: the name in the file; None of a layer that is not in it.
        stored_kind: class name in the file.
        turned: whether the file holds its kernel turned by 180 degrees.
    """

    name: str
    kind: str
    settings: object
    calls: list
    stored_name: str | None = ""
    stored_kind: str = ""
    turned: bool = False

    def __post_init__(self):
        if self.stored_name == "":
            self.stored_name = self.name
        self.stored_kind = self.stored_kind or self.kind


@dataclasses.dataclass
class Network:
    """Rows in their stored order, with (layer name, call, output) of both ends."""

    name: str
    rows: list
    inputs: list
    outputs: list


class _Reading:
    """Where a description comes from, how deep it is nested, how many layers it has."""

    def __init__(self, source):
        self.source, self.depth, self.layers = source, 0, 0

    def count(self, entries):
        self.layers += len(entries)
        if self.layers > MOST_LAYERS:
            refuse(self.source, f"has more than {MOST_LAYERS} layers")


def read(description: dict, source: str) -> Network:
    """Turns a stored description into a `Network`.

    Args:
        description: the decoded JSON, `{"class_name": ..., "config": ...}`.
        source: name of the file, for messages.

    Raises:
        files.InputError: a class that is not known, a Lambda, a setting that is not
            understood, a number beyond reason, or a description that is no network.
    """
    return _read(description, _Reading(source))


def of_model(model: "keras.Model", source: str) -> Network:
    """The `Network` of a model in memory.

    Raises:
        files.InputError: as `read`.
    """
    description = json.loads(model.to_json())
    _complete(description, model)
    return read(description, source)


def _complete(description, layer):
    """Adds what Keras before 3.15 leaves out of descriptions, from the layers."""
    kind, settings = description.get("class_name"), description.get("config")
    if kind in MODEL_CLASSES:
        for row in settings["layers"]:
            if row["class_name"] in (*MODEL_CLASSES, "Conv2DTranspose"):
                _complete(row, layer.get_layer(row["config"]["name"]))
    elif kind == "Conv2DTranspose":
        settings.setdefault("output_padding", layer.output_padding)


def _read(description, reading):
    source = reading.source
    kind = _kind(description, source)
    if kind not in MODEL_CLASSES:
        raise files.InputError(
            f"{source}: the model is of class {kind!r}; expected one of "
            f"{', '.join(MODEL_CLASSES)}. Classes of other programs are not loaded.")
    if reading.depth > DEEPEST_NESTING:
        refuse(source, f"holds networks nested deeper than {DEEPEST_NESTING}")
    reading.depth += 1
    config = description.get("config")
    network = (_read_sequential if kind == "Sequential" else _read_functional)(
        config, reading)
    reading.depth -= 1
    return network


def _read_functional(config, reading):
    source = reading.source
    entries = _entries(config, reading)
    rows = [_read_row(entry, reading) for entry in entries]
    network = Network(
        str(config.get("name", "model")), rows,
        _ends(config.get("input_layers"), source),
        _ends(config.get("output_layers"), source))
    stored = [row.stored_name for row in rows]
    expect(len(set(stored)) == len(stored), source, "two layers have one name")
    _name_rows(network)
    _count_calls_of_nested_networks_from_0(network)
    return network


def _name_rows(network):
    """Replaces slashes, which today's layer names may not have, also in the calls."""
    names, used = {}, {row.stored_name for row in network.rows
                       if "/" not in row.stored_name}
    for row in network.rows:
        name = row.stored_name.replace("/", "_")
        while row.stored_name != name and name in used:
            name += "_"
        used.add(name)
        names[row.stored_name] = row.name = name

    def renamed(ends):
        return [(names.get(name, name), *rest) for name, *rest in ends]

    for row in network.rows:
        row.calls = [renamed(call) for call in row.calls]
    network.inputs, network.outputs = map(renamed, (network.inputs, network.outputs))


def _read_sequential(config, reading):
    # Keras 2.0 stored the bare list of layers.
    if isinstance(config, list):
        config = {"layers": config}
    entries = _entries(config, reading)
    name = config.get("name", "sequential")
    rows = [_read_row(entry, reading) for entry in entries]
    expect(rows, reading.source, "it is a network without layers")
    if rows[0].kind != "InputLayer":
        rows.insert(0, Row(f"{name}_input", "InputLayer",
                           _input_shape(rows[0], entries[0], config, reading.source),
                           [], stored_name=None))
    network = Network(str(name), rows, [(_stored(rows[0]), 0, 0)],
                      [(_stored(rows[-1]), 0, 0)])
    for before, row in zip(rows, rows[1:], strict=False):
        row.calls = [[(_stored(before), 0, 0)]]
    stored = [_stored(row) for row in rows]
    expect(len(set(stored)) == len(stored), reading.source, "two layers have one name")
    first, rows[0].stored_name = rows[0].stored_name, _stored(rows[0])
    _name_rows(network)
    rows[0].stored_name = first
    return network


def _stored(row):
    return row.name if row.stored_name is None else row.stored_name


def _input_shape(row, entry, config, source):
    """Shape of the input of a sequential network, which its first layer may tell."""
    if isinstance(row.settings, Network):
        end = row.settings.inputs[0][0]
        ends = [inner for inner in row.settings.rows if inner.name == end]
        expect(ends, source, "a network lacks an end")
        return ends[0].settings
    settings = entry["config"] if isinstance(entry.get("config"), dict) else {}
    shape = settings.get("batch_input_shape") or config.get("build_input_shape")
    if shape is None:
        refuse(source, "does not say the shape of its input; save it again after "
               "model.build(input_shape)")
    expect(isinstance(shape, list), source, "its input has no shape")
    return layer_settings.shape(shape, source)


def _read_row(entry, reading):
    source = reading.source
    kind = _kind(entry, source)
    config = entry.get("config")
    name = entry.get("name") or (isinstance(config, dict) and config.get("name"))
    expect(isinstance(name, str) and name, source, "a layer has no name")
    where = f"{source}: layer {name!r}"
    if kind in _OF_CONVNEXT and "module" not in entry and \
            not re.search(r"_stage_\d+_block_\d+_", name):
        refuse(where, f"is a {kind} of another program than Keras's ConvNeXt")
    if operations.is_operation(entry):
        built, settings, ends = operations.layer(entry, where)
        return Row(name, built, settings, [[_end(end, where) for end in ends]],
                   stored_kind=operations.CLASSES[0])
    inbound = entry.get("inbound_nodes") or []
    expect(isinstance(inbound, list), where, "it has a malformed connection")
    # Keras 3 stores the default of its layers for images, True, with their calls, and
    # takes False at prediction.
    passing = kind in (*layer_settings.INACTIVE, "CenterCrop", "Resizing")
    calls = [_read_call(call, where, passing=passing) for call in inbound]
    if kind in MODEL_CLASSES:
        return Row(name, kind, _read(entry, reading), calls)
    if kind == "InputLayer":
        return Row(name, kind, _read_input(config, where), calls)
    if kind in layer_settings.INACTIVE:
        return Row(name, "Activation", {"activation": "linear"}, calls,
                   stored_kind=kind)
    built, config = keras1_names.layer(kind, config, where)
    if built not in layer_settings.SETTINGS:
        raise files.InputError(_refusal(built, where))
    return Row(name, built, layer_settings.checked(built, config, where), calls,
               stored_kind=kind)


def _read_input(config, where):
    expect(isinstance(config, dict), where, "it has no settings")
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    expect(isinstance(shape, list), where, "it has no shape")
    layer_settings.number_type(config.get("dtype"), where)
    return layer_settings.shape(shape, where)


def _refusal(kind, where):
    if kind in _CODE:
        return (f"{where} is a {kind}, which would run code from the file; it is not "
                "loaded. Rebuild the model without it.")
    return (f"{where} is of the class {kind!r}, which this program does not load; "
            f"expected one of {', '.join(layer_settings.SETTINGS)}, or a layer that "
            "acts in training only. This is a limit of this program, not damage of the "
            "file.")


def _kind(entry, source):
    """Class name of an entry, which must be one of Keras's own."""
    expect(isinstance(entry, dict) and isinstance(entry.get("class_name"), str),
           source, "a layer has no class")
    kind = entry["class_name"]
    # Keras 3 writes null for the module of a class that is not its own.
    module = entry.get("module", "keras")
    registered = entry.get("registered_name") or kind
    of_keras = str(module).split(".")[0] in ("keras", "tensorflow", "tf_keras")
    if not of_keras or registered not in (kind, f"keras>{kind}", f"Keras>{kind}"):
        raise files.InputError(
            f"{source}: class {str(registered)[:60]!r} of module {str(module)[:60]!r} "
            "is not one of Keras; custom classes are not loaded.")
    return _RENAMED.get(kind, kind)


def _read_call(call, where, *, passing=False):
    """Tensors of one call: lists of Keras 2, dictionaries of Keras 3."""
    if isinstance(call, dict):
        tensors = list(_keras_tensors(call.get("args"), where))
        extra = call.get("kwargs") or {}
        expect(isinstance(extra, dict), where, "it has a malformed connection")
    else:
        expect(isinstance(call, list), where, "it has a malformed connection")
        if call and isinstance(call[0], str):
            call = [call]
        tensors = [_end(item, where) for item in call]
        extra = {}
        for item in call:
            if len(item) > 3 and isinstance(item[3], dict):
                extra |= item[3]
    if extra.get("training") and not (passing and isinstance(call, dict)):
        refuse(where, "is called with training=True, so that predictions depend on "
               "chance or on the batch")
    for key, value in extra.items():
        if key not in ("training", "mask") or isinstance(value, (dict, list)):
            refuse(where, f"has the call argument {str(key)[:40]!r}, which is not "
                   "understood")
    expect(tensors, where, "it has a call without input")
    return tensors


def _keras_tensors(value, where, depth=0):
    expect(depth < DEEPEST_NESTING, where, "it has a malformed connection")
    if isinstance(value, list):
        for item in value:
            yield from _keras_tensors(item, where, depth + 1)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value.get("config")
        yield _end(config.get("keras_history") if isinstance(config, dict) else None,
                   where)
    elif value is not None:
        refuse(where, "has a constant as its input")


def _ends(value, source):
    """`["a", 0, 0]` or a list of such, in a list or (by name) a dictionary."""
    if isinstance(value, dict):
        value = list(value.values())
    expect(isinstance(value, list) and value, source, "a network lacks an end")
    if isinstance(value[0], str):
        value = [value]
    return [_end(item, source) for item in value]


def _end(item, source):
    expect(isinstance(item, list) and len(item) >= 3 and isinstance(item[0], str)
           and all(type(number) is int and number >= 0 for number in item[1:3]),
           source, "it has a malformed connection")
    return item[0], item[1], item[2]


def _count_calls_of_nested_networks_from_0(network):
    """Keras up to 2.15 counts the making of a nested network as its call 0.

    Its first use is call 1 then. Calls whose result nobody takes (`write`) are left
    out.
    """
    nested = {row.name: row for row in network.rows if row.kind in MODEL_CLASSES}
    ends = [end for row in network.rows for call in row.calls for end in call]
    numbers = {}
    for name, row in nested.items():
        used = sorted({end[1] for end in ends + network.outputs if end[0] == name})
        first = 1 if used and used[0] > 0 else 0
        calls = [number for number in used if number - first < len(row.calls)]
        numbers[name] = {number: place for place, number in enumerate(calls)}
        if calls:
            row.calls = [row.calls[number - first] for number in calls]

    def renumbered(ends):
        return [(name, numbers.get(name, {}).get(call, call), output)
                for name, call, output in ends]

    for row in network.rows:
        row.calls = [renumbered(call) for call in row.calls]
    network.outputs = renumbered(network.outputs)


def _entries(config, reading):
    entries = config.get("layers") if isinstance(config, dict) else None
    expect(isinstance(entries, list), reading.source, "it is a network without layers")
    reading.count(entries)
    return entries


def write(network: Network) -> dict:
    """The description of a `Network` in the words of Keras 2, read by all ages since.

    The counterpart of `read`. Keras 2 counts the making of a nested network as its call
    0, Keras 3 does not; so each call of one is written twice, and the number 2k + 1
    means call k to both. A call whose result nobody takes is never computed.
    """
    nested = {row.name for row in network.rows if row.kind in MODEL_CLASSES}

    def end(item):
        name, call, output = item
        return [name, 2 * call + 1 if name in nested else call, output]

    entries = []
    for row in network.rows:
        calls = [[[*end(item), {}] for item in call] for call in row.calls]
        if row.name in nested:
            calls = [call for call in calls for _ in range(2)]
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
    # Which tf.keras 2.3 does not know.
    settings = {key: value for key, value in row.settings.items()
                if (key, value) != ("keepdims", False)}
    return {"class_name": row.kind, "config": config | {
        "trainable": True, **settings}}
