"""What is drawn on a figure, as lists that a test can compare."""

import numpy as np
from matplotlib import colors


def rounded(values, digits=4):
    """Numbers as plain lists."""
    return np.round(np.asarray(values, float), digits).tolist()


def colour(value):
    """A colour as `#rrggbb`; None stays."""
    return None if value is None else colors.to_hex(value)


def lines(axes):
    """Lines of axes: label, points, colour, style, width, marker."""
    return [(line.get_label(), rounded(np.c_[line.get_xdata(), line.get_ydata()]),
             colour(line.get_color()), line.get_linestyle(), line.get_linewidth(),
             line.get_marker(), line.get_markersize()) for line in axes.lines]


def words(axes):
    """Title on the left, labels of both axes, entries of the legend."""
    legend = axes.get_legend()
    return (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel(),
            [text.get_text() for text in legend.get_texts()] if legend else [])


def limits(axes):
    """Both ends of both axes."""
    return rounded(axes.get_xlim()) + rounded(axes.get_ylim())


def ticks(axis):
    """Places and texts of the ticks of an axis."""
    return [(float(place), label.get_text()) for place, label in zip(
        axis.get_ticklocs(), axis.get_ticklabels(), strict=False)]


def described(figure):
    """A figure as lines of text: of long lines their ends and sums."""
    figure.draw_without_rendering()
    rows = [f"figure {rounded(figure.get_size_inches())}"]
    for axes in figure.axes:
        rows.append(f"axes {words(axes)} {limits(axes)} {axes.get_aspect()}")
        for label, points, *form in lines(axes):
            shown = points if len(points) <= 6 else (
                len(points), points[0], points[-1], rounded(np.sum(points, axis=0), 2))
            rows.append(f"line {label} {shown} {form}")
        rows += [f"text {text.get_position()} {text.get_text()}" for text in axes.texts]
        rows += [f"ticks {ticks(axis)}" for axis in (axes.xaxis, axes.yaxis)]
        for area in axes.collections:
            parts = [path.vertices for path in area.get_paths()]
            rows += [f"area {rounded(part[[0, -1]])} {rounded(part.mean(axis=0))}"
                     for part in parts]
    return "\n".join(rows)
