"""Every experiment of the paper on CBIS-DDSM, by name: the rows, with their flags.

The Makefile runs this file by its path, with any Python and before there is an
environment, to learn the targets. So it imports nothing but the standard library.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One row of a table, or one figure.

    Attributes:
        name: as typed.
        group: table or figure it belongs to.
        source: where the published value stands.
        kind: of `steps.KINDS`: `patch`, `image`, `two_view`, `ensemble`, `two_step`,
            `saliency`, `figure`, or of `steps.STATED`, what is made of tests of others.
        title: what it is, in the words of the paper.
        published: accuracy or auc, with interval, flip-averaged auc and best epoch; or
            difference of AUC, or specificity.
        hours: of training on a GPU that sustains 10 TFLOP/s, by arithmetic.
        flags: of the training program.
        needs: names of experiments to be done first.
        patches: patch set; of patch experiments.
        mined: whether hard examples of the classifier that it needs take the place of
            some of the training patches.
    """

    name: str
    group: str
    source: str
    kind: str
    title: str
    published: dict
    hours: float
    flags: tuple = ()
    needs: tuple[str, ...] = ()
    patches: str = ""
    mined: bool = False


# Flags of sample_patches_combined; the paper's and one with truly random backgrounds.
PATCH_SETS = {
    "S1": (224, 1, ()),
    "S10": (224, 10, ("--pos-cutoff", 0.9)),
    "S30": (224, 30, ("--pos-cutoff", 0.9)),
    "S1g": (448, 1, ()),
    "S1-random": (224, 1, ("--seeding", "image")),
}

# Shen et al. 2019, Methods: three stages of 3, 10 and 37 epochs at 1e-3, 1e-4, 1e-5,
# batches of 32. Penalty and dropout of the head are those of the original's example.
PATCH_COMMON = (
    "--optimizer", "adam", "--init-learningrate", 0.001, "--top-layer-multiplier", 0.1,
    "--all-layer-multiplier", 0.01, "--batch-size", 64, "--train-bs-multiplier", 0.5,
    "--weight-decay", 0.01, "--weight-decay2", 0.01, "--hidden-dropout", 0.5,
    "--hidden-dropout2", 0.5, "--no-equalize-hist", "--augmentation",
    "--auto-batch-balance", "--rescale-factor", 0.003891, "--es-patience", 1000)
# 30 epochs of the new layers at 1e-4, then 20 of all at 1e-5, batches of 2.
IMAGE_COMMON = (
    "--img-size", 1152, 896, "--optimizer", "adam", "--init-learningrate", 0.0001,
    "--all-layer-multiplier", 0.1, "--batch-size", 4, "--train-bs-multiplier", 0.5,
    "--weight-decay", 0.001, "--weight-decay2", 0.01, "--augmentation",
    "--auto-batch-balance", "--rescale-factor", 0.003891, "--nb-epoch", 30,
    "--es-patience", 1000)
TOP_START = {"resnet50": 46, "vgg16": 11}

# Billions of operations of a forward pass per million pixels, counted from the layers;
# a training step takes three times as many.
GIGA_PER_MEGAPIXEL = {"resnet50": 163, "vgg16": 618, "vgg19": 783, "yaroslav": 118,
                      "efficientnetb0-ddsm": 16, "efficientnetb3-ddsm": 40,
                      "convnextsmall": 347}
# Training patches of a set, from the census of the training women, in thousands.
PATCHES_IN_THOUSANDS = {"S1": 4.6, "S1-random": 4.6, "S1g": 4.6, "S10": 46, "S30": 138}
TRAINING_IMAGES_IN_THOUSANDS = 1.903
GIGA_PER_HOUR = 10_000 * 3600
EPOCHS_OF_LARGE_SETS = 50   # S10 and S30


