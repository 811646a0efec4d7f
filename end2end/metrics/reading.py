"""What reading with a model would mean: workload, recalls and cancers found.

Each way of reading turns the decisions of readers and the scores of a model into the
chance that a case is recalled and the number of times that it is read. No reader is
influenced by the model here: what a reader would do who sees it is not known from such
data.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from end2end.metrics import clusters, readers, roc
from end2end.metrics.precision import class_weights
from end2end.metrics.shares import Estimate

RATES = ("sensitivity", "specificity", "recall_rate", "cancer_detection_rate", "reads")


@dataclasses.dataclass(frozen=True)
class Situation:
    """What the ways of reading work on.

    Attributes:
        decisions: recall, 0 or 1 or its chance, `(readers, n)`.
        colleagues: mean decision of the other readers, `(readers, n)`.
        others: number of those; infinite for readers that are simulated.
        model: whether the model would recall, `(n,)`.
        low, high: whether the case is deferred for its score, `(n,)`.
    """

    decisions: NDArray[np.float64]
    colleagues: NDArray[np.float64]
    others: float
    model: NDArray[np.bool_]
    low: NDArray[np.bool_]
    high: NDArray[np.bool_]


def _alone(case):
    return case.decisions, np.ones_like(case.decisions)


def _two(case):
    return (case.decisions + (1 - case.decisions) * case.colleagues,
            np.full_like(case.decisions, 2.0))


def _two_and_third(case):
    """Two readers; where they differ a third decides, drawn from the others."""
    left = case.others - 1
    ones, first = case.colleagues, case.decisions
    share = 1.0 if np.isinf(case.others) else case.others / left
    # Chance that the second says no and the third yes; and that both say yes.
    no_yes = (1 - ones) * ones * share
    yes_yes = ones * (ones * share - (0 if np.isinf(case.others) else 1 / left))
    recalled = first * (ones + no_yes) + (1 - first) * yes_yes
    differ = first * (1 - ones) + (1 - first) * ones
    return recalled, 2 + differ


def _model_second(case):
    return np.maximum(case.decisions, case.model), np.ones_like(case.decisions)


def _model_and_third(case):
    """Reader and model; where they differ another reader decides."""
    differ = np.where(case.model, 1 - case.decisions, case.decisions)
    agree = case.decisions * case.model
    return agree + differ * case.colleagues, 1 + differ


def _deferred(case):
    read = np.broadcast_to(~case.low, case.decisions.shape)
    return case.decisions * read, read.astype(float)


def _deferred_both(case):
    recalled, reads = _deferred(case)
    return (np.where(case.high, 1.0, recalled), np.where(case.high, 0.0, reads))


def _once_or_twice(case):
    recalled, reads = _two(case)
    return (np.where(case.low, case.decisions, recalled),
            np.where(case.low, 1.0, reads))


def _model_alone(case):
    return (np.broadcast_to(case.model, case.decisions.shape).astype(float),
            np.zeros_like(case.decisions))


@dataclasses.dataclass(frozen=True)
class Way:
    """A way of reading.

    Attributes:
        function: of a `Situation`; chance of recall and number of reads, each
            `(readers, n)`.
        readers: how many it needs at least.
    """

    function: Callable[[Situation], tuple[NDArray, NDArray]]
    readers: int = 1


FIRST = "one reader"
BOTH = "lowest scores not read, highest recalled, one reader for the rest"
WAYS = {
    FIRST: Way(_alone),
    "two readers, recall by either": Way(_two, 2),
    "two readers, a third decides where they differ": Way(_two_and_third, 3),
    "reader and model, recall by either": Way(_model_second),
    "reader and model, another reader decides where they differ": Way(
        _model_and_third, 2),
    "lowest scores not read, one reader for the rest": Way(_deferred),
    BOTH: Way(_deferred_both),
    "lowest scores read once, two readers for the rest": Way(_once_or_twice, 2),
    "model alone": Way(_model_alone),
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the model is used, and on whom.

    Attributes:
        threshold: from which score on the model would recall.
        below: cases with a lower score are deferred as not suspicious; None: none.
        above: cases with this score or more are deferred as suspicious; None: none.
        prevalence: share of cancers among those screened; None: that of the cases.
        simulated: the reader stands for many who decide by the same chances.
    """

    threshold: float
    below: float | None = None
    above: float | None = None
    prevalence: float | None = None
    simulated: bool = False


def deferral(labels: ArrayLike, scores: ArrayLike, share: float, *,
             prevalence: float | None = None) -> float:
    """The score below which this share of those screened lies.

    Args:
        labels, scores: see `metrics.auc`.
        share: 0 to 1.
        prevalence: share of cancers among those screened; None: that of the cases.
    """
    labels, scores, _ = roc.check(labels, scores)
    order = np.argsort(scores)
    weights = class_weights(labels, prevalence)[order]
    place = int(np.searchsorted(np.cumsum(weights) / weights.sum(), share + 1e-12))
    return float(scores[order][place]) if place < len(order) else np.inf


