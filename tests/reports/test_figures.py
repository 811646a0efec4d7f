"""Figures of the paper: what is on them, and the same bytes each time."""

import io
import logging

import numpy as np
import pytest
import recorded
from figure_values import colour, described, limits, lines, rounded, ticks, words
from PIL import Image

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


# What is drawn, whole --------------------------------------------------------------


DIAGONAL = ([[0, 0], [1, 1]], "#b2b2b2", "--", 0.8, "None", 6)
POINTS = [[0, 0], [0.5, 0.75], [1, 1]]


def test_curves_of_two_sets_differ_in_colour_and_style():
    many = [dict(CURVE, name=str(k)) for k in range(7)]
    few = [dict(CURVE, name="first", interval=(0.5, 0.75), few=" (few: 3)"),
           dict(CURVE, name="mean", mean=True)]
    point = dict(name="p", sensitivity=0.75, specificity=0.8)
    figure = figures.roc_panels([dict(title="A", curves=few, points=[point]),
                                 dict(title="B", curves=many, points=[])])
    assert rounded(figure.get_size_inches()) == [8.8, 4.6]
    first, second = figure.axes
    diagonal, *curves = lines(first)
    assert diagonal[1:] == DIAGONAL
    assert curves == [
        ("first: AUC 0.62 [0.50, 0.75] (few: 3)", POINTS, "#0072b2", "-", 1.5, "None",
         6),
        ("mean: AUC 0.62", POINTS, "#000000", "-", 2, "None", 6),
        ("p", [[0.2, 0.75]], "#000000", "None", 1.5, "o", 5)]
    assert colour(first.lines[-1].get_markerfacecolor()) == "#ffffff"
    diagonal, *curves = lines(second)
    assert [row[2] for row in curves] == [
        "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#0072b2"]
    # Those of 5 and 6 are dashed too, each in its way.
    assert [row[3] for row in curves] == ["-", "--", "-.", ":", "--", "--", "-"]
    assert len({str(line._dash_pattern) for line in second.lines[1:7]}) == 6
    for axes, title in zip(figure.axes, "AB", strict=True):
        assert limits(axes) == [-0.01, 1.01] * 2 and axes.get_aspect() == 1
        assert words(axes) == (title, "1 − specificity (false positive rate)",
                               "sensitivity (true positive rate)",
                               [line.get_label() for line in axes.lines[1:]])
        assert axes.get_legend()._loc == 4 and not axes.get_legend().get_frame_on()


def test_shares_are_written_on_a_matrix_in_a_colour_that_can_be_read():
    figure = figures.confusion_panels([
        dict(title="A", matrix=[[3, 1], [0, 0]], classes=["a_b", "c"]),
        dict(title="B", matrix=[[0, 1, 1], [0.56, 0.44, 0], [0.55, 0.45, 0]],
             classes=["x", "y", "z"])])
    assert rounded(figure.get_size_inches()) == [2 * (1.8 + 3 * 0.62) + 0.6, 3.66]
    first, second, bar = figure.axes
    written = [(text.get_position(), text.get_text(), text.get_color())
               for text in second.texts]
    assert written == [
        ((0, 0), "0.00", "white"), ((1, 0), "0.50", "white"), ((2, 0), "0.50", "white"),
        ((0, 1), "0.56", "black"), ((1, 1), "0.44", "white"), ((2, 1), "0.00", "white"),
        ((0, 2), "0.55", "white"), ((1, 2), "0.45", "white"), ((2, 2), "0.00", "white")]
    assert rounded(second.images[0].get_array()) == [
        [0, 0.5, 0.5], [0.56, 0.44, 0], [0.55, 0.45, 0]]
    assert ticks(second.xaxis) == ticks(second.yaxis) == [(0, "x"), (1, "y"), (2, "z")]
    assert ticks(first.yaxis) == [(0, "a b"), (1, "c")]
    for axes, title in ((first, "A"), (second, "B")):
        (image,) = axes.images
        assert image.get_clim() == (0, 1) and image.cmap.name == "cividis"
        assert words(axes) == (title, "predicted class", "true class", [])
        assert {(text.get_ha(), text.get_va()) for text in axes.texts} == {
            ("center", "center")}
    assert bar.get_ylabel() == "share of the row"
    alone = figures.confusion([[1]], ["x"], title="T")
    assert alone.axes[0].get_title(loc="left") == "T"


