"""`end2end metrics plan`."""

import pytest
import recorded

from end2end.metrics import __main__ as program
from end2end.metrics import sample_size
from end2end.utils import files


def test_the_table_names_the_cases_for_each_aim(capsys):
    program.main(["plan", "--auc", "0.8", "--above", "0.7", "--prevalence", "0.2"])
    printed = capsys.readouterr().out
    assert str(sample_size.for_auc_above(0.8, 0.7, 0.2)) in printed
    assert "power of 0.9" in printed
    program.main(["plan", "--above", "0.7", "--power", "0.8", "--rate", "0.75"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    for aim, cases in (
            ("AUC 0.85 shown to be above 0.7 with a power of 0.8",
             sample_size.for_auc_above(0.85, 0.7, 0.1, power=0.8)),
            ("sensitivity 0.75 with an interval 0.1 wide",
             sample_size.for_rate_width(0.75, 0.1, 0.1))):
        assert [row[-2] for row in rows if row[:-2] == aim.split()] == [str(cases)]


@pytest.mark.parametrize("words, message", (
    (["--auc", "0.4"], "no better than chance"), (["--above", "0.9"], "not below"),
    (["--auc", "0.5"], "--auc 0.5 is no better than chance; expected more than 0.5"),
    (["--auc", "0.8", "--above", "0.8"], "--above 0.8 is not below --auc 0.8"),
    *(([f"--{name}", "0"], f"--{name} 0 is not a share") for name in (
        "rate", "width", "power", "above")),
    (["--prevalence", "1"], "--prevalence 1")))
def test_wrong_words_are_refused(words, message):
    with pytest.raises(files.InputError, match=message):
        program.main(["plan", *words])


@pytest.mark.parametrize("words", (
    ["--auc", "0.8", "--above", "0.7", "--prevalence", "0.2", "--width", "0.08"], []))
def test_the_plan_is_as_recorded(words, capsys):
    program.main(["plan", *words])
    recorded.check(f"evidence-plan-{len(words)}", capsys.readouterr().out)
