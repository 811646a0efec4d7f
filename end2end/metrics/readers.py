"""Multi-reader multi-case studies: readers and cases both stand for many others.

Obuchowski NA, Rockette HE. Hypothesis testing of diagnostic accuracy for multiple
readers and multiple tests. Commun Stat Simul Comput 24, 285-308 (1995), with the
degrees of freedom of Hillis SL. A comparison of denominator degrees of freedom methods
for multiple observer ROC analysis. Statistics in Medicine 26, 596-619 (2007). Dorfman
DD, Berbaum KS, Metz CE. Receiver operating characteristic rating analysis. Invest
Radiol 27, 723-731 (1992), as revised by Hillis SL et al. Statistics in Medicine 24,
1579-1607 (2005).
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from end2end.metrics import delong, roc
from end2end.metrics.shares import Estimate

# What an analysis takes for chance: which of readers and cases were drawn from many.
CHANCE = ("readers and cases", "cases", "readers")


@dataclasses.dataclass(frozen=True)
class Result:
    """An estimate with what its test needs.

    Attributes:
        estimate: value with 95 % interval.
        standard_error: of it.
        freedom: degrees of freedom of its t distribution, perhaps infinite.
    """

    estimate: Estimate
    standard_error: float
    freedom: float

    def p_value(self, null: float = 0.0, *, one_sided: bool = False) -> float:
        """That of the hypothesis that the truth is `null`, or at most `null`."""
        distance = self.estimate.value - null
        if self.standard_error == 0:
            return float(distance <= 0 if one_sided else distance == 0)
        t = distance / self.standard_error
        return float(_tail(t if one_sided else abs(t), self.freedom)
                     * (1 if one_sided else 2))


def _tail(t, freedom):
    return special.ndtr(-t) if math.isinf(freedom) else stats.t.sf(t, freedom)


def _result(value, variance, freedom):
    error = math.sqrt(max(variance, 0.0))
    quantile = delong.QUANTILE if math.isinf(freedom) else stats.t.ppf(0.975, freedom)
    return Result(Estimate(float(value), float(value - quantile * error),
                           float(value + quantile * error)), error, float(freedom))


# Obuchowski and Rockette -------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Study:
    """Figures of merit of readers with tests, and how they vary with the cases.

    Attributes:
        areas: AUC or another figure, `(tests, readers)`.
        matrix: covariances `(tests, readers, tests, readers)`.
    """

    areas: NDArray[np.float64]
    matrix: NDArray[np.float64]

    def mean_covariance(self, *, same_test: bool, same_reader: bool) -> float:
        """Mean over pairs; 0 where there is no such pair."""
        tests, readers = (np.eye(count, dtype=bool) for count in self.areas.shape)
        pairs = ((tests if same_test else ~tests)[:, None, :, None]
                 & (readers if same_reader else ~readers)[None, :, None, :])
        return float(self.matrix[pairs].mean()) if pairs.any() else 0.0

    @property
    def covariances(self) -> tuple[float, float, float, float]:
        """Error variance, Cov1 (same reader), Cov2 (same test), Cov3 (neither)."""
        return (self.mean_covariance(same_test=True, same_reader=True),
                self.mean_covariance(same_test=False, same_reader=True),
                self.mean_covariance(same_test=True, same_reader=False),
                self.mean_covariance(same_test=False, same_reader=False))


def study(
        labels: ArrayLike, ratings: ArrayLike,
        groups: ArrayLike | None = None) -> Study:
    """AUC of each reader with each test, with covariances of DeLong 1988.

    Args:
        labels: 0 or 1, `(n,)`.
        ratings: `(tests, readers, n)`.
        groups: one key per case, where several belong to one woman (Obuchowski 1997).

    Raises:
        files.InputError: see `metrics.check`.
    """
    ratings = np.asarray(ratings, np.float64)
    tests, readers, count = ratings.shape
    areas, matrix = delong.covariance(labels, list(ratings.reshape(-1, count)), groups)
    return Study(areas.reshape(tests, readers),
                 matrix.reshape(tests, readers, tests, readers))


@dataclasses.dataclass(frozen=True)
class FTest:
    """Global test that all tests have the same mean.

    Attributes:
        statistic: F.
        freedom: of numerator and denominator.
        p_value: of the F test.
        denominator: its mean square.
    """

    statistic: float
    freedom: tuple[float, float]
    p_value: float
    denominator: float


def mean_squares(areas: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean squares of tests, of readers and of what is left, of `(tests, readers)`."""
    tests, readers = areas.shape
    by_test, by_reader = areas.mean(axis=1), areas.mean(axis=0)
    rest = areas - by_test[:, None] - by_reader + areas.mean()
    return (readers * float(by_test.var(ddof=1)),
            tests * float(by_reader.var(ddof=1)) if readers > 1 else 0.0,
            float((rest**2).sum()) / max((tests - 1) * (readers - 1), 1))


