"""Tables with a row for each exam, breast or woman, and a column for each file.

Side and view of such a column stand in its heading (`L_CC_path`, `right mlo`), or in
the flag `--column path:LCC=HEADING`. What a row says of one breast alone may stand in
columns of its own in the same way (`label_left`).
"""

import dataclasses
from collections.abc import Mapping, Sequence

from end2end.importing import understanding
from end2end.importing.spreadsheets import Row
from end2end.importing.understanding import Column
from end2end.tables import words

# What may differ between the breasts of a row.
OF_A_BREAST = ("label", "density", "lesion_type", "kind")


@dataclasses.dataclass(frozen=True)
class Part:
    """What one file of a row is, and where the row says more of it.

    Attributes:
        side, view: empty where only other columns may tell them.
        places: positions of columns by meaning.
    """

    side: str
    view: str
    places: dict


def told(heading: str) -> tuple[str, str, str]:
    """Side, view, and the rest of the words of a heading such as `path_LCC`."""
    side = view = ""
    rest = []
    for word in understanding.word_of(heading).split("_"):
        side_here, view_here, _ = words.view(word)
        if not view_here and understanding.side(word) in ("L", "R"):
            side_here = understanding.side(word)
        if side and side_here or view and view_here or not (side_here or view_here):
            rest.append(word)
            continue
        side, view = side or side_here, view or view_here
    return side, view, "_".join(rest)


def spread(columns: Sequence[Column], rows: Sequence[Row], flags: Mapping[str, str]
           ) -> list[Column]:
    """The columns, with side and view where a table has several columns of files.

    Args:
        columns: as `understanding.columns` gives them.
        rows: some rows, whose values are looked at.
        flags: headings by meaning, from `--column`.

    Returns:
        the same columns where one column holds files, or where headings do not tell
        them apart.
    """
    if "path" in flags:
        return list(columns)
    stated = [column for column in columns if column.meaning == "path"
              and (column.side or column.view)]
    files = stated or [column for column in columns if _holds_files(column, rows)]
    parts = {column.place: told(column.heading)[:2] for column in files}
    if stated:
        parts = {column.place: (column.side, column.view) for column in stated}
    elif len(files) < 2 or not all(map(any, parts.values())) or len(
            set(parts.values())) < len(parts):
        return list(columns)
    return [_with_part(column, parts) for column in columns]


def _with_part(column, parts):
    if column.place in parts:
        side, view = parts[column.place]
        return dataclasses.replace(
            column, meaning="path", how=column.how or understanding.BY_HEADING,
            side=side, view=view)
    side, view, rest = told(column.heading)
    meaning = understanding.meaning_of(rest)
    if column.how == understanding.BY_FLAG or not side or meaning not in OF_A_BREAST:
        return column
    return dataclasses.replace(column, meaning=meaning, side=side, view=view,
                               how=understanding.BY_HEADING)


def _holds_files(column, rows):
    if column.meaning == "path":
        return True
    if column.meaning:
        return False
    values = [row.texts[column.place] for row in rows
              if column.place < len(row.texts) and row.texts[column.place]]
    side, view, rest = told(column.heading)
    return bool(values) and (all(map(understanding.TESTS["path"], values)) or (
        bool(side or view) and understanding.meaning_of(rest) == "path"))


def spare(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Columns of files that nothing tells apart from the one that is understood."""
    return [column for column in columns
            if not column.meaning and _holds_files(column, rows)]


def parts(columns: Sequence[Column]) -> list[Part]:
    """The files of a row: one without side and view where there is one column."""
    common = {column.meaning: column.place for column in columns
              if column.meaning and not (column.side or column.view)}
    result = []
    for file in columns:
        if file.meaning != "path":
            continue
        of_breast = {
            column.meaning: column.place for column in sorted(
                columns, key=lambda column: bool(column.view))
            if column.side and column.side == file.side
            and column.view in ("", file.view)}
        result.append(Part(file.side, file.view,
                           common | of_breast | {"path": file.place}))
    return result


def described(files: Sequence[Part]) -> list[str]:
    """What is said of a table with several files in a row."""
    if len(files) < 2:
        return []
    names = ", ".join(f"{file.side} {file.view}".strip() for file in files)
    lines = [f"each row has {len(files)} files ({names}): each becomes an image; empty "
             "cells are views that were not taken"]
    if len({file.places.get("label") for file in files}) == 1 and len(
            {file.side for file in files}) > 1:
        lines.append("the label of a row counts for both breasts; where only one is "
                     "meant, give each its column (--column label:L=HEADING --column "
                     "label:R=HEADING)")
    return lines
