"""Image settings that a user types over those stored with a model."""

import argparse

from end2end.config import image_flags


def typed(*words):
    parser = argparse.ArgumentParser()
    image_flags.add(parser)
    parser.add_argument("--other", default=1)
    return image_flags.typed(parser.parse_args(words))


def test_what_is_not_typed_leaves_no_trace():
    assert typed() == {}
    assert typed("--other", "2") == {}


def test_what_is_typed_comes_by_the_name_of_its_field():
    assert typed("--img-size", "96", "72", "--no-featurewise-center",
                 "--rescale-factor", "auto") == dict(
        size=[96, 72], center=False, intensity_scale="auto")


def test_a_typed_off_flag_is_none_and_not_absent():
    assert typed("--no-img-height") == dict(height=None)
