"""Finds the files that a table names, however it names them."""

import os
import pathlib
import re

from end2end.importing.store import Store
from end2end.utils import files, listing

DRIVE = re.compile(r"^(?:[A-Za-z]:|\\\\[^\\]+\\[^\\]+|file://)[\\/]*")
NO_FILE, SEVERAL = "no file", "several files have this name"
# A name of more files is not looked up to its end: a set may have it in every folder.
MOST_NAMED = 3


def plain(text: str) -> str:
    """A path as this system writes it: slashes, no drive."""
    return DRIVE.sub("", text).replace("\\", "/")


def resolve(pictures: Store, bases: list[pathlib.Path]) -> int:
    """Puts in place of each `source` the path of its file.

    A path counts from the folders in their order; where that leads nowhere, a file of
    this name, or of this name without suffix, is looked for below them.

    Args:
        pictures: with `source` as the table has it.
        bases: the folder of the table, or those of `--files` before it.

    Returns:
        how many were found by their name alone.
    """
    indexed, by_name = False, 0
    for row in pictures.rows("left_out = '' AND source <> ''"):
        text = row["source"]
        path = next((base / candidate for base in bases
                     for candidate in dict.fromkeys((text, plain(text)))
                     if os.path.isfile(base / candidate)), None)
        changes: dict[str, object] = {}
        if path is None:
            if not indexed:
                _index(pictures, bases)
                indexed = True
            paths = _of_name(pictures, plain(text).rpartition("/")[2])
            if len(paths) == 1:
                path, by_name = pathlib.Path(*paths), by_name + 1
            else:
                changes["left_out"] = (
                    f"{SEVERAL}: {len(paths)}{' or more' * (len(paths) == MOST_NAMED)} "
                    f"files, such as {paths[0]}" if paths else f"{NO_FILE}: {text}")
        if path is not None:
            changes["source"] = os.path.normpath(files.named(path, "image"))
        pictures.update(row["position"], changes)
    return by_name


def _index(pictures, bases):
    """All images below the folders, in a table of the store."""
    pictures.query("CREATE TABLE files (name, stem, path UNIQUE)")
    for base in bases:
        for folder, folders, names in os.walk(base):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            pictures.database.executemany(
                "INSERT OR IGNORE INTO files VALUES (?, ?, ?)",
                ((name.lower(), _stem(name), os.path.join(folder, name))
                 for name in names if not name.startswith(".")
                 and _is_text(os.path.join(folder, name))))
    pictures.query("CREATE INDEX by_file_name ON files (name)")
    pictures.query("CREATE INDEX by_file_stem ON files (stem)")


def _is_text(path):
    """Whether a path is text in UTF-8, which names of files need not be."""
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def _stem(name):
    stem, suffix = os.path.splitext(name.lower())
    return stem if suffix in listing.SUFFIXES else name.lower()


def _of_name(pictures, name):
    for column, value in (("name", name.lower()), ("stem", _stem(name))):
        paths = [path for path, in pictures.query(
            f"SELECT path FROM files WHERE {column} = ? ORDER BY path LIMIT ?", value,
            MOST_NAMED)]
        if paths:
            return paths
    return []
