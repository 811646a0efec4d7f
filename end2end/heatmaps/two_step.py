"""The two-step baseline: regions of a heatmap, then a random forest.

Shen et al. 2019, Results ("Comparison to prior two-step approach"): AUC 0.73.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import ensemble

from end2end.heatmaps import heatmap_files, sliding
from end2end.utils import files

# Shen et al. 2019: the heatmap of each foreground class is cut at each of these.
CUTOFFS = (0.3, 0.5, 0.7, 0.9)
# Shen et al. 2019.
FOREST = dict(n_estimators=500, max_depth=9, min_samples_split=300)


@dataclasses.dataclass(frozen=True)
class Features:
    """Region features of cases.

    Attributes:
        values: float64 `(cases, features)`; NaN where a view is missing.
        names: of the features, `{view_}class{c}_{cutoff}_{feature}`.
        labels: int `(cases,)`, 1 for cancer.
        patients, sides, views: text per case; the view is empty for a breast.
    """

    values: np.ndarray
    names: tuple
    labels: np.ndarray
    patients: tuple
    sides: tuple
    views: tuple


def features_of(
        cases: Sequence[heatmap_files.Case], *, cutoffs: Sequence[float] = CUTOFFS,
        largest: int = 1, by: str = "breast") -> Features:
    """Region features of breasts, or of images.

    Args:
        cases: list of `heatmap_files.Case`.
        cutoffs: probabilities at which the heatmaps are cut.
        largest: regions described of each class.
        by: `breast` joins the features of both views, a missing one being NaN; `image`
            takes each view by itself, with the label of its breast.

    Returns:
        `Features`.

    Raises:
        files.InputError: no heatmap at all, or heatmaps of different classes.
    """
    counts = {heatmap.shape[-1] for case in cases for heatmap in (case.cc, case.mlo)
              if heatmap is not None}
    if len(counts) != 1:
        stated = " and ".join(map(str, sorted(counts))) or "no"
        raise files.InputError(
            f"the heatmaps have {stated} classes; expected heatmaps of one model.")
    num_classes = counts.pop()
    rows, keys = [], []
    for case in cases:
        views = dict(cc=case.cc, mlo=case.mlo)
        if by == "image":
            for view, heatmap in views.items():
                if heatmap is not None:
                    rows.append(_features(heatmap, cutoffs, largest, num_classes))
                    keys.append((case.patient_id, case.side, view.upper(), case.cancer))
        else:
            row = {f"{view}_{name}": value for view, heatmap in views.items()
                   for name, value in _features(
                       heatmap, cutoffs, largest, num_classes).items()}
            rows.append(row)
            keys.append((case.patient_id, case.side, "", case.cancer))
    patients, sides, views, labels = zip(*keys, strict=True)
    return Features(np.array([list(row.values()) for row in rows]), tuple(rows[0]),
                    np.array(labels), patients, sides, views)


def _features(heatmap, cutoffs, largest, num_classes):
    """Features of one view at all cutoffs, by name."""
    return {f"class{number}_{cutoff}_{name}": value
            for cutoff in cutoffs
            for number, features in enumerate(sliding.region_features(
                heatmap, cutoff, largest=largest, num_classes=num_classes), 1)
            for name, value in features.items()}


def train_forest(
        features: Features, *, seed: int,
        **forest: Any) -> ensemble.RandomForestClassifier:
    """Trains the random forest of the paper.

    Args:
        features: `Features` of the training cases.
        seed: whole number.
        forest: changes of `FOREST`.

    Returns:
        a scikit-learn classifier; missing values (NaN) are allowed.

    Raises:
        files.InputError: the cases are of one class only.
    """
    first, *others = set(features.labels.tolist())
    if not others:
        raise files.InputError(
            f"all {len(features.labels)} training cases have the label {first}; a "
            "forest needs both.")
    classifier = ensemble.RandomForestClassifier(**FOREST | forest, random_state=seed)
    return classifier.fit(features.values, features.labels)
