"""What the commands on tables of scores share: tables in, results and a page out."""

import argparse
import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from end2end.metrics.shares import Estimate
from end2end.reports import figures, report, score_report, score_tables
from end2end.tables import columns
from end2end.utils import chunks, files, locks

# Below this, variances between women are estimated from too few of them.
FEW_WOMEN = 10


def wanted(arguments: argparse.Namespace, texts: Sequence[str] = ()
           ) -> columns.Wanted:
    """The columns that the flags name.

    Args:
        arguments: with `score`, `patient` and `label`.
        texts: further columns.
    """
    return columns.Wanted(tuple(arguments.score), tuple(texts), arguments.patient,
                          arguments.label)


def described(table: columns.Table) -> str:
    """A sentence on what was read of a table, and what was left out."""
    positive = int(table.labels.sum())
    count = 0 if table.women is None else int(chunks.extremes(table.women)[1]) + 1
    women = (f"rows of {count} women, who are drawn together" if count else
             "drawn by row: no column tells women with several rows apart")
    if 0 < count < FEW_WOMEN:
        women += "; intervals from so few are not to be trusted"
    left = "".join(f"; {count} left out {reason}"
                   for reason, count in table.left_out.items())
    repeated = "" if not table.repeated else (
        f"; rows with the path of an earlier row: {table.repeated}, which count all "
        "the same (remove them where they are the same image)")
    return (f"{table.name}: {len(table)} rows, {positive} with cancer{left}{repeated}; "
            f"{women}")


def cases(table: columns.Table) -> dict[str, int]:
    """Rows with cancer and all rows, as `positive` and `count`."""
    return dict(positive=int(table.labels.sum()), count=len(table))


def share(value: float | None, flag: str) -> float | None:
    """A number between 0 and 1, or None.

    Raises:
        files.InputError: it is not.
    """
    if value is not None and not 0 < value < 1:
        raise files.InputError(
            f"{flag} {value:g} is not a share; expected a number above 0, below 1.")
    return value


def lacking(table: columns.Table) -> str:
    """What keeps a table from being judged, the end of a sentence; empty: nothing."""
    if table.labels.all() or not table.labels.any():
        return (f"all {len(table)} rows have the label {int(table.labels.all())}; "
                "expected rows with and without cancer.")
    if table.women is not None and chunks.extremes(table.women)[1] == 0:
        return (f"all {len(table)} rows are of one woman, who says nothing about "
                "others; name the column of the women with --patient.")
    return ""


def judged(table: columns.Table) -> columns.Table:
    """The table, if it has both classes and more than one woman.

    Raises:
        files.InputError: it has not.
    """
    reason = lacking(table)
    if reason:
        raise files.InputError(f"{table.name}: {reason}")
    return table


# Results --------------------------------------------------------------------------


def shown(estimate: Estimate | None, digits: int = 3) -> str:
    """`0.812 (0.701 to 0.889)`; empty where there is none."""
    if estimate is None:
        return ""
    value, low, high = (f"{number:.{digits}f}" for number in (
        estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def p_text(value: float) -> str:
    """A p value with two digits that mean something."""
    if not math.isfinite(value):
        return ""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def as_json(value: Any) -> Any:
    """The value as JSON can hold it; dataclasses become objects, NaN null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return as_json({field.name: getattr(value, field.name)
                        for field in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a command has to say.

    Attributes:
        title: of the page.
        results: dict for `results.json`.
        sections: `Heading`, `Text` and `Table` in order.
        pictures: triples of name, caption and `Figure`.
        cases: `positive` and `count` of the one table that all intervals are of, which
            are named beside them where they are few.
    """

    title: str
    results: dict[str, Any]
    sections: list
    pictures: list[tuple[str, str, Figure]] = dataclasses.field(default_factory=list)
    cases: Mapping[str, int] = dataclasses.field(default_factory=dict)


def finish(findings: Findings, out: str | None) -> list[str]:
    """Lines for the terminal; writes `results.json`, pictures and page where asked to.

    Args:
        findings: `Findings`.
        out: folder, or None.
    """
    lines = []
    sections = [score_tables.noted(section, findings.cases)
                if isinstance(section, report.Table) else section
                for section in findings.sections]
    for section in sections:
        if isinstance(section, report.Table):
            lines += [*score_tables.as_text(section), ""]
        elif isinstance(section, report.Text):
            lines += [section.text, ""]
    if not out:
        return lines
    folder = files.writable_folder(pathlib.Path(out))
    with locks.output_folder(folder):
        files.write_json(folder / "results.json", as_json(findings.results))
        if findings.pictures:
            sections.append(report.Heading("Figures"))
        for name, caption, figure in findings.pictures:
            figures.save(figure, folder / name)
            sections.append(report.Figure(figures.encoded(figure, "svg"), caption))
        report.write_report(folder / "report.html", sections, title=findings.title,
                            trained_on=score_report.UNKNOWN_DATA)
    return [*lines, f"results.json, figures and report.html are in {out}"]
