"""Marks against outlines: `end2end metrics localize`.

Marks are the peaks of saved maps (`ddsm_train.draw_saliency`), or rows of a table from
elsewhere, with a table of the lesions.
"""

import argparse
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from end2end.data import rois
from end2end.evidence import inputs, pictures
from end2end.explanation import maps
from end2end.metrics import localization, readers
from end2end.reports.report import Heading, Table, Text
from end2end.tables import vocabulary
from end2end.utils import cells, files

NOTE = ("JAFROC: how often a lesion is marked with a higher rating than the highest "
        "mark of an image without a lesion. Intervals are of 95 %; images of one woman "
        "are drawn together.")


def run(arguments: argparse.Namespace) -> list[str]:
    """Holds marks against lesions and returns lines for the terminal.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    check(arguments)
    if pathlib.Path(arguments.marks).is_dir():
        readings, text = of_maps(arguments)
    else:
        readings, text = of_tables(arguments)
    results = {name: _results(marks, arguments.runs)
               for name, marks in readings.items()}
    first = next(iter(readings.values()))
    sections = [Heading("Marks"), Text(
        f"{first.count} images, {int(first.diseased.sum())} with "
        f"{len(first.lesion_image)} lesions. {text}"), Heading("Results"), Text(NOTE),
        froc_table(results)]
    sections += [table for table in (_differences(readings, results),) if table.rows]
    curves = {name: localization.froc_curve(marks)[:2]
              for name, marks in readings.items()}
    most = min(8.0, max(float(false[-1]) for false, _ in curves.values()) or 1.0)
    return inputs.finish(inputs.Findings(
        "Localization", results, sections, [(
            "froc", "FROC curves: share of lesions marked against marks beside them.",
            pictures.froc(curves, most))] if arguments.out else [],
        dict(positive=int(first.diseased.sum()), count=first.count)), arguments.out)


def check(arguments: argparse.Namespace) -> None:
    """Refuses numbers out of range and inputs that do not go together."""
    for name in ("cutoff", "distance", "tolerance"):
        if not 0 <= getattr(arguments, name) < 1:
            raise files.InputError(
                f"--{name} is a share; expected a number from 0, below 1.")
    folder = pathlib.Path(arguments.marks).is_dir()
    if folder and not arguments.rois or not folder and not arguments.lesions:
        raise files.InputError(
            "maps need outlines (--rois FILE)." if folder else
            f"{arguments.marks} is no folder of maps, and a table of marks needs a "
            "second table of lesions, with path and lesion.")


def _results(marks, runs):
    result = dict(images=marks.count, lesions=len(marks.lesion_image),
                  marked=int(np.isfinite(marks.lesion_rating).sum()),
                  false_marks=len(marks.false_rating),
                  sensitivity=dict(zip(localization.RATES, localization.sensitivity_at(
                      marks, runs=runs), strict=True)))
    try:
        result["jafroc"] = localization.jafroc_estimate(marks)
    except files.InputError as error:
        result["reason"] = str(error)
    return result


def _differences(readings, results):
    """Differences of the JAFROC figures of each pair of readings."""
    names = [name for name in readings if "jafroc" in results[name]]
    rows = []
    if len(names) > 1:
        areas, matrix = localization.jafroc([readings[name] for name in names])
        for i in range(len(names)):
            for j in range(i + 1, len(names)):
                contrast = np.zeros(len(names))
                contrast[[i, j]] = 1, -1
                row = readers.mean([contrast @ areas], [[contrast @ matrix @ contrast]])
                rows.append((names[i], names[j], inputs.shown(row.estimate),
                             inputs.p_text(row.p_value())))
    return Table(("marks", "less", "difference of JAFROC", "p"), rows,
                 "Differences, the same images")


def froc_table(results: Mapping[str, dict[str, Any]]) -> Table:
    """JAFROC and the sensitivity at numbers of false marks."""
    return Table(
        ("marks", "lesions marked", "false marks", "JAFROC",
         *(f"at {rate:g}" for rate in localization.RATES)),
        [(name, f"{row['marked']} of {row['lesions']}", row["false_marks"],
          inputs.shown(row.get("jafroc")) or row.get("reason", ""),
          *(inputs.shown(estimate, 2) for estimate in row["sensitivity"].values()))
         for name, row in results.items()],
        "JAFROC figure, and share of lesions marked at so many false marks per image")


# Maps -----------------------------------------------------------------------------


def of_maps(arguments: argparse.Namespace
            ) -> tuple[dict[str, localization.Marks], str]:
    """Marks of the maps of `ddsm_train.draw_saliency`, by method, and what they are.

    Raises:
        files.InputError: the folder has no maps.
    """
    folder = pathlib.Path(arguments.marks)
    paths = sorted((folder / "maps" if (folder / "maps").is_dir() else folder).glob(
        "*.npz"))
    if not paths:
        raise files.InputError(
            f"{folder} has no maps (maps/*.npz); make them with "
            "ddsm_train.draw_saliency.")
    find_regions = rois.read(arguments.rois)
    rows, women, without = {}, [], 0
    for image, path in enumerate(paths):
        explained = maps.load(path)
        masks = [region.mask for region in find_regions(
            explained.path, explained.grey.shape) if region.malignant]
        without += not masks and explained.label == 1
        women.append(vocabulary.from_name(explained.path)["patient"] or f"row {image}")
        for method, marks in map_marks(explained, masks, arguments):
            rows.setdefault(method, []).append((image, *marks))
    text = (f"A mark is a peak of at least {arguments.cutoff:g} of a map, its rating "
            "the map there times the score of the image; lesions are malignant "
            "outlines")
    text += f"; {without} images with cancer have no outline." if without else "."
    return {method: collected(images, len(paths), tuple(women))
            for method, images in rows.items()}, text


def map_marks(explained: maps.Explained, masks: list, arguments: argparse.Namespace
              ) -> Iterator[tuple[str, tuple[list[float], list[float]]]]:
    """Ratings off the lesions and on each, by method, of one image."""
    height = explained.grey.shape[0]
    for method, strength in explained.maps.items():
        marks = localization.peaks(
            strength, distance=max(1, round(arguments.distance * height)),
            cutoff=arguments.cutoff)
        rated = [(row, column, value * explained.score) for row, column, value in marks]
        yield method, localization.on_lesions(
            rated, masks, tolerance=round(arguments.tolerance * height))


def collected(images: list[tuple[int, list[float], list[float]]], count: int,
              women: tuple[str, ...] | None) -> localization.Marks:
    """`Marks` of triples of image, ratings off the lesions and of the lesions."""
    return localization.Marks(
        count,
        np.array([image for image, false, _ in images for _ in false], int),
        np.array([rating for _, false, _ in images for rating in false], float),
        np.array([image for image, _, lesions in images for _ in lesions], int),
        np.array([rating for _, _, lesions in images for rating in lesions], float),
        women)


# Tables ---------------------------------------------------------------------------


def of_tables(arguments: argparse.Namespace
              ) -> tuple[dict[str, localization.Marks], str]:
    """Marks of a table, by reader where it has that column.

    Raises:
        files.InputError: a column is missing, or a mark is on an unknown image or
            lesion.
    """
    lesions = vocabulary.read_columns(arguments.lesions, "table of lesions")
    paths, names, headings = _cells(lesions, arguments.lesions)
    patient = arguments.patient or headings.get("patient", "")
    place = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    women = {path: woman for path, woman in zip(
        paths, lesions.get(patient, paths), strict=True)}
    of_lesion = list(dict.fromkeys(
        key for key in zip(paths, names, strict=True) if key[1]))
    marks = vocabulary.read_columns(arguments.marks, "table of marks")
    mark_paths, on, headings = _cells(marks, arguments.marks)
    if "score" not in headings:
        raise files.InputError(
            f"table of marks {arguments.marks} has no column of ratings; expected "
            "path, score and lesion.")
    by_reader = marks.get(headings.get("reader", ""), ["marks"] * len(on))
    readings = {}
    for name in dict.fromkeys(by_reader):
        ratings, false = dict.fromkeys(of_lesion, -np.inf), []
        for number, reader, path, lesion, text in zip(
                marks.numbers, by_reader, mark_paths, on, marks[headings["score"]],
                strict=True):
            if reader == name:
                _place(path, lesion, _rating(text, arguments.marks, number), place,
                       ratings, false, source=f"{arguments.marks}, row {number}")
        readings[name] = localization.Marks(
            len(place), np.array([place[path] for path, _ in false], int),
            np.array([rating for _, rating in false], float),
            np.array([place[path] for path, _ in of_lesion], int),
            np.array(list(ratings.values()), float),
            tuple(women[path] for path in place))
    return readings, "Marks and lesions are those of the two tables."


def _cells(columns, path):
    headings = vocabulary.named_columns(columns)
    if "path" not in headings or "lesion" not in columns:
        raise files.InputError(
            f"table {path} lacks a column; expected path and lesion, found "
            f"{', '.join(columns)}.")
    return columns[headings["path"]], columns["lesion"], headings


def _rating(text, path, number):
    value = cells.number(text)
    if np.isnan(value):
        raise files.InputError(
            f"table of marks {path}, row {number}: the rating is {text!r}; expected a "
            "finite number.")
    return value


def _place(path, lesion, rating, images, ratings, false, *, source):
    if path not in images:
        raise files.InputError(
            f"{source}: the image {path!r} is not in the table of lesions; list each "
            "image there, those without a lesion too.")
    if not lesion:
        false.append((path, rating))
    elif (path, lesion) in ratings:
        ratings[path, lesion] = max(ratings[path, lesion], rating)
    else:
        raise files.InputError(
            f"{source}: the image has no lesion {lesion!r}; leave the cell empty where "
            "a mark is beside every lesion.")
