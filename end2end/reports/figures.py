"""The pictures of the paper, as PNG, SVG and PDF, readable in print and without colour
vision."""

import io
import logging
import pathlib
from collections.abc import Sequence

import matplotlib
from matplotlib import figure as mpl
from numpy.typing import NDArray

from end2end.utils import files

# It tells each table of each font that goes into a PDF.
logging.getLogger("fontTools").setLevel(logging.WARNING)

# Okabe and Ito: distinct for every kind of colour vision; with line styles beside them
# the curves also differ in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
# The mean of several models: black and wider, so that it is found at once.
MEAN = dict(color="black", linestyle="-", linewidth=2.0)
# What journals ask of pictures in print.
DPI = 300
# Fonts go into PDF as outlines that programs can edit (TrueType), into SVG as paths.
# Without a salt of their own the names within an SVG are drawn at random.
EMBEDDED = {"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "end2end"}
METADATA = dict(png={"Software": None}, svg={"Date": None},
                pdf={"CreationDate": None, "Creator": None, "Producer": None})
# Outlines as `overlays` draws them.
OUTLINES = "Outlines: malignant blue, benign green and dashed."


def save(
        figure: mpl.Figure,
        path: str | pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Writes a figure as PNG, SVG and PDF, atomically.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: without suffix.

    Returns:
        the three paths.
    """
    path = pathlib.Path(path)
    paths = tuple(path.with_name(f"{path.name}.{kind}") for kind in METADATA)
    for path in paths:
        with files.replacing(path) as part:
            part.write_bytes(encoded(figure, path.suffix[1:]))
    return paths


def encoded(figure: mpl.Figure, kind: str) -> bytes:
    """A figure as bytes of `png`, `svg` or `pdf`; the same figure gives the same bytes.

    Fonts are in the file.
    """
    buffer = io.BytesIO()
    # The layout leaves out parts of labels where panels must stay square.
    with matplotlib.rc_context(EMBEDDED):
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=METADATA[kind],
                       bbox_inches="tight", pad_inches=0.05)
    return buffer.getvalue()


# ROC curves -----------------------------------------------------------------------


def roc(curves: Sequence[dict], *, points: Sequence[dict] = ()) -> mpl.Figure:
    """ROC curves (Shen et al. 2019, Figure 3).

    Args:
        curves: dicts with `name`, `false` and `true` positive rates, `auc` and, if
            known, `interval` and `few`, what to say of few cases; `mean` is true
            for that of several models.
        points: dicts with `name`, `sensitivity` and `specificity`, marked on the plot.

    Returns:
        `matplotlib.figure.Figure`.
    """
    return roc_panels([dict(title="", curves=curves, points=points)])


def roc_panels(panels: Sequence[dict]) -> mpl.Figure:
    """ROC curves of several test sets, side by side.

    Args:
        panels: dicts with `title`, and `curves` and `points` of `roc`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = mpl.Figure(figsize=(4.4 * len(panels), 4.6), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False).ravel()
    for axes, panel in zip(row, panels, strict=True):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle=(0, (1, 3)))
        for i, curve in enumerate(panel["curves"]):
            _curve(axes, curve, i)
        for point in panel["points"]:
            axes.plot(1 - point["specificity"], point["sensitivity"], "o", zorder=5,
                      color="black", markersize=5, markerfacecolor="white",
                      label=point["name"])
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal",
                 xlabel="1 − specificity (false positive rate)",
                 ylabel="sensitivity (true positive rate)")
        axes.set_title(panel["title"], loc="left", fontsize=10, fontweight="bold")
        axes.legend(loc="lower right", fontsize=7.5, frameon=False)
    return figure


def _curve(axes, curve, i):
    interval = curve.get("interval")
    shown = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
    shown += curve.get("few", "")
    style = MEAN if curve.get("mean") else dict(
        color=COLOURS[i % len(COLOURS)], linestyle=LINES[i % len(LINES)], linewidth=1.5)
    axes.plot(curve["false"], curve["true"], **style,
              label=f"{curve['name']}: AUC {curve['auc']:.2f}{shown}")


# Confusion matrices ---------------------------------------------------------------


def confusion(
        matrix: Sequence, classes: Sequence[str], *, title: str = "") -> mpl.Figure:
    """Confusion matrix with rows that sum to one (Shen et al. 2019, Figure 2).

    Args:
        matrix: shares or counts `(classes, classes)`, rows are the true classes.
        classes: names.
        title: above the matrix.

    Returns:
        `matplotlib.figure.Figure`.
    """
    return confusion_panels([dict(title=title, matrix=matrix, classes=classes)])


def confusion_panels(panels: Sequence[dict]) -> mpl.Figure:
    """Confusion matrices of several classifiers, side by side, with one scale.

    Args:
        panels: dicts with `title`, `matrix` and `classes` of `confusion`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    side = 1.8 + 0.62 * max(len(panel["classes"]) for panel in panels)
    figure = mpl.Figure(
        figsize=(side * len(panels) + 0.6, side), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False).ravel()
    for axes, panel in zip(row, panels, strict=True):
        image = _matrix(axes, **panel)
    figure.colorbar(image, ax=list(row), label="share of the row", fraction=0.046)
    return figure


def _matrix(axes, *, title, matrix, classes):
    shares = [[value / (sum(row) or 1) for value in row] for row in matrix]
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            axes.text(j, i, f"{share:.2f}", ha="center", va="center", fontsize=9,
                      color="black" if share > 0.55 else "white")
    names = [name.replace("_", " ") for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    return image


# Calibration ----------------------------------------------------------------------


def reliability(bins: Sequence[dict]) -> mpl.Figure:
    """Reliability curve with the number of images of each bin below.

    Args:
        bins: rows of `calibration.reliability`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = mpl.Figure(figsize=(4.4, 5), layout="constrained")
    axes, counts = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    middle = [row["mean_score"] for row in bins]
    share = [row["share"] for row in bins]
    reach = [[max(0, row["share"] - row["interval"][0]) for row in bins],
             [max(0, row["interval"][1] - row["share"]) for row in bins]]
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle=(0, (1, 3)))
    axes.errorbar(middle, share, yerr=reach, fmt="o-", color=COLOURS[0], capsize=3,
                  linewidth=1.2, markersize=4)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01),
             ylabel="share of images with cancer")
    counts.bar([(row["low"] + row["high"]) / 2 for row in bins],
               [row["count"] for row in bins], width=0.09, color="0.6")
    counts.set(xlabel="score", ylabel="images")
    return figure


