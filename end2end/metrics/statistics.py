"""What a table of scores says: every number of a reviewer's table, with intervals.

Images, breasts (mean of CC and MLO) and women; operating points; calibration; groups.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from end2end.metrics import bootstrap, calibration, delong, ensembles, roc
from end2end.tables.scores import Scores
from end2end.utils import files

# The average of U.S. radiologists and the ensemble of Shen et al. 2019.
SHARES = (0.869, 0.861)
# Columns that make groups worth a row of their own, and their names.
GROUPS = {
    "view": "view", "density": "density", "breast_density": "density",
    "breast density": "density", "acr": "density", "type": "lesion type",
    "lesion_type": "lesion type", "abnormality type": "lesion type",
    "subtlety": "subtlety",
}


@dataclasses.dataclass(frozen=True)
class Draw:
    """How the bootstrap draws: number of runs and seed."""

    runs: int = bootstrap.RUNS
    seed: int = bootstrap.SEED

    @property
    def keywords(self) -> dict[str, int]:
        """Keyword arguments of the bootstrap's functions."""
        return dict(runs=self.runs, seed=self.seed)


def describe(
        scores: Scores, draw: Draw, *,
        shares: Sequence[float] = SHARES) -> dict[str, Any]:
    """All statistics of one score table.

    Args:
        scores: `Scores` with labels for all cases.
        draw: `Draw`.
        shares: sensitivities, and specificities, of the operating points.

    Returns:
        dict that JSON can hold; for two classes `auc`, `auc_interval`,
        `operating_points` and, as far as the table knows, `calibration`, `breasts`,
        `women`, `groups`; for more classes `accuracy`, `accuracy_interval`,
        `confusion`, `confusion_normalized`.

    Raises:
        files.InputError: one class only.
    """
    if scores.values.ndim == 2:
        return classes(scores, draw)
    labels, values = scores.labels, scores.values
    results = ranking(scores, draw)
    results["operating_points"] = operating_points(labels, values, draw, shares=shares)
    if values.min() >= 0 and values.max() <= 1:
        results["calibration"] = calibration.summary(labels, values, **draw.keywords)
    for name, combined in (("breasts", breasts), ("women", women)):
        rows = combined(scores, draw)
        if rows is not None:
            results[name] = rows
    results["groups"] = groups(scores, draw)
    return results


def ranking(scores: Scores, draw: Draw) -> dict[str, Any]:
    """Counts and AUC with interval, also drawn by patient where patients are known.

    Returns:
        dict; only the counts where there is one class.
    """
    labels, values = scores.labels, scores.values
    results = dict(count=len(scores), positive=int(labels.sum()))
    if len(np.unique(labels)) < 2:
        return results
    results |= dict(
        auc=roc.auc(labels, values),
        auc_interval=roc.auc_interval(labels, values, **draw.keywords),
        auc_interval_delong=delong.auc_interval(labels, values))
    if all(scores.patients) and len(set(scores.patients)) < len(scores):
        results["auc_interval_by_patient"] = roc.auc_interval(
            labels, values, groups=scores.patients, **draw.keywords)
    return results


def classes(scores: Scores, draw: Draw) -> dict[str, Any]:
    """Accuracy with interval and confusion matrix of more than two classes."""
    labels, predicted = scores.labels, scores.predicted
    hits, count = predicted == labels, len(scores.classes)
    return dict(
        count=len(scores), classes=list(scores.classes), accuracy=float(hits.mean()),
        accuracy_interval=roc.share_interval(hits, **draw.keywords),
        confusion=roc.confusion_matrix(labels, predicted, count).tolist(),
        confusion_normalized=roc.confusion_matrix(
            labels, predicted, count, normalize=True).tolist())


POINTS = {
    "sensitivity": (roc.threshold_at_sensitivity,
                    roc.specificity_at_sensitivity_interval),
    "specificity": (roc.threshold_at_specificity,
                    roc.sensitivity_at_specificity_interval),
}


def operating_points(
        labels: ArrayLike, values: ArrayLike, draw: Draw, *,
        shares: Sequence[float] = SHARES) -> list[dict[str, Any]]:
    """Specificity at given sensitivities, and the reverse.

    Returns:
        list of dicts: `at` (which of the two is given), `target`, `threshold`,
        `sensitivity`, `specificity`, and the 95 % `interval` of the other one.
    """
    rows = []
    for at, (threshold_at, interval) in POINTS.items():
        for share in shares:
            threshold = threshold_at(labels, values, share)
            sensitivity, specificity = roc.sensitivity_specificity(
                labels, values, threshold)
            rows.append(dict(
                at=at, target=share, threshold=threshold, sensitivity=sensitivity,
                specificity=specificity,
                interval=interval(labels, values, share, **draw.keywords)))
    return rows


