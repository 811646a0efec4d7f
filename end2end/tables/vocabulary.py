"""What the columns of any table of mammograms mean, and how their cells are read."""

import csv
import io
import pathlib
import re

from end2end.utils import files

SPELLINGS = {
    "path": ("path", "file", "filename", "image", "image_path", "file_path"),
    "patient": ("patient", "patient_id", "patientid", "subject", "subject_id"),
    "laterality": ("laterality", "side", "image_laterality", "left_or_right_breast"),
    "view": ("view", "view_position", "viewposition", "image_view"),
    "label": ("label", "class", "target", "cancer", "y", "y_true"),
    "score": ("score", "probability", "prob", "prediction", "pred", "y_score", "pos"),
}
LABELS = {
    0: ("0", "neg", "negative", "benign", "normal", "false", "no"),
    1: ("1", "pos", "positive", "malignant", "cancer", "true", "yes"),
}
# P_00001_LEFT_CC (CBIS-DDSM), 20586908_6c613a14b80a8591_MG_L_ML_ANON (INbreast, which
# writes ML for MLO), and what is made of them.
NAME = re.compile(
    r"^(?:(?:Mass|Calc)-(?:Training|Test)_)?(?P<patient>.+?)(?:_MG)?"
    r"_(?P<laterality>LEFT|RIGHT|L|R)_(?P<view>CC|MLO|ML)(?:_.*)?$", re.IGNORECASE)


def from_name(path):
    """Patient, side and view in a file name of CBIS-DDSM or INbreast.

    Returns:
        dict with patient, laterality (`L`, `R`) and view (`CC`, `MLO`); empty texts
        where the name is of another kind.
    """
    match = NAME.match(pathlib.Path(path).stem)
    found = match.groupdict() if match else {}
    return {name: CLEAN[name](found.get(name, "")) for name in CLEAN}


def _patient(text):
    # INbreast names begin with the number of the image, then the woman's code.
    return re.sub(r"^\d{8}_(?=[0-9a-f]{16}$)", "", text.strip())


def _laterality(text):
    return {"LEFT": "L", "RIGHT": "R"}.get(text.strip().upper(), text.strip().upper())


def _view(text):
    return {"ML": "MLO"}.get(text.strip().upper(), text.strip().upper())


CLEAN = {"patient": _patient, "laterality": _laterality, "view": _view}


def read_columns(path, what):
    """Columns of a CSV file as lists of stripped texts, by name."""
    path = files.existing_text(path, what)
    try:
        text = path.read_text(encoding="utf-8-sig")
        header = text.split("\n", 1)[0]
        found = files.csv_rows(
            io.StringIO(text), len(text), delimiter=max(",;\t", key=header.count))
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"{what} {path} is no CSV in UTF-8 ({error}); save it as one.") from error
    if not found:
        raise files.InputError(
            f"{what} {path} has no rows; expected a header and one row per image.")
    return {name: [(row[name] or "").strip() for row in found]
            for name in found[0] if name is not None}


def named_columns(columns):
    """Which column means what, by the usual names (`SPELLINGS`)."""
    named = {}
    for meaning, spellings in SPELLINGS.items():
        for spelling in spellings:
            for name in columns:
                if name.strip().lower().replace(" ", "_") == spelling:
                    named.setdefault(meaning, name)
    return named
