"""The files of CBIS-DDSM as downloaded: where they are, and which one is the mask.

All layouts are read through one index from series to files: the classic and the
descriptive one of The Cancer Imaging Archive, and the JPEG mirror on Kaggle.
"""

import collections
import csv
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.data import conversion
from end2end.importing.sets import cbis_tables as tables
from end2end.utils import files

SUFFIXES = (".dcm", ".dicom", ".jpg", ".jpeg", ".png")
# Sizes of mask and mammogram whose aspects differ by more are not one picture at two
# scales but cut differently, so the resized outline may be off.
SAME_ASPECT = 0.01


class Index:
    """From a path in the tables to files on disk.

    Attributes:
        by_series: series UID to files (classic layout, Kaggle, metadata.csv).
        by_subject: (subject folder, last five characters of the series UID) to files
            (descriptive layout).
    """

    def __init__(self, folder: files.Path, *, skip: files.Path | None) -> None:
        """Walks the folder once; `skip` is a folder inside that is left out."""
        self.by_series = collections.defaultdict(list)
        self.by_subject = collections.defaultdict(list)
        metadata = []
        for place, names in _walk(pathlib.Path(folder), skip):
            images = sorted(place / name for name in names
                            if os.path.splitext(name)[1].lower() in SUFFIXES
                            and not name.startswith("."))
            metadata += [place / name for name in names if name == "metadata.csv"]
            if images:
                self.by_series[place.name] += images
                subject = place.parent.parent.name
                self.by_subject[subject, place.name[-5:]] += images
        for path in metadata:
            self._read_metadata(path)

    def _read_metadata(self, path):
        """Adds the places that the NBIA Data Retriever lists."""
        for row in _rows(path):
            place = (row.get("File Location") or "").replace("\\", "/")
            parts = [part for part in place.split("/") if part not in ("", ".")]
            series = (row.get("Series UID") or "").strip()
            if series in self.by_series or not parts or ".." in parts:
                continue
            here = path.parent.joinpath(*parts)
            if os.path.isdir(here):  # False also for what cannot be a name
                self.by_series[series] = sorted(
                    file for file in here.iterdir() if file.suffix.lower() in SUFFIXES)

    def find(self, path: str) -> list[pathlib.Path]:
        """Files of the series of a path in the tables; the named one first."""
        subject, _, series, name = path.split("/")
        candidates = self.by_series.get(series) or self.by_subject.get(
            (subject, series[-5:]), [])
        return sorted(candidates, key=lambda file: (file.name != name, file.name))


def _rows(path):
    files.existing_text(path)
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as stream:
            return files.csv_rows(stream, path.stat().st_size)
    except csv.Error as error:
        raise files.InputError(
            f"{path} is no CSV table ({error}); download it again, or remove it."
        ) from error


def _walk(folder, skip):
    """Folders and the names of their files; links are followed, each place once."""
    visited = set()
    skip = skip and os.path.realpath(skip)
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited or real == skip:
            folders.clear()
            continue
        visited.add(real)
        yield pathlib.Path(place), names


def make_job(
        film: tables.Mammogram, index: Index, out: pathlib.Path,
        size: Sequence[int]) -> dict:
    """A conversion job (`conversion.run_jobs`) for one film with its masks.

    Args:
        film: `tables.Mammogram`.
        index: `Index`.
        out: the output folder.
        size: (height, width) in pixels.
    """
    images = [[str(path) for path in index.find(image)] for image in film.images]
    masks = []
    for number, finding in film.findings:
        candidates = list(dict.fromkeys(
            str(path) for entry in (finding.mask, finding.crop) if entry
            for path in index.find(entry)))
        masks.append(dict(
            number=number, named=finding.mask, files=candidates,
            image=film.images.index(finding.image),
            target=f"mask/{mask_name(film, number, finding)}"))
    sources = [path for group in images for path in group]
    sources += [path for mask in masks for path in mask["files"]]
    return dict(
        key=film.name, sources=sources, out=str(out), images=images,
        named=list(film.images), masks=masks, target=f"full/{film.name}.png",
        settings=[list(size), list(film.images), [mask["named"] for mask in masks]])


def mask_name(film: tables.Mammogram, number: int, finding: tables.Finding) -> str:
    """File name by which the patch sampler finds a mask; `Training` whatever the list,
    as in the original."""
    return f"{finding.kind.capitalize()}-Training_{film.name}_{number}.png"


def convert_film(job: dict) -> dict:
    """Converts one film and its masks.

    Args:
        job: made by `make_job`.

    Returns:
        dict for `conversion.run_jobs`, with `mean` (grey value, 0-255), `shapes` (of
        the stored copies), `masks` (numbers of the masks made), `left_out` and `notes`
        (lists of (abnormality or None, file, sentence)).

    Raises:
        conversion.Unreadable: no copy of the film can be read.
    """
    result = dict(outputs=[], left_out=[], notes=[], masks=[])
    out, size = pathlib.Path(job["out"]), job["settings"][0]
    pixels, shapes = read_film(job, result)
    small = conversion.resized(conversion.to_16_bit(pixels), size)
    conversion.write_png(out / job["target"], small)
    result["outputs"].append(job["target"])
    result["mean"] = round(float(small.mean()) * 255 / 65535, 4)
    if pixels.dtype == np.uint8:
        result["notes"].append((None, job["sources"][0], "8-bit values times 257"))
    for mask in job["masks"]:
        shape = shapes[mask["image"]] or pixels.shape
        try:
            small = convert_mask(mask, shape, size, result)
            conversion.write_png(out / mask["target"], small)
        except conversion.Unreadable as error:
            file = mask["files"][0] if mask["files"] else mask["named"]
            result["left_out"].append((mask["number"], file, str(error)))
    return result | dict(complete=not result["left_out"])


