"""Heatmaps of mammograms from a patch classifier, for ddsm_train.two_step.

    end2end ddsm heatmap-score IMG_FOLDER MODEL --pat-csv PAT_CSV \\
        --fprop-mode --img-size 1152 896 --out runs/heatmaps/train.npz

PAT_CSV has the columns patient_id, side and cancer (0 or 1), or is the ROI table of
ddsm_train.prepare. IMG_FOLDER holds {patient}_{side}_CC.png and _MLO.png. Without
--fprop-mode a window slides over the breast, as in the original (--img-height,
--patch-size, --stride): slow. Intensities are scaled as in the training of MODEL where
its settings lie beside it, unless a flag says otherwise. Calling it again after an
interruption goes on where it stopped.
"""

import argparse
import contextlib
from collections.abc import Sequence

from ddsm_train import pipeline
from end2end import config
from end2end.utils import commands, locks, programs

FIELDS = (
    "size", "height", "stretch_max_to", "intensity_scale", "equalize_histogram",
    "center", "pixel_mean", "backbone", "heatmap_pool", "heatmap_strides", "batch_size")


def parser(defaults: dict | None = None) -> commands.Parser:
    """The command line, with the original's flags; `defaults` win over theirs."""
    parser = commands.Parser(
        program="ddsm_train.heatmap_score", description=__doc__)
    parser.add_argument("img_folder", metavar="IMG_FOLDER", help="folder of mammograms")
    parser.add_argument("model_path", metavar="MODEL", help="saved patch classifier")
    defaults = config.script_defaults("heatmap_score") | (defaults or {})
    config.add_options(
        parser, config.ImageOptions, config.ModelOptions, config.TrainingOptions,
        only=FIELDS, defaults=defaults)
    parser.add_argument("--fprop-mode", action=argparse.BooleanOptionalAction,
                        default=False, help="one pass of the network per image")
    parser.add_argument("--patch-size", type=int, default=256,
                        help="side of a window in pixels (default: 256)")
    parser.add_argument("--stride", type=int, default=8,
                        help="step of the window in pixels (default: 8)")
    parser.add_argument("--pat-csv", default="./full_img/pat.csv",
                        help="table of the breasts (default: ./full_img/pat.csv)")
    parser.add_argument("--pat-list", default=None,
                        help="patient ids, one per line; all of the table without it")
    parser.add_argument("--no-pat-list", dest="pat_list", action="store_const",
                        const=None, help=argparse.SUPPRESS)
    parser.add_argument("--out", default="./output/prob_heatmap.npz",
                        help="file to write (default: ./output/prob_heatmap.npz)")
    parser.add_argument("--overlays", default=None,
                        help="folder for pictures of each foreground class")
    parser.set_defaults(**defaults)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Makes the heatmaps and says where they are."""
    arguments = parser().parse_args(argv)
    job = pipeline.heatmap_scoring.plan(arguments)
    defaults = pipeline.heatmap_scoring.settings_of(job.classifier)
    arguments = parser(defaults).parse_args(argv)
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            locks.output_file(pipeline.heatmap_scoring.out_path(arguments)))
        if arguments.overlays:
            stack.enter_context(locks.output_folder(arguments.overlays))
        out, problems = pipeline.heatmap_scoring.score(job, arguments)
    for text in problems:
        commands.say(f"left out: {text}")
    commands.say(f"heatmaps of {len(job.breasts)} breasts in {out}")
    commands.say(f"With heatmaps of training and of test women: "
                 f"{programs.call('ddsm_train.two_step')} TRAIN.npz TEST.npz")


if __name__ == "__main__":
    commands.run(main)
