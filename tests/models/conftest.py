"""What the tests of networks share."""

import keras
import pytest


@pytest.fixture
def double_precision():
    """In single precision rounding alone moves deep networks by 2e-6 of the output."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
