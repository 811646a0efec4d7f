"""Sample size of a planned validation: `end2end metrics plan`."""

import argparse

from end2end.evidence import inputs
from end2end.metrics import sample_size
from end2end.reports import score_tables
from end2end.reports.report import Table
from end2end.utils import files


def run(arguments: argparse.Namespace) -> list[str]:
    """Lines with the cases needed for each aim.

    Raises:
        files.InputError: a number is not a share, or the AUC to exclude is not below
            that expected.
    """
    for name in ("auc", "prevalence", "rate", "width", "power", "above"):
        inputs.share(getattr(arguments, name), f"--{name}")
    if arguments.auc <= 0.5:
        raise files.InputError(f"--auc {arguments.auc:g} is no better than chance; "
                               "expected more than 0.5.")
    if arguments.above is not None and arguments.above >= arguments.auc:
        raise files.InputError(
            f"--above {arguments.above:g} is not below --auc {arguments.auc:g}.")
    rows = sample_size.table(
        arguments.auc, arguments.prevalence, bound=arguments.above,
        rate=arguments.rate, width=arguments.width, power=arguments.power)
    table = Table(("aim", "cases", "with cancer"), [
        (row["aim"], row["cases"], row["cancers"]) for row in rows],
        f"Cases needed where {arguments.prevalence:.3g} of them have cancer")
    return [*score_tables.as_text(table),
            "Women with several images count as one case each, or multiply by the "
            "design effect. The calibration slope needs simulation where scores are "
            "not known yet; a set that gives 100 events is a common least."]