def _patch(backbone, patches, accuracy, *, source, interval=None, epoch=None,
           pretrained=True):
    """A row of Table 1, or one that only the original's README has."""
    epochs = (200 if patches in ("S1", "S1g", "S1-random") else
              EPOCHS_OF_LARGE_SETS)
    size = PATCH_SETS[patches][0]
    if pretrained and backbone != "yaroslav":
        schedule = ("--nb-epoch", 3, "--top-layer-epochs", 13,
                    "--all-layer-epochs", epochs)
        if backbone in TOP_START:
            schedule = (*schedule, "--top-layer-nb", TOP_START[backbone])
    else:
        schedule = ("--no-use-pretrained", "--nb-epoch", epochs)
    start = "random weights" if "--no-use-pretrained" in schedule else "pretrained"
    giga = (3 * GIGA_PER_MEGAPIXEL[backbone] * size**2 / 1e6 * epochs
            * PATCHES_IN_THOUSANDS[patches] * 1000)
    ending = "" if pretrained else "-random-weights"
    return Experiment(
        f"patch-{backbone}-{patches.lower()}{ending}",
        "table1" if source.startswith("Table 1") else "readme", source, "patch",
        f"{backbone} on {patches}, {start}",
        dict(accuracy=accuracy, interval=interval, epoch=epoch),
        round(giga / GIGA_PER_HOUR, 1),
        ("--net", backbone, "--img-size", size, size, *PATCH_COMMON, *schedule),
        patches=patches)


PATCH_ROWS = [
    _patch("resnet50", "S1", 0.97, source="Table 1, row 1", interval=(0.96, 0.98),
           epoch=198, pretrained=False),
    _patch("resnet50", "S1", 0.99, source="Table 1, row 2", interval=(0.98, 1.00),
           epoch=99),
    _patch("resnet50", "S10", 0.63, source="Table 1, row 3", interval=(0.62, 0.64),
           epoch=24, pretrained=False),
    _patch("resnet50", "S10", 0.89, source="Table 1, row 4", interval=(0.88, 0.90),
           epoch=39),
    _patch("resnet50", "S1g", 0.76, source="Table 1, row 5", interval=(0.74, 0.79),
           epoch=84),
    _patch("vgg16", "S10", 0.84, source="Table 1, row 6", interval=(0.83, 0.85),
           epoch=25),
    _patch("vgg19", "S10", 0.79, source="README"),
    _patch("yaroslav", "S10", 0.89, source="README"),
    _patch("resnet50", "S30", 0.91, source="README"),
    _patch("vgg16", "S30", 0.86, source="README"),
    _patch("vgg19", "S30", 0.89, source="README"),
    _patch("resnet50", "S1-random", None,
           source="not published: S1 with truly random background patches"),
    # What the networks past the paper start from.
    *(_patch(backbone, "S10", None, source="not published: trunk of later networks")
      for backbone in ("efficientnetb0-ddsm", "efficientnetb3-ddsm", "convnextsmall")),
]


# Training goes on at the rate of the last stage, in rounds: with the patches of S10, or
# with half of them replaced by errors of the classifier of the round before.
ROUNDS, ROUND_EPOCHS = 2, 10
FURTHER = ("--no-use-pretrained", "--init-learningrate", 0.00001, "--nb-epoch",
           ROUND_EPOCHS)


def _further(arm, number):
    """A round of training with hard examples (`hard`) or without (`plain`)."""
    start = f"patch-resnet50-s10-{arm}-{number - 1}" if number > 1 else (
        "patch-resnet50-s10")
    patches = "S10, half of it hard examples" if arm == "hard" else "S10"
    row = _patch("resnet50", "S10", None, source="not published: hard examples")
    return dataclasses.replace(
        row, name=f"patch-resnet50-s10-{arm}-{number}", group="hard-examples",
        title=f"{ROUND_EPOCHS} epochs more on {patches}, round {number}",
        hours=round(row.hours * ROUND_EPOCHS / EPOCHS_OF_LARGE_SETS, 1),
        flags=(*PATCH_COMMON, "--net", "resnet50", "--img-size", 224, 224, *FURTHER),
        needs=(start,), mined=arm == "hard")


FURTHER_ROWS = [_further(arm, number) for arm in ("hard", "plain")
                for number in range(1, ROUNDS + 1)]


def resnet(filters: tuple, repeats: tuple, expansion: int) -> tuple:
    """Flags of residual top blocks."""
    return ("--block-type", "resnet", "--top-depths", *filters, "--top-repetitions",
            *repeats, "--bottleneck-enlarge-factor", expansion)


