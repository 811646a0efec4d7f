"""What a score file holds already, so that a later call can go on with it.

`scores.csv` has two files beside it. `scores.run.json` says what determines the scores
(models by content, settings) and holds the key of the pseudonyms. `scores.files.jsonl`
says of each row what its file was like when it was scored, so that a row whose file was
replaced is scored again, whatever the times of the new file are.
"""

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from end2end.config import model_flags
from end2end.prediction import pseudonyms
from end2end.utils import cells, files

SENTENCES = {
    "models": "with another model or other settings of it",
    "images": "with another --rescale-factor, --featurewise-mean or --img-size",
    "outputs": "with another --class-list or --output",
    "frame": "with another --frame",
    "flips": "with other flips (--flips)",
    "refuse_unfit": "with the other choice of --refuse-unfit",
    "keep_ids": "with the other choice of --keep-ids",
    "eight_bits": "with networks in other numbers (--fast with a network in eight "
                  "bits beside the model, or without)",
}
CHANGED = "the file changed after it was read; call again to score it"
# What damaged JSON raises.
DAMAGED = (ValueError, TypeError, AttributeError, KeyError, RecursionError)
# A file may change twice within a tick of its file system's clock; network shares have
# clocks of their own. Times this near to the reading cannot tell.
TICK = 2_000_000_000


def settings(models: Iterable[pathlib.Path], arguments: Any, images: dict[str, Any],
             eight_bits: Sequence[str | None] = ()) -> dict[str, Any]:
    """What determines the rows, as a dict that survives JSON.

    Args:
        models: paths.
        arguments: of the parser of `end2end.predict`: `frame`, `flips`, `keep_ids`,
            `refuse_unfit`.
        images: fields of `config.ImageOptions` that were typed.
        eight_bits: of each model the digest of the network in eight bits that scores
            in its place, or None.
    """
    def content(path):
        beside = path.with_suffix(".config.json")
        return [files.sha256(file) for file in (path, beside) if file.is_file()]
    outputs = model_flags.typed(arguments)
    return dict(models=[content(path) for path in models],
                images={name: list(value) if isinstance(value, tuple) else value
                        for name, value in images.items()}, frame=arguments.frame,
                flips=arguments.flips, keep_ids=arguments.keep_ids,
                outputs=None if outputs == model_flags.AS_STORED else
                [list(outputs.classes), outputs.kind],
                refuse_unfit=arguments.refuse_unfit or None,
                eight_bits=list(eight_bits) if any(eight_bits) else None)


class Record:
    """Settings and pseudonyms of one score file; call it with a patient's number.

    Args:
        out: the score file.
        call: `settings` of this call.
        rows: whether the score file has rows already.
        key_file: `--pseudonym-key`, or None for a key of this score file alone.

    Raises:
        files.InputError: the rows were made with other settings or another key, or
            nobody knows how.
    """

    def __init__(self, out: pathlib.Path, call: dict[str, Any], *, rows: bool,
                 key_file: files.Path | None = None) -> None:
        self.path = out.with_suffix(".run.json")
        content = self._earlier(out, call) if rows else dict(settings=call)
        key = pseudonyms.key_of_file(key_file) if key_file else None
        self._earlier_names = dict(content.get("patients") or {})
        self._salt = str(content.get("salt", ""))
        if key and (self._earlier_names or content.get("key")):
            raise files.InputError(
                f"{out} was written without --pseudonym-key, so its pseudonyms are "
                "others; choose another --out, or leave out --pseudonym-key.")
        if not key and content.get("key"):
            key = bytes.fromhex(content["key"])
        elif not key and content.get("key_fingerprint"):
            raise files.InputError(
                f"{out} was written with --pseudonym-key; give the same file, or "
                "choose another --out.")
        elif not key:
            key = pseudonyms.new_key()
        known = content.setdefault("key_fingerprint", pseudonyms.fingerprint(key))
        if known != pseudonyms.fingerprint(key):
            raise files.InputError(
                f"{out} was written with another --pseudonym-key; give the same file, "
                "or choose another --out.")
        if not key_file:
            content["key"] = key.hex()
        self._names = pseudonyms.Pseudonyms(key, keep_ids=call.get("keep_ids", False))
        self._save(content)

    def _earlier(self, out: pathlib.Path, call: dict[str, Any]) -> dict[str, Any]:
        if not self.path.exists():
            raise files.InputError(
                f"{out} has rows, but {self.path.name}, which says how they were made, "
                "is missing; restore it or choose another --out.")
        content = files.read_json(self.path, "record of earlier predictions")
        if not (isinstance(content, dict) and isinstance(content.get("settings"), dict)
                and isinstance(content.get("patients", {}), dict)
                and _is_hexadecimal(content.get("key", ""))
                and isinstance(content.get("salt", content.get(
                    "key_fingerprint")), str)):
            raise files.InputError(
                f"{self.path} is no record of predictions; choose another --out.")
        for name, words in SENTENCES.items():
            if content["settings"].get(name) != call.get(name):
                raise files.InputError(
                    f"{out} was written {words}; choose another --out, or remove it.")
        return content

    def _save(self, content: dict[str, Any]) -> None:
        with files.replacing(self.path) as part:
            # Before it holds the key.
            part.touch(mode=0o600)
            part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def __call__(self, patient: str) -> str:
        """The pseudonym of a patient; empty where the identifier is unknown.

        Patients whom a record of version 0.1.0 numbers keep their number.
        """
        if patient and self._earlier_names and not self._names.keep_ids:
            digest = hashlib.scrypt(
                patient.encode(), salt=self._salt.encode(), dklen=16,
                **pseudonyms.SCRYPT).hex()
            if digest in self._earlier_names:
                return f"patient {int(self._earlier_names[digest]):03d}"
        return self._names(patient)

    def exam(self, exam: str) -> str:
        """The pseudonym of an exam; empty where the identifier is unknown."""
        return self._names.exam(exam)


