"""Synthetic mammograms in the layout of CMMD, as its label table and listing have it.

Quirks: a row per breast, images of the other breast without a row, side and view in the
tags alone (the view as a code), eight bits, ages such as 045Y.
"""

import pathlib

import numpy as np

from end2end.phantoms import drawing, mammography_file
from end2end.utils import files

COLUMNS = ("ID1", "LeftRight", "Age", "number", "abnormality", "classification",
           "subtype")
SUBTYPES = ("Luminal A", "Luminal B", "HER2-enriched", "triple negative")


def write_woman(
        folder: files.Path, woman: drawing.Woman, size: tuple[int, int]) -> list[dict]:
    """Writes the images of one woman; returns rows of label.csv."""
    rng = np.random.default_rng([woman.seed, 23])
    group, age = 1 + woman.number % 2, int(rng.integers(25, 75))
    patient = f"D{group}-{woman.number:04d}"
    study, series = rng.integers(10000, 99999, 2)
    place = (pathlib.Path(folder) / "CMMD" / patient / f"07-18-2010-{study}"
             / f"1.000000-{series}")
    tags = dict(PatientID=patient, PatientAge=f"{age:03d}Y",
                StudyInstanceUID=mammography_file.uid(rng),
                SeriesInstanceUID=mammography_file.uid(rng))
    # Women of the second group have images of both breasts.
    sides = drawing.SIDES if group == 2 else tuple(woman.lesions)
    number, rows = 0, []
    for side in sides:
        lesions = woman.lesions.get(side, ())
        whole = drawing.Woman(woman.number, woman.density, {side: lesions}, woman.seed)
        for view in drawing.VIEWS:
            number += 1
            picture, _ = drawing.render(whole, side, view, size, style="digital")
            mammography_file.write(
                place / f"1-{number}.dcm", (picture >> 4).astype(np.uint8),
                tags | dict(SOPInstanceUID=mammography_file.uid(rng),
                            ImageLaterality=side[0], InstanceNumber=number,
                            ViewCodeSequence=mammography_file.view_codes(view)), bits=8)
        if lesions:
            malignant = any(lesion.malignant for lesion in lesions)
            kinds = {lesion.kind for lesion in lesions}
            rows.append(dict(zip(COLUMNS, (
                patient, side[0], age, 2, "both" if len(kinds) > 1 else kinds.pop(),
                "Malignant" if malignant else "Benign",
                SUBTYPES[woman.number % 4] if malignant and group == 2 else ""),
                strict=True)))
    return rows


def write_tables(folder: pathlib.Path, rows: list[dict]) -> None:
    """Writes label.csv."""
    files.write_csv(folder / "label.csv", COLUMNS, rows)
