"""Tests of end2end.statistics and of `end2end metrics`."""

import dataclasses
import json

import numpy as np
import pytest
import recorded

from end2end import metrics
from end2end.metrics import bootstrap, roc, statistics
from end2end.tables import scores

DRAW = statistics.Draw(runs=300, seed=1)


def breasts(count, *, seed=0):
    """Two views of each breast, every tenth of dense tissue."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count) % 3 == 0, 2).astype(int)
    values = 1 / (1 + np.exp(-rng.normal(size=2 * count) - 2 * labels + 1))
    patients = [f"P{i // 2}" for i in np.repeat(np.arange(count), 2)]
    sides = ["LR"[i % 2] for i in np.repeat(np.arange(count), 2)]
    return scores.Scores(
        tuple(f"{i}.png" for i in range(2 * count)), values, labels,
        patients=tuple(patients), lateralities=tuple(sides),
        views=("CC", "MLO") * count,
        others={"breast_density": tuple(str(i % 4) for i in range(2 * count))})


def test_a_table_is_described_on_every_level_it_knows():
    table = breasts(60)
    results = statistics.describe(table, DRAW)
    assert results["auc"] == metrics.auc(table.labels, table.values)
    assert results["count"] == 120 and results["positive"] == 40
    assert results["breasts"]["count"] == 60 and results["women"]["count"] == 30
    assert results["breasts"]["single_view_auc"] == pytest.approx(results["auc"])
    low, high = results["breasts"]["gain_interval"]
    assert low < results["breasts"]["gain"] < high
    assert results["breasts"]["gain"] > 0.03, "two independent views must help"
    assert set(results["groups"]) == {"view", "density"}
    assert results["groups"]["density"]["2"]["count"] == 30
    json.dumps(results)


def test_intervals_by_patient_are_wider_where_images_of_a_woman_agree():
    table = breasts(100)
    doubled = table.subset(np.repeat(np.arange(200), 4))
    results = statistics.describe(doubled, DRAW)
    width = np.diff(results["auc_interval"])
    assert np.diff(results["auc_interval_by_patient"]) > 1.5 * width


def test_operating_points_hold_their_targets_and_lie_in_their_intervals():
    table = breasts(100)
    points = statistics.operating_points(table.labels, table.values, DRAW)
    assert [point["target"] for point in points] == [0.869, 0.861, 0.869, 0.861]
    for point in points:
        assert point[point["at"]] >= point["target"]
        other = "specificity" if point["at"] == "sensitivity" else "sensitivity"
        low, high = point["interval"]
        assert low <= point[other] <= high


@pytest.mark.parametrize("which", ("sensitivity", "specificity"))
def test_operating_points_of_draws_equal_those_of_repeated_cases(which):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40).astype(bool)
    values = (rng.normal(size=40) + labels).round(1)
    statistic, plain = {
        "sensitivity": (roc._specificity_of_draws,
                        roc.specificity_at_sensitivity),
        "specificity": (roc._sensitivity_of_draws,
                        roc.sensitivity_at_specificity)}[which]
    counts = next(bootstrap.draws(40, runs=60, seed=2))
    expected = [plain(np.repeat(labels, c), np.repeat(values, c), 0.861)
                for c in counts]
    np.testing.assert_allclose(statistic(labels, values, 0.861)(counts), expected)


def test_a_threshold_found_elsewhere_is_tested_with_intervals():
    point = statistics.at_threshold([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.8], 0.6, DRAW)
    assert (point["sensitivity"], point["specificity"]) == (1, 0.5)
    assert point["sensitivity_interval"] == (1, 1)
    assert point["specificity_interval"] == (0, 1)


def test_all_statistics_of_uneven_tables_are_as_recorded():
    table = breasts(14, seed=3)
    # A view is missing, and one woman has a third image.
    uneven = table.subset(np.array([0, 1, 2, *range(4, 28)]))
    other = breasts(14, seed=4).subset(np.array([0, 1, 2, *range(4, 28)]))
    other = dataclasses.replace(other, labels=uneven.labels)
    draw = statistics.Draw(runs=40, seed=2)
    kinds = scores.Scores(
        tuple("abcdef"), np.array([
            [0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0, 0.5, 0.5], [0.25, 0.25, 0.5],
            [1, 0, 0], [0.5, 0.5, 0]]),
        np.array([0, 1, 1, 2, 0, 2]), ("neg", "ben", "mal"))
    recorded.check("metrics-statistics", dict(
        uneven=statistics.describe(uneven, draw, shares=(0.8, 0.95)),
        compared=statistics.compare(uneven, other, draw, name="x"),
        kinds=statistics.describe(kinds, draw), thresholds=[statistics.at_threshold(
            uneven.labels, uneven.values, threshold, draw)
            for threshold in (0.25, 0.5, 0.99)]))


@pytest.mark.parametrize(("low", "high", "calibrated"), [
    (0.0, 1.0, True), (-0.125, 1.0, False), (0.0, 1.125, False)])
def test_scores_from_0_to_1_have_a_calibration(low, high, calibrated):
    table = breasts(6)
    values = np.where(np.arange(12) == 3, low, np.where(
        np.arange(12) == 7, high, table.values))
    results = statistics.describe(dataclasses.replace(table, values=values),
                                  statistics.Draw(runs=3))
    assert ("calibration" in results) == calibrated


def test_of_two_columns_of_one_meaning_the_first_with_several_values_makes_groups():
    table = dataclasses.replace(breasts(6), views=("CC",) * 12, others={
        "acr": ("2",) * 12, " Density ": tuple("1122" * 3), "breast density":
        tuple("3344" * 3), "site": tuple("ab" * 6), "subtlety": ("", "5") * 6})
    found = statistics.groups(table, statistics.Draw(runs=3))
    assert {name: list(rows) for name, rows in found.items()} == {
        "density": ["1", "2"]}
    assert [row["count"] for row in found["density"].values()] == [6, 6]


def test_women_are_not_told_where_one_is_unknown_or_all_have_one_label():
    table = breasts(6)
    assert statistics.women(table, statistics.Draw(runs=3))["count"] == 3
    unknown = dataclasses.replace(table, patients=("", *table.patients[1:]))
    alike = dataclasses.replace(table, labels=np.ones(12, int))
    for changed in (unknown, alike):
        assert statistics.women(changed, statistics.Draw(runs=3)) is None
    assert statistics.breasts(alike, statistics.Draw(runs=3)) is None
    assert statistics.breasts(dataclasses.replace(table, views=("CC",) * 12),
                              statistics.Draw(runs=3)) is None
    draw = statistics.Draw(runs=3)
    alone = dataclasses.replace(table, patients=tuple(map(str, range(12))))
    for told in (unknown, alone):
        assert "auc_interval_by_patient" not in statistics.ranking(told, draw)
        assert "difference_interval_by_patient" not in statistics.compare(
            told, table, draw)
    assert "difference_interval_by_patient" in statistics.compare(table, alone, draw)
