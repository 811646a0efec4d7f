"""A saved model on a test set: scores, statistics, curve and report in one folder."""

import dataclasses
import logging
import pathlib
import time
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from numpy.typing import NDArray

from end2end import checkpoints, metrics, prediction
from end2end.checkpoints import cards as card_files
from end2end.config import model_flags
from end2end.data import breasts, image_lists
from end2end.evaluation import cases as evaluation_cases
from end2end.evaluation import refusals
from end2end.explanation import scales
from end2end.images import accounting, belonging, input_checks
from end2end.metrics import (
    bootstrap,
    calibration,
    ensembles,
    recalibration,
    statistics,
)
from end2end.prediction import identity_cells
from end2end.reports import figures, operating, report, score_tables
from end2end.tables import scores as score_files
from end2end.tables.identity import Identity
from end2end.utils import commands, files

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """How a model is tested.

    Attributes:
        flips: also average over the four flips.
        batch_size: images at once.
        runs, seed: of the bootstrap.
        images: fields of `ImageOptions` that win over those stored with the model.
        outputs: what the user says of the outputs of the models.
        progress: called with the number of images just scored; None for silence.
        say: takes a line of text for the user, before anything is scored.
        pictures: what the report shows of each image.
        store: keep calibration and operating points with the model (`cards`).
        refuse_unfit: leave out pictures that are no basis for a score.
    """

    flips: bool = False
    batch_size: int = 4
    runs: int = bootstrap.RUNS
    seed: int = bootstrap.SEED
    images: dict = dataclasses.field(default_factory=dict)
    outputs: model_flags.OutputOptions = model_flags.AS_STORED
    progress: object = None
    say: object = log.info
    pictures: evaluation_cases.PictureOptions = evaluation_cases.PictureOptions()
    store: bool = False
    refuse_unfit: bool = False

    @property
    def draw(self) -> statistics.Draw:
        return statistics.Draw(self.runs, self.seed)


def test_images(
        path: str | pathlib.Path, classes: Sequence[str]) -> image_lists.ImageList:
    """Labelled images of a test set.

    Raises:
        files.InputError: no images, or no labels.
    """
    images = image_lists.find_images(path, classes)
    if images.labels is None:
        raise files.InputError(
            f"{path} has no labels; expected the class folders {', '.join(classes)}, "
            "or a CSV with the columns path and label.")
    if len(classes) == 2 and len(set(images.labels)) < 2:
        (only,) = set(images.labels)
        raise files.InputError(
            f"{path} has images of the class {classes[only]!r} only; the AUC "
            "needs both. Add images of the other class.")
    return images


def evaluate(
        classifier: checkpoints.Classifier, images: image_lists.ImageList,
        options: EvaluationOptions, columns: dict[str, tuple] | None = None
        ) -> dict[str, score_files.Scores]:
    """Scores a test set with one model.

    Args:
        classifier: `checkpoints.Classifier`.
        images: `ImageList`.
        options: `EvaluationOptions`.
        columns: of `identity_columns`; made here where None.

    Returns:
        dict of `Scores`: `plain` and, where asked for, `flips`.
    """
    flips = prediction.FLIPS if options.flips else prediction.FLIPS[:1]
    classifier = dataclasses.replace(classifier, images=input_checks.with_scale(
        classifier.images, images.paths))
    by_flip = prediction.predict_flips(
        classifier, images, flips=flips, batch_size=options.batch_size,
        progress=options.progress)
    columns = columns or identity_columns(voters(images))
    schemes = {"plain": score_files.of_images(
        images, by_flip[:, 0], classifier.classes, columns=columns)}
    if options.flips:
        schemes["flips"] = score_files.of_images(
            images, by_flip.mean(axis=1), classifier.classes, columns=columns)
    return schemes


def voters(images: image_lists.ImageList) -> list[Identity]:
    """Who and what the images of a test set show, and which of them vote for their
    breast, as in prediction."""
    return belonging.elected(belonging.settle(images.identities()))


def identity_columns(voting: list[Identity]) -> dict[str, tuple]:
    """Patient, side, view, exam and vote of each image, as prediction has them.

    Args:
        voting: of `voters`.

    Returns:
        tuples of texts by field of `Scores`; patients' numbers in tags are pseudonyms.
    """
    cells = identity_cells.cells(voting, identity_cells.Numbered())
    return {plural: tuple(cells[image.path][name] for image in voting)
            for plural, name in score_files.TEXTS.items()}


