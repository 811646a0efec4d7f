"""Turns a patch classifier into a whole-image classifier, trains it in two stages.

    end2end ddsm image-clf-train TRAIN VAL TEST \\
        --patch-model-state runs/patch/best.h5 --best-model runs/image/best.h5

TRAIN, VAL and TEST have the folders neg and pos (--class-list), or are CSV manifests.
Epoch flags are end points: --nb-epoch 30 --all-layer-epochs 50 trains 30 and 20 epochs.
With --resume-from FILE a whole-image model is trained further; --nb-epoch 0 then trains
all its layers at once.
"""

from collections.abc import Sequence

from ddsm_train import pipeline
from end2end import training
from end2end.config import training_command
from end2end.utils import commands, programs

# The stage of the top layers of patch training, which whole images have not.
NOT_HERE = ("top_until_epoch", "top_rate_multiplier", "height")


def parser() -> commands.Parser:
    """The command line: every flag of the original, and a few more."""
    return training_command.parser(
        "ddsm_train.image_clf_train", __doc__, script="image_clf_train",
        leave_out=NOT_HERE)


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, and says what to do next."""
    folders, *options = training_command.parse(
        parser(), argv, pipeline.named.IMAGE_FLAGS)
    report = training.experiment.run_image_experiment(
        folders, *options, say=commands.say, verbose=commands.keras_verbosity())
    if report:          # of several processes the first speaks
        commands.say("next: " + programs.line(
            "ddsm_train.evaluate", options[-1].best_model, folders[2], "--flips"))


if __name__ == "__main__":
    commands.run(main)
