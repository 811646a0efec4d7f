"""Other people's mammograms into one table: a public set, or a table of your own.

    end2end importing vindr ROOT OUT          a public set as downloaded
    end2end importing cmmd ROOT --census      only count it
    end2end importing table FILE              check a table of your own
    end2end importing table FILE OUT          import it
    end2end importing join A B --out OUT      put imports together
    end2end importing sets                    what is known of each set

Each import writes images.csv, class folders, regions, splits, census.json and
left_out.csv, and prints the commands to the first AUC. A second call does only what is
missing.
"""

import argparse
import pathlib
import tempfile
from collections.abc import Sequence

from end2end import importing
from end2end.config import import_flags
from end2end.utils import commands, files, locks

NAMES = ("cbis-ddsm", "inbreast", "vindr", "rsna", "cmmd", "mini-mias")
SPLITS = ("own", "patient")


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="end2end.importing", description=__doc__)
    kinds = result.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name in NAMES:
        one_set = kinds.add_parser(name, help="a public set")
        one_set.add_argument("root", metavar="ROOT", type=pathlib.Path,
                             help="the folder of the set as downloaded")
        one_set.add_argument("out", metavar="OUT", type=pathlib.Path, nargs="?",
                             help="folder to fill")
        one_set.add_argument("--census", action="store_true",
                             help="only count what the tables hold")
        one_set.add_argument("--birads-3", choices=("leave-out", "negative"),
                             default="leave-out", help="(default: leave-out)")
        one_set.add_argument("--accept", nargs="+", default=[], metavar="NAME",
                             help="assumptions that need not hold")
        _add_common(one_set)
    table = kinds.add_parser("table", help="a table of your own, CSV or Excel")
    _add_table(table)
    _add_common(table)
    join = kinds.add_parser("join", help="several imports into one")
    _add_join(join)
    kinds.add_parser("sets", help="what is known of the public sets")
    return result


def _add_common(parser):
    import_flags.add_size(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--split", choices=SPLITS, default="own",
                       help="own: that of the set or table, where there is one; "
                            "patient: drawn by woman (default: own)")
    import_flags.add_split_file(which)
    import_flags.add_shares(parser, test=0.15)
    import_flags.add_seed(parser, of="the draw")
    parser.add_argument("--all-views", action="store_true",
                        help="keep views and kinds other than CC and MLO")
    import_flags.add_workers(parser)


def _add_table(parser):
    parser.add_argument("file", metavar="FILE", type=pathlib.Path,
                        help="CSV or Excel, with one row per image, or a column for "
                             "each file")
    parser.add_argument("out", metavar="OUT", type=pathlib.Path, nargs="?",
                        help="folder to fill; without it the table is only checked")
    parser.add_argument("--out", dest="out_flag", metavar="OUT", type=pathlib.Path,
                        help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs="+", default=[], metavar="FOLDER",
                        type=pathlib.Path,
                        help="where the files are (default: beside the table)")
    parser.add_argument("--sheet", default="", help="of an Excel file")
    parser.add_argument("--column", action="append", default=[],
                        metavar="MEANING=HEADING",
                        help="which column is what, such as label=Befund; where a row "
                             "has several files, path:LCC=HEADING and so on")
    parser.add_argument("--label", action="append", default=[], metavar="CLASS=WORDS",
                        help="what the labels mean, such as malignant=4,5 benign=1,2 "
                             "leave-out=3")
    parser.add_argument("--side", action="append", default=[], metavar="SIDE=WORDS",
                        help="words for a side, such as left=1 right=2")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="FAULT",
                        help="faults whose rows are left out")


def _add_join(parser):
    parser.add_argument("imports", nargs="+", metavar="IMPORT", type=pathlib.Path,
                        help="output folders of imports; NAME=FOLDER gives a name")
    parser.add_argument("--out", required=True, metavar="OUT", type=pathlib.Path,
                        help="folder to fill")
    parser.add_argument("--split", choices=("keep", "patient", "site"), default="keep",
                        help="keep: as each import has it; patient: drawn anew; site: "
                             "one site is for testing (--test-site) (default: keep)")
    parser.add_argument("--test-site", metavar="SITE", default="",
                        help="of --split site: the site that is left out of training")
    import_flags.add_shares(parser, test=0.15)
    import_flags.add_seed(parser, of="the draw")


def main(argv: Sequence[str] | None = None) -> None:
    """Runs what was asked for and prints its report."""
    arguments = parser().parse_args(argv)
    if arguments.what == "sets":
        commands.say("\n".join(importing.public_sets.described()))
        return
    import_flags.check(arguments)
    RUNS.get(arguments.what, _run_set)(arguments)


def _settings(arguments, out, **further):
    return importing.records.Settings(
        files.writable_folder(out), size=tuple(arguments.size), split=arguments.split,
        split_file=arguments.split_file, test_share=arguments.test_share,
        val_share=arguments.val_share, seed=arguments.seed, workers=arguments.workers,
        all_views=arguments.all_views, **further)


def _run_set(arguments):
    options = dict(birads_3=arguments.birads_3, accept=tuple(arguments.accept))
    if arguments.census:
        with tempfile.TemporaryDirectory() as folder:
            importing.public_sets.count(
                arguments.what, arguments.root, _settings(arguments, folder, **options),
                commands.say)
        return
    if arguments.out is None:
        raise files.InputError("expected ROOT and OUT, or --census; see python -m "
                               f"end2end.importing {arguments.what} --help.")
    files.existing_folder(arguments.root)
    with locks.output_folder(arguments.out):
        importing.public_sets.run(
            arguments.what, arguments.root,
            _settings(arguments, arguments.out, **options), commands.say)


def _run_table(arguments):
    query = importing.own_table.query_of(arguments)
    out = arguments.out or arguments.out_flag
    if out is None:
        with tempfile.TemporaryDirectory() as folder:
            importing.own_table.run(
                query, _settings(arguments, folder, check_only=True), commands.say)
        return
    with locks.output_folder(out):
        importing.own_table.run(query, _settings(arguments, out), commands.say)


def _run_join(arguments):
    with locks.output_folder(arguments.out):
        importing.joining.run(arguments, commands.say)


RUNS = {"table": _run_table, "join": _run_join}


if __name__ == "__main__":
    commands.run(main)
