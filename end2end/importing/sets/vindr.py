"""VinDr-Mammo: a table of breasts, a table of findings with boxes, DICOM files."""

import ast
import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from end2end.data import conversion
from end2end.importing import converting, known_tables, records, vendors
from end2end.utils import files

IMAGE_TABLE, FINDING_TABLE = "breast-level_annotations.csv", "finding_annotations.csv"
META_TABLE = "metadata.csv"
IMAGE_COLUMNS = (
    "study_id", "series_id", "image_id", "laterality", "view_position", "height",
    "width", "breast_birads", "breast_density", "split")
FINDING_COLUMNS = (
    *IMAGE_COLUMNS[:9], "finding_categories", "finding_birads", "xmin", "ymin", "xmax",
    "ymax", "split")
SPLITS = {"training": "train", "test": "test"}
SUFFIXES = (".dicom", ".dcm", ".png")
NORMAL = "No Finding"
# CBIS-DDSM counts distortions and asymmetries among its masses too.
KINDS = {
    "Mass": "mass", "Asymmetry": "mass", "Focal Asymmetry": "mass",
    "Global Asymmetry": "mass", "Architectural Distortion": "mass",
    "Suspicious Calcification": "calc"}
VIEWS_OF_EXAM = {("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO")}
LONGEST_LIST = 1000


def read(root: pathlib.Path, settings: records.Settings) -> Iterator[records.Picture]:
    """Yields the pictures of the table of breasts.

    Raises:
        files.InputError: a table is missing or of other columns, or an assumption does
            not hold.
    """
    table = known_tables.located(root, IMAGE_TABLE)
    findings = _findings(table.parent / FINDING_TABLE, settings)
    ages, makers = _metadata(table.parent / META_TABLE)
    exams: dict[str, list] = collections.defaultdict(list)
    categories: dict[tuple, str] = {}
    for number, row in known_tables.rows(table, IMAGE_COLUMNS, settings):
        _check(row, f"{table}, row {number}", categories, settings)
        exams[row["study_id"]].append((row["laterality"], row["view_position"]))
        regions = findings.pop(row["image_id"], [])
        label = records.birads_label(row["breast_birads"], settings)
        yield records.Picture(
            row["image_id"], str(_file(table.parent, row)), number, row["study_id"],
            row["study_id"], laterality=row["laterality"], view=row["view_position"],
            label=label, source_label=row["breast_birads"],
            lesion_type="+".join(sorted({region.name for region in regions})),
            density=row["breast_density"].removeprefix("DENSITY "),
            age=ages.get(row["image_id"], ""), vendor=makers.get(row["image_id"], ""),
            split=SPLITS.get(row["split"], ""), regions=tuple(regions),
            further=_size(row, settings),
            left_out="" if label is not None else (
                f"BI-RADS: {row['breast_birads']} is neither negative nor positive"))
    odd = [views for views in exams.values() if set(views) != VIEWS_OF_EXAM]
    if odd:
        known_tables.refuse(
            "four-views", f"{len(odd)} of {len(exams)} exams of {table} are not CC and "
            f"MLO of both breasts, such as {sorted(odd[0])}.", settings)
    if findings:
        known_tables.refuse(
            "findings-of-images", f"{FINDING_TABLE} has findings of {len(findings)} "
            f"images that {IMAGE_TABLE} does not have.", settings)


def _check(row, where, categories, settings):
    breast = row["study_id"], row["laterality"]
    if categories.setdefault(breast, row["breast_birads"]) != row["breast_birads"]:
        known_tables.refuse(
            "birads-of-breast", f"{where} gives its breast {row['breast_birads']}, "
            f"another row of this breast {categories[breast]}.", settings)
    if row["split"] not in SPLITS:
        known_tables.refuse(
            "split-words", f"{where} is in the split {row['split']!r}; expected "
            f"{' or '.join(SPLITS)}.", settings)


