"""Tests of end2end.metrics.reading."""

import dataclasses
import itertools

import numpy as np
import pytest

from end2end.metrics import reading
from end2end.metrics.shares import Estimate

LABELS = np.array([1, 1, 0, 0, 0, 0])
SCORES = np.array([0.9, 0.2, 0.8, 0.3, 0.1, 0.4])
DECISIONS = np.array([[1, 0, 0, 1, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0],
                      [1, 1, 0, 0, 0, 1]])
PLAN = reading.Plan(threshold=0.8, below=0.3, above=0.9)


def rates(**changes):
    return reading.simulate(LABELS, SCORES, DECISIONS, reading.Plan(
        **(vars(PLAN) | changes)))


def test_one_reader_is_the_mean_of_all():
    row = rates()["one reader"]
    assert row["sensitivity"].value == pytest.approx(5 / 8)
    assert row["specificity"].value == pytest.approx(13 / 16)
    assert row["recall_rate"].value == pytest.approx(8 / 24)
    assert row["reads"].value == 1


def test_two_readers_are_the_mean_over_all_pairs():
    recalled = np.mean([np.maximum(*DECISIONS[list(pair)]) for pair in
                        itertools.combinations(range(4), 2)], axis=0)
    row = rates()["two readers, recall by either"]
    assert row["recall_rate"].value == pytest.approx(recalled.mean())
    assert row["sensitivity"].value == pytest.approx(recalled[:2].mean())


def test_a_third_reader_decides_over_all_triples():
    outcomes = [np.where(DECISIONS[i] == DECISIONS[j], DECISIONS[i], DECISIONS[k])
                for i, j, k in itertools.permutations(range(4), 3)]
    reads = [2 + (DECISIONS[i] != DECISIONS[j]).mean()
             for i, j in itertools.permutations(range(4), 2)]
    row = rates()["two readers, a third decides where they differ"]
    assert row["recall_rate"].value == pytest.approx(np.mean(outcomes))
    assert row["reads"].value == pytest.approx(np.mean(reads))


def test_reader_and_model_by_hand():
    model = SCORES >= 0.5
    row = rates()["reader and model, recall by either"]
    assert row["recall_rate"].value == pytest.approx((DECISIONS | model).mean())
    row = rates()["reader and model, another reader decides where they differ"]
    expected = np.mean([np.where(DECISIONS[i] == model, DECISIONS[i], DECISIONS[j])
                        for i, j in itertools.permutations(range(4), 2)])
    assert row["recall_rate"].value == pytest.approx(expected)
    assert row["reads"].value == pytest.approx(1 + (model != DECISIONS).mean())


def test_deferred_cases_are_not_read():
    row = rates()["lowest scores not read, one reader for the rest"]
    assert row["reads"].value == pytest.approx(4 / 6)
    assert row["change"]["sensitivity"].value == pytest.approx(-2 / 8)
    row = rates()[reading.BOTH]
    assert row["reads"].value == pytest.approx(3 / 6)
    assert row["sensitivity"].value == pytest.approx(4 / 8)
    assert reading.BOTH not in rates(above=None)


def test_the_model_alone_reads_nothing():
    row = rates()["model alone"]
    assert (row["reads"].value, row["sensitivity"].value) == (0, 0.5)


def test_rates_are_weighted_to_the_share_of_cancers():
    row = rates(prevalence=0.01)["one reader"]
    assert row["cancer_detection_rate"].value == pytest.approx(0.01 * 5 / 8)
    assert row["recall_rate"].value == pytest.approx(0.01 * 5 / 8 + 0.99 * 3 / 16)


def test_a_simulated_reader_has_colleagues_like_herself():
    chances = np.where(LABELS, 0.8, 0.1)[None]
    rows = reading.simulate(LABELS, SCORES, chances, reading.Plan(
        0.5, simulated=True))
    assert rows["two readers, recall by either"]["sensitivity"].value == pytest.approx(
        1 - 0.2**2)
    third = rows["two readers, a third decides where they differ"]
    assert third["sensitivity"].value == pytest.approx(0.8**2 + 2 * 0.8 * 0.2 * 0.8)


def test_with_few_readers_ways_for_more_are_left_out():
    rows = reading.simulate(LABELS, SCORES, DECISIONS[:1], PLAN)
    assert list(rows) == [name for name, way in reading.WAYS.items() if way.readers < 2]
    assert list(rows)[::4] == ["one reader", "model alone"]


def test_where_no_reader_can_be_left_out_chance_lies_in_the_cases_alone():
    rows = reading.simulate(LABELS, SCORES, DECISIONS[:3], PLAN)
    third = np.mean([np.where(first == second, first, other) for first, second, other
                     in itertools.permutations(DECISIONS[:3])], axis=0)
    expected = reading.weighted_mean(
        LABELS == 1, (third - DECISIONS[:3].mean(axis=0))[None], (1 / 3, 2 / 3))
    change = rows["two readers, a third decides where they differ"]["change"]
    assert dataclasses.astuple(change["recall_rate"]) == pytest.approx(
        dataclasses.astuple(expected.estimate))


def test_the_deferred_share_is_of_those_screened():
    assert reading.deferral(LABELS, SCORES, 0.5) == 0.4
    # With hardly any cancers 0.1 is a quarter of those screened and 0.2 is nothing.
    assert reading.deferral(LABELS, SCORES, 0.3, prevalence=1e-6) == 0.3
    assert reading.deferral(LABELS, SCORES, 1.0) == np.inf


def test_a_class_of_one_case_has_no_chance_of_its_own():
    labels = np.array([True, False, False, False])
    values = np.array([[1.0, 0.5, 0.25, 0]])
    result = reading.weighted_mean(labels, values, (0.5, 1.0), None)
    assert result.estimate.value == 0.75
    assert result.standard_error == pytest.approx(np.std([0.5, 0.25, 0], ddof=1)
                                                  / np.sqrt(3))


def test_limits_of_a_rate_lie_on_the_scale_of_its_log_odds():
    result = reading.readers.Result(Estimate(0.25, 0.0, 0.375), 0.1, np.inf)
    # Half of at most 0.5, and a quarter of it from there to the limit.
    odds = np.exp([-1, 1])
    assert reading._within(result, 0.5) == Estimate(0.25, *(
        pytest.approx(one / (1 + one) / 2) for one in odds))
    assert reading._within(result, None) is result.estimate
    for most in (0.25, 0.125):
        assert reading._within(result, most) is result.estimate
