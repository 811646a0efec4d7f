"""The command `end2end metrics`: score files in, tables and a page out."""

import argparse
import pathlib
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from end2end import metrics
from end2end.metrics import ensembles, statistics
from end2end.reports import figures, report, score_tables
from end2end.tables import scores
from end2end.utils import files, locks

UNKNOWN_DATA = "not known from a score file; see the settings of the model"


def run(arguments: argparse.Namespace) -> list[str]:
    """Describes the first score file and compares the others with it.

    Args:
        arguments: of `end2end metrics`.

    Returns:
        lines for the terminal.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    draw = checked(arguments)
    paths = list(map(pathlib.Path, arguments.scores))
    tables = [labelled(path) for path in paths]
    names = file_names(paths)
    if arguments.by == "breast":
        # A network of two views sees a single view twice, so single ones count here.
        tables = [ensembles.breasts(table, both_views=False) for table in tables]
    if arguments.mean:
        tables.insert(0, ensembles.ensemble(tables, names))
        names.insert(0, "mean")
    if arguments.table:
        tables[0] = scores.joined(tables[0], arguments.table)
    first = tables[0]
    results = dict(scores=list(map(str, paths)), runs=draw.runs, seed=draw.seed,
                   **statistics.describe(first, draw, shares=tuple(arguments.at)))
    sections = score_tables.tables(results)
    if arguments.threshold:
        results["thresholds"] = [
            statistics.at_threshold(first.labels, first.values, threshold, draw)
            for threshold in arguments.threshold]
        sections.append(score_tables.noted(
            score_tables.thresholds(results["thresholds"]), results))
    if tables[1:]:
        results["comparisons"] = [
            dict(name=name, **statistics.compare(first, other, draw, name=name))
            for name, other in zip(names[1:], tables[1:], strict=True)]
        sections.append(score_tables.noted(score_tables.comparison(
            [(row["name"], row) for row in results["comparisons"]]), results))
    lines = [line for table in sections for line in (*score_tables.as_text(table), "")]
    if arguments.mean:
        with locks.output_file(arguments.mean):
            scores.write_scores(arguments.mean, first)
        lines.append(f"mean of {len(paths)} files in {arguments.mean}")
    if arguments.out:
        with locks.output_folder(arguments.out):
            write(pathlib.Path(arguments.out), results, sections, dict(
                zip(names, tables, strict=True)))
        lines.append(f"results.json, figures and report.html are in {arguments.out}")
    return lines


def checked(arguments: argparse.Namespace) -> statistics.Draw:
    """Refuses numbers out of range and outputs that cannot be; returns the `Draw`."""
    wrong = [share for share in arguments.at if not 0 < share <= 1]
    if wrong:
        raise files.InputError(
            f"--at {wrong[0]:g} is not a share; expected numbers above 0, up to 1.")
    if arguments.out:
        files.writable_folder(arguments.out)
    if arguments.mean:
        files.writable_folder(pathlib.Path(arguments.mean).parent)
    return statistics.Draw(arguments.runs, arguments.seed)


def labelled(path: str | pathlib.Path) -> scores.Scores:
    """Reads a score file whose images all have labels.

    Raises:
        files.InputError: some have none.
    """
    table = scores.read_scores(path)
    known = len(table.labelled())
    if known < len(table):
        raise files.InputError(
            f"score file {path} has labels for {known} of {len(table)} rows; expected "
            "0 or 1 in the column label of each. Fill them in or remove the rows.")
    return table


def file_names(paths: Sequence[pathlib.Path]) -> list[str]:
    """Short names of files: as much of the path as tells them apart."""
    for parts in range(1, max(len(path.parts) for path in paths) + 1):
        names = [str(pathlib.Path(*path.with_suffix("").parts[-parts:]))
                 for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def write(
        out: pathlib.Path, results: dict, statistics_tables: list[report.Table],
        tables: Mapping[str, scores.Scores]) -> None:
    """Writes results, figures and the page."""
    files.write_json(out / "results.json", results)
    sections = [report.Heading("Results"), *statistics_tables,
                report.Heading("Figures")]
    for name, caption, figure in pictures(results, tables):
        figures.save(figure, out / name)
        sections.append(report.Figure(figures.encoded(figure, "svg"), caption))
    report.write_report(out / "report.html", sections, title="Scores compared" if len(
        tables) > 1 else "Scores", trained_on=UNKNOWN_DATA)


def pictures(
        results: dict,
        tables: Mapping[str, scores.Scores]) -> list[tuple[str, str, Figure]]:
    """Name, caption and figure of each picture that the results allow."""
    if "confusion" in results:
        return [("confusion", "Confusion matrix; rows sum to one.",
                 figures.confusion(results["confusion"], results["classes"]))]
    drawn = [("roc", "ROC curves.", figures.roc(
        [curve(name, table) for name, table in tables.items()]))]
    if "calibration" in results:
        drawn.append(("reliability", "Reliability curve: share of cancers by score.",
                      figures.reliability(results["calibration"]["bins"])))
    return drawn


def curve(name: str, table: scores.Scores) -> dict:
    """ROC curve of a score table, for `figures.roc`."""
    false, true, _ = metrics.roc_curve(table.labels, table.values)
    return dict(name=name, false=false, true=true,
                auc=metrics.auc(table.labels, table.values))
