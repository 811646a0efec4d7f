"""Which images of an archive belong together and which vote, in constant memory.

Shards do not see each other. Each keeps a sealed record of who its images show; once
all are there, `settle` brings together on disk what belongs together (images of one
number, copies of one image, images of one woman), applies the rules of
`images.belonging` to each such group, and renews the cells of the shards.
"""

import contextlib
import dataclasses
import datetime
import itertools
import json
import pathlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from end2end.archive import sealed, shards, storage
from end2end.images import accounting, belonging
from end2end.prediction import identity_cells, pseudonyms
from end2end.tables.identity import Identity
from end2end.utils import files, temporary

FOLDER = identity_cells.FOLDER
DAMAGED = ("{} and its records do not fit each other, or not the key; remove it and "
           "call again.")


# Records of shards -----------------------------------------------------------------


def record(image: Identity, names: pseudonyms.Pseudonyms) -> dict[str, Any]:
    """What `settle` has to know of one image later, as JSON can hold it.

    Pseudonyms take time; the likely ones are kept with it, so that workers make them.

    Args:
        image: not settled, with its `content`.
        names: of the archive.
    """
    known = Names(names)
    identity_cells.cells(belonging.of_women([image]), known)
    return dict(image=_fields(image), names=known.used)


class Names:
    """Pseudonyms, some of which are known already.

    Args:
        names: makes the others.
        known: lists of kind, text and pseudonym.

    Attributes:
        used: the pseudonyms asked for, as `known`.
    """

    def __init__(self, names: pseudonyms.Pseudonyms, known: Iterable[list] = ()
                 ) -> None:
        self._names = names
        self._known = {(kind, text): name for kind, text, name in known}
        self.used: list[list[str]] = []

    def __call__(self, patient: str) -> str:
        return self._name("patient", patient, self._names)

    def exam(self, exam: str) -> str:
        """The pseudonym of an exam."""
        return self._name("exam", exam, self._names.exam)

    def _name(self, kind: str, text: str, make: Callable[[str], str]) -> str:
        name = self._known.get((kind, text)) or make(text)
        self.used.append([kind, text, name])
        return name


def _fields(image):
    day = image.day and image.day.isoformat()
    return dataclasses.asdict(image) | dict(day=day)


def _image(fields):
    day = fields["day"] and datetime.date.fromisoformat(fields["day"])
    return Identity(**fields | dict(day=day, notes=tuple(fields["notes"])))


# Settling --------------------------------------------------------------------------


def settle(out: str, names: pseudonyms.Pseudonyms, key: bytes, *,
           all_views: bool = False) -> tuple[accounting.Tally, int]:
    """Renews the cells of all shards on who their images show and which of them vote.

    Args:
        out: folder of shards, path or URL, whole.
        names: pseudonyms of the archive.
        key: of its records.
        all_views: every image with a known side votes.

    Returns:
        counts of all images, and the number of further lines on images counted before.

    Raises:
        files.InputError: the records cannot be read.
    """
    with temporary.folder() as folder, contextlib.closing(
            sqlite3.connect(folder / "images.db")) as base:
        base.executescript(
            "PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
            "CREATE TABLE read (place INTEGER PRIMARY KEY, path, number, twin, record);"
            "CREATE TABLE told (place INTEGER PRIMARY KEY, woman, record);"
            "CREATE TABLE cells (place INTEGER PRIMARY KEY, woman, cells);"
            "CREATE TABLE woman (mark PRIMARY KEY, text, woman);")
        archive = _Archive(base, names, key)
        tally = accounting.Tally()
        tally.refuse(archive.fill(out))
        archive.tell_women()
        archive.mark_doubles()
        for image in archive.elect(all_views):
            tally.add(image)
        archive.name_women()
        for path in shards.table_files(out):
            archive.renew(path)
        return tally, archive.further


