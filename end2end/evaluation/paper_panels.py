"""The work of `end2end.paper_figures`: saved results in, figures of the paper out.

Each function takes the arguments of the command and returns the figure and lines that
say what is on it. `files.InputError` where something is missing.
"""

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from end2end import images, metrics
from end2end.data import image_lists, rois
from end2end.evaluation import detection
from end2end.explanation import maps, methods, overlays
from end2end.metrics import ensembles, statistics
from end2end.reports import case_pictures, figures, score_report, score_tables
from end2end.utils import files, programs

LETTERS = "abcdefghij"
# The full range of 8 and of 16 bits; what was measured lies below.
FULL = {"uint8": 255, "uint16": 65535}
BINS = 64


def score_file(path: str | pathlib.Path) -> pathlib.Path:
    """A score file, or the one in a folder of `ddsm_train.evaluate`."""
    path = pathlib.Path(path)
    return path / "scores.csv" if path.is_dir() else path


def named(
        paths: Sequence[str | pathlib.Path], names: Sequence[str] | None) -> list[str]:
    """Names of inputs: those typed, else as much of the paths as tells them apart.

    Raises:
        files.InputError: not as many names as inputs.
    """
    if names is None:
        paths = [pathlib.Path(path) for path in paths]
        return score_report.file_names(
            [path.parent if path.name == "scores.csv" else path for path in paths])
    if len(names) != len(paths):
        raise files.InputError(
            f"{len(names)} names for {len(paths)} inputs; give --names one for each.")
    return names


def titled(i: int, text: str) -> str:
    """The title of a panel: `a  Resnet50`."""
    return f"{LETTERS[i]}  {text}"


# Figures 2 and 3 ------------------------------------------------------------------


def confusion(arguments: argparse.Namespace) -> tuple[Figure, list[str]]:
    """Figure 2: confusion matrices with accuracy and interval."""
    paths = [score_file(path) for path in arguments.results]
    panels, lines = [], []
    for i, (path, name) in enumerate(zip(
            paths, named(paths, arguments.names), strict=True)):
        table = score_report.labelled(path)
        accuracy = statistics.classes(table, statistics.Draw())
        low, high = accuracy["accuracy_interval"]
        text = f"accuracy {accuracy['accuracy']:.2f} [{low:.2f}, {high:.2f}]"
        panels.append(dict(
            title=titled(i, f"{name}\n    {text}"), classes=accuracy["classes"],
            matrix=accuracy["confusion_normalized"]))
        lines.append(f"{LETTERS[i]} {name}: {text}, {accuracy['count']} patches")
    return figures.confusion_panels(panels), lines


def roc(arguments: argparse.Namespace) -> tuple[Figure, list[str]]:
    """Figure 3: ROC curves of each model and of their mean, one panel per test set."""
    if not 0 < arguments.at <= 1:
        raise files.InputError(
            f"--at {arguments.at:g} is not a share; expected a number above 0, up "
            "to 1.")
    panels, lines = [], []
    for i, (title, *inputs) in enumerate(arguments.panel):
        if not inputs:
            raise files.InputError(
                f"--panel {title} names no score file; expected a title, then files.")
        paths = [score_file(path) for path in inputs]
        panel, panel_lines = _roc_panel(
            titled(i, title), [score_report.labelled(path) for path in paths],
            named(paths, arguments.names), arguments)
        panels.append(panel)
        lines += [f"{title}, {line}" for line in panel_lines]
    return figures.roc_panels(panels), lines


def _roc_panel(title, tables, names, arguments):
    curves = [_curve(name, table) for name, table in zip(names, tables, strict=True)]
    last = tables[-1]
    if arguments.mean and len(tables) > 1:
        last = ensembles.ensemble(tables, names)
        curves.append(_curve("mean of these", last) | dict(mean=True))
    threshold = metrics.threshold_at_sensitivity(
        last.labels, last.values, arguments.at)
    sensitivity, specificity = metrics.sensitivity_specificity(
        last.labels, last.values, threshold)
    point = dict(sensitivity=sensitivity, specificity=specificity,
                 name=f"sensitivity {sensitivity:.1%}, specificity {specificity:.1%}")
    lines = [f"{curve['name']}: AUC {curve['auc']:.3f} "
             f"[{curve['interval'][0]:.3f}, {curve['interval'][1]:.3f}]{curve['few']}"
             for curve in curves]
    return (dict(title=title, curves=curves, points=[point]),
            [*lines, f"{curves[-1]['name']}: {point['name']}"])


def _curve(name, table):
    if table.values.ndim == 2:
        raise files.InputError(
            f"{name} has scores of {len(table.classes)} classes; a ROC curve needs the "
            "column score, of cancer.")
    return score_report.curve(name, table) | dict(
        interval=metrics.auc_interval(table.labels, table.values),
        few=score_tables.few(dict(positive=table.labels.sum(), count=len(table))))


# Figure 4 -------------------------------------------------------------------------

# Title, whether the image has cancer, whether the highest score is wanted.
KINDS = (("true positive", 1, True), ("false positive", 0, True),
         ("false negative", 1, False))


