"""Reads tables whose columns are known, and refuses others with the difference."""

import csv
import logging
import pathlib
from collections.abc import Iterator, Sequence

from end2end.importing import records
from end2end.tables import words
from end2end.utils import files

log = logging.getLogger(__name__)

SHOWN = 12


def located(root: files.Path, *names: str) -> pathlib.Path:
    """The first file of some names in a folder, or up to two folders below.

    Raises:
        files.InputError: there is none.
    """
    root = files.existing_folder(root, "folder of the set")
    for pattern in ("", "*/", "*/*/"):
        for name in names:
            path = min(root.glob(f"{pattern}{name}"), default=None)
            if path is not None:
                return path
    raise files.InputError(
        f"{' or '.join(names)} is not in {root}; expected the folder of the set as "
        "downloaded, or the one that holds it.")


def rows(path: pathlib.Path, columns: Sequence[str], settings: records.Settings, *,
         optional: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the rows of a CSV with exactly the columns that are known.

    Args:
        path: UTF-8, separated by commas.
        columns: that it must have.
        settings: whose `accept` may hold `columns`.
        optional: that it may have.

    Yields:
        number of the row as a spreadsheet counts it, and stripped cells by column.

    Raises:
        files.InputError: other columns, or no CSV.
    """
    files.existing_text(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            number = 1
            for row in files.stream_csv(stream):
                first, number = number == 1, row.number
                cells = {name.strip(): text.strip() for name, text in row.items()}
                if first:
                    check_columns(path, cells, columns, optional, settings)
                yield number, cells
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"{path} is no CSV in UTF-8 ({error}); download it again.") from error
    if number == 1:
        raise files.InputError(f"{path} has no rows; download it again.")


def check_columns(path: pathlib.Path, header: Sequence[str] | dict, columns: Sequence[
        str], optional: Sequence[str], settings: records.Settings) -> None:
    """Refuses a header that is not the known one, with what is missing and what is new.
    """
    missing = [name for name in columns if name not in header]
    foreign = [name for name in header if name not in (*columns, *optional)]
    if not missing and not foreign:
        return
    difference = "; ".join(
        f"{word} {', '.join(words.cleaned(name, 40) or 'empty' for name in names)}"
        for word, names in (("it lacks", missing[:SHOWN]), ("it has", foreign[:SHOWN]))
        if names)
    sentence = (f"{path} has other columns than the table that is known: {difference}. "
                f"Known are {', '.join(columns)}.")
    if missing:
        raise files.InputError(f"{sentence} Download the table of this release, or "
                               "import it as a table of your own (importing table).")
    refuse("columns", sentence, settings)


def refuse(name: str, sentence: str, settings: records.Settings) -> None:
    """Refuses a set for an assumption that does not hold, unless it is waived.

    Args:
        name: of the assumption, as in `catalogue.ImageSet.assumptions`.
        sentence: what is otherwise, with the first place.
        settings: whose `accept` names what need not hold.
    """
    if name not in settings.accept:
        raise files.InputError(
            f"assumption {name!r} does not hold: {sentence} Look at the files; "
            f"--accept {name} goes on all the same.")
    log.warning("assumption %r does not hold: %s", name, sentence)
