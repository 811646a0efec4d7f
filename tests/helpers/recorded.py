"""Holds a whole output against the one that was recorded when it was last checked.

    RECORD=1 python -m pytest tests/evidence       # where a change is meant

The records are in `tests/fixtures/recorded`; read the difference before it is kept.
Words and signs have to be the same, whole numbers too, and others to a share of 3e-4:
the last bits differ between processors. A difference is a failure with the versions of
`tests/constraints.txt`; others draw and round otherwise, so that it is skipped there.
"""

import hashlib
import importlib.metadata
import json
import math
import os
import pathlib
import re
import sys

import cv2
import numpy as np
import pydicom
import pytest

import end2end

TEXTS = (".csv", ".json", ".jsonl", ".txt", ".md", ".xml")
FOLDER = pathlib.Path(__file__).parents[1] / "fixtures" / "recorded"
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")

# Of these packages and of this Python the outputs depend.
PYTHON = (3, 11)
PACKAGES = ("keras", "numpy", "opencv-python-headless", "pydicom", "scipy",
            "tensorflow")

# What differs between machines and versions: programs, hashes, compressed bytes.
OF_MACHINES = (
    (re.escape(sys.executable), "python"), (re.escape(sys.orig_argv[0]), "python"),
    (r"\b(?=[0-9a-f]*[a-f])[0-9a-f]{24,64}\b", "HASH"),
    (r"(\.(?:png|jpg)\": )\d+", r"\1BYTES"), (r'("seconds": )[\d.]+', r"\1N"),
    (re.escape(end2end.__version__), "VERSION"))


def check(name, text, folders=None):
    """Asserts that a text is the recorded one.

    Args:
        name: of the record.
        text: a text, or what JSON can hold.
        folders: paths by the word that stands for them in the record.
    """
    if not isinstance(text, str):
        text = json.dumps(text, indent=1, default=plain)
    for word, folder in (folders or {}).items():
        text = text.replace(str(folder), word)
    for pattern, word in OF_MACHINES:
        text = re.sub(pattern, word, text)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("RECORD"):
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    compare(path.name, *(whole.rstrip("\n").split("\n") for whole in (
        text, path.read_text(encoding="utf-8"))))


def compare(name, lines, expected):
    """Asserts that lines are the recorded ones, up to the last digits of numbers."""
    pairs = enumerate(zip(lines, expected, strict=False), 1)
    difference = next((
        f"{name}:{number}: {line!r} instead of {before!r}"
        for number, (line, before) in pairs if not _same(line, before)), "")
    if not difference and len(lines) != len(expected):
        difference = f"{name}: {len(lines)} lines instead of {len(expected)}"
    if difference and other_versions():
        pytest.skip(f"recorded with other versions than {other_versions()}")
    assert not difference, difference


def other_versions():
    """The versions here that differ from those of the records, as text."""
    pinned = dict(line.split("==") for line in (
        pathlib.Path(__file__).parents[1] / "constraints.txt").read_text(
            encoding="utf-8").splitlines() if "==" in line)
    installed = {part.metadata["Name"].lower(): part.version
                 for part in importlib.metadata.distributions()}
    other = [f"{name} {installed.get(name, 'none')}" for name in PACKAGES
             if installed.get(name) != pinned[name]]
    if sys.version_info[:2] != PYTHON:
        other.append("Python {}.{}".format(*sys.version_info))
    return ", ".join(other)


def _same(line, before):
    if line == before:
        return True
    if " ".join(NUMBER.sub("#", line).split()) != " ".join(
            NUMBER.sub("#", before).split()):
        return False
    return all(_near(a, b) for a, b in zip(
        NUMBER.findall(line), NUMBER.findall(before), strict=True))


def _near(number, before):
    if number.lstrip("-").isdecimal() or before.lstrip("-").isdecimal():
        return number == before
    # Numbers of few digits may be rounded the other way.
    digits = len(before.split("e")[0].partition(".")[2])
    return math.isclose(float(number), float(before), rel_tol=3e-4,
                        abs_tol=1.01 * 10.0**-digits if digits >= 3 else 0)


def plain(value):
    """Arrays, paths and the like as JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return str(value)


def picture(pixels):
    """What tells one picture from another, as a line: type, shape, mean, spread, the
    moments along both axes, and some pixels."""
    pixels = np.asarray(pixels)
    values = pixels.astype(np.float64)
    total = values.sum() or 1.0
    moments = [float((np.indices(values.shape)[axis] * values).sum() / total)
               for axis in range(values.ndim)]
    places = [tuple(int(share * (side - 1)) for side in pixels.shape)
              for share in (0.13, 0.31, 0.5, 0.77)]
    numbers = [values.mean(), values.std(), values.min(), values.max(), *moments,
               *(values[place] for place in places)]
    return f"{pixels.dtype} {pixels.shape} " + " ".join(f"{n:.4f}" for n in numbers)


def folder(root):
    """All files of a folder: texts as they are, pictures by what tells them apart,
    DICOM by its elements."""
    rows = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        rows += [f"== {path.relative_to(root)}", _content(path)]
    return "\n".join(rows)


def _content(path):
    if path.suffix in TEXTS:
        return path.read_text(encoding="utf-8").rstrip("\n")
    if path.suffix in (".dcm", ".dicom"):
        header = pydicom.dcmread(path)
        try:
            pixels = header.pixel_array
        except (ValueError, AttributeError):
            # Without pixels, or cut off.
            pixels = np.zeros((1, 1))
        elements = [f"{element.keyword} {element.VR} {str(element.value)[:200]}"
                    for element in header.iterall() if element.keyword != "PixelData"]
        return "\n".join([header.file_meta.TransferSyntaxUID, *elements,
                          picture(pixels)])
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return picture(image) if image is not None else exact(path.read_bytes())


def elements(header):
    """The elements of a DICOM file of our own, one a line, without what a call draws:
    generated identifiers are numbered as they come, dates and times are left out."""
    numbers, unsaid = {}, ("DA", "TM", "DT", "SQ", "OB", "OW")
    text = "\n".join(f"{element.keyword} {str(element.value)[:200]}"
                     for element in header.iterall() if element.VR not in unsaid
                     and element.keyword != "CodingSchemeDesignator")
    return re.sub(r"\b[12]\.(?:2\.826|25)\.[\d.]+", lambda match: numbers.setdefault(
        match[0], f"UID{len(numbers) + 1}"), text)


def exact(content):
    """A hash of bytes that are the same everywhere."""
    return hashlib.sha256(content).hexdigest()[:16]