def denominator(study: Study, chance: str) -> tuple[float, float]:
    """Mean square that that of tests is compared with, and its degrees of freedom."""
    tests, readers = study.areas.shape
    error, cov1, cov2, cov3 = study.covariances
    _, _, rest = mean_squares(study.areas)
    if chance == "cases":
        return error - cov1 + (readers - 1) * (cov2 - cov3), math.inf
    if readers < 2:
        return math.nan, math.nan
    cells = (tests - 1) * (readers - 1)
    if chance == "readers":
        return rest, cells
    square = rest + max(readers * (cov2 - cov3), 0.0)
    return square, square**2 / (rest**2 / cells) if rest > 0 else math.inf


def compare(study: Study, *, chance: str = CHANCE[0]) -> FTest:
    """F test of Obuchowski and Rockette that all tests are alike.

    Args:
        study: of at least two tests.
        chance: row of `CHANCE`.
    """
    square, freedom = denominator(study, chance)
    statistic = mean_squares(study.areas)[0] / square
    tests = len(study.areas)
    p_value = (stats.chi2.sf(statistic * (tests - 1), tests - 1) if math.isinf(freedom)
               else stats.f.sf(statistic, tests - 1, freedom))
    return FTest(float(statistic), (tests - 1, freedom), float(p_value), square)


def difference(
        study: Study, first: int, second: int, *, chance: str = CHANCE[0]) -> Result:
    """Difference of the means of two tests, `first` less `second`."""
    square, freedom = denominator(study, chance)
    means = study.areas.mean(axis=1)
    return _result(means[first] - means[second],
                   2 / study.areas.shape[1] * square, freedom)


def mean(areas: ArrayLike, matrix: ArrayLike, *, chance: str = CHANCE[0]) -> Result:
    """Mean of the figures of several readers with one test (Hillis 2007).

    Args:
        areas: figure of each reader, `(r,)`; also differences.
        matrix: their covariances over cases, `(r, r)`.
        chance: row of `CHANCE`.
    """
    areas, matrix = np.asarray(areas, float), np.asarray(matrix, float)
    readers = len(areas)
    if chance == "cases" or readers < 2:
        return _result(areas.mean(), matrix.mean(), math.inf)
    spread = float(areas.var(ddof=1))
    if chance == "readers":
        return _result(areas.mean(), spread / readers, readers - 1)
    between = float(matrix[~np.eye(readers, dtype=bool)].mean())
    square = spread + max(readers * between, 0.0)
    freedom = square**2 / (spread**2 / (readers - 1)) if spread > 0 else math.inf
    return _result(areas.mean(), square / readers, freedom)


