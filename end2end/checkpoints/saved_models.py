"""Model files: .h5 of every Keras age in, .h5 out, with what must travel beside it."""

import dataclasses
import json
import logging
import pathlib
import platform
import uuid

import h5py
import keras
import numpy as np

import end2end
from end2end import config
from end2end.checkpoints import published, weights_only
from end2end.model_files import (
    network_build,
    network_config,
    safe_loading,
    stored_weights,
)
from end2end.utils import files

log = logging.getLogger(__name__)

FORMAT = 1
# The Keras age whose layout is written.
KERAS_LAYOUT = "2.15.0"
# HDF5 keeps at most 64 KiB in one attribute of fixed length.
LONGEST_LIST = 60_000


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A model with what is needed to use it.

    Attributes:
        model: `keras.Model`; float32 `(b, height, width, channels)` to probabilities.
        images: how a file becomes its input.
        classes: names of the outputs, in order.
        name: of the model, for reports.
        card: everything that travels with the model (docs/models.md).
    """

    model: keras.Model
    images: config.ImageOptions
    classes: tuple
    name: str
    card: dict


def load_model(path):
    """Reads a model file of Keras 2.0 to 3, without running anything from it.

    Args:
        path: a .h5 or .keras file; compiled or not, with or without optimizer state.
            A file of weights only must be of a patch classifier or have its JSON beside
            it (`config_path`).

    Returns:
        an uncompiled `keras.Model`, every layer of it trainable.

    Raises:
        files.InputError: no model, cut off, not safe, or weights that do not fit.
    """
    return _load(path)[0]


def load_weights(model, path):
    """Fills a model with the weights of a file of Keras 2.0 to 3.

    Args:
        model: as built by `models`, of the same layers in the same order.
        path: whole model or weights only.

    Raises:
        files.InputError: as `load_model`.
    """
    with safe_loading.opened(path) as stored:
        weights_only.fill(model, stored.weights, f"model {stored.source}")


def _load(path):
    with safe_loading.opened(path) as stored:
        if stored.description is None:
            card = _card_beside(path, stored.card)
            return weights_only.load(stored, card), card
        network = network_config.read(stored.description, f"model {stored.source}")
        if isinstance(stored.weights, stored_weights.PathWeights):
            stored.weights.number_layers(network)
        model = network_build.build(
            network, stored.weights, f"model {stored.source}")
        return model, stored.card


def load_classifier(path, images=None, *, typed=None):
    """Reads a model with the image settings that it was trained with.

    Args:
        path: as for `load_model`.
        images: `ImageOptions` that win over those stored.
        typed: fields of `ImageOptions` by name, as typed by a user, that replace
            those stored with the model.

    Raises:
        files.InputError: as `load_model`, or nobody says how images must be prepared.
    """
    if typed:
        return _with_typed_settings(path, typed)
    path = pathlib.Path(path)
    model, card = _load(path)
    card = _card_beside(path, card) or published.card(
        model, path.stem, by_structure=images is None)
    cut = published.cut_before_end(model)
    if cut:
        log.info("%s was cut by the original before the end of its trunk, at %s; it is "
                 "used as it was trained.", path.name, cut)
    if images is None and card.get("images"):
        images = config.from_dict(
            config.ImageOptions, card["images"], source=str(config_path(path)))
    if images is None:
        raise files.InputError(
            f"model {path}: nothing says how its images were prepared; expected "
            f"{config_path(path).name} beside it, a published model, or the settings "
            "as flags (--img-size, --rescale-factor, --featurewise-mean).")
    images = _fitted(images, model, path)
    classes = _classes(card, model, path)
    return Classifier(model, images, classes, card.get("name") or path.stem, card)


def _with_typed_settings(path, typed):
    try:
        classifier = load_classifier(path)
    except files.InputError:
        # A model without settings of its own is described by the flags alone.
        return load_classifier(path, images=config.fill(config.ImageOptions, typed))
    images = dataclasses.replace(classifier.images, **typed)
    if {"size", "height"} & set(typed):
        return load_classifier(path, images=images)
    return dataclasses.replace(classifier, images=images)


def _fitted(images, model, path):
    """The settings with the channels of the model, checked against its input size."""
    *size, channels = model.input_shape[1:]
    free = None in size or images.height is not None
    if not free and tuple(images.size) != tuple(size):
        raise files.InputError(
            f"model {path} takes images of {size[0]}x{size[1]}, but they would be "
            f"prepared at {images.size[0]}x{images.size[1]}; correct --img-size or "
            f"{config_path(path).name}.")
    return dataclasses.replace(images, channels=channels)


def _classes(card, model, path):
    count = model.output_shape[-1]
    classes = tuple(card.get("classes") or (
        published.CLASSES if count == 2 else [f"class{i}" for i in range(count)]))
    if len(classes) != count:
        raise files.InputError(
            f"model {path} has {count} outputs, but its settings name the classes "
            f"{', '.join(map(str, classes))}; correct {config_path(path).name}.")
    return classes


def config_path(path):
    """Where the JSON of a model lies: `best.h5` to `best.config.json`."""
    return pathlib.Path(path).with_suffix(".config.json")


def _card_beside(path, inside):
    """The JSON beside a model, or the one inside it where that is another's."""
    beside = config_path(path)
    if not beside.exists():
        return inside or {}
    card = files.read_json(beside, "model settings")
    if not isinstance(card, dict):
        raise files.InputError(
            f"model settings {beside} are no JSON object; restore the file.")
    if inside and inside.get("id") != card.get("id"):
        log.warning("%s belongs to another model; the settings inside %s hold.",
                    beside, path)
        return inside
    return card


