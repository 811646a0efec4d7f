"""The rows of a score file that are there already, and whether they still hold."""

import csv
import io
import os

from end2end.utils import files


def whole(out, columns, flips):
    """Paths that have a row already; cuts off a last row that was not finished.

    Raises:
        files.InputError: the file has other columns or was made with other flips.
    """
    if not out.exists():
        return set()
    text = out.read_bytes()
    whole = text[:text.rfind(b"\n") + 1]
    try:
        rows = list(csv.reader(io.StringIO(whole.decode("utf-8"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"{out} is there, but no table of scores ({error}); choose another --out."
        ) from error
    at = columns.index("flips")
    if rows and (rows[0] != list(columns)
                 or any(len(row) <= at or row[at] != flips for row in rows[1:])):
        raise files.InputError(
            f"{out} was written with other models or flips; choose another --out.")
    if len(whole) < len(text):
        os.truncate(out, len(whole))
    return {row[0] for row in rows[1:]}


def stamp(path):
    """Size and time of change of a file; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # a name may be none
        return None
    return status.st_size, status.st_mtime_ns


def changed(read):
    """Those of the files in `read` (path to `stamp`) that are not as they were.

    A file that is gone does not count: its row tells what was read.
    """
    return {path for path, was in read.items() if stamp(path) not in (was, None)}


def newer(paths, out):
    """Those of the paths whose file was changed after the last row was written."""
    rows = stamp(out)
    found = {path: stamp(path) for path in paths}
    return {path for path, own in found.items() if own and own[1] > rows[1]}


def remove(out, paths):
    """Takes the rows of some paths out of a score file."""
    if not paths:
        return
    with open(out, encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [row for row in rows if row[0] not in paths])
    files.write_text(out, text.getvalue())
