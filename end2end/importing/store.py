"""Keeps the pictures of an import on disk, so that memory does not grow with a table.

A database of the standard library in a temporary folder of the output; it holds what
the output holds, and is removed when the import ends.
"""

import array
import contextlib
import dataclasses
import json
import pathlib
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from end2end.importing import records

PICTURE = tuple(field.name for field in dataclasses.fields(records.Picture))
# What the files say: identity, then what reading the pixels gives.
FACTS = ("namespace", "modifier", "read_from", "notes", "name", "repeat", "failed",
         "height", "width", "content", "mean", "bits", "masks", "part", "safe")
STRUCTURED = ("regions", "further", "notes", "read_from", "masks")
AT_ONCE = 500


class Store:
    """The pictures of one import, in the order of the table.

    Rows are dicts with the fields of `records.Picture` and `FACTS`, and `position`.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.database = sqlite3.connect(folder / "pictures.sqlite")
        self.database.row_factory = sqlite3.Row
        # What is lost in a crash is made again.
        self.database.execute("PRAGMA journal_mode=OFF")
        self.database.execute("PRAGMA synchronous=OFF")
        names = ", ".join(f'"{name}"' for name in (*PICTURE, *FACTS))
        self.database.execute(
            f"CREATE TABLE pictures (position INTEGER PRIMARY KEY, {names})")

    def add(self, pictures: Iterable[records.Picture]) -> None:
        """Adds pictures behind those that are there."""
        holes = ", ".join("?" * len(PICTURE))
        names = ", ".join(f'"{name}"' for name in PICTURE)
        self.database.executemany(
            f"INSERT INTO pictures ({names}) VALUES ({holes})",
            ([_stored(name, getattr(picture, name)) for name in PICTURE]
             for picture in pictures))
        for name in ("key", "source", "patient"):
            self.index(name)

    def index(self, *names: str) -> None:
        """Makes queries by some columns quick."""
        columns = ", ".join(f'"{name}"' for name in names)
        self.database.execute(f"CREATE INDEX IF NOT EXISTS by_{'_'.join(names)} "
                              f"ON pictures ({columns})")

    def rows(self, condition: str = "1", *values: object, order: str = "position"
             ) -> Iterator[dict[str, Any]]:
        """Yields the pictures for which a condition of SQL holds.

        Rows may be changed meanwhile: positions are read first, some at a time.
        """
        if order != "position":
            positions = array.array("q", (place for (place,) in self.database.execute(
                f"SELECT position FROM pictures WHERE {condition} ORDER BY {order}",
                values)))
            yield from map(self.row, positions)
            return
        last: int | None = 0
        while last is not None:
            block = self.database.execute(
                f"SELECT * FROM pictures WHERE ({condition}) AND position > ? "
                f"ORDER BY position LIMIT {AT_ONCE}", (*values, last)).fetchall()
            last = block[-1]["position"] if len(block) == AT_ONCE else None
            yield from map(_read, block)

    def row(self, position: int) -> dict[str, Any]:
        """One picture."""
        return _read(self.database.execute(
            "SELECT * FROM pictures WHERE position = ?", (position,)).fetchone())

    def query(self, sql: str, *values: object) -> list[tuple]:
        """Results of a query that gives few rows."""
        return [tuple(row) for row in self.database.execute(sql, values)]

    def count(self, condition: str = "1", *values: object, what: str = "*") -> int:
        """How many pictures, or different values of a column, meet a condition."""
        (count,), = self.query(
            f"SELECT COUNT({what}) FROM pictures WHERE {condition}", *values)
        return count

    def update(self, position: int, changes: Mapping[str, object]) -> None:
        """Changes some columns of one picture."""
        names = ", ".join(f'"{name}" = ?' for name in changes)
        self.database.execute(
            f"UPDATE pictures SET {names} WHERE position = ?",
            (*[_stored(name, value) for name, value in changes.items()], position))

    def leave_out(self, reason: str, condition: str, *values: object) -> int:
        """Gives pictures that are still in use a reason to be left out; how many."""
        return self.database.execute(
            f"UPDATE pictures SET left_out = ? WHERE left_out = '' AND ({condition})",
            (reason, *values)).rowcount


def _stored(name, value):
    if name == "regions":
        return json.dumps([dataclasses.asdict(region) for region in value])
    return json.dumps(value) if name in STRUCTURED else value


def _read(row):
    values = dict(row)
    for name in STRUCTURED:
        values[name] = json.loads(values[name]) if values[name] else []
    values["regions"] = tuple(
        records.Region(**region | dict(points=tuple(map(tuple, region["points"]))))
        for region in values["regions"])
    return values


@contextlib.contextmanager
def temporary(folder: pathlib.Path | None) -> Iterator[Store]:
    """Gives an empty `Store` in a folder (None: that of the system) and removes it."""
    with tempfile.TemporaryDirectory(prefix=".importing-", dir=folder) as place:
        pictures = Store(pathlib.Path(place))
        try:
            yield pictures
        finally:
            pictures.database.close()