def at_threshold(
        labels: ArrayLike, values: ArrayLike, threshold: float,
        draw: Draw) -> dict[str, Any]:
    """Sensitivity and specificity at a threshold found elsewhere, with intervals."""
    sensitivity, specificity = roc.sensitivity_specificity(
        labels, values, threshold)
    labels = np.asarray(labels, bool)
    called = np.asarray(values) >= threshold
    return dict(
        threshold=threshold, sensitivity=sensitivity, specificity=specificity,
        sensitivity_interval=roc.share_interval(called[labels], **draw.keywords),
        specificity_interval=roc.share_interval(~called[~labels], **draw.keywords))


# Breasts, women, groups -----------------------------------------------------------


def breasts(scores: Scores, draw: Draw) -> dict[str, Any] | None:
    """AUC of breasts with both views, and its gain over single views.

    Shen et al. 2019, "Combining the CC and MLO views": breasts are drawn, and the gain
    is the AUC of the breasts less that of their images taken one by one.

    Returns:
        dict, or None where no breast has both views or all have one label.
    """
    try:
        both = ensembles.breasts(scores)
    except files.InputError:
        return None
    if len(np.unique(both.labels)) < 2:
        return None
    place = {key: i for i, key in enumerate(
        zip(both.patients, both.exams, both.lateralities, strict=True))}
    of_breast = np.full(len(scores), -1)
    for (exam, side), views in ensembles.breast_groups(scores).items():
        for view in ensembles.VIEWS:
            of_breast[views.get(view, [])] = place.get((*exam[:2], side), -1)
    single = scores.subset(of_breast >= 0)
    of_breast = of_breast[of_breast >= 0]
    auc_of_breasts = roc.auc_of_draws(both.labels.astype(bool), both.values)
    auc_of_images = roc.auc_of_draws(single.labels.astype(bool), single.values)
    gains = bootstrap.replicates(
        lambda counts: auc_of_breasts(counts) - auc_of_images(counts[:, of_breast]),
        len(both), **draw.keywords)
    results = ranking(both, draw)
    single_auc = roc.auc(single.labels, single.values)
    return results | dict(
        single_view_auc=single_auc, gain=results["auc"] - single_auc,
        gain_interval=bootstrap.interval(gains))


def women(scores: Scores, draw: Draw) -> dict[str, Any] | None:
    """AUC of women; None where patients are unknown or all have one label."""
    if not all(scores.patients):
        return None
    results = ranking(ensembles.women(scores), draw)
    return results if "auc" in results else None


def groups(scores: Scores, draw: Draw) -> dict[str, dict[str, Any]]:
    """Counts and AUC by view, density and lesion type, as far as the table has them.

    Returns:
        dict of dicts of `ranking`, by group and value; groups of one value are left
        out.
    """
    columns = {"view": scores.views, **scores.others}
    results = {}
    for column, values in columns.items():
        name = GROUPS.get(column.strip().lower())
        distinct = sorted({value for value in values if value})
        if name is None or name in results or len(distinct) < 2:
            continue
        values = np.array(values)
        results[name] = {value: ranking(scores.subset(values == value), draw)
                         for value in distinct}
    return results


# Two models -----------------------------------------------------------------------


def compare(
        first: Scores, other: Scores, draw: Draw, *,
        name: str = "the other file") -> dict[str, Any]:
    """Difference of AUC, `other` less `first`, on the same images.

    Args:
        first, other: `Scores` of two classes, with labels.
        draw: `Draw`.
        name: of `other`, for messages.

    Returns:
        dict: `auc`, `difference`, `difference_interval` (bootstrap), the same drawn by
        patient where known, and `delong`.

    Raises:
        files.InputError: the images differ.
    """
    other = ensembles.align(first, other, name)
    labels = first.labels
    results = dict(
        auc=roc.auc(labels, other.values),
        difference=(roc.auc(labels, other.values)
                    - roc.auc(labels, first.values)),
        difference_interval=roc.auc_difference_interval(
            labels, other.values, first.values, **draw.keywords),
        delong=delong.compare(labels, other.values, first.values))
    if all(first.patients) and len(set(first.patients)) < len(first):
        results["difference_interval_by_patient"] = roc.auc_difference_interval(
            labels, other.values, first.values, groups=first.patients, **draw.keywords)
    return results
