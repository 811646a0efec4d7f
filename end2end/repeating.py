"""Calls the command of a run again, into another folder, and compares the outputs.

What is not equal bit for bit is read: numbers may differ within the bounds that were
measured (the page on determinism), and some files are of one call, such as keys and
times.
"""

import csv
import dataclasses
import fnmatch
import io
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pydicom

from end2end.utils import checksums, files, programs

EQUAL, WITHIN, OF_ONE_CALL = "equal", "within bounds", "of one call"
SAME_CONTENT = "equal but for keys, times and places"
DIFFERENT, MISSING = "different", "missing"
VERDICTS = (EQUAL, SAME_CONTENT, WITHIN, OF_ONE_CALL, DIFFERENT, MISSING)
BAD = (DIFFERENT, MISSING)
# Greatest difference of a score, and of other numbers relative to their size, between
# batch sizes, instruction sets and versions of TensorFlow (docs/determinism.md).
BOUND = 1e-5
GREY_LEVELS = 1
# Patterns of files that hold times, keys or places of one call.
FILES_OF_ONE_CALL = (
    "*.run.json", "*.files.jsonl", "converted.jsonl", "*.log.txt", "pseudonyms.json",
    "plan.json", "part-*.files.json", "part-*.records.txt")
# Fields of JSON and columns of tables likewise.
FIELDS_OF_ONE_CALL = frozenset((
    "seconds", "time", "date", "ended", "started", "id", "software", "signature",
    "written", "resumed_at", "made", "date_saved", "shared_object_id",
    "peak_megabytes"))


# On pages: what a cell of this class says (`report.OfOneCall`).
CELL_OF_ONE_CALL = re.compile(r'(<td class="[^"]*\bof-one-call\b[^"]*">)[^<]*')
# Of DICOM results likewise.
TAGS_OF_ONE_CALL = frozenset(
    f"{pydicom.datadict.tag_for_keyword(keyword):08X}" for keyword in (
        "SOPInstanceUID", "InstanceCreationDate", "InstanceCreationTime", "ContentDate",
        "ContentTime", "DateOfSecondaryCapture", "TimeOfSecondaryCapture",
        "ContributionDateTime", "DimensionOrganizationUID", "TrackingUID", "UID"))
KEYS_OF_ONE_CALL = FIELDS_OF_ONE_CALL | TAGS_OF_ONE_CALL
# Another key gives each woman and exam another name (`prediction.pseudonyms`).
PSEUDONYM = re.compile("(patient|exam) [a-z2-7]{10}(?![a-z2-7])")
# A new place with the ways in which the old one may be written.
Spelled = Sequence[tuple[str, tuple[str, ...]]]


@dataclasses.dataclass(frozen=True)
class Row:
    """What came of one file."""

    name: str
    verdict: str
    detail: str = ""


def only_call(content: Mapping[str, Any]) -> dict:
    """The call that wrote an output.

    Raises:
        files.InputError: several commands wrote it.
    """
    calls = content["calls"]
    if len({tuple(call["words"]) for call in calls}) > 1:
        commands = "; ".join("end2end " + " ".join(call["words"]) for call in calls)
        raise files.InputError(
            f"--repeat calls one command, but {len(calls)} wrote this output: "
            f"{commands}. Repeat them one after the other.")
    return calls[-1]


def redirected(call: Mapping[str, Any], folder: pathlib.Path
               ) -> tuple[list[str], dict[str, pathlib.Path]]:
    """The words of a call whose outputs are in another folder.

    Args:
        call: of the checksums.
        folder: new.

    Returns:
        words, and the new place of each output by its old one.

    Raises:
        files.InputError: the words name none of the outputs.
    """
    places: dict[str, pathlib.Path] = {}
    for number, old in enumerate(call["outputs"]):
        name = pathlib.PurePath(old).name
        unique = sum(pathlib.PurePath(other).name == name for other in call["outputs"])
        places[old] = folder / name if unique == 1 else folder / str(number) / name
    words, named = [], set()
    for word in call["words"]:
        start, sign, value = word.partition("=") if word[:2] == "--" else ("", "", word)
        old, place = _place_of(value, call["folder"], places)
        named.add(old)
        words.append(f"{start}{sign}{place or value}")
    for old in set(places) - named:
        if len(places) > 1 or not _has_out(call["words"]):
            raise files.InputError(
                f"the command does not name its output {old}; call it again with the "
                "place of its output as a word.")
        words += ["--out", str(places[old])]
    return words, places


