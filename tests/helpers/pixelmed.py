"""PixelMed's validators, in Java: of reports by template TID 1500, item by item, and of
segmentations by their IOD.

Its rules are of June 2022. Two of them no segmentation can meet, and a third refuses
every name with letters outside ASCII, whatever character set the file declares.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

JAR = pathlib.Path("/usr/share/java/pixelmed.jar")
# Later Java refuses style sheets as large as its rules.
OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC " + " ".join(
    f"-Djdk.xml.xpath{name}Limit=0" for name in ("ExprGrp", "ExprOp", "TotalOp"))
UNMEETABLE = (
    # The dictionary of the standard (PS3.6) says two values, its rule one.
    "GeneralImageModule/PatientOrientation/: PatientOrientation: Incorrect value "
    "multiplicity - got 2 but expected 1-1",
    # Demanded in the shared and in the single groups, and forbidden to be in both.
    "DerivationImageMacro/DerivationImageSequence/: SharedFunctionalGroupsSequence/"
    "Item[1]/: Missing required sequence attribute (Type 2)")
FOREIGN_LETTERS = re.compile(r"Illegal character\(s\) '[^\x00-\x7f]+' in value of PN")


def _errors(validator, path):
    if not JAR.exists() or shutil.which("java") is None:
        pytest.skip("needs PixelMed; on Debian: apt-get install libpixelmed-java")
    said = subprocess.run(
        ["java", "-cp", JAR, f"com.pixelmed.validate.{validator}", path],
        capture_output=True, text=True, check=True,
        env=os.environ | {"JAVA_TOOL_OPTIONS": OPTIONS})
    assert "IOD validation complete" in said.stdout, said.stdout + said.stderr
    lines = [line.removeprefix("Error: ") for line in said.stdout.splitlines()
             if line.startswith("Error")]
    return [line for line in lines
            if line not in UNMEETABLE and not FOREIGN_LETTERS.search(line)]


def of_report(path):
    """What it says of a report."""
    return _errors("DicomSRValidator", path)


def of_segmentation(path):
    """What it says of a segmentation."""
    return _errors("DicomInstanceValidator", path)


ERRORS = {"report": of_report, "regions": of_segmentation}
