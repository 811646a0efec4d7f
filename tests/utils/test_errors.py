"""The kinds of failures and what they are kinds of."""

from end2end.utils import errors, files


def test_wrong_input_is_a_wrong_value_and_a_vanished_output_a_failure_of_the_system():
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.VanishedError, OSError)
    assert files.InputError is errors.InputError
