"""The packages asked for: bounded on both sides, with versions that were tested."""

import importlib.metadata
import pathlib
import re

import lowest_versions
import pytest
from packaging import version

from end2end.utils import distribution

EXTRAS = importlib.metadata.metadata(distribution.NAME).get_all("Provides-Extra")
TESTED = dict(
    line.split("==") for line in (pathlib.Path(__file__).parent / "constraints.txt")
    .read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))

# Name, version and the lines with hashes, of extras and markers without them.
HASHED = re.compile(r"^([\w-]+)(?:\[[\w,]+\])?==(\S+)(?: ;[^\\\n]*)? \\\n"
                    r"((?: +--hash=.*\n?)+)", re.MULTILINE)


def test_every_requirement_has_a_lowest_and_a_highest_version():
    assert all(None not in both for both in lowest_versions.bounds(EXTRAS).values())


@pytest.mark.parametrize("name", sorted(lowest_versions.bounds(EXTRAS)))
def test_the_versions_of_the_constraints_file_are_within_the_bounds(name):
    lowest, highest = lowest_versions.bounds(EXTRAS)[name]
    tested = version.Version(TESTED[name])
    assert version.Version(lowest) <= tested < version.Version(highest)


def test_every_package_of_the_program_has_its_tested_version_with_hashes():
    text = (pathlib.Path(__file__).parent / "hashes.txt").read_text(encoding="utf-8")
    packages = HASHED.findall(text)
    versions = {name: version for name, version, _ in packages}
    assert len(packages) == len(re.findall(r"^\w", text, re.MULTILINE))
    assert all(re.findall(r"sha256:[0-9a-f]{64}", hashes) for *_, hashes in packages)
    for name in lowest_versions.bounds(["all", "test"]):
        assert versions[name] == TESTED[name], f"{name}: call make hashes"
