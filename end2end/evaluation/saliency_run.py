"""Saliency of a whole set of images: maps, pictures, pointing game and a page."""

import argparse
import dataclasses
import logging
import pathlib

import numpy as np
import tqdm

from end2end import checkpoints, images
from end2end.data import image_lists, rois
from end2end.explanation import drawing, maps, methods, overlays, patch_maps
from end2end.metrics import bootstrap
from end2end.reports import case_pictures, report, score_tables, views
from end2end.utils import files

log = logging.getLogger(__name__)

# Of what is in saved maps; another one has them drawn again.
VERSION = 4
POINTING_COLUMNS = ("path", "method", "score", "hit", "hit_in_breast", "area_share",
                    "breast_share", "outside_breast")


@dataclasses.dataclass(frozen=True)
class Job:
    """What is drawn, and where to.

    Attributes:
        classifier: `checkpoints.Classifier`.
        images: `image_lists.ImageList`.
        options: `maps.ExplainOptions`.
        find_regions: of `rois.read`, or None.
        out: folder.
        common_scale: one scale of the guided gradients for all images.
        tolerance: of the pointing game.
        signature: dict of all that determines the maps.
    """

    classifier: object
    images: object
    options: maps.ExplainOptions
    find_regions: object
    out: pathlib.Path
    common_scale: bool
    tolerance: float
    signature: dict


