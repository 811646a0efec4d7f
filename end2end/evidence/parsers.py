"""The command lines of `end2end metrics COMMAND`; imports nothing heavy."""

import argparse
import dataclasses
from collections.abc import Callable

from end2end import config
from end2end.utils import commands, programs


@dataclasses.dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        module: of `end2end.evidence`, whose `run` does the work.
        help: a line.
        add: function that adds its arguments to a parser.
    """

    module: str
    help: str
    add: Callable[[argparse.ArgumentParser], None]


def parser(name: str) -> commands.Parser:
    """The command line of one command."""
    command = COMMANDS[name]
    parser = commands.Parser(prog=f"{programs.call('end2end.metrics')} {name}",
                             description=command.help)
    command.add(parser)
    return parser


def overview() -> str:
    """All commands with what they do, for the help of the program."""
    return "\n".join(f"    {name:<12}{command.help}"
                     for name, command in COMMANDS.items())


def _columns(parser, what="scores"):
    parser.add_argument("--score", nargs="+", default=[], metavar="COLUMN",
                        help=f"columns of {what}, patterns such as 'AI_*' allowed "
                             "(default: score, score_NAME and their usual spellings)")
    parser.add_argument("--label", default="", metavar="COLUMN",
                        help="column of labels (default: known by its usual names)")
    parser.add_argument("--patient", default="", metavar="COLUMN",
                        help="column that tells women apart, whose rows are then drawn "
                             "together (default: known by its usual names)")


def _out(parser):
    parser.add_argument("--out", metavar="FOLDER",
                        help="for results.json, figures and report.html")


def _prevalence(parser):
    parser.add_argument("--prevalence", type=float, metavar="SHARE",
                        help="share of cancers among those screened, such as 0.006; "
                             "classes are re-weighted to it (default: as in the table)")


def _validate(parser):
    parser.add_argument("scores", nargs="*", metavar="SCORES.csv",
                        help="tables of scores (.csv or .csv.gz): each a site; tables "
                             "of the same images are models of one site")
    parser.add_argument("--site", nargs="+", action="append", default=[],
                        metavar=("NAME", "SCORES.csv"),
                        help="a site and its tables, one per model; may be repeated")
    parser.add_argument("--by", default="", metavar="COLUMN",
                        help="column whose values are sites")
    _columns(parser)
    parser.add_argument("--at", nargs="+", type=float, default=[0.869, 0.9],
                        metavar="SHARE", help="fixed sensitivities and specificities "
                                              "(default: 0.869 0.9)")
    parser.add_argument("--threshold", nargs="+", type=float, default=[],
                        help="thresholds found elsewhere")
    _prevalence(parser)
    _out(parser)


def _plan(parser):
    parser.add_argument("--auc", type=float, default=0.85,
                        help="AUC that is expected (default: 0.85)")
    parser.add_argument("--above", type=float, metavar="AUC",
                        help="AUC that is to be excluded")
    parser.add_argument("--prevalence", type=float, default=0.1, metavar="SHARE",
                        help="share of cancers in the planned set (default: 0.1)")
    parser.add_argument("--rate", type=float, default=0.869,
                        help="sensitivity and specificity expected (default: 0.869)")
    parser.add_argument("--width", type=float, default=0.1,
                        help="of the 95 %% intervals (default: 0.1)")
    parser.add_argument("--power", type=float, default=0.9,
                        help="of the test against --above (default: 0.9)")


def _recalibrate(parser):
    parser.add_argument("model", metavar="MODEL", help="saved model (.h5 or .keras)")
    parser.add_argument("scores", metavar="SCORES.csv",
                        help="its scores of images of the site, with labels")
    _columns(parser)
    parser.add_argument("--scheme", choices=("plain", "flips"), default="plain",
                        help="how the scores were made (default: plain)")
    _prevalence(parser)
    parser.add_argument("--source", default="", metavar="TEXT",
                        help="name of the site, kept with the model (default: the "
                             "table's)")
    parser.add_argument("--dry-run", action="store_true",
                        help="print what would be stored, and store nothing")


def _readers(parser):
    parser.add_argument("table", metavar="RATINGS.csv",
                        help="a row per case with a column per reader and model; or a "
                             "row per case, reader and test")
    parser.add_argument("--readers", nargs="+", default=[], metavar="COLUMN",
                        help="columns of readers in a wide table, patterns allowed "
                             "(default: reader*, radiologist*, R1 and so on)")
    _columns(parser, "models")
    parser.add_argument("--reader", default="", metavar="COLUMN",
                        help="column that names the reader in a long table")
    parser.add_argument("--test", default="", metavar="COLUMN",
                        help="column that names the test (treatment) in a long table")
    parser.add_argument("--case", default="", metavar="COLUMN",
                        help="column that names the case in a long table")
    parser.add_argument("--margin", type=float, metavar="AUC",
                        help="of non-inferiority, such as 0.05")
    parser.add_argument("--recall-from", type=float, default=0.1, metavar="RATING",
                        help="rating from which on a reader recalls, for their points "
                             "on the ROC curve (default: 0.1)")
    _out(parser)


def _localize(parser):
    parser.add_argument("marks", metavar="MARKS",
                        help="folder of ddsm_train.draw_saliency, or a table with "
                             "path, score and lesion (empty: beside every lesion)")
    parser.add_argument("lesions", nargs="?", metavar="LESIONS.csv",
                        help="table with path and lesion (empty: none in the image), "
                             "for a table of marks")
    parser.add_argument("--rois", metavar="FILE",
                        help="outlines, for a folder: roi_mask_path.csv or "
                             "outlines.json")
    parser.add_argument("--patient", default="", metavar="COLUMN",
                        help="column of LESIONS.csv that tells women apart")
    parser.add_argument("--cutoff", type=float, default=0.3,
                        help="least value of a mark in a map (default: 0.3)")
    parser.add_argument("--distance", type=float, default=0.05, metavar="SHARE",
                        help="least distance of two marks, a share of the height "
                             "(default: 0.05)")
    parser.add_argument("--tolerance", type=float, default=0.0, metavar="SHARE",
                        help="by which outlines are widened, a share of the height "
                             "(default: 0)")
    config.add_draws(parser, runs=1000)
    _out(parser)


def _groups(parser):
    parser.add_argument("scores", metavar="SCORES.csv", help="table of scores")
    parser.add_argument("--by", nargs="+", default=[], metavar="COLUMN",
                        help="columns of groups (default: all with 2 to 12 values)")
    parser.add_argument("--bands", nargs="+", default=[], metavar="COLUMN=40,50,60",
                        help="columns of numbers, and where bands begin")
    parser.add_argument("--table", metavar="FILE",
                        help="further table with patient, side and view, such as "
                             "roi_mask_path.csv, whose columns are joined")
    _columns(parser)
    parser.add_argument("--threshold", type=float,
                        help="for sensitivity and specificity (default: that of "
                             "86.9 %% sensitivity of all rows)")
    parser.add_argument("--least", type=int, default=10, metavar="N",
                        help="cases of each class that a group needs (default: 10)")
    _out(parser)


def _use(parser):
    parser.add_argument("scores", metavar="SCORES.csv",
                        help="table of scores, perhaps with columns of readers")
    parser.add_argument("--readers", nargs="+", default=[], metavar="COLUMN",
                        help="columns of readers' ratings, patterns allowed")
    parser.add_argument("--recall-from", type=float, default=0.1, metavar="RATING",
                        help="rating from which on a reader recalls (default: 0.1)")
    parser.add_argument("--reader-sensitivity", type=float, default=0.869,
                        help="of a simulated reader, where there are no columns of "
                             "readers (default: 0.869)")
    parser.add_argument("--reader-specificity", type=float, default=0.889,
                        help="of a simulated reader (default: 0.889)")
    parser.add_argument("--threshold", type=float,
                        help="from which score on the model recalls (default: that of "
                             "86.9 %% sensitivity)")
    parser.add_argument("--defer", type=float, default=0.5, metavar="SHARE",
                        help="share with the lowest scores that is deferred "
                             "(default: 0.5)")
    parser.add_argument("--recall-highest", type=float, default=0.0, metavar="SHARE",
                        help="share with the highest scores that is recalled unread "
                             "(default: 0)")
    parser.add_argument("--recalibrated", action="store_true",
                        help="decision curves of scores recalibrated on this table "
                             "(optimistic, and said so)")
    _columns(parser)
    _prevalence(parser)
    _out(parser)


def _coverage(parser):
    parser.add_argument("studies", nargs="*", metavar="STUDY",
                        help="kinds of studies (default: all)")
    config.add_draws(parser, runs=1000, seed=2026, what="studies of each kind")


def _checklist(parser):
    parser.add_argument("runs", nargs="*", metavar="RUN",
                        help="folders or JSON files of a run: the model's card, "
                             "results.json of tests and of commands here")
    parser.add_argument("--facts", metavar="FILE.json",
                        help="what no file of a run knows: an object of texts by item "
                             "(--list-facts names them)")
    parser.add_argument("--list-facts", action="store_true",
                        help="print the names that --facts understands")
    _out(parser)


COMMANDS = {
    "validate": Command("validation", "models at one or several sites", _validate),
    "plan": Command("planning", "how many cases a validation needs", _plan),
    "recalibrate": Command("recalibrating",
                           "calibration for a site, stored with the model",
                           _recalibrate),
    "readers": Command("reader_study", "readers, and models against them (MRMC)",
                       _readers),
    "localize": Command("localizing", "marks against outlines (FROC, JAFROC)",
                        _localize),
    "groups": Command("grouping", "subgroups, their gaps, what chance makes of them",
                      _groups),
    "use": Command("using", "decision curves and ways of reading with a model", _use),
    "coverage": Command("covering", "how often the intervals hold the truth",
                        _coverage),
    "checklist": Command("checklists", "CLAIM 2024, TRIPOD+AI and an ATLAS card",
                         _checklist),
}
