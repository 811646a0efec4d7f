"""Heatmaps of many women in one `.npz` without pickles; the original's file too."""

import collections
import dataclasses
import io
import json
import math
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from end2end.data.patches import roi_table
from end2end.utils import files

# The heatmaps of a thousand women have some 100 MB.
GREATEST_BYTES = 1 << 30
VIEWS = ("cc", "mlo")
COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclasses.dataclass(frozen=True)
class Case:
    """One breast."""

    patient_id: str
    side: str
    cancer: int               # 1 or 0
    cc: np.ndarray | None     # float32 (rows, columns, classes); None: no such view
    mlo: np.ndarray | None
    classes: tuple[str, ...] = ()  # of the heatmaps; empty: the file does not say


def read_breasts(
        table: str | os.PathLike,
        patients: str | os.PathLike | None = None) -> list[tuple[str, str, int]]:
    """Reads which breasts there are, and which have cancer.

    Args:
        table: CSV with columns patient_id, side and cancer (0 or 1); or with pathology
            in place of cancer, one row per lesion: cancer is any that begins with
            MALIGNANT.
        patients: file of the ids to use, one per line; a header is ignored.

    Returns:
        sorted list of (patient_id, side, cancer).

    Raises:
        files.InputError: a missing column or value, or an unknown patient.
    """
    try:
        rows = roi_table.read_rows(table, ("patient_id", "side", "cancer"), "table")
    except files.InputError:
        if "pathology" not in files.existing_file(table).read_text(errors="ignore"):
            raise
        rows = roi_table.read_rows(table, ("patient_id", "side", "pathology"), "table")
    cancers = collections.defaultdict(int)
    for row in rows:
        key = (row["patient_id"], row["side"])
        cancers[key] = max(cancers[key], _cancer(row, table))
    breasts = sorted((*key, cancer) for key, cancer in cancers.items())
    if patients is None:
        return breasts
    ids = files.existing_file(patients, "patient list").read_text().split()
    table_ids = {patient for patient, _ in cancers}
    # The original took the first id for a header and lost it.
    if ids and ids[0] not in table_ids:
        ids = ids[1:]
    unknown = [patient for patient in ids if patient not in table_ids]
    if unknown or not ids:
        raise files.InputError(
            f"patient list {patients}: {unknown[0] if unknown else 'it is empty'}; "
            f"expected patient ids of {table}, one per line.")
    return [breast for breast in breasts if breast[0] in set(ids)]


def _cancer(row, table):
    if "pathology" in row:
        return int(roi_table.is_malignant(row))
    if row["cancer"] not in ("0", "1", "0.0", "1.0"):
        raise files.InputError(
            f"table {table}: cancer of {row['patient_id']} {row['side']} is "
            f"{row['cancer']!r}; expected 0 or 1.")
    return int(float(row["cancer"]))


def write_cases(
        path: str | os.PathLike, cases: Sequence[Case], *, classes: Sequence[str] = (),
        settings: Mapping[str, object] | None = None) -> None:
    """Writes cases as a compressed `.npz`, atomically.

    Args:
        path: file, `.npz`.
        cases: list of `Case`.
        classes: names of the classes of the heatmaps.
        settings: dict of how they were made, kept as JSON.
    """
    arrays = dict(
        patient_id=np.array([case.patient_id for case in cases]),
        side=np.array([case.side for case in cases]),
        cancer=np.array([case.cancer for case in cases]),
        classes=np.array(list(classes)),
        settings=np.array(json.dumps(settings or {}, default=str)))
    for number, case in enumerate(cases):
        for view in VIEWS:
            heatmap = getattr(case, view)
            if heatmap is not None:
                arrays[f"{view}_{number}"] = np.asarray(heatmap, np.float32)
    with files.replacing(path) as part:
        np.savez_compressed(part, **arrays)


def read_cases(path: str | os.PathLike) -> list[Case]:
    """Reads the cases that `write_cases`, or the original, wrote.

    The original's pickles (protocol 0, Python 2) are read as data only: nothing but
    lists, dicts, strings, numbers and number arrays, so that no code in them can run.

    Args:
        path: `.npz`, or `.pkl` of the original.

    Returns:
        list of `Case`.

    Raises:
        files.InputError: the file is of another kind, or damaged.
    """
    path = files.existing_file(path, "heatmap file")
    data = path.read_bytes()
    read = _read_npz if data[:2] == b"PK" else _read_pickle
    try:
        cases = read(data)
    except (ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError,
            AssertionError, MemoryError, OSError, OverflowError, RuntimeError,
            struct.error, pickle.UnpicklingError, zipfile.BadZipFile,
            zlib.error) as error:
        raise files.InputError(
            f"heatmap file {path} cannot be read ({error}); expected the .npz of "
            "ddsm_train.heatmap_score, or the original's .pkl.") from error
    for case in cases:
        _check_case(case, path)
    return cases