def vgg(filters: tuple, repeats: tuple) -> tuple:
    """Flags of VGG top blocks."""
    return ("--block-type", "vgg", "--top-depths", *filters, "--top-repetitions",
            *repeats)


def dense(pool: int, units: int) -> tuple:
    """Flags of heatmap, max pooling, two dense layers and a shortcut."""
    return ("--add-heatmap", "--no-add-conv", "--add-shortcut", "--hm-pool-size", pool,
            pool, "--fc-init-units", units, "--fc-layers", 2)


# The original's heatmap without max pooling: each cell sees 7x7 cells of features, as
# the patch classifier does.
HEATMAP = ("--add-heatmap", "--hm-pool-size", 1, 1)
# The paper's: a 1x1 convolution to the classes.
HEATMAP_1X1 = (*HEATMAP, "--avg-pool-size", 1, 1)
SMALL_RESNET = resnet((64, 128), (2, 2), 4)
WIDE = resnet((512, 512), (1, 1), 4)
PAPER_RESNET = resnet((512, 512), (2, 2), 2)


def _image(name, source, title, top, published, **network):
    """A row of Table 2 or 3.

    Args:
        published: auc, interval, flip-averaged auc, epoch.
        network: backbone, patches and epochs where they are not resnet50, S10 and 50.
    """
    backbone = network.get("backbone", "resnet50")
    patches = network.get("patches", "S10")
    auc, interval, flipped, epoch = published
    # Shen et al. 2019: VGG networks were trained for 200 more epochs.
    epochs = network.get("epochs", 250 if backbone == "vgg16" else 50)
    group = {"Table 2": "table2", "Table 3": "table3",
             "Results": "heatmap"}.get(source[:7], "readme")
    return Experiment(
        name, group, source, "image", title,
        dict(auc=auc, interval=interval, flipped_auc=flipped, epoch=epoch),
        _image_hours(backbone, epochs),
        ("--patch-net", backbone, *IMAGE_COMMON, "--all-layer-epochs", epochs, *top),
        needs=(f"patch-{backbone}-{patches.lower()}",) if patches else ())


def _image_hours(backbone, epochs):
    giga = (3 * GIGA_PER_MEGAPIXEL[backbone] * 1.032 * epochs
            * TRAINING_IMAGES_IN_THOUSANDS * 1000)
    return round(giga / GIGA_PER_HOUR, 1)


