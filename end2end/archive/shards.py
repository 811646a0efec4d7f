"""Tables of any length in shards: streamed in, worked on, written whole or not at all.

A table is a CSV or Parquet file, or a folder of them, by path or URL. The work on
`rows_per_shard` rows makes the file `part-000000.csv` (or `.parquet`) in the output
folder, beside `plan.json`, which holds the hash of the table.
"""

import csv
import dataclasses
import functools
import hashlib
import io
import itertools
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from end2end.archive import scheduling, storage
from end2end.prediction import resuming
from end2end.tables import vocabulary
from end2end.utils import cells, distribution, files, locks

SUFFIXES = storage.TABLES
PLAN = "plan.json"
# Keys of a row, in no column: pairs of path and `storage.state` of the files it is of;
# the text of its record.
SOURCES, RECORD = "source_states", "record"

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Work:
    """What is done to the rows of a shard.

    Attributes:
        function: picklable; takes a list of dicts, returns a list of dicts.
        columns: of the rows it returns.
        settings: all that the result depends on, as JSON can hold it.
        sources: whether rows hold `SOURCES`; then a later call makes those shards anew
            whose files were replaced.
        records: whether rows hold a `RECORD`, empty for refused images.
        outputs: whether the column `path` names files that the work makes; those that
            a shard made anew no longer names are removed.
    """

    function: Callable[[list[Any]], list[dict[str, Any]]]
    columns: tuple[str, ...]
    settings: dict[str, Any]
    sources: bool = False
    records: bool = False
    outputs: bool = False


@dataclasses.dataclass(frozen=True)
class Rows:
    """Where rows come from.

    Attributes:
        name: of their table.
        hash: function of the name; a text that changes with the rows.
        read: function of the name; gives the rows, in order.
    """

    name: str
    hash: Callable[[str], str]
    read: Callable[[str], Iterable[Any]]


def table_files(table: str) -> list[str]:
    """The files of a table, sorted by name.

    Raises:
        files.InputError: there are none.
    """
    if str(table).endswith(SUFFIXES):
        return [table]
    paths = [storage.join(table, name) for name in storage.names(table)
             if name.endswith(SUFFIXES)]
    if not paths:
        raise files.InputError(
            f"{table} has no tables; expected a .csv or .parquet file, or a folder of "
            "them.")
    return paths


def read_rows(table: str) -> Iterator[dict[str, str]]:
    """Yields the rows of a table as dicts of text, in order, in constant memory.

    Raises:
        files.InputError: it is missing, or no CSV or Parquet.
    """
    for path in table_files(table):
        read = _parquet_rows if str(path).endswith(".parquet") else _csv_rows
        yield from read(path)


def _csv_rows(path):
    with storage.opened(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            lines = files.bounded_lines(text)
            first = next(lines, "")
            names = next(csv.reader([first]), [])
            vocabulary.check_headings(
                filter(vocabulary.meaning, names), f"table {path}")
            for row in files.stream_csv(itertools.chain([first], lines)):
                vocabulary.check_row(
                    row.beyond, len(names), f"table {path}, row {row.number}")
                yield {name: value for name, value in row.items() if name}
        except (UnicodeDecodeError, csv.Error) as error:
            raise files.InputError(
                f"table {path} is not a CSV file in UTF-8 ({error}); save it as "
                "one."
            ) from error


def _parquet_rows(path):
    parquet, arrow = _parquet()
    with storage.opened(path) as stream:
        try:
            for batch in parquet.ParquetFile(stream).iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    yield {name: "" if value is None else str(value)
                           for name, value in row.items()}
        except arrow.ArrowInvalid as error:
            raise files.InputError(
                f"table {path} is not a Parquet file; restore or remove it.") from error


def _parquet():
    distribution.require("pyarrow", purpose="Parquet", extra="cluster")
    import pyarrow
    from pyarrow import parquet

    return parquet, pyarrow


def write_rows(path: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]
               ) -> None:
    """Writes a list of dicts as CSV or Parquet (of text), by suffix, atomically."""
    with storage.replacing(path) as part:
        if str(path).endswith(".parquet"):
            parquet, arrow = _parquet()
            parquet.write_table(arrow.table({
                name: [cells.cleaned(str(row.get(name, ""))) for row in rows]
                for name in columns},
                schema=arrow.schema([(name, arrow.string()) for name in columns])),
                part)
            return
        with open(part, "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(
                stream, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(files.csv_cells, rows))


def table_hash(table: str) -> str:
    """SHA-256 of the bytes of a table's files, in order."""
    return bytes_hash(*table_files(table))


