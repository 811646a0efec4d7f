"""Every experiment of the paper on INbreast, by name: the rows.

The Makefile runs this file by its path, with any Python and before there is an
environment, to learn the targets. So it imports nothing but the standard library.
"""

from __future__ import annotations

import dataclasses


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
        needs: names of the experiments whose mean it is.
    """

    name: str
    source: str
    model: str
    patients: int | None
    published: dict
    hours: float = 0.0
    recipe: str | None = "paper"
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is, in words."""
        if self.needs:
            return f"mean of the {len(self.needs)} networks, flip-averaged"
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
    "fig3b": [*EXPERIMENTS["ensemble"].needs, "ensemble"],
    "paper": [row.name for row in ROWS],
}
# Make targets have a prefix, where ddsm_train.experiments has the same names.
PREFIX = "inbreast-"
TARGETS = (*(PREFIX + name for name in EXPERIMENTS), "table4", "fig3b",
           PREFIX + "readme")
