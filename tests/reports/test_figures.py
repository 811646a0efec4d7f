"""Figures of the paper: what is on them, and the same bytes each time."""

import logging

import numpy as np
import pytest

from end2end.reports import figures

CURVE = dict(false=[0, 0.5, 1], true=[0, 0.75, 1], auc=0.625)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_curve_is_named_with_its_auc_and_interval_and_the_mean_is_black():
    figure = figures.roc([
        dict(CURVE, name="first", interval=(0.5, 0.75)),
        dict(CURVE, name="mean", mean=True)], points=[
        dict(name="point", sensitivity=0.75, specificity=0.5)])
    (axes,) = figure.axes
    labels = [line.get_label() for line in axes.lines]
    assert "first: AUC 0.62 [0.50, 0.75]" in labels and "mean: AUC 0.62" in labels
    assert next(line for line in axes.lines if line.get_label() == "mean: AUC 0.62"
                ).get_color() == "black"
    point = next(line for line in axes.lines if line.get_label() == "point")
    assert (list(point.get_xdata()), list(point.get_ydata())) == ([0.5], [0.75])


def test_fonts_in_a_file_are_not_reported_line_by_line(caplog):
    caplog.set_level(logging.INFO)
    figures.encoded(figures.roc([dict(CURVE, name="first")]), "pdf")
    assert caplog.records == []


def test_rows_of_a_confusion_matrix_sum_to_one():
    figure = figures.confusion([[3, 1], [0, 0]], ["a_b", "c"])
    assert texts(figure) == ["0.75", "0.25", "0.00", "0.00"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["a b",
                                                                           "c"]


def test_the_legend_of_the_map_stands_below_the_mammograms():
    picture = np.zeros((6, 4, 3), np.uint8)
    figure = figures.saliency([("a", picture)], legend="Red: a gradient.")
    (part,) = figure.subfigs
    assert part.get_supxlabel() == f"Red: a gradient. {figures.OUTLINES}"


@pytest.mark.parametrize("kind, start", [("png", b"\x89PNG"), ("svg", b"<?xml"),
                                         ("pdf", b"%PDF")])
def test_a_figure_is_saved_as_png_svg_and_pdf_with_the_same_bytes_each_time(
        tmp_path, kind, start):
    saved = []
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        figure = figures.reliability([dict(
            mean_score=0.5, share=0.25, interval=(0.125, 0.5), low=0.4, high=0.6,
            count=4)])
        paths = figures.save(figure, tmp_path / folder / "curve")
        saved.append(next(path for path in paths if path.suffix == f".{kind}"))
    first, second = (path.read_bytes() for path in saved)
    assert first.startswith(start)
    assert first == second


def test_fonts_are_in_the_files():
    figure = figures.roc([dict(name="a", false=[0, 1], true=[0, 1], auc=0.5)])
    pdf = figures.encoded(figure, "pdf")
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    assert b"<text" not in figures.encoded(figure, "svg")


def test_each_mammogram_stands_above_the_grey_values_of_its_set():
    panels = [dict(title=name, grey=np.full((30, 20), 7 * k, np.uint8),
                   edges=[0, 100, 200 + k], shares=[0.25 * k, 1 - 0.25 * k],
                   label=f"grey value of {name}") for k, name in ((1, "a"), (2, "b"))]
    figure = figures.examples(panels)
    pictures, below = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title(loc="left") for axes in pictures] == ["a", "b"]
    assert [axes.images[0].get_array()[3, 5] for axes in pictures] == [7, 14]
    assert pictures[1].images[0].get_clim() == (0, 255)
    for axes, panel in zip(below, panels, strict=True):
        (steps,) = axes.patches
        assert list(steps.get_data().values) == panel["shares"]
        assert list(steps.get_data().edges) == panel["edges"]
        assert axes.get_xlim() == (0, panel["edges"][-1])
        assert axes.get_xlabel() == panel["label"]
