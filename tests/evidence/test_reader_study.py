"""`end2end metrics readers`."""

import json

import evidence_tables
import known_scores as known
import numpy as np
import pytest
import recorded
from sklearn.metrics import roc_auc_score

from end2end.evidence import reader_study
from end2end.metrics import __main__ as program
from end2end.metrics import readers
from end2end.metrics.shares import Estimate
from end2end.tables.columns import Table
from end2end.utils import files


def run(capsys, *words):
    program.main(["readers", *map(str, words)])
    return capsys.readouterr().out


def test_a_wide_study_gives_readers_models_and_a_page(tmp_path, capsys):
    columns = evidence_tables.study()
    path = evidence_tables.write(tmp_path / "study.csv", columns)
    printed = run(capsys, path, "--margin", "0.05", "--out", tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    labels = np.array(columns["label"], float)
    areas = [roc_auc_score(labels, columns[f"Reader{i:02}"]) for i in (1, 2, 3, 4)]
    assert results["readers"]["mean"]["cases"]["estimate"]["value"] == pytest.approx(
        np.mean(areas))
    assert results["readers"]["standard_deviation"] == pytest.approx(
        np.std(areas, ddof=1))
    good, poor = results["models"]["AI_good"], results["models"]["AI_poor"]
    first = good["against_mean"]["readers and cases"]["estimate"]
    assert first["value"] == pytest.approx(
        roc_auc_score(labels, columns["AI_good"]) - np.mean(areas))
    assert first["low"] > 0 and good["non_inferior"] and not poor["non_inferior"]
    assert "Readers: Reader01, Reader02, Reader03, Reader04. Models: AI_good, AI_poor" \
        in printed
    for name in ("roc.svg", "auc.png", "against_readers.png", "report.html"):
        assert (tmp_path / "out" / name).exists()


def test_columns_can_be_named(tmp_path, capsys):
    columns = evidence_tables.study()
    columns["doc_a"], columns["net"] = columns.pop("Reader01"), columns.pop("AI_good")
    path = evidence_tables.write(tmp_path / "study.csv", columns)
    printed = run(capsys, path, "--readers", "doc_*", "--score", "net")
    assert "Readers: doc_a. Models: net." in printed
    assert "mean, chance of cases" in printed
    assert "chance of readers" not in printed  # of one reader nothing is known


@pytest.mark.parametrize("words, message", (
    (["--readers", "nobody*"], "no column of readers"),
    (["--score", "none*"], "no column of models"), (["--margin", "2"], "--margin 2")))
def test_columns_that_are_not_there_are_refused(tmp_path, words, message):
    path = evidence_tables.write(tmp_path / "study.csv", evidence_tables.study())
    with pytest.raises(files.InputError, match=message):
        program.main(["readers", str(path), *words])


def long_table(tmp_path, **changes):
    labels, ratings = known.ratings()
    test, reader, case = (part.ravel() for part in np.indices(ratings.shape))
    return evidence_tables.write(tmp_path / "long.csv", dict(
        reader=[f"R{k}" for k in reader], treatment=test, case_id=case,
        truth=labels[case], rating=ratings.ravel()) | changes)


@pytest.mark.usefixtures("light_figures")
def test_a_long_table_of_two_tests_gives_both_analyses(tmp_path, capsys):
    printed = run(capsys, long_table(tmp_path), "--case", "case_id", "--margin", "0.2",
                  "--out", tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    labels, ratings = known.ratings()
    expected = readers.compare(readers.study(labels, ratings))
    found = results["global"]["Obuchowski-Rockette-Hillis, chance of readers and cases"]
    assert found["statistic"] == pytest.approx(expected.statistic)
    assert "0.2849" in printed and "Dorfman-Berbaum-Metz" in printed
    assert results["areas"][1] == pytest.approx(
        [0.791666666667, 0.881944444444, 0.704861111111])


@pytest.mark.parametrize("column", ["case_id", "path"])
def test_cases_of_a_long_table_are_women_or_paths_where_no_column_is_named(
        tmp_path, capsys, column):
    # A woman whose number is 0 is nobody.
    path = long_table(tmp_path, case_id=np.indices((2, 3, 24))[2].ravel() + 1)
    path.write_text(path.read_text().replace("case_id", column))
    assert "24 cases, 12 with cancer, 3 readers, 2 tests" in run(capsys, path)


def test_the_column_of_readers_of_a_long_table_can_be_named(tmp_path, capsys):
    path = long_table(tmp_path)
    text = path.read_text().replace("reader,treatment,", "doctor,tool,").replace(
        ",rating", ",grade")
    path.write_text(text)
    printed = run(capsys, path, "--reader", "doctor", "--test", "tool", "--score",
                  "grade", "--case", "case_id")
    assert "24 cases, 12 with cancer, 3 readers, 2 tests" in printed
    # A wide table is never taken for one, nor is the name left aside.
    wide = evidence_tables.write(tmp_path / "study.csv", evidence_tables.study())
    with pytest.raises(files.InputError, match="nobody"):
        program.main(["readers", str(wide), "--reader", "nobody",
                      "--score", "AI_good"])


def test_a_wide_table_may_have_a_column_called_reader(tmp_path, capsys):
    columns = evidence_tables.study(readers=1)
    columns["reader"] = columns.pop("Reader01")
    path = evidence_tables.write(tmp_path / "study.csv", columns)
    assert "Readers: reader. Models: AI_good, AI_poor." in run(capsys, path)


def test_a_case_that_a_reader_left_out_is_refused(tmp_path):
    labels, ratings = known.ratings()
    ratings = [*ratings.ravel()[:-1], ""]
    with pytest.raises(files.InputError) as caught:
        program.main(["readers", str(long_table(tmp_path, rating=ratings)),
                      "--case", "case_id"])
    assert str(caught.value) == (
        "long has 143 ratings of 3 readers, 24 cases and 2 tests; expected each "
        "combination exactly once.")


def test_two_readers_have_a_spread_and_all_kinds_of_chance():
    labels, ratings = known.ratings()
    table = Table("t", labels.astype(bool), dict(m=ratings[1, 0]))
    found = reader_study.reader_results(table, ["a", "b"], ratings[0, :2], 0.5)
    areas = [roc_auc_score(labels, row) for row in ratings[0, :2]]
    assert found["standard_deviation"] == pytest.approx(np.std(areas, ddof=1))
    assert (found["lowest"], found["highest"]) == pytest.approx(
        (min(areas), max(areas)))
    model = reader_study.model_results(table, "m", ratings[0, :2], None)
    assert tuple(found["mean"]) == tuple(model["against_mean"]) == readers.CHANCE
    assert len(model["against_each"]) == 2 and "non_inferior" not in model


def test_of_many_columns_forty_are_named(tmp_path):
    names = ["label", "score", *(f"c{number}" for number in range(2, 45))]
    path = evidence_tables.write(tmp_path / "a.csv", {name: [1, 0] for name in names})
    for words, said in ((["readers", path], "has no column of readers that is known as "
                         "such; its columns are label, score, c2, "),
                        (["use", path, "--readers", "no*"], "has no such column; its "
                         "columns are label, score, c2, ")):
        with pytest.raises(files.InputError) as caught:
            program.main([str(word) for word in words])
        assert said in str(caught.value) and ", c39. " in f"{caught.value} "


def test_all_that_is_said_of_readers_and_models_is_as_recorded(tmp_path, monkeypatch):
    path = evidence_tables.write(tmp_path / "study.csv", evidence_tables.study())
    said = evidence_tables.findings(monkeypatch, [
        "readers", path, "--margin", "0.05", "--recall-from", "0.3"])
    recorded.check("evidence-readers", said, dict(FOLDER=tmp_path))


def test_all_that_is_said_of_readers_with_several_tests_is_as_recorded(
        tmp_path, monkeypatch):
    said = evidence_tables.findings(monkeypatch, [
        "readers", long_table(tmp_path), "--case", "case_id", "--margin", "0.2"])
    recorded.check("evidence-readers-long", said, dict(FOLDER=tmp_path))


def test_all_that_is_said_of_one_reader_and_one_model_is_as_recorded(
        tmp_path, monkeypatch):
    path = evidence_tables.write(tmp_path / "study.csv", evidence_tables.study())
    said = evidence_tables.findings(monkeypatch, [
        "readers", path, "--readers", "Reader02", "--score", "AI_good"])
    recorded.check("evidence-readers-one", said, dict(FOLDER=tmp_path))


def test_long_tables_need_cases_of_one_label(tmp_path):
    labels, ratings = known.ratings()
    truth = np.tile(labels, ratings.shape[0] * ratings.shape[1])
    truth[-1] = 1 - truth[-1]
    with pytest.raises(files.InputError, match="a case has two labels"):
        program.main(["readers", str(long_table(tmp_path, truth=truth)), "--case",
                      "case_id"])
    with pytest.raises(files.InputError, match="tells the cases; name it with --case"):
        path = long_table(tmp_path)
        path.write_text(path.read_text().replace("case_id", "thing"))
        program.main(["readers", str(path)])


def test_one_test_has_a_mean_and_no_comparison(tmp_path, capsys):
    labels, ratings = known.ratings()
    path = evidence_tables.write(tmp_path / "long.csv", dict(
        reader=[f"R{k}" for k in range(ratings.shape[1]) for _ in labels],
        case_id=list(range(len(labels))) * ratings.shape[1],
        truth=np.tile(labels, ratings.shape[1]), rating=ratings[0].ravel()))
    printed = run(capsys, path, "--case", "case_id")
    assert "Mean of the readers, by test" in printed
    assert "same mean" not in printed and "Differences of tests" not in printed


def test_a_model_is_below_or_above_a_reader_whose_interval_leaves_out_zero():
    rows = [Estimate(0, low, high) for low, high in (
        (-0.5, -0.25), (-0.5, 0), (0, 0.5), (0.25, 0.5), (0.125, 0.25))]
    table = reader_study.one_by_one(dict(m=dict(against_each=rows)), "abcde")
    assert table.rows[-2:] == [("readers that it is below", 1),
                               ("readers that it is above", 2)]
    assert table.rows[0] == ("a", "0.00 (-0.50 to -0.25)")


@pytest.mark.parametrize(("more", "shown"), [
    (1e-6, True), (0, False), (-1e-6, False)])
def test_a_test_or_model_is_not_inferior_where_the_interval_ends_above_the_margin(
        more, shown):
    labels, ratings = known.ratings()
    study = readers.study(labels, ratings)
    low = readers.difference(study, 0, 1).estimate.low
    (found,) = reader_study.two_tests(
        labels, ratings, study, ["a", "b"], more - low)["differences"]
    assert low < 0 and found["non_inferior"] is shown
    table = Table("t", labels.astype(bool), dict(m=ratings[1, 0]))
    low = readers.against_readers(
        table.labels, ratings[1, 0], ratings[0]).estimate.low
    found = reader_study.model_results(table, "m", ratings[0], more - low)
    assert low < 0 and found["non_inferior"] is shown
