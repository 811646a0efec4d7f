"""Does an image look like those a model was trained on? If not, why, and what to do.

A network gives a number for anything: most wrong scores come from images whose
intensities, size or background differ from those in training.
"""

import dataclasses
import math

import numpy as np

from end2end.images import input_checks, reading, scaling
from end2end.utils import files

# What is compared: name in a card, and how far beyond the training images' range a
# value may lie, as a share of the width of that range (or of the value at its end).
MARGIN = 0.25
# A share of exactly equal darkest pixels above this is a digital detector's; scanned
# film has grain everywhere.
DIGITAL, FILM = 0.15, 0.02
AUTO = "try --rescale-factor auto"
# Of larger files every k-th row and column is measured, so that at least so many stay:
# all pixels of a mammogram would take as long as reading it.
MEASURED_SIDE = 1000


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is compared of one image.

    Attributes:
        mean, top: mean and maximum after scaling, meant to be of 0-255.
        background: share of pixels up to 5 % of the maximum.
        flat: share of pixels at the minimum.
        height: of the file, in pixels.
        aspect: height over width.
    """

    mean: float
    top: float
    background: float
    flat: float
    height: float
    aspect: float


def measure(image, options):
    """Measures one image.

    Args:
        image: array `(rows, columns)` from `images.read_image`.
        options: `ImageOptions`.

    Returns:
        `Measured`.
    """
    rows, columns = image.shape
    image = thinned(image)
    small = scaling.intensities(scaling.resized(image, options), dataclasses.replace(
        options, equalize_histogram=False))
    maximum = float(image.max())
    return Measured(
        mean=float(small.mean(dtype=np.float64)), top=float(small.max()),
        background=float((image <= 0.05 * maximum).mean()),
        flat=float((image == image.min()).mean()),
        height=float(rows), aspect=rows / columns)


def thinned(image):
    """Every k-th row and column of a large image; see `MEASURED_SIDE`."""
    k = max(1, min(image.shape) // MEASURED_SIDE)
    return np.ascontiguousarray(image[::k, ::k])


def input_statistics(paths, options):
    """What a model carries of its training images, to compare others with.

    Args:
        paths: training images, or arrays in memory.
        options: `ImageOptions`.

    Returns:
        dict: `images`, and per measure its 1st, 50th and 99th percentile.

    Raises:
        files.InputError: there is no image, or one cannot be read.
    """
    rows = [dataclasses.astuple(measure(
        one if isinstance(one, np.ndarray) else reading.read_image(one), options))
            for one in paths]
    if not rows:
        raise files.InputError("no images to measure; check the folder.")
    names = [field.name for field in dataclasses.fields(Measured)]
    return dict(images=len(rows)) | {
        name: [float(value) for value in np.percentile(column, (1, 50, 99))]
        for name, column in zip(names, zip(*rows, strict=True), strict=True)}


# Each row: measure, what is said of it (found, range), what to do.
COMPARED = (
    ("top", "brightest pixel {found:.0f} after scaling, in training {low:.0f} to "
            "{high:.0f}", AUTO),
    ("mean", "mean grey value {found:.0f} after scaling, in training {low:.0f} to "
             "{high:.0f}", "check the rescale factor and the window"),
    ("background", "background on {found:.0%} of the area, in training {low:.0%} to "
                   "{high:.0%}", "check that it is a whole mammogram, not cropped and "
                                 "not inverted"),
    ("aspect", "{found:.2f} times as high as wide, in training {low:.2f} to "
               "{high:.2f}", "turn or crop it as the training images"),
    ("height", "{found:.0f} pixels high, in training {low:.0f} to {high:.0f}",
     "use the original resolution"),
)


def flags(image, options, trained=None):
    """Why an image may not fit a model; the score is given all the same.

    Args:
        image: array `(rows, columns)` from `images.read_image`.
        options: `ImageOptions` of the model.
        trained: `input_statistics` of its card, or None: then only what no mammogram
            should be is flagged.

    Returns:
        list of sentences; empty where it fits.
    """
    found = measure(image, options)
    sentences = list(_general(image, found, options))
    if trained and not sentences:
        sentences += _compared(found, trained)
        sentences += _kind(found, trained)
    return sentences


def _general(image, found, options):
    looked = input_checks.look(thinned(image), "", options)
    for _, wrong, sentence in input_checks.PICTURE_RULES:
        if wrong(looked):
            yield f"image {sentence.rstrip('.')}"
    scaled = options.stretch_max_to is None
    if scaled and 0 < found.top < 100:
        yield (f"brightest pixel {found.top:.0f} of 255 after scaling (it is "
               f"{image.max():g} in the file); {AUTO}")
    elif scaled and found.top > 260:
        yield (f"brightest pixel {found.top:.0f} after scaling, beyond 255; {AUTO}")
    if found.height < 0.5 * (options.height or options.size[0]):
        yield (f"{found.height:.0f} pixels high, less than half of what the network "
               "takes; use the original resolution")


def _compared(found, trained):
    for name, words, remedy in COMPARED:
        if name not in trained:
            continue
        low, _, high = trained[name]
        reach = MARGIN * max(high - low, 0.2 * abs(high), 1e-9)
        value = getattr(found, name)
        # Larger files lose nothing when they are made smaller.
        above = name != "height" and value > high + reach
        if value < low - reach or above or not math.isfinite(value):
            yield f"{words.format(found=value, low=low, high=high)}; {remedy}"


def _kind(found, trained):
    if "flat" not in trained:
        return
    usual = trained["flat"][1]
    if found.flat > DIGITAL and usual < FILM:
        yield ("looks like a digital mammogram, trained on scanned film; fine-tune the "
               "model on digital ones")
    elif found.flat < FILM and usual > DIGITAL:
        yield ("looks like scanned film, trained on digital mammograms; fine-tune the "
               "model on film")