def account(images: image_lists.ImageList, voting: list[Identity], results: dict,
            refused: int = 0) -> list[str]:
    """Sentences on what became of the images, and on what the results lack and why.

    Args:
        images: the test set.
        voting: of `voters`.
        results: of `compare`.
        refused: how many images were left out.
    """
    lines, plain = accounting.lines(voting, refused, images.left), results["plain"]
    if "auc" not in plain:
        return lines
    unknown = sum(not image.patient for image in voting)
    if "auc_interval_by_patient" not in plain:
        lines.append("no interval by patient: " + (
            f"{unknown} of {len(voting)} images have no known patient" if unknown
            else "each patient has one image"))
    if "breasts" not in plain:
        incomplete = sum(not (image.laterality and image.view) for image in voting)
        lines.append(
            "no table of breasts: no breast of both labels has its CC and its MLO "
            f"({unknown} of {len(voting)} images without patient, {incomplete} without "
            "side or view)")
    return lines


# Statistics -----------------------------------------------------------------------


def compare(
        schemes: Mapping[str, score_files.Scores],
        draw: statistics.Draw) -> dict[str, dict]:
    """Statistics of each scheme, and the gain of the flips over none.

    Args:
        schemes: dict of `Scores` by scheme, `plain` first.
        draw: `statistics.Draw`.

    Returns:
        dict by scheme of `statistics.describe`; `flips` has `gain` too
        (`statistics.compare`).

    Raises:
        files.InputError: one class only.
    """
    results = {name: statistics.describe(table, draw)
               for name, table in schemes.items()}
    if "flips" in schemes and schemes["flips"].values.ndim == 1:
        results["flips"]["gain"] = statistics.compare(
            schemes["plain"], schemes["flips"], draw)
    return results


def against_mean(
        schemes: Mapping[str, score_files.Scores],
        members: Sequence[Mapping[str, score_files.Scores]], names: Sequence[str],
        options: EvaluationOptions) -> dict:
    """AUC of each of several models, and its difference to that of their mean.

    Args:
        schemes: dict of `Scores` of the mean, by scheme.
        members: the same of each model.
        names: of the models.
        options: `EvaluationOptions`.

    Returns:
        dict with `members`: by scheme, a list of dicts of `statistics.compare` with
        `name` and `auc_interval`; empty for one model.
    """
    if len(members) < 2 or schemes["plain"].values.ndim == 2:
        return {}
    return dict(members={scheme: [
        dict(name=name,
             auc_interval=metrics.auc_interval(
                 mean.labels, member[scheme].values, **options.draw.keywords),
             **statistics.compare(mean, member[scheme], options.draw))
        for name, member in zip(names, members, strict=True)]
        for scheme, mean in schemes.items()})


def add_recalibrated(results: dict, schemes: Mapping[str, score_files.Scores],
                     card: Mapping) -> None:
    """Adds how well the calibration that the model carries fits this test set.

    Args:
        results: of `compare`; each scheme gets `recalibrated`, with `note`, `brier`,
            `intercept` and `slope`, where the card has a recalibration for a site;
            None and `reason` where the test set cannot tell them.
        schemes: dict of `Scores` by scheme.
        card: of the model.
    """
    for scheme, table in schemes.items():
        stored = recalibration.stored(card, scheme)
        if stored is None or not stored.note or table.values.ndim == 2:
            continue
        values = stored.applied(table.values)
        row = dict(note=stored.note, intercept=None, slope=None,
                   brier=calibration.brier_score(table.labels, values))
        try:
            fit = recalibration.summary(table.labels, values)
            row |= {name: dataclasses.asdict(fit[name])
                    for name in ("intercept", "slope")}
        except files.InputError as error:
            row["reason"] = str(error)
        results[scheme]["recalibrated"] = row


# Output ---------------------------------------------------------------------------


