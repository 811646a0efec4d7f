"""Synthetic mammograms in the layout of RSNA 2022, from its published description.

Quirks: JPEG 2000, MONOCHROME1 by machine, missing ages, several images of one view,
other views, densities at one site only.
"""

import pathlib

import numpy as np

from end2end.phantoms import drawing, mammography_file
from end2end.utils import files

COLUMNS = (
    "site_id", "patient_id", "image_id", "laterality", "view", "age", "cancer",
    "biopsy", "invasive", "BIRADS", "implant", "density", "machine_id",
    "difficult_negative_case")
MACHINES = (49, 21, 93)


def write_woman(
        folder: files.Path, woman: drawing.Woman, size: tuple[int, int]) -> list[dict]:
    """Writes the images of one woman; returns rows of train.csv."""
    rng = np.random.default_rng([woman.seed, 19])
    patient, site = 10000 + 7 * woman.number, 1 + woman.number % 2
    machine, rows = MACHINES[woman.number % 3], []
    age = "" if woman.number % 6 == 0 else int(rng.integers(40, 90))
    for side in woman.lesions:
        cancer = int(any(lesion.malignant for lesion in woman.lesions[side]))
        views = [*drawing.VIEWS, "CC"] if woman.number % 4 == 0 else drawing.VIEWS
        views = [*views, "ML"] if woman.number % 5 == 0 else views
        for place, view in enumerate(views):
            image = int(rng.integers(10**8, 2 * 10**9))
            picture, _ = drawing.render(
                woman, side, "CC" if view == "CC" else "MLO", size, style="digital")
            # A second picture of a view lies a little lower.
            picture = np.roll(picture, 3 * (place > 1), axis=0)
            mammography_file.write(
                pathlib.Path(folder) / "train_images" / str(patient) / f"{image}.dcm",
                picture, dict(
                    SOPInstanceUID=mammography_file.uid(rng), PatientID=str(patient),
                    ViewPosition=view, ImageLaterality=side[0]),
                inverted=machine == MACHINES[0], jpeg_2000=site == 1)
            rows.append(dict(zip(COLUMNS, (
                site, patient, image, side[0], view, age, cancer,
                int(cancer or rng.random() < 0.1), cancer,
                "" if site == 2 else (0 if cancer else 1), 0,
                "" if site == 2 else "ABCD"[int(3.99 * woman.density)], machine,
                bool(not cancer and woman.lesions[side])), strict=True)))
    return rows


def write_tables(folder: pathlib.Path, rows: list[dict]) -> None:
    """Writes train.csv."""
    files.write_csv(folder / "train.csv", COLUMNS, rows)
