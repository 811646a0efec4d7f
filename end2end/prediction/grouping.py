"""Rows per image, breast and patient: beside each other as CSV, together as JSON, and
as tables for a terminal."""

import dataclasses
import pathlib

from end2end.metrics import ensembles
from end2end.tables import scores
from end2end.utils import commands, files

# More rows than this are in the file only.
SHOWN = 30
LEVELS = ("breasts", "patients")
GROUPED = {"breasts": ("patient", "laterality"), "patients": ("patient",)}
TEXTS = ("flags", "notes", "operating_points")
# Between the sentences of one cell; they have semicolons themselves.
SEPARATOR = " | "


def read_rows(path):
    """The rows of a CSV file as dicts of texts; empty where there is none."""
    if not path.exists():
        return []
    return files.read_csv(path, "score file")


def levels(out):
    """Rows per breast (mean of its views) and per patient (highest of her breasts).

    Args:
        out: score file of `predict`.

    Returns:
        dict of lists of dicts by `breasts` and `patients`; empty lists where patients
        (and sides) are not known.
    """
    rows = read_rows(out)
    if not rows:
        return {name: [] for name in LEVELS}
    table = dataclasses.replace(scores.read_scores(out), others={})
    found = {}
    for name, made in (("breasts", lambda: ensembles.breasts(table, both_views=False)),
                       ("patients", lambda: ensembles.women(table))):
        try:
            found[name] = _with_flags(name, scores.rows(made()), rows)
        except files.InputError:
            found[name] = []
    return found


def _with_flags(name, grouped, rows):
    """Adds how many images each row stands for, and what they were flagged for."""
    keys = GROUPED[name]
    members = {}
    for row in rows:
        members.setdefault(tuple(row[key] for key in keys), []).append(row)
    for row in grouped:
        own = members.get(tuple(row[key] for key in keys), [])
        flags = dict.fromkeys(
            flag for one in own for flag in one["flags"].split(SEPARATOR) if flag)
        row |= dict(images=len(own), flags=SEPARATOR.join(flags))
    return grouped


def write_levels(out, found):
    """Writes `scores.breasts.csv` and `scores.patients.csv` beside `scores.csv`.

    Returns:
        their paths, of those with rows.
    """
    written = []
    for name in LEVELS:
        path = out.with_suffix(f".{name}.csv")
        if found[name]:
            files.write_csv(path, list(found[name][0]), found[name])
            written.append(path)
        else:
            path.unlink(missing_ok=True)
    return written


def write_json(path, rows, found, *, models, failures):
    """Writes everything as one JSON file.

    `images`, `breasts` and `patients` are lists of objects with the columns of the CSV
    files; scores are numbers (null where there is none), flags, notes and operating
    points lists of sentences. `models` names each model and what it was trained on;
    `failed` lists path and reason.
    """
    files.write_json(path, dict(
        models=models, images=[_typed(row) for row in rows],
        **{name: [_typed(row) for row in found[name]] for name in LEVELS},
        failed=[dict(path=str(one), reason=reason) for one, reason in failures]))


def _typed(row):
    def value(name, text):
        if name in TEXTS:
            return text.split(SEPARATOR) if text else []
        if name == "calibrated" or name == "score" or name.startswith("score_"):
            return float(text) if text != "" else None
        return text == "True" if name == "flips" else text
    return {name: value(name, text) for name, text in row.items()}


def terminal(rows, found):
    """Tables of images, breasts and patients, the highest scores first, as text."""
    parts = [_table("images", rows, lambda row: pathlib.PurePath(row["path"]).name)]
    parts += [_table(name, found[name], lambda row: row["path"]) for name in LEVELS
              if found[name]]
    return "\n\n".join(parts)


def _table(title, rows, name):
    columns = {title: name, "patient": lambda row: row.get("patient", ""),
               "side": lambda row: row.get("laterality", ""),
               "view": lambda row: row.get("view", ""),
               "score": lambda row: f"{float(row['score']):.3f}",
               "calibrated": lambda row: row.get("calibrated", "")[:5],
               "flags": lambda row: row.get("flags", "")}
    ordered = sorted(rows, key=lambda row: -float(row["score"]))
    # File names may hold anything, a terminal's commands too.
    cells = [[commands.one_line(cell(row)) for cell in columns.values()]
             for row in ordered[:SHOWN]]
    used = [k for k, column in enumerate(columns)
            if column in (title, "score") or any(line[k] for line in cells)]
    lines = [list(columns), *cells]
    widths = [max(len(line[k]) for line in lines) for k in used]
    text = "\n".join("  ".join(
        line[k].ljust(width) for k, width in zip(used, widths, strict=True)).rstrip()
        for line in lines)
    left = len(rows) - SHOWN
    return text if left <= 0 else f"{text}\n... and {left} more in the file"
