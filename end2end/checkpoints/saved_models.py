"""Model files: .h5 of every Keras age in, .h5 out, with what must travel beside it."""

import json
import logging
import pathlib
import platform
import uuid
from typing import TYPE_CHECKING

import h5py
import numpy as np

import end2end
from end2end.checkpoints import card_fields, published, trials, weights_only
from end2end.model_files import (
    ages,
    network_build,
    network_config,
    safe_loading,
    stored_weights,
)
from end2end.utils import files

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

existing_model, is_model = safe_loading.existing_model, safe_loading.is_model

# The Keras age whose layout is written.
KERAS_LAYOUT = "2.15.0"
# HDF5 keeps at most 64 KiB in one attribute of fixed length.
LONGEST_LIST = 60_000


def load_model(path: str | pathlib.Path) -> "keras.Model":
    """Reads a model file of Keras 1.2 to 3, without running anything from it.

    Args:
        path: a model file in HDF5 (.h5, .hdf5, ...) or a .keras file; compiled or not,
            with or without optimizer state. A file of weights only must be of a patch
            classifier or have its JSON beside it (`config_path`).

    Returns:
        an uncompiled `keras.Model`, every layer of it trainable, that computes in
        Keras 3 what the file computed where it was written.

    Raises:
        files.InputError: no model, cut off, not safe, weights that do not fit, or a
            network that cannot be computed or costs too much.
    """
    model, card = read(path)
    if not is_foreign(path, card) and has_fixed_size(model):
        trials.check(model, pathlib.Path(path).name)
    return model


def has_fixed_size(model: "keras.Model") -> bool:
    """Whether the sides of all inputs of a model are known."""
    return all(None not in tensor.shape[1:] for tensor in model.inputs)


def is_foreign(path: str | pathlib.Path, card: dict | None) -> bool:
    """Whether a model was neither saved by this program nor published by its authors.

    Such a network is built and tried in the process of trials before it is built here.

    Args:
        path: of its file, whose name tells a published one.
        card: inside the file, or None.
    """
    programs = (card or {}).get("software") or {}
    return not ("end2end" in programs or published.by_name(pathlib.Path(path).stem))


def load_weights(model: "keras.Model", path: str | pathlib.Path) -> None:
    """Fills a model with the weights of a file of Keras 2.0 to 3.

    Args:
        model: as built by `models`, of the same layers in the same order.
        path: whole model or weights only.

    Raises:
        files.InputError: as `load_model`.
    """
    with safe_loading.opened(path) as stored:
        weights_only.fill(model, stored)


def read(path: str | pathlib.Path, *, tried: bool = False
         ) -> tuple["keras.Model", dict]:
    """A model and the card inside its file ({} where there is none).

    Args:
        path: of the model file.
        tried: whether it is known that the network can be built within limits; else
            that of a foreign file is built in the process of trials first.

    Raises:
        files.InputError: as `load_model`.
    """
    path = safe_loading.existing_model(path)
    with safe_loading.opened(path) as stored:
        source = f"model {stored.source}"
        inside = stored.card
        if inside is not None:
            inside = card_fields.checked(inside, f"the card in {source}")
        foreign = is_foreign(path, inside)
        if not tried and foreign:
            trials.in_isolation(path)
        if stored.description is None:
            card = card_beside(path, inside)
            return weights_only.load(stored, card), card
        network = network_config.read(stored.description, source)
        if isinstance(stored.weights, stored_weights.PathWeights):
            stored.weights.number_layers(network)
        if foreign:
            ages.check_names(network, stored.age, source)
        network = ages.in_words_of_keras_3(network, stored.age, source)
        return network_build.build(network, stored.weights, source), inside or {}


def config_path(path: str | pathlib.Path) -> pathlib.Path:
    """Where the JSON of a model lies: `best.h5` to `best.config.json`."""
    return pathlib.Path(path).with_suffix(".config.json")