def _check_case(case, path):
    """Refuses arrays that are not heatmaps, and labels other than 0 and 1."""
    for view in VIEWS:
        heatmap = getattr(case, view)
        if heatmap is not None and not (
                heatmap.ndim == 3 and heatmap.dtype.kind in "fiu"
                and heatmap.size and np.isfinite(heatmap).all()):
            raise files.InputError(
                f"heatmap file {path}: the {view} heatmap of {case.patient_id} "
                f"{case.side} of shape {heatmap.shape} is none; expected finite "
                "numbers by rows, columns and classes.")
    if case.cancer not in (0, 1):
        raise files.InputError(
            f"heatmap file {path}: cancer of {case.patient_id} {case.side} is "
            f"{case.cancer!r}; expected 0 or 1.")


def _read_npz(data):
    _check_sizes(data)
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        columns = (stored[name].tolist() for name in ("patient_id", "side", "cancer"))
        classes = tuple(map(str, stored["classes"].tolist())) if (
            "classes" in stored.files) else ()
        return [
            Case(*values, *(stored[name] if name in stored.files else None
                            for name in (f"cc_{number}", f"mlo_{number}")), classes)
            for number, values in enumerate(zip(*columns, strict=True))]


def _check_sizes(data):
    """Refuses arrays that are larger than what is stored of them, or than any case."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if not {member.compress_type for member in members} <= COMPRESSIONS:
            raise ValueError("it is packed in a way that NumPy does not use")
        if sum(member.file_size for member in members) > GREATEST_BYTES:
            raise ValueError(f"its arrays have more than {GREATEST_BYTES >> 20} MB")
        for member in members:
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                shape, _, kind = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0)
                    else np.lib.format.read_array_header_2_0)(stream)
            if math.prod(shape) * kind.itemsize > member.file_size:
                raise ValueError(f"{member.filename} is cut off")


def _read_pickle(data):
    cases = []
    for record in _DataUnpickler(io.BytesIO(data), encoding="latin1").load():
        views = (None if record[view] is None else record[view].array()
                 for view in VIEWS)
        cases.append(Case(str(record["patient_id"]), str(record["side"]),
                          int(_plain(record["cancer"])), *views))
    return cases


def _plain(value):
    return value.array().item() if isinstance(value, _StoredArray) else value


class _StoredType:
    """Stands in for `numpy.dtype`: keeps only the name of a number type."""

    def __init__(self, name, *unused):
        self.name, self.order = name, "<"

    def __setstate__(self, state):
        self.order = state[1]

    def number_type(self):
        kind = np.dtype(self.order.replace("|", "<") + self.name)
        if kind.kind not in "fiub":
            raise pickle.UnpicklingError(f"an array of type {self.name!r}")
        return kind


class _StoredArray:
    """Stands in for `numpy.ndarray`: keeps shape and bytes."""

    def __setstate__(self, state):
        _, self.shape, self.kind, self.by_columns, self.bytes = state

    def array(self):
        flat = np.frombuffer(_as_bytes(self.bytes), self.kind.number_type())
        order = "F" if self.by_columns else "C"
        return flat.reshape(self.shape, order=order).astype(np.float32)


def _stored_scalar(kind, data):
    value = _StoredArray()
    value.__setstate__((1, (), kind, False, data))
    return value


def _as_bytes(text):
    return text.encode("latin1") if isinstance(text, str) else text


class _DataUnpickler(pickle._Unpickler):
    """Knows the few names that arrays in a pickle need, each as a harmless stand-in.

    The one in Python: that in C takes memory for any number of memories that a file
    asks for. Byte arrays are refused: their memory is taken before they are read.
    """

    dispatch = {code: load for code, load in pickle._Unpickler.dispatch.items()
                if code != pickle.BYTEARRAY8[0]}
    KNOWN = {
        ("numpy", "dtype"): _StoredType,
        ("numpy", "ndarray"): _StoredArray,
        ("multiarray", "_reconstruct"): lambda *unused: _StoredArray(),
        ("multiarray", "scalar"): _stored_scalar,
        ("_codecs", "encode"): lambda text, encoding: _as_bytes(text),
    }

    def find_class(self, module, name):
        short = module.rsplit(".", 1)[-1]
        stand_in = self.KNOWN.get((short, name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not data")
        return stand_in
