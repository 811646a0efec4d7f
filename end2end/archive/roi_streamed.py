"""Tables of lesions of any length, and lists of mammograms made of them, by streaming.

The rows wait in a database on disk (SQLite), which sorts them; only the patients' ids
are held in memory, since the split by patient needs all of them.
"""

import contextlib
import itertools
import pathlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence

from end2end import config
from end2end.archive import shards, storage
from end2end.data import splits
from end2end.data.patches import roi_table
from end2end.utils import files, temporary

KEY = ("patient_id", "side", "view")
COLUMNS = roi_table.COMBINED.columns


@contextlib.contextmanager
def planned(sources: roi_table.Sources, outs: tuple[str, str],
            options: config.SamplingOptions
            ) -> Iterator[Callable[[], Iterator[roi_table.Job]]]:
    """As `roi_table.plan`, in constant memory, and for URLs too.

    Args:
        sources: `roi_table.Sources` of paths or URLs, as texts.
        outs: folders of training and of validation patches, paths or URLs, as texts.
        options: `config.SamplingOptions`.

    Yields:
        function without arguments that gives the `roi_table.Job`s in order, training
        first. Their files are texts where they are URLs, else paths.

    Raises:
        files.InputError: something is missing or wrong; nothing was written.
    """
    roi_table.check(options)
    folders = [existing_folder(name, what) for name, what in (
        (sources.images, "image folder"), (sources.masks, "mask folder"))]
    with storage.local(sources.patients) as path:
        patients = roi_table.patient_ids(path)
    with temporary.folder() as folder, contextlib.closing(
            sqlite3.connect(f"{folder}/lesions.db")) as base:
        fill(base, sources.roi_table)
        with_lesions = {patient for patient, in base.execute(
            "SELECT DISTINCT patient_id FROM lesion")}
        roi_table.check_patients(sources.patients, patients, with_lesions)
        split(base, patients, outs, options)
        yield lambda: jobs(base, folders, outs)


def existing_folder(name: str, what: str) -> pathlib.Path | str:
    """A folder by path (`Path`) or URL (text) that must be there."""
    if not storage.is_url(name):
        return files.existing_folder(storage.plain(name), what)
    system, inner = storage.filesystem(name)
    if not system.isdir(inner):
        raise files.InputError(
            f"{what} {name} does not exist; expected a folder. Check the URL.")
    return name


def fill(base: sqlite3.Connection, table: str) -> None:
    """Reads a table of lesions into the database, row by row."""
    base.execute(f"CREATE TABLE lesion ({', '.join(COLUMNS)}, repeated, malignant)")
    number = 1
    for number, row in enumerate(shards.read_rows(table), 2):
        clean = roi_table.clean_row(row, COLUMNS, f"ROI table {table}, row {number}")
        base.execute(
            f"INSERT INTO lesion VALUES ({', '.join('?' * (len(COLUMNS) + 2))})",
            (*[clean[name] for name in COLUMNS], clean.get(roi_table.REPEAT, ""),
             roi_table.is_malignant(clean)))
    if number == 1:
        raise files.InputError(
            f"ROI table {table} has no rows; expected a header with "
            f"{', '.join(COLUMNS)} and some rows.")
    base.execute(f"CREATE INDEX mammogram ON lesion ({', '.join(KEY)})")


def split(base: sqlite3.Connection, patients: Sequence[str], outs: tuple[str, str],
          options: config.SamplingOptions) -> None:
    """Splits the patients as `roi_table.plan` does, and writes their lists."""
    malignant = {patient for patient, in base.execute(
        "SELECT DISTINCT patient_id FROM lesion WHERE malignant")}
    parts = splits.stratified_split(
        patients, [int(patient in malignant) for patient in patients],
        options.validation_share)
    base.execute("CREATE TABLE patient (id PRIMARY KEY, part)")
    for part, (ids, out) in enumerate(zip(parts, outs, strict=True)):
        if not ids:
            continue
        if not storage.is_url(out):
            roi_table.make_folders(storage.plain(out), options)
        with storage.replacing(storage.join(out, roi_table.PATIENT_LIST)) as path:
            path.write_bytes("".join(f"{patient}\n" for patient in ids).encode())
        base.executemany("INSERT INTO patient VALUES (?, ?)",
                         ((patient, part) for patient in ids))


def jobs(base: sqlite3.Connection,
         folders: tuple[pathlib.Path | str, pathlib.Path | str],
         outs: tuple[str, str]) -> Iterator[roi_table.Job]:
    """Yields the mammograms: by set, then in the order of their names."""
    full, masks = folders
    rows = base.execute(
        f"SELECT part, {', '.join(COLUMNS)}, repeated FROM lesion JOIN patient "
        f"ON patient_id = id ORDER BY part, {', '.join(KEY)}, repeated, lesion.rowid")
    of_image = itertools.groupby(
        rows, key=lambda row: (*row[:1 + len(KEY)], *filter(None, row[-1:])))
    for (part, *key), group in of_image:
        repeated = {roi_table.REPEAT: key[-1]} if len(key) > len(KEY) else {}
        lesions = tuple(dict(zip(COLUMNS, row[1:-1], strict=True)) | repeated
                        for row in group)
        convention = roi_table.COMBINED
        yield roi_table.Job(
            tuple(key), lesions, below(full, convention.image_name(key)),
            tuple(below(masks, convention.mask_name(key, row)) for row in lesions),
            outs[part] if storage.is_url(outs[part])
            else storage.plain(outs[part]).absolute(), convention)


def below(folder: pathlib.Path | str, name: str) -> pathlib.Path | str:
    """A file in a folder: text of a URL, else an absolute path."""
    return (storage.join(folder, name) if storage.is_url(folder)
            else folder.absolute() / name)
