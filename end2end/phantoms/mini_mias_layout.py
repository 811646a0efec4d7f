"""Synthetic mammograms in the layout of mini-MIAS, from its published description.

Quirks: PGM of 1024 x 1024 with the film in the middle, pairs of numbers, circles
counted from the bottom left, several lines of one image, calcifications without one.
"""

import pathlib

import cv2
import numpy as np

from end2end.phantoms import drawing
from end2end.utils import files

SIDE = 1024
KINDS = {("mass", True): "SPIC", ("mass", False): "CIRC",
         ("calcification", True): "CALC", ("calcification", False): "CALC"}


def write_woman(
        folder: files.Path, woman: drawing.Woman, size: tuple[int, int]) -> list[dict]:
    """Writes the two images of one woman; returns lines of Info.txt, as `line`."""
    rows = []
    for side in drawing.SIDES:
        number = 2 * woman.number - (side == "RIGHT")
        name = f"mdb{number:03d}"
        picture, masks = drawing.render(woman, side, "MLO", size)
        width = round(SIDE * size[1] / size[0])
        left = (SIDE - width) // 2
        film = cv2.resize((picture >> 8).astype(np.uint8), (width, SIDE))
        padded = np.zeros((SIDE, SIDE), np.uint8)
        padded[:, left:left + width] = film
        path = pathlib.Path(folder) / f"{name}.pgm"
        _, encoded = cv2.imencode(".pgm", padded)
        with files.replacing(path) as part:
            part.write_bytes(encoded.tobytes())
        tissue = "FGD"[int(2.99 * woman.density)]
        lesions = woman.lesions[side]
        rows += [dict(line=f"{name} {tissue} {_finding(lesion, mask, size, left)}")
                 for lesion, mask in zip(lesions, masks, strict=True)
                 ] or [dict(line=f"{name} {tissue} NORM")]
    return rows


def _finding(lesion, mask, size, left):
    severity = "M" if lesion.malignant else "B"
    start = f"{KINDS[lesion.kind, lesion.malignant]} {severity}"
    if lesion.kind == "calcification" and lesion.seed % 5 == 0:
        return f"{start} *NOTE 3*"
    rows, columns = np.nonzero(mask)
    scale = SIDE / size[0]
    x = left + scale * columns.mean()
    # From the bottom.
    y = SIDE - 1 - scale * rows.mean()
    radius = scale * max(np.ptp(rows), np.ptp(columns)) / 2
    return f"{start} {x:.0f} {y:.0f} {radius:.0f}"


def write_tables(folder: pathlib.Path, rows: list[dict]) -> None:
    """Writes Info.txt with some lines of prose above, as it has."""
    files.write_text(folder / "Info.txt", (
        "INFORMATION\n===========\n\nThis file lists the films (synthetic here).\n\n"
        + "".join(f"{row['line']}\n" for row in sorted(
            rows, key=lambda row: row["line"]))))
