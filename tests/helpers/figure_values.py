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
        rows.append(f"axes {words(axes)} {limits(axes)} {axes.get_aspect()} "
                    f"{rounded(axes.get_position().bounds, 2)} {axes.axison} "
                    f"{axes.get_axisbelow()} {colour(axes.get_facecolor())}")
        for (label, points, *form), line in zip(lines(axes), axes.lines, strict=True):
            shown = points if len(points) <= 6 else (
                len(points), points[0], points[-1], rounded(np.sum(points, axis=0), 2))
            rows.append(f"line {label} {shown} {form} {line.get_zorder()} "
                        f"{line.get_markerfacecolor()}")
        rows += [f"text {text.get_position()} {text.get_text()} {_script(text)}"
                 for text in axes.texts]
        legend = axes.get_legend()
        rows.append("scripts " + ", ".join(str(_script(text)) for text in (
            axes._left_title, axes.xaxis.label, axes.yaxis.label,
            *axes.get_xticklabels()[:1], *axes.get_yticklabels()[:1],
            *(legend.get_texts()[:1] if legend else []))))
        if legend:
            rows.append(f"legend {legend._loc} {legend.get_frame_on()}")
        rows += [f"grid {[line.get_visible() for line in axis.get_gridlines()[:1]]} "
                 f"{[colour(line.get_color()) for line in axis.get_gridlines()[:1]]}"
                 for axis in (axes.xaxis, axes.yaxis)]
        for picture in axes.images:
            values = np.asarray(picture.get_array(), float)
            rows.append(f"picture {values.shape} {rounded([values.mean()])} "
                        f"{picture.get_clim()} {picture.get_cmap().name} "
                        f"{picture.get_extent()} {picture.get_interpolation()}")
        rows += [f"patch {type(patch).__name__} {_extent(patch)} "
                 f"{colour(patch.get_facecolor())} {patch.get_alpha()}"
                 for patch in axes.patches]
        rows += [f"ticks {ticks(axis)}" for axis in (axes.xaxis, axes.yaxis)]
        for area in axes.collections:
            parts = [path.vertices for path in area.get_paths()]
            rows += [f"area {rounded(part[[0, -1]])} {rounded(part.mean(axis=0))}"
                     for part in parts]
            rows += [f"areas {[colour(face) for face in area.get_facecolor()[:1]]} "
                     f"{area.get_alpha()} {rounded(area.get_linewidth())}"]
    for part in [figure, *figure.subfigs]:
        rows += [f"around {text.get_text()} {_script(text)}" for text in (
            part._supxlabel, part._suptitle) if text]
    return "\n".join(rows)


def _script(text):
    """How a text is written: size, weight, colour, alignment, angle."""
    return (text.get_fontsize(), text.get_fontweight(), colour(text.get_color()),
            text.get_ha(), text.get_va(), text.get_rotation())


def _extent(patch):
    """The box around a patch, in data."""
    points = patch.get_path().vertices
    if hasattr(patch, "get_bbox"):
        points = patch.get_bbox().get_points()
    return rounded([points.min(axis=0), points.max(axis=0)])