IMAGE_ROWS = [
    _image("resnet50-s1", "Table 2, row 1", "S1, [512-512-2048] x 1 twice", WIDE,
           (0.63, (0.58, 0.67), None, 35), patches="S1"),
    _image("resnet50-s1g", "Table 2, row 2", "S1g, [512-512-2048] x 1 twice", WIDE,
           (0.83, (0.79, 0.86), None, 38), patches="S1g"),
    _image("resnet50-s10", "Table 2, row 3", "S10, [512-512-2048] x 1 twice", WIDE,
           (0.85, (0.82, 0.88), 0.86, 20)),
    _image("resnet-resnet", "Table 2, row 4", "[512-512-1024] x 2 twice", PAPER_RESNET,
           (0.86, (0.83, 0.89), 0.87, 34)),
    _image("resnet50-256-128", "Table 2, row 5",
           "[256-256-256] x 1, [128-128-128] x 1", resnet((256, 128), (1, 1), 1),
           (0.84, (0.81, 0.87), 0.86, 25)),
    _image("resnet-vgg", "Table 2, row 6", "256 x 1, 128 x 1", vgg((256, 128), (1, 1)),
           (0.87, (0.84, 0.90), 0.88, 36)),
    _image("resnet50-heatmap", "Table 2, row 7", "heatmap, [512-512-1024] x 2 twice",
           (*PAPER_RESNET, *HEATMAP), (0.80, (0.76, 0.84), None, 47)),
    _image("resnet50-heatmap-small", "Table 2, row 8",
           "heatmap, [64-64-256] x 2, [128-128-512] x 2",
           (*SMALL_RESNET, *HEATMAP), (0.81, (0.77, 0.85), None, 41)),
    _image("resnet50-fc-5x5", "Table 2, row 9", "heatmap, pool 5 x 5, FC 64, 32",
           dense(5, 64), (0.74, (0.69, 0.78), None, 28)),
    _image("resnet50-fc-2x2", "Table 2, row 10", "heatmap, pool 2 x 2, FC 512, 256",
           dense(2, 512), (0.72, (0.67, 0.76), None, 47)),
    _image("resnet50-fc-1x1", "Table 2, row 11", "heatmap, pool 1 x 1, FC 2048, 1024",
           dense(1, 2048), (0.65, (0.60, 0.69), None, 43)),
    _image("vgg16-512x3", "Table 3, row 1", "512 x 3, 512 x 3",
           vgg((512, 512), (3, 3)), (0.81, (0.77, 0.84), 0.82, 91), backbone="vgg16"),
    _image("vgg-vgg", "Table 3, row 2", "256 x 1, 128 x 1", vgg((256, 128), (1, 1)),
           (0.85, (0.81, 0.88), 0.86, 61), backbone="vgg16"),
    _image("vgg16-128-64", "Table 3, row 3", "128 x 1, 64 x 1", vgg((128, 64), (1, 1)),
           (0.84, (0.80, 0.87), 0.86, 142), backbone="vgg16"),
    _image("vgg-resnet", "Table 3, row 4", "[512-512-1024] x 2 twice", PAPER_RESNET,
           (0.85, (0.82, 0.88), 0.88, 165), backbone="vgg16"),
    _image("vgg16-fc-5x5", "Table 3, row 5", "heatmap, pool 5 x 5, FC 64, 32",
           dense(5, 64), (0.71, (0.66, 0.75), None, 26), backbone="vgg16", epochs=50),
    _image("vgg16-fc-2x2", "Table 3, row 6", "heatmap, pool 2 x 2, FC 512, 256",
           dense(2, 512), (0.68, (0.63, 0.73), None, 27), backbone="vgg16", epochs=50),
    _image("vgg16-fc-1x1", "Table 3, row 7", "heatmap, pool 1 x 1, FC 2048, 1024",
           dense(1, 2048), (0.70, (0.65, 0.74), None, 50), backbone="vgg16", epochs=50),
    _image("resnet50-heatmap-1x1", "Results, heatmap (Table 2, row 7)",
           "heatmap as 1x1 convolution, [512-512-1024] x 2 twice",
           (*PAPER_RESNET, *HEATMAP_1X1), (0.80, (0.76, 0.84), None, 47)),
    _image("resnet50-heatmap-small-1x1", "Results, heatmap (Table 2, row 8)",
           "heatmap as 1x1 convolution, [64-64-256] x 2, [128-128-512] x 2",
           (*SMALL_RESNET, *HEATMAP_1X1), (0.81, (0.77, 0.85), None, 41)),
    _image("vgg16-512x1", "README", "VGG16, 512 x 1, 512 x 1",
           vgg((512, 512), (1, 1)), (0.83, None, 0.86, None), backbone="vgg16"),
    _image("yaroslav-heatmap", "README", "YaroslavNet, heatmap, FC 16, 8, shortcut",
           (*dense(5, 16), "--avg-pool-size", 3, 3), (0.83, None, 0.86, None),
           backbone="yaroslav"),
    _image("resnet50-s1-random", "not published: S1 with truly random background "
           "patches", "S1-random, [512-512-2048] x 1 twice", WIDE,
           (None, None, None, None), patches="S1-random"),
    _image("no-patch-stage", "not published: whole images from random weights",
           "no patch stage, [512-512-2048] x 1 twice",
           (*WIDE, "--no-patch-model-state", "--no-use-pretrained"),
           (None, None, None, None), patches=None),
]

EXPERIMENT_FLAGS = {row.name: row.flags for row in IMAGE_ROWS}

# Breasts: the trunk of a whole-image network, the maps of CC and MLO joined, two MBConv
# blocks as in Petrini et al. 2022 (arXiv 2110.01606); they tell no number of filters.
MBCONV = ("--block-type", "mbconv", "--top-depths", 256, 256, "--top-repetitions", 1, 1,
          "--bottleneck-enlarge-factor", 2)
