"""Every setting once: name, default, flag and meaning.

Settings are frozen dataclasses; a field made by `option` is also a command-line flag.
The flags and their defaults are those of the original's programs, so an old command
line runs with its first words changed; `SCRIPT_DEFAULTS` holds the defaults in which
its programs differ. TensorFlow and NumPy are not imported here: `--help` is quick.
"""

import argparse
import dataclasses
import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from end2end.config.flags import (
    add_dead_flags,
    add_options,
    number_or_auto,
    one_of,
    option,
    words_of,
)
from end2end.models import backbones
from end2end.utils import commands, files

# Draws of the bootstrap behind each interval, and their seed.
BOOTSTRAP_RUNS = 3000
BOOTSTRAP_SEED = 12345


@dataclasses.dataclass(frozen=True)
class ImageOptions:
    """How a file on disk becomes a network input."""

    size: tuple = option(
        (1152, 896), "--img-size", "-is", type=int, nargs=2,
        limits=(1, None), help="height and width in pixels")
    height: int | None = option(
        None, "--img-height", "-ih", off=("--no-img-height",), type=int,
        limits=(1, None),
        help="height in pixels, the width following the aspect; wins over --img-size")
    stretch_max_to: float | None = option(
        None, "--img-scale", "-ic", off=("--no-img-scale", "-nic"), type=float,
        limits=(0, None),
        help="stretch each image so that its own maximum becomes this value")
    intensity_scale: float | str | None = option(
        None, "--rescale-factor", off=("--no-rescale-factor",), type=number_or_auto,
        help="multiply intensities; 0.003891 (255/65535) for 16-bit PNG, or auto")
    equalize_histogram: bool = option(
        False, "--equalize-hist", help="equalise the histogram (needs a 0-255 range)")
    center: bool = option(
        True, "--featurewise-center", help="subtract the mean of the training images")
    pixel_mean: float | str = option(
        52.16, "--featurewise-mean", type=number_or_auto,
        help="mean grey value of the training images after scaling, 0-255, or auto")
    augment: bool = option(
        True, "--augmentation", help="flip, rotate, shear, zoom and shift intensities")
    shear: bool = option(
        True, "--shear", help="shear by up to 0.2 radians too, which the paper omits")
    augmentation_recipe: str = option(
        "shen2019", "--augmentation-recipe",
        choices=("shen2019", "petrini", "tone", "flips"),
        help="shen2019, petrini (brightness, reflected border), tone (brightness and "
        "gamma) or flips (nothing else): which changes --augmentation makes")
    shared_shift: bool = option(
        False, "--shared-intensity-shift",
        help="shift the intensities of all channels alike, so that grey stays grey")
    breast_only: bool = option(
        False, "--breast-only",
        help="blacken what is not the breast (markers, labels); kept with the model")
    remove_pectoral: bool = option(
        False, "--remove-pectoral",
        help="blacken the pectoral muscle where its edge is seen; kept with the model")
    crop_breast: bool = option(
        False, "--crop-breast",
        help="cut each image to the breast before resizing; kept with the model")
    channels: int = option(3, help="1 or 3; follows from the backbone")


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """Which network is built, and from what."""

    backbone: str = option(
        "resnet50", "--patch-net", "--net",
        choices=tuple(backbones.BACKBONES),
        help=one_of(backbones.BACKBONES))
    patch_model_path: str | None = option(
        None, "--patch-model-state", off=("--no-patch-model-state",),
        help="saved patch classifier that becomes the trunk of the whole-image model")
    pretrained: bool = option(
        True, "--use-pretrained", help="start the trunk from ImageNet weights")
    pretrained_weights: str | None = option(
        None, "--pretrained-weights",
        help="local file of ImageNet weights (.h5), for machines without a network")
    top_kind: str = option(
        "resnet", "--block-type", choices=("resnet", "vgg", "mbconv"),
        help="resnet, vgg or mbconv (of EfficientNet) top blocks")
    top_filters: tuple = option(
        (512, 512), "--top-depths", type=int, nargs="+",
        limits=(1, None), help="filters of each top block")
    top_repeats: tuple = option(
        (3, 3), "--top-repetitions", type=int, nargs="+",
        limits=(1, None), help="units (resnet) or convolutions (vgg) of each top block")
    expansion: int = option(
        4, "--bottleneck-enlarge-factor", type=int,
        limits=(1, None),
        help="filters of the last 1x1 convolution of a unit over those before; of "
        "mbconv those inside over those that enter")
    heatmap: bool = option(
        False, "--add-heatmap", help="insert the patch classifier's heatmap (ReLU)")
    heatmap_pool: tuple = option(
        (7, 7), "--avg-pool-size", type=int, nargs=2,
        limits=(1, None), help="average pooling before the heatmap")
    heatmap_strides: tuple = option(
        (1, 1), "--hm-strides", type=int, nargs=2, limits=(1, None),
        help="strides of that pooling")
    heatmap_max_pool: tuple = option(
        (5, 5), "--hm-pool-size", type=int, nargs=2,
        limits=(1, None), help="max pooling after the heatmap")
    convolutional: bool = option(
        True, "--add-conv", help="convolutional top blocks instead of dense layers")
    shortcut: bool = option(
        False, "--add-shortcut", help="join heatmap and output (dense top only)")
    dense_units: int = option(
        64, "--fc-init-units", type=int, limits=(1, None),
        help="units of the first dense top layer")
    dense_layers: int = option(
        2, "--fc-layers", type=int,
        limits=(1, None), help="number of dense top layers, each half as wide")
    weight_decay: float = option(
        0.0001, "--weight-decay", "-wd", type=float,
        limits=(0, None), help="L2 penalty of the new layers")
    dropout: float = option(
        0.0, "--hidden-dropout", "-hd", type=float,
        limits=(0, 0.99), help="dropout rate of the new layers")


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained."""

    class_list: tuple = option(
        ("neg", "pos"), "--class-list", nargs="+",
        help="class folders, in the order of the outputs")
    batch_size: int = option(
        64, "--batch-size", "-bs", type=int, limits=(1, None),
        help="images per batch in validation and testing")
    train_batch_multiplier: float = option(
        0.5, "--train-bs-multiplier", type=float,
        limits=(0, None), help="times --batch-size gives the training batch")
    first_until_epoch: int = option(
        5, "--nb-epoch", "-ne", type=int,
        limits=(0, None),
        help="epoch at which the first stage ends (cumulative, not a count)")
    top_until_epoch: int = option(
        10, "--top-layer-epochs", type=int,
        limits=(0, None),
        help="epoch at which the stage of the top layers ends (cumulative)")
    all_until_epoch: int = option(
        20, "--all-layer-epochs", type=int,
        limits=(0, None),
        help="epoch at which the stage of all layers ends (cumulative)")
    optimizer: str = option(
        "sgd", "--optimizer", choices=(
            "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "adam", "nadam",
            "adamw"),
        help="sgd, rmsprop, adagrad, adadelta, adamax, adam, nadam or adamw")
    learning_rate: float = option(
        0.01, "--init-learningrate", "-ilr", type=float,
        limits=(0, None), help="learning rate of the first stage")
    top_rate_multiplier: float = option(
        0.1, "--top-layer-multiplier", type=float,
        limits=(0, None),
        help="times --init-learningrate gives the rate of the top-layer stage")
    all_rate_multiplier: float = option(
        0.1, "--all-layer-multiplier", type=float,
        limits=(0, None),
        help="times --init-learningrate gives the rate of the all-layer stage")
    late_weight_decay: float = option(
        0.0001, "--weight-decay2", "-wd2", type=float,
        limits=(0, None), help="L2 penalty after the first stage")
    late_dropout: float = option(
        0.0, "--hidden-dropout2", "-hd2", type=float,
        limits=(0, 0.99), help="dropout rate after the first stage")
    first_trainable: str | None = option(
        None, "--top-layer-nb", off=("--no-top-layer-nb",),
        help="first layer of the top-layer stage: a name, or an index of Keras 2.0.8")
    rate_patience: int = option(
        10, "--lr-patience", "-lrp", type=int,
        limits=(0, None),
        help="epochs without progress before the rate is halved (sgd only)")
    stop_patience: int = option(
        25, "--es-patience", "-esp", type=int,
        limits=(0, None), help="epochs without progress before a stage ends early")
    balance_batches: bool = option(
        True, "--auto-batch-balance", help="weight the classes equally in each batch")
    positive_weight: float = option(
        1.0, "--pos-cls-weight", type=float, limits=(0, None),
        help="class weight of the second class")
    negative_weight: float = option(
        1.0, "--neg-cls-weight", type=float, limits=(0, None),
        help="class weight of a third class")
    cache_validation: bool = option(
        False, "--load-val-ram", help="keep the validation images in memory")
    cache_train: bool = option(
        False, "--load-train-ram", help="keep the training images in memory")
    resume_from: str | None = option(
        None, "--resume-from", off=("--no-resume-from",),
        help="saved model to train further")
    best_model: str = option(
        "./modelState/image_clf.h5", "--best-model", "-bm",
        help="where the best model is written; NOSAVE for nowhere")
    final_model: str = option(
        "NOSAVE", "--final-model", "-fm",
        help="where the model of the last epoch is written; NOSAVE for nowhere")
    adapt: str = option(
        "all", "--adapt", choices=("all", "last-stage", "normalisation-top",
                                   "normalisation"),
        help="what the last stage trains, for sites with few labels: all, the last "
        "stage of the trunk and the top, normalisation and the top, or normalisation "
        "alone")
    keep_epoch: str = option(
        "best", "--keep-epoch", choices=("best", "last"),
        help="which epoch --best-model is of: the best by validation, or the last, "
        "with no stage ended early (the training folder may then stand for the "
        "validation folder)")
    semantics: str = option(
        "corrected", "--semantics", choices=("corrected", "original"),
        help="original reproduces the surprises listed in docs/differences.md")
    seed: int = option(
        12345, "--seed", type=int,
        limits=(0, 2**32 - 1),
        help="seed of shuffling, augmentation and new weights (RANDOM_SEED)")
    workers: int = option(
        4, "--workers", type=int,
        limits=(1, None),
        help="reading threads (NUM_CPU_CORES); results do not depend on it")
    deterministic: bool = option(
        True, "--deterministic",
        help="bit-for-bit repeatable on a GPU too; off is faster there")
    freeze_statistics: bool = option(
        False, "--freeze-statistics",
        help="frozen batch normalisation keeps its averages, as in today's Keras")
    statistics_momentum: float | None = option(
        None, "--statistics-momentum", type=float, limits=(0, 1),
        help="share of its averages that batch normalisation keeps at each step; a set "
        "of few steps per epoch needs less than the networks' own (0.99)")
    warmup_epochs: int = option(
        0, "--warmup-epochs", type=int, limits=(0, None),
        help="epochs of each stage in which the rate rises evenly to that of the stage")
    rate_cycle: float = option(
        0.0, "--rate-cycle", type=float, limits=(0, 1),
        help="share of the epochs of a stage in which the rate falls to 0 by a cosine "
        "before it starts again (1: one cosine); 0 keeps the rate")
    decoupled_decay: float = option(
        0.0, "--decoupled-weight-decay", type=float, limits=(0, None),
        help="share of each weight, times the rate, that adamw takes off in a step")
    weight_average: float = option(
        0.0, "--weight-average", type=float, limits=(0, 0.999999),
        help="share that a moving average of the weights keeps of itself in a step; "
        "the average is validated and saved. 0 for none")
    label_smoothing: float = option(
        0.0, "--label-smoothing", type=float, limits=(0, 0.999),
        help="share of each training label that is spread over all classes")
    mixup: float = option(
        0.0, "--mixup", type=float, limits=(0, None),
        help="both parameters of the beta distribution of the shares in which training "
        "images are mixed in pairs; 0 for none")
    accumulate: int = option(
        1, "--accumulate", type=int, limits=(1, None),
        help="training batches whose gradients are averaged for one step")
    precision: str = option(
        "float32", "--precision",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        help="number format of the layers; weights stay float32")
    xla: bool = option(
        False, "--xla",
        help="compile the network by XLA; needs --no-deterministic, one device and "
        "images of one size")
    data_format: str = option(
        "automatic", "--data-format", choices=("automatic", "channels-last"),
        help="order of the values in the memory of a GPU: channels-last, or the order "
        "that TensorFlow expects to be faster")
    tune: bool = option(
        False, "--tune",
        help="measure --precision, --xla and --data-format for some steps at the start "
        "and take the fastest whose losses stay")
    remat: bool = option(
        False, "--remat",
        help="recompute activations in the backward pass: less memory, more time")
    tensorboard: str | None = option(
        None, "--tensorboard", help="folder for TensorBoard logs")
    allow_shared_patients: bool = option(
        False, "--allow-shared-patients",
        help="train although a patient is in two of train, val and test")
    trained_on: str | None = option(
        None, "--trained-on", help="the training images in words; kept with the model")


@dataclasses.dataclass(frozen=True)
class SamplingOptions:
    """How patches are cut from mammograms with outlined lesions."""

    target_height: int = option(
        4096, "--target-height", type=int, help="height of the full image in pixels")
    target_width: int | None = option(
        None, "--target-width", off=("--no-target-width",), type=int,
        help="its width; without it the aspect is kept")
    segment: bool = option(
        True, "--segment-breast", help="crop to the breast before sampling")
    patch_size: int = option(
        256, "--patch-size", type=int, help="side of a patch in pixels")
    background_count: int = option(
        30, "--nb-bkg", type=int, help="background patches of an image")
    lesion_count: int = option(
        30, "--nb-abn", type=int, help="patches of a lesion")
    hard_negative_count: int = option(
        15, "--nb-hns", type=int, help="blob-like background patches of an image")
    lesion_overlap: float = option(
        0.75, "--pos-cutoff", type=float, help="least overlap of a lesion patch")
    background_overlap: float = option(
        0.35, "--neg-cutoff", type=float, help="greatest overlap of a background patch")
    validation_share: float = option(
        0.1, "--val-size", type=float, help="share of the patients used for validation")
    background_folder: str = option(
        "background", "--bkg-dir", help="folder of background patches")
    malignant_calcification_folder: str = option(
        "calc_mal", "--calc-pos-dir", help="folder of malignant calcifications")
    benign_calcification_folder: str = option(
        "calc_ben", "--calc-neg-dir", help="folder of benign calcifications")
    malignant_mass_folder: str = option(
        "mass_mal", "--mass-pos-dir", help="folder of malignant masses")
    benign_mass_folder: str = option(
        "mass_ben", "--mass-neg-dir", help="folder of benign masses")
    verbose: bool = option(True, "--verbose", help="print every patch centre")
    seeding: str = option(
        "original", "--seeding", choices=("original", "image"),
        help="original: one fixed seed per lesion; image: true draws, on tissue")


# Defaults in which the original's programs differ from the fields above.
SCRIPT_DEFAULTS = {
    "patch_clf_train": dict(
        size=(256, 256), pixel_mean=59.6, equalize_histogram=True, augment=False,
        class_list=("background", "malignant", "benign"), balance_batches=False,
        all_rate_multiplier=0.01, best_model="./modelState/patch_clf.h5"),
    "image_clf_train": {},
    "heatmap_score": dict(
        center=False, pixel_mean=71.8, backbone="vgg19", batch_size=128, augment=False),
    "sample_patches_combined": {},
    "sample_patches_main": {},
}

TRAINING_GROUPS = (ImageOptions, ModelOptions, TrainingOptions)
GROUPS = (*TRAINING_GROUPS, SamplingOptions)
Options = ImageOptions | ModelOptions | TrainingOptions | SamplingOptions
Group = TypeVar("Group", ImageOptions, ModelOptions, TrainingOptions, SamplingOptions)


def script_defaults(script: str) -> dict[str, Any]:
    """Defaults of one of the original's programs, with its environment variables.

    Raises:
        files.InputError: an environment variable is not a whole number.
    """
    environment = dict(
        seed=commands.environment_int("RANDOM_SEED", 12345),
        workers=commands.environment_int("NUM_CPU_CORES", 4),
    )
    return environment | SCRIPT_DEFAULTS.get(script, {})


def fill(
        group: type[Group], namespace: argparse.Namespace | Mapping[str, Any]) -> Group:
    """Makes one options dataclass from parsed arguments (a namespace or a dict)."""
    values = namespace if isinstance(namespace, dict) else vars(namespace)
    names = {setting.name for setting in dataclasses.fields(group)}
    return group(**{name: _hashable(value)
                    for name, value in values.items() if name in names})


def from_flags(
        group: type[Group], flags: Sequence[object], *,
        script: str = "image_clf_train") -> Group:
    """Fills one options dataclass from the original's flags.

    Args:
        group: `ImageOptions`, `ModelOptions`, `TrainingOptions` or `SamplingOptions`.
        flags: list of words as typed, such as `["--img-size", "1152", "896"]`. Flags of
            the other groups are read and ignored, so a whole command line will do.
        script: the program whose defaults hold, one of `SCRIPT_DEFAULTS`.

    Raises:
        files.InputError: an unknown flag or a value of the wrong kind.
    """
    parser = _RaisingParser(prog=script, add_help=False)
    add_options(parser, *dict.fromkeys((group, *GROUPS)))
    add_dead_flags(parser)
    parser.set_defaults(**script_defaults(script))
    return fill(group, parser.parse_args([str(word) for word in flags]))


class _RaisingParser(commands.Parser):
    def error(self, message):
        raise files.InputError(f"{self.prog}: {message}")


def to_dict(options: Options) -> dict[str, Any]:
    """An options dataclass as a dict that JSON can hold."""
    return dataclasses.asdict(options)


def from_dict(
        group: type[Group], values: Mapping[str, Any], *,
        source: object = "settings") -> Group:
    """Reads an options dataclass back from a dict made by `to_dict`.

    Raises:
        files.InputError: `values` is not a dict or has a name the dataclass lacks.
    """
    if not isinstance(values, dict):
        raise files.InputError(
            f"{source}: expected the settings of {group.__name__}, found "
            f"{type(values).__name__}; restore the file.")
    names = [setting.name for setting in dataclasses.fields(group)]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise files.InputError(
            f"{source}: unknown setting {unknown[0]!r} for {group.__name__}; expected "
            f"some of {', '.join(names)}.")
    return fill(group, values)


def as_flags(*groups: Options, leave_out: Collection[str] = ()) -> list[list[str]]:
    """Option dataclasses as the flags that set them.

    Args:
        groups: instances of the dataclasses of this module.
        leave_out: names of settings that the program does not ask for.

    Returns:
        the words of each setting, such as `["--img-size", "1152", "896"]`; settings
        without a flag (`channels`, which follows from the backbone) and those that are
        off for want of a flag are left out.
    """
    settings = [words_of(setting, getattr(group, setting.name))
                for group in groups for setting in dataclasses.fields(group)
                if setting.name not in leave_out]
    return [words for words in settings if words]


def as_lines(
        *groups: Options, width: int = 88, leave_out: Collection[str] = ()) -> str:
    """Option dataclasses as text that can be pasted into a command line.

    Args:
        groups, leave_out: as for `as_flags`.
        width: columns of a line; a longer setting has a line of its own.

    Returns:
        the flags, quoted for a shell; each line but the last ends with a backslash.
    """
    lines = [" "]
    for words in map(shlex.join, as_flags(*groups, leave_out=leave_out)):
        if len(lines[-1]) > 1 and len(lines[-1]) + len(words) + 3 > width:
            lines.append(" ")
        lines[-1] += f" {words}"
    return " \\\n".join(lines)


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value