def _place_of(value, folder, places):
    """The output that a word names and its new place, or twice nothing."""
    old = os.path.abspath(os.path.join(folder, value))
    stem, suffix = os.path.splitext(old)
    if value and old in places:
        return old, places[old]
    # Predictions as JSON stand beside a table of their name, which is the output.
    if suffix == ".json" and f"{stem}.csv" in places:
        return f"{stem}.csv", places[f"{stem}.csv"].with_suffix(suffix)
    return "", ""


def spelled(call: Mapping[str, Any], places: Mapping[str, pathlib.Path]) -> Spelled:
    """The new place of each output with the old one, absolute and as it was typed.

    Args:
        call: of the checksums.
        places: of `redirected`.
    """
    ways = {str(new): [old] for old, new in places.items()}
    for word in call["words"]:
        value = word.partition("=")[2] if word[:2] == "--" else word
        _, place = _place_of(value, call["folder"], places)
        if place:
            ways.setdefault(str(place), []).append(value)
    return [(new, tuple(old)) for new, old in ways.items()]


def _has_out(words):
    """Whether a program has the flag --out, for an output that it chose itself."""
    module, _ = programs.split(words)
    return any("--out" in action.option_strings
               for action in programs.load(module).parser()._actions)


def run(call: Mapping[str, Any], words: Sequence[str]) -> None:
    """Calls the one command in the folder and the environment of a call.

    Raises:
        files.InputError: the folder is gone, or the command ends otherwise than then.
    """
    folder = pathlib.Path(call["folder"])
    if not folder.is_dir():
        raise files.InputError(
            f"the command was called in {folder}, which is gone; restore it.")
    environment = {name: value for name, value in os.environ.items()
                   if name not in checksums.ENVIRONMENT}
    root = str(programs.ROOT)
    search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    result = subprocess.run(
        [sys.executable, "-m", "end2end", *words], cwd=folder, text=True,
        capture_output=True,
        env=environment | call["environment"] | {"PYTHONPATH": search})
    if result.returncode != call["status"]:
        last = (result.stderr.strip() or result.stdout.strip() or "nothing said"
                ).split("\n")[-1]
        raise files.InputError(
            f"the repeated command ended with status {result.returncode}, not "
            f"{call['status']}: {last}")


def compare(output: checksums.Output, content: Mapping[str, Any],
            places: Mapping[str, pathlib.Path]) -> list[Row]:
    """What came of each file of an output in the repeated run.

    Args:
        output: the old one.
        content: its checksums.
        places: of `redirected`.
    """
    place = places[str(output.path)]
    fresh = checksums.Output(place, output.folder)
    texts = spelled(content["calls"][-1], places)
    rows = []
    for name, state in content["files"].items():
        rows.append(verdict(name, output.root / name, fresh.root / name, texts,
                            digest=state["sha256"]))
    return rows


def verdict(name: str, old: pathlib.Path, new: pathlib.Path,
            texts: Spelled, *, digest: str = "") -> Row:
    """What came of one file.

    Args:
        name: of the file, for the row.
        old, new: its two places.
        texts: of `spelled`, places that may stand in files.
        digest: SHA-256 of the old file as it was; else it is read.
    """
    if not new.is_file():
        return Row(name, MISSING)
    if files.sha256(new) == (digest or files.sha256(old)):
        return Row(name, EQUAL)
    if any(fnmatch.fnmatch(new.name, pattern) for pattern in FILES_OF_ONE_CALL):
        return Row(name, OF_ONE_CALL)
    if not old.is_file():
        return Row(name, DIFFERENT, "the old file is gone, only its checksum is known")
    differ = DIFFERENCES.get(new.suffix.lower())
    try:
        gap = differ(old, new, texts) if differ else math.inf
    except (OSError, ValueError, KeyError, csv.Error, cv2.error, zipfile.BadZipFile,
            pydicom.errors.InvalidDicomError):
        gap = math.inf
    if gap == 0:
        return Row(name, SAME_CONTENT)
    bound = GREY_LEVELS if new.suffix.lower() == ".png" else BOUND
    if gap <= bound:
        return Row(name, WITHIN, f"greatest difference {gap:.2g}")
    return Row(name, DIFFERENT,
               "" if math.isinf(gap) else f"greatest difference {gap:.2g}")


def _text(path):
    """The text of a file, its pseudonyms replaced by numbers in their order."""
    numbers: dict[str, str] = {}
    return PSEUDONYM.sub(
        lambda name: numbers.setdefault(name[0], f"{name[1]} #{len(numbers)}"),
        path.read_text(encoding="utf-8", errors="replace"))


