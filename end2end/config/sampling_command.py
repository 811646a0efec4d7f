"""The arguments that all programs share that cut patches from mammograms."""

import argparse

from end2end.config import flags, options

POSITIONAL = (
    ("roi_table", "ROI_CSV", "table of the lesions, as ddsm_train.prepare writes it"),
    ("masks", "MASK_DIR", "folder of the lesion masks"),
    ("patients", "PAT_TRAIN", "patient ids, one per line"),
    ("images", "FULL_DIR", "folder of the full mammograms"),
    ("train_out", "TRAIN_OUT", "folder of the training patches, made where missing"),
    ("val_out", "VAL_OUT", "folder of the validation patches"),
)


def add_arguments(task: argparse.ArgumentParser) -> None:
    """Adds the sampler's arguments and flags to a parser."""
    for name, shown, text in POSITIONAL:
        task.add_argument(name, metavar=shown, help=text)
    flags.add_options(task, options.SamplingOptions)
    task.add_argument("--seed", type=int, default=12345,
                      help="seed of --seeding image (default: 12345)")
