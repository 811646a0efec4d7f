"""External validation: models at several sites, with everything a reviewer asks for.

`end2end metrics validate`.
"""

import argparse
import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from end2end import metrics
from end2end.evidence import inputs, pictures
from end2end.metrics import (
    calibration,
    delong,
    precision,
    recalibration,
    screening,
    shares,
)
from end2end.metrics.shares import Estimate
from end2end.reports import score_report, score_tables
from end2end.reports.report import Heading, Table, Text
from end2end.tables import columns
from end2end.utils import chunks, commands, files

RATES = {"sensitivity": "sensitivity", "specificity": "specificity",
         "recall_rate": "recall rate", "cancer_detection_rate": "cancers per 1000",
         "positive_predictive_value": "PPV", "negative_predictive_value": "NPV"}
NOTE = ("Intervals are of 95 %. Where a column tells women apart, all rows of a woman "
        "count as depending on each other. Comparisons are not corrected for their "
        "number.")


def run(arguments: argparse.Namespace) -> list[str]:
    """Validates and returns lines for the terminal.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    inputs.share(arguments.prevalence, "--prevalence")
    for value in arguments.at:
        inputs.share(value, "--at")
    sites, remarks = read_sites(arguments)
    results = {site.name: validated(site, arguments) for site in sites}
    sections = [Heading("Tables"), *(Text(inputs.described(site)) for site in sites),
                *(Text(remark) for remark in remarks), Heading("Results"), Text(NOTE),
                ranking(results)]
    models, differences = between_models(sites), between_sites(sites)
    notes = {site.name: score_tables.few(inputs.cases(site)) for site in sites}
    if models:
        sections.append(comparison("Differences of AUC between models, same cases",
                                   ("site", "model", "less"), models, notes))
    if differences:
        sections.append(comparison("Differences of AUC between sites, other cases",
                                   ("model", "site", "less"), differences, notes))
    sections += [table for table in (
        calibrated(results), operating(results),
        screened(results, arguments.prevalence)) if table.rows]
    drawn = [] if not arguments.out else pictures.of_sites(sites, results)
    return inputs.finish(inputs.Findings(
        "External validation", dict(
            sites=results, models=models, between_sites=differences,
            prevalence=arguments.prevalence, remarks=remarks), sections, drawn),
        arguments.out)


# Bytes of tables that the bootstrap would take hours for: some 300,000 rows.
LARGE = 20_000_000


def are_large(paths: Sequence[str]) -> bool:
    """Whether tables are too long for 3000 draws of all their rows."""
    return sum(pathlib.Path(path).stat().st_size for path in paths
               if pathlib.Path(path).is_file()) > LARGE


def of_large_tables(arguments: argparse.Namespace) -> list[str]:
    """`validate` of the arguments of `end2end metrics` without a command.

    Raises:
        files.InputError: an option holds all texts of a table in memory.
    """
    size = f"{LARGE // 1_000_000} MB"
    for name in ("mean", "table"):
        if getattr(arguments, name):
            raise files.InputError(
                f"--{name} holds all rows in memory, and the tables have more than "
                f"{size}; divide them.")
    return [f"More than {size} of tables: intervals are computed and not drawn, as by "
            "the command validate.", "", *run(argparse.Namespace(
                scores=arguments.scores, site=[], by="", score=[], label="", patient="",
                at=arguments.at, threshold=arguments.threshold, prevalence=None,
                out=arguments.out))]


# Tables in ------------------------------------------------------------------------


def read_sites(arguments: argparse.Namespace
               ) -> tuple[list[columns.Table], list[str]]:
    """The tables by site, those of the same images joined as models of one site.

    Returns:
        list of `Table`, and sentences on what was inferred.
    """
    texts = (arguments.by,) if arguments.by else ()
    alone = len(arguments.scores) + len(arguments.site) == 1
    choice = dataclasses.replace(
        inputs.wanted(arguments, texts), keys=not (alone and arguments.scores))
    tables = read_all(arguments.scores, choice)
    stated = [(name, read_all(paths, choice)) for name, *paths in arguments.site]
    for name, paths in stated:
        if not paths:
            raise files.InputError(
                f"--site {name} has no table; expected a name and its tables.")
    if not tables and not stated:
        raise files.InputError("no table of scores; give one, or --site NAME TABLE.")
    sites, remarks = grouped(tables)
    sites += [joined(members, name) for name, members in stated]
    if arguments.by:
        remarks += _shared(sites, arguments.by)
        parts = [part for site in sites for part in divided(site, arguments.by)]
        sites = [part for part in parts
                 if not inputs.lacking(part)] or parts
        left = ", ".join(f"{part.name} ({len(part)} rows)" for part in parts
                         if not any(part is site for site in sites))
        if left:
            remarks.append(f"Left out, of one class or one woman only: {left}.")
    if len({site.name for site in sites}) < len(sites):
        sites = [site if number == 0 else site.subset(
            np.arange(len(site)), f"{site.name} ({number + 1})")
            for number, site in enumerate(sites)]
    remarks += [f"{site.name}: all scores of {name} are equal, so it tells nobody from "
                "another." for site in sites for name, values in site.scores.items()
                if len(set(chunks.extremes(values))) == 1]
    return [inputs.judged(site) for site in sites], remarks


def read_all(paths: Sequence[str], choice: columns.Wanted) -> list[columns.Table]:
    """Tables with as much of their paths for a name as tells them apart."""
    names = score_report.file_names([
        pathlib.Path(path).with_name(f"{columns.stem(path)}.csv") for path in paths]
        ) if paths else []
    return [columns.read(path, choice, name=name)
            for path, name in zip(paths, names, strict=True)]


def _shared(sites, column):
    """A sentence on women with rows at several sites, where there are any."""
    count = 0
    for site in sites:
        if site.women is not None:
            sums = np.zeros(int(chunks.extremes(site.women)[1]) + 1, int)
            for value in _values(site, column):
                present = np.zeros(len(sums), bool)
                present[site.women[site.texts[column] == value]] = True
                sums += present
            count += int((sums > 1).sum())
    return [f"{commands.counted(count, 'woman has', 'women have')} rows under several "
            f"values of {column}; differences between sites take them for those of "
            "other women."] if count else []


def grouped(tables: Sequence[columns.Table]
            ) -> tuple[list[columns.Table], list[str]]:
    """Tables of equal images are models of one site; others are sites."""
    groups, remarks = {}, []
    for number, table in enumerate(tables):
        key = number if table.keys is None else (
            len(table), int(table.keys.sum()), int(table.labels.sum()))
        groups.setdefault(key, []).append(table)
    for members in groups.values():
        if len(members) > 1:
            names = ", ".join(member.name for member in members)
            remarks.append(f"{names} have the same images: taken for models of one "
                           "site. Name sites with --site where that is wrong.")
    return [joined(members, members[0].name if len(members) == 1 else "same images")
            for members in groups.values()], remarks


def joined(members: Sequence[columns.Table], name: str) -> columns.Table:
    """Tables of the same images as one, with a score for each.

    Raises:
        files.InputError: the images or their labels differ.
    """
    first = members[0]
    if len(members) == 1:
        return dataclasses.replace(first, name=name)
    scores = {}
    for number, member in enumerate(members):
        place = _same_order(first, member)
        if (member.labels[place] != first.labels).any():
            raise files.InputError(
                f"{member.name} has other labels than {first.name} for the same "
                "images; correct one of them.")
        for column, values in member.scores.items():
            title = member.name if len(member.scores) == 1 else (
                f"{member.name} {column}")
            title = f"{title} ({number + 1})" if title in scores else title
            scores[title] = values[place]
    return dataclasses.replace(first, name=name, scores=scores)


def _same_order(first, other):
    if first.keys is None or other.keys is None or len(first) != len(other):
        raise files.InputError(
            f"{other.name} cannot be laid beside {first.name}: expected a column path "
            "and the same images in both.")
    order, others = np.argsort(first.keys), np.argsort(other.keys)
    if (first.keys[order] != other.keys[others]).any():
        raise files.InputError(
            f"{other.name} has other images than {first.name}; score the same ones.")
    place = np.empty(len(first), int)
    place[order] = others
    return place


def divided(site: columns.Table, column: str) -> list[columns.Table]:
    """A table by the values of a column; rows without one are left out and counted."""
    parts = [site.subset(site.texts[column] == value, f"{column} {value}")
             for value in _values(site, column)]
    return [columns.Table(
        part.name, part.labels, part.scores, part.women, part.keys, part.texts, {})
        for part in parts]


def _values(site, column):
    values = sorted(set(site.texts[column]) - {""})
    if len(values) > columns.MOST_VALUES // 10:
        raise files.InputError(
            f"--by {column} has {len(values)} values; expected a column of sites.")
    return values


# Statistics -----------------------------------------------------------------------


def validated(site: columns.Table, arguments: argparse.Namespace) -> dict[str, Any]:
    """All results of the models of one site, by model."""
    return {name: one_model(site, name, arguments) for name in site.scores}


def one_model(site: columns.Table, name: str, arguments: argparse.Namespace
              ) -> dict[str, Any]:
    """Results of one model at one site: dict of `Estimate`s and lists of them."""
    labels, values, women = site.labels, site.scores[name], site.women
    positive = int(labels.sum())
    result = dict(
        count=len(site), positive=positive, auc=auc(site, name),
        average_precision=precision.average_precision(
            labels, values, prevalence=arguments.prevalence, groups=women),
        sensitivity_at_specificity={share: screening.sensitivity_at_specificity(
            labels, values, share, groups=women) for share in arguments.at},
        specificity_at_sensitivity={share: screening.specificity_at_sensitivity(
            labels, values, share, groups=women) for share in arguments.at})
    prevalence = arguments.prevalence or positive / len(site)
    thresholds = [*arguments.threshold, *(
        metrics.threshold_at_sensitivity(labels, values, share)
        for share in arguments.at)]
    result["thresholds"] = [screening.at_threshold(
        labels, values, threshold, prevalence=prevalence, groups=women)
        for threshold in thresholds]
    low, high = chunks.extremes(values)
    if low >= 0 and high <= 1:
        result["calibration"] = _calibration(labels, values, women)
    return result


def _calibration(labels, values, women):
    try:
        rows = recalibration.summary(labels, values, groups=women)
    except files.InputError as error:
        return dict(reason=str(error))
    return rows | dict(brier=calibration.brier_score(labels, values))


def auc(site: columns.Table, name: str) -> Estimate:
    """AUC of one model at one site."""
    return delong.estimate(site.labels, site.scores[name], site.women)


def between_models(sites: Sequence[columns.Table]) -> list[dict[str, Any]]:
    """Paired differences of AUC within each site."""
    rows = []
    for site in sites:
        names = list(site.scores)
        if len(names) < 2:
            continue
        areas, matrix = delong.covariance(
            site.labels, list(site.scores.values()), site.women)
        for i, j in itertools.combinations(range(len(names)), 2):
            estimate = delong.paired(areas, matrix, i, j)
            rows.append(dict(parts=(site.name, names[i], names[j]),
                             difference=estimate, p_value=delong.p_value(estimate)))
    return rows


def between_sites(sites: Sequence[columns.Table]) -> list[dict[str, Any]]:
    """Unpaired differences of AUC, for each model that two sites have."""
    rows = []
    for first, second in itertools.combinations(sites, 2):
        names = [name for name in first.scores if name in second.scores]
        pairs = [(name, name) for name in names]
        if not pairs and len(first.scores) == len(second.scores) == 1:
            pairs = [(*first.scores, *second.scores)]
        for name, other in pairs:
            estimate = shares.difference(auc(first, name), auc(second, other))
            rows.append(dict(parts=(name, first.name, second.name),
                             difference=estimate, p_value=delong.p_value(estimate)))
    return rows


# Tables out -----------------------------------------------------------------------


def _each(results):
    """Site, model and result, the site with what is to be said of few cases."""
    for site, models in results.items():
        for model, result in models.items():
            yield site + score_tables.few(result), model, result


def ranking(results: dict) -> Table:
    """AUC and average precision by site and model."""
    return Table(
        ("site", "model", "rows", "with cancer", "AUC", "average precision"),
        [(site, model, result["count"], result["positive"],
          inputs.shown(result["auc"]), inputs.shown(result["average_precision"]))
         for site, model, result in _each(results)],
        "Areas under the ROC curve and the precision-recall curve")


def comparison(caption: str, names: Sequence[str], rows: Sequence[dict],
               notes: Mapping[str, str]) -> Table:
    """Differences of AUC with intervals; `notes` stand behind the names of sites."""
    return Table((*names, "difference", "p"),
                 [(*(part + notes.get(part, "") for part in row["parts"]),
                   inputs.shown(row["difference"]), inputs.p_text(row["p_value"]))
                  for row in rows], caption)


def calibrated(results: dict) -> Table:
    """Calibration by site and model."""
    rows = []
    for site, model, result in _each(results):
        fit = result.get("calibration", {})
        if "reason" in fit:
            rows.append((site, model, fit["reason"], "", "", ""))
        elif fit:
            rows.append((site, model, inputs.shown(fit["intercept"]),
                         inputs.shown(fit["slope"]),
                         inputs.shown(fit["observed_expected"]), fit["brier"]))
    return Table(("site", "model", "intercept", "slope", "observed / expected",
                  "Brier"), rows,
                 "Calibration: right are intercept 0, slope 1 and ratio 1")


def operating(results: dict) -> Table:
    """One rate where the other is fixed."""
    rows = [(site, model, f"{at} {share:.1%}", inputs.shown(estimate))
            for site, model, result in _each(results)
            for at, key in (("specificity", "sensitivity_at_specificity"),
                            ("sensitivity", "specificity_at_sensitivity"))
            for share, estimate in result[key].items()]
    return Table(("site", "model", "at", "the other rate"), rows,
                 "Sensitivity at fixed specificity, and the reverse; the chance of the "
                 "threshold counts")


def screened(results: dict, prevalence: float | None) -> Table:
    """Rates of thresholds, at the prevalence of screening where it is stated."""
    rows = [(site, model, f"{point['threshold']:.4g}", *(
        inputs.shown(point[name].scaled(1000), 1) if name == "cancer_detection_rate"
        else inputs.shown(point[name]) for name in RATES))
        for site, model, result in _each(results) for point in result["thresholds"]]
    where = (f"re-weighted to {1000 * prevalence:g} cancers in 1000" if prevalence else
             "at the share of cancers of each table; state that of screening with "
             "--prevalence")
    return Table(("site", "model", "threshold", *RATES.values()), rows,
                 f"What a threshold means, {where}; thresholds taken as fixed")
