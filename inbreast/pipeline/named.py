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
        validation: of `VALIDATION`: who chooses the epoch.
        words: title of what is no model; see `steps.DRAWN`.
        adapt: what fine-tuning trains, where that is not all (`--adapt`), and `all` or
            `none` beside these.
    """

    name: str
    source: str
    model: str
    patients: int | None
    published: dict
    hours: float = 0.0
    recipe: str | None = "paper"
    needs: tuple[str, ...] = ()
    validation: str = "added"
    words: str = ""
    adapt: str = ""

    @property
    def title(self) -> str:
        """What it is, in words."""
        if self.words:
            return self.words
        if self.needs:
            return f"mean of the {len(self.needs)} networks, flip-averaged"
        if self.recipe is None:
            return f"{self.model} as it comes from CBIS-DDSM"
        trained = f", {self.adapt}" if self.adapt else ""
        return f"{self.model}, {FINE_TUNING[self.recipe]}{trained}"


# Where the women who choose the epoch come from: functions of `dataset.subsets`.
VALIDATION = ("added", "within", "folds", "fixed")
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
               dict(auc=0.92, flipped_auc=0.94), _hours("vgg", 280, 50), "readme",
               validation="within"),
    Experiment("vgg-resnet-readme", "README", "vgg-resnet", None,
               dict(auc=0.95, flipped_auc=0.96), _hours("vgg", 280, 50), "readme",
               validation="within"),
    *(Experiment(f"{model}-none", "not published: no fine-tuning", model, 0, {}, 0.0,
                 None) for model in BEST_FOUR),
    Experiment("ensemble", "Figure 3b", "", None, dict(flipped_auc=0.98), 0.1, None,
               tuple(f"{model}-all" for model in BEST_FOUR)),
    Experiment("ensemble-readme", "README", "", None, dict(flipped_auc=0.96), 0.1, None,
               ("vgg16-512x1-readme", "vgg-resnet-readme")),
]
# The benchmark of sensitivity of the paper's ensemble.
SENSITIVITY = 0.867
ROWS += [
    Experiment("specificity", "Results, Transfer learning", "", None,
               dict(specificity=0.961), 0.1, None, ("ensemble",),
               words="specificity of the ensemble at a sensitivity of "
                     f"{SENSITIVITY}"),
    Experiment("figure3b", "Figure 3b", "", None, {}, 0.1, None,
               tuple(f"{model}-all" for model in BEST_FOUR),
               words="ROC curves of the four best networks and their mean"),
    Experiment("figure5", "Figure 5", "", None, {}, 0.1, None,
               words="a film of CBIS-DDSM and a digital mammogram of INbreast"),
]
# A site with few labels: what is trained of one network, on how many women; the epoch
# is chosen by folds, so that none of them is lost. Of the networks of Table 2 it is one
# that learns at the scales of phantoms, too.
ADAPTED = "resnet50-s10"
ADAPTATIONS, FEW_WOMEN = (
    "normalisation", "normalisation-top", "last-stage", "all"), (5, 10, 20, 60)
ADAPT_ROWS = [
    Experiment("adapt-none", "not published: no fine-tuning", ADAPTED, 0, {}, 0.0, None,
               adapt="none"),
    *(Experiment(f"adapt-{way}-{women}", f"not published: {women} women", ADAPTED,
                 women, {}, 6 * _hours("resnet", 4 * women), validation="folds",
                 adapt=way)
      for way in ADAPTATIONS for women in FEW_WOMEN)]
ROWS += ADAPT_ROWS
EXPERIMENTS = {row.name: row for row in ROWS}
GROUPS = {
    "table4": [row.name for row in ROWS
               if row.model and row.recipe != "readme" and not row.adapt],
    "readme": [row.name for row in ROWS if row.source == "README"],
    "text": ["specificity"],    # what the text states beside the tables
    "fig3b": [*EXPERIMENTS["ensemble"].needs, "ensemble", "figure3b"],
    "fig5": ["figure5"],
    "adapt": [row.name for row in ADAPT_ROWS],
    "paper": [row.name for row in ROWS if not row.adapt],
}
# Make targets have a prefix, where ddsm_train.experiments has the same names.
PREFIX = "inbreast-"
TARGETS = (*(PREFIX + name for name in EXPERIMENTS), "table4", "fig3b", "fig5", "adapt",
           PREFIX + "readme", PREFIX + "text")
