"""Imports INbreast as downloaded: 16-bit PNG, class folders, split, outlines.

    end2end inbreast prepare ROOT OUT [--size 1152 896]

ROOT is `INbreast Release 1.0` or a folder that holds it. BI-RADS 1 and 2 are negative,
4 to 6 positive, 3 is left out (Shen et al. 2019). A second call does only what is
missing.
"""

import pathlib
from collections.abc import Sequence

from end2end.config import import_flags
from end2end.utils import commands, locks
from inbreast import dataset


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="inbreast.prepare", description=__doc__)
    result.add_argument("root", metavar="ROOT", type=pathlib.Path,
                        help="the release, or the folder that holds it")
    result.add_argument("out", metavar="OUT", type=pathlib.Path, help="folder to fill")
    import_flags.add_size(result)
    result.add_argument("--bits", type=int, choices=range(8, 17), metavar="8-16",
                        help="bits that the values really use (default: found from the "
                             "largest value of the set; 12 for INbreast)")
    import_flags.add_shares(result, test=0.3)
    import_flags.add_split_file(result)
    import_flags.add_seed(result, of="the test split")
    import_flags.add_workers(result)
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the import and prints what was done and what comes next."""
    arguments = parser().parse_args(argv)
    import_flags.check(arguments)
    with locks.output_folder(arguments.out):
        dataset.importing.run(arguments)


if __name__ == "__main__":
    commands.run(main)
