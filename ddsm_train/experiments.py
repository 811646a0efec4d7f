"""Every experiment of the paper on CBIS-DDSM, by name.

    end2end ddsm experiments --list
    end2end ddsm experiments --run resnet-resnet --data DOWNLOAD
    end2end ddsm experiments --run table2 --data DOWNLOAD
    end2end ddsm experiments --table table2

DOWNLOAD is the folder of CBIS-DDSM as downloaded. What an experiment needs (patches, a
patch classifier) is made first; what is done is skipped, so it can be interrupted and
called again. --scale demo does the same in minutes with synthetic mammograms, a small
network and few epochs: it shows that the way works, and no number of the paper.
"""

import argparse
from collections.abc import Sequence

from ddsm_train import pipeline
from end2end import experiments
from end2end.utils import commands


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return experiments.parser(pipeline.steps.PROGRAM, __doc__)


def main(argv: Sequence[str] | None = None) -> None:
    """Lists, runs or tabulates."""
    experiments.main(pipeline.steps.PROGRAM, parser().parse_args(argv))


if __name__ == "__main__":
    commands.run(main)
