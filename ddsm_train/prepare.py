"""Imports CBIS-DDSM as downloaded: 16-bit PNG, masks, ROI table, splits, class folders.

    end2end ddsm prepare DOWNLOAD OUT [--size 1152 896] [--split paper]
    end2end ddsm prepare --census FOLDER

DOWNLOAD holds the four case-description tables and the images, in the classic or the
descriptive layout of The Cancer Imaging Archive or in that of the JPEG mirror on
Kaggle. A second call does only what is missing.
"""

import pathlib
from collections.abc import Sequence

from ddsm_train import dataset
from end2end.config import import_flags
from end2end.importing import sets
from end2end.utils import commands, files, locks, programs

SPLITS = ("paper", "official", "official-disjoint")


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="ddsm_train.prepare", description=__doc__)
    result.add_argument("download", metavar="DOWNLOAD", type=pathlib.Path, nargs="?",
                        help="folder with the four tables and the images")
    result.add_argument("out", metavar="OUT", type=pathlib.Path, nargs="?",
                        help="folder to fill")
    import_flags.add_size(result)
    which = result.add_mutually_exclusive_group()
    which.add_argument(
        "--split", choices=SPLITS, default="paper",
        help="paper: 85:15, then 90:10, by patient; official: the published lists; "
             "official-disjoint: without the women in both lists (default: paper)")
    import_flags.add_split_file(which)
    import_flags.add_seed(result, of="the 85:15 split")
    import_flags.add_workers(result)
    result.add_argument("--census", type=pathlib.Path, metavar="FOLDER",
                        help="only count what the four tables in FOLDER hold")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the import and prints what was done and what comes next."""
    arguments = parser().parse_args(argv)
    if arguments.census:
        dataset.importing.print_census(sets.cbis_tables.read_tables(arguments.census))
        return
    if arguments.download is None or arguments.out is None:
        raise files.InputError(
            "expected DOWNLOAD and OUT; see "
            f"{programs.call('ddsm_train.prepare')} --help.")
    import_flags.check(arguments)
    with locks.output_folder(arguments.out):
        dataset.importing.run(arguments)


if __name__ == "__main__":
    commands.run(main)
