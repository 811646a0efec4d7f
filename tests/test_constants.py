"""What the code chooses stands in a register, too: a number that was changed by mistake
differs from it. It says nothing of whether a number is right."""

import pathlib

import constants
import pytest
import recorded

FOLDER = pathlib.Path(__file__).parent / "fixtures" / "constants"
WRITE = ("where the change is meant, `PYTHONPATH=. python tests/helpers/constants.py "
         "tests/fixtures/constants` writes the register")


@pytest.mark.parametrize("folder", constants.modules())
def test_every_choice_is_the_one_of_the_register(folder):
    registered = (FOLDER / f"{folder}.txt").read_text(encoding="utf-8").splitlines()
    lines = constants.register(constants.modules()[folder])
    if lines != registered and recorded.other_versions():
        pytest.skip(f"written with other versions than {recorded.other_versions()}")
    assert lines == registered, WRITE


def test_no_folder_of_the_register_is_left_from_before():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(constants.modules())


def test_values_are_shown_alike_everywhere():
    assert constants.shown({"b": {2, 1}, "a": (1.5, None)}) == (
        "{'b': {1, 2}, 'a': (1.5, None)}")
