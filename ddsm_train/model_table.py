"""Every network of the paper with its flags and number of weights: docs/models.md.

    end2end ddsm model-table > docs/models.md

Builds each network once, at 1152x896 with five patch classes and two image classes.
"""


import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence

from ddsm_train import pipeline
from end2end import checkpoints, config, models
from end2end.utils import commands

PATCH_CLASSES = 5
# Patch classifiers: with head dropout, as the paper trained them.
DROPOUT = 0.5
# Fields of `ModelOptions` that shape a network, and those of a dense top only.
FIELDS = ("top_kind", "top_filters", "top_repeats", "expansion", "heatmap",
          "heatmap_pool", "heatmap_max_pool", "convolutional", "shortcut",
          "dense_units", "dense_layers")

INTRODUCTION = """\
# Models

This page is printed by `end2end ddsm model-table`.

    from end2end import checkpoints, config, models
    patch = models.patch_classifier("resnet50", 5, dropout=0.5)
    options = config.from_flags(config.ModelOptions, ["--block-type", "vgg"])
    model = models.whole_image_classifier(patch, options, size=(1152, 896))

A layer is addressed by its name, never by its place; the trunks have the names of
Keras 2.0.8 (`res5c_branch2c`, `activation_49`, `block5_pool`). An index in an old
command line (`--top-layer-nb 46`) is turned into the name of its layer.

## Files

`checkpoints.save_model` writes `best.h5` in the layout of Keras 2.x, and
`best.config.json`, its card, beside it; the same JSON is in the HDF5 attribute
`end2end`. Without this program the file loads with `keras.models.load_model("best.h5",
compile=False)`, with equal predictions ([tried](#networks-tried) with Keras 3.8 and
3.15 and tf.keras 2.3 to 2.15). The card's keys: `format`, `id`, `kind` (`patch`,
`whole_image` or `two_view`), `name`, `classes` (in the order of the outputs), `images`
(`ImageOptions`), `model` (`ModelOptions`, of the network that was trained), `training`,
`trained_on`, `metrics`, `software`, of a model that was trained further `parent` (file,
SHA-256, data and licence) and `licence`. Where the two differ in `id`, the JSON beside
the file is another model's, and the one inside holds. A card is checked field by field
when it is read; what it says is printed without control characters.

`checkpoints.load_model` reads whole models of Keras 1.2 to 2.3, tf.keras 2.3 to 2.15
and Keras 3, as HDF5 (.h5, .hdf5, .hdf or without suffix) or .keras, compiled or not,
with optimizer state or not; and weights without a network where the JSON beside them or
the names of a patch classifier tell it. What a file meant to the Keras that wrote it
(kernels of Theano, `hard_sigmoid`, ...) it means here: [keras-ages.md](keras-ages.md).
Nothing of a file is run: only the layer classes in `layer_settings.SETTINGS` are built,
and Lambda layers, other classes, pickles, SavedModel folders, links out of the file and
sizes that the file does not hold are refused by name. Arithmetic between layers
(`x / 255 - 1`, `a + b`) is built of layers that compute the same; other functions are
refused.

A network is tried before it is used: one that cannot be computed, or that needs memory
or time out of proportion to its image, is refused. One that was neither saved by this
program nor published is first built and tried in a process of its own, within 9 seconds
of the processor and 2 GB. For each 20 MB of the file a second and 20 MB are added, for
the weights have to be read and held; the loading of TensorFlow does not count. This
adds about 4 seconds of the processor to a command, most of them while the command loads
TensorFlow itself. Networks of less than two thousand million multiplications are run on
a random image of the right size; of larger ones the cost is read off the graph: at most
256 MB in one step and 512 MB in all, with 2 kB and 48 kB more for each pixel of the
image, and two thousand million multiplications, with two million more for each pixel.
These are limits of this program, and a refusal says so; `END2END_MODEL_LIMITS=2`
doubles all of them. Networks of Keras with two outputs, at 1152x896, measured with the
loading of TensorFlow (4 seconds, 0.6 GB):

| network | file | seconds allowed | processor | memory |
| --- | --- | --- | --- | --- |
| VGG19 | 76 MB | 13 | 4.8 s | 864 MB |
| ResNet152V2 | 224 MB | 20 | 9.7 s | 1,087 MB |
| EfficientNetB7 | 246 MB | 21 | 13.3 s | 1,135 MB |
| NASNetLarge | 328 MB | 25 | 13.4 s | 1,235 MB |
| ConvNeXtXLarge | 1,328 MB | 75 | 9.5 s | 2,438 MB |

## Outputs

A score is a probability from 0 to 1. A model that ends without softmax or sigmoid is
refused; `--output logits` takes the softmax (of one output the sigmoid). A single
sigmoid is the probability of the class that the card or `--class-list` names, of cancer
where nobody says. Which of two outputs is cancer is said by the card, by the table of
published models or by `--class-list` (`neg pos` or `pos neg`), which wins; where nobody
says, the second is taken, and every score has a flag. The commands print which output
is taken and who says so. `predict`, `serve`, `evaluate`, `archive predict` and `export`
take both flags. Models of several images or outputs are refused,
but for those of CC and MLO that `two-view-train` made.

The original cut a patch classifier without head dropout one layer too early, before the
last ReLU or pooling. Files that it saved so stay as they are. New models are cut at the
last feature map; `semantics="original"` of `whole_image_classifier` cuts as it did.

`end2end export best.h5 --to onnx` (or `keras`, `savedmodel`, `tflite`) writes
a model for other programs, compares it with Keras's output and puts the JSON beside it.

## Published models

The README of the original's repository (lishen/end2end-all-conv) links their weights,
which are under CC BY-NC-SA; a model that is trained further from them is so too, and
its card says it. For a machine without a network download the files elsewhere, compare
their SHA-256 after copying and keep their names, by which they are known.

They are bare Keras 2.0.8 files. `checkpoints.load_classifier` knows them by file name,
and renamed ones by their structure, with a warning, since a network of the same
structure may have been trained on other images. Flags and arguments override these
settings. A name that contains `inbreast` tells the INbreast models from the CBIS-DDSM
models. All take 16-bit images at a rescale factor of 0.003891 and the classes neg, pos.
Published patch classifiers (`--patch-model`) are known by their structure, with a
warning unless the file name tells network and patch set (`ddsm_vgg16_s10.h5`). Of any
other patch classifier the flags `--patch-img-size`, `--patch-rescale-factor`,
`--patch-featurewise-mean` and `--patch-class-list` say the settings.
"""

