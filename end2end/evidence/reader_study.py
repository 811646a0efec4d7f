"""Reader studies: readers and models on the same cases, by one command.

`end2end metrics readers`. A table is wide (a row per case, a column per
reader and per model) or long (a row per case, reader and test, as most programs for
such studies have it).
"""

import argparse
import fnmatch
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from end2end import metrics
from end2end.evidence import inputs, pictures
from end2end.metrics import delong, readers, screening
from end2end.reports.report import Heading, Table, Text
from end2end.tables import columns, vocabulary
from end2end.utils import files

# Models beside each other in a table that fits a page.
ABREAST = 4
READERS = ("reader*", "Reader*", "radiologist*", "Radiologist*", "R[0-9]*")
NOTE = ("Intervals are of 95 % and hold for other readers and other cases like these, "
        "unless a row says otherwise (Obuchowski and Rockette 1995; Hillis 2007).")


def run(arguments: argparse.Namespace) -> list[str]:
    """Analyses a reader study and returns lines for the terminal.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    if arguments.margin is not None:
        inputs.share(arguments.margin, "--margin")
    names = columns.header(arguments.table)
    headings = vocabulary.named_columns(names)
    if arguments.reader or {"reader", "score"} <= headings.keys():
        return _long(arguments, arguments.reader or headings["reader"],
                     arguments.test or headings.get("test", ""))
    return _wide(arguments, names)


# Wide tables: readers and models ----------------------------------------------------


def chosen(names: Sequence[str], arguments: argparse.Namespace
           ) -> tuple[list[str], list[str], str]:
    """Columns of readers and of models, and a sentence on how they were told.

    Raises:
        files.InputError: there is none of either.
    """
    patterns = tuple(arguments.readers) or READERS
    of_readers = [name for name in names
                  if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    if arguments.score:
        of_models = columns.score_columns(names, tuple(arguments.score))
    else:
        of_models = [name for name in names if name not in of_readers and (
            name in columns.score_columns(names, ()) or _is_model(name))]
    of_models = [name for name in of_models if name not in of_readers]
    if not of_readers or not of_models:
        kind = "readers" if not of_readers else "models"
        flag = "--readers" if not of_readers else "--score"
        raise files.InputError(
            f"{arguments.table} has no column of {kind} that is known as such; its "
            f"columns are {', '.join(names[:40])}. Name them with {flag} 'PATTERN*'.")
    return of_readers, of_models, (
        f"Readers: {', '.join(of_readers)}. Models: {', '.join(of_models)}.")


def _is_model(name):
    word = name.lower()
    return word.startswith(("ai_", "ai-", "model", "cad", "score_"))


def _wide(arguments, names):
    of_readers, of_models, sentence = chosen(names, arguments)
    table = inputs.judged(columns.read(arguments.table, columns.Wanted(
        (*of_readers, *of_models), (), arguments.patient, arguments.label)))
    ratings = np.stack([table.scores[name] for name in of_readers])
    results = dict(
        readers=reader_results(table, of_readers, ratings, arguments.recall_from),
        models={name: model_results(table, name, ratings, arguments.margin)
                for name in of_models},
        counts=dict(rows=len(table), positive=int(table.labels.sum()),
                    **table.left_out),
        recall_from=arguments.recall_from, margin=arguments.margin)
    sections = [Heading("Table"), Text(inputs.described(table)), Text(sentence),
                Heading("Readers"), Text(NOTE), reader_table(results["readers"]),
                spread_table(results["readers"]), Heading("Models against readers"),
                against_table(results["models"], arguments.margin),
                *(one_by_one({name: results["models"][name] for name in of_models[
                    first:first + ABREAST]}, of_readers)
                  for first in range(0, len(of_models), ABREAST))]
    if len(of_models) > 1:
        rows = between(table, of_models)
        results["between_models"] = rows
        sections.append(Table(
            ("model", "less", "difference of AUC", "p"),
            [(row["first"], row["second"], inputs.shown(row["difference"]),
              inputs.p_text(row["p_value"])) for row in rows],
            "Between models, on the same cases (other cases, the same models)"))
    return inputs.finish(inputs.Findings(
        "Reader study", results, sections,
        _pictures(table, results, ratings, of_models) if arguments.out else [],
        inputs.cases(table)), arguments.out)


def reader_results(table: columns.Table, names: Sequence[str],
                   ratings: NDArray[np.float64], recall_from: float) -> dict[str, Any]:
    """Each reader, their mean and spread.

    Returns:
        dict with `each` (by name: `auc`, `sensitivity`, `specificity`), `mean` by what
        is taken for chance, `standard_deviation`, `lowest`, `highest`.
    """
    areas, matrix = delong.covariance(table.labels, list(ratings), table.women)
    each = {}
    for number, name in enumerate(names):
        rates = screening.at_threshold(
            table.labels, ratings[number], recall_from, prevalence=0.5,
            groups=table.women)
        each[name] = dict(
            auc=delong.estimate(table.labels, ratings[number], table.women),
            sensitivity=rates["sensitivity"], specificity=rates["specificity"])
    return dict(
        each=each, mean={chance: readers.mean(areas, matrix, chance=chance)
                         for chance in readers.CHANCE if len(names) > 1
                         or chance == "cases"},
        standard_deviation=float(areas.std(ddof=1)) if len(names) > 1 else 0.0,
        lowest=float(areas.min()), highest=float(areas.max()))


def model_results(table: columns.Table, name: str, ratings: NDArray[np.float64],
                  margin: float | None) -> dict[str, Any]:
    """A model against the mean of the readers and against each.

    Returns:
        dict with `auc`, `against_mean` by what is taken for chance, `p_value`,
        `against_each` (list of `Estimate`), and with a margin `non_inferior` and
        `p_non_inferior` (one-sided).
    """
    scores = table.scores[name]
    areas, matrix = delong.covariance(
        table.labels, [scores, *ratings], table.women)
    against = {chance: readers.against_readers(
        table.labels, scores, ratings, groups=table.women, chance=chance)
        for chance in readers.CHANCE if len(ratings) > 1 or chance == "cases"}
    first = next(iter(against.values()))
    results = dict(
        auc=delong.estimate(table.labels, scores, table.women),
        against_mean=against, p_value=first.p_value(),
        against_each=[delong.paired(areas, matrix, 0, number)
                      for number in range(1, len(areas))])
    if margin is not None:
        results |= dict(non_inferior=bool(first.estimate.low > -margin),
                        p_non_inferior=first.p_value(-margin, one_sided=True))
    return results


def between(table: columns.Table, names: Sequence[str]) -> list[dict[str, Any]]:
    """Paired differences of the models."""
    areas, matrix = delong.covariance(
        table.labels, [table.scores[name] for name in names], table.women)
    rows = []
    for i, j in itertools.combinations(range(len(names)), 2):
        difference = delong.paired(areas, matrix, i, j)
        rows.append(dict(first=names[i], second=names[j], difference=difference,
                         p_value=delong.p_value(difference)))
    return rows


# Tables and pictures ----------------------------------------------------------------


def reader_table(results: dict) -> Table:
    """AUC and operating point of each reader."""
    return Table(
        ("reader", "AUC", "sensitivity", "specificity"),
        [(name, inputs.shown(row["auc"]), inputs.shown(row["sensitivity"]),
          inputs.shown(row["specificity"])) for name, row in results["each"].items()],
        "Each reader; intervals for other cases, the same reader")


def spread_table(results: dict) -> Table:
    """Mean of the readers with its intervals, and their spread."""
    rows = [(f"mean, chance of {chance}", inputs.shown(mean.estimate))
            for chance, mean in results["mean"].items()]
    rows += [("standard deviation over readers",
              f"{results['standard_deviation']:.3f}"),
             ("lowest and highest reader",
              f"{results['lowest']:.3f} and {results['highest']:.3f}")]
    return Table(("AUC of readers", "value"), rows, "Readers together")


def against_table(models: dict, margin: float | None) -> Table:
    """Each model against the mean of the readers."""
    rows = []
    for name, row in models.items():
        first, *others = row["against_mean"].values()
        cells = [name, inputs.shown(row["auc"]), inputs.shown(first.estimate),
                 inputs.p_text(row["p_value"]),
                 inputs.shown(others[0].estimate) if others else ""]
        if margin is not None:
            cells += ["yes" if row["non_inferior"] else "not shown",
                      inputs.p_text(row["p_non_inferior"])]
        rows.append(tuple(cells))
    heads = ("model", "AUC", "less mean of readers", "p", "same readers, other cases")
    if margin is not None:
        heads += (f"not inferior by {margin:g}", "p (one-sided)")
    return Table(heads, rows, "Model less mean of readers: readers and cases random")


def one_by_one(models: dict, names: Sequence[str]) -> Table:
    """Each model against each reader."""
    rows = []
    for number, reader in enumerate(names):
        rows.append((reader, *(inputs.shown(row["against_each"][number], 2)
                               for row in models.values())))
    for text, test in (("readers that it is below", lambda row: row.high < 0),
                       ("readers that it is above", lambda row: row.low > 0)):
        rows.append((text, *(sum(map(test, row["against_each"]))
                             for row in models.values())))
    return Table(("reader", *models), rows,
                 "AUC of each model (column) less that of each reader (row); other "
                 "cases, the same reader; not corrected for the number of comparisons")


def _pictures(table, results, ratings, of_models):
    labels = table.labels
    grid = np.linspace(0, 1, 201)
    mean = np.mean([np.interp(grid, *metrics.roc_curve(labels, row)[:2])
                    for row in ratings], axis=0)
    points = [dict(name=name, sensitivity=row["sensitivity"].value,
                   specificity=row["specificity"].value)
              for name, row in results["readers"]["each"].items()]
    areas = {name: row["auc"] for name, row in results["models"].items()}
    each = {name: row["auc"] for name, row in results["readers"]["each"].items()}
    whole = next(iter(results["readers"]["mean"].values())).estimate
    return [
        ("roc", "ROC curves of the models with AUC and 95 % interval. A circle is a "
         f"reader who recalls from a rating of {results['recall_from']:g} on.",
         pictures.roc({name: (labels, table.scores[name]) for name in of_models},
                      areas, points, (grid, mean))),
        ("auc", "AUC of readers and models (diamonds) with 95 % intervals; dashed: "
         "mean of the readers.", pictures.forest(
             [("mean of readers", whole), *each.items(), *areas.items()], "AUC",
             line=whole.value,
             marked=range(1 + len(each), 1 + len(each) + len(areas)))),
        ("against_readers", "AUC of each model less the mean of the readers, 95 % "
         "interval for other readers and cases.", pictures.forest(
             [(name, next(iter(row["against_mean"].values())).estimate)
              for name, row in results["models"].items()],
             "difference of AUC", line=0.0))]


# Long tables: readers with several tests --------------------------------------------


def _long(arguments, reader, test):
    table = columns.read(arguments.table, columns.Wanted(
        tuple(arguments.score), tuple(filter(None, (reader, test, arguments.case))),
        arguments.patient, arguments.label))
    labels, ratings, tests, names = laid_out(table, reader, test, arguments.case)
    study = readers.study(labels, ratings)
    results = two_tests(labels, ratings, study, tests, arguments.margin)
    sections = [
        Heading("Table"), Text(
            f"{table.name}: {len(labels)} cases, {int(labels.sum())} with cancer, "
            f"{len(names)} readers, {len(tests)} tests."),
        Heading("Readers"), Text(NOTE), Table(
            ("reader", *tests), [(name, *map(float, study.areas[:, number]))
                                 for number, name in enumerate(names)],
            "AUC of each reader with each test"),
        *test_tables(results, arguments.margin)]
    drawn = [("auc", "AUC of each test, mean of the readers, with 95 % interval.",
              pictures.forest([(name, row.estimate) for name, row in
                               results["means"].items()], "AUC"))]
    return inputs.finish(inputs.Findings(
        "Reader study", results | dict(areas=study.areas.tolist(), readers=names),
        sections, drawn if arguments.out else [],
        dict(positive=int(labels.sum()), count=len(labels))), arguments.out)


def laid_out(table: columns.Table, reader: str, test: str, case: str = ""
             ) -> tuple[NDArray[np.bool_], NDArray[np.float64], list[str], list[str]]:
    """A long table as labels `(n,)` and ratings `(tests, readers, n)`.

    Returns:
        labels, ratings, names of the tests and of the readers.

    Raises:
        files.InputError: a reader has not rated each case with each test once, or a
            case has two labels.
    """
    cases = table.texts[case] if case else (
        table.keys if table.keys is not None else table.women)
    if cases is None:
        raise files.InputError(
            f"{table.name} has no column that tells the cases; name it with --case.")
    parts = [np.unique(np.asarray(values).astype(str), return_inverse=True)
             for values in (
        table.texts[test] if test else np.full(len(table), "test"),
        table.texts[reader], cases)]
    shape = tuple(len(values) for values, _ in parts)
    place = np.ravel_multi_index(tuple(codes for _, codes in parts), shape)
    if len(np.unique(place)) < len(place) or len(place) < np.prod(shape):
        raise files.InputError(
            f"{table.name} has {len(place)} ratings of {shape[1]} readers, {shape[2]} "
            f"cases and {shape[0]} tests; expected each combination exactly once.")
    ratings, labels = np.empty(shape), np.empty(shape, bool)
    ratings.ravel()[place] = next(iter(table.scores.values()))
    labels.ravel()[place] = table.labels
    if (labels != labels[0, 0]).any():
        raise files.InputError(f"{table.name}: a case has two labels; correct one.")
    return labels[0, 0], ratings, parts[0][0].tolist(), parts[1][0].tolist()


def two_tests(labels: NDArray, ratings: NDArray, study: readers.Study,
              tests: Sequence[str], margin: float | None) -> dict[str, Any]:
    """Means of the tests, global tests and differences of each pair of tests."""
    results = dict(
        means={name: readers.mean(study.areas[number], study.matrix[number, :, number])
               for number, name in enumerate(tests)},
        covariances=dict(zip(("error", "cov1", "cov2", "cov3"), study.covariances,
                             strict=True)))
    if len(tests) < 2:
        return results
    results["global"] = {f"Obuchowski-Rockette-Hillis, chance of {chance}":
                         readers.compare(study, chance=chance)
                         for chance in readers.CHANCE}
    results["global"]["Dorfman-Berbaum-Metz (jackknife), chance of readers and cases"] \
        = readers.dorfman_berbaum_metz(readers.pseudovalues(labels, ratings))
    results["differences"] = []
    for i, j in itertools.combinations(range(len(tests)), 2):
        row = readers.difference(study, i, j)
        results["differences"].append(dict(
            first=tests[i], second=tests[j], result=row, p_value=row.p_value()) | (
            {} if margin is None else dict(
                non_inferior=bool(row.estimate.low > -margin),
                p_non_inferior=row.p_value(-margin, one_sided=True))))
    return results


def test_tables(results: dict, margin: float | None) -> list[Table]:
    """The results of `two_tests` as tables."""
    tables = [Table(("test", "mean AUC", "standard error", "degrees of freedom"), [
        (name, inputs.shown(row.estimate, 4), row.standard_error, row.freedom)
        for name, row in results["means"].items()], "Mean of the readers, by test")]
    if "global" not in results:
        return tables
    tables.append(Table(("analysis", "F", "degrees of freedom", "p"), [
        (name, f"{row.statistic:.4f}",
         f"{row.freedom[0]}, {row.freedom[1]:.2f}", f"{row.p_value:.4f}")
        for name, row in results["global"].items()],
        "Whether all tests have the same mean"))
    heads = ("test", "less", "difference of mean AUC", "p")
    if margin is not None:
        heads += (f"not inferior by {margin:g}", "p (one-sided)")
    tables.append(Table(heads, [
        (row["first"], row["second"], inputs.shown(row["result"].estimate, 4),
         inputs.p_text(row["p_value"])) + (() if margin is None else (
             "yes" if row["non_inferior"] else "not shown",
             inputs.p_text(row["p_non_inferior"])))
        for row in results["differences"]], "Differences of tests"))
    return tables
