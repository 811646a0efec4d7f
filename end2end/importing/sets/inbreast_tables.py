"""What INbreast says about its images: the table, the file names, the outlines."""

import collections
import csv
import dataclasses
import io
import pathlib
import plistlib
import re
import struct
from collections.abc import Mapping, Sequence

from end2end.utils import distribution, files

COLUMNS = ("file name", "laterality", "view", "acr", "bi-rads")
SIDES = {"L": "LEFT", "R": "RIGHT"}
# `20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm`; copies may have lost the hash.
FILE_NAME = re.compile(
    r"(?P<image>\d{6,9})(_(?P<patient>[0-9a-f]{8,32})_MG_(?P<side>[LR])"
    r"_(?P<view>[A-Z]{2,3})(_ANON)?)?", re.IGNORECASE)
SUFFIXES = (".dcm", ".dicom", ".png")
# Runs of image numbers of one visit: measured on the table, gaps of up to 60 give 114
# groups for 115 cases.
GREATEST_GAP = 60

REGIONS = {
    "mass": "mass", "spiculated region": "mass", "espiculated region": "mass",
    "calcification": "calcification", "calcifications": "calcification",
    "cluster": "calcification", "distortion": "distortion", "asymmetry": "asymmetry",
    "assymetry": "asymmetry", "asimmetry": "asymmetry",
    "pectoral muscle": "pectoral muscle",
}
GREATEST_XML = 20_000_000
# The table has 410 rows of 12 cells, in 0.1 MB.
GREATEST_XLS = 10_000_000
GREATEST_CELLS = 200_000


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table: `birads` such as `4a`; `acr` 1 to 4 or empty."""

    image: str
    side: str
    view: str
    acr: str
    birads: str

    @property
    def malignant(self) -> int | None:
        """1 for BI-RADS 4 to 6, 0 for 1 and 2, None for 3 and what is unknown."""
        return {"1": 0, "2": 0, "4": 1, "5": 1, "6": 1}.get(self.birads[:1])


def read_table(folder: str | pathlib.Path) -> dict[str, Row]:
    """Reads INbreast.csv, else INbreast.xls.

    Args:
        folder: of the release, or one that holds it.

    Returns:
        dict from image number to `Row`; rows of a footer are passed over.

    Raises:
        files.InputError: no table, no reader for it, or a column is missing.
    """
    path = _find(folder)
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _xls_rows(path)
    table = {}
    for row in rows:
        values = {str(name or "").strip().lower(): _text(value)
                  for name, value in row.items()}
        missing = [name for name in COLUMNS if name not in values]
        if missing:
            raise files.InputError(
                f"{path} has no column {missing[0]!r}; found {', '.join(values)}. "
                "Expected the table of the INbreast release.")
        image = values["file name"]
        if image.isdigit():
            table[image] = Row(
                image, SIDES.get(values["laterality"].upper(), ""),
                values["view"].upper(), values["acr"], values["bi-rads"].lower())
    if not table:
        raise files.InputError(
            f"{path} has no rows with an image number under 'File Name'; restore it.")
    return table


def _find(folder):
    folder = files.existing_folder(folder, "INbreast folder")
    for suffix in (".csv", ".xls"):
        for pattern in ("", "*/", "*/*/"):
            paths = [path for path in folder.glob(f"{pattern}*{suffix}")
                     if path.stem.lower() == "inbreast"]
            if paths:
                return min(paths)
    raise files.InputError(
        f"neither INbreast.csv nor INbreast.xls is in {folder}; expected the folder "
        "'INbreast Release 1.0' or the one that holds it.")


def _csv_rows(path):
    files.existing_text(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") >= first.count(",") else ","
    try:
        return files.csv_rows(io.StringIO(text), len(text), delimiter=delimiter)
    except csv.Error as error:
        raise files.InputError(f"{path} is no CSV table ({error}); restore it."
                               ) from error


def _xls_rows(path):
    distribution.require("xlrd", purpose=str(path), extra="inbreast",
                         otherwise="or save the table as INbreast.csv")
    import xlrd

    try:
        files.check_size(path, GREATEST_XLS, "table")
        sheet = xlrd.open_workbook(path).sheet_by_index(0)
        if sheet.nrows * sheet.ncols > GREATEST_CELLS:
            raise ValueError(f"{sheet.nrows} rows of {sheet.ncols} cells")
        header, *rows = (sheet.row_values(row) for row in range(sheet.nrows))
    except files.InputError:
        raise
    except (xlrd.XLRDError, xlrd.compdoc.CompDocError, struct.error, ArithmeticError,
            AssertionError, LookupError, OSError, TypeError, ValueError) as error:
        raise files.InputError(
            f"{path} cannot be read as an Excel table ({error}); restore it."
        ) from error
    return [dict(zip(header, row, strict=True)) for row in rows]


def _text(value):
    """A cell as text; whole numbers, which Excel holds as floats, without `.0`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value if value is not None else "").strip()


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image on disk; `side` and `view` are empty if its name does not tell."""

    path: pathlib.Path
    image: str
    patient: str
    side: str
    view: str


def find_images(folder: str | pathlib.Path) -> tuple[list[ImageFile], bool]:
    """Finds the images below a folder and whose they are.

    Returns:
        list of `ImageFile`, sorted by number, and whether the patients are known by
        the hash in the names; otherwise they are guessed from runs of numbers.
    """
    matches = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        match = FILE_NAME.fullmatch(path.stem)
        if match and path.suffix.lower() in SUFFIXES:
            matches.setdefault(match["image"], (path, match))
    known = all(match["patient"] for _, match in matches.values())
    groups = _runs(sorted(matches, key=int))
    images = []
    for image in sorted(matches, key=int):
        path, match = matches[image]
        view = (match["view"] or "").upper()
        images.append(ImageFile(
            path, image, match["patient"].lower() if known else groups[image],
            SIDES.get((match["side"] or "").upper(), ""),
            "MLO" if view == "ML" else view))
    return images, known


def _runs(numbers):
    """Group names by runs of numbers without a great gap."""
    groups, last, name = {}, None, ""
    for number in numbers:
        if last is None or int(number) - last > GREATEST_GAP:
            name = f"group{number}"
        groups[number], last = name, int(number)
    return groups


def find_outlines(folder: str | pathlib.Path) -> dict[str, pathlib.Path]:
    """The files of outlines below a folder, by the number of their image."""
    return {path.stem: path for path in sorted(pathlib.Path(folder).rglob("*.xml"))
            if path.is_file()}


def read_outlines(
        path: str | pathlib.Path,
        shape: Sequence[int]) -> tuple[list[dict], list[str]]:
    """Reads the outlines of one image (an OsiriX export: an Apple property list).

    Args:
        path: the XML file.
        shape: (rows, columns) of the image.

    Returns:
        list of dicts: `name` as written, `kind` (a value of `REGIONS`, or `other`),
        `points` (list of [x, y] in pixels of the image, y down), `dot` (one or two
        points: a place and not a polygon); and a list of sentences on what was odd.

    Raises:
        ValueError: the file is no such list.
    """
    images = _read_plist(path).get("Images")
    if not isinstance(images, list):
        raise ValueError("holds no list of images")
    regions, notes = [], []
    for image in images:
        listed = image.get("ROIs") or []
        if image.get("NumberOfROIs", len(listed)) != len(listed):
            notes.append(f"{image['NumberOfROIs']} outlines announced, "
                         f"{len(listed)} found")
        for region in listed:
            regions += _region(region, shape, notes)
    return regions, notes


def _read_plist(path):
    """The root of a property list; entities are refused by the reader."""
    if pathlib.Path(path).stat().st_size > GREATEST_XML:
        raise ValueError(f"is larger than {GREATEST_XML} bytes")
    try:
        with open(path, "rb") as stream:
            root = plistlib.load(stream, fmt=plistlib.FMT_XML)
    # The reader raises whatever a malformed list makes it stumble upon.
    except Exception as error:
        raise ValueError(f"is no property list: {error}") from error
    if not isinstance(root, dict):
        raise ValueError("holds no dictionary")
    return root


NUMBER = r"\s*(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*"
POINT = re.compile(rf"[({{]{NUMBER},{NUMBER}[)}}]")


def _region(region, shape, notes):
    """One outline as a list of one dict; none if it has no points."""
    name = str(region.get("Name") or "").strip()
    texts = region.get("Point_px") or region.get("ROIPoints") or []
    points = [[float(number) for number in match.groups()]
              for match in map(POINT.fullmatch, map(str.strip, map(str, texts)))
              if match]
    if len(points) != region.get("NumberOfPoints", len(points)):
        notes.append(f"outline {name!r}: {region.get('NumberOfPoints')} points "
                     f"announced, {len(points)} found")
    if not points:
        return []
    inside = [[min(max(x, 0.0), shape[1] - 1.0), min(max(y, 0.0), shape[0] - 1.0)]
              for x, y in points]
    if inside != points:
        notes.append(f"outline {name!r}: points outside the image moved to its edge")
    return [dict(name=name, kind=REGIONS.get(name.lower(), "other"), points=inside,
                 dot=len(points) < 3)]


def census(table: Mapping[str, Row]) -> dict:
    """Counts of the BI-RADS categories, of side and of view, as dicts."""
    return {
        "images": len(table),
        "positive (BI-RADS 4 to 6)": sum(row.malignant == 1 for row in table.values()),
        "negative (BI-RADS 1 and 2)": sum(row.malignant == 0 for row in table.values()),
        "left out (BI-RADS 3)": sum(row.birads[:1] == "3" for row in table.values()),
        "by BI-RADS": dict(sorted(collections.Counter(
            row.birads or "none" for row in table.values()).items())),
        "by view": dict(sorted(collections.Counter(
            row.view for row in table.values()).items())),
    }


# Of the release (Moreira et al., Acad Radiol 19:236, 2012) as counted in its table.
WHOLE_SET = {
    "images": 410, "positive (BI-RADS 4 to 6)": 100, "negative (BI-RADS 1 and 2)": 287,
    "left out (BI-RADS 3)": 23,
}