def situation(scores: NDArray[np.float64], decisions: NDArray[np.float64],
              plan: Plan) -> Situation:
    """Readers and model together.

    Args:
        scores: of the model, `(n,)`.
        decisions: `(readers, n)`.
        plan: `Plan`.
    """
    count = len(decisions)
    if plan.simulated:
        colleagues, others = decisions, np.inf
    else:
        colleagues = (decisions.sum(axis=0) - decisions) / max(count - 1, 1)
        others = count - 1
    none = np.zeros(len(scores), bool)
    return Situation(
        decisions, colleagues, others, scores >= plan.threshold,
        none if plan.below is None else scores < plan.below,
        none if plan.above is None else scores >= plan.above)


def simulate(
        labels: ArrayLike, scores: ArrayLike, decisions: ArrayLike, plan: Plan, *,
        groups: ArrayLike | None = None) -> dict[str, dict[str, Any]]:
    """Rates of each way of reading and what it changes against one reader.

    Args:
        labels: 0 or 1, `(n,)`.
        scores: of the model, `(n,)`.
        decisions: recall by each reader, `(readers, n)`.
        plan: `Plan`; its thresholds are taken as fixed.
        groups: one key per case; cases of one key depend on each other.

    Returns:
        dict by name of the way, of dicts with `RATES` and `change`, a dict of the
        same: `Estimate`s whose intervals hold for other readers and cases, and for
        other cases alone where the readers are too few.

    Raises:
        files.InputError: see `metrics.check`.
    """
    labels, scores, _ = roc.check(labels, scores)
    decisions = np.atleast_2d(np.asarray(decisions, np.float64))
    weights = class_weights(labels, plan.prevalence)
    share = float(weights[labels].sum() / weights.sum())
    baseline = _by_reader(WAYS[FIRST], scores, decisions, plan)
    results = {}
    for name, way in WAYS.items():
        if (way.readers > len(decisions) and not plan.simulated
                or name == BOTH and plan.above is None):
            continue
        outcome = _by_reader(way, scores, decisions, plan)
        change = [values - (reference if len(values) > 1 else reference.mean(axis=0))
                  for values, reference in zip(outcome, baseline, strict=True)]
        results[name] = _rates(labels, *outcome, share, groups) | dict(
            change=_rates(labels, *change, share, groups, change=True))
    return results


def _by_reader(way, scores, decisions, plan):
    """Recalls and reads by reader, `(readers, n)`, as jackknife values.

    A reader counts as such and as a colleague of others; what the mean over readers
    owes to each is R times it less R - 1 times that without the reader (Efron 1982).
    One row, the mean, where leaving one out leaves too few.
    """
    def means(rows):
        return [values.mean(axis=0) for values in way.function(
            situation(scores, rows, plan))]
    whole, count = means(decisions), len(decisions)
    if count <= way.readers:
        return [values[None] for values in whole]
    without = [means(np.delete(decisions, reader, axis=0)) for reader in range(count)]
    return [count * values - (count - 1) * np.stack(rows)
            for values, rows in zip(whole, zip(*without, strict=True), strict=True)]


def _rates(labels, recalled, reads, share, groups, *, change=False):
    """`Estimate` by rate; each is a sum of the means of both classes, times factors."""
    spared = -recalled if change else 1 - recalled
    parts = dict(
        sensitivity=(recalled, 1.0, 0.0), specificity=(spared, 0.0, 1.0),
        recall_rate=(recalled, share, 1 - share),
        cancer_detection_rate=(recalled, share, 0.0), reads=(reads, share, 1 - share))
    return {name: _within(result, sum(factors) if bounded and not change else None)
            for (name, (values, *factors)), bounded in zip(
                parts.items(), (True, True, True, True, False), strict=True)
            for result in [weighted_mean(labels, values, factors, groups)]}


def _within(result, most):
    """The estimate; of a rate between 0 and `most` on the scale of its log odds, since
    plain limits of rates near an end are too low or too high."""
    value = result.estimate.value
    if most is None or not 0 < value < most:
        return result.estimate
    rate = value / most
    half = (result.estimate.high - value) / most / (rate * (1 - rate))
    low, high = special.expit(special.logit(rate) + np.array([-half, half]))
    return Estimate(value, float(low) * most, float(high) * most)


def weighted_mean(
        labels: NDArray[np.bool_], values: NDArray[np.float64],
        factors: Sequence[float], groups: ArrayLike | None = None) -> readers.Result:
    """Mean over readers of the means of both classes, times a factor each.

    Args:
        labels: bool `(n,)`.
        values: `(readers, n)`; of a single row chance lies in the cases alone.
        factors: of the positives and of the negatives.
        groups: one key per case, or None.
    """
    estimates, parts = np.zeros(len(values)), np.zeros(values.shape)
    for cases, factor in zip((labels, ~labels), factors, strict=True):
        count = int(cases.sum())
        means = values[:, cases].mean(axis=1)
        estimates += factor * means
        parts[:, cases] = factor * (values[:, cases] - means[:, None]) / np.sqrt(
            count * max(count - 1, 1))
    if groups is not None:
        parts = clusters.summed(parts, groups)
    return readers.mean(estimates, parts @ parts.T)
