"""The command line that trains on patches just cut."""

import shlex

from ddsm_train import patch_clf_train
from end2end import config
from end2end.config import training_command
from end2end.data.patches import training_line

OPTIONS = config.SamplingOptions(patch_size=64, background_folder="rest")


def parsed(line):
    words = shlex.split(line)
    words = words[words.index("ddsm_train.patch_clf_train") + 1:]
    return training_command.parse(patch_clf_train.parser(), words, {})


def test_the_line_can_be_pasted_and_means_the_patches():
    folders, images, _, training = parsed(training_line.line(
        ["my train", "val", "test"], OPTIONS, pixel_mean=41.5))
    assert folders == ("my train", "val", "test")
    assert (images.size, images.intensity_scale, images.pixel_mean) == (
        (64, 64), 0.003891, 41.5)
    assert not images.equalize_histogram
    assert training.class_list == (
        "rest", "calc_mal", "calc_ben", "mass_mal", "mass_ben")


def test_without_a_known_mean_factor_and_mean_come_from_the_patches():
    _, images, _, _ = parsed(training_line.line(["a", "b", "c"], OPTIONS))
    assert (images.intensity_scale, images.pixel_mean) == ("auto", "auto")


def test_patches_too_small_for_the_default_network_get_one_that_takes_them():
    assert training_line.network(224) == training_line.network(197) == ()
    assert training_line.network(64) == ("--net", "yaroslav", "--no-use-pretrained")
    for side in (63, 32):
        assert training_line.network(side) == ("--net", "vgg16", "--no-use-pretrained")
    assert training_line.network(31) == ()
