"""Manifests: tables of image paths as people write them."""

import csv

import numpy as np

from end2end.utils import files

# Column names that people give their manifests, by the field they mean.
COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "file_path", "image",
             "image_path"),
    "label": ("label", "class", "target", "cancer", "y"),
    "patient": ("patient", "patient_id", "patientid", "subject", "subject_id"),
    "laterality": ("laterality", "side", "image_laterality"),
    "view": ("view", "view_position", "viewposition"),
}


def rows(path):
    """Rows of a manifest as dicts by our column names, cells stripped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    try:
        found = files.csv_rows(text.splitlines(), len(text), delimiter=separator)
        return _named_rows(found, found[0] if found else header.split(separator), path)
    except csv.Error as error:
        raise files.InputError(
            f"manifest {path} is no CSV ({error}); save it as one.") from error


def _named_rows(rows, columns, path):
    names = {}
    for column in filter(None, columns):
        for name, spellings in COLUMNS.items():
            if column.strip().lower().replace(" ", "_") in spellings:
                names.setdefault(name, column)
    found = [{name: (row[column] or "").strip() for name, column in names.items()}
            for row in rows if any(row.values())]
    if "path" not in names or not found:
        lacking = "no rows" if "path" in names else "no column path"
        raise files.InputError(
            f"manifest {path} has {lacking}; "
            "expected a CSV with the column path and, as far as known, label, patient, "
            "laterality, view.")
    return found


def labels(texts, classes, path):
    """Label texts as an int array, and the class names."""
    if classes is None:
        found = sorted(set(texts))
        classes = ("neg", "pos") if set(found) <= {"0", "1"} else tuple(found)
    known = {str(index): index for index in range(len(classes))}
    known |= {name: index for index, name in enumerate(classes)}
    foreign = sorted(set(texts) - set(known))
    if foreign:
        raise files.InputError(
            f"manifest {path} has the label {foreign[0]!r}; expected one of "
            f"{', '.join(known)}. Correct it or name the classes (--class-list).")
    return np.array([known[text] for text in texts], np.int64), classes
