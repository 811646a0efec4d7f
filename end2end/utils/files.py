"""Files that are whole or absent: atomic writes, content hashes, clear refusals."""

import contextlib
import csv
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from end2end.utils import cells, listing, locks
from end2end.utils.errors import InputError as InputError
from end2end.utils.errors import VanishedError as VanishedError

Path = str | os.PathLike[str]

# A mammogram has at most some 40 million pixels. Larger declared sizes are refused
# before memory is taken: a tiny compressed file can claim any size.
MAX_PIXELS = 1 << 26
# Nor has any file of one more bytes, or a table or list; a file system can hold files
# of any size that take no room (holes).
MAX_IMAGE_BYTES = 1 << 29
# Stacks of tomosynthesis have some 800 MB.
MAX_DICOM_BYTES = 1 << 30
MAX_TEXT_BYTES = 1 << 28
# Characters; a file, also a compressed one, can hold a line of any length.
LONGEST_LINE = 1 << 20
# Cells beyond one per byte that a table may have.
SPARE_CELLS = 1_000_000


def check_suffix(path: Path, *suffixes: str) -> None:
    """Refuses an output whose ending promises another kind of file.

    Args:
        path: as given; one without an ending is taken as it is.
        suffixes: that are written, such as `.csv`.

    Raises:
        InputError: see above.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix and suffix not in suffixes:
        raise InputError(f"{path} cannot be written: expected a name that ends in "
                         f"{' or '.join(suffixes)}, not {suffix}.")


def existing_file(path: Path, what: str = "file") -> pathlib.Path:
    """Returns `path` as a `Path` if it is a readable file, else raises `InputError`."""
    path = named(path, what)
    if not path.is_file():
        state = "is a folder" if path.is_dir() else (
            "is a pipe or a device" if path.exists() else "does not exist")
        raise InputError(
            f"{what} {path} {state}; expected an existing file. Check the path.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{what} {path} cannot be read; check its permissions.")
    return path


def existing_text(path: Path, what: str = "table") -> pathlib.Path:
    """`existing_file` for what is read as a whole; refuses absurd sizes too."""
    path = existing_file(path, what)
    check_size(path, MAX_TEXT_BYTES, what)
    return path


def check_size(path: Path, most: int, what: str = "file") -> None:
    """Refuses a file of more than so many bytes, before memory is taken for it."""
    if (size := os.path.getsize(path)) > most:
        raise InputError(
            f"{what} {path} has {size >> 20} MB, more than the {most >> 20} MB that "
            "any such file should have; leave it out.")


def named(path: Path, what: str = "file") -> pathlib.Path:
    """`path` as a `Path`; refuses names that no table or terminal could hold."""
    if cells.cleaned(text := os.fspath(path), len(text)) != text:
        raise InputError(
            f"{what} {ascii(text)} has a name that is no text in UTF-8, or has a "
            "line end or another control character in it; rename it.")
    return path if isinstance(path, pathlib.Path) else pathlib.Path(path)


def csv_cells(row: Mapping[str, object] | Iterable[tuple[str, object]]
              ) -> dict[str, object]:
    """A row as it may be written to a CSV file; `cells.to_cell` of each value."""
    return {name: cells.to_cell(cell) for name, cell in dict(row).items()}


def existing_folder(path: Path, what: str = "folder") -> pathlib.Path:
    """Returns `path` as a `Path` if it is a readable folder,
    else raises `InputError`."""
    path = pathlib.Path(path)
    if not path.is_dir():
        state = "is a file" if path.exists() else "does not exist"
        raise InputError(
            f"{what} {path} {state}; expected an existing folder. Check the path.")
    if not os.access(path, os.R_OK | os.X_OK):
        raise InputError(f"{what} {path} cannot be read; check its permissions.")
    return path


def writable_folder(path: Path, what: str = "output folder") -> pathlib.Path:
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
def replacing(path: Path) -> Iterator[pathlib.Path]:
    """Gives a temporary path beside `path`; moves it onto `path` if the block succeeds.

    The move is atomic on one file system, so a killed process leaves the old file or
    the new one. The temporary name keeps the suffix, by which OpenCV and Keras choose
    the format. A missing folder is made, unless it lies in an output that was removed
    while this process writes it.

    Raises:
        VanishedError: the output was removed.
    """
    locks.check_outputs()
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with replacing(path) as part:
        # Names of files may hold what is no text.
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def write_json(path: Path, value: object) -> None:
    """Writes a value as indented JSON, atomically; paths become strings."""
    write_text(path, json.dumps(value, indent=2, default=str) + "\n")


def read_json(path: Path, what: str = "JSON file") -> Any:
    """Reads JSON; raises `InputError` naming the file if it is missing or malformed."""
    path = existing_text(path, what)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    # ValueError also stands for a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{what} {path} is not valid JSON ({error}); restore or remove it."
        ) from error


def write_csv(path: Path, columns: Sequence[str],
              rows: Iterable[Mapping[str, object]], *, delimiter: str = ",",
              line_end: str = "\n", as_is: bool = False) -> None:
    """Writes dicts as CSV in UTF-8, atomically; keys that are no column stay out.

    Args:
        path: the file.
        columns: names, in order.
        rows: values by column; see `cells.to_cell`.
        delimiter, line_end: of the file.
        as_is: leave cells as they are, for copies of foreign tables with their quirks.
    """
    change = dict if as_is else csv_cells
    with replacing(path) as part, open(
            part, "w", encoding="utf-8", errors="backslashreplace", newline="") as text:
        writer = csv.DictWriter(text, columns, extrasaction="ignore",
                                delimiter=delimiter, lineterminator=line_end)
        writer.writerow(change(zip(columns, columns, strict=True)))
        writer.writerows(map(change, rows))


def bounded_lines(stream: TextIO) -> Iterator[str]:
    """Lines of a stream; one of any length is not taken into memory.

    Raises:
        csv.Error: a line is longer than `LONGEST_LINE`.
    """
    for line in iter(functools.partial(stream.readline, LONGEST_LINE + 1), ""):
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"a line has more than {LONGEST_LINE} characters")
        yield line


class Row(dict[str, str]):
    """A row of a table as texts by column.

    Attributes:
        number: as a spreadsheet counts: the header is 1, and empty lines count.
        beyond: cells beyond the header.
    """

    __slots__ = ("beyond", "number")

    def __init__(self, texts: Mapping[str, str] | Iterable[tuple[str, str]],
                 number: int, beyond: Sequence[str] = ()) -> None:
        super().__init__(texts)
        self.number, self.beyond = number, beyond


def stream_csv(lines: Iterable[str], **how: Any) -> Iterator[Row]:
    """Yields the rows of a CSV text as dicts, header and cells as they were written.

    Missing cells are empty.

    Args:
        lines: of the text.
        how: for `csv.reader`.

    Raises:
        csv.Error: no CSV.
    """
    reader = csv.reader(lines, **how)
    columns = [cells.from_cell(name) for name in next(reader, ())]
    for number, row in enumerate(reader, 2):
        if row:
            texts = [*map(cells.from_cell, row), *[""] * (len(columns) - len(row))]
            yield Row(zip(columns, texts, strict=False), number, row[len(columns):])


def _not_longer(row: Row) -> None:
    """Refuses a row whose cells would be taken for those of other columns.

    Raises:
        csv.Error: it has more cells than the header, and not all of them are empty.
    """
    if any(map(str.strip, row.beyond)):
        raise csv.Error(
            f"row {row.number} has cells beyond the header ({len(row.beyond)}): texts "
            "with the sign between cells need quotes, and numbers a decimal point")


def csv_rows(lines: Iterable[str], size: int, *,
             check: Callable[[Row], None] = _not_longer, **how: Any) -> list[Row]:
    """Rows of a whole CSV text as dicts, as `stream_csv` yields them.

    Short rows take memory for every column of the header, so a small text could take
    any amount.

    Args:
        lines: of the text.
        size: characters or bytes of the text.
        check: refuses a row.
        how: for `csv.reader`.

    Raises:
        csv.Error: no CSV, or its rows are much shorter than its header.
    """
    room, rows = size + SPARE_CELLS, []
    for row in stream_csv(lines, **how):
        check(row)
        room -= len(row)
        if room < 0:
            raise csv.Error(f"its header has {len(row)} columns that its rows lack")
        rows.append(row)
    return rows


def read_csv(path: Path, what: str = "table", **how: Any) -> list[Row]:
    """Rows of a CSV file in UTF-8 as dicts.

    Args:
        path: the file, which may begin with a byte order mark.
        what: its name in messages.
        how: for `csv.reader`.

    Raises:
        InputError: there is no such file, or it is no CSV.
    """
    path = existing_text(path, what)
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            return csv_rows(stream, path.stat().st_size, **how)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{what} {path} is no CSV in UTF-8 ({error}); save it as one.") from error


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    add_content(digest, path)
    return digest.hexdigest()


def add_content(digest: "hashlib._Hash", path: Path) -> None:
    """Adds a file's bytes to a digest, a piece at a time: the file may be large."""
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)


