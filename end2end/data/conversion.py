"""Mammogram files to 16-bit PNG of one size, on all cores, restartable.

Intensities are those of the file at the full range of 16 bits; images are resized with
OpenCV's bicubic interpolation in the integer type, as the original did, and never
cropped. A file that cannot be read is named with the reason and stops nothing.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import logging
import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import tqdm
from numpy.typing import NDArray

from end2end import dicom, images
from end2end.dicom import parsing
from end2end.utils import files, processes

log = logging.getLogger(__name__)

# Of the settings tried on real mammograms the fastest that compresses, and smallest:
# 44 ms and 0.84 MB at 1152x896; OpenCV's default needs 68 ms and 0.89 MB.
PNG_SETTINGS = (cv2.IMWRITE_PNG_COMPRESSION, 1,
                cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)


class Unreadable(Exception):
    """A file that cannot be converted; the message is the reason for the log."""


def read_mammogram(path: str | os.PathLike) -> tuple[NDArray, dicom.Mammogram | None]:
    """Reads a mammogram, DICOM through `dicom.read_dicom`.

    Args:
        path: file of any kind that `images.read_image` reads.

    Returns:
        uint8 or uint16 array `(rows, columns)`, and a `dicom.Mammogram`, None if the
        file is not a DICOM file.

    Raises:
        Unreadable: whatever is wrong with the file.
    """
    path = pathlib.Path(path)
    with _naming_reasons(path):
        if not files.is_dicom(path):
            return _whole_numbers(images.read_image(path)), None
        mammogram = dicom.read_dicom(path)
        return _whole_numbers(mammogram.pixels), mammogram


@contextlib.contextmanager
def _naming_reasons(path):
    """Turns what damaged files raise into `Unreadable`."""
    try:
        yield
    except files.InputError as error:
        raise Unreadable(str(error).replace(f"{path} ", "")) from error
    except (*parsing.READING_ERRORS, MemoryError, cv2.error) as error:
        raise Unreadable(f"cannot be read: {_short(error)}") from error


def _whole_numbers(pixels):
    """Real numbers, which a rescaling in the file may give, to uint16."""
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    return np.clip(np.rint(pixels), 0, 65535).astype(np.uint16)


def read_stored(path: str | os.PathLike) -> NDArray:
    """Reads the pixels of a mask, a crop or a mammogram as stored.

    Without window or inversion, and whether or not it is a mammogram.

    Returns:
        uint8 or uint16 array `(rows, columns)`.

    Raises:
        Unreadable: whatever is wrong with the file.
    """
    path = pathlib.Path(path)
    with _naming_reasons(path):
        if files.is_dicom(path):
            pixels = dicom.read_stored(path)
        else:
            pixels = images.read_image(path)
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise Unreadable(f"is not a grey image of 8 or 16 bits ({pixels.shape}, "
                         f"{pixels.dtype})")
    return pixels


def read_shape(path: str | os.PathLike) -> tuple[int, int]:
    """(rows, columns) of an image; of a DICOM file from the header alone.

    Raises:
        Unreadable: whatever is wrong with the file.
    """
    path = pathlib.Path(path)
    with _naming_reasons(path):
        if not files.is_dicom(path):
            return read_stored(path).shape
        return dicom.read_shape(path)


def _short(error):
    return " ".join(str(error).split())[:200] or type(error).__name__


def to_16_bit(pixels: NDArray, factor: float | None = None) -> NDArray[np.uint16]:
    """Brings pixels to the range of 16 bits.

    Args:
        pixels: uint8 or uint16 array.
        factor: multiplies the values; None keeps 16-bit values and takes 8-bit values
            times 257, so that 255 becomes 65535.

    Returns:
        uint16 array of the same shape; values beyond 65535 are cut.
    """
    if factor is None and pixels.dtype == np.uint16:
        return pixels
    if factor is None:
        return pixels.astype(np.uint16) * 257
    values = np.arange(np.iinfo(pixels.dtype).max + 1)
    return np.clip(np.rint(values * factor), 0, 65535).astype(np.uint16)[pixels]


def resized(pixels: NDArray, size: Sequence[int]) -> NDArray:
    """Resizes in the integer type, bicubic, aspect not kept.

    Args:
        pixels: uint8 or uint16 array `(rows, columns)`.
        size: (height, width) in pixels.
    """
    if pixels.shape == tuple(size):
        return pixels
    return cv2.resize(pixels, tuple(size)[::-1], interpolation=cv2.INTER_CUBIC)


def resized_mask(mask: NDArray, size: Sequence[int]) -> NDArray[np.uint8]:
    """Resizes a mask; a pixel is inside if half of it is, or, of a region so small that
    nothing would remain, any of it.

    Args:
        mask: uint8 or uint16 array; above half of its maximum is inside.
        size: (height, width) in pixels.

    Returns:
        uint8 array `size` of 0 and 255.
    """
    top = int(mask.max())
    shares = inside_shares(cv2.inRange(mask, top // 2 + 1, top), size)
    # Half, or what rounds to more than none of 255 levels; less what sums round off.
    least = (0.5 if shares.max() >= 0.5 - 1e-9 else 1 / 510) - 1e-9
    return np.where(shares >= least, 255, 0).astype(np.uint8)


def inside_shares(
        inside: NDArray[np.uint8], size: Sequence[int]) -> NDArray[np.float64]:
    """Which share of each pixel of a coarser grid lies inside.

    The same as OpenCV's resizing by area, but only where the region is, which takes a
    tenth of the time for a lesion in a mammogram.

    Args:
        inside: uint8 array `(rows, columns)` of 0 and 255.
        size: (height, width) of the grid.

    Returns:
        float64 array `size`, 0 to 1.
    """
    shares = np.zeros(size)
    left, top, width, height = cv2.boundingRect(inside)
    if not height:
        return shares
    sums = cv2.integral(
        inside[top:top + height, left:left + width], sdepth=cv2.CV_64F)
    ranges = []
    for axis, (first, count) in enumerate(((top, height), (left, width))):
        step = inside.shape[axis] / size[axis]
        begin = int(first / step)
        end = min(size[axis], math.ceil((first + count) / step))
        # Sums up to the grid's lines, which lie between pixels.
        lines = np.clip(np.arange(begin, end + 1) * step - first, 0, count)
        before = np.minimum(lines.astype(int), count - 1)
        beyond = np.expand_dims(lines - before, 1 - axis)
        sums = (sums.take(before, axis) * (1 - beyond)
                + sums.take(before + 1, axis) * beyond)
        ranges.append(slice(begin, end))
    shares[tuple(ranges)] = np.diff(np.diff(sums, axis=0), axis=1) * (
        size[0] * size[1] / inside.size / 255)
    return shares


def write_png(path: str | os.PathLike, pixels: NDArray) -> None:
    """Writes a grey PNG atomically."""
    _, encoded = cv2.imencode(".png", pixels, PNG_SETTINGS)
    with files.replacing(path) as part:
        part.write_bytes(encoded.tobytes())


class Ledger:
    """What was converted from what, so that a second call does only what is missing.

    One line of JSON per job, added when the job is done; a line that was cut off by a
    kill is passed over. File names in it are relative to its folder.
    """

    FIELDS = frozenset(("key", "signature", "complete", "outputs"))

    def __init__(self, path: str | os.PathLike) -> None:
        self.path, self.records = pathlib.Path(path), {}
        if not self.path.exists():
            return
        text = self.path.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                record = json.loads(line)
                if isinstance(record, dict) and set(record) >= self.FIELDS:
                    self.records[record["key"]] = record

    def done(self, job: dict[str, Any]) -> bool:
        """Whether a job was done before, from the same files, and is still whole."""
        record = self.records.get(job["key"])
        return bool(
            record and record["complete"] and record["signature"] == signature(job)
            and self._sizes(record["outputs"]) == record["outputs"])

    def add(
            self, job: dict[str, Any], result: dict[str, Any],
            signed: str | None = None) -> None:
        """Remembers what came of a job; removes what it made before and not now.

        Args:
            job: see `run_jobs`.
            result: what its function returned.
            signed: `signature` of the job before it was done; a source that changed
                meanwhile then makes the next call do it again.
        """
        before = self.records.get(job["key"], {}).get("outputs", {})
        self._remove(set(before) - set(result["outputs"]))
        record = dict(result, key=job["key"], signature=signed or signature(job),
                      outputs=self._sizes(result["outputs"]))
        self.records[job["key"]] = record
        with open(self.path, "ab") as stream:
            stream.write(json.dumps(record).encode() + b"\n")

    def tidy(self, jobs: list[dict[str, Any]]) -> None:
        """Keeps these jobs only; removes what others made before.

        One line each in the order of the jobs, so that the file is the same whichever
        call or process did a job first.
        """
        keys = [job["key"] for job in jobs]
        for key in set(self.records) - set(keys):
            self._remove(self.records.pop(key)["outputs"])
        self.records = {key: self.records[key] for key in keys if key in self.records}
        files.write_text(self.path, "".join(
            json.dumps(record) + "\n" for record in self.records.values()))

    def _sizes(self, names):
        """Bytes of each file, None where it is missing."""
        paths = {name: self.path.parent / name for name in names}
        # os.path, since a text that cannot be a name is missing too.
        return {name: path.stat().st_size if os.path.isfile(path) else None
                for name, path in paths.items()}

    def _remove(self, names):
        """Removes files below the ledger's folder, whatever the ledger says."""
        for name in map(pathlib.PurePosixPath, names):
            path = self.path.parent / name
            if (not name.is_absolute() and ".." not in name.parts
                    and os.path.isfile(path)):
                path.unlink(missing_ok=True)


