"""Trains a patch classifier in three stages and tests it.

    end2end ddsm patch-clf-train TRAIN VAL TEST --best-model runs/patch/best.h5

TRAIN, VAL and TEST have one folder of images per class (--class-list), or are CSV
manifests. Epoch flags are end points: --nb-epoch 3 --top-layer-epochs 13
--all-layer-epochs 50 trains 3, 10 and 37 epochs.
"""

import pathlib
import shlex
from collections.abc import Sequence

from ddsm_train import pipeline
from end2end import config, data, training
from end2end.config import training_command
from end2end.utils import commands, programs

# Settings of whole-image networks, which a patch classifier has not.
NOT_HERE = ("patch_model_path", "top_kind", "top_filters", "top_repeats", "expansion",
            "heatmap", "heatmap_pool", "heatmap_strides", "heatmap_max_pool",
            "convolutional", "shortcut", "dense_units", "dense_layers", "height",
            "breast_only", "remove_pectoral")


def parser() -> commands.Parser:
    """The command line: every flag of the original, and a few more."""
    parser = training_command.parser(
        "ddsm_train.patch_clf_train", __doc__, script="patch_clf_train",
        leave_out=NOT_HERE)
    config.add_dead_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, and says what to do next."""
    folders, *options = training_command.parse(
        parser(), argv, pipeline.named.PATCH_FLAGS)
    report = training.experiment.run_patch_experiment(
        folders, *options, say=commands.say, verbose=commands.keras_verbosity())
    best = options[-1].best_model
    if report and best != training.run_inputs.NOSAVE:
        # Of several processes the first speaks.
        commands.say(next_step(folders[0], best))


def next_step(train: str, model: str) -> str:
    """The command that makes a whole-image classifier of the model.

    Args:
        train: folder of the training patches; the folders of whole images are looked
            for above it, where `ddsm_train.prepare` and the demo put them.
        model: path of the patch classifier.
    """
    program = "ddsm_train.image_clf_train"
    for parent in pathlib.Path(train).parents:
        for images in (parent / "images", parent / "data" / "images"):
            sets = [images / part for part in ("train", "val", "test")]
            first = next(images.glob("train/pos/[!.]*.png"), None)
            if first is not None and all(map(pathlib.Path.is_dir, sets)):
                size = data.patches.patch_files.read_size(first) or ()
                return "next: " + programs.line(
                    program, *sets, *(("--img-size", *size) if size else ()),
                    "--patch-model-state", model)
    return ("For whole images, with folders of neg and pos images in place of TRAIN, "
            f"VAL and TEST:\n  {programs.call(program)} TRAIN VAL TEST "
            f"--patch-model-state {shlex.quote(model)}")


if __name__ == "__main__":
    commands.run(main)
