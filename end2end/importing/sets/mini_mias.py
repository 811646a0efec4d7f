"""mini-MIAS: Info.txt with circles counted from the bottom left, and PGM files."""

import collections
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from end2end.data import conversion
from end2end.importing import converting, known_tables, records
from end2end.tables import image_names
from end2end.utils import files

TABLE = "Info.txt"
SIDE = 1024
# `mdb005 F CIRC B 477 133 30`; `mdb003 D NORM`; `mdb216 D CALC M *NOTE 3*`.
LINE = re.compile(
    r"(?P<image>mdb\d{3})\s+(?P<tissue>[FGD])\s+(?P<kind>[A-Z]{4})"
    r"(?:\s+(?P<severity>[BM]))?"
    r"(?:\s+(?P<x>\d+)\s+(?P<y>\d+)\s+(?P<radius>\d+)|\s+(?P<note>\*NOTE \d\*))?\s*")
KINDS = {"CALC": "calc", "CIRC": "mass", "SPIC": "mass", "MISC": "mass", "ARCH": "mass",
         "ASYM": "mass", "NORM": ""}
TISSUES = {"F": "fatty", "G": "fatty-glandular", "D": "dense"}
SUFFIXES = (".pgm", ".png")


def lines(root: pathlib.Path, settings: records.Settings
          ) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the lines of Info.txt that begin with the name of an image.

    Raises:
        files.InputError: no such file, or a line that is not understood.
    """
    table = known_tables.located(root, TABLE, "info.txt", "Info.txt.txt")
    text = files.existing_text(table).read_text(encoding="latin-1")
    found = False
    for number, line in enumerate(text.splitlines(), 1):
        if not re.match(r"\s*mdb\d", line):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None or match["kind"] not in KINDS:
            known_tables.refuse(
                "lines", f"{table}, line {number} is {line.strip()[:60]!r}; expected "
                "such as 'mdb005 F CIRC B 477 133 30'.", settings)
            continue
        if (match["kind"] == "NORM") == bool(match["severity"]):
            known_tables.refuse("severity", f"{table}, line {number}: a severity, B or "
                                "M, goes with a lesion and with nothing else.",
                                settings)
        found = True
        yield number, {name: value or "" for name, value in match.groupdict().items()}
    if not found:
        raise files.InputError(
            f"{table} has no line such as 'mdb005 F CIRC B 477 133 30'; expected the "
            "Info.txt of mini-MIAS.")


def read(root: pathlib.Path, settings: records.Settings) -> Iterator[records.Picture]:
    """Yields the pictures of Info.txt; several lines of one are its lesions."""
    groups: dict[str, list] = collections.defaultdict(list)
    for number, cells in lines(root, settings):
        groups[cells["image"]].append((number, cells))
    paths = {path.stem: path for path in sorted(pathlib.Path(root).rglob("mdb*"))
             if path.suffix.lower() in SUFFIXES}
    for image, members in groups.items():
        (number, first), *_ = members
        tissues = {cells["tissue"] for _, cells in members}
        if len(tissues) > 1:
            known_tables.refuse("tissue-of-image", f"{image} has two tissues in "
                                f"{TABLE}: {', '.join(sorted(tissues))}.", settings)
        # Even numbers are left breasts, and the next odd ones right breasts of her.
        statement = image_names.statement(image)
        stated = {} if statement is None else statement.fields
        severities = sorted({cells["severity"] for _, cells in members} - {""})
        yield records.Picture(
            image, str(paths.get(image, pathlib.Path(root) / f"{image}.pgm")),
            number, stated.get("patient", ""), view="MLO",
            laterality=stated.get("laterality", ""), label=int("M" in severities),
            source_label="+".join(severities) or "NORM",
            lesion_type="+".join(sorted({cells["kind"] for _, cells in members}
                                        - {"NORM"})),
            density=TISSUES[first["tissue"]],
            regions=tuple(_circle(cells) for _, cells in members if cells["x"]),
            further={} if "size-1024" in settings.accept else {"side": SIDE})


def _circle(cells):
    # The origin is the bottom left corner.
    centre = float(cells["x"]), SIDE - 1 - float(cells["y"])
    radius = float(cells["radius"])
    return records.Region("circle", (centre, (radius, radius)), KINDS[cells["kind"]],
                          cells["kind"], cells["severity"] == "M")


def convert(job: Mapping[str, Any]) -> dict[str, Any]:
    """`converting.convert_picture` of a file of 1024 x 1024 pixels.

    Raises:
        conversion.Unreadable: the file has another size, for which circles would not
            fit, or none of its circles lies on the breast.
    """
    pixels, mammogram = conversion.read_mammogram(*job["sources"])
    if job["further"] and pixels.shape != (job["further"]["side"],) * 2:
        raise conversion.Unreadable(
            f"size-1024: {pixels.shape[1]} x {pixels.shape[0]} pixels; the circles are "
            f"those of pictures of {SIDE} x {SIDE}")
    facts = converting.written(job, pixels, mammogram, converting.marked(job))
    for region in job["regions"]:
        column, row = (int(value) for value in region["points"][0])
        inside = 0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]
        mirrored = pixels.shape[0] - 1 - row
        if inside and not pixels[row, column] and pixels[mirrored, column]:
            facts["notes"].append(
                "origin-bottom-left: the circle lies in the black, and on the breast "
                "if y is counted from the top")
    return facts


def census(root: pathlib.Path, settings: records.Settings) -> dict[str, int]:
    """Counts what Info.txt holds."""
    kinds: dict[str, set] = collections.defaultdict(set)
    circles = 0
    for _, cells in lines(root, settings):
        kinds[cells["image"]].add(cells["severity"])
        circles += bool(cells["x"])
    women = {image_names.statement(image).fields["patient"] for image in kinds}
    return {"images": len(kinds), "women": len(women), "lesions with a circle": circles,
            "malignant images": sum("M" in severities for severities in kinds.values()),
            "normal images": sum(severities == {""} for severities in kinds.values())}