TRIED = """\
## Networks tried

Files that the Keras of each age wrote, with the outputs that it computed: every layer
and activation with its variants, nested and shared layers, odd names, preprocessing
and augmentation layers, and Keras's own applications. From tf.keras 2.13 on most are
there twice, as .h5 and as .keras. Equal means to 1e-5 of the greatest output.

| written by | equal | refused | wrong |
| --- | --- | --- | --- |
| Keras 1.2.2, TensorFlow | 65 | 15 | 0 |
| Keras 1.2.2, Theano | 59 | 16 | 0 |
| Keras 2.0.8, TensorFlow | 131 | 20 | 0 |
| Keras 2.0.8, Theano | 114 | 19 | 0 |
| Keras 2.2.4, TensorFlow | 151 | 23 | 0 |
| Keras 2.2.4, Theano | 134 | 29 | 0 |
| tf.keras 2.3 | 179 | 21 | 0 |
| tf.keras 2.8 | 198 | 18 | 0 |
| tf.keras 2.13 | 325 | 45 | 0 |
| tf.keras 2.15 | 323 | 44 | 0 |
| Keras 3.8 | 321 | 41 | 0 |
| Keras 3.15 | 331 | 40 | 0 |
| **all 2,662** | **2,331** | **331** | **0** |

A refusal is a sentence that names the layer and the reason. Any folder of such files is
tried by the same command, and a shorter list of networks is written by any of these
ages:

    OLD_PYTHON tests/helpers/make_varied_files.py FOLDER/AGE [--tf]
    python tests/helpers/try_model_files.py FOLDER

The other way round, a patch classifier and three whole-image networks that were saved
here are opened by Keras alone; the greatest difference of an output:

| opened by | .h5 | .keras |
| --- | --- | --- |
| tf.keras 2.3.4 | 2.4e-7 | |
| tf.keras 2.8.4 | 2.4e-7 | |
| tf.keras 2.15.1 | 3.0e-7 | |
| Keras 3.8.0 | 6.0e-8 | not read: Keras 3.15 writes a setting that 3.8 does not know |
| Keras 3.15.1 | 0 | 0 |

    python tests/helpers/try_saved_files.py write FOLDER
    OTHER_PYTHON tests/helpers/try_saved_files.py read FOLDER [--tf]
"""


def parser() -> commands.Parser:
    """Parser of the command line, which has no flags."""
    return commands.Parser(program="ddsm_train.model_table", description=__doc__)


