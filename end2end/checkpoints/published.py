"""What is known of the published models, and the plan of a model read off its layers.

The models of Shen et al. 2019 were published as bare Keras 2.0.8 files: nothing in them
says how images must be prepared. Sources: the paper's Tables 2 and 3, the example
notebook and the model tables of the original's README.
"""

import logging
import re
from typing import TYPE_CHECKING

from end2end import config, models
from end2end.dicom import acquisition

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

# Mean grey values of the training images at 1152x896 after scaling to 0-255.
CBIS_DDSM_MEAN = 52.18
INBREAST_MEAN = 44.33
# 255 / 65535, as rounded in the original's commands.
INTENSITY_SCALE = 0.003891
SIZE = (1152, 896)
PATCH_SIZE = (224, 224)
LICENCE = ("CC BY-NC-SA (weights of Shen et al. 2019: name them, no commercial "
           "use, share alike)")
CLASSES = ("neg", "pos")
ACQUISITIONS = {"CBIS-DDSM": acquisition.FILM, "INbreast": acquisition.DIGITAL}

_RESNET = {"top_kind": "resnet", "top_filters": (512, 512), "top_repeats": (2, 2),
           "expansion": 2, "heatmap": False}
_VGG = {"top_kind": "vgg", "top_filters": (512, 512), "top_repeats": (1, 1),
        "heatmap": False}

# `files` are names in circulation: those of the original's README and notebook, and of
# collections of mammography models. `auc` and `auc_flips` are areas under the ROC curve
# on the original's own test split, without and with the four flips.
PUBLISHED = (
    {"name": "CBIS-DDSM Resnet50 [512-512-1024]x2",
     "files": ("1152x896_s10_prt_addtopf2_1", "ddsm_resnet50_s10_[512-512-1024]x2"),
     "plan": {"backbone": "resnet50", **_RESNET},
     "data": "CBIS-DDSM", "auc": 0.8637, "auc_flips": 0.8783},
    {"name": "CBIS-DDSM VGG16 512x1",
     "files": ("1152x896_s10_prt_addvgg20", "ddsm_vgg16_s10_512x1"),
     "plan": {"backbone": "vgg16", **_VGG},
     "data": "CBIS-DDSM", "auc": 0.8254, "auc_flips": 0.8592},
    {"name": "CBIS-DDSM VGG16 [512-512-1024]x2",
     "files": ("1152x896_s10_prt_addvgg53", "ddsm_vgg16_s10_[512-512-1024]x2_hybrid"),
     "plan": {"backbone": "vgg16", **_RESNET},
     "data": "CBIS-DDSM", "auc": 0.8491, "auc_flips": 0.8824},
    {"name": "CBIS-DDSM YaroslavNet heatmap + max pooling + FC16-8 + shortcut",
     "files": ("ddsm_YaroslavNet_s10",),
     "plan": {"backbone": "yaroslav", "heatmap": True, "convolutional": False,
              "shortcut": True, "dense_units": 16, "dense_layers": 2},
     "data": "CBIS-DDSM", "auc": 0.83, "auc_flips": 0.86},
    {"name": "INbreast VGG16 512x1",
     "files": ("inbreast_vgg16_512x1",),
     "plan": {"backbone": "vgg16", **_VGG},
     "data": "INbreast", "auc": 0.92, "auc_flips": 0.94},
    {"name": "INbreast VGG16 [512-512-1024]x2",
     "files": ("inbreast_vgg16_[512-512-1024]x2_hybrid",),
     "plan": {"backbone": "vgg16", **_RESNET},
     "data": "INbreast", "auc": 0.95, "auc_flips": 0.96},
)
# Patch classifiers: five classes in the order of the original's folders, names sorted.
PATCH_CLASSES = ("background", "calc_mal", "calc_ben", "mass_mal", "mass_ben")

# Weights of each trunk, by which it is recognised; one-channel inputs have fewer.
TRUNK_PARAMETERS = {
    "resnet50": 23587712, "vgg16": 14714688, "vgg19": 20024384, "xception": 20861480,
    "inception": 21802784, "yaroslav": 5901792}
_FIRST_KERNEL = {"resnet50": 7 * 7 * 64, "vgg16": 9 * 64, "vgg19": 9 * 64,
                 "xception": 9 * 32, "inception": 9 * 32, "yaroslav": 9 * 32}


