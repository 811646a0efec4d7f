"""What the patch sampler reads and where it writes: table, patients, mammograms.

The layout is the original's; `plan` checks all of it before any work.
"""

import csv
import dataclasses
import os
import pathlib
import re
from collections.abc import Collection, Mapping, Sequence

from end2end import config
from end2end.data import splits
from end2end.tables import vocabulary
from end2end.utils import files

COLUMNS = ("patient_id", "side", "view", "abn_num", "pathology", "type")
# Number in the name of the second picture of a view, and of later ones; may be missing.
REPEAT = "repeat"
# A lesion that is neither mass nor calcification: no patch of it, nor background on it.
OTHER_LESION = "other"
PATIENT_LIST = "pat_lst.txt"
# What can be a part of a file's name.
FILE_WORD = re.compile(r"[^/\\]{1,80}")


@dataclasses.dataclass(frozen=True)
class Convention:
    """What the original's two samplers do differently."""

    prefix: str | None = None  # of every file name; None: of masks only, by type
    sort: bool = True          # images in the order of their names, else of the table
    single_at_centroid: bool = True  # a single lesion patch is not drawn
    patient_lists: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the table must have."""
        return COLUMNS[:-1] if self.prefix else COLUMNS

    def image_name(self, key: Sequence[str]) -> str:
        """File name of a full image."""
        return "_".join((*([f"{self.prefix}-Training"] if self.prefix else []), *key)
                        ) + ".png"

    def mask_name(self, key: Sequence[str], row: Mapping[str, str]) -> str:
        """File name of the mask of one lesion."""
        prefix = self.prefix or ("Calc" if row["type"] == "calc" else "Mass")
        return "_".join((f"{prefix}-Training", *key, row["abn_num"])) + ".png"


COMBINED = Convention()


@dataclasses.dataclass(frozen=True)
class Sources:
    """What is sampled."""

    roi_table: pathlib.Path
    masks: pathlib.Path
    patients: pathlib.Path
    images: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Job:
    """One mammogram to sample."""

    key: tuple            # patient, side, view, and the number of a repeated view
    rows: tuple           # of the table, one per lesion
    image: pathlib.Path
    masks: tuple          # paths, one per lesion
    out: pathlib.Path
    convention: Convention

    @property
    def name(self) -> str:
        """Name of the mammogram: patient, side and view."""
        return "_".join(self.key)


def plan(
        sources: Sources, train_out: str | os.PathLike, val_out: str | os.PathLike,
        options: config.SamplingOptions, *,
        convention: Convention = COMBINED) -> list[Job]:
    """Checks everything, splits the patients, and lists the mammograms in order.

    Writes the patient lists and makes the class folders.

    Args:
        sources: `Sources`.
        train_out, val_out: output folders; `val_out` is left alone where no patient is
            set apart for validation.
        options: `config.SamplingOptions`.
        convention: `Convention`.

    Returns:
        list of `Job`, training first.

    Raises:
        files.InputError: something is missing or wrong; nothing was written.
    """
    check(options)
    masks = files.existing_folder(sources.masks, "mask folder")
    full = files.existing_folder(sources.images, "image folder")
    rows = read_table(sources.roi_table, convention)
    patients = patient_ids(sources.patients)
    check_patients(sources.patients, patients, {row["patient_id"] for row in rows})
    malignant = {row["patient_id"] for row in rows if is_malignant(row)}
    train, val = splits.stratified_split(
        patients, [int(patient in malignant) for patient in patients],
        options.validation_share)
    jobs = []
    for ids, out in ((train, train_out), (val, val_out)):
        if not ids:
            continue
        out = make_folders(out, options)
        if convention.patient_lists:
            files.write_text(
                out / PATIENT_LIST, "".join(f"{patient}\n" for patient in ids))
        jobs += _jobs(rows, set(ids), masks, full, out=out, convention=convention)
    return jobs


def make_folders(
        out: str | os.PathLike, options: config.SamplingOptions) -> pathlib.Path:
    """Makes the class folders of a set; returns its folder as `Path`."""
    out = files.writable_folder(out)
    for folder in class_folders(options):
        (out / folder).mkdir(exist_ok=True, parents=True)
    return out


def _jobs(rows, ids, masks, full, *, out, convention):
    by_image = {}
    for row in rows:
        if row["patient_id"] in ids:
            key = (row["patient_id"], row["side"], row["view"],
                   *filter(None, (row.get(REPEAT),)))
            by_image.setdefault(key, []).append(row)
    keys = sorted(by_image) if convention.sort else list(by_image)
    return [Job(key, tuple(by_image[key]), full / convention.image_name(key),
                tuple(masks / convention.mask_name(key, row) for row in by_image[key]),
                out, convention) for key in keys]


def check(options: config.SamplingOptions) -> None:
    """Raises `files.InputError` for sampling options that cannot work."""
    limits = dict(
        target_height=1, target_width=1, patch_size=2, background_count=0,
        lesion_count=0, hard_negative_count=0)
    for name, least in limits.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise files.InputError(
                f"{name.replace('_', ' ')} {value} is too small; expected at least "
                f"{least}.")
    if not 0 <= options.validation_share < 1:
        raise files.InputError(
            f"--val-size {options.validation_share} is not a share of the patients; "
            "expected 0 to 1, without 1.")


def read_table(
        path: str | os.PathLike,
        convention: Convention = COMBINED) -> list[dict[str, str]]:
    """Reads the table of lesions.

    Args:
        path: CSV with a header; of `COLUMNS`, those of the convention.

    Returns:
        list of dicts of strings, in the order of the table.

    Raises:
        files.InputError: a column or a value is missing or cannot be part of a file
            name.
    """
    return read_rows(path, convention.columns, "ROI table")


def read_rows(
        path: str | os.PathLike, columns: Sequence[str],
        what: str) -> list[dict[str, str]]:
    """Reads some columns of a CSV as stripped words that can be part of a file name."""
    path = files.existing_text(path, what)
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = files.csv_rows(stream, path.stat().st_size)
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"{what} {path} is not CSV in UTF-8 ({error}); save it as one."
        ) from error
    if not rows:
        raise files.InputError(
            f"{what} {path} has no rows; expected a header with {', '.join(columns)} "
            "and some rows.")
    return [clean_row(row, columns, f"{what} {path}, row {row.number}") for row in rows]


def clean_row(
        row: Mapping[str, str], columns: Sequence[str], where: str) -> dict[str, str]:
    """Some columns of a row as stripped words that can be part of a file name.

    Raises:
        files.InputError: a column is missing, or its value is not such a word.
    """
    spelled = vocabulary.spelled(row, columns)
    missing = [name for name in columns if name not in spelled]
    if missing:
        raise files.InputError(
            f"{where}: no column {missing[0]}; expected a header with "
            f"{', '.join(columns)}.")
    values = {name: (row[column] or "").strip() for name, column in spelled.items()}
    if (row.get(REPEAT) or "").strip():
        values[REPEAT] = row[REPEAT].strip()
    wrong = [name for name, value in values.items()
             if not FILE_WORD.fullmatch(value) or not value.isprintable()]
    if wrong:
        raise files.InputError(
            f"{where}: {wrong[0]} is {values[wrong[0]]!r}; expected a word. Correct or "
            "remove the row.")
    return values


def patient_ids(path: str | os.PathLike) -> list[str]:
    """Reads the patient ids, one per line, each once.

    Raises:
        files.InputError: there are none.
    """
    path = files.existing_text(path, "patient list")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise files.InputError(
            f"patient list {path} is not UTF-8 text; expected one id per line."
        ) from error
    ids = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not ids:
        raise files.InputError(
            f"patient list {path} is empty; expected one patient id per line.")
    return ids


def check_patients(
        path: str | os.PathLike, ids: Sequence[str],
        table_ids: Collection[str]) -> None:
    """Raises `files.InputError` where the table lacks a patient of the list."""
    unknown = [patient for patient in ids if patient not in table_ids]
    if unknown:
        raise files.InputError(
            f"patient list {path}: {unknown[0]} is not in the ROI table "
            f"({len(unknown)} of {len(ids)} are not); expected one id per line, "
            "without a header.")


def is_malignant(row: Mapping[str, str]) -> bool:
    """Whether a lesion is malignant; all other pathologies are benign."""
    return row["pathology"].startswith("MALIGNANT")


def lesion_folder(row: Mapping[str, str], options: config.SamplingOptions) -> str:
    """Class folder of a lesion."""
    folders = {
        (True, True): options.malignant_calcification_folder,
        (True, False): options.benign_calcification_folder,
        (False, True): options.malignant_mass_folder,
        (False, False): options.benign_mass_folder}
    return folders[row.get("type") == "calc", is_malignant(row)]


def class_folders(options: config.SamplingOptions) -> list[str]:
    """The class folders, each once."""
    return list(dict.fromkeys((
        options.background_folder, options.malignant_calcification_folder,
        options.benign_calcification_folder, options.malignant_mass_folder,
        options.benign_mass_folder)))
