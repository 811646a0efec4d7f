"""Flags shared by the programs that make a folder of images."""

import argparse
import os

import pytest

from end2end.config import import_flags
from end2end.utils import files


def arguments(*words):
    parser = argparse.ArgumentParser()
    import_flags.add_size(parser)
    import_flags.add_split_file(parser)
    import_flags.add_shares(parser, test=0.25)
    import_flags.add_seed(parser, of="the draw")
    import_flags.add_workers(parser)
    return parser.parse_args(words)


def test_what_is_not_typed_has_the_defaults_that_the_help_states():
    assert vars(arguments()) == dict(
        size=(1152, 896), split_file=None, test_share=0.25, val_share=0.1, seed=12345,
        workers=os.cpu_count())


@pytest.mark.parametrize("words", [
    ("--size", "32", "8192"), ("--test-share", "0"), ("--val-share", "0.99"),
    ("--workers", "1"), ("--seed", "0"), ("--seed", "4294967295")])
def test_the_ends_of_a_range_are_within_it(words):
    import_flags.check(arguments(*words))


@pytest.mark.parametrize(("words", "message"), [
    (("--size", "31", "64"), r"--size 31 64 is out of range; give 32 to 8192\."),
    (("--size", "64", "8193"), r"--size 64 8193 is out of range; give 32 to 8192\."),
    (("--test-share", "1"), "--test-share 1.0 is out of range"),
    (("--val-share", "-0.01"), "--val-share -0.01 is out of range"),
    (("--val-share", "nan"), "--val-share nan is out of range"),
    (("--workers", "0"), "--workers 0: give at least 1"),
    (("--seed", "-1"), "--seed -1: give 0 to 4294967295"),
    (("--seed", "4294967296"), "--seed 4294967296: give 0 to 4294967295")])
def test_what_lies_beyond_is_refused_by_the_name_of_its_flag(words, message):
    with pytest.raises(files.InputError, match=message):
        import_flags.check(arguments(*words))


def test_a_program_without_a_flag_is_not_asked_for_it():
    import_flags.check(argparse.Namespace(size=(64, 96)))