def is_dicom(path: pathlib.Path) -> bool:
    """Whether a file is DICOM: by its first bytes, else by its suffix.

    What is called `.dcm` and begins as an image of another kind is that image.
    """
    if not path.is_file():  # a pipe could be waited for without an end
        return path.suffix.lower() in listing.DICOM_SUFFIXES
    start = listing.beginning(path)
    if path.suffix.lower() in listing.DICOM_SUFFIXES:
        return listing.image_kind(start) in ("", listing.DICOM)
    return listing.image_kind(start) == listing.DICOM


def list_images(folder: Path) -> list[pathlib.Path]:
    """All image files below a folder, sorted by path; see `survey`.

    Raises:
        InputError: there is no folder, or a name that no table could hold.
    """
    return survey(folder, strict=True).images


def survey(folder: Path, *, strict: bool = False) -> listing.Survey:
    """All image files below a folder, and all others with the reason (`listing`).

    Sorted names make predictions and seeds portable; the original took the order of
    the file system (docs/differences.md).

    Args:
        folder: which.
        strict: refuse the folder for one name that no table could hold; else such
            files are among those refused.

    Raises:
        InputError: see above, or there is no folder.
    """
    looked = listing.survey(existing_folder(folder))
    images, refused = [], []
    for path in looked.images:
        try:
            images.append(named(path, "image"))
        except InputError as error:
            if strict:
                raise
            refused.append((path, str(error)))
    return dataclasses.replace(looked, images=images, refused=refused)
