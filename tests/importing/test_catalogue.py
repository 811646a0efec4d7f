"""The rows of the public sets, and counts beside published ones."""

from end2end.importing import __main__ as program
from end2end.importing import catalogue, public_sets


def test_the_program_knows_the_sets_by_their_names():
    assert tuple(catalogue.SETS) == program.NAMES


def test_every_row_says_all_that_a_reader_asks_for():
    for row in catalogue.SETS.values():
        assert all((row.title, row.ask, row.licence, row.label, row.split, row.left_out,
                    row.real, row.totals, row.source))
    assert sum(row.real == catalogue.PHANTOMS_ONLY
               for row in catalogue.SETS.values()) == 3


def test_counts_of_a_whole_set_are_compared_and_those_of_a_part_are_not():
    row = catalogue.SETS["mini-mias"]
    lines = list(catalogue.compared({"images": 322, "women": 160, "others": 3}, row))
    assert lines[0].endswith("322 images  as published")
    assert lines[1].endswith("160 women  DIFFERS from the known 161")
    assert lines[2].endswith("3 others")
    assert catalogue.differing({"images": 322, "women": 160}, row) == {
        "women": [160, 161]}
    part = {"images": 20, "women": 10}
    assert "not compared" in next(catalogue.compared(part, row))
    assert catalogue.differing(part, row) == {}
    assert not catalogue.is_whole({"images": 161, "women": 100}, row)
    assert catalogue.is_whole({"images": 162, "women": 81}, row)
    assert not catalogue.is_whole({"images": 322, "women": 80}, row)


def test_what_is_known_is_printed_for_each_set():
    text = "\n".join(public_sets.described())
    assert all(row.title in text and row.licence in text
               for row in catalogue.SETS.values())
