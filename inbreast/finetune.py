"""Trains a whole-image classifier further on other mammograms: transfer in 1-2-3.

    1. end2end images TRAIN         (are the images fit; their scale and mean)
    2. end2end inbreast finetune TRAIN VAL TEST --resume-from MODEL.h5 \\
           --best-model runs/mine/best.h5
    3. end2end ddsm evaluate runs/mine/best.h5 TEST --flips

For INbreast (inbreast.prepare) and for any folders with neg and pos images, or CSV
manifests. Only the labels of whole images are needed. Rescale factor and mean are found
from the training images unless given, the image size is that of the model.
"""


import pathlib
from collections.abc import Sequence

import end2end.training
from end2end import checkpoints
from end2end.config import training_command
from end2end.utils import commands, files, programs
from inbreast import pipeline

# Shen et al. 2019, Transfer learning: Adam at 1e-5, 200 epochs, weight decay 0.01.
# The original's README: 1e-6 for 50 epochs, ending early.
COMMON = ("--optimizer", "adam", "--batch-size", 4, "--train-bs-multiplier", 0.5,
          "--nb-epoch", 0, "--init-learningrate", 0.0001, "--weight-decay2", 0.01,
          "--augmentation", "--auto-batch-balance", "--load-train-ram",
          "--load-val-ram", "--rescale-factor", "auto", "--featurewise-mean", "auto",
          "--best-model", "./modelState/finetuned.h5")
RECIPES = {
    "paper": (*COMMON, "--all-layer-multiplier", 0.1, "--all-layer-epochs", 200,
              "--weight-decay", 0.01, "--es-patience", 1000),
    "readme": (*COMMON, "--all-layer-multiplier", 0.01, "--all-layer-epochs", 50,
               "--weight-decay", 0.001, "--es-patience", 10),
}
# A whole-image model is given, so nothing about making one is asked.
NOT_HERE = (
    "top_until_epoch", "top_rate_multiplier", "height", "patch_model_path", "backbone",
    "pretrained", "pretrained_weights", "top_kind", "top_filters", "top_repeats",
    "expansion", "heatmap", "heatmap_pool", "heatmap_strides", "heatmap_max_pool",
    "convolutional", "shortcut", "dense_units", "dense_layers")

# What of a mammogram the network saw, as the model was trained.
SHOWN = {"breast_only": "--breast-only", "remove_pectoral": "--remove-pectoral",
         "crop_breast": "--crop-breast"}


def parser() -> commands.Parser:
    """The command line."""
    parser = training_command.parser(
        "inbreast.finetune", __doc__, script="image_clf_train", leave_out=NOT_HERE)
    # `recipe` is the setting of augmentation.
    parser.add_argument("--recipe", dest="fine_tuning", choices=tuple(RECIPES),
                        default="paper",
                        help="200 epochs at 1e-5, or 50 at 1e-6 (default: paper); "
                             "flags typed beside it win")
    parser.add_argument("--folds", type=int, default=0, metavar="K",
                        help="choose the number of epochs by K folds of the women of "
                             "TRAIN, then train on all of them; VAL is not read "
                             "(default: the women of VAL choose)")
    return parser


def parse(argv: Sequence[str] | None = None) -> tuple:
    """Parses a command.

    Returns:
        (train, val, test), `ImageOptions`, `ModelOptions`, `TrainingOptions`, and the
        number of folds.

    Raises:
        files.InputError: no model is given, it is not there, or there is one fold.
    """
    program = parser()
    words = commands.words(argv)
    arguments = program.parse_args(words)
    if not arguments.resume_from:
        raise files.InputError(
            "no model to train further; expected --resume-from with a whole-image "
            "classifier (.h5).")
    if arguments.folds and arguments.folds < 2:
        raise files.InputError(f"--folds {arguments.folds}: expected 2 or more.")
    files.existing_file(arguments.resume_from, "model")
    stored = stored_flags(arguments.resume_from)
    return *training_command.parse(
        program, [*map(str, (*RECIPES[arguments.fine_tuning], *stored)), *words], {}
    ), arguments.folds


def stored_flags(model_path: str | pathlib.Path) -> tuple:
    """What stays as the model was trained: size, that of the paper where none is
    recorded, and what of a mammogram is shown."""
    card = checkpoints.saved_models.card_beside(model_path, None)
    images = card.get("images") or {}
    shown = [flag for name, flag in SHOWN.items() if images.get(name)]
    return ("--img-size", *(images.get("size") or (1152, 896)), *shown)


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, and says what to do next."""
    folders, *options, folds = parse(argv)
    training = options[-1]
    output = dict(say=commands.say, verbose=commands.keras_verbosity(),
                  not_asked=NOT_HERE)
    if folds:
        report = pipeline.folds.run(folders, options, folds, **output)
    else:
        report = end2end.training.experiment.run_image_experiment(
            folders, *options, **output)
    if report:          # of several processes the first speaks
        commands.say("next: " + programs.line(
            "ddsm_train.evaluate", training.best_model, folders[2], "--flips"))


if __name__ == "__main__":
    commands.run(main)
