"""The flags of the programs that make a folder of images and a split of its women."""

import argparse
import os
import pathlib

from end2end.utils import files

# Height and width in pixels. The least is what the smallest network takes, the greatest
# is above every mammogram of the public sets.
SHORTEST, LONGEST = 32, 8192


def add_size(parser: argparse.ArgumentParser) -> None:
    """Adds `--size`, the size of the images that are written."""
    parser.add_argument("--size", type=int, nargs=2, default=(1152, 896),
                        metavar=("HEIGHT", "WIDTH"),
                        help="of the images in pixels (default: 1152 896)")


def add_split_file(parser: argparse._ActionsContainer) -> None:
    """Adds `--split-file`, to a parser or a group of flags that exclude each other."""
    parser.add_argument("--split-file", type=pathlib.Path, metavar="CSV",
                        help="a split made before (OUT/splits/split.csv), or your own")


def add_shares(parser: argparse.ArgumentParser, *, test: float) -> None:
    """Adds `--test-share` and `--val-share`.

    Args:
        test: default share of the women for testing, from 0 to less than 1.
    """
    parser.add_argument("--test-share", type=float, default=test,
                        help=f"of the women, for testing (default: {test})")
    parser.add_argument("--val-share", type=float, default=0.1,
                        help="of the others, for validation (default: 0.1)")


def add_seed(parser: argparse.ArgumentParser, *, of: str) -> None:
    """Adds `--seed`.

    Args:
        of: what is drawn, for the help.
    """
    parser.add_argument("--seed", type=int, default=12345,
                        help=f"of {of} (default: 12345)")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Adds `--workers`, the number of processes."""
    parser.add_argument("--workers", type=int, default=os.cpu_count(),
                        help="processes (default: one per core)")


def check(arguments: argparse.Namespace) -> None:
    """Refuses numbers out of range; flags that a program lacks are left aside.

    Raises:
        files.InputError: a size, share, number of processes or seed is out of range.
    """
    size = getattr(arguments, "size", ())
    if not all(SHORTEST <= length <= LONGEST for length in size):
        raise files.InputError(
            f"--size {' '.join(map(str, size))} is out of range; give {SHORTEST} to "
            f"{LONGEST}.")
    for name in ("test_share", "val_share"):
        if not 0 <= getattr(arguments, name, 0) < 1:
            raise files.InputError(
                f"--{name.replace('_', '-')} {getattr(arguments, name)} is out of "
                "range; give 0 or more and less than 1.")
    if getattr(arguments, "workers", 1) < 1:
        raise files.InputError(f"--workers {arguments.workers}: give at least 1.")
    if not 0 <= getattr(arguments, "seed", 0) < 2**32:
        raise files.InputError(f"--seed {arguments.seed}: give 0 to {2**32 - 1}.")
