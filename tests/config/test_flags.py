"""Fields of option dataclasses as flags: limits, spellings, words."""

import argparse
import dataclasses

import pytest

from end2end.config import flags


@dataclasses.dataclass(frozen=True)
class Options:
    """Two settings of a test."""

    share: float | None = flags.option(
        0.5, "--share", "-s", off=("--no-share", "-ns"), type=float, limits=(0, 1),
        help="a share")
    quiet: bool = flags.option(False, "--quiet", help="say nothing")
    derived: int = flags.option(3, help="follows from another")


def parse(*words, **keywords):
    parser = argparse.ArgumentParser(exit_on_error=False)
    flags.add_options(parser, Options, **keywords)
    return vars(parser.parse_args(words))


def test_each_field_with_a_flag_becomes_one():
    assert parse() == dict(share=0.5, quiet=False)
    assert parse("-s", "0.25", "--quiet") == dict(share=0.25, quiet=True)
    assert [parse("-s", end)["share"] for end in ("0", "1")] == [0, 1]


def test_only_some_fields_and_other_defaults_can_be_asked_for():
    assert parse(only=("share",), defaults=dict(share=0.75)) == dict(share=0.75)


def test_an_off_flag_stores_none():
    assert parse("--no-share")["share"] is None


@pytest.mark.parametrize("text", ["1.5", "-0.1", "nan", "inf"])
def test_a_number_beyond_its_limits_is_refused(text):
    with pytest.raises(argparse.ArgumentError, match="a number from 0 to 1"):
        parse("--share", text)


def test_draws_have_limits_and_a_seed_where_one_is_asked_for(capsys):
    parser = argparse.ArgumentParser()
    flags.add_draws(parser, runs=7, seed=3, what="studies")
    assert vars(parser.parse_args([])) == dict(runs=7, seed=3)
    assert vars(parser.parse_args(["--runs", "1000000", "--seed", "0"])) == dict(
        runs=1_000_000, seed=0)
    for words, message in ((["--runs", "1000001"], "a number from 1 to 1000000"),
                           (["--runs", "0"], "0: expected a number from 1"),
                           (["--seed", "-1"], "-1: expected a number from 0")):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
        assert message in capsys.readouterr().err
    assert "studies (default: 7)" in parser.format_help()
    without = argparse.ArgumentParser()
    flags.add_draws(without, runs=7)
    assert vars(without.parse_args([])) == dict(runs=7)


def test_a_number_may_be_the_word_auto():
    assert flags.number_or_auto("auto") == "auto"
    assert flags.number_or_auto("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError):
        flags.number_or_auto("inf")


def words(**values):
    options = Options(**values)
    return [flags.words_of(setting, getattr(options, setting.name))
            for setting in dataclasses.fields(Options)]


def test_a_field_becomes_the_words_that_set_it():
    assert words() == [["--share", "0.5"], ["--no-quiet"], []]
    assert words(share=None, quiet=True) == [["--no-share"], ["--quiet"], []]


def test_a_value_that_looks_like_a_flag_is_joined_to_its_own():
    assert words(share=-0.5)[0] == ["--share=-0.5"]


def test_a_default_is_shown_as_it_is_typed():
    assert flags.shown((1152, 896)) == "1152 896"
    assert flags.shown(None) == "None"


def test_a_dead_flag_is_taken_and_said_to_do_nothing(caplog):
    parser = argparse.ArgumentParser()
    flags.add_dead_flags(parser)
    parser.parse_args(["--alpha", "0.1"])
    assert "--alpha has no effect" in caplog.text
