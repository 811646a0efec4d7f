"""Looks at images before any training or prediction, and says what to do about them.

Most failures with whole-image classifiers are here: a 12-bit set scaled as if it had 16
bits, an inverted background, the same picture in two splits.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import hashlib
import math
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from end2end.images import belonging, depths, reading, scaling
from end2end.utils import commands, files

if TYPE_CHECKING:
    from end2end import config

# Greatest values of the usual bit depths.
FULL_RANGES = {8: 255, 10: 1023, 12: 4095, 14: 16383, 16: 65535}


SHARED_PATIENTS = "patient in two splits"


@dataclasses.dataclass(frozen=True)
class ImageStatistics:
    """What one look at an image finds; intensities are those on disk unless said.

    Attributes:
        size: (height, width) in pixels.
        background: share of pixels up to 5 % of the maximum.
        bright: share of pixels from 90 % of the maximum on.
        saturated: share of pixels at the maximum.
        mean: after resizing and stretching, before the rescale factor.
        top: maximum after stretching, before the rescale factor.
        digest: of the pixels, whatever the file format.
        error: why it cannot be read, in which case the rest is empty.
    """

    path: pathlib.Path
    size: tuple = (0, 0)
    eight_bits: bool = False
    minimum: float = 0.0
    maximum: float = 0.0
    background: float = 0.0
    bright: float = 0.0
    saturated: float = 0.0
    mean: float = math.nan
    top: float = 0.0
    digest: str = ""
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something odd: one sentence on what it is and what to do, and the images."""

    kind: str
    message: str
    paths: tuple = ()


@dataclasses.dataclass(frozen=True)
class Check:
    """The outcome of `check_images`.

    Attributes:
        findings: list of `Finding`.
        intensity_scale: rescale factor to use: that of the options if it brings the
            images to 0-255, else the one that does so for the first set; None for none.
        pixel_mean: mean grey value of the first set after scaling with it.
        statistics: list of `ImageStatistics` by name of the set.
    """

    findings: list
    intensity_scale: float | None
    pixel_mean: float
    statistics: dict


def look(
        image: NDArray, path: str | os.PathLike,
        options: config.ImageOptions) -> ImageStatistics:
    """Measures one image.

    Args:
        image: array `(rows, columns)` from `images.read_image`.
        path: where it is from.
        options: `ImageOptions`; its rescale factor and equalisation are ignored.

    Returns:
        `ImageStatistics`.
    """
    maximum = float(image.max())
    plain = dataclasses.replace(
        options, intensity_scale=None, equalize_histogram=False)
    ready = scaling.intensities(scaling.resized(image, plain), plain)
    digest = hashlib.blake2b(np.ascontiguousarray(image))
    digest.update(str((image.shape, image.dtype)).encode())
    return ImageStatistics(
        path=path, size=image.shape, eight_bits=image.dtype == np.uint8,
        minimum=float(image.min()), maximum=maximum,
        background=float((image <= 0.05 * maximum).mean()),
        bright=float((image >= 0.9 * maximum).mean()),
        saturated=float((image == maximum).mean()),
        mean=float(ready.mean(dtype=np.float64)), top=float(ready.max()),
        digest=digest.hexdigest())


def look_at_file(
        path: str | os.PathLike, options: config.ImageOptions) -> ImageStatistics:
    """`look` at a file; one that cannot be read gives statistics with an `error`."""
    try:
        return look(reading.read_image(path), pathlib.Path(path), options)
    except files.InputError as error:
        return ImageStatistics(pathlib.Path(path), error=str(error))


def suitable_scale(statistics: Iterable[ImageStatistics]) -> float | None:
    """The factor that brings images to 0-255, from the bit depth that they use.

    The greatest value of the whole set decides; see `depths`.

    Args:
        statistics: list of `ImageStatistics`.

    Returns:
        None for 8-bit images (nothing to scale), 0.003891 for 16 bits, and 255 over the
        range for what lies between, to four digits.
    """
    maximum = max((image.maximum for image in statistics), default=0.0)
    return depths.scale(depths.of_maximum(maximum))


def with_scale(
        options: config.ImageOptions, paths: Sequence[str | os.PathLike], *,
        workers: int = 1) -> config.ImageOptions:
    """Replaces the rescale factor `auto` by the one that suits the images.

    Args:
        options: `ImageOptions`.
        paths: image files; all are read if the factor is `auto`, none otherwise.

    Returns:
        `ImageOptions` with a number or None.

    Raises:
        files.InputError: none of the images can be read.
    """
    if options.intensity_scale != "auto":
        return options
    looked = [image for image in _look_at_all(paths, options, workers)
              if not image.error]
    if not looked:
        raise files.InputError(
            "no image to find the rescale factor from can be read; check the folder.")
    return dataclasses.replace(options, intensity_scale=suitable_scale(looked))