def read_film(
        job: Mapping[str, Any], result: dict[str, Any]
) -> tuple[NDArray, list[tuple[int, int] | None]]:
    """Pixels of the first copy that can be read, and the shape of each copy.

    Args:
        job: made by `make_job`.
        result: gets what was left out, and notes.

    Raises:
        conversion.Unreadable: no copy of the film can be read.
    """
    pixels, shapes, reasons = None, [], []
    for original, candidates in zip(job["named"], job["images"], strict=True):
        try:
            if not candidates:
                raise conversion.Unreadable("the mammogram is missing")
            path = candidates[0]
            name = original.rpartition("/")[2]
            if len(candidates) > 1 and pathlib.Path(path).name != name:
                path = max(candidates, key=os.path.getsize)
            if pixels is None:
                pixels, mammogram = conversion.read_mammogram(path)
                result["notes"] += _remarks(mammogram, path, job)
                shapes.append(pixels.shape)
            else:
                shapes.append(conversion.read_shape(path))
        except conversion.Unreadable as error:
            shapes.append(None)
            file = candidates[0] if candidates else original
            reasons.append((None, file, str(error)))
    if pixels is None:
        raise conversion.Unreadable("; ".join(reason for _, _, reason in reasons))
    if not pixels.any():
        raise conversion.Unreadable("the picture is black")
    result["left_out"] += reasons
    if len(set(filter(None, shapes))) > 1:
        result["notes"].append((None, job["named"][1], (
            f"stored twice at different sizes, {_times(shapes[0])} and "
            f"{_times(shapes[1])}; the first is taken")))
    return pixels, shapes


def _remarks(mammogram, path, job):
    """What the file says of itself that the log should have."""
    if mammogram is None:
        return []
    remarks = list(mammogram.notes)
    _, side, view = job["key"].rsplit("_", 2)
    stated = (mammogram.laterality or side[0], mammogram.view or view)
    if stated != (side[0], view):
        remarks.append(f"the file says {' '.join(stated)}, the table {side} {view}")
    return [(None, path, remark) for remark in remarks]


def looks_like_mask(pixels: NDArray) -> bool:
    """Whether pixels are black and white only; JPEG may have blurred the edges.

    Args:
        pixels: uint8 or uint16 array.
    """
    top = int(pixels.max())
    white = cv2.countNonZero(cv2.inRange(pixels, top - top // 10, top))
    black = cv2.countNonZero(cv2.inRange(pixels, 0, top // 10))
    return top > 0 and min(white, black) > 0 and white + black >= 0.98 * pixels.size


def find_mask(candidates: Sequence[str], shape: Sequence[int]) -> tuple[str, NDArray]:
    """Finds the mask among the files of a finding, by what each contains.

    Neither the names nor the tables tell mask from crop: both orders occur. A mask is
    black and white; of several, the one of the mammogram's shape.

    Args:
        candidates: file names.
        shape: (rows, columns) of the mammogram.

    Returns:
        the file name and its pixels.

    Raises:
        conversion.Unreadable: no file is a mask.
    """
    if not candidates:
        raise conversion.Unreadable("the mask is missing")
    masks, reasons = [], []
    for path in candidates:
        try:
            pixels = conversion.read_stored(path)
        except conversion.Unreadable as error:
            reasons.append(f"{os.path.basename(path)} {error}")
            continue
        if not pixels.any():
            reasons.append(f"{os.path.basename(path)} is empty (black)")
        elif looks_like_mask(pixels):
            if pixels.shape == tuple(shape):
                return path, pixels
            masks.append((path, pixels))
        else:
            reasons.append(f"{os.path.basename(path)} is a crop, not black and white")
    if not masks:
        raise conversion.Unreadable("no file is a mask: " + "; ".join(reasons))
    return max(masks, key=lambda pair: pair[1].size)


def convert_mask(
        mask: Mapping[str, Any], shape: Sequence[int], size: Sequence[int],
        result: dict[str, Any]) -> NDArray[np.uint8]:
    """The mask of one finding at the size of the result; `result` gets what was made.

    Raises:
        conversion.Unreadable: no file of the finding is a mask.
    """
    path, pixels = find_mask(mask["files"], shape)
    if pixels.shape != tuple(shape):
        aspects = [size_of[0] / size_of[1] for size_of in (pixels.shape, shape)]
        change = abs(aspects[0] / aspects[1] - 1)
        result["notes"].append((mask["number"], path, (
            f"mask is {_times(pixels.shape)}, mammogram {_times(shape)}: resized"
            + (f"; the aspects differ by {100 * change:.1f} %, so it may be shifted"
               if change > SAME_ASPECT else ""))))
    result["outputs"].append(mask["target"])
    result["masks"].append(mask["number"])
    return conversion.resized_mask(pixels, size)


def _times(shape):
    return f"{shape[0]} x {shape[1]}"
