"""Pictures of scored mammograms: overlays, a page, DICOM results.

They are made after the scores, from the rows; what is there already is not made again.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping, Sequence

import tqdm

from end2end import checkpoints, images, prediction
from end2end.explanation import (
    lines,
    maps,
    methods,
    overlays,
    patch_maps,
    scales,
)
from end2end.prediction.identity_cells import SEPARATOR
from end2end.reports import (
    case_pictures,
    dicom_results,
    operating,
    report,
    views,
)
from end2end.tables import vocabulary
from end2end.utils import commands, files

SETTINGS = "settings.json"
LEGEND = "legend.txt"
TITLE = "Scores of mammograms"
NO_POINT = ("The models carry no operating point for these scores, so no threshold is "
            "set.")
# Of rows that stand for several images: level, title, and what is equal.
LEVELS = (("breasts", "Breast", ("patient", "exam", "laterality")),
          ("patients", "Woman", ("patient", "exam")))


@dataclasses.dataclass(frozen=True)
class PictureRequest:
    """What is made of each image; None: it is not made.

    Attributes:
        overlay: folder of PNG pictures.
        page: path of an HTML page.
        results: folder of DICOM files.
        patch: `checkpoints.Classifier` of patches, whose heatmap is drawn; without it
            Grad-CAM of the whole-image model takes its place.
        frame: see `images.read`.
        settings: dict of what determines the pictures.
        scored_ns: by path of an image, when it was read for its score, nanoseconds
            since 1970; older pictures of it are made anew.
        side: most pixels of the longer side of a picture; None for the mammogram's own.
        map_scale: one of `scales.CHOICES`.
        flips: whether the scores are means over the flips.
        prevalence: share of images with cancer, for the page.
        bits: by path, where the rescale factor is `auto` (`exam_bits.shared_bits`).
    """

    overlay: pathlib.Path | None = None
    page: pathlib.Path | None = None
    results: pathlib.Path | None = None
    patch: checkpoints.Classifier | None = None
    frame: int | None = None
    settings: dict = dataclasses.field(default_factory=dict)
    scored_ns: Mapping[str, int] = dataclasses.field(default_factory=dict)
    side: int | None = maps.PICTURE_SIDE
    map_scale: str = scales.MODEL
    flips: bool = False
    prevalence: float = report.PREVALENCE
    bits: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def folders(self) -> list[pathlib.Path]:
        """The folders of pictures, those that are asked for."""
        return [folder for folder in (self.overlay, self.results) if folder]


def check(request: PictureRequest) -> None:
    """Makes the folders, and refuses those with pictures of other models.

    Raises:
        files.InputError: see above; or highdicom is needed and missing; or the patch
            model has no malignant class.
    """
    if request.results:
        dicom_results.check()
    if request.patch:
        patch_maps.malignant_classes(request.patch.classes)
    for folder in request.folders:
        path = files.writable_folder(folder) / SETTINGS
        if path.exists() and files.read_json(path) != request.settings:
            raise files.InputError(
                f"{folder} holds pictures of other models or settings; choose another "
                "folder, or remove it.")
        files.write_json(path, request.settings)
    if request.page:
        files.writable_folder(request.page.parent)


def make(rows: list[dict], classifiers: Sequence[checkpoints.Classifier],
         request: PictureRequest, levels: dict[str, list[dict]] | None = None
         ) -> list[tuple[str, str]]:
    """Makes what is asked for and missing.

    Args:
        rows: rows of a score file.
        classifiers: with Keras models; the maps are those of the first.
        request: what is asked for.
        levels: rows per breast and patient, for the page.

    Returns:
        pairs of path and reason, of the images where something failed.
    """
    names = maps.unique_names([row["path"] for row in rows])
    if request.overlay:
        files.write_text(request.overlay / LEGEND, legend(classifiers[0], request))
    limit, cases, failures = case_pictures.bytes_per_case(len(rows)), [], []
    for number, (row, name) in enumerate(zip(
            tqdm.tqdm(rows, unit="picture", disable=None), names, strict=True), 1):
        try:
            missing = _missing(request, name, row, dict(
                models=said_of(classifiers), number=number, frame=request.frame,
                signature=json.dumps(request.settings, sort_keys=True)))
            if not missing and not request.page:
                continue
            explained = explained_row(row, classifiers[0], request)
            for write in missing:
                write(explained)
            if request.page:
                cases.append(case_pictures.case(
                    explained, name=name, limit=limit, details=_details(row),
                    hanging=_hanging(explained, row), groups=groups(row, levels or {}),
                    flags=tuple(filter(None, row["flags"].split(SEPARATOR)))))
        except (files.InputError, OSError) as error:
            failures.append((row["path"], commands.one_line(error)))
    if request.page:
        _write_page(request, classifiers, cases, levels or {})
    return failures


def _write_page(request, classifiers, cases, levels):
    point = operating.of_models(classifiers, flips=request.flips)
    report.write_report(
        request.page, [
            *table_sections(levels, point, request.prevalence),
            report.Heading("Images"), report.Cases(
                cases, operating=point, prevalence=request.prevalence,
                caption="" if point else NO_POINT)],
        title=TITLE, trained_on="; ".join(
            classifier.card.get("trained_on", "unknown data")
            for classifier in classifiers))


def _hanging(explained, row):
    exam = " ".join(filter(None, (row["patient"], row.get("exam", ""))))
    return views.hanging(
        explained, side=row["laterality"], view=row["view"], exam=exam)


def groups(row: dict, levels: dict[str, list[dict]]) -> tuple[str, ...]:
    """Sentences on the scores of the breast and of the woman that an image shows.

    Args:
        row: of a score file.
        levels: rows per breast and patient (`grouping.levels`).
    """
    sentences = []
    for level, title, keys in LEVELS:
        for other in levels.get(level, ()):
            same = all(other.get(key, "") == row.get(key, "") for key in keys)
            if same and row["patient"] and other["score"]:
                sentences.append(
                    f"{title}: score {float(other['score']):.3f} of {other['images']} "
                    f"image{'s' * (str(other['images']) != '1')}")
    return tuple(sentences)


def legend(classifier: checkpoints.Classifier, request: PictureRequest) -> str:
    """What the colours of the overlays mean, a paragraph for each kind."""
    return "\n\n".join([report.RESEARCH] + [
        f"{kind} ({row.title} of {classifier.name}). "
        + maps.legend(classifier.card, row.name, request.map_scale)
        for kind, row in methods.pictures(request.patch).items()]
        + ["A white line surrounds where a map, smoothed, reaches "
           f"{lines.LEVEL:g}."]) + "\n"


def explained_row(row: dict, classifier: checkpoints.Classifier,
                  request: PictureRequest) -> maps.Explained:
    """One row of a score file with its maps, and with the score of the row.

    Raises:
        files.InputError: the image cannot be read.
    """
    image = images.read(row["path"], frame=request.frame)
    image = dataclasses.replace(image, bits=request.bits.get(row["path"], image.bits))
    _, options, _ = prediction.network_input(image, classifier.images)
    shown = methods.pictures(request.patch).values()
    explained = maps.explain(
        dataclasses.replace(classifier, images=options), row["path"],
        maps.ExplainOptions(
            tuple(method.name for method in shown), patch=request.patch,
            class_index=list(classifier.classes).index("pos"),
            map_scale=request.map_scale, picture_side=request.side),
        label=_label(row["label"]), picture=image.pixels)
    return dataclasses.replace(explained, score=float(row["score"]))


def _label(text):
    return vocabulary.label(text) if text.strip() else None


def said_of(classifiers: Sequence[checkpoints.Classifier]) -> tuple[str, ...]:
    """The names of models, each with what it was trained on."""
    return tuple(f"model {classifier.name}, trained on "
                 f"{classifier.card.get('trained_on', 'unknown data')}"
                 for classifier in classifiers)


def _details(row):
    names = ("patient", "laterality", "view", "calibrated", "flags", "notes")
    return {name: row[name] for name in names}


def _missing(request, name, row, context):
    """What is still to be made of an image: functions of `maps.Explained`."""
    missing = []
    shown = methods.pictures(request.patch)
    if request.overlay:
        for kind, method in shown.items():
            path = request.overlay / f"{name}.{kind}.png"
            if not _holds(path, row, request):
                missing.append(functools.partial(_overlay, path, method.name, kind))
    if request.results and files.is_dicom(pathlib.Path(row["path"])):
        paths = dicom_results.paths(request.results, name)
        if not all(_holds(paths[kind], row, request) for kind in ("overlay", "report")):
            missing.append(lambda explained: dicom_results.write(
                paths, dicom_results.Result(row, explained, shown, **context)))
    return missing


def _overlay(path, method, title, explained):
    picture = case_pictures.drawn(explained, method)
    _write(path, overlays.png(overlays.with_bar(picture, title)))


def _holds(path, row, request):
    """Whether a picture is there, of the content that the row's score is of."""
    return path.exists() and (
        path.stat().st_mtime_ns >= request.scored_ns.get(row["path"], 0))


def _write(path, data):
    with files.replacing(path) as part:
        part.write_bytes(data)


def table_sections(
        levels: dict[str, list[dict]], point: report.Operating | None = None,
        prevalence: float = report.PREVALENCE) -> list:
    """The rows per breast and patient as sections of a page.

    Args:
        levels: rows by `breasts` and `patients`.
        point: threshold, or None.
        prevalence: at which its predictive value is given.
    """
    sections = []
    caption = operating.sentence(point, prevalence) if point else NO_POINT
    for name, rows in levels.items():
        if rows:
            sections += [report.Heading(name.capitalize()), report.Table(
                (name, "images", "score", "threshold", "flags"),
                [(row["path"], row["images"],
                  float(row["score"]) if row["score"] else "none",
                  _called(row["score"], point), row["flags"]) for row in rows],
                caption)]
    return sections


def _called(score, point):
    if point is None or not score:
        return ""
    return "at or above" if float(score) >= point.threshold else "below"
