"""The one command: `end2end PROGRAM ...`, or `python -m end2end PROGRAM ...`.

    end2end                                    this list
    end2end predict best.h5 mammograms/        scores mammograms
    end2end ddsm prepare --help                help of a program

Each program is a module as well: `end2end ddsm prepare` is
`python -m ddsm_train.prepare`. Research software, not a medical device.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from end2end.utils import commands, programs


def parser() -> commands.Parser:
    """The command line up to the name of the program."""
    result = commands.Parser(
        prog="end2end", description=f"{__doc__}\n{programs.listing()}",
        usage="end2end [-h] [--version] PROGRAM ...")
    commands.add_version(result)
    result.add_argument("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return result


def main(argv: Sequence[str] | None = None) -> int | None:
    """Runs the program that the first words name, or lists all."""
    typed = commands.words(argv)
    if not typed or typed[0].startswith("-"):
        parser().parse_args(typed or ["--help"])
    module, rest = programs.split(typed)
    return programs.load(module).main(rest)


def run() -> NoReturn:
    """The console script `end2end`."""
    programs.use_command(sys.argv[0])
    commands.run(main)


if __name__ == "__main__":
    commands.run(main)