def card(model: "keras.Model", name: str, *, by_structure: bool = True) -> dict:
    """What is known of a model without settings of its own.

    Args:
        model: of one input and one output.
        name: of its file, without folder and suffix.
        by_structure: also recognise a renamed file by the layers of the model.

    Returns:
        the card of a published model, recognised by file name or by structure; an empty
        dict for any other model.
    """
    plan = read_plan(model)
    if not plan:
        return _patch_card(model, name) if by_structure else {}
    by_name = [row for row in PUBLISHED if _plain(name) in map(_plain, row["files"])
               and _fits(row["plan"], plan)]
    rows = by_name or [row for row in PUBLISHED if by_structure
                       and _fits(row["plan"], plan)]
    if not rows or model.output_shape[1] != len(CLASSES):
        return {}
    if not by_name:
        inbreast = "inbreast" in name.lower()
        rows.sort(key=lambda row: (row["data"] == "INbreast") != inbreast)
        log.warning(
            "%s is taken for the published model %s by its structure: pixel mean %s, "
            "rescale factor %s. Give the settings as flags if it is another.",
            name, rows[0]["name"], mean(rows[0]), INTENSITY_SCALE)
    return _card(rows[0], plan, model)


def by_name(name: str) -> dict:
    """What is known of a published model by the name of its file alone, else {}."""
    for row in PUBLISHED:
        if _plain(name) in map(_plain, row["files"]):
            return dict(name=row["name"], licence=LICENCE, trained_on=_trained_on(row))
    return {}


def _trained_on(row):
    return f"{row['data']} by Shen et al. 2019 (published model)"


