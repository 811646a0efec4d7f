"""Decision curves and ways of reading with a model: `end2end metrics use`."""

import argparse
import fnmatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from end2end import metrics
from end2end.evidence import inputs, pictures
from end2end.metrics import net_benefit, reading, recalibration
from end2end.reports.report import Heading, Table, Text
from end2end.tables import columns
from end2end.utils import files

# Thresholds of the curve: up to this many times the share of cancers.
REACH = 6
STEPS = 40
ASSUMED = ("The readers of the table did not see the model: what a reader does who "
           "sees it is not in such data. Thresholds of the model are taken as fixed.")


def run(arguments: argparse.Namespace) -> list[str]:
    """Draws decision curves, simulates reading, and returns lines for the terminal.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    check(arguments)
    names = columns.header(arguments.scores)
    of_readers = [name for name in names if any(
        fnmatch.fnmatchcase(name, pattern) for pattern in arguments.readers)]
    if arguments.readers and not of_readers:
        raise files.InputError(
            f"--readers {' '.join(arguments.readers)}: {arguments.scores} has no such "
            f"column; its columns are {', '.join(names[:40])}.")
    of_models = [name for name in columns.score_columns(names, arguments.score)
                 if name not in of_readers]
    if not of_models:
        raise files.InputError(
            f"score table {arguments.scores} has no column of scores of a model; name "
            "it with --score.")
    table = inputs.judged(columns.read(arguments.scores, columns.Wanted(
        (*of_models, *of_readers), (), arguments.patient, arguments.label)))
    ratings = np.array([table.scores[name] for name in of_readers])
    results, sections, drawn = decisions(table, of_models, arguments)
    reads, tables = reading_results(table, of_models[0], ratings, arguments)
    sections = [Heading("Table"), Text(inputs.described(table)), *sections,
                Heading("Ways of reading"), *tables]
    if not arguments.out:
        drawn = []
    return inputs.finish(inputs.Findings(
        "Use", dict(decision_curves=results, reading=reads), sections, drawn,
        inputs.cases(table)), arguments.out)


def check(arguments: argparse.Namespace) -> None:
    """Refuses shares that are none."""
    inputs.share(arguments.prevalence, "--prevalence")
    for name in ("reader_sensitivity", "reader_specificity"):
        inputs.share(getattr(arguments, name), f"--{name.replace('_', '-')}")
    if not arguments.defer + arguments.recall_highest <= 1 or min(
            arguments.defer, arguments.recall_highest) < 0:
        raise files.InputError(
            "--defer and --recall-highest are shares of those screened; expected "
            "numbers from 0 with a sum up to 1.")


# Decision curves ---------------------------------------------------------------------


def decisions(table: columns.Table, models: list[str], arguments: argparse.Namespace
              ) -> tuple[dict[str, Any], list, list]:
    """Decision curves of all models whose scores are probabilities.

    Returns:
        results by model, sections and pictures.
    """
    prevalence = arguments.prevalence or float(table.labels.mean())
    ends = min(0.99, REACH * prevalence)
    thresholds = np.linspace(ends / STEPS, ends, STEPS)
    curves, remarks = {}, []
    for name in models:
        values = table.scores[name]
        if values.min() < 0 or values.max() > 1:
            remarks.append(f"{name}: scores are not probabilities; no decision curve.")
            continue
        if arguments.recalibrated:
            values = _recalibrated(table, values, arguments.prevalence)
        curves[name] = net_benefit.curve(
            table.labels, values, thresholds, prevalence=arguments.prevalence,
            groups=table.women)
    scores = ("recalibrated on these very rows, which is optimistic"
              if arguments.recalibrated else "as they are; where they are not "
              "calibrated to these women, the curve says so by lying low")
    rows = [(name, f"{row['threshold']:.4f}", inputs.shown(row["model"], 4),
             f"{row['all'].value:.4f}", inputs.shown(row["gain"], 4))
            for name, curve in curves.items() for row in curve[3::8]]
    sections = [Heading("Decision curves"), *map(Text, remarks), Table(
        ("model", "threshold", "net benefit", "of recalling all",
         "over the better of all and none"), rows,
        f"Net benefit (share of those screened); scores {scores}")]
    drawn = [("decision_curves", "Net benefit with 95 % bands.", _drawn(
        curves, thresholds))] if curves else []
    return curves, sections, drawn


def _recalibrated(table, values, prevalence):
    intercept, slope = recalibration.summary(table.labels, values)["recalibration"]
    if prevalence:
        intercept = recalibration.shifted(
            intercept, from_share=float(table.labels.mean()), to_share=prevalence)
    return recalibration.recalibrated(values, intercept, slope)


def _drawn(curves, thresholds):
    everybody = next(iter(curves.values()))
    series = {name: [row["model"] for row in curve] for name, curve in curves.items()}
    series["recall all"] = [row["all"] for row in everybody]
    highest = max(row.high for rows in series.values() for row in rows)
    return pictures.bands(series, thresholds, labels=(
        "threshold: risk from which on a woman is recalled", "net benefit"),
        ends=(-0.5 * highest, 1.1 * highest))


# Ways of reading ---------------------------------------------------------------------


def reading_results(table: columns.Table, name: str, ratings: NDArray[np.float64],
                    arguments: argparse.Namespace) -> tuple[dict[str, Any], list]:
    """Rates of all ways of reading with one model, and their tables."""
    labels, scores = table.labels, table.scores[name]
    threshold = arguments.threshold
    if threshold is None:
        threshold = metrics.threshold_at_sensitivity(labels, scores, 0.869)
    simulated = not len(ratings)
    decisions = ratings >= arguments.recall_from
    if simulated:
        decisions = np.where(labels, arguments.reader_sensitivity,
                             1 - arguments.reader_specificity)[None]
    plan = reading.Plan(
        threshold, _deferral(table, scores, arguments.defer, arguments.prevalence),
        _deferral(table, scores, 1 - arguments.recall_highest, arguments.prevalence)
        if arguments.recall_highest else None, arguments.prevalence, simulated)
    results = reading.simulate(labels, scores, decisions, plan, groups=table.women)
    who = (f"a simulated reader of sensitivity {arguments.reader_sensitivity:g} and "
           f"specificity {arguments.reader_specificity:g}, whose errors do not depend "
           "on the model's (real ones do)" if simulated else
           f"{len(ratings)} readers who recall from {arguments.recall_from:g} on")
    text = (f"Model {name}, recalling from {threshold:.4g} on; {who}. Scores below "
            f"{plan.below if plan.below is not None else float('nan'):.4g} are "
            f"deferred ({arguments.defer:.0%} of those screened). {ASSUMED}")
    return dict(plan=plan, ways=results), [
        Text(text), way_table(results, arguments.prevalence), change_table(results)]


def _deferral(table, scores, share, prevalence):
    return reading.deferral(table.labels, scores, share, prevalence=prevalence)


def way_table(results: dict, prevalence: float | None) -> Table:
    """Rates of each way of reading."""
    where = (f"{1000 * prevalence:g} cancers in 1000" if prevalence else
             "the share of cancers of the table")
    return Table(
        ("way of reading", "reads per case", "recalled", "cancers found of 1000",
         "sensitivity", "specificity"),
        [(way, inputs.shown(row["reads"]), inputs.shown(row["recall_rate"]),
          inputs.shown(row["cancer_detection_rate"].scaled(1000), 1),
          inputs.shown(row["sensitivity"]), inputs.shown(row["specificity"]))
         for way, row in results.items()], f"Ways of reading at {where}")


def change_table(results: dict) -> Table:
    """What each way changes against one reader."""
    return Table(
        ("way of reading", "reads per case", "recalled", "sensitivity", "specificity"),
        [(way, *(inputs.shown(row["change"][rate]) for rate in (
            "reads", "recall_rate", "sensitivity", "specificity")))
         for way, row in results.items() if way != reading.FIRST],
        "Change against one reader, the same cases")
