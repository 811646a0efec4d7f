"""Image settings that a user types over those stored with a model."""

import argparse

from end2end.config import image_flags, options


def typed(*words):
    parser = argparse.ArgumentParser()
    image_flags.add(parser)
    parser.add_argument("--other", default=1)
    return image_flags.typed(parser.parse_args(words))


def test_what_is_not_typed_leaves_no_trace():
    assert typed() == {}
    assert typed("--other", "2") == {}


def test_the_help_names_no_default_since_it_is_the_model_s():
    parser = argparse.ArgumentParser()
    image_flags.add(parser)
    plain = argparse.ArgumentParser(add_help=False)
    options.add_options(plain, options.ImageOptions, only=image_flags.NAMES)
    ours = {action.option_strings[0]: action.help
            for action in parser._actions if action.help != argparse.SUPPRESS}
    assert set(ours) - {"-h"} == {action.option_strings[0] for action in plain._actions
                                  if action.help != argparse.SUPPRESS}
    cut = 0
    for action in plain._actions:
        text, _, default = action.help.partition(" (default")
        assert ours.get(action.option_strings[0], argparse.SUPPRESS) == text
        cut += bool(default)
    assert cut > 5 and "(default: those stored with the model)" in parser.format_help()


def test_what_is_typed_comes_by_the_name_of_its_field():
    assert typed("--img-size", "96", "72", "--no-featurewise-center",
                 "--rescale-factor", "auto") == dict(
        size=[96, 72], center=False, intensity_scale="auto")


def test_a_typed_off_flag_is_none_and_not_absent():
    assert typed("--no-img-height") == dict(height=None)
