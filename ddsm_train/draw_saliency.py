"""Shows which pixels moved the score of a whole-image classifier.

    end2end ddsm draw-saliency runs/best.h5 images/test runs/saliency \\
        --rois data/roi_mask_path.csv

Guided back-propagation of the cancer output, rescaled to 0-1 and cut off at 0.06 (Shen
et al. 2019, Figure 4); Grad-CAM, integrated gradients and the patch heatmap beside it.
Outlined lesions are drawn, malignant ones blue, benign ones green and dashed, and the
pointing game is played: does the maximum fall into a malignant lesion? A second call
draws only what is missing.
"""

import pathlib
from collections.abc import Sequence

from end2end import evaluation, reports
from end2end.config import image_flags, patch_flags
from end2end.explanation import methods
from end2end.utils import commands, locks


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="ddsm_train.draw_saliency", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="whole-image classifier (.h5)")
    parser.add_argument("images", metavar="IMAGES",
                        help="folder, class folders, CSV manifest or one image")
    parser.add_argument("out", metavar="OUT", help="folder for pictures and results")
    parser.add_argument("--method", nargs="+", choices=methods.names(),
                        default=[methods.PUBLISHED.name],
                        help=f"which maps (default: {methods.PUBLISHED.name})")
    parser.add_argument("--flips", action="store_true",
                        help="mean over the four flips, as of the scores; steadier")
    parser.add_argument("--cutoff", type=float, default=0.06,
                        help="guided values below it are removed (default: 0.06)")
    parser.add_argument("--scale", choices=("image", "set"), default="image",
                        help="rescale the guided map by each image's own maximum, or "
                             "by that of the set (default: image)")
    parser.add_argument("--rois", metavar="FILE",
                        help="roi_mask_path.csv of ddsm_train.prepare, or "
                             "outlines.json of inbreast.prepare")
    parser.add_argument("--tolerance", type=float, default=0.03,
                        help="distance from a lesion that still counts in the pointing "
                             "game, as share of the height (default: 0.03)")
    parser.add_argument("--limit", type=int, metavar="N",
                        help="draw only N images, equally many of each class")
    image_flags.add(parser)
    patch_flags.add(parser, "for --method heatmap")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Draws, plays the pointing game and says what came out."""
    arguments = parser().parse_args(argv)

    job = evaluation.saliency_run.plan(arguments, image_flags.typed(arguments))
    commands.say(
        f"{len(job.images)} images, {', '.join(job.options.methods)}, to {job.out}")
    with locks.output_folder(job.out):
        results = evaluation.saliency_run.run(job)
    if results["pointing"]:
        commands.say(*reports.score_tables.as_text(
            evaluation.saliency_run.pointing_table(results["pointing"])))
    for path, reason in results["failed"].items():
        commands.say(commands.one_line(f"failed: {path}: {reason}"))
    commands.say(
        f"pictures, results.json and report.html are in {pathlib.Path(job.out)}")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    commands.run(main)