def detection(panels: Sequence[dict]) -> mpl.Figure:
    """Share of lesions detected by what they look like, side by side.

    Args:
        panels: dicts with `title`, `label` of the horizontal axis, and `curves`: dicts
            with `name` and `rows` of `middle`, `share` and `interval`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = mpl.Figure(figsize=(3.2 * len(panels), 3.4), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False, sharey=True).ravel()
    for axes, panel in zip(row, panels, strict=True):
        for i, curve in enumerate(panel["curves"]):
            rows = curve["rows"]
            share = [point["share"] for point in rows]
            reach = [[max(0, point["share"] - point["interval"][0]) for point in rows],
                     [max(0, point["interval"][1] - point["share"]) for point in rows]]
            axes.errorbar([point["middle"] for point in rows], share, yerr=reach,
                          marker="o", markersize=4, capsize=3, linewidth=1.2,
                          color=COLOURS[i % len(COLOURS)],
                          linestyle=LINES[i % len(LINES)], label=curve["name"])
        axes.set(ylim=(-0.02, 1.02), xlabel=panel["label"])
        axes.set_title(panel["title"], loc="left", fontsize=10, fontweight="bold")
    row[0].set_ylabel("malignant lesions detected")
    row[-1].legend(loc="lower right", fontsize=7.5, frameon=False)
    return figure


# Mammograms -----------------------------------------------------------------------


def saliency(
        panels: Sequence[tuple[str, NDArray]], heatmaps: Sequence[dict] = (), *,
        legend: str = "", scale: str = "") -> mpl.Figure:
    """Mammograms with what moved their scores (Shen et al. 2019, Figure 4).

    Args:
        panels: pairs of title and picture, uint8 `(rows, columns, 3)`, red first.
        heatmaps: dicts with `title`, `cells` `(rows, columns)`, `extent` (left, right,
            bottom, top of the outer edges of the cells, in pixels) and `outlines`,
            RGBA of the mammogram.
        legend: what the colours over the mammograms mean, a sentence.
        scale: what the colours of the heatmaps mean.

    Returns:
        `matplotlib.figure.Figure`.
    """
    rows = 1 + bool(heatmaps)
    figure = mpl.Figure(figsize=(7.2, 3.6 * rows - 0.6 * (rows - 1)),
                        layout="constrained")
    parts = figure.subfigures(rows, 1, squeeze=False).ravel()
    above = parts[0].subplots(1, len(panels), squeeze=False).ravel()
    for axes, (title, picture) in zip(above, panels, strict=True):
        axes.imshow(picture)
        axes.set_title(title, loc="left", fontsize=8)
        axes.set_axis_off()
    parts[0].supxlabel(f"{legend} {OUTLINES}".strip(), fontsize=7)
    if heatmaps:
        _heatmap_row(parts[1], heatmaps, scale)
    return figure


def _heatmap_row(part, heatmaps, scale):
    highest = max(float(heatmap["cells"].max()) for heatmap in heatmaps) or 1.0
    row = part.subplots(1, len(heatmaps), squeeze=False).ravel()
    for axes, heatmap in zip(row, heatmaps, strict=True):
        image = axes.imshow(
            heatmap["cells"], extent=heatmap["extent"], cmap="inferno", vmin=0,
            vmax=highest, interpolation="nearest")
        height, width = heatmap["outlines"].shape[:2]
        axes.imshow(heatmap["outlines"], extent=(0, width, height, 0))
        axes.set(xlim=(0, width), ylim=(height, 0), facecolor="black",
                 xticks=(), yticks=())
        axes.set_title(heatmap["title"], loc="left", fontsize=8)
    part.colorbar(image, ax=list(row), label=scale, fraction=0.025, pad=0.01,
                  shrink=0.62)


def examples(panels: Sequence[dict]) -> mpl.Figure:
    """Mammograms with the grey values of their set below (Shen et al. 2019, Figure 5).

    Args:
        panels: dicts with `title`, `grey` uint8 `(rows, columns)`, `edges` and `shares`
            of a histogram, and `label` of its horizontal axis.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = mpl.Figure(figsize=(3.0 * len(panels), 5.2), layout="constrained")
    pictures, grey = figure.subplots(
        2, len(panels), squeeze=False, height_ratios=(3.4, 1))
    for axes, below, panel in zip(pictures, grey, panels, strict=True):
        axes.imshow(panel["grey"], cmap="gray", vmin=0, vmax=255)
        axes.set_title(panel["title"], loc="left", fontsize=10, fontweight="bold")
        axes.set_axis_off()
        below.stairs(panel["shares"], panel["edges"], fill=True, color=COLOURS[0])
        below.set(xlabel=panel["label"], ylabel="share of\nthe breast", ylim=(0, None),
                  xlim=(panel["edges"][0], panel["edges"][-1]))
        below.tick_params(labelsize=8)
    return figure
