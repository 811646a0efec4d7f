"""Describes a file of scores and compares it with others.

Labels are 0 (no cancer) or 1 (cancer), scores any finite numbers that rise with
suspicion. A case is called positive where its score is at least the threshold.

    end2end metrics scores.csv [other.csv ...]

prints AUC, operating points, calibration, breasts, women and groups of a score file,
and its difference to others, with 95 % intervals; no model is needed.

    end2end metrics COMMAND --help

"""

import pathlib
from collections.abc import Sequence

from end2end import config, evidence, reports
from end2end.utils import commands


def parser() -> commands.Parser:
    """The command line without a command."""
    parser = commands.Parser(
        program="end2end.metrics",
        description=f"{__doc__}{evidence.parsers.overview()}")
    parser.add_argument("scores", nargs="+", metavar="SCORES.csv",
                        help="score files of the same images; the first is described, "
                             "the others are compared with it")
    parser.add_argument("--table", help="CSV with patient_id, side, view and more, "
                                        "such as roi_mask_path.csv")
    parser.add_argument("--by", choices=("image", "breast"), default="image",
                        help="breast: compare means of the views of each breast, also "
                             "with files of networks of two views (default: image)")
    parser.add_argument("--at", nargs="+", type=float, default=[0.869, 0.861],
                        metavar="SHARE", help="sensitivities and specificities of the "
                                              "operating points (default: 0.869 0.861)")
    parser.add_argument("--threshold", nargs="+", type=float, default=[],
                        help="thresholds found elsewhere, to be tested here")
    parser.add_argument("--mean", metavar="FILE.csv",
                        help="write the mean of all score files there and describe it")
    parser.add_argument("--out", metavar="FOLDER",
                        help="for results.json, figures and report.html")
    config.add_draws(parser, runs=config.BOOTSTRAP_RUNS, seed=config.BOOTSTRAP_SEED)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Describes and compares score files, or does a command; prints tables."""
    words = commands.words(argv)
    name = words[0] if words else ""
    if name in evidence.parsers.COMMANDS and not pathlib.Path(name).is_file():
        arguments = evidence.parsers.parser(name).parse_args(words[1:])
        lines = getattr(evidence, evidence.parsers.COMMANDS[name].module).run(arguments)
    else:
        arguments = parser().parse_args(words)
        lines = (evidence.validation.of_large_tables(arguments)
                 if arguments.by == "image"
                 and evidence.validation.are_large(arguments.scores)
                 else reports.score_report.run(arguments))
    for line in lines:
        commands.say(line)


if __name__ == "__main__":
    commands.run(main)
