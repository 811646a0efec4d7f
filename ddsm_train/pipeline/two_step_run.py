"""The work of `ddsm_train.two_step`: two heatmap files in, scores and a report out."""

import argparse
import pathlib

from numpy.typing import NDArray

from end2end import metrics
from end2end.heatmaps import heatmap_files, two_step
from end2end.reports import score_tables
from end2end.tables import scores
from end2end.utils import files, programs

# As many features are named in the report.
MOST_IMPORTANT = 10


def run(arguments: argparse.Namespace) -> str:
    """Trains on one file, scores the other.

    Returns:
        what came out, in a few lines.

    Raises:
        files.InputError: a file or a value cannot be used.
    """
    check(arguments)
    read = dict(cutoffs=tuple(arguments.cutoffs), largest=arguments.largest,
                by=arguments.by)
    cases = [heatmap_files.read_cases(path)
             for path in (arguments.train, arguments.test)]
    train, test = (two_step.features_of(part, **read) for part in cases)
    named = {case.classes for part in cases for case in part if case.classes}
    if train.names != test.names or len(named) > 1:
        raise files.InputError(
            f"{arguments.train} and {arguments.test} have heatmaps of different "
            "classes; make both with one model.")
    metrics.check(test.labels, test.labels)
    out = files.writable_folder(arguments.out)
    forest = two_step.train_forest(
        train, seed=arguments.seed, n_estimators=arguments.trees,
        max_depth=arguments.max_depth, n_jobs=arguments.workers,
        min_samples_split=arguments.min_samples_split)
    values = forest.predict_proba(test.values)[:, 1]
    scores.write_scores(out / "scores.csv", table(test, values))
    report = dict(
        auc=metrics.auc(test.labels, values),
        interval=metrics.auc_interval(test.labels, values, seed=arguments.seed),
        cases=dict(train=len(train.labels), test=len(test.labels)),
        cancers=dict(train=int(train.labels.sum()), test=int(test.labels.sum())),
        settings=vars(arguments),
        most_important={
            train.names[i]: round(float(forest.feature_importances_[i]), 6)
            for i in (-forest.feature_importances_).argsort(kind="stable")
            [:MOST_IMPORTANT]})
    files.write_json(out / "report.json", report)
    return summary(report, arguments, out)


def check(arguments: argparse.Namespace) -> None:
    """Raises `files.InputError` for values that no forest can be grown with."""
    limits = dict(largest=1, trees=1, max_depth=1, min_samples_split=2, workers=1)
    for name, least in limits.items():
        if getattr(arguments, name) < least:
            raise files.InputError(
                f"--{name.replace('_', '-')} {getattr(arguments, name)}: expected at "
                f"least {least}.")
    if not all(0 < cutoff <= 1 for cutoff in arguments.cutoffs):
        raise files.InputError(
            "--cutoffs are probabilities; expected values above 0, up to 1.")


def table(features: two_step.Features, values: NDArray) -> scores.Scores:
    """The scores of the cases as a score file has them."""
    names = tuple("_".join(filter(None, key)) for key in zip(
        features.patients, features.sides, features.views, strict=True))
    return scores.Scores(
        names, values, features.labels, patients=features.patients,
        lateralities=tuple(side[:1].upper() for side in features.sides),
        views=features.views)


def summary(report: dict, arguments: argparse.Namespace, out: pathlib.Path) -> str:
    """The result in a few lines, with a note where the data are too few."""
    low, high = report["interval"]
    few = score_tables.few(dict(
        positive=report["cancers"]["test"], count=report["cases"]["test"]))
    lines = [
        f"AUC {report['auc']:.3f} [{low:.3f}, {high:.3f}]{few} of "
        f"{report['cases']['test']} {arguments.by}s, {report['cancers']['test']} with "
        "cancer (paper: 0.73 by image)",
        f"scores in {out / 'scores.csv'}, settings in {out / 'report.json'}",
        f"next: {programs.line('end2end.metrics', out / 'scores.csv')}"]
    if report["cases"]["train"] < arguments.min_samples_split:
        lines.insert(1, (
            f"note: {report['cases']['train']} training cases are fewer than "
            f"--min-samples-split {arguments.min_samples_split}, so no tree can split "
            "and all scores are equal; lower it (2 splits always)."))
    return "\n".join(lines)
