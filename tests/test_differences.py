"""Every row of docs/differences.md has a test here or in test_differences_*.py."""

import logging
import pathlib
import re

import pytest

from ddsm_train import patch_clf_train

HERE = pathlib.Path(__file__).parent


def test_every_row_has_a_test_and_every_test_a_row():
    page = (HERE.parent / "docs" / "differences.md").read_text(encoding="utf-8")
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    tests = [int(number) for path in HERE.glob("test_differences*.py")
             for number in re.findall(
                 r"^def test_(\d\d)_", path.read_text(encoding="utf-8"), re.MULTILINE)]
    assert rows == sorted(tests) == list(range(1, max(rows) + 1))


@pytest.mark.parametrize("flag", ["--bias-multiplier", "--kept-layer-idx"])
def test_35_flags_of_the_examples_that_never_existed_are_errors(flag, capsys):
    with pytest.raises(SystemExit):
        patch_clf_train.parser().parse_args(["a", "b", "c", flag, "1"])
    assert flag in capsys.readouterr().err


def test_logging_is_not_configured_by_the_library():
    assert logging.getLogger("end2end").handlers == []
