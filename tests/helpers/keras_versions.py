"""Tests of what only later versions of Keras do."""

import keras
import pytest
from packaging import version


def since(number: str, reason: str):
    """A mark that leaves a test to this version of Keras and later ones."""
    return pytest.mark.skipif(
        version.parse(keras.__version__) < version.parse(number),
        reason=f"Keras before {number}: {reason}")


# The networks end with an error of TensorFlow there, and not before they are computed.
EMPTY_MAPS = since("3.14", "maps of no pixels are built")
