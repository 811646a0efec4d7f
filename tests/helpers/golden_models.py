"""Reads the original's network descriptions and builds ours with the same options."""

import functools
import gzip
import json
import pathlib

import numpy as np

from end2end import config, models

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "models"
CASES = sorted(path.stem for path in GOLDEN.glob("*.json"))
# The original's argument names.
OPTIONS = {
    "block_type": "top_kind", "depths": "top_filters", "reps": "top_repeats",
    "enlarge": "expansion", "dropout": "dropout", "weight_decay": "weight_decay",
    "add_heatmap": "heatmap", "avg_pool_size": "heatmap_pool",
    "hm_strides": "heatmap_strides", "hm_pool_size": "heatmap_max_pool",
    "add_conv": "convolutional", "add_shortcut": "shortcut",
    "fc_init_units": "dense_units", "fc_layers": "dense_layers"}


def case(name):
    """The description of one case."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


def options(golden):
    """The `ModelOptions` of a case."""
    settings = golden | golden.get("top", {})
    return config.ModelOptions(backbone=golden["patch_net"], **{
        ours: tuple(settings[theirs]) if isinstance(settings[theirs], list)
        else settings[theirs]
        for theirs, ours in OPTIONS.items() if theirs in settings})


@functools.cache
def patch_model(backbone, dropout):
    """A five-class patch classifier; building one takes seconds."""
    return models.patch_classifier(backbone, 5, dropout=dropout)


def build(golden):
    """Patch model and whole-image model of a case, cut as in the original."""
    patch = patch_model(golden["patch_net"], golden["patch_dropout"])
    whole = models.whole_image_classifier(
        patch, options(golden), size=golden["img_size"], semantics="original")
    return patch, whole


def inputs(name, kind, channels):
    """Golden network inputs, `images` or `patches`: float32 `(2, h, w, channels)`."""
    with np.load(GOLDEN / f"{name}.inputs.npz") as arrays:
        return np.repeat(arrays[kind].astype("float32"), channels, axis=-1)


def unpacked(source, folder):
    """Unpacks a .h5.gz into a folder and returns its path."""
    path = folder / source.stem
    path.write_bytes(gzip.decompress(source.read_bytes()))
    return path