def _is_hexadecimal(text: object) -> bool:
    try:
        bytes.fromhex(str(text))
    except ValueError:
        return False
    return True


# What files were like ---------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class FileState:
    """What tells whether a file is still the one that was read.

    Attributes:
        file: its absolute path.
        size: in bytes.
        mtime_ns, ctime_ns, inode: of its status. Copies that keep the time of change
            (`cp -p`, `rsync -t`, `unzip`) differ in the others, which nothing sets.
        read_ns: when it was last read, nanoseconds since 1970.
        scored_ns: when it was first read with this content.
        sha256: of its bytes.
    """

    file: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    read_ns: int
    scored_ns: int
    sha256: str

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if type(getattr(self, field.name)).__name__ != field.type.__name__:
                raise TypeError(f"{field.name} of a file is of another kind")

    def is_of(self, status: os.stat_result) -> bool | None:
        """Whether a status is that of the file as it was read; None: cannot tell."""
        if (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) != (
                self.size, self.mtime_ns, self.ctime_ns, self.inode):
            return False
        return True if self.ctime_ns < self.read_ns - TICK else None


def state(path: files.Path) -> FileState:
    """The state of an image file now; call `check_unchanged` once its content was used.

    Raises:
        files.InputError: it is no file or larger than any image, and reading it might
            not end.
        OSError: it cannot be read.
    """
    path = files.named(path, "image")
    status, read = os.stat(path), time.time_ns()
    files.check_size(
        files.existing_file(path, "image"), files.MAX_DICOM_BYTES, "image")
    return FileState(
        os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns,
        status.st_ino, read, read, files.sha256(path))


def check_unchanged(path: files.Path, before: FileState) -> None:
    """Raises `files.InputError` if a file is not as it was."""
    if before.is_of(os.stat(path)) is False:
        raise files.InputError(f"{path} {CHANGED}.")


