"""The arguments that the programs share that cut patches from mammograms."""

import argparse

from end2end import config
from end2end.config import sampling_command

PLACES = ("rois.csv", "mask", "patients.txt", "full", "train", "val")


def parse(*words):
    parser = argparse.ArgumentParser()
    sampling_command.add_arguments(parser)
    return parser.parse_args([*PLACES, *words])


def test_the_places_come_in_the_order_of_the_original():
    arguments = parse()
    names = [name for name, *_ in sampling_command.POSITIONAL]
    assert [getattr(arguments, name) for name in names] == list(PLACES)
    assert arguments.seed == 12345


def test_the_flags_fill_the_sampling_options():
    options = config.fill(config.SamplingOptions, parse("--nb-abn", "7", "--patch-size",
                                                        "224", "--no-target-width"))
    assert (options.lesion_count, options.patch_size) == (7, 224)
    assert options.target_width is None