TWO_VIEW_ROWS = [
    Experiment(
        f"two-view-{start}", "two-view", "not published: two views by one network",
        "two_view", f"trunk of {start}, maps of CC and MLO, two MBConv blocks", {},
        _image_hours(backbone, 50),     # as many images, in pairs
        ("--patch-net", backbone, *IMAGE_COMMON, "--all-layer-epochs", 50, *MBCONV),
        needs=(start,))
    for start, backbone in (("resnet-vgg", "resnet50"), ("vgg-vgg", "vgg16"))]

# Petrini and Kim 2025 (arXiv 2503.19945), and Petrini et al. 2022 (arXiv 2110.01606),
# both on the official split: one view, then two. They tell neither penalty nor batch,
# and the trunk of 2025 is not known here: EfficientNet-B3 is our choice. A network of
# one view is 30 epochs of all layers; that of two views starts from its trunk.
PETRINI = (
    "--img-size", 1152, 896, "--rescale-factor", 1 / 257, "--optimizer", "adam",
    "--init-learningrate", 0.0001, "--all-layer-multiplier", 1, "--warmup-epochs", 4,
    "--rate-cycle", 0.1, "--nb-epoch", 0, "--all-layer-epochs", 30, "--es-patience",
    1000, "--batch-size", 4, "--train-bs-multiplier", 0.5, "--weight-decay", 0,
    "--weight-decay2", 0, "--augmentation", "--augmentation-recipe", "petrini",
    "--auto-batch-balance", *MBCONV)
# Name, trunk, year, published AUC of one view and of two.
PETRINI_NETWORKS = (("petrini-b0", "efficientnetb0-ddsm", 2022, 0.8153, 0.8483),
                    ("petrini", "efficientnetb3-ddsm", 2025, 0.8343, 0.8658))


def _petrini(name, backbone, year, one, two):
    """The network of one view, and that of two which starts from it."""
    kinds = ("single-view", "image", "one view", one, f"patch-{backbone}-s10"), (
        "two-view", "two_view", "CC and MLO", two, f"{name}-single-view")
    return [Experiment(
        f"{name}-{ending}", "petrini", f"Petrini {year}, official split", kind,
        f"{backbone}, {title}, two MBConv blocks", dict(auc=auc),
        _image_hours(backbone, 30), ("--patch-net", backbone, *PETRINI), needs=(start,))
        for ending, kind, title, auc, start in kinds]


PETRINI_ROWS = [row for network in PETRINI_NETWORKS for row in _petrini(*network)]

# What training has since found better, one thing at a time; later flags win.
NO_PENALTY = ("--weight-decay", 0, "--weight-decay2", 0)
LATER = {
    "cosine": ("warm-up of 2 epochs, one cosine per stage",
               ("--warmup-epochs", 2, "--rate-cycle", 1)),
    "adamw": ("AdamW, decay 0.01",
              ("--optimizer", "adamw", "--decoupled-weight-decay", 0.01, *NO_PENALTY)),
    "average": ("moving average of the weights", ("--weight-average", 0.999)),
    "smoothing": ("labels smoothed by 0.1", ("--label-smoothing", 0.1)),
    "mixup": ("mixup, alpha 0.2", ("--mixup", 0.2)),
    "tone": ("brightness and tone in place of intensity shifts",
             ("--augmentation-recipe", "tone")),
    "crop": ("images cut to the breast", ("--crop-breast",))}
ALL_LATER = tuple(word for _, flags in LATER.values() for word in flags)
LATER_ROWS = [
    *(Experiment(
        f"resnet-vgg-{name}", "later", f"not published: resnet-vgg with {title}",
        "image", f"resnet-vgg, {title}", {}, _image_hours("resnet50", 50),
        (*EXPERIMENT_FLAGS["resnet-vgg"], *flags), needs=("patch-resnet50-s10",))
      for name, (title, flags) in LATER.items()),
    Experiment(
        "convnext-2048", "later", "not published: all of these on 2048x1024",
        "image", "ConvNeXt-Small, 2048x1024, all of these, 256 x 1, 128 x 1", {},
        round(_image_hours("convnextsmall", 50) * 2048 * 1024 / (1152 * 896), 1),
        (*EXPERIMENT_FLAGS["resnet-vgg"], *ALL_LATER, "--patch-net", "convnextsmall",
         "--img-size", 2048, 1024, "--remat"), needs=("patch-convnextsmall-s10",))]