def _alike(old, new, texts):
    """Whether two texts are the same once the new places are the old ones."""
    if old == new:
        return True
    for number in range(max((len(ways) for _, ways in texts), default=0)):
        text = new
        for place, ways in texts:
            text = text.replace(place, ways[min(number, len(ways) - 1)])
        if text == old:
            return True
    return False


def difference(old: Any, new: Any, texts: Spelled = ()) -> float:
    """The greatest difference of numbers in two values as JSON has them.

    Infinite where anything else differs but the places of `spelled`. Numbers below 1
    are compared as they are, others relative to their size.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        keys = {key for key in (*old, *new)
                if key not in KEYS_OF_ONE_CALL}
        return max((difference(old.get(key), new.get(key), texts) for key in keys),
                   default=0)
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return math.inf
        return max((difference(*pair, texts) for pair in zip(old, new, strict=True)),
                   default=0)
    if old == new:
        return 0.0
    try:
        first, second = float(old), float(new)
    except (TypeError, ValueError):
        return 0.0 if isinstance(old, str) and isinstance(new, str) and _alike(
            old, new, texts) else math.inf
    if isinstance(old, bool) or not math.isfinite(first - second):
        return 0.0 if math.isnan(first) and math.isnan(second) else math.inf
    return abs(first - second) / max(1.0, abs(first))


def _of_json(old, new, texts):
    return difference(json.loads(_text(old)), json.loads(_text(new)), texts)


def _of_tables(old, new, texts):
    first, second = (list(csv.DictReader(_text(path).splitlines()))
                     for path in (old, new))
    return difference(first, second, texts)


def _of_texts(old, new, texts):
    return _of_lines(_text(old), _text(new), texts)


def _of_pages(old, new, texts):
    first, second = (CELL_OF_ONE_CALL.sub(r"\1", _text(path)) for path in (old, new))
    return _of_lines(first, second, texts)


def _of_lines(first, second, texts):
    first, second = first.split("\n"), second.split("\n")
    return 0.0 if len(first) == len(second) and all(
        _alike(*pair, texts) for pair in zip(first, second, strict=True)) else math.inf


def _of_dicom(old, new, texts):
    first, second = (pydicom.dcmread(path).to_json_dict() for path in (old, new))
    return difference(first, second, texts)


def _of_pictures(old, new, texts):
    first, second = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (old, new))
    if first is None or second is None or first.shape != second.shape or (
            first.dtype != second.dtype):
        return math.inf
    return float(np.abs(first.astype(float) - second).max())


def _of_models(old, new, texts):
    """Greatest difference of weights in two HDF5 files; their cards may differ."""
    import h5py

    with h5py.File(old) as first, h5py.File(new) as second:
        names: list[str] = []
        first.visititems(lambda name, part: names.append(name)
                         if isinstance(part, h5py.Dataset) else None)
        return max((_gap(first[name][()], second[name][()]) for name in names),
                   default=0.0)


def _of_archives(old, new, texts):
    """Greatest difference of weights in two .keras files; all else must be equal."""
    with zipfile.ZipFile(old) as first, zipfile.ZipFile(new) as second:
        names = sorted(first.namelist())
        if names != sorted(second.namelist()):
            return math.inf
        return max(_of_members(name, first.read(name), second.read(name))
                   for name in names)


def _of_members(name, first, second):
    if name.endswith(".h5"):
        return _of_models(io.BytesIO(first), io.BytesIO(second), ())
    if name.endswith(".json"):
        return difference(json.loads(first), json.loads(second))
    return 0.0 if first == second else math.inf


def _of_arrays(old, new, texts):
    with np.load(old) as first, np.load(new) as second:
        if sorted(first.files) != sorted(second.files):
            return math.inf
        return max((_gap(first[name], second[name]) for name in first.files),
                   default=0.0)


def _gap(first, second):
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        return math.inf
    if first.dtype.kind not in "fiu":
        return 0.0 if np.array_equal(first, second) else math.inf
    return float(np.abs(first.astype(float) - second).max(initial=0))


DIFFERENCES: dict[str, Callable[[Any, Any, Iterable], float]] = {
    ".json": _of_json, ".csv": _of_tables, ".txt": _of_texts, ".html": _of_pages,
    ".keras": _of_archives, ".md": _of_texts, ".png": _of_pictures, ".h5": _of_models,
    ".npz": _of_arrays, ".dcm": _of_dicom}
