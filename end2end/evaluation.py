"""A saved model on a test set: scores, statistics, curve and report in one folder."""

import dataclasses
import logging
import pathlib
import time

import numpy as np

from end2end import (
    bootstrap,
    config,
    datasets,
    ensembles,
    figures,
    files,
    metrics,
    prediction,
    report,
)
from end2end import scores as score_files

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """How a model is tested.

    Attributes:
        flips: also average over the four flips.
        batch_size: images at once.
        runs, seed: of the bootstrap.
        images: fields of `ImageOptions` that win over those stored with the model.
        progress: called with the number of images just scored; None for silence.
    """

    flips: bool = False
    batch_size: int = 4
    runs: int = bootstrap.RUNS
    seed: int = bootstrap.SEED
    images: dict = dataclasses.field(default_factory=dict)
    progress: object = None


def load_classifier(path, overrides=None):
    """A model with its image settings, some of them replaced.

    Args:
        path: of the model.
        overrides: fields of `ImageOptions` as typed by the user.

    Returns:
        `checkpoints.Classifier`.

    Raises:
        files.InputError: see `checkpoints.load_classifier`.
    """
    from end2end import checkpoints

    files.existing_file(path, "model")
    if not overrides:
        return checkpoints.load_classifier(path)
    classifier = checkpoints.load_classifier(
        path, images=config.fill(config.ImageOptions, overrides))
    stored = classifier.card.get("images") or {
        "channels": classifier.model.input_shape[-1]}
    return dataclasses.replace(classifier, images=config.from_dict(
        config.ImageOptions, {**stored, **overrides}, source=str(path)))


def test_images(path, classes):
    """Labelled images of a test set.

    Raises:
        files.InputError: no images, or no labels.
    """
    images = datasets.find_images(path, classes)
    if images.labels is None:
        raise files.InputError(
            f"{path} has no labels; expected the class folders {', '.join(classes)}, "
            "or a CSV with the columns path and label.")
    return images


def evaluate(classifier, images, options):
    """Scores a test set with one model.

    Returns:
        dict of `Scores`: `plain` and, where asked for, `flips`.
    """
    flips = prediction.FLIPS if options.flips else prediction.FLIPS[:1]
    found = prediction.predict_flips(
        classifier, images, flips=flips, batch_size=options.batch_size,
        progress=options.progress)
    named = {"plain": score_files.of_images(images, found[:, 0], classifier.classes)}
    if options.flips:
        named["flips"] = score_files.of_images(
            images, found.mean(axis=1), classifier.classes)
    return named


# Statistics -----------------------------------------------------------------------


def statistics(scores, options):
    """What a score file says: AUC or accuracy, with 95 % intervals.

    Args:
        scores: `Scores` with labels.
        options: `EvaluationOptions`.

    Returns:
        dict that JSON can hold.

    Raises:
        files.InputError: one class only.
    """
    kind = binary_statistics if scores.values.ndim == 1 else class_statistics
    return dict(images=len(scores), **kind(scores, options))


def binary_statistics(scores, options):
    """AUC with its interval."""
    draw = dict(runs=options.runs, seed=options.seed)
    return dict(
        positive=int(scores.labels.sum()),
        auc=metrics.auc(scores.labels, scores.values),
        auc_interval=metrics.auc_interval(scores.labels, scores.values, **draw))


def class_statistics(scores, options):
    """Accuracy with its interval, and the confusion matrix."""
    hits = scores.predicted == scores.labels
    draw = dict(runs=options.runs, seed=options.seed)
    count = len(scores.classes)
    counts = metrics.confusion_matrix(scores.labels, scores.predicted, count)
    return dict(
        classes=list(scores.classes), accuracy=float(hits.mean()),
        accuracy_interval=metrics.share_interval(hits, **draw),
        confusion=counts.tolist(),
        confusion_normalized=metrics.confusion_matrix(
            scores.labels, scores.predicted, count, normalize=True).tolist())


def compare(named, options):
    """Statistics of each scheme, and the gain of the flips over none.

    Args:
        named: dict of `Scores` by scheme.

    Returns:
        dict by scheme; `flips` has `difference` and `difference_interval`.
    """
    results = {name: statistics(scores, options) for name, scores in named.items()}
    plain, flips = named["plain"], named.get("flips")
    if flips is not None and flips.values.ndim == 1:
        results["flips"] |= dict(
            difference=results["flips"]["auc"] - results["plain"]["auc"],
            difference_interval=metrics.auc_difference_interval(
                plain.labels, flips.values, plain.values, runs=options.runs,
                seed=options.seed))
    return results


