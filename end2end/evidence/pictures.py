"""Pictures of evidence: curves with readers as points, intervals side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import figure as mpl

from end2end import metrics
from end2end.metrics import precision, recalibration, subgroups
from end2end.metrics.shares import Estimate
from end2end.reports.figures import COLOURS, LINES
from end2end.tables.columns import Table

Picture = tuple[str, str, mpl.Figure]
# Points of a drawn curve; more are not seen and make large files.
POINTS = 500
CHANCE = dict(color="0.7", linewidth=0.8, linestyle=(0, (1, 3)))


def style(number: int) -> dict:
    """Colour and line of a curve."""
    return dict(color=COLOURS[number % len(COLOURS)],
                linestyle=LINES[(number + number // len(COLOURS)) % len(LINES)],
                linewidth=1.5)


def thinned(*values: np.ndarray) -> list[np.ndarray]:
    """Curves with at most `POINTS` points, the ends among them."""
    places = np.unique(np.linspace(0, len(values[0]) - 1, POINTS).astype(int))
    return [column[places] for column in values]


def plot(width: float = 4.8, height: float = 4.6) -> tuple[mpl.Figure, mpl.Axes]:
    """An empty figure with one pair of axes."""
    figure = mpl.Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


# ROC and precision-recall curves ---------------------------------------------------


def roc(curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
        areas: Mapping[str, Estimate],
        points: Sequence[Mapping] = (), mean: tuple | None = None) -> mpl.Figure:
    """ROC curves of models, readers as points.

    Args:
        curves: labels and scores by name.
        areas: AUC by name.
        points: dicts with `name`, `sensitivity` and `specificity`, of readers.
        mean: false and true positive rates of the mean reader, or None.
    """
    figure, axes = plot(5.6, 5.4)
    axes.plot([0, 1], [0, 1], **CHANCE)
    for number, (name, (labels, scores)) in enumerate(curves.items()):
        false, true, _ = metrics.roc_curve(labels, scores)
        area = areas[name]
        axes.plot(*thinned(false, true), **style(number), label=(
            f"{name}: {area.value:.2f} [{area.low:.2f}, {area.high:.2f}]"))
    if mean is not None:
        axes.plot(*mean, color="black", linewidth=2.2,
                  label="mean of the readers' curves")
    for number, point in enumerate(points):
        axes.plot(1 - point["specificity"], point["sensitivity"], "o", zorder=5,
                  color="black", markersize=5, markerfacecolor="white",
                  label="a reader each" if number == 0 else None)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal",
             xlabel="1 − specificity (false positive rate)",
             ylabel="sensitivity (true positive rate)")
    axes.legend(loc="lower right", fontsize=7, frameon=False)
    return figure


def precision_recall(
        curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
        prevalence: float | None) -> mpl.Figure:
    """Precision-recall curves, labels and scores by name."""
    figure, axes = plot()
    for number, (name, (labels, scores)) in enumerate(curves.items()):
        share, recall, _ = precision.curve(labels, scores, prevalence=prevalence)
        axes.plot(*thinned(recall, share), **style(number), label=name)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal",
             xlabel="recall (sensitivity)", ylabel="precision (PPV)")
    axes.legend(loc="upper right", fontsize=7, frameon=False)
    return figure


def calibration_curve(labels: np.ndarray, scores: np.ndarray, name: str) -> mpl.Figure:
    """Share of cancers by score in ten groups of equal size, and the logistic fit."""
    figure, axes = plot()
    axes.plot([0, 1], [0, 1], **CHANCE)
    order = np.argsort(scores, kind="stable")
    for part in np.array_split(order, 10):
        if not len(part):
            continue
        rate = metrics.shares.share(labels[part])
        axes.errorbar(scores[part].mean(), rate.value, fmt="o", color=COLOURS[0],
                      yerr=[[max(rate.value - rate.low, 0)],
                            [max(rate.high - rate.value, 0)]],
                      markersize=4, capsize=2, linewidth=1)
    fitted = recalibration.summary(labels, scores)["recalibration"]
    grid = np.linspace(scores.min(), scores.max(), 200)
    axes.plot(grid, recalibration.recalibrated(grid, *fitted), color=COLOURS[1],
              linewidth=1.2, label="logistic recalibration")
    end = 1.02 * max(axes.dataLim.x1 if scores.max() > 0.5 else scores.max(), 0.05)
    axes.set(xlim=(-0.02 * end, end), ylim=(-0.02 * end, end), aspect="equal",
             xlabel="score", ylabel="share of rows with cancer")
    axes.set_title(name, loc="left", fontsize=9)
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    return figure


# Intervals side by side -------------------------------------------------------------


def forest(rows: Sequence[tuple[str, Estimate]], label: str, *,
           line: float | None = None, marked: Sequence[int] = ()) -> mpl.Figure:
    """Estimates below each other with their intervals.

    Args:
        rows: names and estimates.
        label: of the horizontal axis.
        line: drawn upright, such as no difference.
        marked: positions drawn in another colour and with another sign.
    """
    figure, axes = plot(6.4, 0.9 + 0.24 * max(len(rows), 2))
    for number, (_, estimate) in enumerate(rows):
        sign = number in marked
        axes.errorbar(estimate.value, -number, fmt="D" if sign else "o",
                      xerr=[[max(estimate.value - estimate.low, 0)],
                            [max(estimate.high - estimate.value, 0)]],
                      color=COLOURS[int(sign)], markersize=4, capsize=2, linewidth=1.2)
    if line is not None:
        axes.axvline(line, color="0.6", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_yticks([-number for number in range(len(rows))],
                    [name for name, _ in rows], fontsize=7.5)
    axes.set(xlabel=label, ylim=(-len(rows) + 0.4, 0.6))
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    return figure


def groups(rows: Sequence[subgroups.Group], total: Estimate) -> mpl.Figure:
    """AUC of each group that was large enough; those with a gap are marked."""
    judged = [row for row in rows if row.auc]
    return forest(
        [(f"{row.column} {row.value} ({row.positive} of {row.count})", row.auc)
         for row in judged], "AUC; dashed: all rows", line=total.value,
        marked=[number for number, row in enumerate(judged)
                if row.gap and row.gap.adjusted <= subgroups.RATE])


# Decision curves and FROC ------------------------------------------------------------


def bands(series: Mapping[str, Sequence[Estimate]], places: Sequence[float], *,
          labels: tuple[str, str], ends: tuple[float, float] | None = None
          ) -> mpl.Figure:
    """Curves with their intervals as bands.

    Args:
        series: estimates by name, one per place.
        places: positions on the horizontal axis.
        labels: of the two axes.
        ends: of the vertical axis, or None.
    """
    figure, axes = plot(6.0, 4.2)
    for number, (name, estimates) in enumerate(series.items()):
        axes.plot(places, [estimate.value for estimate in estimates], **style(number),
                  label=name)
        axes.fill_between(places, [estimate.low for estimate in estimates],
                          [estimate.high for estimate in estimates],
                          color=COLOURS[number % len(COLOURS)], alpha=0.15, linewidth=0)
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    if ends:
        axes.set_ylim(*ends)
    axes.legend(fontsize=7.5, frameon=False)
    return figure


def froc(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], most: float
         ) -> mpl.Figure:
    """FROC curves: false marks per image and sensitivity, by name."""
    figure, axes = plot()
    for number, (name, (false, sensitivity)) in enumerate(curves.items()):
        axes.step(*thinned(false, sensitivity), where="post", **style(number),
                  label=name)
    axes.set(xlim=(0, most), ylim=(0, 1.01), xlabel="false marks per image",
             ylabel="share of lesions marked")
    axes.legend(loc="lower right", fontsize=7.5, frameon=False)
    return figure


# Pages ------------------------------------------------------------------------------


def of_sites(sites: Sequence[Table], results: Mapping) -> list[Picture]:
    """Pictures of a validation."""
    several = len(sites) > 1
    drawn = []
    curves = {f"{site.name}, {name}" if several else name: (site.labels, values)
              for site in sites for name, values in site.scores.items()}
    each = [(site.name, name, result) for site in sites
            for name, result in results[site.name].items()]
    areas = dict(zip(curves, (result["auc"] for _, _, result in each), strict=True))
    drawn.append(("roc", "ROC curves, AUC with 95 % interval.", roc(curves, areas)))
    drawn.append(("auc", "AUC by site and model, with 95 % intervals.", forest(
        list(areas.items()), "AUC", line=0.5)))
    drawn.append(("precision_recall", "Precision-recall curves at the share of cancers "
                  "of each table.", precision_recall(curves, None)))
    for number, (site, name, result) in enumerate(each[:8]):
        if "intercept" in result.get("calibration", {}):
            labels, values = list(curves.values())[number]
            drawn.append((f"calibration_{number + 1}",
                          "Calibration: share of cancers in tenths of the scores, with "
                          "95 % intervals.",
                          calibration_curve(labels, values, f"{site}, {name}")))
    return drawn
