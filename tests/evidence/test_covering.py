"""`end2end metrics coverage`."""

import pytest

from end2end.metrics import __main__ as program
from end2end.utils import files


def test_the_table_has_each_interval_of_a_study(capsys):
    program.main(["coverage", "sites", "--runs", "20"])
    printed = capsys.readouterr().out
    assert "difference of sites" in printed and "of 3 within 93% and 97%" in printed


@pytest.mark.parametrize("words, message", (
    (["nothing"], "unknown study 'nothing'"), (["--runs", "0"], "--runs")))
def test_wrong_words_are_refused(words, message):
    with pytest.raises(files.InputError, match=message):
        program.main(["coverage", *words])
