"""Says why an image may not fit a model, and what to do about it.

A network gives a number for anything: most wrong scores come from images whose
intensities, size, background or kind (film or digital) differ from those in training.
"""

import dataclasses
import math
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from end2end import config
from end2end.images import input_checks, kinds, reading, scaling
from end2end.utils import files

# How far beyond the training images' range a value may lie, as a share of the width of
# that range (or of the value at its end).
MARGIN = 0.25
PERCENTILES = (1, 50, 99)
AUTO = "try --rescale-factor auto"
INSTEAD = "check the export of the image"
# Of larger files every k-th row and column is measured, so that at least so many stay:
# all pixels of a mammogram would take as long as reading it.
MEASURED_SIDE = 1000
# Names of data sets in the cards of models without statistics of kinds.
DATA_KINDS = (("DDSM", kinds.FILM), ("INBREAST", kinds.DIGITAL))
KIND_SENTENCES = {
    kinds.DIGITAL: "looks like a digital mammogram, the training images look like "
                   "scanned film; fine-tune the model on digital ones",
    kinds.FILM: "looks like scanned film, the training images look like digital "
                "mammograms; fine-tune the model on film"}


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is compared of one image.

    Attributes:
        mean, top: mean and maximum after scaling, meant to be of 0-255.
        background: share of pixels up to 5 % of the maximum.
        height: of the file, in pixels.
        aspect: height over width.
    """

    mean: float
    top: float
    background: float
    height: float
    aspect: float


def measure(image: NDArray, options: config.ImageOptions) -> Measured:
    """Measures one image.

    Args:
        image: array `(rows, columns)` from `images.read_image`.
        options: settings of the model, with a number for the rescale factor.
    """
    rows, columns = image.shape
    image = thinned(image)
    small = scaling.intensities(scaling.resized(image, options), dataclasses.replace(
        options, equalize_histogram=False))
    maximum = float(image.max())
    return Measured(
        mean=float(small.mean(dtype=np.float64)), top=float(small.max()),
        background=float((image <= 0.05 * maximum).mean()),
        height=float(rows), aspect=rows / columns)


def thinned(image: NDArray) -> NDArray:
    """Every k-th row and column of a large image; see `MEASURED_SIDE`."""
    k = max(1, min(image.shape) // MEASURED_SIDE)
    return np.ascontiguousarray(image[::k, ::k])


def input_statistics(
    images: Sequence[str | pathlib.Path | NDArray], options: config.ImageOptions
) -> dict:
    """What a model carries of its training images, to compare others with.

    Args:
        images: training images as files, or as arrays `(rows, columns)` in memory.
        options: settings of the model, with a number for the rescale factor.

    Returns:
        dict: `images` (how many); per field of `Measured`, and per number of
        `kinds.Evidence` under `evidence`, the 1st, 50th and 99th percentile (None
        where it is undefined for all); `kinds` (how many of each kind).

    Raises:
        files.InputError: there is no image, or one cannot be read.
    """
    measured, evidence = [], []
    for image in images:
        pixels = image if isinstance(image, np.ndarray) else reading.read_image(image)
        measured.append(measure(pixels, options))
        evidence.append(kinds.evidence(pixels))
    if not measured:
        raise files.InputError("no images to measure; check the folder.")
    return dict(images=len(measured), **_percentiles(measured),
                evidence=_percentiles(evidence),
                kinds=kinds.counted(map(kinds.of_picture, evidence)))


def _percentiles(rows):
    """Percentiles per field of dataclasses; of yes and no, the share of yes."""
    table = {}
    for field in dataclasses.fields(rows[0]):
        column = np.array([getattr(row, field.name) for row in rows], float)
        defined = column[np.isfinite(column)]
        if field.type is bool:
            table[field.name] = float(column.mean())
        elif len(defined):
            table[field.name] = [float(value)
                                 for value in np.percentile(defined, PERCENTILES)]
        else:
            table[field.name] = None
    return table


def usual_kind(card: dict) -> str:
    """Film or digital: what a model was trained on, as far as its card tells.

    Its training images decide; a published model says it under `acquisition`; of older
    cards the name of the data set is taken.

    Args:
        card: of the model.

    Returns:
        `kinds.FILM`, `kinds.DIGITAL` or `kinds.UNKNOWN`.
    """
    counts = (card.get("input_statistics") or {}).get("kinds")
    if counts:
        return kinds.usual(counts)
    if card.get("acquisition"):
        return card["acquisition"]
    source = str(card.get("trained_on", "")).upper()
    set_kinds = {kind for name, kind in DATA_KINDS if name in source}
    return set_kinds.pop() if len(set_kinds) == 1 else kinds.UNKNOWN


# Each row: measure, what is said of it (value, range), what to do.
COMPARED = (
    ("top", "brightest pixel {value:.0f} after scaling, in training {low:.0f} to "
            "{high:.0f}", AUTO),
    ("mean", "mean grey value {value:.0f} after scaling, in training {low:.0f} to "
             "{high:.0f}", "check the rescale factor and the window"),
    ("background", "background on {value:.0%} of the area, in training {low:.0%} to "
                   "{high:.0%}", "check that it is a whole mammogram, not cropped and "
                                 "not inverted"),
    ("aspect", "{value:.2f} times as high as wide, in training {low:.2f} to "
               "{high:.2f}", "turn or crop it as the training images"),
    ("height", "{value:.0f} pixels high, in training {low:.0f} to {high:.0f}",
     "use the original resolution"),
)


def flags(
    image: NDArray, options: config.ImageOptions, card: dict | None = None, *,
    kind: str = kinds.UNKNOWN, auto: bool = False
) -> list[str]:
    """Why an image may not fit a model.

    Args:
        image: array `(rows, columns)` from `images.read_image`.
        options: settings of the model, with a number for the rescale factor.
        card: of the model; without `input_statistics` only what no mammogram should be
            is flagged, and the kind where the card tells it otherwise.
        kind: of the image, `kinds.FILM`, `kinds.DIGITAL` or `kinds.UNKNOWN`.
        auto: the rescale factor was found automatically, so that is not advised again.

    Returns:
        Sentences; empty where it fits.
    """
    card = card or {}
    measured = measure(image, options)
    sentences = list(_general(image, measured, options))
    trained = card.get("input_statistics")
    if trained and not sentences:
        sentences += _compared(measured, trained)
    usual = usual_kind(card)
    if kinds.UNKNOWN not in (kind, usual) and kind != usual:
        sentences.append(KIND_SENTENCES[kind])
    if auto:
        sentences = [sentence.replace(AUTO, INSTEAD) for sentence in sentences]
    return sentences


def _general(
    image: NDArray, measured: Measured, options: config.ImageOptions
) -> Iterator[str]:
    statistics = input_checks.look(thinned(image), "", options)
    for _, holds, sentence in input_checks.PICTURE_RULES:
        if holds(statistics):
            yield f"image {sentence.rstrip('.')}"
    scaled = options.stretch_max_to is None
    if scaled and 0 < measured.top < 100:
        yield (f"brightest pixel {measured.top:.0f} of 255 after scaling (it is "
               f"{image.max():g} in the file); {AUTO}")
    elif scaled and measured.top > 260:
        yield f"brightest pixel {measured.top:.0f} after scaling, beyond 255; {AUTO}"
    if measured.height < 0.5 * (options.height or options.size[0]):
        yield (f"{measured.height:.0f} pixels high, less than half of what the network "
               "takes; use the original resolution")


def _compared(measured: Measured, trained: dict) -> Iterator[str]:
    for name, words, remedy in COMPARED:
        if name not in trained:
            continue
        low, _, high = trained[name]
        reach = MARGIN * max(high - low, 0.2 * abs(high), 1e-9)
        value = getattr(measured, name)
        # Larger files lose nothing when they are made smaller.
        above = name != "height" and value > high + reach
        if value < low - reach or above or not math.isfinite(value):
            yield f"{words.format(value=value, low=low, high=high)}; {remedy}"
