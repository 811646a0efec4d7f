"""Imports INbreast as downloaded: 16-bit PNG, class folders, split, outlines.

    end2end inbreast prepare ROOT OUT [--size 1152 896]

ROOT is `INbreast Release 1.0` or a folder that holds it. BI-RADS 1 and 2 are negative,
4 to 6 positive, 3 is left out (Shen et al. 2019). A second call does only what is
missing.
"""

import os
import pathlib
from collections.abc import Sequence

from end2end.utils import commands, files, locks
from inbreast import dataset


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="inbreast.prepare", description=__doc__)
    result.add_argument("root", metavar="ROOT", type=pathlib.Path,
                        help="the release, or the folder that holds it")
    result.add_argument("out", metavar="OUT", type=pathlib.Path, help="folder to fill")
    result.add_argument("--size", type=int, nargs=2, default=(1152, 896),
                        metavar=("HEIGHT", "WIDTH"),
                        help="of the images in pixels (default: 1152 896)")
    result.add_argument("--bits", type=int, choices=range(8, 17), metavar="8-16",
                        help="bits that the values really use (default: found from the "
                             "largest value of the set; 12 for INbreast)")
    result.add_argument("--test-share", type=float, default=0.3,
                        help="of the women, for testing (default: 0.3)")
    result.add_argument("--val-share", type=float, default=0.1,
                        help="of the others, for validation (default: 0.1)")
    result.add_argument("--split-file", type=pathlib.Path, metavar="CSV",
                        help="a split made before (OUT/splits/split.csv), or your own")
    result.add_argument("--seed", type=int, default=12345,
                        help="of the test split (default: 12345)")
    result.add_argument("--workers", type=int, default=os.cpu_count(),
                        help="processes (default: one per core)")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the import and prints what was done and what comes next."""
    arguments = parser().parse_args(argv)
    if not all(32 <= length <= 8192 for length in arguments.size):
        raise files.InputError(
            "--size {} {} is out of range; give 32 to 8192.".format(*arguments.size))
    for name in ("test_share", "val_share"):
        if not 0 <= getattr(arguments, name) < 1:
            raise files.InputError(
                f"--{name.replace('_', '-')} {getattr(arguments, name)} is out of "
                "range; give 0 or more and less than 1.")
    if arguments.workers < 1:
        raise files.InputError(f"--workers {arguments.workers}: give at least 1.")
    if not 0 <= arguments.seed < 2**32:
        raise files.InputError(f"--seed {arguments.seed}: give 0 to {2**32 - 1}.")
    with locks.output_folder(arguments.out):
        dataset.importing.run(arguments)


if __name__ == "__main__":
    commands.run(main)
