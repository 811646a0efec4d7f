"""Cuts patches of one lesion type from mammograms cropped to the breast.

    end2end ddsm sample-patches-main ROI_CSV MASK_DIR PAT_TRAIN FULL_DIR \\
        TRAIN_OUT VAL_OUT --itype Mass --target-height 1152

The older of the original's samplers: three classes (background, malignant, benign), and
full images that carry the type in their names as the masks do.
"""

import dataclasses
from collections.abc import Sequence

from ddsm_train import sample_patches_combined
from end2end import config
from end2end.utils import commands

FIELDS = (
    "target_height", "patch_size", "background_count", "lesion_count",
    "hard_negative_count", "lesion_overlap", "background_overlap", "validation_share",
    "background_folder", "verbose", "seeding")


def parser() -> commands.Parser:
    """The command line, with the original's flags."""
    parser = sample_patches_combined.parser(
        "sample_patches_main", __doc__, only=FIELDS)
    parser.add_argument("--pos-dir", default="malignant",
                        help="folder of malignant lesions (default: malignant)")
    parser.add_argument("--neg-dir", default="benign",
                        help="folder of benign lesions (default: benign)")
    parser.add_argument("--itype", default="Mass",
                        help="lesion type in the file names (default: Mass)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Samples and says what came out; returns 1 if nothing did."""
    arguments = parser().parse_args(argv)
    options = dataclasses.replace(
        config.fill(config.SamplingOptions, arguments), segment=True,
        malignant_calcification_folder=arguments.pos_dir,
        malignant_mass_folder=arguments.pos_dir,
        benign_calcification_folder=arguments.neg_dir,
        benign_mass_folder=arguments.neg_dir)
    return sample_patches_combined.sample(
        arguments, options, prefix=arguments.itype, sort=False, patient_lists=False,
        single_at_centroid=False)


if __name__ == "__main__":
    commands.run(main)
