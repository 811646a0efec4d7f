"""AUC and counts of score tables of any length, in constant memory.

Scores from 0 to 1 are counted in bins of their float32 bits, 8192 between any number
and its double. Pairs within a bin count as ties, which bounds the error.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from end2end import metrics
from end2end.archive import shards
from end2end.checkpoints import outputs
from end2end.metrics import bootstrap
from end2end.tables import vocabulary
from end2end.utils import cells, files

SHIFT = 10
BINS = (int(np.float32(1).view(np.int32)) >> SHIFT) + 1
GROUPS = 4096   # of the bootstrap: bins are joined to about so many
ROWS = 10_000   # held at once


def describe(table: str, *, runs: int = 1000, seed: int = bootstrap.SEED
             ) -> dict[str, Any]:
    """Counts, AUC with the bound of its error, and its 95 % interval.

    Args:
        table: score table, see `shards.table_files`; columns score and label.
        runs, seed: of the bootstrap, which draws images.

    Returns:
        dict with rows, failed (without a score), unlabelled, positive, negative, auc,
        auc_error_at_most, auc_interval, and order_unknown, the rows of models of which
        nobody says which output is cancer.

    Raises:
        files.InputError: a score is not in 0 to 1, or a class is missing.
    """
    counts, left_out, unknown = histogram(table)
    positive, negative = counts[1].sum(), counts[0].sum()
    if not positive or not negative:
        raise files.InputError(
            f"{table} has {positive} positive and {negative} negative images with "
            "scores; an AUC needs both.")
    area = auc(counts)
    ties = float((counts[0].astype(float) * counts[1]).sum())
    low, high = auc_interval(counts, runs=runs, seed=seed)
    return dict(rows=int(counts.sum()) + sum(left_out.values()), **left_out,
                positive=int(positive), negative=int(negative), auc=area,
                auc_error_at_most=ties / 2 / (float(positive) * float(negative)),
                auc_interval=(low, high), order_unknown=unknown)


def histogram(table: str) -> tuple[NDArray[np.int64], dict[str, int], int]:
    """Counts by class and bin, int64 `(2, BINS)`, and rows left out by reason.

    The last is the number of rows with a flag `outputs.UNKNOWN_ORDER` or
    `UNKNOWN_CLASS`.
    """
    unknown, marks = 0, [text.partition("{}")[2] for text in (
        outputs.UNKNOWN_ORDER, outputs.UNKNOWN_CLASS)]
    counts = np.zeros((2, BINS), np.int64)
    left_out = dict(failed=0, unlabelled=0)
    labels, values = [], []
    for row in shards.read_rows(table):
        headings = vocabulary.named_columns(row)
        score, label = (row.get(headings.get(name), "") for name in ("score", "label"))
        unknown += any(mark in (row.get("flags") or "") for mark in marks)
        number = vocabulary.label(label)
        if not score:
            left_out["failed"] += 1
        elif number is None:
            left_out["unlabelled"] += 1
        else:
            labels.append(number)
            values.append(_score(score, table))
        if len(values) == ROWS:
            _count(counts, labels, values)
            labels, values = [], []
    _count(counts, labels, values)
    return counts, left_out, unknown


def _score(text, table):
    value = cells.number(text)
    if not 0 <= value <= 1:
        raise files.InputError(
            f"{table} has the score {text!r}; expected a number from 0 to 1.")
    return value


def _count(counts, labels, values):
    bins = (np.asarray(values, np.float32) + np.float32(0)).view(np.int32) >> SHIFT
    np.add.at(counts, (np.asarray(labels, np.int64), bins), 1)


def auc(counts: NDArray[np.int64]) -> float:
    """AUC of counts `(2, bins)`; pairs within a bin count one half."""
    used = np.flatnonzero(counts.sum(axis=0))
    cells = counts[:, used]
    return _statistic(len(used))(cells.reshape(1, -1).astype(float)).item()


def auc_interval(counts: NDArray[np.int64], *, runs: int = 1000,
                 seed: int = bootstrap.SEED) -> tuple[float, float]:
    """95 % interval by drawing images again, as numbers of images per bin."""
    ranks, total = np.cumsum(counts.sum(axis=0)), int(counts.sum())
    group = (ranks - 1) * GROUPS // total
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    cells = np.add.reduceat(counts, starts, axis=1).ravel()
    rng, statistic = np.random.default_rng(seed), _statistic(len(starts))
    return bootstrap.interval(np.concatenate([
        statistic(rng.multinomial(total, cells / total)[None].astype(float))
        for _ in range(runs)]))


def _statistic(bins):
    labels = np.repeat([False, True], bins)
    return metrics.auc_of_draws(labels, np.tile(np.arange(bins), 2))
