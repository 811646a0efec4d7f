"""The methods that explain a score: one row for each, which everything else reads.

The choices of `--method` and `--layers`, the file names and titles of maps, the layers
of reports, the legend of Figure 4, the pictures of `end2end.predict` and of the local
page, and the table in docs/evaluation.md all come from here. A method is added by a
function that draws it and a row of `ROWS`.

This module is read to print the help of programs. So it imports no NumPy: the functions
are reached through the faces when a map is drawn.
"""

import dataclasses
from collections.abc import Callable

import end2end
from end2end.utils import files

PATCH_MODEL, MAP_LAYER = "patch model", "layer with a map"


@dataclasses.dataclass(frozen=True)
class Method:
    """One way to say what moved a score.

    Attributes:
        name: as typed after `--method`, and in file names.
        title: in reports and on pages.
        draw: function of a `drawing.Subject` that returns a `drawing.Drawn`.
        colours: a row of `overlays.OPACITIES`: `dots` for maps of single pixels,
            `areas` for maps that cover areas.
        legend: what the colours mean, under figures.
        needs: what it needs beside the classifier, or nothing.
        source: where it is described.
    """

    name: str
    title: str
    draw: Callable
    colours: str
    legend: str
    needs: str = ""
    source: str = ""


def _guided(subject):
    return end2end.explanation.drawing.guided(subject)


def _gradient(subject):
    return end2end.explanation.drawing.over_flips(
        end2end.saliency.gradient_map, subject)


def _grad_cam(subject):
    return end2end.explanation.drawing.over_flips(end2end.saliency.grad_cam, subject)


def _integrated(subject):
    return end2end.explanation.drawing.integrated(subject)


def _patch_heatmap(subject):
    return end2end.explanation.drawing.patch_heatmap(subject)


ROWS = (
    Method("guided", "guided back-propagation", _guided, "dots",
           "Colour: gradient of the cancer output.",
           source="Springenberg et al. 2015; Shen et al. 2019, Figure 4"),
    Method("gradient", "plain gradient", _gradient, "dots",
           "Colour: gradient of the cancer output, unguided.",
           source="Simonyan et al. 2014"),
    Method("gradcam", "Grad-CAM", _grad_cam, "areas",
           "Colour: features that raise the cancer output.", needs=MAP_LAYER,
           source="Selvaraju et al. 2017"),
    Method("integrated", "integrated gradients", _integrated, "dots",
           "Colour: what a pixel adds to the cancer output, from black on.",
           source="Sundararajan et al. 2017"),
    Method("heatmap", "patch heatmap, malignant", _patch_heatmap, "areas",
           "Colour: probability of a malignant patch.", needs=PATCH_MODEL,
           source="Shen et al. 2019, Figure 4d"),
)
METHODS = {row.name: row for row in ROWS}
# The method of the paper. Its map alone has a cutoff and a scale of a set of images.
PUBLISHED = METHODS["guided"]


def names(*, patch_model: bool = True) -> tuple[str, ...]:
    """The names to choose from, in the order of the table.

    Args:
        patch_model: whether those that need a patch model are among them.
    """
    return tuple(row.name for row in ROWS if patch_model or row.needs != PATCH_MODEL)


def pictures(patch_model: object = None) -> dict[str, Method]:
    """The two maps that predictions and the local page show, by their names there.

    Args:
        patch_model: `checkpoints.Classifier` of patches; without one Grad-CAM stands in
            for its heatmap.
    """
    return dict(saliency=PUBLISHED,
                heatmap=METHODS["heatmap" if patch_model else "gradcam"])


def check_patch_model(flag: str, chosen: tuple[str, ...], patch_model: object) -> None:
    """Raises `files.InputError` unless a patch model is there exactly where needed.

    Args:
        flag: by which the methods were chosen.
        chosen: names of methods.
        patch_model: what was typed after `--patch-model`, or nothing.
    """
    all_names = [row.name for row in ROWS if row.needs == PATCH_MODEL]
    if any(name in chosen for name in all_names) != bool(patch_model):
        raise files.InputError(
            f"{flag} {' or '.join(all_names)} and --patch-model FILE belong together; "
            "give both or neither.")


def table() -> str:
    """The methods as a table of Markdown, for docs/evaluation.md."""
    lines = ["| `--method` | map | colours mean | needs | source |"]
    lines += ["|---|---|---|---|---|"]
    lines += [f"| `{row.name}` | {row.title} | {row.legend.removesuffix('.')} | "
              f"{row.needs} | {row.source} |" for row in ROWS]
    return "\n".join(lines)