# Rows of a score file ---------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Stale:
    """What became of the files of a score file's rows, by path of the row.

    Attributes:
        changed: their files are others now; of this call.
        unrecorded: nothing says which content they are of; of this call.
        others: as `changed`, of images that this call does not name.
        gone: their files are no longer there; these rows are kept.
    """

    changed: frozenset[str]
    unrecorded: frozenset[str]
    others: frozenset[str]
    gone: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Rows that the score file cannot keep."""
        return self.changed | self.unrecorded | self.others

    def lines(self) -> list[str]:
        """What the user is told."""
        texts = (
            (self.changed, "images changed since; they are scored again"),
            (self.unrecorded, "rows do not say which content of their file they are "
                              "of; these images are scored again"),
            (self.others, "rows were removed: their images changed since, and this "
                          "call does not name them"),
            (self.gone, "rows are of files that are no longer there; they stay"))
        return [f"{len(paths)} {text}" for paths, text in texts if paths]


class Rows:
    """The rows of a score file, and the states of their files.

    A last row or state that was not written to its end is cut off.

    Args:
        out: the score file; it may not exist.
        columns: of its rows, `path` first.
        flips: text of its column `flips`.

    Raises:
        files.InputError: the file has other columns or was made with other flips.
    """

    def __init__(self, out: pathlib.Path, columns: Sequence[str], flips: str) -> None:
        self.out, self.columns = out, tuple(columns)
        self.states_path = out.with_suffix(".files.jsonl")
        self.paths = _whole_rows(out, self.columns, flips)
        self._states = states_of(self.states_path)

    def stale(self, paths: Collection[str]) -> Stale:
        """Which rows do not hold any more; files whose status differs are hashed.

        Args:
            paths: of the images of this call.
        """
        changed, renewed = set(), []
        gone = frozenset(path for path in self.paths if not os.path.exists(
            path if path in paths or path not in self._states
            else self._states[path].file))
        for path in self.paths & self._states.keys():
            before = self._states[path]
            now = _state_if_other(path if path in paths else before.file, before)
            if now is not None and now.sha256 != before.sha256:
                changed.add(path)
            elif now is not None:
                renewed.append((path, dataclasses.replace(
                    now, scored_ns=before.scored_ns)))
        if renewed:
            with open(self.states_path, "a", encoding="utf-8") as stream:
                for path, now in renewed:
                    self._states[path] = now
                    stream.write(_state_line(path, now))
        current = frozenset(paths)
        return Stale(current & changed, frozenset(
            (self.paths & current) - self._states.keys() - gone),
            frozenset(changed - current), gone)

    def scored_ns(self) -> dict[str, int]:
        """When the file of each row was read, nanoseconds since 1970, by path."""
        return {path: before.scored_ns for path, before in self._states.items()
                if path in self.paths}

    def changed_since(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths whose file is there, but not as it was scored."""
        statuses = {path: _status(path) for path in paths if path in self._states}
        return sorted(path for path, status in statuses.items()
                      if status and self._states[path].is_of(status) is False)

    def remove(self, paths: Collection[str]) -> None:
        """Takes the rows of some paths out of the score file."""
        if not paths:
            return
        with open(self.out, encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.reader(stream)
                    if cells.from_cell(row[0]) not in paths]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        files.write_text(self.out, text.getvalue())
        self.paths -= set(paths)

    @contextlib.contextmanager
    def appending(self) -> Iterator[Callable[[dict[str, object], FileState], None]]:
        """Gives a function that adds a row: its cells by column, and its file's state.

        Each row is on disk when the function returns, its state before it: after a kill
        no row stands without the content that it is of.

        Raises:
            files.VanishedError: the score file was removed meanwhile.
        """
        # States of a score file that somebody removed are of no use.
        mode = "a" if self.paths else "w"
        with open(self.out, "a", encoding="utf-8", newline="") as table, \
                open(self.states_path, mode, encoding="utf-8") as states:
            writer = csv.DictWriter(table, self.columns, lineterminator="\n")
            if not table.tell():
                writer.writerow(files.csv_cells(zip(
                    self.columns, self.columns, strict=True)))

            def add(row: dict[str, object], before: FileState) -> None:
                _check_there(self.out, table)
                path = str(row["path"])
                states.write(_state_line(path, before))
                states.flush()
                writer.writerow(files.csv_cells(row))
                table.flush()
                self._states[path] = before
                self.paths.add(path)
            yield add


def _check_there(path: pathlib.Path, stream: io.TextIOBase) -> None:
    status = _status(path)
    if status is None or not os.path.samestat(status, os.fstat(stream.fileno())):
        raise files.VanishedError(
            f"{path} was removed while it was written; call again, or choose another "
            "--out")


def _whole_rows(out: pathlib.Path, columns: tuple[str, ...], flips: str) -> set[str]:
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
    if rows and (tuple(map(cells.from_cell, rows[0])) != columns
                 or any(len(row) <= at or row[at] != flips for row in rows[1:])):
        raise files.InputError(
            f"{out} was written with other models or flips; choose another --out.")
    if len(whole) < len(text):
        os.truncate(out, len(whole))
    return {cells.from_cell(row[0]) for row in rows[1:]}


def states_of(path: pathlib.Path) -> dict[str, FileState]:
    """States by path of the image, the last one of each; damaged lines do not count."""
    if not path.exists():
        return {}
    text = path.read_bytes()
    whole = text[:text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(path, len(whole))
    states = {}
    for line in whole.decode("utf-8", "replace").splitlines():
        with contextlib.suppress(*DAMAGED):
            fields = json.loads(line)
            name = str(fields.pop("path"))
            states[name] = FileState(**fields)
    return states


def _state_line(path: str, before: FileState) -> str:
    return json.dumps(dict(path=path) | dataclasses.asdict(before)) + "\n"


def _state_if_other(path: str, before: FileState) -> FileState | None:
    """The state of a file whose status is not surely the same; None if it is, or if
    there is no file."""
    try:
        if before.is_of(os.stat(path)):
            return None
        return state(path)
    except (OSError, ValueError):  # a name may be none
        return None


def _status(path: files.Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None
