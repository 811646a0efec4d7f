"""The patch classifier of a heatmap and its settings as flags."""

import argparse

import pytest

from end2end.config import model_flags, patch_flags
from end2end.utils import files


def parsed(*words):
    parser = argparse.ArgumentParser()
    patch_flags.add(parser, "for a test")
    return parser.parse_args(words)


def test_three_settings_of_images_can_be_typed():
    parser = argparse.ArgumentParser(add_help=False)
    patch_flags.add(parser, "for a test")
    assert [flag for action in parser._actions for flag in action.option_strings] == [
        "--patch-model", "--patch-img-size", "--patch-rescale-factor",
        "--patch-featurewise-mean", "--patch-class-list", "--patch-output"]


def test_what_is_not_typed_leaves_no_trace():
    arguments = parsed("--patch-model", "p.h5")
    assert patch_flags.typed(arguments) == {}
    assert patch_flags.outputs(arguments) == model_flags.AS_STORED
    patch_flags.check(arguments)
    patch_flags.check(parsed())


def test_what_is_typed_comes_by_the_name_of_its_field():
    arguments = parsed(
        "--patch-model", "p.h5", "--patch-img-size", "224", "192",
        "--patch-rescale-factor", "0.003891", "--patch-featurewise-mean", "52.18",
        "--patch-class-list", "background", "calc_mal", "--patch-output", "logits")
    assert patch_flags.typed(arguments) == dict(
        size=[224, 192], intensity_scale=0.003891, pixel_mean=52.18)
    assert patch_flags.outputs(arguments) == model_flags.OutputOptions(
        ("background", "calc_mal"), "logits")


@pytest.mark.parametrize("words", [
    ("--patch-img-size", "8", "8"), ("--patch-class-list", "a", "b"),
    ("--patch-output", "logits")])
def test_settings_without_a_patch_model_are_refused(words):
    with pytest.raises(files.InputError, match="--patch-model"):
        patch_flags.check(parsed(*words))