def save_model(model, path, card):
    """Writes a model and its card, atomically.

    A killed process leaves the old file or the new one. The layout is that of Keras
    2.x, which tf.keras 2.3 to 2.15 and Keras 3 read too. Optimizer state is not kept.

    Args:
        model: a functional `keras.Model` of the layers in `layer_settings.SETTINGS`.
        path: of the .h5; the card is also written to `config_path(path)`.
        card: dict of what must travel with the weights: `kind`, `classes`, `images`,
            `model`, `training`, `trained_on`, `metrics`.

    Raises:
        files.InputError: the model has a layer that cannot be loaded again.
    """
    path = pathlib.Path(path)
    card = {"format": FORMAT, **card, "id": uuid.uuid4().hex, "software": software()}
    card = json.loads(json.dumps(card, default=str))
    network = network_config.of_model(model, f"model {path.name}")
    description = network_config.write(network)
    with files.replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs["keras_version"] = KERAS_LAYOUT
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(description)
        file.attrs[safe_loading.CARD] = json.dumps(card)
        _write_weights(model, network, file.create_group("model_weights"))
    files.write_json(config_path(path), card)


def software():
    """Versions of the programs that matter for a model."""
    return {"end2end": end2end.__version__, "keras": keras.__version__,
            "python": platform.python_version()}


def _write_weights(model, network, group):
    group.attrs["keras_version"] = KERAS_LAYOUT
    group.attrs["backend"] = "tensorflow"
    _write_texts(group, "layer_names", [row.name for row in network.rows])
    for row in network.rows:
        inside = group.create_group(row.name)
        arrays = _named_arrays(model.get_layer(row.name), row)
        # The order of Keras 2: first all that can be trained.
        arrays.sort(key=lambda item: "/moving_" in item[0])
        for name, array in arrays:
            inside[name] = array
        _write_texts(inside, "weight_names", [name for name, _ in arrays])


def _named_arrays(layer, row):
    """`("conv1/kernel:0", array)` of a layer, or of all layers of a nested network."""
    if isinstance(row.settings, network_config.Network):
        return [item for inner in row.settings.rows
                for item in _named_arrays(layer.get_layer(inner.name), inner)]
    roles = network_build.expected_shapes(layer)
    return [(f"{row.name}/{role}:0", array) for role, array in zip(
        roles, layer.get_weights(), strict=True)]


def _write_texts(group, key, texts):
    """A list of texts as attribute, in numbered pieces where it is long, as Keras."""
    data = np.array([text.encode("utf-8") for text in texts] or [], dtype="S")
    pieces = -(-data.nbytes // LONGEST_LIST)
    if pieces <= 1:
        group.attrs[key] = data if texts else np.zeros(0, "S1")
        return
    for number, piece in enumerate(np.array_split(data, pieces)):
        group.attrs[f"{key}{number}"] = piece
