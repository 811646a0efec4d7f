"""Calibration for a site, stored with a model: `end2end metrics recalibrate`.

The weights stay; `end2end.predict`, `serve` and the testing programs then give
`calibrated` scores and say on what they were recalibrated.
"""

import argparse

from end2end.checkpoints import cards, saved_models
from end2end.evidence import inputs
from end2end.metrics import calibration, recalibration
from end2end.reports import score_tables
from end2end.reports.report import Table
from end2end.tables import columns
from end2end.utils import files, locks


def run(arguments: argparse.Namespace) -> list[str]:
    """Finds a recalibration, stores it, and returns lines for the terminal.

    Raises:
        files.InputError: no model, scores that cannot be used, or scores that do not
            rise with suspicion.
    """
    inputs.share(arguments.prevalence, "--prevalence")
    model = saved_models.existing_model(arguments.model)
    table = inputs.judged(
        columns.read(arguments.scores, inputs.wanted(arguments)))
    name, scores = next(iter(table.scores.items()))
    before = recalibration.summary(table.labels, scores, groups=table.women)
    intercept, slope = before["recalibration"]
    if slope <= 0:
        raise files.InputError(
            f"{table.name}: the slope is {slope:.3f}, so higher scores do not mean "
            "more cancers here; a recalibration would turn the order. The model does "
            "not work on these images.")
    share = float(table.labels.mean())
    if arguments.prevalence:
        intercept = recalibration.shifted(
            intercept, from_share=share, to_share=arguments.prevalence)
    at = arguments.prevalence or share
    source = (f"{arguments.source or table.name}: {len(table)} rows, "
              f"{int(table.labels.sum())} with cancer, for {1000 * at:.3g} cancers in "
              "1000")
    row = dict(intercept=intercept, slope=slope, source=source)
    lines = [inputs.described(table), *_shown(table, name, before, row), ""]
    if before["slope"].low <= 0:
        lines.append("The interval of the slope holds 0: these rows do not show that "
                     "higher scores mean more cancers here.")
    if arguments.dry_run:
        return [*lines, "nothing was stored (--dry-run)"]
    with locks.output_file(model):
        store(model, arguments.scheme, row)
    return [*lines, f"stored with {model} for {arguments.scheme} scores; predict, "
            "serve and the testing programs now give it as calibrated"]


def store(model: files.Path, scheme: str, row: dict) -> dict:
    """Adds a recalibration to the card of a model; what else it carries stays.

    Args:
        model: path.
        scheme: `plain` or `flips`.
        row: `intercept`, `slope` and `source`.

    Returns:
        the new card.
    """
    held = cards.read(model).get("calibration") or {}
    logistic = {**(held.get("logistic") or {}), scheme: row}
    return cards.store(model, dict(calibration={**held, "logistic": logistic}))


def _shown(table, name, before, row):
    # Held against the rows before it is moved to another share of cancers.
    values = recalibration.recalibrated(table.scores[name], *before["recalibration"])
    rows = [("as they are", inputs.shown(before["intercept"]),
             inputs.shown(before["slope"]), inputs.shown(before["observed_expected"]),
             calibration.brier_score(table.labels, table.scores[name]))]
    after = recalibration.summary(table.labels, values, groups=table.women)
    rows.append(("recalibrated, on the same rows", inputs.shown(after["intercept"]),
                 inputs.shown(after["slope"]), inputs.shown(after["observed_expected"]),
                 calibration.brier_score(table.labels, values)))
    return ["", *score_tables.as_text(score_tables.noted(Table(
        ("scores", "intercept", "slope", "observed / expected", "Brier"), rows,
        f"Recalibration: log odds times {row['slope']:.4f} plus {row['intercept']:.4f}"
        f"; {row['source']}"), inputs.cases(table)))]
