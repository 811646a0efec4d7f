"""Coverage of the intervals by simulation: `end2end metrics coverage`."""

import argparse

from end2end.evidence import coverage
from end2end.reports import score_tables
from end2end.reports.report import Table
from end2end.utils import files

LOW, HIGH = 0.93, 0.97


def run(arguments: argparse.Namespace) -> list[str]:
    """Lines with the coverage of each interval.

    Raises:
        files.InputError: an unknown kind of study.
    """
    names = arguments.studies or list(coverage.STUDIES)
    unknown = [name for name in names if name not in coverage.STUDIES]
    if unknown:
        raise files.InputError(
            f"unknown study {unknown[0]!r}; expected some of "
            f"{', '.join(map(repr, coverage.STUDIES))}.")
    rows = [(study, name, share, "" if LOW <= share <= HIGH else "outside")
            for study in names for name, share in coverage.covered(
                study, runs=arguments.runs, seed=arguments.seed)]
    outside = sum(bool(row[-1]) for row in rows)
    table = Table(("study", "interval", "coverage", ""), rows,
                  f"Share of {arguments.runs} simulated studies whose 95 % interval "
                  "holds the truth")
    return [*score_tables.as_text(table),
            f"{len(rows) - outside} of {len(rows)} within {LOW:.0%} and {HIGH:.0%}"]
