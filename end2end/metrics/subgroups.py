"""Groups of women or lesions: rates of each, its gap to all others, and what chance
makes of many comparisons.

Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 57,
289-300 (1995). A group with fewer cases than a stated number is counted and not judged.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from end2end.metrics import clusters, delong, roc, shares
from end2end.metrics.shares import Estimate
from end2end.utils import cells, chunks, mapped

LEAST = 10
RATE = 0.05


@dataclasses.dataclass(frozen=True)
class Gap:
    """Difference of a group to all other cases.

    Attributes:
        difference: with its 95 % interval.
        p_value: that there is none.
        adjusted: p value after Benjamini and Hochberg over all groups compared.
    """

    difference: Estimate
    p_value: float
    adjusted: float = math.nan


@dataclasses.dataclass(frozen=True)
class Group:
    """One value of one column.

    Attributes:
        column, value: texts.
        count, positive: cases, and those with cancer.
        auc, sensitivity, specificity: None where the group is too small.
        gap: of the AUC; None where the group or the rest is too small.
    """

    column: str
    value: str
    count: int
    positive: int
    auc: Estimate | None = None
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None
    gap: Gap | None = None


def describe(
        labels: ArrayLike, scores: ArrayLike, columns: dict[str, Sequence[str]], *,
        threshold: float, groups: ArrayLike | None = None, least: int = LEAST
) -> list[Group]:
    """All groups of all columns, the gaps judged together.

    Args:
        labels, scores: see `metrics.auc`.
        columns: texts `(n,)` by name; empty texts are of no group.
        threshold: for sensitivity and specificity.
        groups: key of the woman of each case, or None.
        least: number of cases of each class that a group needs.

    Returns:
        list of `Group`, in the order of the columns and their values.

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = roc.check(labels, scores)
    keys = None if groups is None else np.asarray(groups)
    rows = []
    for column, texts in columns.items():
        texts = np.asarray(texts)
        values = {str(text) for text in texts} - {""}
        for value in sorted(values, key=_order):
            rows.append(_group(labels, scores, texts == value, keys, threshold, least,
                               ) | dict(column=column, value=value))
    return adjusted([Group(**row) for row in rows])


def _order(text):
    """Numbers by size, before other texts."""
    try:
        return (0, float(text.split()[0]), text)
    except ValueError:
        return (1, 0.0, text)


def _group(labels, scores, inside, keys, threshold, least):
    truth, values = labels[inside], chunks.chosen(scores, inside)
    positive = int(truth.sum())
    row = dict(count=int(inside.sum()), positive=positive)
    if min(positive, len(truth) - positive) < least:
        return row
    of_group = None if keys is None else chunks.chosen(keys, inside)
    called = chunks.each(lambda part: part >= threshold, values, dtype=bool)
    row |= dict(
        auc=delong.estimate(truth, values, of_group),
        sensitivity=shares.share(
            called[truth], None if keys is None else chunks.chosen(of_group, truth)),
        specificity=shares.share(~called[~truth], None if keys is None else
                                 chunks.chosen(of_group, ~truth)))
    outside = labels[~inside]
    if min(outside.sum(), (~outside).sum()) >= least:
        row["gap"] = gap(labels, scores, inside, keys)
    return row


def gap(labels: NDArray[np.bool_], scores: NDArray[np.float64],
        inside: NDArray[np.bool_], groups: NDArray | None = None) -> Gap:
    """AUC of the cases inside a group less that of the others, `(n,)` arrays."""
    difference, parts = 0.0, mapped.empty(len(labels), np.float64, scores)
    for cases, sign in ((inside, 1), (~inside, -1)):
        area, influence = delong.influence(labels[cases], chunks.chosen(scores, cases))
        difference += sign * area
        start = 0
        for rows in chunks.slices(len(parts), parts, influence):
            count = int(cases[rows].sum())
            parts[rows][cases[rows]] = sign * influence[start:start + count]
            start += count
    if groups is not None:
        parts = clusters.summed(parts, groups)
    half = clusters.quantile(parts) * math.sqrt(chunks.product(parts, parts))
    estimate = Estimate(difference, difference - half, difference + half)
    return Gap(estimate, delong.p_value(estimate))


def adjusted(rows: Sequence[Group]) -> list[Group]:
    """The groups with the p values of their gaps adjusted (Benjamini, Hochberg)."""
    judged = [row.gap for row in rows if row.gap]
    if not judged:
        return list(rows)
    values = iter(stats.false_discovery_control([gap.p_value for gap in judged]))
    return [dataclasses.replace(row, gap=dataclasses.replace(
        row.gap, adjusted=float(next(values)))) if row.gap else row for row in rows]


def worst(rows: Sequence[Group]) -> Group | None:
    """The group with the lowest AUC; None where none was large enough."""
    return min((row for row in rows if row.auc), key=lambda row: row.auc.value,
               default=None)


def bands(texts: Sequence[str], edges: Sequence[float]) -> list[str]:
    """Numbers as bands such as `50 to 60`; texts that are no number stay empty.

    Args:
        texts: cells.
        edges: ascending; a band holds its lower edge.
    """
    names = [f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in zip(
        edges[:-1], edges[1:], strict=True)), f"{edges[-1]:g} and more"]
    rows = []
    for text in texts:
        number = cells.number(text)
        rows.append(names[int(np.searchsorted(edges, number, side="right"))]
                    if math.isfinite(number) else "")
    return rows