def signature(job: dict[str, Any]) -> str:
    """Hash of what a job's outputs depend on: its settings and its source files."""
    sources = []
    for source in map(pathlib.Path, job["sources"]):
        status = source.stat() if source.exists() else None
        sources.append([source.name, status and status.st_size,
                        status and status.st_mtime_ns])
    content = json.dumps([job["settings"], sources], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def run_jobs(
        jobs: list[dict[str, Any]],
        function: Callable[[dict[str, Any]], dict[str, Any]], *, ledger: Ledger,
        workers: int = 1, unit: str = "image") -> list[dict[str, Any]]:
    """Runs jobs in parallel processes, keeping what was done before.

    Args:
        jobs: dicts of plain values with `key` (a name), `sources` (the files read),
            `settings` (what else the outputs depend on) and whatever `function` needs.
        function: a job to a dict of plain values; importable by name. `outputs` in it
            lists the files made, relative to the ledger's folder; `complete` says that
            nothing was left out. `Unreadable` makes a failed job.
        ledger: `Ledger`.
        workers: processes.
        unit: of the progress bar.

    Returns:
        a record per job, in their order: what `function` returned, with `key`, and
        `failed` (a reason, or None).
    """
    waiting = [job for job in jobs if not ledger.done(job)]
    if len(waiting) < len(jobs):
        log.info("%d of %d were done before", len(jobs) - len(waiting), len(jobs))
    changed = sum(job["key"] in ledger.records
                  and ledger.records[job["key"]]["complete"] for job in waiting)
    if changed:
        log.info("%d are done again: size, settings or source files changed, or the "
                 "result is missing", changed)
    signed = {job["key"]: signature(job) for job in waiting}
    with tqdm.tqdm(total=len(waiting), unit=unit, disable=None) as bar:
        for job, result in _results(waiting, function, workers):
            ledger.add(job, result, signed[job["key"]])
            bar.update()
    ledger.tidy(jobs)
    return [ledger.records[job["key"]] for job in jobs]


def attempt(
        function: Callable[[dict[str, Any]], dict[str, Any]],
        job: dict[str, Any]) -> dict[str, Any]:
    """Runs a job; a bad file becomes a reason."""
    try:
        return dict(failed=None) | function(job)
    except Unreadable as error:
        return failure(str(error))


def failure(reason: str) -> dict[str, Any]:
    """The result of a job that made nothing."""
    return dict(failed=reason, outputs=[], complete=False)


def _results(jobs, function, workers):
    """Yields (job, result) as they are done; a job whose process dies is repeated
    alone, and fails if it dies again."""
    if workers == 1 or len(jobs) < 2:
        yield from ((job, attempt(function, job)) for job in jobs)
        return
    unfinished = dict(enumerate(jobs))
    for number, result in _pooled(unfinished, function, workers):
        if result is not None:
            yield unfinished.pop(number), result
    for job in list(unfinished.values()):
        (_, result), = _pooled({0: job}, function, 1)
        yield job, result or failure("the process that read it died")


def _pooled(jobs, function, workers):
    with processes.pool(workers) as pool:
        futures = {pool.submit(attempt, function, job): number
                   for number, job in jobs.items()}
        for future in concurrent.futures.as_completed(futures):
            try:
                yield futures[future], future.result()
            except concurrent.futures.process.BrokenProcessPool:
                yield futures[future], None
