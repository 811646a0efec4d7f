"""Tests of end2end.evidence.pictures."""

import numpy as np
import pytest

from end2end.evidence import grouping, pictures
from end2end.metrics import subgroups
from end2end.metrics.shares import Estimate


def test_seven_curves_are_told_apart_by_colour_and_line_together():
    styles = {(pictures.style(i)["color"], str(pictures.style(i)["linestyle"]))
              for i in range(12)}
    assert len(styles) == 12


def test_long_curves_are_thinned_and_keep_their_ends():
    x, y = pictures.thinned(np.arange(5000), np.arange(5000) * 2)
    assert len(x) == len(y) == pictures.POINTS
    assert (x[0], x[-1], y[-1]) == (0, 4999, 9998)


def test_readers_are_points_and_the_mean_is_a_curve():
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.9])
    figure = pictures.roc(
        dict(a=(labels, scores)), dict(a=Estimate(0.75, 0.4, 0.9)),
        [dict(name="R1", sensitivity=0.7, specificity=0.9),
         dict(name="R2", sensitivity=0.8, specificity=0.6)],
        (np.array([0, 1]), np.array([0, 1])))
    axes = figure.axes[0]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(round(float(line.get_xdata()[0]), 3), float(line.get_ydata()[0]))
            for line in points] == [(0.1, 0.7), (0.4, 0.8)]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["a: 0.75 [0.40, 0.90]", "mean of the readers' curves",
                     "a reader each"]


def test_groups_with_a_gap_are_marked():
    gaps = [subgroups.Gap(Estimate(-0.2, -0.3, -0.1), 0.001, adjusted)
            for adjusted in (subgroups.RATE, subgroups.RATE + 1e-9)]
    rows = [subgroups.Group("view", "CC", 40, 20, Estimate(0.6, 0.5, 0.7), gap=gaps[0]),
            subgroups.Group("view", "MLO", 40, 20, Estimate(0.8, 0.7, 0.9)),
            subgroups.Group("view", "ML", 4, 2),
            subgroups.Group("view", "LM", 40, 20, Estimate(0.7, 0.6, 0.8), gap=gaps[1])]
    assert "(false discovery rate 0.05, 2 compared): view CC by -0.200. 1 groups" in (
        grouping.verdict(rows, 10))
    figure = pictures.groups(rows, Estimate(0.75, 0.7, 0.8))
    markers = [line.get_marker() for line in figure.axes[0].lines
               if line.get_marker() in "Do"]
    assert markers == ["D", "o", "o"]


def test_equal_scores_are_grouped_in_the_order_of_the_rows():
    scores = np.where(np.arange(80) % 2, 0.75, 0.25)
    labels = np.arange(80) < 40
    figure = pictures.calibration_curve(labels, scores, "a")
    shares = [float(line.get_ydata()[0]) for line in figure.axes[0].lines
              if line.get_marker() == "o"]
    order = [*range(0, 80, 2), *range(1, 80, 2)]
    assert shares == [labels[order[k:k + 8]].mean() for k in range(0, 80, 8)]


def test_calibration_is_drawn_of_the_first_eight_models(monkeypatch):
    for name in ("roc", "forest", "precision_recall"):
        monkeypatch.setattr(pictures, name, lambda *_, **__: None)
    monkeypatch.setattr(
        pictures, "calibration_curve", lambda labels, scores, title: (scores, title))
    site = pictures.Table("S", np.ones(1, bool), {f"m{k}": k for k in range(9)})
    fit = dict(auc=None, calibration=dict(intercept=0))
    results = {name: fit if name != "m2" else dict(auc=None) for name in site.scores}
    drawn = pictures.of_sites([site], dict(S=results))[3:]
    assert [(name, figure) for name, _, figure in drawn] == [
        (f"calibration_{k + 1}", (k, f"S, m{k}")) for k in (0, 1, 3, 4, 5, 6, 7)]


@pytest.mark.parametrize(("highest", "end"), [
    (0.02, 0.051), (0.25, 0.255), (0.5, 0.51), (0.75, 1.02)])
def test_a_calibration_curve_reaches_to_the_scores_where_they_are_low(highest, end):
    scores = np.linspace(0.2, 1, 40) * highest
    figure = pictures.calibration_curve(np.arange(40) % 7 == 3, scores, "a")
    for limits in (figure.axes[0].get_xlim(), figure.axes[0].get_ylim()):
        assert limits == pytest.approx((-0.02 * end, end))
