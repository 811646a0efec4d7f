"""Tests whole-image models on INbreast, each and their mean (Figure 3b of the paper).

    end2end inbreast evaluate resnet/best.h5 vgg/best.h5 data/images/test \\
        --rois data/outlines.json --out runs/inbreast-test

The test folder is that of inbreast.prepare, or any folder with neg and pos images, or a
CSV manifest. The scores of the four flips are averaged, as in the paper, beside the
plain ones (--no-flips leaves them out). AUC with 95 % interval of images, breasts with
both views and women; sensitivity and specificity with intervals; ROC curves; and a page
of the cases. The scores are kept as CSV for `end2end metrics`.
"""

from collections.abc import Sequence

from end2end import evaluation
from end2end.utils import commands


def parser() -> commands.Parser:
    """The command line."""
    return evaluation.command.parser("inbreast.evaluate", __doc__, flips=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluates and prints the results."""
    evaluation.command.run(parser().parse_args(argv))


if __name__ == "__main__":
    commands.run(main)