def _look_at_all(paths, options, workers, progress=iter):
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(progress(pool.map(
            lambda path: look_at_file(path, options), paths)))


def check_images(
        sets: Mapping[str, Any], options: config.ImageOptions, *,
        workers: int = 1, progress: Callable[[Any], Iterable] = iter) -> Check:
    """Checks the images of one or several splits.

    Args:
        sets: dict of name to `image_lists.ImageList`; the training set first.
        options: `ImageOptions` meant for them; the rescale factor may be `auto`.
        workers: threads that read.
        progress: function that wraps the iterator over all images of a set.

    Returns:
        `Check`.

    Raises:
        files.InputError: no image can be read.
    """
    statistics = {name: _look_at_all(listed.paths, options, workers, progress)
                  for name, listed in sets.items()}
    readable = {name: [image for image in looked if not image.error]
                for name, looked in statistics.items()}
    everything = [image for looked in readable.values() for image in looked]
    if not everything:
        raise files.InputError("none of the images can be read; check the folder.")
    first = next(looked for looked in readable.values() if looked)
    intensity_scale = options.intensity_scale
    suitable = None if options.stretch_max_to else suitable_scale(first)
    if intensity_scale == "auto":
        intensity_scale = suitable
    ranges = list(_range_findings(everything, intensity_scale, suitable))
    if any(finding.kind != "mixed ranges" for finding in ranges):
        intensity_scale = suitable
    pixel_mean = _mean(
        first, dataclasses.replace(options, intensity_scale=intensity_scale))
    findings = [
        *(Finding("unreadable", image.error, (image.path,))
          for looked in statistics.values() for image in looked if image.error),
        *ranges, *_mean_findings(pixel_mean), *_picture_findings(everything),
        *_size_findings(everything, options),
        *_class_findings(sets), *_twin_findings(readable, sets)]
    return Check(findings, intensity_scale, pixel_mean, statistics)


def _mean(looked, options):
    """Mean grey value after scaling; a second look only if equalisation bends it."""
    if options.equalize_histogram:
        return scaling.grey_mean([image.path for image in looked], options)
    mean = float(np.mean([image.mean for image in looked]))
    return mean * (options.intensity_scale or 1)


def _range_findings(looked, intensity_scale, suitable):
    """Intensities after scaling that do not fill 0-255, and the factor that does."""
    proposal = ("leave out --rescale-factor" if suitable is None
                else f"use --rescale-factor {suitable:g}")
    if intensity_scale == suitable:
        proposal = "check their export"
    intensity_scale = intensity_scale or 1
    top = max(image.top for image in looked) * intensity_scale
    greatest = max(image.maximum for image in looked)
    if 0 < top < 100:
        bits = next(
            (bits for bits, full in FULL_RANGES.items() if greatest <= full), 16)
        yield Finding("too dark", (
            f"After scaling the images reach only {top:.0f} of 255 (their values go up "
            f"to {greatest:.0f}, so they use {bits} bits); {proposal}."))
    elif top > 260:
        yield Finding("too bright", (
            f"After scaling the images reach {top:.0f}, beyond 255; {proposal}, or "
            "stretch each image with --img-scale 255."))
    weak = [image.path for image in looked
            if 0 < image.top < 0.125 * (top / intensity_scale)]
    if weak:
        yield Finding("mixed ranges", (
            f"{_images(weak)} with less than an eighth of the range of the others "
            "(another bit depth?): convert all to one range, or stretch each image "
            "with --img-scale 255."), tuple(weak))


def _mean_findings(pixel_mean):
    if not 8 <= pixel_mean <= 150:
        yield Finding("mean", (
            f"The mean grey value after scaling is {pixel_mean:.1f}, where mammograms "
            "have some 20 to 110; check the rescale factor and that the background is "
            "dark."))


# Each row: kind, which images, what to say about them.
PICTURE_RULES = (
    ("constant", lambda image: image.minimum == image.maximum,
     "with a single grey level: leave out."),
    ("saturated",
     lambda image: image.minimum < image.maximum and image.saturated > 0.05,
     "with more than 5 % of the pixels at the maximum: export with a wider window."),
    ("bright background",
     lambda image: image.minimum < image.maximum and image.bright > 0.4,
     "bright on more than 40 % of the area, so probably inverted (MONOCHROME1): "
     "invert."),
    ("no background",
     lambda image: (image.background < 0.02 and image.bright <= 0.4
                    and min(image.size) >= 512),
     "without dark background: check that it is a whole mammogram, and not cropped, "
     "inverted or offset."),
    ("almost empty",
     lambda image: image.minimum < image.maximum and image.background > 0.97,
     "black on more than 97 % of the area: check that it shows a breast."),
)


