"""The two-step baseline of the paper: heatmaps to regions to a random forest.

    end2end ddsm two-step TRAIN.npz TEST.npz --out runs/two_step

TRAIN.npz and TEST.npz are from ddsm_train.heatmap_score. The heatmap of each class is
cut at four probabilities, the regions are measured, and a forest of 500 trees learns
from them which breasts have cancer. --by image scores each view by itself, as the
whole-image networks do.
"""

from collections.abc import Sequence

from ddsm_train import pipeline
from end2end.utils import commands, locks


def parser() -> commands.Parser:
    """The command line; the defaults are the paper's."""
    parser = commands.Parser(program="ddsm_train.two_step", description=__doc__)
    parser.add_argument("train", metavar="TRAIN.npz", help="heatmaps to train on")
    parser.add_argument("test", metavar="TEST.npz", help="heatmaps to score")
    parser.add_argument("--out", default="runs/two_step",
                        help="folder for scores.csv and report.json")
    parser.add_argument("--by", choices=("breast", "image"), default="breast",
                        help="join both views of a breast, or score each view")
    parser.add_argument("--cutoffs", type=float, nargs="+",
                        default=[0.3, 0.5, 0.7, 0.9],
                        help="probabilities at which the heatmaps are cut")
    parser.add_argument("--largest", type=int, default=1,
                        help="regions described of each class")
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--max-depth", type=int, default=9)
    parser.add_argument("--min-samples-split", type=int, default=300,
                        help="cases that a node needs to be split")
    parser.add_argument("--seed", type=int, default=12345,
                        help="seed of the forest and the interval")
    parser.add_argument("--workers", type=int, default=2, help="threads of the forest")
    parser.set_defaults(seed=commands.environment_int("RANDOM_SEED", 12345))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, scores and prints the AUC."""
    arguments = parser().parse_args(argv)
    with locks.output_folder(arguments.out):
        commands.say(pipeline.two_step_run.run(arguments))


if __name__ == "__main__":
    commands.run(main)