def against_readers(
        labels: ArrayLike, scores: ArrayLike, ratings: ArrayLike, *,
        groups: ArrayLike | None = None, chance: str = CHANCE[0]) -> Result:
    """AUC of a model less the mean of the readers, on the same cases.

    The model is one and fixed; readers are drawn from many (Hillis SL, Obuchowski NA,
    Berbaum KS. Power estimation for multireader ROC methods. Acad Radiol 18, 129-142,
    2011: one test, applied to each reader's difference to the model).

    Args:
        labels: 0 or 1, `(n,)`.
        scores: of the model, `(n,)`.
        ratings: `(readers, n)`.
        groups: one key per case, where several belong to one woman.
        chance: row of `CHANCE`.

    Raises:
        files.InputError: see `metrics.check`.
    """
    ratings = np.atleast_2d(np.asarray(ratings, np.float64))
    areas, matrix = delong.covariance(labels, [np.asarray(scores), *ratings], groups)
    contrast = np.column_stack([np.ones(len(ratings)), -np.eye(len(ratings))])
    return mean(contrast @ areas, contrast @ matrix @ contrast.T, chance=chance)


# Dorfman, Berbaum and Metz -----------------------------------------------------------


def pseudovalues(
        labels: ArrayLike, ratings: ArrayLike,
        groups: ArrayLike | None = None) -> NDArray[np.float64]:
    """Jackknife values of the AUC, `(tests, readers, units)`; their mean is the AUC.

    Args:
        labels: 0 or 1, `(n,)`.
        ratings: `(tests, readers, n)`.
        groups: one key per case; what is left out at once (a case where None).
    """
    ratings = np.asarray(ratings, np.float64)
    count = ratings.shape[-1]
    place = np.arange(count) if groups is None else np.unique(
        np.asarray(groups), return_inverse=True)[1]
    values = [_jackknifed(*roc.check(labels, row)[:2], place)
              for row in ratings.reshape(-1, count)]
    return np.reshape(values, (*ratings.shape[:2], -1))


def _jackknifed(labels, scores, place):
    """Values of one row of ratings: `(units,)`."""
    places, units = roc.placements(labels, scores), int(place.max()) + 1
    positives, negatives = labels.sum(), (~labels).sum()
    area = float(places[labels].mean())
    removed = np.bincount(
        place, places * np.where(labels, negatives, positives), units)
    of_unit = [np.bincount(place[cases], minlength=units)
               for cases in (labels, ~labels)]
    for unit in np.flatnonzero(of_unit[0] * of_unit[1]):  # pairs counted twice
        inside = place == unit
        above = scores[inside & labels][:, None] - scores[inside & ~labels]
        removed[unit] -= float(np.heaviside(above, 0.5).sum())
    left = (positives - of_unit[0]) * (negatives - of_unit[1])
    without = (positives * negatives * area - removed) / left
    values = units * area - (units - 1) * without
    return values - values.mean() + area


def dorfman_berbaum_metz(values: NDArray[np.float64]) -> FTest:
    """F test that all tests are alike, of `pseudovalues`; readers and cases random.

    Args:
        values: `(tests, readers, units)`.
    """
    tests, readers, units = values.shape
    test, _, rest = mean_squares(values.mean(axis=2))
    by_case, by_test = values.mean(axis=(0, 1)), values.mean(axis=(1, 2))
    with_cases = (values.mean(axis=1) - by_test[:, None] - by_case + values.mean())
    # Three-way remainder: what no pair of factors explains.
    left = (values - values.mean(axis=2, keepdims=True)
            - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True)
            + by_test[:, None, None] + values.mean(axis=(0, 2))[None, :, None]
            + by_case - values.mean())
    cells = (tests - 1) * (readers - 1)
    cases = readers * float((with_cases**2).sum()) / ((tests - 1) * (units - 1))
    noise = float((left**2).sum()) / (cells * (units - 1))
    square = units * rest + max(cases - noise, 0.0)
    freedom = square**2 / ((units * rest)**2 / cells)
    statistic = units * test / square
    return FTest(statistic, (tests - 1, freedom),
                float(stats.f.sf(statistic, tests - 1, freedom)), square)
