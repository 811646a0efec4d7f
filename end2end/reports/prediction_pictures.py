"""Pictures of scored mammograms: overlays, a page, DICOM results.

They are made after the scores, from the rows; what is there already is not made again.
"""

import dataclasses
import pathlib

import numpy as np
import tqdm

from end2end import prediction
from end2end.explanation import maps, overlays, patch_maps
from end2end.reports import case_pictures, dicom_results, report
from end2end.tables import vocabulary
from end2end.utils import commands, files

SETTINGS = "settings.json"
TITLE = "Scores of mammograms"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is made of each image; None: not wanted.

    Attributes:
        overlay: folder of PNG pictures.
        page: path of an HTML page.
        results: folder of DICOM files.
        patch: `checkpoints.Classifier` of patches, whose heatmap is drawn; without it
            Grad-CAM of the whole-image model takes its place.
        frame: see `prediction.read_mammogram`.
        settings: dict of what determines the pictures.
    """

    overlay: pathlib.Path | None = None
    page: pathlib.Path | None = None
    results: pathlib.Path | None = None
    patch: object = None
    frame: int | None = None
    settings: dict = dataclasses.field(default_factory=dict)

    @property
    def folders(self):
        return [one for one in (self.overlay, self.results) if one]


def check(wanted):
    """Makes the folders, and refuses those with pictures of other models.

    Raises:
        files.InputError: see above; or highdicom is needed and missing; or the patch
            model has no malignant class.
    """
    if wanted.results:
        dicom_results.check()
    if wanted.patch:
        patch_maps.malignant_classes(wanted.patch.classes)
    for folder in wanted.folders:
        path = files.writable_folder(folder) / SETTINGS
        if path.exists() and files.read_json(path) != wanted.settings:
            raise files.InputError(
                f"{folder} holds pictures of other models or settings; choose another "
                "folder, or remove it.")
        files.write_json(path, wanted.settings)
    if wanted.page:
        files.writable_folder(wanted.page.parent)


def make(rows, classifiers, wanted, tables=()):
    """Makes what is wanted and missing.

    Args:
        rows: list of dicts, rows of a score file.
        classifiers: list of `checkpoints.Classifier` with Keras models; the maps are
            those of the first.
        wanted: `Wanted`.
        tables: sections for the page, before its cases.

    Returns:
        list of pairs of path and reason, of the images where something failed.
    """
    names = maps.unique_names([row["path"] for row in rows])
    limit, cases, failures = case_pictures.bytes_per_case(len(rows)), [], []
    for row, name in zip(tqdm.tqdm(rows, unit="picture", disable=None), names,
                         strict=True):
        try:
            todo = _missing(wanted, name, row)
            if not todo and not wanted.page:
                continue
            explained = explained_row(row, classifiers[0], wanted)
            for one in todo:
                one(explained)
            if wanted.page:
                cases.append(case_pictures.case(
                    explained, name=name, limit=limit, details=_details(row)))
        except (files.InputError, OSError) as error:
            failures.append((row["path"], commands.one_line(error)))
    if wanted.page:
        report.write_report(
            wanted.page, [*tables, report.Heading("Images"), report.Cases(cases)],
            title=TITLE, trained_on="; ".join(
                one.card.get("trained_on", "unknown data") for one in classifiers))
    return failures


def explained_row(row, classifier, wanted):
    """`explain.Explained` of one row, with the score of the row."""
    image = prediction.read_mammogram(row["path"], frame=wanted.frame)
    _, options, _ = prediction.network_input(image, classifier.images)
    found = maps.explain(
        dataclasses.replace(classifier, images=options), row["path"],
        maps.ExplainOptions(
            ("guided", "heatmap" if wanted.patch else "gradcam"), patch=wanted.patch,
            class_index=list(classifier.classes).index("pos")),
        label=_label(row["label"]), picture=image.pixels)
    return dataclasses.replace(found, score=float(row["score"]))


def _label(text):
    return next((value for value, words in vocabulary.LABELS.items()
                 if text.strip().lower() in words), None)


def _details(row):
    names = ("patient", "laterality", "view", "calibrated", "flags", "notes")
    return {name: row[name] for name in names}


def _missing(wanted, name, row):
    """What is still to be made of an image: functions of `Explained`."""
    todo = []
    if wanted.overlay:
        for kind, picture in (("saliency", saliency_picture),
                              ("heatmap", heatmap_picture)):
            path = wanted.overlay / f"{name}.{kind}.png"
            if not path.exists():
                todo.append(lambda found, path=path, picture=picture: _write(
                    path, overlays.png(picture(found))))
    if wanted.results and files.is_dicom(pathlib.Path(row["path"])):
        made = dicom_results.paths(wanted.results, name)
        if not all(path.exists() for path in made):
            todo.append(lambda found: dicom_results.write(
                made, row, saliency_picture(found)))
    return todo


def _write(path, data):
    with files.replacing(path) as part:
        part.write_bytes(data)


def saliency_picture(explained):
    """The mammogram with red dots where the score comes from, uint8 RGB."""
    return overlays.draw(explained.grey, explained.maps["guided"])


def heatmap_picture(explained):
    """The mammogram under its heatmap, uint8 RGB."""
    strength = explained.maps.get("heatmap", explained.maps.get("gradcam"))
    return overlays.blended(
        np.repeat(explained.grey[..., None], 3, axis=-1),
        overlays.heat_layer(strength))


def table_sections(found):
    """The rows per breast and patient as sections of a page."""
    sections = []
    for name, rows in found.items():
        if rows:
            sections += [report.Heading(name.capitalize()), report.Table(
                (name, "images", "score", "flags"),
                [(row["path"], row["images"], float(row["score"]), row["flags"])
                 for row in rows])]
    return sections