# Output ---------------------------------------------------------------------------


def run(model_paths, test, out, options):
    """Evaluates one model, or several and their mean, and writes everything.

    Args:
        model_paths: one or more saved models.
        test: folder of class folders, or manifest.
        out: folder for `scores.csv`, `scores_flips.csv`, `results.json`, the curve or
            matrix as PNG and SVG, and `report.html`.
        options: `EvaluationOptions`.

    Returns:
        dict, the content of `results.json`.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    started = time.monotonic()
    members, cards = [], []
    for path in model_paths:
        files.existing_file(path, "model")
    out = files.writable_folder(out)
    for path in model_paths:
        classifier = load_classifier(path, options.images)
        images = test_images(test, classifier.classes)
        members.append(evaluate(classifier, images, options))
        cards.append(dict(classifier.card, name=_name(path, model_paths)))
    named = members[0]
    if len(members) > 1:
        names = [card["name"] for card in cards]
        named = {scheme: ensembles.ensemble([one[scheme] for one in members], names)
                 for scheme in members[0]}
    results = dict(
        models=list(map(str, model_paths)), test=str(test), **compare(named, options),
        seconds=round(time.monotonic() - started, 2))
    write(out, named, results, cards)
    return results


def _name(path, paths):
    """File name of a model, with its folder where names are equal (`vgg/best`)."""
    path = pathlib.Path(path)
    names = [pathlib.Path(one).stem for one in paths]
    return (path.stem if names.count(path.stem) < 2
            else f"{path.resolve().parent.name}/{path.stem}")


def write(out, named, results, cards):
    """Writes score files, results, figure and report."""
    for scheme, scores in named.items():
        ending = "" if scheme == "plain" else f"_{scheme}"
        score_files.write_scores(out / f"scores{ending}.csv", scores)
    figure, name = picture(named, results)
    figures.save(figure, out / name)
    files.write_json(out / "results.json", results)
    trained = "; ".join(dict.fromkeys(
        str(card.get("trained_on") or "not recorded") for card in cards))
    report.write_report(
        out / "report.html",
        [report.Heading("Result"), *result_tables(results),
         report.Figure(figures.encoded(figure, "svg"), CAPTIONS[name])],
        title=f"Evaluation on {pathlib.Path(results['test']).name}", trained_on=trained)


CAPTIONS = {
    "roc": "ROC curve of the test images.",
    "confusion": "Confusion matrix of the test patches; rows sum to one.",
}


def picture(named, results):
    """ROC curve, or confusion matrix for more than two classes, and its name."""
    if named["plain"].values.ndim == 2:
        plain = results["plain"]
        return figures.confusion(plain["confusion"], plain["classes"]), "confusion"
    curves = []
    titles = {"plain": "as they are", "flips": "flip-averaged"}
    for scheme, scores in named.items():
        false, true, _ = metrics.roc_curve(scores.labels, scores.values)
        curves.append(dict(
            name=titles[scheme], false=false, true=true, auc=results[scheme]["auc"],
            interval=results[scheme]["auc_interval"]))
    return figures.roc(curves), "roc"


def result_tables(results):
    """The results as `report.Table`s."""
    rows = []
    for scheme in ("plain", "flips"):
        for measure in ("auc", "accuracy", "difference"):
            found = results.get(scheme, {})
            if measure in found:
                low, high = found[f"{measure}_interval"]
                rows.append((scheme, measure, found[measure],
                             f"{low:.3f} to {high:.3f}"))
    return [report.Table(("prediction", "measure", "value", "95 % interval"), rows)]


def summary(results):
    """Lines for the terminal."""
    plain = results["plain"]
    lines = [f"{plain['images']} images"
             + (f", {plain['positive']} with cancer" if "positive" in plain else "")]
    labels = {"auc": "AUC", "accuracy": "accuracy"}
    for scheme, title in (("plain", ""), ("flips", " with flips")):
        found = results.get(scheme, {})
        for measure, name in labels.items():
            if measure in found:
                low, high = found[f"{measure}_interval"]
                lines.append(f"{name}{title} {found[measure]:.4f} "
                             f"[{low:.4f}, {high:.4f}]")
    return lines


def predicted_counts(scores):
    """How many cases were given to each class."""
    return np.bincount(scores.predicted, minlength=len(scores.classes)).tolist()
