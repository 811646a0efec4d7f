"""Outlined lesions of mammograms, as masks: to be drawn and to be pointed at."""

import csv
import dataclasses
import io
import os
import pathlib
from collections.abc import Callable

import cv2
import numpy as np

from end2end import images
from end2end.tables import vocabulary
from end2end.utils import files


@dataclasses.dataclass(frozen=True, eq=False)
class Region:
    """One outlined lesion.

    Attributes:
        mask: bool `(rows, columns)`.
        malignant: None where unknown.
    """

    mask: np.ndarray
    malignant: bool | None


def read(
        path: str | os.PathLike
) -> Callable[[str | os.PathLike, tuple[int, int]], list[Region]]:
    """Reads where the outlines of all images are.

    Args:
        path: `roi_mask_path.csv` of `ddsm_train.prepare` (patient_id, side, view,
            pathology, mask_path), or `outlines.json` of `inbreast.prepare`.

    Returns:
        a function from an image path and its shape `(rows, columns)` to a list of
        `Region`.

    Raises:
        files.InputError: the file is missing or of another kind.
    """
    path = files.existing_text(path, "ROI table")
    return _outlines(path) if path.suffix == ".json" else _masks(path)


TRUTHS = {"UNKNOWN": None, "": None}


def _masks(path):
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = files.csv_rows(io.StringIO(text), len(text))
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"ROI table {path} is not CSV in UTF-8 ({error}).") from error
    needed = ("patient_id", "side", "view", "pathology", "mask_path")
    spelled = vocabulary.spelled(next(iter(rows), ()), needed)
    missing = [name for name in needed if name not in spelled]
    if missing:
        raise files.InputError(
            f"ROI table {path} has no column {missing[0]}; expected {', '.join(needed)}"
            ", as ddsm_train.prepare writes them.")
    masks, by_stem, stems = {}, {}, {}
    clean = vocabulary.CLEAN
    for cells in rows:
        row = {name: cells[column] for name, column in spelled.items()}
        key = (clean["patient"](row["patient_id"]), clean["laterality"](row["side"]),
               clean["view"](row["view"]))
        if row["mask_path"]:
            # One view may have several pictures, each with its own regions.
            stem = pathlib.PurePath(cells.get("full_path", "")).stem
            region = (path.parent / row["mask_path"],
                      TRUTHS.get(row["pathology"].upper(), row[
                          "pathology"].upper().startswith("MALIGNANT")))
            masks.setdefault(key, []).append(region)
            by_stem.setdefault(stem, []).append(region)
            stems.setdefault(key, set()).add(stem or "none")

    def of_image(image, shape):
        key = tuple(vocabulary.from_name(image).values())
        image = pathlib.Path(image)
        regions = by_stem.get(image.stem)
        if regions is None:
            # Another picture of this view, which the table names, may lie beside it.
            beside = any((image.parent / f"{stem}{image.suffix}").exists()
                         for stem in stems.get(key, ()))
            regions = () if beside else masks.get(key, ())
        return [Region(_mask(mask, shape), malignant)
                for mask, malignant in regions if mask.is_file()]
    return of_image


def _mask(path, shape):
    mask = images.read_image(path)
    return cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST) > mask.max(
        ) / 2


def _outlines(path):
    stored = files.read_json(path, "outlines")
    try:
        height, width = stored["size"]
        by_name = dict(stored["images"])
    except (KeyError, TypeError, ValueError) as error:
        raise files.InputError(
            f"outlines {path} have no size and images; expected outlines.json of "
            "inbreast.prepare.") from error

    def of_image(image, shape):
        # INbreast says nothing of single lesions: the class of the image holds for all.
        malignant = {"pos": True, "neg": False}.get(pathlib.Path(image).parent.name)
        scale = np.array([shape[1] / width, shape[0] / height])
        regions = []
        for outline in by_name.get(pathlib.Path(image).stem, ()):
            points = np.array(outline["points"], float).reshape(-1, 2)
            points = np.rint(points * scale).astype(np.int32)
            mask = np.zeros(shape, np.uint8)
            if len(points):
                cv2.fillPoly(mask, [points], 1)
                mask[tuple(np.clip(points[:, ::-1], 0, np.array(shape) - 1).T)] = 1
            regions.append(Region(mask > 0, malignant))
        return regions
    return of_image