def saliency(arguments: argparse.Namespace) -> tuple[Figure, list[str]]:
    """Figure 4: the surest true positive, the worst errors, heatmaps of the first."""
    folder = files.existing_folder(
        pathlib.Path(arguments.saliency) / "maps", "folder of saved maps")
    find_regions = rois.read(arguments.rois) if arguments.rois else None
    saved = [maps.load(path) for path in sorted(folder.glob("*.npz"))]
    if not any(arguments.method in image.maps for image in saved):
        raise files.InputError(
            f"{folder} has no maps of {arguments.method}; draw them with "
            f"{programs.call('ddsm_train.draw_saliency')} --method {arguments.method}.")
    scale = max(image.peak for image in saved) if arguments.scale == "set" else None
    panels, lines, first = [], [], None
    for i, (kind, label, highest) in enumerate(KINDS):
        image, right = chosen(saved, label, highest, arguments.threshold)
        if arguments.method == methods.PUBLISHED.name and scale:
            image = maps.on_common_scale(image, scale, arguments.cutoff)
        first = first or image
        regions = find_regions(image.path, image.grey.shape) if find_regions else ()
        title = kind if right else f"no {kind}; nearest"
        scheme = "mean score of four flips" if image.flips else "score"
        panels.append((f"{titled(i, title)}, {scheme} {image.score:.2f}",
                       case_pictures.drawn(
                           image, arguments.method, regions, contour=False)))
        visible = image.maps[arguments.method].any()
        lines.append(f"{LETTERS[i]} {title}: {image.path}, {scheme} {image.score:.3f}"
                     + ("" if visible else "; nothing passes the cutoff"))
    heatmaps = ()
    if first.cells is not None:
        regions = find_regions(first.path, first.grey.shape) if find_regions else ()
        heatmaps = class_heatmaps(first, regions, arguments.heatmap)
        lines.append(f"d {MEANINGS[arguments.heatmap]} of patches over image a")
    else:
        lines.append("no heatmaps: draw_saliency was called without --method heatmap")
    figure = figures.saliency(
        panels, heatmaps, legend=methods.METHODS[arguments.method].legend,
        scale=MEANINGS[arguments.heatmap])
    return figure, lines


MEANINGS = {"relu": "activation after ReLU", "softmax": "probability"}


def chosen(
        saved: Sequence[maps.Explained], label: int, highest: bool,
        threshold: float) -> tuple[maps.Explained, bool]:
    """The image of one class with the highest or lowest score.

    Args:
        saved: list of `maps.Explained`.
        label: class wanted.
        highest: whether the highest score is wanted.
        threshold: an image is positive from this score on.

    Returns:
        `maps.Explained`, and whether its score is on the side of the threshold that
        was wanted.

    Raises:
        files.InputError: no image of that class.
    """
    of_label = [image for image in saved if image.label == label]
    if not of_label:
        raise files.InputError(
            f"no saved map has the label {('neg', 'pos')[label]}; draw them from class "
            "folders with both classes.")
    image = (max if highest else min)(of_label, key=lambda image: image.score)
    return image, (image.score >= threshold) == highest


def class_heatmaps(
        image: maps.Explained, regions: Sequence[rois.Region],
        activation: str) -> list[dict]:
    """Heatmaps of the foreground classes of one image, for `figures.saliency`.

    Args:
        one: `maps.Explained` with cells.
        regions: list of `rois.Region`.
        activation: `relu` or `softmax`.

    Returns:
        list of dicts.
    """
    cells = image.cells
    values = cells.activations if activation == "relu" else cells.probabilities
    outlines = overlays.outline_layer(image.grey.shape, regions)
    # The cells count in pixels of the network's input.
    down, across = (shown / cells for shown, cells in zip(
        image.grey.shape, image.grid, strict=True))
    left, right, bottom, top = cells.extent
    extent = left * across, right * across, bottom * down, top * down
    return [dict(title=("d  " if i == 1 else "") + name.replace("_", " "),
                 cells=values[..., i], extent=extent, outlines=outlines)
            for i, name in enumerate(cells.classes) if i > 0]


# Figure 5 -------------------------------------------------------------------------


def examples(arguments: argparse.Namespace) -> tuple[Figure, list[str]]:
    """Figure 5: of each set the image of median brightness, and its grey values."""
    panels, lines = [], []
    names = named(list(map(pathlib.Path, arguments.images)), arguments.names)
    for i, (path, name) in enumerate(zip(arguments.images, names, strict=True)):
        paths = image_lists.find_images(path).paths
        read = [images.read_image(file) for file in paths]
        bright = [breast_values(image) for image in read]
        order = np.argsort([float(np.median(image)) for image in bright], kind="stable")
        middle = read[order[len(order) // 2]]
        shares, edges = np.histogram(np.concatenate(bright), BINS, range=(0, 1))
        panels.append(dict(
            title=titled(i, name), grey=overlays.grey8(middle, height=1200),
            shares=shares / shares.sum(), edges=edges,
            label="grey value / full range"))
        lines.append(f"{LETTERS[i]} {name}: {len(read)} images, median grey value "
                     f"{np.median(np.concatenate(bright)):.3f} of the full range")
    return figures.examples(panels), lines


def breast_values(image: NDArray) -> NDArray[np.float64]:
    """Grey values of the breast as share of the full range, thinned to some thousands.

    Args:
        image: array `(rows, columns)` as read.
    """
    full = FULL.get(str(image.dtype)) or float(image.max())
    breast, _ = images.segment_breast(image)
    values = breast[breast > 0.02 * full] / full
    return values[::max(1, len(values) // 20000)] if len(values) else np.zeros(1)


# Not in the paper -----------------------------------------------------------------


def detected(arguments: argparse.Namespace) -> tuple[Figure, list[str]]:
    """Which malignant lesions are detected, by what they look like."""
    paths = [score_file(path) for path in arguments.results]
    tables = {name: score_report.labelled(path) for name, path in zip(
        named(paths, arguments.names), paths, strict=True)}
    return detection.figure(tables, detection.read_lesions(arguments.rois),
                            specificity=arguments.specificity)


FIGURES = {"fig2": confusion, "fig3": roc, "fig4": saliency, "fig5": examples,
           "detection": detected}
