"""Manifests: tables of image paths as people write them."""

import collections.abc
import pathlib

from end2end.tables import identity, image_names, vocabulary, words
from end2end.utils import files

# What a manifest may say of an image; scores in it are nobody's business here.
UNDERSTOOD = ("path", "patient", "issuer", "exam", "date", "laterality", "view", "kind",
              "label", "split")


def rows(path: pathlib.Path) -> list[files.Row]:
    """Rows of a manifest as dicts by the meanings of their columns, cells stripped.

    Raises:
        files.InputError: no table, no rows, or no column of paths.
    """
    columns = vocabulary.read_columns(
        path, "manifest", encodings=("utf-8-sig", "latin-1"))
    headings = vocabulary.named_columns(columns)
    if "path" not in headings:
        raise files.InputError(
            f"manifest {path} has no column path; expected a CSV with the column path "
            "and, as far as known, label, patient, exam, laterality, view. "
            f"It has {words.cleaned(', '.join(columns), 200)}.")
    vocabulary.say_unknown(columns, path, understood=UNDERSTOOD)
    used = [(name, headings[name]) for name in UNDERSTOOD if name in headings]
    return [files.Row({name: columns[column][i] for name, column in used}, number)
            for i, number in enumerate(columns.numbers)]


def check_labels(rows: collections.abc.Iterable[files.Row], path: pathlib.Path) -> None:
    """Refuses labels of two classes that are no known words.

    Args:
        rows: of a manifest; empty labels may be.
        path: of the manifest, for the refusal.

    Raises:
        files.InputError: one is none.
    """
    for row in rows:
        vocabulary.check_label(
            row.get("label", ""), f"manifest {path}, row {row.number}")


def by_path(rows: collections.abc.Iterable[dict[str, str]],
            folder: pathlib.Path) -> dict[pathlib.Path, dict]:
    """Rows by the image that they are on, each once (`merged`), in their order.

    Args:
        rows: of a manifest.
        folder: from which relative paths start.
    """
    groups = {}
    for row in rows:
        groups.setdefault(folder / row["path"], []).append(row)
    return {path: merged(many) for path, many in groups.items()}


def merged(rows: collections.abc.Sequence[dict[str, str]]) -> dict:
    """One row of several of one image: the fields in which they differ are unknown.

    Returns:
        dict by field; `differing` names the fields, where there are any.
    """
    first, *others = rows
    row, differing = dict(first), []
    for name, cell in first.items():
        if any(other.get(name, "") != cell for other in others):
            row[name] = ""
            differing.append(name)
    return row | (dict(differing=tuple(differing)) if differing else {})


def statement(row: dict) -> identity.Statement:
    """What one row of a manifest says of its image; empty cells say nothing."""
    cells = {name: words.cleaned(text) for name, text in row.items()
             if isinstance(text, str)}
    side, view, modifier = words.view(cells.get("view", ""))
    day = vocabulary.day(cells.get("date", "")) or vocabulary.day(cells.get("exam", ""))
    exam = cells.get("exam", "") or cells.get("date", "")
    fields = dict(
        patient=vocabulary.CLEAN["patient"](cells.get("patient", "")),
        namespace=cells.get("issuer", ""),
        # Times of day do not tell exams apart.
        exam=(day.strftime("%Y%m%d") if day and vocabulary.day(exam) else exam),
        day=day,
        laterality=words.side(cells.get("laterality", "")) or side,
        view="" if view == "SPECIMEN" else view, modifier=modifier,
        kind=vocabulary.kind(cells.get("kind", "")) or (
            "specimen" if view == "SPECIMEN" else ""))
    notes = [TWO_THINGS.format(WORDS[name])
             for name in row.get("differing", ()) if name in WORDS]
    if cells.get("view") and not view:
        notes.append("the view in the manifest is no known word")
    # A side that the manifest contradicts itself on is not that of the tags either.
    silent = {name for name in row.get("differing", ()) if name in WORDS}
    return identity.Statement(
        identity.MANIFEST, {name: value for name, value in fields.items()
                            if value and name not in silent},
        {} if cells.get("exam") else dict(exam="date"), tuple(notes),
        silenced=frozenset(silent))


def around(path: object, row: dict | None = None) -> list[identity.Statement]:
    """What a manifest's row and the name of the file say; for `identity.merged`."""
    statements = [image_names.statement(path)]
    if row is not None:
        statements.append(statement(row))
    return [source for source in statements if source is not None]


TWO_THINGS = "the manifest says two things of its {}; unknown"
WORDS = dict(patient="patient", exam="exam", laterality="side", view="view",
             kind="kind")
