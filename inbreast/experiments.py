"""Every experiment of the paper on INbreast, by name.

    python -m inbreast.experiments --list
    python -m inbreast.experiments --run table4 --data RELEASE --models FOLDER
    python -m inbreast.experiments --table table4

RELEASE is the folder of INbreast as downloaded. FOLDER holds the whole-image models of
ddsm_train.experiments, FOLDER/NAME/best.h5; a published model may be put there, or a
missing one made with --ddsm. What is done is skipped. --scale demo fine-tunes networks
of ddsm_train.experiments --scale demo on synthetic images in INbreast's layout: it
shows that the way works, and no number of the paper.
"""

import dataclasses

from end2end import experiments
from end2end.utils import commands, files
from inbreast import pipeline


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One fine-tuned model.

    Attributes:
        name: as typed.
        source: where the published value stands.
        model: name of the experiment on CBIS-DDSM it starts from; empty for a mean.
        patients: of the training set; None is all.
        published: auc, and the flip-averaged one.
        hours: of training on a GPU that sustains 10 TFLOP/s, by arithmetic.
        recipe: of `inbreast.finetune`; None is no fine-tuning.
        members: names of the experiments whose mean it is.
    """

    name: str
    source: str
    model: str
    patients: int | None
    published: dict
    hours: float = 0.0
    recipe: str | None = "paper"
    members: tuple = ()

    @property
    def title(self):
        """What it is, in words."""
        if self.members:
            return f"mean of the {len(self.members)} networks, flip-averaged"
        if self.recipe is None:
            return f"{self.model} as it comes from CBIS-DDSM"
        return f"{self.model}, {FINE_TUNING[self.recipe]}"


FINE_TUNING = {"paper": "200 epochs at 1e-5", "readme": "50 epochs at 1e-6"}
BEST_FOUR = ("resnet-resnet", "resnet-vgg", "vgg-vgg", "vgg-resnet")
# Shen et al. 2019, Table 4: patients, images, AUC of each of the four.
TABLE4 = (
    (20, 79, 0.92, 0.88, 0.87, 0.89), (30, 117, 0.93, 0.94, 0.93, 0.90),
    (40, 159, 0.93, 0.95, 0.93, 0.93), (50, 199, 0.94, 0.95, 0.94, 0.93),
    (60, 239, 0.95, 0.95, 0.95, 0.94), (None, 280, 0.95, 0.95, 0.95, 0.95))
# Hours of 200 epochs over one image, from the operations of a training step.
HOURS_PER_IMAGE = {"resnet": 0.0028, "vgg": 0.0106}


def _hours(model, images, epochs=200):
    trunk = "resnet" if model.startswith("resnet") else "vgg"
    return round(HOURS_PER_IMAGE[trunk] * images * epochs / 200, 1)


ROWS = [
    *(Experiment(
        f"{model}-{patients or 'all'}", f"Table 4, {patients or '72 (all)'} patients",
        model, patients, dict(auc=auc), _hours(model, images))
      for patients, images, *aucs in TABLE4
      for model, auc in zip(BEST_FOUR, aucs, strict=True)),
    Experiment("vgg16-512x1-readme", "README", "vgg16-512x1", None,
               dict(auc=0.92, flipped_auc=0.94), _hours("vgg", 280, 50), "readme"),
    Experiment("vgg-resnet-readme", "README", "vgg-resnet", None,
               dict(auc=0.95, flipped_auc=0.96), _hours("vgg", 280, 50), "readme"),
    *(Experiment(f"{model}-none", "not published: no fine-tuning", model, 0, {}, 0.0,
                 None) for model in BEST_FOUR),
    Experiment("ensemble", "Figure 3b", "", None, dict(flipped_auc=0.98), 0.1, None,
               tuple(f"{model}-all" for model in BEST_FOUR)),
    Experiment("ensemble-readme", "README", "", None, dict(flipped_auc=0.96), 0.1, None,
               ("vgg16-512x1-readme", "vgg-resnet-readme")),
]
EXPERIMENTS = {row.name: row for row in ROWS}
GROUPS = {
    "table4": [row.name for row in ROWS if row.model and row.recipe != "readme"],
    "readme": [row.name for row in ROWS if row.source == "README"],
    "fig3b": [*EXPERIMENTS["ensemble"].members, "ensemble"],
    "paper": [row.name for row in ROWS],
}


def chosen(name):
    """Names of the experiments behind one name or group.

    Raises:
        files.InputError: there is no such name.
    """
    if name in EXPERIMENTS:
        return [name]
    if name in GROUPS:
        return GROUPS[name]
    raise files.InputError(
        f"experiment {name!r} is not known; expected one of {', '.join(GROUPS)}, or a "
        "name of python -m inbreast.experiments --list.")


def parser():
    """The command line."""
    parser = commands.Parser(prog="python -m inbreast.experiments", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="print every experiment")
    what.add_argument("--run", metavar="NAME",
                      help="experiment, table4, fig3b, readme or paper")
    what.add_argument("--table", metavar="NAME",
                      help="print published and own values of what is done")
    parser.add_argument("--data", metavar="RELEASE",
                        help="folder of INbreast as downloaded; with --scale demo "
                             "phantoms where it is not given")
    parser.add_argument("--models", metavar="FOLDER",
                        help="models of ddsm_train.experiments (default: runs/"
                             "SCALE-experiments)")
    parser.add_argument("--ddsm", metavar="DOWNLOAD",
                        help="folder of CBIS-DDSM as downloaded: missing models are "
                             "made from it first; --scale demo makes them from "
                             "phantoms")
    parser.add_argument("--scale", choices=("paper", "demo", "smoke"), default="paper",
                        help="demo: minutes, on phantoms; smoke: only that the "
                             "commands work (default: paper)")
    parser.add_argument("--out", metavar="FOLDER",
                        help="folder for everything (default: runs/SCALE-inbreast)")
    parser.add_argument("--seed", type=int, nargs="+", default=[12345],
                        help="of training and, in the demo, phantoms (default: 12345); "
                             "several: all in turn, with mean and range in the table")
    return parser


def main(argv=None):
    """Lists, runs or tabulates."""
    arguments = parser().parse_args(argv)
    if arguments.list:
        print(experiments.listing(ROWS, prefix="inbreast-"))
        return
    names = chosen(arguments.run or arguments.table)
    runs = [pipeline.steps.Run.of(arguments, seed) for seed in arguments.seed]
    if arguments.run:
        for run in runs:
            pipeline.steps.perform(names, run)
    print(pipeline.steps.table(names, runs))


if __name__ == "__main__":
    commands.run(main)