def bytes_hash(*paths: str) -> str:
    """SHA-256 of the bytes of files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        with storage.opened(path) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        digest.update(b"|")
    return digest.hexdigest()


def run(table: str, out: str, work: Work, *, rows_per_shard: int = 1000,
        suffix: str = ".csv", scheduler: str | None = None, workers: int = 1
        ) -> Iterator[int]:
    """Does the work on every row of a table; shards that are there are left alone.

    Args:
        table: see `table_files`.
        out: folder, path or URL.
        work: `Work`.
        rows_per_shard: rows of one task and one output file.
        suffix: `.csv` or `.parquet`.
        scheduler, workers: as for `scheduling.run`.

    Yields:
        number of rows of each shard just written.

    Raises:
        files.InputError: the table or the settings are not those of an earlier call,
            or the table was changed on the way.
    """
    yield from run_rows(
        Rows(str(table), table_hash, read_rows), out, work,
        rows_per_shard=rows_per_shard, suffix=suffix, scheduler=scheduler,
        workers=workers)


def run_rows(source: Rows, out: str, work: Work, *, rows_per_shard: int = 1000,
             suffix: str = ".csv", scheduler: str | None = None, workers: int = 1
             ) -> Iterator[int]:
    """As `run`, of rows from elsewhere: of a `Rows`, whose rows may be any object."""
    plan = dict(table=source.name, sha256=source.hash(source.name), suffix=suffix,
                rows_per_shard=rows_per_shard, settings=work.settings)
    _agree(storage.join(out, PLAN), plan)
    there = set(storage.names(out))
    tasks = (task for task in _tasks(source.read(source.name), rows_per_shard)
             if part_name(task[0], suffix) not in there
             or work.sources and not _holds(out, task[0], work))
    out = out if storage.is_url(out) else storage.plain(out).absolute()
    function = functools.partial(
        write_shard, out=str(out), suffix=suffix, work=work)
    for count in scheduling.run(
            function, tasks, scheduler=scheduler, workers=workers):
        locks.check_outputs()
        yield count
    if source.hash(source.name) != plan["sha256"]:
        raise files.InputError(
            f"table {source.name} was changed while it was read; begin anew with "
            "another --out.")


def part_name(index: int, suffix: str) -> str:
    """File name of a shard."""
    return f"part-{index:06d}{suffix}"


def write_shard(task: tuple[int, list[Any]], *, out: str, suffix: str, work: Work
                ) -> int:
    """Works on the rows of one task and writes its file; returns their number."""
    index, rows = task
    results, shard = work.function(rows), storage.join(out, part_name(index, suffix))
    old = set()
    if storage.exists(shard):
        # First of all: an old shard beside new states would stay after a kill.
        old = set(map(_output, read_rows(shard))) if work.outputs else old
        storage.remove(shard)
    if work.sources:  # before the shard: none stands without them
        _write_json(states_name(out, index), [
            pair for row in results for pair in row.get(SOURCES, ())])
    if work.records:
        with storage.replacing(records_name(out, index)) as part:
            part.write_bytes("".join(
                f"{row.get(RECORD, '')}\n" for row in results).encode())
    for path in old - {"", *map(_output, results)}:
        storage.remove(path)
    write_rows(shard, work.columns, results)
    return len(rows)


def _output(row):
    """The file that a row says the work made; empty for a row that failed."""
    return "" if row.get("error") else str(row.get("path", ""))


def states_name(out: str, index: int) -> str:
    """The file that says what the files of a shard's rows were like."""
    return storage.join(out, f"part-{index:06d}.files.json")


def records_name(out: str, index: int) -> str:
    """The file with the records of a shard's rows, one a line."""
    return storage.join(out, f"part-{index:06d}.records.txt")


def read_records(shard: str) -> Iterator[str]:
    """The records of a shard's rows, in order.

    Raises:
        files.InputError: there are none.
    """
    with storage.opened(f"{shard.removesuffix('.csv').removesuffix('.parquet')}"
                        ".records.txt") as stream:
        for line in stream:
            yield line.decode("ascii", "replace").rstrip("\n")


def _holds(out, index, work):
    """Whether the files of a shard that is there are as they were."""
    name = states_name(out, index)
    if not storage.exists(name) or work.records and not storage.exists(
            records_name(out, index)):
        log.info("part-%06d does not say which files it is of; it is made anew", index)
        return False
    try:
        with storage.opened(name) as stream:
            before = [(str(path), state) for path, state in json.load(stream)]
        now = [(path, storage.renewed(path, state)) for path, state in before]
    except resuming.DAMAGED:
        log.info("%s is damaged; its shard is made anew", name)
        return False
    except files.VanishedError as error:
        log.info("part-%06d is made anew: %s", index, error)
        return False
    if now != before:
        _write_json(name, now)
    return True


def _write_json(path, value):
    with storage.replacing(path) as part:
        part.write_bytes(json.dumps(value).encode())


def _tasks(source, rows_per_shard):
    index, rows = 0, []
    for row in source:
        rows.append(row)
        if len(rows) == rows_per_shard:
            yield index, rows
            index, rows = index + 1, []
    if rows:
        yield index, rows


def _agree(path, plan):
    """Writes the plan, or compares it with that of an earlier call."""
    if not storage.exists(path):
        with storage.replacing(path) as part:
            part.write_bytes(json.dumps(plan, indent=2).encode())
        return
    with storage.opened(path) as stream:
        before = json.load(stream)
    changed = [name for name in plan if name != "table"
               and before.get(name) != json.loads(json.dumps(plan[name]))]
    if changed:
        raise files.InputError(
            f"{path} was made with another {' and '.join(changed)}; restore it, or "
            "choose another --out.")
