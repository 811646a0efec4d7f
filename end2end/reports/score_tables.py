"""The statistics of score files as tables, for the terminal and the report."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from end2end.reports.report import Table

LEVELS = {"images": "images", "breasts": "breasts, CC and MLO averaged",
          "women": "women, highest breast"}
SHOWN_BINS = ("score", "images", "mean score", "share of cancers", "95 % interval")


# A usual bound; it makes a reader look at the number of cancers.
FEW = 30


def few(results: Mapping) -> str:
    """What stands beside an interval of few cases of a class; else an empty text.

    Args:
        results: with `positive`, the number of cases with cancer, and `count`, that of
            all; without `count` those without cancer do not matter, and without
            `positive` (accuracy of patches) nothing is said.
    """
    if "positive" not in results:
        return ""
    cases = {"with": int(results["positive"])}
    if "count" in results:
        cases["without"] = int(results["count"]) - cases["with"]
    rarer = min(cases, key=cases.__getitem__)
    return f" (few: {cases[rarer]} {rarer} cancer)" if cases[rarer] < FEW else ""


def noted(table: Table, results: Mapping) -> Table:
    """The table, its caption ending with what `few` says of the results."""
    return dataclasses.replace(table, caption=table.caption + few(results))


def between(interval: Sequence[float]) -> str:
    """An interval as text: `0.812 to 0.934`."""
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def tables(results: Mapping) -> list[Table]:
    """All tables of what `statistics.describe` returned.

    Returns:
        list of `report.Table`.
    """
    if "confusion" in results:
        return [accuracy(results), confusion(results)]
    sections = [ranking(results),
                noted(operating_points(results["operating_points"]), results)]
    if "calibration" in results:
        sections.append(noted(calibration(results["calibration"]), results))
    sections += [group(name, rows) for name, rows in results["groups"].items()]
    return sections


def ranking(results: Mapping) -> Table:
    """AUC of images, breasts and women."""
    rows = []
    for name, title in LEVELS.items():
        level = results if name == "images" else results.get(name)
        if level:
            rows.append((title, level["count"], level["positive"], level["auc"],
                         between(level["auc_interval"]) + few(level),
                         between(level["auc_interval_delong"]),
                         between(level["auc_interval_by_patient"])
                         if "auc_interval_by_patient" in level else ""))
    if results.get("breasts"):
        level = results["breasts"]
        rows.append(("gain of two views over one", level["count"], level["positive"],
                     level["gain"], between(level["gain_interval"]) + few(level), "",
                     ""))
    return Table(("of", "count", "with cancer", "AUC", "95 % interval", "DeLong",
                  "drawn by patient"), rows, "Area under the ROC curve")


def operating_points(points: Sequence[Mapping]) -> Table:
    """Specificity at given sensitivities, and the reverse."""
    rows = [(f"{point['at']} {point['target']:.1%}", f"{point['threshold']:.6g}",
             point["sensitivity"], point["specificity"],
             between(point["interval"]) + f" ({OTHER[point['at']]})")
            for point in points]
    return Table(("at", "threshold", "sensitivity", "specificity", "95 % interval"),
                 rows, "Operating points, thresholds found on these images")


OTHER = {"sensitivity": "specificity", "specificity": "sensitivity"}


def thresholds(points: Sequence[Mapping]) -> Table:
    """Results at thresholds found elsewhere (`statistics.at_threshold`)."""
    rows = [(f"{point['threshold']:.6g}", point["sensitivity"],
             between(point["sensitivity_interval"]), point["specificity"],
             between(point["specificity_interval"])) for point in points]
    return Table(("threshold", "sensitivity", "95 % interval", "specificity",
                  "95 % interval"), rows, "At thresholds found elsewhere")


def calibration(results: Mapping) -> Table:
    """Reliability curve; Brier score and temperature in the caption."""
    rows = [(f"{row['low']:.1f} to {row['high']:.1f}", row["count"], row["mean_score"],
             row["share"], between(row["interval"])) for row in results["bins"]]
    caption = (f"Calibration: Brier score {results['brier']:.3f} "
               f"({between(results['brier_interval'])}), mean distance "
               f"{results['expected_error']:.3f}, best temperature "
               f"{results['temperature']:.2f}")
    return Table(SHOWN_BINS, rows, caption)


def recalibrated(results: Mapping) -> Table:
    """How the recalibration that a model carries fits a test set."""
    note = f"{results['note'][0].upper()}{results['note'][1:]}"
    return Table(("Brier score", "intercept", "slope"), [(
        results["brier"], *(
            f"{row['value']:.3f} ({between((row['low'], row['high']))})" if row else "-"
            for row in (results["intercept"], results["slope"])))],
        f"{note}; right are intercept 0 and slope 1" + (
            f" ({results['reason']})" if results.get("reason") else ""))


def group(name: str, rows: Mapping) -> Table:
    """AUC by view, density or lesion type."""
    lines = [(value, results["count"], results["positive"], results.get("auc"),
             between(results["auc_interval"]) + few(results) if "auc" in results else
             "one class only")
            for value, results in rows.items()]
    return Table((name, "images", "with cancer", "AUC", "95 % interval"), lines,
                 f"By {name}")


def accuracy(results: Mapping) -> Table:
    """Accuracy of a patch classifier."""
    return Table(("patches", "accuracy", "95 % interval"),
                 [(results["count"], results["accuracy"],
                   between(results["accuracy_interval"]))], "Accuracy")


def confusion(results: Mapping) -> Table:
    """Confusion matrix, rows summing to one."""
    rows = [(name, *(float(share) for share in shares)) for name, shares in zip(
        results["classes"], results["confusion_normalized"], strict=True)]
    return Table(("true class", *results["classes"]), rows,
                 "Share of each true class (row) given to each class (column)")


def comparison(
        rows: Iterable[tuple[str, Mapping]],
        caption: str = "AUC of each less that of the first file, on the same images",
) -> Table:
    """Differences of AUC: pairs of name and `statistics.compare`."""
    lines = [(
        name, results["auc"], results["difference"],
        between(results["difference_interval"]),
        between(results["difference_interval_by_patient"])
        if "difference_interval_by_patient" in results else "",
        between(results["delong"]["interval"]), f"{results['delong']['p_value']:.2g}")
        for name, results in rows]
    return Table(("of", "AUC", "difference", "95 % interval", "drawn by patient",
                  "DeLong", "p (DeLong)"), lines, caption)


def as_text(table: Table) -> list[str]:
    """A table as lines of aligned text."""
    cells = [list(map(str, table.columns)),
             *([_cell(cell) for cell in row] for row in table.rows)]
    used = [i for i in range(len(cells[0])) if any(row[i] for row in cells[1:])]
    widths = [max(len(row[i]) for row in cells) for i in used]
    lines = ["  ".join(row[i].ljust(width) for i, width in zip(
        used, widths, strict=True)).rstrip() for row in cells]
    return [*([table.caption] if table.caption else []),
            *(f"  {line}" for line in lines)]


def _cell(value):
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)
