"""Tests of end2end.evidence.coverage."""

import numpy as np
import pytest
import recorded

from end2end import metrics
from end2end.evidence import coverage


def test_the_truths_are_those_of_a_large_draw():
    rng = np.random.default_rng(1)
    labels, scores, _ = coverage.women(rng, 100_000)
    assert metrics.auc(labels, scores[0]) == pytest.approx(coverage.AREA, abs=0.004)
    labels, ratings = coverage.ratings(rng, 100_000, readers=1, ever_new=True)
    assert metrics.auc(labels, ratings[0, 0]) == pytest.approx(
        coverage.MEAN_READER, abs=0.005)


def test_two_breasts_of_a_woman_are_alike():
    _, scores, women = coverage.women(np.random.default_rng(2), 5000, share=0.0)
    assert np.corrcoef(scores[0][::2], scores[0][1::2])[0, 1] == pytest.approx(
        0.36, abs=0.05)
    assert (women[::2] == women[1::2]).all()


# `end2end metrics coverage` repeats it for all; docs/evidence.md has a table.
@pytest.mark.slow
@pytest.mark.parametrize("name", ("sites", "calibration and net benefit", "readers",
                                  "groups"))
def test_95_percent_intervals_hold_the_truth_in_93_to_97_percent(name):
    for interval, share in coverage.covered(name, runs=1000, seed=2026):
        # 1000 studies tell a share to about 0.014.
        assert 0.92 <= share <= 0.98, interval


def test_the_estimates_of_each_study_are_as_recorded():
    rows = {name: study.draw(np.random.default_rng(3), 1)
            for name, study in coverage.STUDIES.items()}
    truths = {name: study.truths for name, study in coverage.STUDIES.items()}
    recorded.check("evidence-studies", dict(rows=rows, truths=truths))
    # Where all truths are known no large study is drawn.
    for name, study in coverage.STUDIES.items():
        known = truths[name].keys() == rows[name].keys()
        assert study.large == (1 if known else 500 if name == "reading" else 400), name


def test_the_share_of_studies_whose_interval_holds_the_truth(monkeypatch):
    """The truth of `known` is stated; that of `drawn` is that of a large study."""
    def draw(rng, factor):
        if factor == 50:
            return {"known": coverage.Estimate(9, 9, 9),
                    "drawn": coverage.Estimate(3, 2, 4)}
        number = rng.integers(0, 4)
        return {"known": coverage.Estimate(number, number, number + 1),
                "drawn": coverage.Estimate(number, number - 1, number)}
    monkeypatch.setitem(coverage.STUDIES, "x", coverage.Study(draw, dict(known=2), 50))
    rng = np.random.default_rng(5)
    numbers = [int(rng.integers(0, 4)) for _ in range(40)]
    assert dict(coverage.covered("x", runs=40, seed=5)) == {
        "known": sum(number in (1, 2) for number in numbers) / 40,
        "drawn": sum(number in (3, 4) for number in numbers) / 40}