# The whole-image networks that start from the last round with hard examples, and from
# that without; a design that learns at the scales of phantoms, too.
HARD_ROWS = [
    dataclasses.replace(
        row, name=f"{row.name}-{arm}", group="hard-examples",
        source="not published: hard examples", published={},
        title=f"{row.name} on the patch classifier of round {ROUNDS}, {arm}",
        needs=(f"patch-resnet50-s10-{arm}-{ROUNDS}",))
    for row in IMAGE_ROWS if row.name == "resnet50-s10" for arm in ("hard", "plain")]

BEST_FOUR = ("resnet-resnet", "resnet-vgg", "vgg-vgg", "vgg-resnet")

OTHER_ROWS = [
    Experiment("ensemble", "fig3", "Figure 3a", "ensemble",
               "mean of the four best networks, flip-averaged",
               dict(flipped_auc=0.91), 0.1, needs=BEST_FOUR),
    Experiment("ensemble-readme", "readme", "README", "ensemble",
               "mean of the README's three networks",
               dict(auc=0.89, flipped_auc=0.91), 0.1,
               needs=("resnet-resnet", "vgg16-512x1", "vgg-resnet")),
    Experiment("two-step", "two-step", "Results, two-step approach", "two_step",
               "heatmap, regions, random forest", dict(auc=0.73), 0.2,
               needs=("patch-resnet50-s10",)),
    Experiment("saliency", "fig4", "Figure 4", "saliency",
               "what moves the score of Resnet-VGG", {}, 0.1,
               needs=("resnet-vgg", "patch-resnet50-s10")),
]

# What the paper's text states beside its tables (Results): the first of two designs
# less the second, in AUC; what CC and MLO together gain; the benchmark of sensitivity.
DIFFERENCES = (
    ("s1g-less-s10", "resnet50-s1g", "resnet50-s10", -0.023, (-0.061, 0.016)),
    ("256-128-less-512x3", "vgg-vgg", "vgg16-512x3", 0.041, (0.011, 0.071)),
    ("heatmap-less-none", "resnet50-heatmap", "resnet-resnet", -0.050,
     (-0.088, -0.012)),
    ("heatmap-small-less-none", "resnet50-heatmap-small", "resnet-resnet", -0.044,
     (-0.075, -0.012)))
TWO_VIEW_GAINS = ((0.030, (0.018, 0.042)), (0.027, (0.016, 0.037)),
                  (0.040, (0.028, 0.051)), (0.048, (0.032, 0.064)))
# With the intervals of the gains by flips (its Table S1) not at hand.
FLIPPED = [row for row in IMAGE_ROWS
           if row.group in ("table2", "table3") and row.published["flipped_auc"]]
SENSITIVITY = 0.861


def _stated(name, source, kind, title, published, needs):
    return Experiment(name, "text", source, kind, title, published, 0.1, needs=needs)


STATED_ROWS = [
    *(_stated(name, "Results, AUC differences", "difference",
              f"AUC of {first} less that of {second}",
              dict(difference=value, interval=interval), (first, second))
      for name, first, second, value, interval in DIFFERENCES),
    *(_stated(f"two-views-{name}", "Results, CC and MLO", "two_view_gain",
              f"{name}: AUC of breasts with both views less that of their images",
              dict(difference=value, interval=interval), (name,))
      for name, (value, interval) in zip(BEST_FOUR, TWO_VIEW_GAINS, strict=True)),
    *(_stated(f"flips-{row.name}", f"{row.source}, A-AUC less AUC", "flip_gain",
              f"{row.name}: AUC with flips less that without",
              dict(difference=round(
                  row.published["flipped_auc"] - row.published["auc"], 2),
                  pattern="+.2f"), (row.name,))
      for row in FLIPPED),
    _stated("specificity", "Results, benchmark", "specificity",
            f"specificity of the ensemble at a sensitivity of {SENSITIVITY}",
            dict(specificity=0.801), ("ensemble",)),
]