def _plain(name):
    """A file name as it is compared: downloads may have lost case or brackets."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r" \(\d+\)$", "", name).lower())


def mean(row: dict) -> float:
    """Mean grey value of the training images of a row of `PUBLISHED`."""
    return INBREAST_MEAN if row["data"] == "INbreast" else CBIS_DDSM_MEAN


def _card(row, plan, model):
    size = model.input_shape[1:3]
    images = config.ImageOptions(
        size=SIZE if None in size else tuple(size), intensity_scale=INTENSITY_SCALE,
        pixel_mean=mean(row), channels=model.input_shape[-1])
    return {
        "format": 1, "name": row["name"], "kind": "whole_image", "published": True,
        "classes": list(CLASSES), "images": config.to_dict(images),
        "model": config.to_dict(config.ModelOptions(**plan)),
        "trained_on": _trained_on(row),
        "acquisition": ACQUISITIONS[row["data"]],
        "licence": LICENCE,
        "metrics": {"auc": row["auc"], "auc_flips": row["auc_flips"],
                    "source": "Shen et al. 2019, its notebook and README"},
    }


def _patch_card(model, name):
    """The card of a published patch classifier, recognised by its layers."""
    backbone = _patch_backbone(model)
    if backbone is None or model.output_shape[1] != len(PATCH_CLASSES):
        return {}
    patch_set = _patch_set(name, backbone)
    if not patch_set:
        log.warning(
            "%s is taken for a published patch classifier (%s) by its structure: pixel "
            "mean %s, rescale factor %s, classes %s. Give the settings as flags if it "
            "is another.", name, backbone, CBIS_DDSM_MEAN, INTENSITY_SCALE,
            ", ".join(PATCH_CLASSES))
    size = model.input_shape[1:3]
    images = config.ImageOptions(
        size=PATCH_SIZE if None in size else tuple(size),
        intensity_scale=INTENSITY_SCALE, pixel_mean=CBIS_DDSM_MEAN,
        channels=model.input_shape[-1])
    return {
        "format": 1, "kind": "patch",
        "name": f"CBIS-DDSM patch classifier {backbone} {patch_set}".strip(),
        "published": True, "classes": list(PATCH_CLASSES),
        "images": config.to_dict(images),
        "model": config.to_dict(config.ModelOptions(backbone=backbone)),
        "trained_on": "CBIS-DDSM by Shen et al. 2019 (published model)",
        "licence": LICENCE,
    }


def _patch_set(name, backbone):
    """The set of patches that a file name tells (`ddsm_vgg16_s10.h5`), or nothing.

    The name must tell the network too, and the network be that one.
    """
    match = re.search(r"s[13]0(?!\d)", _plain(name))
    return match[0].upper() if match and backbone in _plain(name) else ""


def _patch_backbone(model):
    """Name of the backbone of a patch classifier, which has no nested trunk."""
    if not hasattr(model.layers[-1], "units"):
        return None
    head = model.layers[-1].count_params()
    return _backbone_of(model, model.count_params() - head)


def _fits(expected, plan):
    return all(plan.get(key) == value for key, value in expected.items())


def read_plan(model: "keras.Model") -> dict:
    """Reads the options of a whole-image model off its layers.

    Args:
        model: a `keras.Model` from anywhere.

    Returns:
        fields of `ModelOptions` as dict; empty where `layers[1]` is no known trunk.
    """
    if not _has_trunk(model):
        return {}
    backbone = trunk_name(model.layers[1])
    if backbone is None:
        return {}
    top = model.layers[2:]
    plan = {"backbone": backbone, "heatmap": models.has_heatmap(model)}
    if plan["heatmap"]:
        plan |= {"heatmap_pool": top[0].pool_size, "heatmap_strides": top[0].strides,
                 "heatmap_max_pool": top[3].pool_size}
        top = top[4:]
    rates = [layer.rate for layer in top if _is(layer, "Dropout")]
    if rates:
        plan["dropout"] = rates[-1]
    penalties = [layer.kernel_regularizer for layer in top
                 if getattr(layer, "kernel_regularizer", None)]
    if penalties:
        plan["weight_decay"] = float(penalties[0].l2)
    if any(_is(layer, "Flatten") for layer in top):
        return plan | _dense_plan(top)
    if any(_is(layer, "DepthwiseConv2D") for layer in top):
        return plan     # blocks that no published model has
    return plan | _convolutional_plan(top)


def _has_trunk(model):
    return len(model.layers) >= 3 and hasattr(model.layers[1], "layers")


def _is(layer, *kinds):
    return type(layer).__name__ in kinds


def trunk_name(trunk: "keras.Model") -> str | None:
    """Name of the backbone that a nested trunk is, or None.

    A trunk cut by the original before its last ReLU has the same weights.
    """
    return _backbone_of(trunk, trunk.count_params())


def _backbone_of(model, parameters):
    if any(_is(layer, "Rescaling") for layer in model.layers):
        return None     # a trunk of today's Keras, which may have as many weights
    channels = model.inputs[0].shape[-1]
    for name, count in TRUNK_PARAMETERS.items():
        missing = models.backbones.BACKBONES[name].channels - channels
        if parameters == count - missing * _FIRST_KERNEL[name]:
            return name
    return None


def _dense_plan(top):
    units = [layer.units for layer in top if _is(layer, "Dense")]
    shortcut = any(_is(layer, "Add") for layer in top)
    hidden = units[:-2] if shortcut else units[:-1]
    return {"convolutional": False, "shortcut": shortcut,
            "dense_units": hidden[0] if hidden else 0, "dense_layers": len(hidden)}


def _convolutional_plan(top):
    filters, repeats, before = [], [], None
    kind = "vgg"
    for layer in top:
        if _is(layer, "MaxPooling2D"):
            before = None
        if not _is(layer, "Conv2D"):
            continue
        if layer.kernel_size == (3, 3):
            # A block begins after a pooling, or with a 1x1 convolution of stride 2.
            if before is None or before.strides == (2, 2):
                filters.append(layer.filters)
                repeats.append(0)
            repeats[-1] += 1
        else:
            kind = "resnet"
        before = layer
    plan = {"convolutional": True, "top_kind": kind, "top_filters": tuple(filters),
            "top_repeats": tuple(repeats)}
    last = [layer for layer in top if _is(layer, "GlobalAveragePooling2D")]
    if kind == "resnet" and filters and last:
        plan["expansion"] = last[-1].input.shape[-1] // filters[-1]
    return plan


def cut_before_end(model: "keras.Model") -> str | None:
    """Name of the trunk's last layer where the original cut it one layer too early.

    The original counted layers from the end of the patch model; a head without dropout
    then lost the last ReLU or pooling (docs/differences.md). Such models stay as they
    are, since they were trained so.

    Returns:
        the name, or None of a trunk that ends as intended.
    """
    if not _has_trunk(model):
        return None
    last = model.layers[1].layers[-1]
    whole = _is(last, "Activation", "ReLU", "MaxPooling2D", "Concatenate")
    return None if whole or trunk_name(model.layers[1]) is None else last.name