def plan(arguments: argparse.Namespace, overrides: dict) -> Job:
    """Checks everything and loads the models.

    Args:
        arguments: of `ddsm_train.draw_saliency.parser`.
        overrides: image settings typed by the user.

    Returns:
        `Job`.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    names = tuple(dict.fromkeys(arguments.method))
    methods.check_patch_model("--method", names, arguments.patch_model)
    if not 0 <= arguments.cutoff < 1 or not 0 <= arguments.tolerance < 1:
        raise files.InputError(
            "--cutoff and --tolerance are shares; expected numbers from 0, below 1.")
    model = files.existing_file(arguments.model, "model")
    if arguments.patch_model:
        files.existing_file(arguments.patch_model, "patch model")
    find_regions = rois.read(arguments.rois) if arguments.rois else None
    images = image_lists.find_images(arguments.images)
    out = files.writable_folder(arguments.out)
    classifier = checkpoints.load_classifier(model, typed=overrides)
    # Labels follow the classes of the model, where the folders have their names.
    images = image_lists.find_images(arguments.images, classifier.classes)
    if arguments.limit is not None:
        images = first(images, arguments.limit)
    patch = patch_maps.load(arguments)
    options = maps.ExplainOptions(
        names, arguments.cutoff, patch, flips=arguments.flips,
        gradients=drawing.gradients_of(len(images), arguments.flips))
    signature = dict(
        version=VERSION,
        model=files.sha256(model), methods=names, cutoff=arguments.cutoff,
        flips=arguments.flips,
        images=dataclasses.asdict(classifier.images),
        patch_model=files.sha256(arguments.patch_model) if patch else None,
        patch_images=dataclasses.asdict(patch.images) if patch else None,
        patch_classes=list(patch.classes) if patch else None)
    return Job(classifier, images, options, find_regions, out,
               arguments.scale == "set", arguments.tolerance, signature)


def first(images: image_lists.ImageList, count: int) -> image_lists.ImageList:
    """The first images, equally many of each class where labels are known."""
    if images.labels is None:
        chosen = list(range(min(count, len(images))))
    else:
        ranked = sorted((rank, i) for label in set(images.labels) for rank, i in
                        enumerate(np.flatnonzero(images.labels == label)))
        chosen = sorted(i for _, i in ranked[:count])
    return image_lists.ImageList(
        tuple(images.paths[i] for i in chosen),
        None if images.labels is None else images.labels[chosen], images.classes)


def run(job: Job) -> dict:
    """Draws all images; those drawn before with the same settings are taken over.

    Returns:
        dict: `images`, `failed` (path to reason), `pointing` by method; also written to
        `results.json`, beside `pointing.csv` and `report.html`.
    """
    names = maps.unique_names(job.images.paths)
    forget_others(job)
    failed, drawn = {}, []
    for i, path in enumerate(tqdm.tqdm(
            job.images.paths, disable=None, unit=" images", desc="drawing")):
        saved = job.out / "maps" / f"{names[i]}.npz"
        label = None if job.images.labels is None else int(job.images.labels[i])
        if not saved.exists():
            try:
                maps.save(saved, maps.explain(
                    job.classifier, path, job.options, label=label))
            except files.InputError as error:
                failed[str(path)] = str(error)
                continue
        drawn.append((names[i], saved))
    return finish(job, drawn, failed)


def forget_others(job: Job) -> None:
    """Removes maps that were made with other settings."""
    path = job.out / "settings.json"
    signature = {name: list(value) if isinstance(value, tuple) else value
                 for name, value in job.signature.items()}
    for group in ("images", "patch_images"):
        signature[group] = signature[group] and {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in signature[group].items()}
    if path.exists() and files.read_json(path) != signature:
        for saved in (job.out / "maps").glob("*.npz"):
            saved.unlink()
    files.write_json(path, signature)


def finish(
        job: Job, drawn: list[tuple[str, pathlib.Path]],
        failed: dict[str, str]) -> dict:
    """Pictures, pointing game and page, from the saved maps."""
    scale = common_scale(drawn) if job.common_scale else None
    limit = case_pictures.bytes_per_case(len(drawn))
    cases, rows, exams = [], [], {}
    for name, saved in drawn:
        explained = maps.load(saved)
        if scale is not None:
            explained = maps.on_common_scale(explained, scale, job.options.cutoff)
        regions = job.find_regions(
            explained.path, explained.grey.shape) if job.find_regions else ()
        for method in explained.maps:
            with files.replacing(job.out / f"{name}.{method}.png") as part:
                part.write_bytes(overlays.png(
                    case_pictures.drawn(explained, method, regions)))
        pointing = maps.pointing_rows(
            explained, job.find_regions(explained.path, explained.grid)
            if job.find_regions else (), tolerance=job.tolerance)
        rows += pointing
        cases.append(case_pictures.case(
            explained, name=name, regions=regions, limit=limit,
            hanging=hung(explained, exams), details={
                f"{row['method']} points at the lesion": "yes" if row["hit"]
                else "no" for row in pointing}))
    summary = maps.pointing_summary(
        rows, dict(runs=bootstrap.RUNS, seed=bootstrap.SEED))
    results = dict(images=len(drawn), failed=failed, tolerance=job.tolerance,
                   pointing=summary)
    if rows:
        files.write_csv(job.out / "pointing.csv", POINTING_COLUMNS, rows)
    files.write_json(job.out / "results.json", results)
    write_page(job, cases, summary)
    return results


def hung(explained: maps.Explained, exams: dict) -> report.Hanging:
    """How an image is hung, as its name or tags say.

    Args:
        explained: the image.
        exams: numbers of exams by `Identity.study`, which the page shows in place of
            what they are told by; the exam is added.
    """
    shown = images.identify(explained.path)
    known = shown.woman is not None or shown.exam
    exam = f"exam {exams.setdefault(shown.study, len(exams) + 1)}" if known else ""
    return views.hanging(
        explained, side=shown.laterality, view=shown.view_cell, exam=exam)


def common_scale(drawn: list[tuple[str, pathlib.Path]]) -> float:
    """The largest gradient of the set."""
    return max((maps.load(saved).peak for _, saved in drawn), default=0.0)


def write_page(job: Job, cases: list[report.Case], summary: dict) -> None:
    """Writes `report.html`."""
    sections = []
    if summary:
        sections = [report.Heading("Pointing game"), pointing_table(summary)]
    sections += [report.Heading("Images"), report.Cases(
        cases, "Outlines: malignant blue, benign green and dashed. A map shows where "
        "the network looked, not where a lesion is.", classes=job.classifier.classes)]
    report.write_report(
        job.out / "report.html", sections, title="Saliency",
        trained_on=job.classifier.card.get("trained_on") or "not recorded")


def pointing_table(summary: dict[str, dict]) -> report.Table:
    """The pointing game as a `report.Table`."""
    return report.Table(
        ("map", "images", "maximum in the lesion", "95 % interval", "by chance",
         "looking in the breast only", "95 % interval of it", "by chance there",
         "share of the map outside the breast"),
        [(methods.METHODS[method].title, hits["images"], hits["hits"],
          score_tables.between(hits["interval"])
          + score_tables.few(dict(positive=hits["images"])), hits["chance"],
          hits["hits_in_breast"], score_tables.between(hits["interval_in_breast"]),
          hits["chance_in_breast"], hits["outside_breast"])
         for method, hits in summary.items()],
        "Images with a malignant lesion whose map has its maximum there")