def card_beside(path: str | pathlib.Path, inside: dict | None) -> dict:
    """The JSON beside a model, or the card inside it where that is another's.

    Raises:
        files.InputError: the JSON is damaged, or a field has an impossible value.
    """
    beside = config_path(path)
    if not beside.exists():
        return inside or {}
    card = card_fields.checked(
        files.read_json(beside, "model settings"), f"model settings {beside}")
    if inside and inside.get("id") != card.get("id"):
        log.warning("%s belongs to another model; the settings inside %s hold.",
                    beside, path)
        return inside
    return card


def save_model(model: "keras.Model", path: str | pathlib.Path, card: dict) -> None:
    """Writes a model and its card, atomically.

    A killed process leaves the old file or the new one. The layout is that of Keras
    2.x, which tf.keras 2.3 to 2.15 and Keras 3 load too, with
    `load_model(path, compile=False)`. Optimizer state is not kept.

    A model that was trained in half precision (`--precision`) is written as one of
    float32, since that is how it was trained and not what it is.

    Args:
        model: a functional `keras.Model` of the layers in `layer_settings.SETTINGS`.
        path: of the .h5; the card is also written to `config_path(path)`.
        card: dict of what must travel with the weights: `kind`, `classes`, `images`,
            `model`, `training`, `trained_on`, `metrics`.

    Raises:
        files.InputError: the model has a layer that cannot be loaded again.
    """
    path = pathlib.Path(path)
    card = {"format": card_fields.FORMAT, **card, "id": uuid.uuid4().hex,
            "software": software()}
    card = json.loads(json.dumps(card, default=str))
    network = ages.in_words_of_keras_3(
        network_config.of_model(model, f"model {path.name}"),
        ages.Age(software()["keras"], "tensorflow"), f"model {path.name}")
    description = _in_float32(network_config.write(network))
    with files.replacing(path) as part, h5py.File(part, "w") as file:
        _write_age(file)
        file.attrs["model_config"] = json.dumps(description).encode()
        file.attrs[safe_loading.CARD] = json.dumps(card)
        _write_weights(model, network, file.create_group("model_weights"))
    files.write_json(config_path(path), card)


def _in_float32(description):
    """The description of a network with every layer computing in float32."""
    if isinstance(description, list):
        return list(map(_in_float32, description))
    if not isinstance(description, dict):
        return description
    return {name: "float32" if name == "dtype" else _in_float32(value)
            for name, value in description.items()}


def software() -> dict:
    """Versions of the programs that matter for a model."""
    import keras

    return {"end2end": end2end.__version__, "keras": keras.__version__,
            "python": platform.python_version()}


def _write_age(group):
    # As bytes, like the description: tf.keras 2.3 with its h5py 2.10 decodes them.
    group.attrs["keras_version"] = KERAS_LAYOUT.encode()
    group.attrs["backend"] = b"tensorflow"


def _write_weights(model, network, group):
    _write_age(group)
    _write_texts(group, "layer_names", [row.name for row in network.rows])
    for row in network.rows:
        inside = group.create_group(row.name)
        arrays = _named_arrays(model, row)
        # The order of Keras 2: first all that can be trained.
        arrays.sort(key=lambda item: "/moving_" in item[0])
        for name, array in arrays:
            inside[name] = array
        _write_texts(inside, "weight_names", [name for name, _ in arrays])


def _named_arrays(model, row):
    """`("conv1/kernel:0", array)` of a layer, or of all layers of a nested network."""
    if row.stored_name is None:
        return []
    layer = model.get_layer(row.name)
    if isinstance(row.settings, network_config.Network):
        return [item for inner in row.settings.rows
                for item in _named_arrays(layer, inner)]
    roles = network_build.expected_shapes(layer)
    return [(f"{row.name}/{role}:0", array) for role, array in zip(
        roles, layer.get_weights(), strict=True)]


def _write_texts(group, key, texts):
    """A list of texts as attribute, in numbered pieces where it is long, as Keras."""
    data = np.array([text.encode("utf-8") for text in texts])
    pieces = -(-data.nbytes // LONGEST_LIST)
    if pieces <= 1:
        group.attrs[key] = data if texts else np.zeros(0, "S1")
        return
    for number, piece in enumerate(np.array_split(data, pieces)):
        group.attrs[f"{key}{number}"] = piece
