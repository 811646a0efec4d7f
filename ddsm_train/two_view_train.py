"""Trains a classifier of breasts, CC and MLO together, in two stages.

    end2end ddsm two-view-train TRAIN VAL TEST \\
        --patch-model-state runs/image/best.h5 --best-model runs/breast/best.h5

TRAIN, VAL and TEST are as for `image-clf-train`: folders neg and pos, or manifests such
as the `images.csv` of `end2end ddsm prepare`. Patient, side and view are read from
manifest, DICOM tags or file names. The trunk is that of a patch classifier or of a
whole-image classifier (--patch-model-state). A missing view is replaced by the other.
"""

from collections.abc import Sequence

from ddsm_train import pipeline
from end2end import training
from end2end.config import training_command
from end2end.utils import commands, programs

# The stage of the top layers of patch training, which breasts have not.
NOT_HERE = ("top_until_epoch", "top_rate_multiplier", "height")


def parser() -> commands.Parser:
    """The command line: the flags of whole-image training."""
    return training_command.parser(
        "ddsm_train.two_view_train", __doc__, script="image_clf_train",
        leave_out=NOT_HERE)


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, and says what to do next."""
    folders, *options = training_command.parse(
        parser(), argv, pipeline.named.TWO_VIEW_FLAGS)
    training.experiment.run_two_view_experiment(
        folders, *options, say=commands.say, verbose=commands.keras_verbosity())
    commands.say("next: " + programs.line(
        "ddsm_train.evaluate", options[-1].best_model, folders[2], "--flips"))


if __name__ == "__main__":
    commands.run(main)
