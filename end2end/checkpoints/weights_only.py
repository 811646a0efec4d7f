"""Files of weights without a network: which network they belong to, and filling it."""

from typing import TYPE_CHECKING

from end2end import config, models
from end2end.model_files import (
    layer_settings,
    network_build,
    network_config,
    stored_weights,
)
from end2end.utils import files

if TYPE_CHECKING:
    import keras

    from end2end.model_files import safe_loading

# A layer that only this trunk has, tried in this order.
MARKS = {
    "resnet50": "res5c_branch2c", "xception": "block14_sepconv2",
    "yaroslav": "block6_conv2", "vgg19": "block5_conv4", "vgg16": "block5_conv3",
    "inception": "conv2d_94"}


def load(stored: "safe_loading.Stored", card: dict) -> "keras.Model":
    """Builds the network of a file of weights and fills it.

    Args:
        stored: `safe_loading.Stored` without a description.
        card: what the JSON beside the file says, or {}.

    Raises:
        files.InputError: neither the card nor the names of the weights tell the
            network, or they do not fit it.
    """
    source = f"model {stored.source}"
    model = _from_card(card, source) if card.get("kind") else _from_names(stored)
    if model is None:
        raise files.InputError(
            f"{source} holds weights without the network, which their names do not "
            "tell; save the whole model, put its .config.json beside it, or fill a "
            "model of your own with checkpoints.load_weights.")
    fill(model, stored)
    return model


def fill(model: "keras.Model", stored: "safe_loading.Stored") -> None:
    """Fills a model that was built before.

    Args:
        model: of the layers of the file, in their order.
        stored: `safe_loading.Stored`, with or without a description.

    Raises:
        files.InputError: a weight is missing or misshapen, or the file is of Theano,
            whose convolutions the layers of this model do not compute.
    """
    weights, source = stored.weights, f"model {stored.source}"
    if stored.age.backend == "theano":
        layer_settings.refuse(
            source, "holds weights of Keras with Theano without their network, whose "
            "convolutions differ from those here; save the whole model there")
    network = network_config.of_model(model, source)
    if isinstance(weights, stored_weights.PathWeights):
        weights.number_layers(network)
    else:
        weights.rename([row.name for row in network.rows
                        if model.get_layer(row.name).weights])
    _fill(model, network, weights, ())


def _fill(model, network, weights, path):
    for row in network.rows:
        layer = model.get_layer(row.name)
        if isinstance(row.settings, network_config.Network):
            _fill(layer, row.settings, weights, (*path, row.name))
        elif layer.weights:
            layer.set_weights(weights.read(
                (*path, row.name), network_build.expected_shapes(layer)))


def _from_card(card, source):
    """The network that a card of this project describes."""
    options = config.from_dict(config.ModelOptions, card.get("model"), source=source)
    images = config.from_dict(config.ImageOptions, card.get("images"), source=source)
    count = len(card.get("classes") or ())
    channels = images.channels
    whole = card["kind"] == "whole_image"
    patch = models.patch_classifier(
        options.backbone, card.get("patch_classes", 5) if whole else count,
        dropout=options.dropout, input_shape=(None, None, channels))
    if not whole:
        return patch
    return models.whole_image_classifier(
        patch, options, size=images.size, num_classes=count)


def _from_names(stored):
    """The patch classifier that the names of its weights tell, or None.

    Of a whole-image network the weights do not tell where its blocks end.
    """
    if not isinstance(stored.weights, stored_weights.GroupedWeights):
        return None
    tops = [owners for owners in stored.weights.shapes().values() if owners]
    names = {owner for owners in tops for owner in owners}
    backbone = next((name for name, mark in MARKS.items() if mark in names), None)
    if backbone is None or max(map(len, tops)) > 1:
        return None
    first, last = (next(iter(owners.values())) for owners in (tops[0], tops[-1]))
    return models.patch_classifier(
        backbone, last["kernel"][1], input_shape=(None, None, first["kernel"][2]))