def reaches(axes):
    """Ends of the vertical bars of error."""
    return [rounded(segments) for container in axes.containers
            if hasattr(container, "has_yerr") for bars in container[2]
            for segments in bars.get_segments()]


BINS = [dict(mean_score=0.25, share=0.125, interval=(0.0625, 0.25), low=0.2, high=0.3,
             count=8),
        dict(mean_score=0.75, share=1.0, interval=(0.5, 0.875), low=0.7, high=0.8,
             count=3)]


def test_a_reliability_curve_has_its_intervals_and_counts():
    figure = figures.reliability(BINS)
    assert rounded(figure.get_size_inches()) == [4.4, 5]
    axes, counts = figure.axes
    diagonal, curve, *_ = lines(axes)
    assert diagonal[1:] == DIAGONAL
    assert curve[1:] == ([[0.25, 0.125], [0.75, 1]], "#0072b2", "-", 1.2, "o", 4)
    # An interval that ends below the share does not turn round.
    assert reaches(axes) == [[[0.25, 0.0625], [0.25, 0.25]], [[0.75, 0.5], [0.75, 1]]]
    assert limits(axes) == [-0.01, 1.01] * 2
    assert axes.get_ylabel() == "share of images with cancer"
    assert [rounded([bar.get_x(), bar.get_width(), bar.get_height()])
            for bar in counts.patches] == [[0.205, 0.09, 8], [0.705, 0.09, 3]]
    assert words(counts) == ("", "score", "images", [])
    assert axes.get_position().height > 3 * counts.get_position().height


def test_detection_has_a_curve_for_each_classifier():
    def row(middle, share, interval):
        return dict(middle=middle, share=share, interval=interval)
    first = dict(name="a", rows=[row(5, 0.5, (0.25, 0.625)), row(12, 1, (0.75, 0.9))])
    second = dict(name="b", rows=[row(7, 0.25, (0.3, 0.5))])
    figure = figures.detection([
        dict(title="T", label="size in mm", curves=[first, second]),
        dict(title="U", label="density", curves=[first])])
    assert rounded(figure.get_size_inches()) == [6.4, 3.4]
    left, right = figure.axes
    curves = [row[1:] for row in lines(left) if row[5] == "o"]
    assert curves == [([[5, 0.5], [12, 1]], "#0072b2", "-", 1.2, "o", 4),
                      ([[7, 0.25]], "#d55e00", "--", 1.2, "o", 4)]
    assert reaches(left) == [[[5, 0.25], [5, 0.625]], [[12, 0.75], [12, 1]],
                             [[7, 0.25], [7, 0.5]]]
    assert words(left) == ("T", "size in mm", "malignant lesions detected", [])
    assert words(right) == ("U", "density", "", ["a"])
    assert limits(left)[2:] == limits(right)[2:] == [-0.02, 1.02]
    assert not right.get_legend().get_frame_on() and right.get_legend()._loc == 4


