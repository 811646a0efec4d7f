"""The statistics of score files as tables, for the terminal and the report."""

from end2end.reports.report import Table

LEVELS = {"images": "images", "breasts": "breasts, CC and MLO averaged",
          "women": "women, highest breast"}
SHOWN_BINS = ("score", "images", "mean score", "share of cancers", "95 % interval")


def between(interval):
    """An interval as text: `0.812 to 0.934`."""
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def tables(found):
    """All tables of what `statistics.describe` returned.

    Returns:
        list of `report.Table`.
    """
    if "confusion" in found:
        return [accuracy(found), confusion(found)]
    made = [ranking(found), operating_points(found["operating_points"])]
    if "calibration" in found:
        made.append(calibration(found["calibration"]))
    made += [group(name, rows) for name, rows in found["groups"].items()]
    return made


def ranking(found):
    """AUC of images, breasts and women."""
    rows = []
    for name, title in LEVELS.items():
        own = found if name == "images" else found.get(name)
        if own:
            rows.append((title, own["count"], own["positive"], own["auc"],
                         between(own["auc_interval"]),
                         between(own["auc_interval_delong"]),
                         between(own["auc_interval_by_patient"])
                         if "auc_interval_by_patient" in own else ""))
    if found.get("breasts"):
        own = found["breasts"]
        rows.append(("gain of two views over one", own["count"], own["positive"],
                     own["gain"], between(own["gain_interval"]), "", ""))
    return Table(("of", "count", "with cancer", "AUC", "95 % interval", "DeLong",
                  "drawn by patient"), rows, "Area under the ROC curve")


def operating_points(points):
    """Specificity at given sensitivities, and the reverse."""
    rows = [(f"{point['at']} {point['target']:.1%}", f"{point['threshold']:.6g}",
             point["sensitivity"], point["specificity"],
             between(point["interval"]) + f" ({OTHER[point['at']]})")
            for point in points]
    return Table(("at", "threshold", "sensitivity", "specificity", "95 % interval"),
                 rows, "Operating points, thresholds found on these images")


OTHER = {"sensitivity": "specificity", "specificity": "sensitivity"}


def thresholds(points):
    """Results at thresholds found elsewhere (`statistics.at_threshold`)."""
    rows = [(f"{point['threshold']:.6g}", point["sensitivity"],
             between(point["sensitivity_interval"]), point["specificity"],
             between(point["specificity_interval"])) for point in points]
    return Table(("threshold", "sensitivity", "95 % interval", "specificity",
                  "95 % interval"), rows, "At thresholds found elsewhere")


def calibration(found):
    """Reliability curve; Brier score and temperature in the caption."""
    rows = [(f"{row['low']:.1f} to {row['high']:.1f}", row["count"], row["mean_score"],
             row["share"], between(row["interval"])) for row in found["bins"]]
    caption = (f"Calibration: Brier score {found['brier']:.3f} "
               f"({between(found['brier_interval'])}), mean distance "
               f"{found['expected_error']:.3f}, best temperature "
               f"{found['temperature']:.2f}")
    return Table(SHOWN_BINS, rows, caption)


def group(name, rows):
    """AUC by view, density or lesion type."""
    made = [(value, own["count"], own["positive"], own.get("auc"),
             between(own["auc_interval"]) if "auc" in own else "one class only")
            for value, own in rows.items()]
    return Table((name, "images", "with cancer", "AUC", "95 % interval"), made,
                 f"By {name}")


def accuracy(found):
    """Accuracy of a patch classifier."""
    return Table(("patches", "accuracy", "95 % interval"),
                 [(found["count"], found["accuracy"],
                   between(found["accuracy_interval"]))], "Accuracy")


def confusion(found):
    """Confusion matrix, rows summing to one."""
    rows = [(name, *(float(share) for share in shares)) for name, shares in zip(
        found["classes"], found["confusion_normalized"], strict=True)]
    return Table(("true class", *found["classes"]), rows,
                 "Share of each true class (row) given to each class (column)")


def comparison(rows, caption="Difference of AUC to the first file, on the same images"):
    """Differences of AUC: pairs of name and `statistics.compare`."""
    made = [(name, own["auc"], own["difference"], between(own["difference_interval"]),
             between(own["difference_interval_by_patient"])
             if "difference_interval_by_patient" in own else "",
             between(own["delong"]["interval"]), f"{own['delong']['p_value']:.2g}")
            for name, own in rows]
    return Table(("of", "AUC", "difference", "95 % interval", "drawn by patient",
                  "DeLong", "p (DeLong)"), made, caption)


def as_text(table):
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
