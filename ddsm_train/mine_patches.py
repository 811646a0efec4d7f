"""Cuts patches as the sampler does, some of them where a patch classifier errs.

    end2end ddsm mine-patches ROI_CSV MASK_DIR S10/train/pat_lst.txt FULL_DIR \\
        TRAIN_OUT --patch-model runs/patch/best.h5 --share 0.5 [the flags of S10]

Of the patches that sample-patches-combined draws of each lesion and of each image's
background, up to a share are replaced by hard examples: false positives beside the
outlines and false negatives on them, the worst first. Their number stays. PAT_TRAIN is
the list beside the patches that the classifier was trained on, so that no image of
validation or test is mined; their patches stay as they are. Calling it again after an
interruption does what is missing.
"""

import dataclasses
from collections.abc import Sequence

from ddsm_train import pipeline, sample_patches_combined
from end2end import checkpoints, config, data
from end2end.config import sampling_command
from end2end.utils import commands, files, programs

FIELDS = tuple(field.name for field in dataclasses.fields(config.SamplingOptions)
               if field.name != "validation_share")


def parser() -> commands.Parser:
    """The command line: the sampler's, without validation, and the classifier."""
    parser = commands.Parser(program="ddsm_train.mine_patches", description=__doc__)
    *positional, _ = sampling_command.POSITIONAL
    for name, shown, text in positional:
        parser.add_argument(name, metavar=shown, help=text)
    parser.add_argument("--patch-model", required=True, metavar="FILE",
                        help="patch classifier whose errors are cut")
    parser.add_argument("--share", type=float, default=0.5,
                        help="greatest share of the patches to replace (default: 0.5)")
    config.add_options(parser, config.SamplingOptions, only=FIELDS)
    sample_patches_combined.add_running(parser, "sample_patches_combined")
    parser.set_defaults(val_out=None, val_patients=None, test_out=None,
                        test_patients=None, test_table=None, validation_share=0.0)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Cuts the patches and says how many are hard; returns 1 if there are none."""
    arguments = parser().parse_args(argv)
    options = config.fill(config.SamplingOptions, arguments)
    files.existing_file(arguments.patch_model, "patch classifier")
    patch = checkpoints.load_classifier(arguments.patch_model)
    paths = sample_patches_combined.cut(
        arguments, options, replacement=pipeline.hard_patches.replacement(
            patch, arguments.patch_model, options, share=arguments.share))
    if not paths:
        return 1
    commands.say(data.patches.hard_examples.counts(paths))
    commands.say(
        "next, with the validation and test patches of before:\n  "
        f"{programs.call('ddsm_train.patch_clf_train')} {arguments.train_out} VAL "
        f"TEST --resume-from {arguments.patch_model}")
    return 0


if __name__ == "__main__":
    commands.run(main)
