"""Patches of many mammograms: the work of the sampling commands.

The same names and the same pixels as the original's sampler (docs/differences.md lists
what was mended).
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import pathlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end import config, images
from end2end.data.patches import geometry, patch_files, roi_table
from end2end.utils import files


class Draw(NamedTuple):
    """One patch to cut.

    Attributes:
        folder: class folder.
        number: in the file name.
        row: of the table.
        center: x, y in the padded image.
        kind: a word for why it is cut there; empty for a drawn place.
    """

    folder: str
    number: int
    row: Mapping[str, str]
    center: tuple[int, int]
    kind: str = ""


class Replacement(Protocol):
    """What puts other places for some of those that are drawn."""

    @property
    def key(self) -> str:
        """All that the places depend on, besides mammogram and options."""

    def draws(self, task: Task, drawn: Iterator[Draw]) -> Iterator[Draw]:
        """The places of one mammogram, as many as were drawn, of the same names."""


@dataclasses.dataclass
class Outcome:
    """What became of one mammogram."""

    lines: list = dataclasses.field(default_factory=list)     # the original's log
    problems: list = dataclasses.field(default_factory=list)  # one sentence each
    paths: list = dataclasses.field(default_factory=list)     # its patches
    unchanged: bool = False  # they were there from an earlier call


def sample(
        jobs: Sequence[roi_table.Job], options: config.SamplingOptions, *,
        existing: patch_files.Index | None = None, seed: int = geometry.ORIGINAL_SEED,
        workers: int = 1, replacement: Replacement | None = None
        ) -> Iterator[Outcome]:
    """Samples patches of mammograms.

    Files, names and draws are those of the original (`seeding="original"`). What comes
    out does not depend on the number of workers. A mammogram whose patches are complete
    from an earlier call with the same settings and files is left as it is.

    Args:
        jobs: list of `roi_table.Job`, from `roi_table.plan`.
        options: `config.SamplingOptions`.
        existing: `patch_files.Index` of the patches that are there.
        seed: of `seeding="image"`.
        workers: threads.
        replacement: puts other places for some of those that are drawn.

    Yields:
        `Outcome` of each mammogram, in order.
    """
    work = functools.partial(
        sample_image, options=options, existing=existing, seed=seed,
        replacement=replacement)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            yield from pool.map(work, jobs)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def sample_image(
        job: roi_table.Job, options: config.SamplingOptions, *,
        existing: patch_files.Index | None = None,
        seed: int = geometry.ORIGINAL_SEED,
        replacement: Replacement | None = None) -> Outcome:
    """Samples and writes all patches of one mammogram.

    A missing or unreadable file ends the work on this mammogram, not on the others; the
    patches found before are kept.

    Args:
        job: `roi_table.Job`.
        options: `config.SamplingOptions`.
        existing: `patch_files.Index` of an earlier call.
        seed: of `seeding="image"`.
        replacement: as for `sample`.

    Returns:
        `Outcome`.
    """
    stamp = fingerprint(job, options, seed, replacement)
    paths = existing.complete(job.out, job.name, stamp) if existing else []
    if paths:
        lines = [f"ID:{job.name}, its patches are there"] if options.verbose else []
        return Outcome(lines, paths=paths, unchanged=True)
    outcome, patches = Outcome(), {}
    try:
        for path, patch, kind in image_patches(
                job, options, outcome, seed=seed, replacement=replacement):
            # Two rows of one name overwrite each other, as in the original.
            patches[path] = patch, kind
    except Unusable as error:
        outcome.lines.append(str(error))
        outcome.problems.append(str(error))
    for path, (patch, kind) in patches.items():
        patch_files.write_patch(
            path, patch, stamp=stamp, total=len(patches), kind=kind)
    outcome.paths = list(patches)
    if options.verbose and not options.segment:
        # The original ended its first line only after segmentation.
        outcome.lines[:2] = [" ".join(outcome.lines[:2])]
    return outcome


def fingerprint(
        job: roi_table.Job, options: config.SamplingOptions, seed: int,
        replacement: Replacement | None = None) -> str:
    """Hexadecimal digest of all that the patches of a mammogram depend on."""
    settings = dataclasses.replace(options, verbose=True, validation_share=0.0)
    words = (job.key, job.rows, job.convention, settings, seed)
    if replacement:
        words += (replacement.key,)
    digest = hashlib.sha256(repr(words).encode())
    for path in (job.image, *job.masks):
        # What is larger is refused when it is read.
        if path.is_file() and path.stat().st_size <= files.MAX_IMAGE_BYTES:
            files.add_content(digest, path)
        else:
            digest.update(b"missing")
        digest.update(b"|")
    return digest.hexdigest()[:16]


class Unusable(Exception):
    """A file of a mammogram cannot be used; the message is a line of the log."""


@dataclasses.dataclass(frozen=True)
class Task:
    """One mammogram in work."""

    job: roi_table.Job
    options: config.SamplingOptions
    outcome: Outcome
    picture: np.ndarray  # (rows, columns), cropped where asked for
    crop: tuple          # x, y, width, height of it

    @property
    def margin(self) -> int:
        """Pixels of the black margin of the padded image: half a patch."""
        return self.options.patch_size // 2

    def say(self, text: str) -> None:
        """Adds a line to the log where a verbose one is asked for."""
        if self.options.verbose:
            self.outcome.lines.append(text)


def image_patches(
        job: roi_table.Job, options: config.SamplingOptions, outcome: Outcome, *,
        seed: int, replacement: Replacement | None = None
        ) -> Iterator[tuple[pathlib.Path, NDArray, str]]:
    """Yields path, pixels and kind of every patch of one mammogram, in the original's
    order.

    Raises:
        Unusable: a file is missing, unreadable or empty; what came before is valid.
    """
    task = start(job, options, outcome)
    draws = (true_draws(task, seed) if options.seeding == "image"
             else original_draws(task))
    if replacement:
        draws = replacement.draws(task, draws)
    for draw in draws:
        name = f"{job.name}_{draw.row['abn_num']}_{draw.number:04d}.png"
        patch = geometry.cut(task.picture, draw.center, options.patch_size)
        yield job.out / draw.folder / name, patch, draw.kind


def start(
        job: roi_table.Job, options: config.SamplingOptions, outcome: Outcome) -> Task:
    """Reads and crops the full image."""
    try:
        picture = images.read_image(job.image)
    except files.InputError as error:
        raise Unusable(f"Read image error: {job.image}") from error
    picture = images.resized(picture, config.ImageOptions(
        height=None if options.target_width else options.target_height,
        size=(options.target_height, options.target_width)))
    height, width = picture.shape
    line = f"ID:{job.name}, read image of size={picture.shape}"
    crop = (0, 0, width, height)
    if options.segment:
        try:
            picture, crop = images.segment_breast(picture)
        except ValueError as error:
            raise Unusable(f"Error processing image: {job.image}: {error}") from error
        line += f" size after segmentation={picture.shape}"
    task = Task(job, options, outcome, picture, (*crop, height, width))
    task.say(line)
    return task


def read_region(task: Task, path: pathlib.Path) -> geometry.Region:
    """Reads the mask of one lesion, at the size and crop of the picture."""
    mask = read_grey(path)
    x, y, columns, rows, height, width = task.crop
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC)
    mask = mask[y:y + rows, x:x + columns]
    try:
        return geometry.find_region(mask, margin=task.margin)
    except ValueError as error:
        raise Unusable(f"Error processing mask image: {path}: {error}") from error


def read_grey(path: pathlib.Path) -> NDArray[np.uint8]:
    """Reads a mask as 8-bit grey."""
    try:
        return images.decoded(files.existing_file(path, "mask"), grey=True)
    except files.InputError as error:
        raise Unusable(f"Read image error: {path}") from error


def original_draws(task: Task) -> Iterator[Draw]:
    """The original's patches: one fixed seed, the same for every lesion.

    Hard negatives and background patches only beside the first lesion, and tested
    against that one alone (documented behaviour of the original).

    Yields:
        `Draw`.
    """
    for index, (row, path) in enumerate(
            zip(task.job.rows, task.job.masks, strict=True)):
        region = read_region(task, path)
        hard_negatives = []
        if index == 0 and task.options.hard_negative_count:
            rng = np.random.RandomState(geometry.ORIGINAL_SEED)
            hard_negatives = list(blob_draws(task, rng, [region], row))
            yield from hard_negatives
        rng = np.random.RandomState(geometry.ORIGINAL_SEED)
        yield from lesion_draws(task, rng, region, row)
        if index == 0:
            yield from background_draws(
                task, rng, [region], row, first=len(hard_negatives))


def true_draws(task: Task, seed: int) -> Iterator[Draw]:
    """Patches drawn for each mammogram: background on tissue beside all lesions.

    The draws depend on the seed and the mammogram's name only.

    Yields:
        `Draw`.
    """
    regions = [read_region(task, path) for path in task.job.masks]
    rng = np.random.RandomState([seed % 2**32, zlib.crc32(task.job.name.encode())])
    try:
        breast, _ = images.segment_breast(task.picture, crop=False)
    except ValueError as error:
        raise Unusable(f"Error processing image: {task.job.image}: {error}") from error
    tissue = geometry.tissue_region(breast, margin=task.margin)
    hard_negatives = []
    if task.options.hard_negative_count:
        hard_negatives = list(blob_draws(task, rng, regions, task.job.rows[0]))
        yield from hard_negatives
    for row, region in zip(task.job.rows, regions, strict=True):
        yield from lesion_draws(task, rng, region, row)
    yield from background_draws(task, rng, regions, task.job.rows[0],
                                first=len(hard_negatives), tissue=tissue)


def blob_draws(
        task: Task, rng: np.random.RandomState, regions: Sequence[geometry.Region],
        row: Mapping[str, str]) -> Iterator[Draw]:
    """Hard negatives, numbered from 0."""
    options = task.options
    task.say(f"ROI centroid= {regions[0].centroid}")
    centers = geometry.blob_centers(
        rng, task.picture, regions, options.hard_negative_count,
        patch_size=options.patch_size, background_overlap=options.background_overlap)
    for number, center in enumerate(centers):
        task.say(f"sampled a blob patch at (x,y) center= {center}")
        yield Draw(options.background_folder, number, row, center)


def lesion_draws(
        task: Task, rng: np.random.RandomState, region: geometry.Region,
        row: Mapping[str, str]) -> Iterator[Draw]:
    """Patches of one lesion, numbered from 0."""
    options = task.options
    task.say(f"ROI centroid= {region.centroid}")
    if row.get("type") == roi_table.OTHER_LESION:
        return
    if options.lesion_count == 1 and task.job.convention.single_at_centroid:
        centers = [region.centroid]
    else:
        centers = geometry.lesion_centers(
            rng, region, options.lesion_count, patch_size=options.patch_size,
            lesion_overlap=options.lesion_overlap, say=task.say)
    try:
        for number, center in enumerate(centers):
            task.say(f"sampled an abn patch at (x,y) center= {center}")
            yield Draw(roi_table.lesion_folder(row, options), number, row, center)
    except geometry.NoPlace as error:
        skip(task, f"lesion {row['abn_num']}: {error}")


def background_draws(
        task: Task, rng: np.random.RandomState, regions: Sequence[geometry.Region],
        row: Mapping[str, str], *, first: int,
        tissue: geometry.Region | None = None) -> Iterator[Draw]:
    """Background patches, numbered from `first`."""
    options = task.options
    centers = geometry.background_centers(
        rng, regions, options.background_count - first, tissue=tissue,
        patch_size=options.patch_size, background_overlap=options.background_overlap)
    try:
        for number, center in enumerate(centers, first):
            task.say(f"sampled a bkg patch at (x,y) center= {center}")
            yield Draw(options.background_folder, number, row, center)
    except geometry.NoPlace as error:
        skip(task, str(error))


def skip(task: Task, text: str) -> None:
    """Reports patches that could not be placed."""
    text = f"{task.job.name}: {text}; skipped"
    task.outcome.lines.append(text)
    task.outcome.problems.append(text)
