"""The pictures of the paper, as PNG and SVG, readable in print and without colour
vision."""

import io
import pathlib

from matplotlib import figure as mpl

from end2end import files

# Okabe and Ito: distinct for every kind of colour vision; with line styles beside them
# the curves also differ in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
DPI = 200


def save(figure, path):
    """Writes a figure as PNG and SVG, atomically.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: without suffix.

    Returns:
        the two paths.
    """
    path = pathlib.Path(path)
    made = tuple(path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg"))
    for one in made:
        with files.replacing(one) as part:
            part.write_bytes(encoded(figure, one.suffix[1:]))
    return made


def encoded(figure, kind):
    """A figure as bytes of `png` or `svg`; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def roc(curves, *, points=()):
    """ROC curves (Shen et al. 2019, Figure 3).

    Args:
        curves: dicts with `name`, `false` and `true` positive rates, `auc` and, if
            known, `interval`.
        points: dicts with `name`, `sensitivity` and `specificity`, marked on the plot.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = mpl.Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle=(0, (1, 3)))
    for i, curve in enumerate(curves):
        interval = curve.get("interval")
        shown = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
        axes.plot(curve["false"], curve["true"], color=COLOURS[i % len(COLOURS)],
                  linestyle=LINES[i % len(LINES)], linewidth=1.5,
                  label=f"{curve['name']}: AUC {curve['auc']:.2f}{shown}")
    for point in points:
        axes.plot(1 - point["specificity"], point["sensitivity"], "o", color="black",
                  markersize=5, markerfacecolor="white", label=point["name"])
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal",
             xlabel="1 − specificity (false positive rate)",
             ylabel="sensitivity (true positive rate)")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    return figure


def confusion(matrix, classes, *, title=""):
    """Confusion matrix with rows that sum to one (Shen et al. 2019, Figure 2).

    Args:
        matrix: shares or counts `(classes, classes)`, rows are the true classes.
        classes: names.
        title: above the matrix.

    Returns:
        `matplotlib.figure.Figure`.
    """
    count = len(classes)
    side = 1.8 + 0.62 * count
    figure = mpl.Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    shares = [[value / (sum(row) or 1) for value in row] for row in matrix]
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            axes.text(j, i, f"{share:.2f}", ha="center", va="center", fontsize=9,
                      color="black" if share > 0.55 else "white")
    names = [name.replace("_", " ") for name in classes]
    axes.set_xticks(range(count), names, rotation=40, ha="right")
    axes.set_yticks(range(count), names)
    axes.set(xlabel="predicted class", ylabel="true class", title=title)
    figure.colorbar(image, ax=axes, label="share of the row", fraction=0.046)
    return figure


def reliability(bins):
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
