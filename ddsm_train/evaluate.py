"""Tests a saved model, or several and their mean, on a folder of class folders.

    end2end ddsm evaluate runs/best.h5 images/test --flips --out runs/test

Whole-image models: AUC with 95 % interval, also averaged over the four flips, breasts
with both views, operating points, calibration and the ROC curve; of several models the
difference of each to their mean. Patch models: accuracy with interval and the confusion
matrix. The scores of the images are kept as CSV; `end2end metrics` reads them
without any model.
"""

from collections.abc import Sequence

from end2end import evaluation
from end2end.utils import commands


def parser() -> commands.Parser:
    """The command line."""
    return evaluation.command.parser("ddsm_train.evaluate", __doc__)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluates and prints the results."""
    evaluation.command.run(parser().parse_args(argv))


if __name__ == "__main__":
    commands.run(main)