def table(head: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def network_flags(options: config.ModelOptions) -> str:
    """The flags that shape a whole-image network, as typed."""
    words = ["--patch-net", options.backbone]
    skipped = ({"dense_units", "dense_layers", "shortcut", "convolutional"}
               if options.convolutional else
               {"top_kind", "top_filters", "top_repeats", "expansion"})
    if not options.heatmap:
        skipped |= {"heatmap", "heatmap_pool", "heatmap_max_pool"}
    if options.top_kind == "vgg":
        skipped |= {"expansion"}
    for field in dataclasses.fields(options):
        if field.name in FIELDS and field.name not in skipped:
            words += config.flags.words_of(field, getattr(options, field.name))
    return " ".join(words)


def image_rows() -> list[tuple[pipeline.named.Experiment, config.ModelOptions]]:
    """(experiment, `ModelOptions`) of every whole-image network of paper and README."""
    return [(row, config.from_flags(config.ModelOptions, row.flags))
            for row in pipeline.named.IMAGE_ROWS
            if not row.source.startswith("not published")]


def image_table(patches: Callable[[str], object]) -> str:
    """Rows of Tables 2 and 3 and of the README.

    Args:
        patches: function of a backbone's name to its patch classifier.
    """
    lines = []
    for row, options in image_rows():
        model = models.whole_image_classifier(
            patches(options.backbone), options, size=(1152, 896))
        published = row.published
        interval = "{:.2f} to {:.2f}".format(*published["interval"]) \
            if published["interval"] else ""
        lines.append((
            f"`{row.name}`", row.source, row.title, f"`{network_flags(options)}`",
            f"{model.count_params():,}", published["auc"], interval,
            published["flipped_auc"] or ""))
    return table(["name", "source", "network", "flags", "weights", "published AUC",
                  "95 % interval", "with flips"], lines)


def patch_table(patches: Callable[[str], object]) -> str:
    """The patch classifiers with five classes."""
    lines = []
    for name, row in models.backbones.BACKBONES.items():
        model = patches(name)
        lines.append((f"`{name}`", f"{model.count_params():,}", len(model.layers),
                      f"`{row.features}`", f"`{row.top_start}`", row.channels,
                      "0 to 255" if row.prepares else "less the mean"))
    return table(["--net", "weights", "layers", "last feature map",
                  "second stage starts at", "channels", "grey values"], lines)


BACKBONES = """\
The first six are the paper's and the original's, layer by layer those of Keras 2.0.8.

`vgg16-bn` is VGG16 with batch normalisation after each convolution, `vgg16-shortcuts`
has a shortcut around each block as well, as the paper's discussion proposes. ImageNet
weights of VGG16 (`--pretrained-weights`) fit both: batch normalisation starts as it
is made, and that of a shortcut with a factor of 0, so that training begins with VGG16.

The others are networks of `keras.applications`, with as many weights (EfficientNet
without the seven statistics of images, which are constants) and the same outputs as
there. They prepare images themselves (Keras does so outside ResNet50 and
DenseNet121), hence take grey values of 0 to 255: training turns `--featurewise-center`
off, says so, and the card of the model keeps it. The three channels of a mammogram are
equal. Weights are read from a file that Keras wrote (`--pretrained-weights`, whole
model or weights only, with or without its classifier) or downloaded by Keras. Frozen
batch normalisation follows each batch, as in the paper; `--freeze-statistics` is the
way of today's Keras. The dropout inside EfficientNet leaves out whole branches and
keeps its rate; `--hidden-dropout` is of the head.

`efficientnetb0-ddsm` and `efficientnetb3-ddsm` differ in what they do to images: with
`--rescale-factor` 1/257 they compute (x - 13369) / 65535 of 16-bit values, as Petrini
and Kim 2025 (arXiv 2503.19945), in place of ImageNet's mean and deviation.
"""


NEXT = ("**Next:** [train one](training.md), "
        "[use a model of 2017](tutorials/model-of-2017.md).\n")


def published_table() -> str:
    """The published models."""
    return table(
        ["name", "file", "size", "pixel mean", "AUC", "with flips"],
        [(row["name"], ", ".join(f"`{name}.h5`" for name in row["files"]),
          "{}x{}".format(*checkpoints.published.SIZE), checkpoints.published.mean(row),
          row["auc"], row["auc_flips"]) for row in checkpoints.published.PUBLISHED])


def resnet_table() -> str:
    """The residual networks beside the paper's."""
    return table(["name", "unit", "units of each stage"], [
        (f"`{name}`", row.unit, ", ".join(map(str, row.repeats)))
        for name, row in models.resnets.RESNETS.items()])


def page() -> str:
    """The text of docs/models.md."""
    @functools.cache
    def patches(backbone):
        return models.patch_classifier(backbone, PATCH_CLASSES, dropout=DROPOUT)

    return "\n".join([
        INTRODUCTION, published_table(), TRIED,
        "## Patch networks\n\nWith five classes and head dropout 0.5 (none in "
        "yaroslav).\n", patch_table(patches), BACKBONES,
        "## Whole-image networks\n\nAt 1152x896, with five patch classes and two image "
        "classes. A flag left out has its default.\n", image_table(patches),
        "## Your own residual networks\n\n`resnets.resnet(name, ...)` and, for CC "
        "and MLO together, `resnets.two_view_resnet(name, ...)`.\n", resnet_table(),
        NEXT])


def main(argv: Sequence[str] | None = None) -> None:
    """Prints docs/models.md."""
    parser().parse_args(argv)
    print(page(), end="")


if __name__ == "__main__":
    commands.run(main)
