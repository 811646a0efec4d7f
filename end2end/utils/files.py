"""Files that are whole or absent: atomic writes, content hashes, clear refusals."""

import contextlib
import csv
import hashlib
import io
import json
import os
import pathlib
import tempfile

IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".tif", ".tiff", ".dcm", ".dicom")
DICOM_SUFFIXES = (".dcm", ".dicom")

# A mammogram has at most some 40 million pixels. Larger declared sizes are refused
# before memory is taken: a tiny compressed file can claim any size.
MAX_PIXELS = 1 << 26
# Nor has any file of one more bytes, or a table or list; a file system can hold files
# of any size that take no room (holes).
MAX_IMAGE_BYTES = 1 << 29
MAX_TEXT_BYTES = 1 << 28
# Cells beyond one per byte that a table may have.
SPARE_CELLS = 1_000_000


class InputError(ValueError):
    """A file, folder, column or value given by the user that cannot be used.

    The message is one line: what happened, what was expected, what to do. Commands
    print it and end with exit status 2 (`commands.run`).
    """


def existing_file(path, what="file"):
    """Returns `path` as a `Path` if it is a readable file, else raises `InputError`."""
    path = named(path, what)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(
            f"{what} {path} {found}; expected an existing file. Check the path.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{what} {path} cannot be read; check its permissions.")
    return path


def existing_text(path, what="table"):
    """`existing_file` for what is read as a whole; refuses absurd sizes too."""
    path = existing_file(path, what)
    check_size(path, MAX_TEXT_BYTES, what)
    return path


def check_size(path, most, what="file"):
    """Refuses a file of more than so many bytes, before memory is taken for it."""
    if (size := os.path.getsize(path)) > most:
        raise InputError(
            f"{what} {path} has {size >> 20} MB, more than the {most >> 20} MB that "
            "any such file should have; leave it out.")


def named(path, what="file"):
    """`path` as a `Path`; refuses names that no table could hold."""
    if "\r" in str(path) or str(path) != str(path).encode(
            errors="replace").decode():
        raise InputError(
            f"{what} {ascii(str(path))} has a name that is no text in UTF-8, or has a "
            "line end in it; rename it.")
    return pathlib.Path(path)


def csv_cells(row):
    """A dict of cells without carriage returns.

    Python's writer puts no quotes around them, but readers take them for line ends: a
    tag of a DICOM file could add rows to a table.
    """
    return {name: cell.replace("\r", " ") if isinstance(cell, str) else cell
            for name, cell in row.items()}


def existing_folder(path, what="folder"):
    """Returns `path` as a `Path` if it is a readable folder,
    else raises `InputError`."""
    path = pathlib.Path(path)
    if not path.is_dir():
        found = "is a file" if path.exists() else "does not exist"
        raise InputError(
            f"{what} {path} {found}; expected an existing folder. Check the path.")
    if not os.access(path, os.R_OK | os.X_OK):
        raise InputError(f"{what} {path} cannot be read; check its permissions.")
    return path


def writable_folder(path, what="output folder"):
    """Creates the folder where it is missing and returns it as a `Path`.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    path = pathlib.Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            f"{what} {path} cannot be written ({error.strerror}); choose another place "
            "or change its permissions.") from error
    return path


@contextlib.contextmanager
def replacing(path):
    """Gives a temporary path beside `path`; moves it onto `path` if the block succeeds.

    The move is atomic on one file system, so a killed process leaves the old file or
    the new one. The temporary name keeps the suffix, by which OpenCV and Keras choose
    the format.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path, text):
    """Writes UTF-8 text atomically."""
    with replacing(path) as part:
        # Names of files may hold what is no text.
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def write_json(path, value):
    """Writes a value as indented JSON, atomically; paths become strings."""
    write_text(path, json.dumps(value, indent=2, default=str) + "\n")


def read_json(path, what="JSON file"):
    """Reads JSON; raises `InputError` naming the file if it is missing or malformed."""
    path = existing_text(path, what)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    # ValueError also stands for a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{what} {path} is not valid JSON ({error}); restore or remove it."
        ) from error


def write_csv(path, columns, rows, *, delimiter=",", line_end="\n"):
    """Writes dicts as CSV in UTF-8, atomically; keys that are no column stay out."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", delimiter=delimiter,
                            lineterminator=line_end)
    writer.writeheader()
    writer.writerows(map(csv_cells, rows))
    write_text(path, text.getvalue())


def csv_rows(lines, size, **how):
    """Rows of a CSV text as dicts, as `csv.DictReader` gives them.

    Short rows take memory for every column of the header, so a small text could take
    any amount.

    Args:
        lines: of the text, an iterable.
        size: characters or bytes of the text.
        how: for `csv.DictReader`.

    Raises:
        csv.Error: no CSV, or its rows are much shorter than its header.
    """
    reader = csv.DictReader(lines, **how)
    columns, room, rows = len(reader.fieldnames or ()), size + SPARE_CELLS, []
    for row in reader:
        room -= columns
        if room < 0:
            raise csv.Error(f"its header has {columns} columns that its rows lack")
        rows.append(row)
    return rows


def sha256(path):
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_dicom(path):
    """Whether a file is DICOM, by its suffix or its first bytes."""
    if path.suffix.lower() in DICOM_SUFFIXES:
        return True
    if not path.is_file():  # a pipe could be waited for without an end
        return False
    with open(path, "rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def list_images(folder, suffixes=IMAGE_SUFFIXES):
    """All image files below a folder, sorted by path, hidden files left out.

    Sorted names make predictions and seeds portable; the original took the order of
    the file system (docs/differences.md). DICOM files named by a number, without a
    suffix, are found by their first bytes.
    """
    folder = existing_folder(folder)

    def wanted(path):
        suffix = path.suffix.lower()
        if suffix in suffixes:
            return True
        unnamed = not suffix or suffix[1:].isdigit()
        return (unnamed and ".dcm" in suffixes and path.is_file() and is_dicom(path))

    return sorted(named(path, "image") for path in folder.rglob("*")
                  if not path.name.startswith(".") and wanted(path))
