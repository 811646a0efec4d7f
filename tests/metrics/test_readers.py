"""Tests of end2end.metrics.readers."""

import known_scores as known
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from end2end.metrics import readers
from end2end.metrics.shares import Estimate

# The Van Dyke study (two tests, five readers, 114 cases): AUCs and covariances as the
# programs for such studies print them, quoted from memory; no source of the ratings was
# at hand, and they are not part of this repository.
# The AUCs are whole multiples of 1 / (2 * 45 * 69).
VAN_DYKE = np.array([[5711, 5333, 5613, 6043, 5153], [5886, 5622, 5724, 6206, 5775]]
                    ) / (2 * 45 * 69)
ERROR, COV1, COV2, COV3 = 0.0008022883, 0.0003466137, 0.0003440748, 0.0002390284


def van_dyke():
    same_test, same_reader = np.eye(2, dtype=bool), np.eye(5, dtype=bool)
    matrix = np.where(same_test[:, None, :, None], np.where(
        same_reader[None, :, None], ERROR, COV2), np.where(
            same_reader[None, :, None], COV1, COV3))
    return readers.Study(VAN_DYKE, matrix)


def test_van_dykes_means_and_variance_components_are_the_published_ones():
    study = van_dyke()
    assert study.areas.mean(axis=1) == pytest.approx((0.8970370, 0.9408374), abs=5e-8)
    assert study.covariances == pytest.approx((ERROR, COV1, COV2, COV3))
    _, by_reader, rest = readers.mean_squares(study.areas)
    assert rest == pytest.approx(0.0005510306, abs=5e-11)
    assert rest - ERROR + COV1 + COV2 - COV3 == pytest.approx(0.0002004025, abs=5e-10)
    assert (by_reader - rest) / 2 - COV1 + COV3 == pytest.approx(
        0.0015349993, abs=5e-10)


def test_mean_squares_of_two_tests_of_two_readers_and_of_one_by_hand():
    two = readers.mean_squares(np.array([[0.7, 0.9], [0.8, 0.6]]))
    assert two == pytest.approx((2 * 0.005, 0, 0.04))
    alone = readers.mean_squares(np.array([[0.7], [0.9]]))
    assert alone == pytest.approx((0.02, 0, 0))
    study = readers.Study(np.array([[0.7], [0.9]]), np.full((2, 1, 2, 1), 0.001))
    for chance in ("readers", "readers and cases"):
        assert np.isnan(readers.denominator(study, chance)).all()
        assert np.isnan(readers.compare(study, chance=chance).p_value)


@pytest.mark.parametrize("chance, statistic, p_value", (
    ("readers and cases", 4.456319, 0.0516665), ("cases", 5.475953, 0.0192795),
    ("readers", 8.704000, 0.0419587)))
def test_van_dykes_tests_are_the_published_ones(chance, statistic, p_value):
    test = readers.compare(van_dyke(), chance=chance)
    assert test.statistic == pytest.approx(statistic, abs=1e-5)
    assert test.p_value == pytest.approx(p_value, abs=1e-5)
    if chance == "readers and cases":
        assert test.freedom == (1, pytest.approx(15.25967, abs=5e-5))


def test_van_dykes_difference_and_interval_are_the_published_ones():
    result = readers.difference(van_dyke(), 0, 1)
    assert result.estimate.value == pytest.approx(-0.04380032, abs=5e-9)
    assert result.standard_error == pytest.approx(0.02074862, abs=5e-8)
    assert result.estimate.high == pytest.approx(0.0003589544, abs=5e-7)
    assert result.p_value() == pytest.approx(0.0516665, abs=1e-6)


@pytest.mark.parametrize("test, error, freedom", (
    (0, 0.03317360, 12.74465), (1, 0.02156637, 12.71019)))
def test_van_dykes_single_tests_have_the_published_freedom(test, error, freedom):
    # The covariances of each test follow from its published standard error.
    spread = VAN_DYKE[test].var(ddof=1)
    between = error**2 - spread / 5
    matrix = np.full((5, 5), between) + np.eye(5) * (ERROR - between)
    result = readers.mean(VAN_DYKE[test], matrix)
    assert result.standard_error == pytest.approx(error, abs=1e-8)
    assert result.freedom == pytest.approx(freedom, abs=5e-5)


@pytest.mark.parametrize(("every", "known_area"), [(2, 0.704861111111), (5, None)])
def test_pseudovalues_are_those_of_leaving_each_case_out(every, known_area):
    labels, ratings = known.ratings()
    labels = (np.arange(24) % every == 0).astype(int)
    row, area = ratings[1, 2], roc_auc_score(labels, ratings[1, 2])
    assert known_area is None or area == pytest.approx(known_area)
    expected = np.array([24 * area - 23 * roc_auc_score(
        np.delete(labels, i), np.delete(row, i)) for i in range(24)])
    np.testing.assert_allclose(
        readers.pseudovalues(labels, ratings)[1, 2],
        expected - expected.mean() + area, atol=1e-12)


