"""The whole walk on synthetic mammograms: from a download to a report.

    end2end ddsm demo --out runs/demo

Runs the same commands that a user would type, prints each, and skips those that are
done.
"""

from collections.abc import Sequence

from ddsm_train import pipeline
from end2end.utils import commands, locks


def parser() -> commands.Parser:
    """The command line of the demo."""
    parser = commands.Parser(program="ddsm_train.demo", description=__doc__)
    parser.add_argument("--out", default="runs/demo", help="folder for everything")
    parser.add_argument("--scale", choices=("full", "tiny"), default="full",
                        help="tiny shows that the walk works; its scores mean nothing")
    parser.add_argument("--seed", type=int, default=12345,
                        help="seed of the phantoms, the training and the intervals")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Walks, then prints the result and where the report is."""
    arguments = parser().parse_args(argv)
    scale = pipeline.walk.SCALES[arguments.scale]
    with locks.output_folder(arguments.out):
        commands.say(pipeline.walk.run(arguments.out, scale, seed=arguments.seed))


if __name__ == "__main__":
    commands.run(main)