def run(
        model_paths: Sequence[str | pathlib.Path], test: str | pathlib.Path,
        out: str | pathlib.Path, options: EvaluationOptions) -> dict:
    """Evaluates one model, or several and their mean, and writes everything.

    Args:
        model_paths: one or more saved models.
        test: folder of class folders, or manifest.
        out: folder for `scores.csv`, `scores_flips.csv`, the same of breasts
            (`scores.breasts.csv`), `results.json`, the curve or matrix as PNG and SVG,
            and `report.html`.
        options: `EvaluationOptions`.

    Returns:
        dict, the content of `results.json`.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    started = time.monotonic()
    for path in model_paths:
        files.existing_file(path, "model")
    if not pathlib.Path(test).exists():  # said before seconds go into a model
        image_lists.find_images(test)
    out = files.writable_folder(out)
    members, cards, names, voting = [], [], model_names(model_paths), None
    refused, said, cautions = None, [], []
    for path in reversed(model_paths):
        classifier = checkpoints.load_classifier(
            path, typed=options.images,
            output_options=options.outputs, breasts=True)
        cautions += classifier.cautions
        images = test_images(test, classifier.classes)
        if options.refuse_unfit:
            refused = refusals.unfit_images(images) if refused is None else refused
            images = refusals.without(images, refused)
        if classifier.takes_breasts:
            said.clear()
            images, options = breasts.paired(images, say=said.append), bare(options)
        if voting is None:
            voting = voters(images)
            for line in said or accounting.lines(
                    voting, len(refused or ()), images.left):
                options.say(line)
        members.insert(0, evaluate(
            classifier, images, options, identity_columns(voting)))
        cards.insert(0, classifier.card)
    # The maps are those of the first model, which was loaded last.
    schemes = together(members, names)
    results = dict(
        models=list(map(str, model_paths)), test=str(test),
        **compare(schemes, options.draw),
        **against_mean(schemes, members, names, options),
        seconds=round(time.monotonic() - started, 2),
        **({} if refused is None else dict(refused=refused)))
    if len(cards) == 1:
        add_recalibrated(results, schemes, *cards)
    results["accounting"] = cautions + (said or account(
        images, voting, results, len(refused or ())))
    if options.store:
        source = pathlib.Path(test).resolve().name
        classifier = dataclasses.replace(classifier, card=card_files.store(
            model_paths[0], card_files.from_validation(
                schemes, source, options.draw) | ({} if said else
                    evaluation_cases.map_scales(
                        classifier, schemes["plain"], options.pictures, source))))
    write_files(out, schemes, results)
    cases = evaluation_cases.cases(classifier, schemes, options.pictures)
    point = operating.of_models(
        [classifier] * len(model_paths), flips="flips" in schemes)
    write_page(out, schemes, results, cards, cases, point)
    return results


def together(members: Sequence[Mapping[str, score_files.Scores]],
             names: Sequence[str]) -> dict[str, score_files.Scores]:
    """The mean of models by scheme; of one model its scores.

    Raises:
        files.InputError: some models are of one image and some of two views.
    """
    if len({member["plain"].paths for member in members}) > 1:
        raise files.InputError(
            "some models take one image and some take two views, so that their scores "
            "have other rows; test them apart.")
    if len(members) == 1:
        return dict(*members)
    return {scheme: ensembles.ensemble([member[scheme] for member in members], names)
            for scheme in members[0]}


def bare(options: EvaluationOptions) -> EvaluationOptions:
    """The options without pictures, whose maps are of one image."""
    pictures = dataclasses.replace(options.pictures, show=False, methods=())
    return dataclasses.replace(options, pictures=pictures)


def model_names(paths: Sequence[str | pathlib.Path]) -> list[str]:
    """File names of models, with their folder where names are equal (`vgg/best`)."""
    paths = [pathlib.Path(path) for path in paths]
    stems = [path.stem for path in paths]
    names = [path.stem if stems.count(path.stem) == 1
             else f"{path.resolve().parent.name}/{path.stem}" for path in paths]
    return [name if names.count(name) == 1 else f"{name} {i + 1}"
            for i, name in enumerate(names)]


def write_files(
        out: pathlib.Path, schemes: Mapping[str, score_files.Scores],
        results: dict) -> None:
    """Writes score files, of images and of breasts with both views as far as they are
    known, results, and the curve or matrix."""
    for scheme, table in schemes.items():
        name = "scores" if scheme == "plain" else f"scores_{scheme}"
        score_files.write_scores(out / f"{name}.csv", table)
        if "breasts" in results[scheme]:
            score_files.write_scores(
                out / f"{name}.breasts.csv", ensembles.breasts(table))
    figure, name = picture(schemes, results)
    figures.save(figure, out / name)
    files.write_json(out / "results.json", results)


def write_page(
        out: pathlib.Path, schemes: Mapping[str, score_files.Scores], results: dict,
        cards: Sequence[dict], cases: Sequence[report.Case],
        point: report.Operating | None = None) -> None:
    """Writes `report.html`."""
    trained = "; ".join(dict.fromkeys(
        str(card.get("trained_on") or "not recorded") for card in cards))
    figure, name = picture(schemes, results)
    sections = [report.Heading("Result"), report.Table(("setting", "value"), [
        ("model", ", ".join(results["models"])), ("test images", results["test"]),
        ("seconds", report.OfOneCall(results["seconds"]))])]
    for scheme in schemes:
        sections += [report.Heading(f"Images {SCHEMES[scheme]}", 3),
                     *score_tables.tables(results[scheme])]
        if "recalibrated" in results[scheme]:
            sections.append(score_tables.noted(score_tables.recalibrated(
                results[scheme]["recalibrated"]), results["plain"]))
        if "members" in results:
            sections.append(score_tables.noted(score_tables.comparison(
                [(row["name"], row) for row in results["members"][scheme]],
                "Each model by itself, and the difference of its AUC to that of the "
                "mean of all"), results["plain"]))
    sections.append(report.Figure(figures.encoded(figure, "svg"), CAPTIONS[name]))
    if cases:
        sections += [report.Heading("Images"), report.Cases(
            cases, f"The most wrong first. {scales.IS_NOT}", point)]
    report.write_report(
        out / "report.html", sections, trained_on=trained,
        title=f"Evaluation on {pathlib.Path(results['test']).name}")


CAPTIONS = {
    "roc": "ROC curve of the test images.",
    "confusion": "Confusion matrix of the test patches; rows sum to one.",
}
SCHEMES = {"plain": "as they are", "flips": "flip-averaged"}


def picture(
        schemes: Mapping[str, score_files.Scores], results: dict) -> tuple[Figure, str]:
    """ROC curve, or confusion matrix for more than two classes, and its name."""
    if schemes["plain"].values.ndim == 2:
        plain = results["plain"]
        return figures.confusion(plain["confusion"], plain["classes"]), "confusion"
    curves = []
    for scheme, table in schemes.items():
        for row in results.get("members", {}).get(scheme, ()):
            values = table.models[row["name"]]
            curves.append(curve(
                f"{row['name']}, {SCHEMES[scheme]}", table.labels, values, row))
        curves.append(curve(SCHEMES[scheme], table.labels, table.values,
                            results[scheme]))
    if "members" in results:
        # All schemes of many models are too many curves; those of the last are drawn.
        curves = curves[-len(table.models) - 1:]
        curves[-1] |= dict(mean=True, name=f"mean of these, {SCHEMES[scheme]}")
    return figures.roc(curves), "roc"


def curve(name: str, labels: NDArray, values: NDArray, statistic: Mapping) -> dict:
    """One curve of `figures.roc`; `found` has `auc` and `auc_interval`."""
    false, true, _ = metrics.roc_curve(labels, values)
    return dict(name=name, false=false, true=true, auc=statistic["auc"],
                interval=statistic["auc_interval"], few=score_tables.few(
                    dict(positive=labels.sum(), count=len(labels))))


def summary(results: dict) -> list[str]:
    """Lines for the terminal: AUC or accuracy of each scheme."""
    plain, few = results["plain"], score_tables.few(results["plain"])
    lines = [commands.counted(plain["count"], "image")
             + (f", {plain['positive']} with cancer" if "positive" in plain else "")]
    lines += [f"left out: {path} {reason}"
              for path, reason in results.get("refused", {}).items()]
    for scheme, title in (("plain", ""), ("flips", " with flips")):
        part = results.get(scheme, {})
        lines += [f"{row['name']} AUC{title} {row['auc']:.4f} "
                  f"[{score_tables.between(row['auc_interval'])}]{few}"
                  for row in results.get("members", {}).get(scheme, ())]
        for measure, name in (("auc", "AUC"), ("accuracy", "accuracy")):
            if measure in part:
                whose = "mean of these " if "members" in results else ""
                interval = score_tables.between(part[f"{measure}_interval"])
                lines.append(
                    f"{whose}{name}{title} {part[measure]:.4f} [{interval}]{few}")
    if "gain" in results.get("flips", {}):
        gain = results["flips"]["gain"]
        lines.append(f"gain of the flips {gain['difference']:+.4f} "
                     f"[{score_tables.between(gain['difference_interval'])}]{few}")
    return lines + results.get("accounting", [])