def _size(row, settings):
    if "size-in-table" in settings.accept or not all(
            row[name].isdecimal() for name in ("height", "width")):
        return {}
    return {"height": int(row["height"]), "width": int(row["width"])}


def _file(folder, row):
    stem = folder / "images" / row["study_id"] / row["image_id"]
    return next((path for path in (stem.with_name(stem.name + suffix)
                                   for suffix in SUFFIXES) if path.is_file()),
                stem.with_name(stem.name + SUFFIXES[0]))


def _findings(path, settings):
    """Regions by image."""
    regions = collections.defaultdict(list)
    all_categories = dataclasses.replace(settings, birads_3="negative")
    for number, row in known_tables.rows(path, FINDING_COLUMNS, settings):
        where = f"{path}, row {number}"
        names = _names(row["finding_categories"], where, settings)
        texts = [row[name] for name in ("xmin", "ymin", "xmax", "ymax")]
        if names == [NORMAL] or not any(texts):
            continue
        try:
            left, top, right, bottom = map(float, texts)
        except ValueError:
            known_tables.refuse(
                "boxes", f"{where} has the box {' '.join(texts)}; expected four "
                "numbers.", settings)
            continue
        kinds = {KINDS.get(name, "other") for name in names}
        category = records.birads_label(row["finding_birads"], all_categories)
        regions[row["image_id"]].append(records.Region(
            "box", ((left, top), (right, bottom)),
            next(kind for kind in ("mass", "calc", "other") if kind in kinds),
            "+".join(names), None if category is None else bool(category)))
    return regions


def _names(text, where, settings):
    """The findings in a text such as `['Mass', 'Skin Thickening']`."""
    try:
        names = ast.literal_eval(text) if len(text) < LONGEST_LIST else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(
            isinstance(name, str) for name in names):
        known_tables.refuse(
            "lists-of-findings", f"{where} has the findings {text[:80]!r}; expected a "
            "list such as ['Mass'].", settings)
        return ["unnamed"]
    return names


def _metadata(path):
    """Ages and makers by image, where the table of DICOM tags is there."""
    ages, makers = {}, {}
    if path.is_file():
        for row in files.read_csv(path):
            image = row.get("SOP Instance UID", "")
            ages[image] = row.get("Patient's Age", "")
            makers[image] = vendors.named(row.get("Manufacturer", ""))
    return ages, makers


def convert(job: Mapping[str, Any]) -> dict[str, Any]:
    """`converting.convert_picture` of a file of the size that the table says.

    Raises:
        conversion.Unreadable: the file has another size, so that boxes would not fit.
    """
    pixels, mammogram = conversion.read_mammogram(*job["sources"])
    stated = job["further"]
    if stated and pixels.shape != (stated["height"], stated["width"]):
        raise conversion.Unreadable(
            f"size-in-table: the table says {stated['width']} x {stated['height']}, "
            f"the file has {pixels.shape[1]} x {pixels.shape[0]} pixels")
    return converting.written(job, pixels, mammogram, converting.marked(job))


def census(root: pathlib.Path, settings: records.Settings) -> dict[str, int]:
    """Counts what the two tables hold."""
    table = known_tables.located(root, IMAGE_TABLE)
    counts: collections.Counter = collections.Counter()
    exams, breasts = set(), set()
    for _, row in known_tables.rows(table, IMAGE_COLUMNS, settings):
        exams.add((row["study_id"], row["split"]))
        breasts.add((row["study_id"], row["laterality"]))
        counts["images"] += 1
        label = records.birads_label(row["breast_birads"], settings)
        counts["malignant images (BI-RADS 4 and 5)"] += label == 1
        counts["images left out (BI-RADS 3)"] += label is None
    counts["findings with a box"] = sum(
        map(len, _findings(table.parent / FINDING_TABLE, settings).values()))
    return dict(counts) | {
        "exams": len({exam for exam, _ in exams}), "breasts": len(breasts),
        "training exams": sum(part == "training" for _, part in exams),
        "test exams": sum(part == "test" for _, part in exams)}
