"""Subgroups by any column: `end2end metrics groups`."""

import argparse
from collections.abc import Sequence

import numpy as np

from end2end import metrics
from end2end.evidence import inputs, pictures, validation
from end2end.metrics import subgroups
from end2end.reports import score_tables
from end2end.reports.report import Heading, Table, Text
from end2end.tables import columns
from end2end.tables import scores as score_files
from end2end.utils import files

MOST = 12


def run(arguments: argparse.Namespace) -> list[str]:
    """Describes the groups and returns lines for the terminal.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    if arguments.least < 2:
        raise files.InputError("--least must be at least 2; correct it.")
    edges = dict(map(_edges, arguments.bands))
    table, texts, remarks = grouped_table(arguments, edges)
    name, values = next(iter(table.scores.items()))
    threshold = arguments.threshold
    if threshold is None:
        threshold = metrics.threshold_at_sensitivity(table.labels, values, 0.869)
        remarks.append(f"Threshold {threshold:.4g}: that of 86.9 % sensitivity of all "
                       "rows, found on them.")
    if len(table.scores) > 1:
        remarks.append(f"Scores of column {name}; name another with --score.")
    rows = subgroups.describe(table.labels, values, texts, threshold=threshold,
                              groups=table.women, least=arguments.least)
    total = validation.auc(table, name)
    sections = [Heading("Table"), Text(inputs.described(table)), *map(Text, remarks),
                Heading("Groups"), Text(verdict(rows, arguments.least)),
                group_table(rows, arguments.least)]
    drawn = [("groups", "AUC by group with 95 % intervals; diamonds: groups whose gap "
              "to all other rows is beyond chance (false discovery rate "
              f"{subgroups.RATE:g}).", pictures.groups(rows, total))] if (
        arguments.out and any(row.auc for row in rows)) else []
    return inputs.finish(inputs.Findings(
        "Groups", dict(auc=total, threshold=threshold, groups=rows,
                       worst=subgroups.worst(rows), remarks=remarks),
        sections, drawn), arguments.out)


def _edges(text):
    name, _, numbers = text.partition("=")
    try:
        edges = [float(number) for number in numbers.split(",")]
    except ValueError:
        edges = []
    if not edges or edges != sorted(set(edges)):
        raise files.InputError(
            f"--bands {text!r}: expected a column and ascending numbers, such as "
            "age=40,50,60,70.")
    return name, edges


def grouped_table(arguments: argparse.Namespace, edges: dict[str, list[float]]
                  ) -> tuple[columns.Table, dict[str, Sequence[str]], list[str]]:
    """The table, its groups `(n,)` by column, and sentences on what was chosen.

    Raises:
        files.InputError: a column is missing or has too many values.
    """
    requested = tuple(dict.fromkeys((*arguments.by, *edges)))
    joined, remarks = {}, []
    of_scores = tuple(name for name in requested
                if name in columns.header(arguments.scores)) if arguments.table \
        else requested
    table = columns.read(arguments.scores, inputs.wanted(
        arguments, of_scores or ("*",)))
    if arguments.table:
        joined = _joined(arguments, table)
    texts = {**joined, **table.texts}
    missing = [name for name in requested if name not in texts]
    if missing:
        raise files.InputError(
            f"neither table has a column {missing[0]!r}; expected one of "
            f"{', '.join(texts)}.")
    texts = {name: texts[name] for name in requested} if requested else texts
    for name, numbers in edges.items():
        texts[name] = subgroups.bands(texts[name], numbers)
    chosen, left = {}, []
    for name, values in texts.items():
        count = len({value for value in values if value})
        if 2 <= count <= MOST or (name in requested and count <= columns.MOST_VALUES):
            chosen[name] = values
        else:
            left.append(f"{name} ({count} values)")
    if left:
        remarks.append("Left aside, as they are no groups: " + ", ".join(left) + ".")
    if not chosen:
        raise files.InputError(
            f"score table {arguments.scores} has no column of groups with 2 to {MOST} "
            "values; name some with --by, or numbers with --bands.")
    return inputs.judged(table), chosen, remarks


def _joined(arguments, table):
    scores = score_files.joined(
        score_files.read_scores(arguments.scores), arguments.table)
    if len(scores) != len(table):
        raise files.InputError(
            f"--table needs a score table whose rows all have label and score; "
            f"{arguments.scores} has {len(scores) - len(table)} without.")
    return {name: np.array(values, object) for name, values in scores.others.items()}


def _few(row):
    return score_tables.few(dict(positive=row.positive, count=row.count))


def verdict(rows: Sequence[subgroups.Group], least: int) -> str:
    """A sentence on the worst group and on the gaps beyond chance."""
    worst, judged = subgroups.worst(rows), [row for row in rows if row.gap]
    if worst is None:
        return f"No group has {least} rows of each class, so none is judged."
    beyond = [row for row in judged if row.gap.adjusted <= subgroups.RATE]
    names = "; ".join(
        f"{row.column} {row.value} by {row.gap.difference.value:+.3f}"
        for row in beyond)
    small = sum(row.auc is None for row in rows)
    return (f"Lowest AUC: {worst.column} {worst.value}, {inputs.shown(worst.auc)}"
            f"{_few(worst)}; the lowest of several is low by chance too. Gaps beyond "
            f"chance (false discovery rate {subgroups.RATE:g}, {len(judged)} "
            f"compared): {names or 'none'}. {small} groups with fewer than {least} "
            "rows of a class are counted and not judged; no gap shown is no proof that "
            "there is none.")


def group_table(rows: Sequence[subgroups.Group], least: int) -> Table:
    """All groups."""
    return Table(
        ("column", "value", "rows", "with cancer", "AUC", "less all others", "p",
         "adjusted p", "sensitivity", "specificity"),
        [(row.column, row.value, row.count, row.positive,
          inputs.shown(row.auc) + _few(row) if row.auc else
          f"fewer than {least} of a class",
          inputs.shown(row.gap.difference) if row.gap else "",
          inputs.p_text(row.gap.p_value) if row.gap else "",
          inputs.p_text(row.gap.adjusted) if row.gap else "",
          inputs.shown(row.sensitivity), inputs.shown(row.specificity))
         for row in rows], "Groups; p adjusted after Benjamini and Hochberg")