HARD_ROWS.append(_stated(
    "hard-less-plain", "not published: hard examples", "difference",
    "AUC of resnet50-s10-hard less that of resnet50-s10-plain", {},
    ("resnet50-s10-hard", "resnet50-s10-plain")))

# One network for both views against the mean of the views by the network that its
# trunk is from, breast by breast.
JOINT_ROWS = [
    _stated(f"joint-{row.needs[0]}", "not published: joined views", "joint_gain",
            f"AUC of breasts by {row.name} less that by the mean of views of "
            f"{row.needs[0]}", {}, (row.name, row.needs[0]))
    for row in (*TWO_VIEW_ROWS, *PETRINI_ROWS) if row.kind == "two_view"]


def _figure(name, source, title, needs):
    return Experiment(name, source, source.replace("fig", "Figure "), "figure", title,
                      {}, 0.1, needs=needs)


FIGURE_ROWS = [
    _figure("figure2", "fig2", "confusion matrices of patches",
            ("patch-resnet50-s10", "patch-vgg16-s10")),
    _figure("figure3", "fig3", "ROC curves of the four best networks and their mean",
            BEST_FOUR),
    _figure("figure4", "fig4", "saliency of a true and two false calls, heatmaps",
            ("saliency",)),
]

EXPERIMENTS = {row.name: row for row in (
    *PATCH_ROWS, *FURTHER_ROWS, *IMAGE_ROWS, *TWO_VIEW_ROWS, *PETRINI_ROWS, *LATER_ROWS,
    *HARD_ROWS, *OTHER_ROWS, *STATED_ROWS, *JOINT_ROWS, *FIGURE_ROWS)}
GROUPS = {
    "table1": [row.name for row in PATCH_ROWS if row.group == "table1"],
    "table2": [row.name for row in IMAGE_ROWS if row.group == "table2"],
    "table3": [row.name for row in IMAGE_ROWS if row.group == "table3"],
    "readme": [row.name for row in EXPERIMENTS.values() if row.source == "README"],
    "fig2": ["patch-resnet50-s10", "patch-vgg16-s10", "figure2"],
    "fig3": ["ensemble", "figure3"],
    "fig4": ["saliency", "figure4"],
    # The original's heatmap beside the paper's.
    "heatmap": ["resnet50-heatmap", "resnet50-heatmap-1x1", "resnet50-heatmap-small",
                "resnet50-heatmap-small-1x1"],
    "text": [row.name for row in STATED_ROWS],
    "data": [],     # the download to images, tables and splits, nothing more
    # What the paper's conclusions rest on: each differs from the first in one thing
    # (docs/experiments.md).
    "contrasts": ["resnet50-s10", "no-patch-stage", "resnet50-fc-5x5", "resnet50-s1",
                  "resnet50-s1-random"],
    "two-view": [row.name for row in TWO_VIEW_ROWS],
    # The networks of Petrini et al. and the paper's best, for `--split`.
    "official": [*BEST_FOUR, "ensemble", *(row.name for row in (
        *TWO_VIEW_ROWS, *PETRINI_ROWS, *LATER_ROWS))],
    "joint": [row.name for row in JOINT_ROWS],
    "petrini": [row.name for row in PETRINI_ROWS],
    # Hard examples against S10, both trained on for as many epochs and patches.
    "hard-examples": ["patch-resnet50-s10",
                      *(row.name for row in (*FURTHER_ROWS, *HARD_ROWS))],
    "later": ["resnet-vgg", *(row.name for row in LATER_ROWS)],
    # What the experiments on INbreast start from.
    "transfer": [*BEST_FOUR, "vgg16-512x1", "resnet50-s10"],
    "paper": [row.name for row in EXPERIMENTS.values()
              if not row.source.startswith(("not published", "Petrini"))],
}
PATCH_FLAGS = {row.name: row.flags for row in PATCH_ROWS}
IMAGE_FLAGS, TWO_VIEW_FLAGS = (
    {row.name: row.flags for row in EXPERIMENTS.values() if row.kind == kind}
    for kind in ("image", "two_view"))
# What make knows: each is a target of its own; `paper` is of both programs.
TARGETS = (*EXPERIMENTS, *(name for name in GROUPS if name != "paper"))