def test_pseudovalues_of_women_leave_out_all_their_cases():
    labels, ratings = known.ratings()
    women = np.arange(24) // 3
    row, area = ratings[0, 0], roc_auc_score(labels, ratings[0, 0])
    expected = np.array([8 * area - 7 * roc_auc_score(
        labels[women != woman], row[women != woman]) for woman in range(8)])
    np.testing.assert_allclose(
        readers.pseudovalues(labels, ratings, women)[0, 0],
        expected - expected.mean() + area, atol=1e-12)


def test_dorfman_berbaum_metz_is_the_analysis_of_variance_of_r():
    labels, ratings = known.ratings()
    test = readers.dorfman_berbaum_metz(readers.pseudovalues(labels, ratings))
    # anova(lm(pseudovalue ~ test * reader * case)) of R 4.2.2.
    assert test.statistic == pytest.approx(0.2849002849, abs=1e-9)
    assert test.freedom == (1, pytest.approx(2.0))
    assert test.p_value == pytest.approx(0.646887724227, abs=1e-9)


def test_both_analyses_agree_on_the_covariances_of_the_jackknife():
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 3 == 0
    case = rng.normal(size=60) + labels
    ratings = case + rng.normal(size=(2, 4, 60)) + [[[0]] * 4, [[0.4]] * 4]
    values = readers.pseudovalues(labels, ratings)
    matrix = np.cov(values.reshape(8, 60)) / 60
    first = readers.compare(readers.Study(
        readers.study(labels, ratings).areas, matrix.reshape(2, 4, 2, 4)))
    second = readers.dorfman_berbaum_metz(values)
    assert first.statistic == pytest.approx(second.statistic, rel=1e-9)
    assert first.freedom[1] == pytest.approx(second.freedom[1], rel=1e-9)


def test_a_model_like_a_reader_does_not_differ_and_a_better_one_does():
    rng = np.random.default_rng(2)
    labels = np.arange(200) % 2 == 0
    case = rng.normal(size=200) + labels
    ratings = case + rng.normal(size=(6, 200))
    alike = readers.against_readers(labels, case + rng.normal(size=200), ratings)
    assert alike.estimate.low < 0 < alike.estimate.high and alike.p_value() > 0.05
    better = readers.against_readers(labels, case + labels, ratings)
    assert better.estimate.low > 0
    assert better.p_value(-0.05, one_sided=True) < better.p_value() < 0.001


def test_of_three_tests_of_the_same_readers_chi_square_tells_the_chance():
    areas = np.array([[0.70, 0.80], [0.74, 0.82], [0.78, 0.87]])
    same = np.eye(6).reshape(3, 2, 3, 2)
    result = readers.compare(
        readers.Study(areas, 0.0005 * same + 0.001), chance="cases")
    # Means of 0.75, 0.78 and 0.825: a mean square of 0.00285 over a variance of 0.0005.
    assert result.statistic == pytest.approx(5.7, rel=1e-6)
    assert result.freedom == (2, np.inf)
    assert result.p_value == pytest.approx(np.exp(-result.statistic), rel=1e-6)


def test_with_the_same_readers_only_cases_make_chance():
    labels, ratings = known.ratings()
    model = ratings[1, 0]
    results = [readers.against_readers(labels, model, ratings[0], chance=chance)
               for chance in readers.CHANCE]
    assert len({result.estimate.value for result in results}) == 1
    assert results[0].standard_error > results[2].standard_error
    assert np.isinf(results[1].freedom) and results[2].freedom == 2


def test_one_reader_alone_has_the_interval_of_the_cases():
    result = readers.mean([0.8], [[0.0016]])
    assert result.estimate.low == pytest.approx(0.8 - 1.959964 * 0.04, abs=1e-6)


@pytest.mark.parametrize(("value", "null", "one_sided", "expected"), [
    (0.25, 0, False, 0), (0, 0, False, 1), (0.25, 0.25, True, 1), (-0.25, 0, False, 0),
    (-0.25, 0, True, 1), (0.25, 0, True, 0)])
def test_what_has_no_chance_is_certain(value, null, one_sided, expected):
    result = readers.Result(Estimate(value, value, value), 0.0, np.inf)
    assert result.p_value(null, one_sided=one_sided) == expected


def test_readers_that_vary_alike_leave_the_chance_to_the_cases():
    """No remainder: both tests differ by as much for each reader."""
    areas = np.array([[0.5, 0.75], [0.625, 0.875]])
    tests, both = np.eye(2), np.ones((2, 2))
    for same, square in ((0.001, 0.002), (-0.001, 0.0)):
        # Covariances of the same test with other readers alone.
        matrix = same * np.einsum("ij,kl->ikjl", tests, both - tests)
        found, freedom = readers.denominator(
            readers.Study(areas, matrix), readers.CHANCE[0])
        assert (found, freedom) == (pytest.approx(square, abs=1e-12), np.inf)


def test_the_mean_of_equal_readers_varies_with_the_cases_alone():
    matrix = np.array([[0.004, 0.001], [0.001, 0.004]])
    result = readers.mean([0.75, 0.75], matrix)
    assert result.freedom == np.inf
    assert result.standard_error == pytest.approx(np.sqrt(2 * 0.001 / 2))
    # Covariances below 0 are chance and count as none.
    result = readers.mean([0.7, 0.8], -matrix)
    assert result.standard_error == pytest.approx(np.sqrt(0.005 / 2))
    assert result.freedom == pytest.approx(1)
