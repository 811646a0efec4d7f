"""Synthetic mammograms in the layout of VinDr-Mammo, from its published description.

Quirks: the suffix .dicom, lists as texts, boxes that begin at negative places,
MONOCHROME1 and MONOCHROME2, windows, no patient and few ages.
"""

import pathlib

import numpy as np

from end2end.phantoms import drawing, mammography_file
from end2end.utils import files

IMAGE_COLUMNS = (
    "study_id", "series_id", "image_id", "laterality", "view_position", "height",
    "width", "breast_birads", "breast_density", "split")
FINDING_COLUMNS = (
    *IMAGE_COLUMNS[:9], "finding_categories", "finding_birads", "xmin", "ymin", "xmax",
    "ymax", "split")
META_COLUMNS = ("SOP Instance UID", "Patient's Age", "Manufacturer")
FINDINGS = {"mass": "['Mass']", "calcification": "['Suspicious Calcification']"}
MAKERS = ("SIEMENS", "IMS s.r.l.", "Planmed")


def write_woman(
        folder: files.Path, woman: drawing.Woman, size: tuple[int, int]) -> list[dict]:
    """Writes the four images of one woman; returns rows of all three tables."""
    rng = np.random.default_rng([woman.seed, 17])
    study, rows = mammography_file.hexadecimal(rng), []
    maker, age = MAKERS[woman.number % 3], "" if rng.random() < 0.5 else "052Y"
    for side in woman.lesions:
        birads = birads_of(woman.lesions[side], rng)
        for view in drawing.VIEWS:
            image = mammography_file.hexadecimal(rng)
            picture, masks = drawing.render(woman, side, view, size, style="digital")
            mammography_file.write(
                pathlib.Path(folder) / "images" / study / f"{image}.dicom", picture,
                dict(SOPInstanceUID=mammography_file.uid(rng), PatientID="",
                     Manufacturer=maker, ViewPosition=view, ImageLaterality=side[0],
                     WindowCenter=2048, WindowWidth=4096, WindowCenterWidthExplanation
                     ="NORMAL"), inverted=woman.number % 2 == 0)
            row = dict(zip(IMAGE_COLUMNS, (
                study, mammography_file.hexadecimal(rng), image, side[0], view, *size,
                f"BI-RADS {birads}", f"DENSITY {'ABCD'[int(3.99 * woman.density)]}",
                "test" if woman.number % 5 == 0 else "training"), strict=True))
            rows.append(row | {"SOP Instance UID": image, "Patient's Age": age,
                               "Manufacturer": maker, "findings": _findings(
                                   row, list(zip(woman.lesions[side], masks,
                                                 strict=True)),
                                   birads, negative=woman.number % 7 == 1)})
    return rows


def birads_of(lesions: tuple, rng: np.random.Generator) -> int:
    """Assessment of a breast: cancers 4 or 5, others 1 to 3."""
    if any(lesion.malignant for lesion in lesions):
        return int(rng.integers(4, 6))
    if lesions:
        return 3 if rng.random() < 0.2 else 2
    return int(rng.integers(1, 3))


def _findings(row, marked, birads, *, negative):
    if not marked:
        return [row | dict(finding_categories="['No Finding']", finding_birads="",
                           xmin="", ymin="", xmax="", ymax="")]
    rows = []
    for lesion, mask in marked:
        lines, columns = np.nonzero(mask)
        rows.append(row | dict(
            finding_categories=FINDINGS[lesion.kind], finding_birads=(
                f"BI-RADS {max(birads, 4) if lesion.malignant else min(birads, 3)}"),
            xmin=-1.5 if negative else columns.min() - 0.25, ymin=lines.min() - 0.5,
            xmax=columns.max() + 1.75, ymax=lines.max() + 1.5))
    return rows


def write_tables(folder: pathlib.Path, rows: list[dict]) -> None:
    """Writes the three tables."""
    files.write_csv(folder / "breast-level_annotations.csv", IMAGE_COLUMNS, rows)
    files.write_csv(folder / "finding_annotations.csv", FINDING_COLUMNS,
                    [finding for row in rows for finding in row["findings"]],
                    as_is=True)
    files.write_csv(folder / "metadata.csv", META_COLUMNS, rows)
