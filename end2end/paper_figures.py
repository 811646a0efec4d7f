"""Figures of the paper and of detection from saved results, as PNG and SVG.

    end2end paper-figures fig2 resnet50/test vgg16/test --out figures/fig2
    end2end paper-figures fig3 --panel CBIS-DDSM a/scores.csv b/scores.csv \\
        --panel INbreast c/scores.csv d/scores.csv --out figures/fig3
    end2end paper-figures fig4 runs/saliency --rois data/roi_mask_path.csv \\
        --out figures/fig4
    end2end paper-figures fig5 ddsm/images/test inbreast/images/test \\
        --out figures/fig5
    end2end paper-figures detection image/test patch/test \\
        --rois data/roi_mask_path.csv --out figures/detection

Figure 2: confusion matrices of patches. Figure 3: ROC curves of models and of their
mean. Figure 4: saliency of the surest true positive, the worst false positive and the
worst false negative, and the heatmaps of the first. Figure 5: a mammogram of each set
and the grey values of the set. Score files and folders are those of
ddsm_train.evaluate, saliency is that of ddsm_train.draw_saliency (for the heatmaps,
with --method guided heatmap --patch-model PATCH.h5).

detection: not in the paper; which malignant lesions are detected, by their diameter,
their contrast to the tissue around and the density of the breast.
"""

import argparse
import pathlib
from collections.abc import Sequence

from end2end import evaluation, reports
from end2end.explanation import methods
from end2end.utils import commands, files, locks


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="end2end.paper_figures", description=__doc__)
    figures = parser.add_subparsers(dest="figure", required=True, metavar="FIGURE")
    for name, (title, add) in FLAGS.items():
        task = figures.add_parser(name, help=title)
        add(task)
        task.add_argument("--out", required=True, metavar="PATH",
                          help="files to write, without suffix")
    return parser


def _confusion(parser):
    parser.add_argument("results", nargs="+", metavar="SCORES",
                        help="score files of patches, or folders with scores.csv")
    parser.add_argument("--names", nargs="+", help="of the classifiers")


def _roc(parser):
    parser.add_argument("--panel", nargs="+", action="append", required=True,
                        metavar=("TITLE", "SCORES"),
                        help="title, then score files or folders; once per test set")
    parser.add_argument("--names", nargs="+", help="of the models, for every panel")
    parser.add_argument("--mean", action=argparse.BooleanOptionalAction, default=True,
                        help="also the curve of the mean of several models")
    parser.add_argument("--at", type=float, default=0.861, metavar="SHARE",
                        help="sensitivity marked on the last curve of each panel "
                             "(default: 0.861, the paper's)")


def _saliency(parser):
    parser.add_argument("saliency", metavar="FOLDER",
                        help="output of ddsm_train.draw_saliency")
    parser.add_argument("--rois", metavar="FILE",
                        help="outlines: roi_mask_path.csv or outlines.json")
    parser.add_argument("--heatmap", choices=("relu", "softmax"), default="relu",
                        help="activations of the patch classes, as in the paper, or "
                             "probabilities (default: relu)")
    parser.add_argument("--method", choices=methods.names(patch_model=False),
                        default=methods.PUBLISHED.name,
                        help="which map (default: %(default)s)")
    parser.add_argument("--scale", choices=("image", "set"), default="image",
                        help="rescale guided maps by the largest gradient of each "
                             "image, or of the set, where images that it outshines "
                             "stay empty (default: image)")
    parser.add_argument("--cutoff", type=float, default=0.06,
                        help="guided values below it are removed (default: 0.06)")
    parser.add_argument("--threshold", type=float, default=0.5,
                        help="an image is positive from this score on (default: 0.5)")


def _examples(parser):
    parser.add_argument("images", nargs="+", metavar="IMAGES",
                        help="folders, manifests or single images; of several images "
                             "the one of median brightness is shown")
    parser.add_argument("--names", nargs="+", help="of the sets")


def _detection(parser):
    parser.add_argument("results", nargs="+", metavar="SCORES",
                        help="score files of whole images or of patches, or folders")
    parser.add_argument("--rois", required=True, metavar="FILE",
                        help="lesions: roi_mask_path.csv of ddsm_train.prepare")
    parser.add_argument("--names", nargs="+", help="of the models")
    parser.add_argument("--specificity", type=float, default=0.8, metavar="SHARE",
                        help="of whole images, at which a lesion counts as detected "
                             "(default: %(default)s)")


FLAGS = {
    "fig2": ("confusion matrices of patch classifiers", _confusion),
    "fig3": ("ROC curves of models and of their mean", _roc),
    "fig4": ("saliency and heatmaps", _saliency),
    "fig5": ("a mammogram of each set, and the grey values", _examples),
    "detection": ("lesions detected by size, contrast and density", _detection),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Draws one figure and says what is on it."""
    arguments = parser().parse_args(argv)
    files.writable_folder(pathlib.Path(arguments.out).parent)

    with locks.output_file(arguments.out):
        figure, lines = evaluation.paper_panels.FIGURES[arguments.figure](arguments)
        paths = reports.figures.save(figure, arguments.out)
    commands.say(*lines, f"figure in {', '.join(map(str, paths))}")


if __name__ == "__main__":
    commands.run(main)
