"""Every experiment of the paper on INbreast, by name.

    end2end inbreast experiments --list
    end2end inbreast experiments --run table4 --data RELEASE --models FOLDER
    end2end inbreast experiments --table table4

RELEASE is the folder of INbreast as downloaded. FOLDER holds the whole-image models of
ddsm_train.experiments, FOLDER/NAME/best.h5; a published model may be put there, or a
missing one made with --ddsm. What is done is skipped. --scale demo fine-tunes networks
of ddsm_train.experiments --scale demo on synthetic images in INbreast's layout: it
shows that the way works, and no number of the paper.
"""

import argparse
from collections.abc import Sequence

from end2end import experiments
from end2end.utils import commands
from inbreast import pipeline


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return experiments.parser(pipeline.steps.PROGRAM, __doc__)


def main(argv: Sequence[str] | None = None) -> None:
    """Lists, runs or tabulates."""
    experiments.main(pipeline.steps.PROGRAM, parser().parse_args(argv))


if __name__ == "__main__":
    commands.run(main)
