"""The program that tests models on INbreast."""

from inbreast import evaluate


def test_flips_are_averaged_as_in_the_paper_unless_turned_off():
    words = ["model.h5", "test"]
    assert evaluate.parser().parse_args(words).flips
    assert not evaluate.parser().parse_args([*words, "--no-flips"]).flips
