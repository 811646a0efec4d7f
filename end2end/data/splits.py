"""Patient-level splits: drawn, read from a file, written to be kept and given back.

A split is always by patient, so that no woman is in two parts (Shen et al. 2019,
Methods: 85:15 into training and test, then 90:10 into training and validation,
stratified by cancer).
"""

import csv
import logging
import math
import os
import pathlib
import shutil
from collections.abc import Iterable, Sequence

from end2end.tables import vocabulary
from end2end.utils import files

log = logging.getLogger(__name__)

PARTS = ("train", "val", "test")
CLASSES = ("neg", "pos")
COLUMNS = ("patient_id", "side", "view", "malignant", "split")
# The original's fixed seed of the 90:10 split; the patch sampler draws the same one.
SAMPLER_SEED = 12345


def stratified_split(
        ids: Sequence[str], labels: Sequence[int], share: float, *,
        seed: int = SAMPLER_SEED) -> tuple[list[str], list[str]]:
    """Draws a share of the ids, keeping the proportion of the labels.

    Args:
        ids: patient ids, in an order that is part of the draw.
        labels: 0 or 1 per id.
        share: of the ids to set apart, 0 to 1; their number is rounded up.
        seed: of scikit-learn's `train_test_split`.

    Returns:
        the rest and the part set apart, two lists in the order of the draw. Where a
        label has too few ids to be in both, the draw is not stratified, and that is
        logged.

    Raises:
        files.InputError: nobody would be left.
    """
    # Each process that converts images would take a second to import it.
    from sklearn import model_selection

    ids, labels = list(ids), list(labels)
    count = math.ceil(share * len(ids))
    if count == 0 or len(ids) < 2:
        return ids, []
    if count == len(ids):
        raise files.InputError(
            f"a share of {share:g} sets all {count} patients apart and leaves none; "
            "give a smaller share, or more patients.")
    rarest = min(labels.count(label) for label in set(labels))
    sizes = (count, len(ids) - count)
    stratify = labels
    if rarest < 2 or min(sizes) < len(set(labels)):
        log.warning("%d patients, %d of the rarer label: too few to keep the "
                    "proportion of cancers; the split is drawn without.",
                    len(ids), rarest)
        stratify = None
    rest, part = model_selection.train_test_split(
        ids, test_size=share, stratify=stratify, random_state=seed)
    return list(rest), list(part)


def split_patients(
        labels: dict[str, int], *, test_share: float = 0.15,
        validation_share: float = 0.1, seed: int = SAMPLER_SEED
) -> dict[str, list[str]]:
    """Splits patients into train, val and test.

    Args:
        labels: dict from patient id to 1 (any cancer) or 0.
        test_share: set apart first.
        validation_share: of the remaining; drawn as the patch sampler draws it.
        seed: of the first draw.

    Returns:
        dict from `train`, `val`, `test` and `pat_train` (train and val, in the order in
        which the sampler must get them) to lists of ids.
    """
    ids = sorted(labels)
    remaining, test = stratified_split(
        ids, [labels[patient] for patient in ids], test_share, seed=seed)
    train, val = stratified_split(
        remaining, [labels[patient] for patient in remaining], validation_share)
    return dict(train=train, val=val, test=test, pat_train=remaining)