def test_heatmaps_stand_below_the_mammograms_on_one_scale():
    picture = np.zeros((6, 4, 3), np.uint8)
    heatmap = dict(title="h", cells=np.array([[0, 0.5], [0.25, 0.1], [0, 0]]),
                   extent=(-2, 6, 8, -1), outlines=np.zeros((6, 4, 4), np.uint8))
    weaker = dict(heatmap, title="k", cells=heatmap["cells"] / 2)
    figure = figures.saliency([("a", picture), ("b", picture + 9)], [heatmap, weaker],
                              legend="L.", scale="share")
    assert rounded(figure.get_size_inches()) == [7.2, 6.6]
    assert rounded(figures.saliency([("a", picture)]).get_size_inches()) == [7.2, 3.6]
    *mammograms, first, second, bar = figure.axes
    assert [axes.get_title(loc="left") for axes in mammograms] == ["a", "b"]
    assert [axes.images[0].get_array()[5, 3, 0] for axes in mammograms] == [0, 9]
    assert not any(axes.axison for axes in mammograms)
    for axes, title in ((first, "h"), (second, "k")):
        cells, outlines = axes.images
        assert (cells.get_extent(), outlines.get_extent()) == (
            [-2, 6, 8, -1], [0, 4, 6, 0])
        assert cells.get_clim() == (0, 0.5) and cells.cmap.name == "inferno"
        assert cells.get_interpolation() == "nearest"
        assert limits(axes) == [0, 4, 6, 0] and ticks(axes.xaxis) == []
        assert ticks(axes.yaxis) == [] and colour(axes.get_facecolor()) == "#000000"
        assert axes.get_title(loc="left") == title
    assert bar.get_ylabel() == "share"
    # Where nothing is anywhere the scale goes to one.
    empty = figures.saliency([("a", picture)], [
        dict(heatmap, cells=heatmap["cells"] * 0)])
    assert empty.axes[1].images[0].get_clim() == (0, 1)


def test_examples_stand_upright_above_filled_steps():
    panel = dict(title="a", grey=np.zeros((30, 20), np.uint8), edges=[5, 100, 200],
                 shares=[0.25, 0.75], label="grey")
    figure = figures.examples([panel] * 3)
    assert rounded(figure.get_size_inches()) == [9, 5.2]
    above, below = figure.axes[0], figure.axes[3]
    assert not above.axison and above.images[0].cmap.name == "gray"
    (steps,) = below.patches
    assert steps.get_fill() and colour(steps.get_facecolor()) == "#0072b2"
    assert limits(below)[0:3] == [5, 200, 0]
    assert below.get_ylabel() == "share of\nthe breast"
    assert above.get_position().height > 2 * below.get_position().height


def test_pictures_are_fine_enough_for_print():
    figure = figures.roc([dict(CURVE, name="first")])
    picture = Image.open(io.BytesIO(figures.encoded(figure, "png")))
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_every_figure_is_as_recorded():
    grey = np.arange(24, dtype=np.uint8).reshape(6, 4)
    colours = np.dstack([grey, grey * 2, grey * 3])
    point = dict(name="p", sensitivity=0.75, specificity=0.8)
    curves = [dict(CURVE, name="first", interval=(0.5, 0.75), few=" (few: 3)"),
              dict(CURVE, name="mean", mean=True)]
    rows = [dict(middle=10 * k, share=k / 8, interval=(k / 10, k / 5)) for k in (1, 4)]
    heatmaps = [dict(title=f"h{k}", cells=grey[:2, :3] / 10 + k, extent=(-1, 5, 7, 0),
                     outlines=np.dstack([colours, grey])) for k in (0, 1)]
    bins = [dict(mean_score=0.1 + 0.3 * k, share=0.2 * k, interval=(0.15 * k, 0.5),
                 low=0.3 * k, high=0.3 * (k + 1), count=4 + k) for k in range(3)]
    drawn = [
        figures.roc_panels([dict(title="A", curves=curves, points=[point]),
                            dict(title="B", curves=curves[:1] * 3, points=[])]),
        figures.confusion_panels([
            dict(title="t", matrix=[[3, 1, 0], [0, 0, 0], [1, 1, 2]],
                 classes=["a_b", "c", "d"]),
            dict(title="u", matrix=[[55, 45], [56, 44]], classes=["e", "f"])]),
        figures.reliability(bins),
        figures.detection([dict(title="A", label="size, mm", curves=[
            dict(name="x", rows=rows), dict(name="y", rows=rows[:1])]),
            dict(title="B", label="contrast", curves=[dict(name="x", rows=rows)])]),
        figures.saliency([("a", colours), ("b", colours[:3])], heatmaps,
                         legend="L.", scale="S"),
        figures.saliency([("a", colours)]),
        figures.examples([dict(title="A", grey=grey * 9, edges=[0, 100, 201],
                               shares=[0.3, 0.7], label="grey"),
                          dict(title="B", grey=grey, edges=[0, 50, 99],
                               shares=[0.6, 0.4], label="value")])]
    recorded.check("figures", "\n".join(map(described, drawn)))