def _picture_findings(looked):
    for kind, wrong, sentence in PICTURE_RULES:
        paths = tuple(image.path for image in looked if wrong(image))
        if paths:
            yield Finding(kind, f"{_images(paths)} {sentence}", paths)


def _size_findings(looked, options):
    height, width = options.size if options.height is None else (options.height, 1)
    small = tuple(image.path for image in looked
                  if image.size[0] < 0.9 * height or image.size[1] < 0.9 * width)
    if small:
        yield Finding("small", (
            f"{_images(small)} smaller than {height} rows, that of --img-size: give "
            "the size of the model, or use larger originals."), small)
    lying = tuple(image.path for image in looked
                  if height > width and image.size[1] > 1.05 * image.size[0])
    if lying and options.height is None:
        yield Finding("lying", (
            f"{_images(lying)} wider than high, which would be squeezed upright: turn "
            "or crop."), lying)


def _class_findings(sets):
    for name, listed in sets.items():
        if listed.labels is None:
            continue
        counts = dict(zip(listed.classes, np.bincount(
            listed.labels, minlength=len(listed.classes)).tolist(), strict=True))
        empty = [label for label, count in counts.items() if count == 0]
        if empty:
            yield Finding("empty class", (
                f"{name} has no images of the class {', '.join(empty)}; check the "
                "folder's name and --class-list."))
        elif max(counts.values()) > 20 * min(counts.values()):
            yield Finding("unbalanced", (
                f"{name} is very uneven ({_counts(counts)}); keep "
                "--auto-batch-balance, and judge by AUC and not by accuracy."))


def _twin_findings(readable, sets):
    """The same picture, or the same patient, more than once."""
    places = collections.defaultdict(list)
    labels = {}
    for name, looked in readable.items():
        listed = sets[name]
        if listed.labels is not None:
            labels |= {path: listed.classes[label] for path, label
                       in zip(listed.paths, listed.labels, strict=True)}
        for image in looked:
            places[image.digest].append((name, image.path))
    for twins in places.values():
        splits = sorted({name for name, _ in twins}, key=list(readable).index)
        paths = tuple(path for _, path in twins)
        classes = {labels[path] for path in paths if path in labels}
        if len(splits) > 1:
            yield Finding("in two splits", (
                f"The same picture is in {' and '.join(splits)} ({_names(paths)}); "
                f"remove it from {splits[0]}, or results are too good."), paths)
        elif len(twins) > 1:
            yield Finding("twice", (
                f"The same picture is {len(twins)} times in {splits[0]} "
                f"({_names(paths)}); keep one."), paths)
        if len(classes) > 1:
            yield Finding("two labels", (
                f"The same picture is labelled {' and '.join(sorted(classes))} "
                f"({_names(paths)}); decide for one."), paths)
    yield from _patient_findings(sets)


def _patient_findings(sets):
    shared = belonging.shared_women(sets)
    if shared:
        yield Finding(SHARED_PATIENTS, belonging.shared_sentence(shared),
                      shared[0].paths)


def _images(paths):
    """`3 images (first: a.png)`, to begin a sentence with."""
    first = "first: " if len(paths) > 1 else ""
    return f"{commands.counted(len(paths), 'image')} ({first}{paths[0]})"


def _names(paths):
    shown = ", ".join(map(str, paths[:3]))
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def _counts(counts):
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def summary(
        name: str, listed: Any,
        looked: Sequence[ImageStatistics]) -> str:
    """One line on a set: counts, sizes, intensities.

    Args:
        name: of the set.
        found: its `image_lists.ImageList`.
        looked: its `ImageStatistics`.
    """
    readable = [image for image in looked if not image.error]
    if not readable:
        return f"{name}: {commands.counted(len(looked), 'image')}, none readable"
    counts = ""
    if listed.labels is not None:
        numbers = np.bincount(listed.labels, minlength=len(listed.classes)).tolist()
        counts = f" ({_counts(dict(zip(listed.classes, numbers, strict=True)))})"
    heights, widths = zip(*(image.size for image in readable), strict=True)
    bits = {"8" if image.eight_bits else "16" for image in readable}
    background = np.median([image.background for image in readable])
    return (f"{name}: {commands.counted(len(looked), 'image')}{counts}; height "
            f"{_span(heights)}, width {_span(widths)}; "
            f"{' and '.join(sorted(bits, key=int))} bits; maxima "
            f"{_span([image.maximum for image in readable])}; background "
            f"{100 * background:.0f} % (median)")


def _span(values):
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
