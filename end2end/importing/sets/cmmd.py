"""CMMD: a table with one row per breast, and folders of DICOM files by woman.

The files do not have side or view in their names; their tags tell which row is theirs.
"""

import collections
import gzip
import pathlib
import re
from collections.abc import Iterator

from end2end import images
from end2end.importing import known_tables, records, spreadsheets
from end2end.tables import words
from end2end.utils import files

TABLES = ("label.csv", "CMMD_clinicaldata_revision.csv",
          "CMMD_clinicaldata_revision.xlsx")
COLUMNS = ("ID1", "LeftRight", "Age", "number", "abnormality", "classification",
           "subtype")
LABELS = {"Benign": 0, "Malignant": 1}
ABNORMALITIES = {"mass": "mass", "calcification": "calcification",
                 "both": "mass+calcification"}
WOMAN = re.compile(r"D[12]-\d{4}")
SUFFIXES = (".dcm", ".dicom")
LISTING = "file_listing.txt*"

Breasts = dict[tuple[str, str], tuple[int, dict[str, str]]]


def breasts(root: pathlib.Path, settings: records.Settings) -> Breasts:
    """The rows of the label table, with their numbers, by woman and side.

    Raises:
        files.InputError: another table, or an assumption that does not hold.
    """
    table = known_tables.located(root, *TABLES)
    rows = (known_tables.rows(table, COLUMNS, settings) if table.suffix == ".csv"
            else _excel_rows(table, settings))
    known: Breasts = {}
    for number, row in rows:
        where, side = f"{table}, row {number}", words.side(row["LeftRight"])
        if not WOMAN.fullmatch(row["ID1"]) or not side:
            known_tables.refuse("ids-and-sides", f"{where} is of {row['ID1'][:20]!r}, "
                                f"{row['LeftRight'][:20]!r}; expected such as D1-0001 "
                                "and L or R.", settings)
            continue
        if row["classification"] not in LABELS:
            known_tables.refuse(
                "benign-or-malignant", f"{where} is {row['classification'][:40]!r}.",
                settings)
        if (row["ID1"], side) in known:
            known_tables.refuse(
                "row-per-breast", f"{where} is of the same breast as row "
                f"{known[row['ID1'], side][0]}.", settings)
            continue
        known[row["ID1"], side] = number, row
    return known


def _excel_rows(table, settings):
    with spreadsheets.opened(table, is_header=any) as sheet:
        header: tuple = ()
        for row in sheet.rows:
            if not header:
                header = tuple(filter(None, row.texts))
                known_tables.check_columns(table, header, COLUMNS, (), settings)
            else:
                yield row.number, dict.fromkeys(COLUMNS, "") | dict(
                    zip(header, row.texts, strict=False))


def read(root: pathlib.Path, settings: records.Settings) -> Iterator[records.Picture]:
    """Yields the pictures in the folders of women, with the row of their breast."""
    known = breasts(root, settings)
    for folder in women(root):
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield _picture(path, folder, known)


def women(root: pathlib.Path) -> list[pathlib.Path]:
    """Folders of women, such as `D1-0001`, at most three folders deep."""
    folders = {}
    for pattern in ("*", "*/*", "*/*/*"):
        for path in pathlib.Path(root).glob(pattern):
            if WOMAN.fullmatch(path.name) and path.is_dir():
                folders.setdefault(path.name, path)
    return [folders[name] for name in sorted(folders)]


def _picture(path, folder, known):
    shown = images.identify(path)
    number, row = known.get((folder.name, shown.laterality), (0, {}))
    reason = ""
    if not shown.laterality:
        reason = "side-by-tag: the file does not tell its side"
    elif not row:
        reason = "no row: the table says nothing of this breast"
    key = path.relative_to(folder.parent).as_posix()
    return records.Picture(
        key, str(path), number, folder.name, laterality=shown.laterality,
        label=LABELS.get(row.get("classification", "")),
        source_label=" ".join(filter(None, (
            row.get("classification"), row.get("subtype")))),
        lesion_type=ABNORMALITIES.get(row.get("abnormality", ""), ""),
        age=row.get("Age", ""), left_out=reason)


def listed(root: pathlib.Path) -> list[str]:
    """Paths of the pictures: of the files, or where there are none of a listing.

    Returns:
        texts such as `CMMD/D1-0001/07-18-2010-/1.000000-/1-1.dcm`.
    """
    folders = women(root)
    if folders:
        return [path.relative_to(root).as_posix() for folder in folders
                for path in sorted(folder.rglob("*"))
                if path.suffix.lower() in SUFFIXES]
    for path in sorted(pathlib.Path(root).glob(LISTING)):
        opener = gzip.open if path.suffix == ".gz" else open
        files.existing_text(path, "listing")
        with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
            return [line.strip() for line in stream
                    if line.strip().lower().endswith(SUFFIXES)]
    return []


def census(root: pathlib.Path, settings: records.Settings) -> dict[str, int]:
    """Counts what the table and the folders, or a listing of them, hold."""
    known = breasts(root, settings)
    ids = {woman for woman, _ in known}
    labels = collections.Counter(
        row["classification"] for _, row in known.values())
    counts = {
        "women": len(ids), "breasts": len(known),
        "benign breasts": labels["Benign"], "malignant breasts": labels["Malignant"],
        "women with both breasts in the table": len(known) - len(ids),
        "women with a subtype": len({woman for (woman, _), (_, row) in known.items()
                                     if row["subtype"]}),
        "images of these breasts, by the table": sum(
            int(row["number"]) for _, row in known.values() if row["number"].isdigit())}
    for label in LABELS:
        counts[f"{label.lower()} images, by the table"] = sum(
            int(row["number"]) for _, row in known.values()
            if row["number"].isdigit() and row["classification"] == label)
    paths = listed(root)
    if paths:
        folders = collections.Counter(
            part for path in paths for part in path.split("/")
            if WOMAN.fullmatch(part))
        counts |= {
            "image files": len(paths), "women with files": len(folders),
            "women without a row": len(set(folders) - ids),
            "women without files": len(ids - set(folders)),
            "image files of breasts without a row": len(paths) - counts[
                "images of these breasts, by the table"]}
    return counts
