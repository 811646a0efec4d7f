"""Cells of CSV files: no formula, no control character, and the same text read back.

A tag of a DICOM file or the name of a file can hold anything, and its text ends in a
table that somebody opens with a spreadsheet.
"""

import math
import re

# Longer than any path, note or list of flags. Readers of CSV refuse much longer cells.
LONGEST = 4096
# Line and paragraph separators and those that reverse the direction of what follows.
INVISIBLE = dict.fromkeys([0x2028, 0x2029, *range(0x202A, 0x202F),
                           *range(0x2066, 0x206A)])
CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")
NUMBER = re.compile(r"-\d+(\.\d*)?([eE][+-]?\d+)?")
# What spreadsheets take for the beginning of a formula, also after spaces.
FORMULA = re.compile("'*\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
MARKED = re.compile("'+\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]")


def cleaned(text: str, longest: int = LONGEST) -> str:
    """A text without control characters and not too long.

    Args:
        text: of a tag, a name or a note.
        longest: characters that are kept; a longer text ends in `...`.
    """
    if not text.isprintable():
        text = text.translate(CONTROLS).translate(INVISIBLE)
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= longest else f"{text[:longest - 3]}..."


def to_cell(value: object) -> object:
    """A value as it may stand in a CSV file; `from_cell` gives the text back.

    A text that a spreadsheet would compute gets an apostrophe in front. Values that are
    no text stay, and so do texts of negative numbers.
    """
    if not isinstance(value, str):
        return value
    text = cleaned(value)
    if FORMULA.match(text) and not NUMBER.fullmatch(text):
        return f"'{text}"[:LONGEST]
    return text


def number(text: str) -> float:
    """The finite number that a text is; nan for any other text.

    Python also reads `0.1_5`, where a sign between digits is a slip of the hand.
    """
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    return value if math.isfinite(value) else math.nan


def from_cell(text: str) -> str:
    """The text that `to_cell` wrote."""
    return text[1:] if MARKED.match(text) else text