class _Archive:
    """The images of an archive in a database on disk, in the order of their rows."""

    def __init__(self, base, names, key):
        self.base, self.names, self.key = base, names, key
        self._places = {}
        self.further = 0

    def fill(self, out):
        """Reads the records of all shards; returns how many images were refused."""
        place, refused = 0, 0
        for path in shards.table_files(out):
            self._places[path] = place
            for text in shards.read_records(path):
                if not text:
                    refused += 1
                else:
                    self._insert(place, self._unsealed(text, path)["image"], text)
                place += 1
        self.base.execute("CREATE INDEX read_path ON read (path)")
        self._join_lines()
        for column in ("number", "twin"):
            self.base.execute(f"CREATE INDEX read_{column} ON read ({column})")
        return refused

    def _join_lines(self):
        """What several lines on one image say differently is unknown."""
        self.base.execute("CREATE TABLE lines AS SELECT path FROM read "
                          "GROUP BY path HAVING COUNT(*) > 1")
        for path, in self.base.execute("SELECT path FROM lines"):
            rows = self.base.execute("SELECT place, record FROM read WHERE path = ? "
                                     "ORDER BY place", (path,)).fetchall()
            records = [self._unsealed(text) for _, text in rows]
            images = belonging.of_lines([_image(record["image"]) for record in records])
            self.further += len(rows) - 1
            for (place, _), image, record in zip(rows, images, records, strict=True):
                fields = _fields(image)
                self._insert(place, fields, sealed.seal(
                    dict(image=fields, names=record["names"]), self.key))

    def _insert(self, place, fields, text):
        # Numbers of tags and manifests are compared whatever their issuers are.
        holder = fields["namespace"] if fields["namespace"].startswith(FOLDER) else ""
        number = fields["patient"] and [holder, fields["patient"]]
        twin = fields["image"] or fields["content"]
        marks = (sealed.mark(value, self.key) for value in (
            fields["path"], number or place, twin or place))
        self.base.execute(
            "REPLACE INTO read VALUES (?, ?, ?, ?, ?)", (place, *marks, text))

    def _unsealed(self, text, path="a shard"):
        try:
            return sealed.unseal(text, self.key)
        except ValueError as error:
            raise files.InputError(DAMAGED.format(path)) from error

    def _groups(self, query):
        """Lists of (place, identity, known pseudonyms) by the first column."""
        rows = self.base.execute(query)
        for _, members in itertools.groupby(rows, key=lambda row: row[0]):
            group = [(place, self._unsealed(text)) for _, place, text in members]
            yield [(place, _image(record["image"]), record["names"])
                   for place, record in group]

    def tell_women(self):
        """Applies the rules on numbers, women and their exams, number by number."""
        for group in self._groups(
                "SELECT number, place, record FROM read ORDER BY number, place"):
            told = belonging.of_women([image for _, image, _ in group])
            for (place, _, known), image in zip(group, told, strict=True):
                self._tell(place, image, known)
        self.base.execute("CREATE INDEX told_woman ON told (woman)")

    def _tell(self, place, image, known):
        text = sealed.seal(dict(image=_fields(image), names=known), self.key)
        # Of unknown women an exam is a group of its own; then an image is.
        whose = image.woman or (*image.study, "" if image.exam else place)
        self.base.execute("REPLACE INTO told VALUES (?, ?, ?)", (
            place, sealed.mark(whose, self.key), text))

    def mark_doubles(self):
        """Marks copies of one image, wherever in the archive they are."""
        self.base.execute("CREATE TABLE twins AS SELECT twin FROM read "
                          "GROUP BY twin HAVING COUNT(*) > 1")
        for twin, in self.base.execute("SELECT twin FROM twins"):
            members = self.base.execute(
                "SELECT told.place, told.record FROM read JOIN told USING (place) "
                "WHERE twin = ? ORDER BY place", (twin,)).fetchall()
            records = [self._unsealed(text) for _, text in members]
            marked = belonging.mark_doubles(
                [_image(record["image"]) for record in records])
            for (place, _), image, record in zip(members, marked, records, strict=True):
                self._tell(place, image, record["names"])

    def elect(self, all_views):
        """Chooses who votes, woman by woman; yields all images."""
        for group in self._groups(
                "SELECT woman, place, record FROM told ORDER BY woman, place"):
            images = belonging.elected(
                [belonging.by_itself(image) for _, image, _ in group],
                all_views=all_views)
            self._keep(group, images)
            seen = set()
            for image in images:
                # Each image is counted once, however many lines tell of it.
                if image.path not in seen:
                    yield image
                seen.add(image.path)

    def _keep(self, group, images):
        names = Names(self.names, (known for *_, many in group for known in many))
        woman = next((image.woman for image in images if image.woman), None)
        whose = woman and sealed.mark(woman, self.key)
        if woman:
            # What the name of a file says is in its path anyway.
            (text,) = identity_cells.patient_texts(images, names).values()
            self.base.execute("INSERT INTO woman VALUES (?, ?, ?)", (
                whose, text, sealed.seal(woman, self.key)))
        for (place, *_), image, since in zip(
                group, images, belonging.days(images), strict=True):
            cells = identity_cells.described(image, since, names)
            self.base.execute("INSERT INTO cells VALUES (?, ?, ?)", (
                place, whose, json.dumps(cells)))

    def name_women(self):
        """Adds folders where the texts of women are equal."""
        self.base.execute("CREATE TABLE shared AS SELECT text FROM woman "
                          "GROUP BY text HAVING COUNT(*) > 1")
        for text, in self.base.execute("SELECT text FROM shared"):
            women = {tuple(self._unsealed(woman)): mark for mark, woman
                     in self.base.execute(
                         "SELECT mark, woman FROM woman WHERE text = ?", (text,))}
            texts = identity_cells.with_folders(dict.fromkeys(women, text))
            self.base.executemany("UPDATE woman SET text = ? WHERE mark = ?", [
                (texts[woman], mark) for woman, mark in women.items()])

    def renew(self, path):
        """Writes the cells into one shard, where they differ."""
        place, rows, changed = self._places[path], [], False
        for number, row in enumerate(shards.read_rows(path), place):
            cells = self._cells(number)
            changed |= any(row.get(name, "") != text for name, text in cells.items())
            rows.append(row | cells)
        if len(rows) != sum(1 for _ in shards.read_records(path)):
            raise files.InputError(DAMAGED.format(path))
        if changed:
            shards.write_rows(path, tuple(rows[0]), rows)

    def _cells(self, place):
        found = self.base.execute(
            "SELECT cells, text FROM cells LEFT JOIN woman ON cells.woman = mark "
            "WHERE place = ?", (place,)).fetchone()
        return {} if found is None else dict(
            json.loads(found[0]), patient=found[1] or "")


def not_tables(table: str) -> Iterator[tuple[pathlib.Path, str]]:
    """Pairs of path and reason, of the files in a folder of tables that are none."""
    if not str(table).endswith(shards.SUFFIXES):
        for name in storage.names(table, hidden=True):
            if not name.endswith(shards.SUFFIXES):
                yield pathlib.Path(name), "no table"
