"""RSNA Screening Mammography 2022: train.csv, one row per image, and DICOM files."""

import collections
import pathlib
from collections.abc import Iterator

from end2end.importing import known_tables, records

TABLE = "train.csv"
COLUMNS = (
    "site_id", "patient_id", "image_id", "laterality", "view", "age", "cancer",
    "biopsy", "invasive", "BIRADS", "implant", "density", "machine_id",
    "difficult_negative_case")
SUFFIXES = (".dcm", ".png")
# The table's word for negative, needs evaluation and benign; empty where not read.
LABELS = {"0": 0, "1": 1}


def read(root: pathlib.Path, settings: records.Settings) -> Iterator[records.Picture]:
    """Yields the pictures of train.csv.

    Raises:
        files.InputError: another table, or an assumption that does not hold.
    """
    table = known_tables.located(root, TABLE)
    breasts: dict[tuple[str, str], str] = {}
    images: set[str] = set()
    for number, row in known_tables.rows(table, COLUMNS, settings):
        where = f"{table}, row {number}"
        _check(row, where, breasts, settings)
        if row["image_id"] in images:
            known_tables.refuse("image-once", f"{where} has an image that another row "
                                "has too.", settings)
            continue
        images.add(row["image_id"])
        detail = [name for name in ("invasive", "biopsy", "implant")
                  if row[name] in ("1", "True", "1.0")]
        yield records.Picture(
            row["image_id"], str(_file(table.parent, row)), number, row["patient_id"],
            laterality=row["laterality"], view=row["view"], label=LABELS.get(
                row["cancer"]), source_label=" ".join([f"cancer={row['cancer']}",
                                                       *detail]),
            density=row["density"], age=row["age"], site=row["site_id"],
            vendor=f"machine {row['machine_id']}" if row["machine_id"] else "")


def _check(row, where, breasts, settings):
    if row["cancer"] not in LABELS:
        known_tables.refuse("cancer-0-or-1", f"{where} has cancer "
                            f"{row['cancer']!r}.", settings)
    if row["laterality"] not in ("L", "R"):
        known_tables.refuse("sides", f"{where} has the side {row['laterality']!r}; "
                            "expected L or R.", settings)
    breast = row["patient_id"], row["laterality"]
    if breasts.setdefault(breast, row["cancer"]) != row["cancer"]:
        known_tables.refuse(
            "cancer-of-breast", f"{where} says cancer={row['cancer']}, another row of "
            f"this breast cancer={breasts[breast]}.", settings)


def _file(folder, row):
    stem = f"{row['patient_id']}/{row['image_id']}"
    for images in ("train_images", "images"):
        for suffix in SUFFIXES:
            path = folder / images / f"{stem}{suffix}"
            if path.is_file():
                return path
    return folder / "train_images" / f"{stem}.dcm"


def census(root: pathlib.Path, settings: records.Settings) -> dict[str, int]:
    """Counts what train.csv holds."""
    counts: collections.Counter = collections.Counter()
    women, cancers, breasts = set(), set(), {}
    for _, row in known_tables.rows(
            known_tables.located(root, TABLE), COLUMNS, settings):
        counts["images"] += 1
        counts["malignant images"] += row["cancer"] == "1"
        counts["images without an age"] += not row["age"]
        women.add(row["patient_id"])
        breasts[row["patient_id"], row["laterality"]] = row["cancer"]
        if row["cancer"] == "1":
            cancers.add(row["patient_id"])
    return dict(counts) | {
        "women": len(women), "women with cancer": len(cancers), "breasts": len(breasts),
        "malignant breasts": sum(cancer == "1" for cancer in breasts.values())}
