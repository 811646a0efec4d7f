"""Prints the lowest versions that setup.py allows, as a constraints file for pip.

    python tests/helpers/lowest_versions.py [EXTRA ...] > lowest.txt
"""

import importlib.metadata
import sys

from packaging import requirements

from end2end.utils import distribution


def bounds(extras):
    """Lowest and highest version by package.

    Args:
        extras: names of the extras of setup.py that count too.

    Returns:
        dict of name to (`>=` version, `<` version), None where there is none.
    """
    lowest = {}
    for line in importlib.metadata.requires(distribution.NAME):
        package = requirements.Requirement(line)
        if package.marker and not any(
                package.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        versions = {part.operator: part.version for part in package.specifier}
        lowest[package.name] = (versions.get(">="), versions.get("<"))
    return lowest


if __name__ == "__main__":
    for name, (lowest, _) in sorted(bounds(sys.argv[1:]).items()):
        print(f"{name}=={lowest}")