def read_split(path: files.Path) -> dict[tuple[str, ...], str]:
    """Reads a split file.

    Args:
        path: CSV with columns `patient_id`, `split` (train, val or test) and, where a
            woman's images are in different parts, `side` and `view`.

    Returns:
        dict from (patient_id,) or (patient_id, side, view) to the part.

    Raises:
        files.InputError: a missing column, an unknown part, or a contradiction.
    """
    path = files.existing_text(path, "split file")
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = files.csv_rows(stream, path.stat().st_size)
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"split file {path} is not CSV in UTF-8 ({error}); save it as one."
        ) from error
    keys, numbers = ("patient_id", "side", "view"), [row.number for row in rows]
    spelled = vocabulary.spelled(next(iter(rows), ()), (*keys, "split"))
    rows = [row | {name: row[column] for name, column in spelled.items()}
            for row in rows]
    columns = next(iter(rows), {})
    if not {"patient_id", "split"} <= set(columns):
        raise files.InputError(
            f"split file {path}: expected rows with columns patient_id and split, "
            f"found {', '.join(map(str, columns)) or 'no rows'}.")
    if not {"side", "view"} <= set(columns):
        keys = keys[:1]
    parts = {}
    for number, row in zip(numbers, rows, strict=True):
        key = tuple((row[name] or "").strip() for name in keys)
        part = (row["split"] or "").strip()
        if part not in PARTS:
            raise files.InputError(
                f"split file {path}, row {number}: {part!r} is none of "
                f"{', '.join(PARTS)}; correct it.")
        if parts.setdefault(key, part) != part:
            raise files.InputError(
                f"split file {path}, row {number}: {' '.join(key)} is in {parts[key]} "
                f"and in {part}; keep one.")
    return parts


def part_of(
        parts: dict[tuple[str, ...], str], patient_id: str, side: str, view: str
) -> str | None:
    """The part of an image by a split that was read; None if it is not named."""
    return parts.get((patient_id, side, view)) or parts.get((patient_id,))


def write_split(folder: pathlib.Path, images: Iterable[dict[str, object]]) -> None:
    """Writes split.csv and the patient ids of each part, one per line.

    Args:
        folder: gets `split.csv`, `train.txt`, `val.txt`, `test.txt`.
        images: dicts with the keys `COLUMNS`, one per image; looked at several times.
    """
    lines = [",".join(COLUMNS)]
    lines += [",".join(str(image[name]) for name in COLUMNS) for image in images]
    files.write_text(folder / "split.csv", "\n".join(lines) + "\n")
    for part in PARTS:
        ids = dict.fromkeys(image["patient_id"] for image in images
                            if image["split"] == part)
        files.write_text(
            folder / f"{part}.txt", "".join(f"{patient}\n" for patient in ids))


def count(images: Sequence[dict[str, object]]) -> dict[str, dict[str, int]]:
    """Women, images and positive images per part.

    Args:
        images: dicts with `patient_id`, `malignant` and `split`.
    """
    counts = {}
    for part in PARTS:
        members = [image for image in images if image["split"] == part]
        counts[part] = dict(
            women=len({image["patient_id"] for image in members}), images=len(members),
            positive=sum(image["malignant"] for image in members))
    return counts


def link_classes(
        folder: pathlib.Path, images: Iterable[dict[str, object]]) -> None:
    """Makes the class folders `{train,val,test}/{neg,pos}`; stale images are removed.

    Args:
        folder: of the class folders.
        images: dicts with `path` (an image file), `malignant` (0 or 1) and `split`;
            looked at twice. Files are linked, and copied where the file system cannot
            link.
    """
    names = {(image["split"], image["malignant"], image["path"].name)
             for image in images}
    for part in PARTS:
        for label, name in enumerate(CLASSES):
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for path in (folder / part / name).glob("*.png"):
                if (part, label, path.name) not in names:
                    path.unlink()
    for image in images:
        source = image["path"]
        path = folder / image["split"] / CLASSES[image["malignant"]] / source.name
        if not _same(path, source):
            with files.replacing(path) as part:
                link(source, part)


def _same(path, source):
    """Whether `path` is linked to `source`, or a copy of it."""
    if not path.exists():
        return False
    ours, theirs = path.stat(), source.stat()
    return os.path.samestat(ours, theirs) or (
        ours.st_size == theirs.st_size and ours.st_mtime_ns == theirs.st_mtime_ns)


def link(source: pathlib.Path, target: pathlib.Path) -> None:
    """Links a file, or copies it where the file system cannot link."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
