"""Rows per image, breast and patient: beside each other as CSV, together as JSON, and
as tables for a terminal."""

import collections
import pathlib
import re
from collections.abc import Sequence

from end2end.images import belonging
from end2end.metrics import ensembles
from end2end.prediction.identity_cells import SEPARATOR
from end2end.tables import scores
from end2end.utils import commands, files

# More rows than this are in the file only.
SHOWN = 30
# A flag that more rows of a table carry stands once below the tables, with a number.
REPEATED = 3
LEVELS = ("breasts", "patients")
TEXTS = ("flags", "notes", "operating_points", "identity_notes", "read_from")
UNKNOWN = ensembles.UNKNOWN
NO_VOTE = "no image votes"


def read_rows(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a CSV file as dicts of texts; empty where there is none."""
    if not path.exists():
        return []
    return files.read_csv(path, "score file")


def levels(out: pathlib.Path) -> dict[str, list[dict[str, str]]]:
    """Rows per breast (mean of its CC and its MLO) and per exam of each patient (her
    highest breast), of the images that vote.

    Args:
        out: score file of `predict`.

    Returns:
        dict of lists of dicts by `breasts` and `patients`. Where nobody knows the
        patient she is `unknown`; an exam in which no image votes has an empty score.
    """
    rows = read_rows(out)
    if not rows:
        return {name: [] for name in LEVELS}
    table = scores.read_scores(out)
    return dict(breasts=_breasts(table, rows), patients=_exams(table, rows))


def _breasts(table, rows):
    groups = ensembles.breast_groups(table)
    if not groups:
        return []
    combined = scores.rows(ensembles.breasts(table, both_views=False))
    return [_described(row, [rows[i] for places in views.values() for i in places], [
        note for note in (_stand_in(rows[i]) for places in views.values()
                          for i in places) if note])
        for row, views in zip(combined, groups.values(), strict=True)]


def _stand_in(row):
    """The sentence on an image that stands in for a better one of its view."""
    return next((note for note in row.get("identity_notes", "").split(SEPARATOR)
                 if note.endswith(belonging.STAND_IN)), "")


def _exams(table, rows):
    """One row per exam, those of one woman in order of days."""
    members = {}
    for i, row in enumerate(rows):
        members.setdefault(ensembles.exam_key(table, i), []).append(row)
    try:
        women = ensembles.women(table)
        combined = dict(zip(ensembles.counted_exams(table), scores.rows(women),
                            strict=True))
    except files.InputError:
        combined = {}
    names = ensembles.exam_names(members)
    empty = dict.fromkeys(["path", "label", *scores.TEXTS.values(),
                           *scores.score_columns(table)], "")
    exams = [_described(
        combined.get(key, empty | dict(patient=key[0], exam=key[1]))
        | dict(path=names[key]), many, () if key in combined else (NO_VOTE,))
        for key, many in members.items()]
    order = {patient: i for i, patient in enumerate(dict.fromkeys(
        row["patient"] for row in exams))}
    return sorted(exams, key=lambda row: (
        order[row["patient"]], row["patient"] == UNKNOWN or row["days"] == "",
        int(row["days"] or 0)))


def _described(row, many, notes):
    """Adds the days of the exam, how many images a row stands for, and what those that
    vote or count alone were flagged for; all where none does."""
    voting = [image for image in many if image["votes"] != "no"] or many
    flags = dict.fromkeys(
        flag for image in voting for flag in image["flags"].split(SEPARATOR) if flag)
    days = next((image["days"] for image in many if image.get("days")), "")
    cells = {name: value for name, value in row.items() if name != "votes"}
    return cells | dict(
        patient=row["patient"] or UNKNOWN, days=days, images=len(many),
        flags=SEPARATOR.join(flags), notes=SEPARATOR.join(dict.fromkeys(notes)))


def write_levels(
        out: pathlib.Path, tables: dict[str, list[dict[str, str]]]
) -> list[pathlib.Path]:
    """Writes `scores.breasts.csv` and `scores.patients.csv` beside `scores.csv`.

    Returns:
        their paths, of those with rows.
    """
    written = []
    for name in LEVELS:
        path = out.with_suffix(f".{name}.csv")
        if tables[name]:
            files.write_csv(path, list(tables[name][0]), tables[name])
            written.append(path)
        else:
            path.unlink(missing_ok=True)
    return written


def write_json(
        path: pathlib.Path, rows: Sequence[dict[str, str]],
        tables: dict[str, list[dict[str, str]]], *, models: Sequence[dict[str, str]],
        failures: Sequence[tuple]) -> None:
    """Writes everything as one JSON file.

    `images`, `breasts` and `patients` are lists of objects with the columns of the CSV
    files; scores are numbers (null where there is none), flags, notes and operating
    points lists of sentences. `models` names each model and what it was trained on;
    `failed` lists path and reason.
    """
    files.write_json(path, dict(
        models=models, images=[_typed(row) for row in rows],
        **{name: [_typed(row) for row in tables[name]] for name in LEVELS},
        failed=[dict(path=str(image), reason=reason) for image, reason in failures]))


def _typed(row):
    def value(name, text):
        if name in TEXTS:
            return text.split(SEPARATOR) if text else []
        if name == "calibrated" or name == "score" or name.startswith("score_"):
            return float(text) if text != "" else None
        return text == "True" if name == "flips" else text
    return {name: value(name, text) for name, text in row.items()}


def terminal(
        rows: Sequence[dict[str, str]], tables: dict[str, list[dict[str, str]]]) -> str:
    """Tables of images, breasts and patients, the highest scores first, as text.

    A flag of more than `REPEATED` images stands once below the tables; flags that
    differ in their numbers alone count as the same.
    """
    numbers = _numbered_flags(rows)
    parts = [_table("images", rows, lambda row: pathlib.PurePath(row["path"]).name,
                    numbers)]
    parts += [_table(name, tables[name], lambda row: row["path"], numbers)
              for name in LEVELS if tables[name]]
    if numbers:
        parts.append("flags\n" + "\n".join(numbers.values()))
    return "\n\n".join(parts)


def _numbered_flags(rows):
    """Lines below the tables by kind of flag, of those that many images carry."""
    texts = collections.defaultdict(list)
    for row in rows:
        for flag in row.get("flags", "").split(SEPARATOR):
            texts[_kind(flag)].append(flag)
    lines = {}
    for kind, many in texts.items():
        if kind and len(many) > REPEATED:
            others = " (the numbers are the first image's)" * (len(set(many)) > 1)
            lines[kind] = (f"[{len(lines) + 1}] {len(many)} images: "
                           f"{commands.one_line(many[0])}{others}")
    return lines


def _kind(flag):
    return re.sub(r"\d+(\.\d+)?", "0", flag)


def _shown_flags(row, numbers):
    """The flags of a row as they stand in a table: each kind once."""
    kinds = {}
    for flag in row.get("flags", "").split(SEPARATOR):
        kinds.setdefault(_kind(flag), flag)
    return SEPARATOR.join(
        numbers[kind].partition(" ")[0] if kind in numbers else flag
        for kind, flag in kinds.items())


def _table(title, rows, name, numbers):
    columns = {title: name, "patient": lambda row: row.get("patient", ""),
               "side": lambda row: row.get("laterality", ""),
               "view": lambda row: row.get("view", ""),
               "days": lambda row: row.get("days", "") if title == "patients" else "",
               "votes": lambda row: row.get("votes", ""),
               "score": lambda row: f"{float(row['score']):.3f}" if row["score"]
               else "none",
               "calibrated": lambda row: row.get("calibrated", "")[:5],
               "flags": lambda row: _shown_flags(row, numbers)}
    ordered = sorted(rows, key=lambda row: -float(row["score"] or -1))
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
