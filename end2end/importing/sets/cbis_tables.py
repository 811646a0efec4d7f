"""The tables of CBIS-DDSM: findings, mammograms, census and the official lists.

The four case-description tables are read with all their quirks: newlines inside cells,
two spellings of the density column, CRLF, `N/A`, tables that hold both kinds.
"""

import collections
import csv
import dataclasses
import gzip
import io
import pathlib
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence

from end2end.data import splits
from end2end.utils import files

TABLES = tuple(f"{kind}_case_description_{which}_set"
               for kind in ("calc", "mass") for which in ("train", "test"))
NEEDED = {
    "patient_id": "patient_id", "side": "left_or_right_breast", "view": "image_view",
    "abnormality": "abnormality_id", "kind": "abnormality_type",
    "pathology": "pathology", "image": "image_file_path",
    "crop": "cropped_image_file_path", "mask": "roi_mask_file_path",
}
# The tables have 0.3 to 0.6 MB.
GREATEST_TABLE = 64 << 20
KINDS = {"mass": "mass", "calcification": "calc"}
DENSITIES = ("1", "2", "3", "4")
PATHOLOGIES = ("MALIGNANT", "BENIGN", "BENIGN_WITHOUT_CALLBACK")
# Known of the whole set (Lee et al., Sci Data 4:170177, 2017, and The Cancer Imaging
# Archive, which counts 6775 series and 10239 images).
WHOLE_SET = {
    "abnormalities": 3568, "mammogram files": 3103, "distinct mammograms": 3032,
    "women": 1566, "women in an official train and an official test list": 31,
    "series": 6775, "files": 10239, "crops stored apart": 104,
    "malignant abnormalities": 1457, "malignant mammogram files": 1375,
    "malignant distinct mammograms": 1347,
    "mammogram files with several abnormalities": 293,
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row of a case table.

    Attributes:
        patient_id: such as `P_00001`.
        side: `LEFT` or `RIGHT`.
        view: `CC` or `MLO`.
        abnormality: the number in the table.
        kind: `calc` or `mass`.
        pathology: one of `PATHOLOGIES`.
        which: the official list, `train` or `test`.
        image, crop, mask: paths as in the table, `subject/study/series/name`.
        density: BI-RADS density of the breast, "1" to "4"; "" where the table has none.
    """

    patient_id: str
    side: str
    view: str
    abnormality: int
    kind: str
    pathology: str
    which: str
    image: str
    crop: str
    mask: str
    density: str = dataclasses.field(default="", compare=False)

    @property
    def malignant(self) -> bool:
        return self.pathology == "MALIGNANT"

    @property
    def mammogram(self) -> tuple[str, str, str]:
        return self.patient_id, self.side, self.view


def read_tables(folder: str | pathlib.Path) -> list[Finding]:
    """Reads the four case tables.

    Args:
        folder: holds them, plain or gzipped, itself or up to two levels below.

    Returns:
        list of `Finding` in table order, calcifications first; a row that occurs twice
        is taken once.

    Raises:
        files.InputError: a table or column is missing, or a value cannot be.
    """
    folder = files.existing_folder(folder, "download folder")
    findings = []
    for name in TABLES:
        path = _find_table(folder, name)
        which = "train" if "train" in name else "test"
        findings += [_finding(row, path, number, which)
                     for number, row in enumerate(_rows(path), 1)]
    findings.sort(key=lambda finding: finding.kind)
    return list(dict.fromkeys(findings))


def _find_table(folder, name):
    for pattern in ("", "*/", "*/*/"):
        paths = [path for path in folder.glob(f"{pattern}{name}*.csv*")
                 if re.search(r"\.csv(\.gz)?$", path.name)]
        if paths:
            return min(paths)
    raise files.InputError(
        f"{name}.csv is not in {folder}; expected the four case-description tables "
        "beside the images. Download them from the collection's page (CBIS-DDSM at "
        "The Cancer Imaging Archive) into that folder.")


def _rows(path):
    """Rows of a table with columns and values in one spelling."""
    files.existing_file(path, "table")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as stream:
            content = stream.read(GREATEST_TABLE + 1)
        if len(content) > GREATEST_TABLE:
            raise files.InputError(
                f"{path} is larger than {GREATEST_TABLE >> 20} MB, a hundred times the "
                "size of such a table; download it again.")
        text = content.decode("utf-8-sig")
        rows = files.csv_rows(io.StringIO(text, newline=""), len(text))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise files.InputError(
            f"{path} is no CSV table in UTF-8 ({error}); download it again."
        ) from error
    cleaned = [{_spelling(name): (value or "").strip() for name, value in row.items()
                if name is not None} for row in rows]
    columns = set().union(*cleaned)
    missing = sorted(set(NEEDED.values()) - columns) if cleaned else []
    if missing:
        raise files.InputError(
            f"{path} has no column {missing[0]!r} (underscores or spaces); found "
            f"{', '.join(sorted(columns))}. Download the table again.")
    return cleaned


def _spelling(column):
    return re.sub(r"[\s_]+", "_", column.strip().lower())


CHECKS = {
    "patient_id": (re.compile(r"(?=.{1,64}$)[A-Za-z0-9]+(_[A-Za-z0-9]+)*"),
                   "such as P_00001"),
    "side": (re.compile("LEFT|RIGHT"), "LEFT or RIGHT"),
    "view": (re.compile("CC|MLO"), "CC or MLO"),
    "abnormality": (re.compile(r"\d{1,4}"), "a number"),
    "kind": (re.compile("|".join(KINDS)), " or ".join(KINDS)),
    "pathology": (re.compile("|".join(PATHOLOGIES)), ", ".join(PATHOLOGIES)),
    "image": (re.compile(r"[^/]+(/[^/]+){3}"), "subject/study/series/file"),
    "crop": (re.compile(r"([^/]+(/[^/]+){3})?"), "subject/study/series/file"),
    "mask": (re.compile(r"([^/]+(/[^/]+){3})?"), "subject/study/series/file"),
}


def _finding(row, path, number, which):
    values = {name: row[column] for name, column in NEEDED.items()}
    for name, (pattern, expected) in CHECKS.items():
        if not pattern.fullmatch(values[name]):
            raise files.InputError(
                f"{path}, record {number}: {NEEDED[name]} is {values[name]!r}; "
                f"expected {expected}. Download the table again.")
    values.update(abnormality=int(values["abnormality"]), kind=KINDS[values["kind"]])
    density = row.get("breast_density", "")
    return Finding(which=which, density=density if density in DENSITIES else "",
                   **values)


@dataclasses.dataclass(frozen=True)
class Mammogram:
    """One film: patient, side and view, with its findings of both tables.

    Attributes:
        patient_id, side, view: which.
        images: paths in the tables; two where the film is stored twice.
        findings: `(number, Finding)`; the numbers are unique within the film.
    """

    patient_id: str
    side: str
    view: str
    images: tuple
    findings: tuple

    @property
    def name(self) -> str:
        return f"{self.patient_id}_{self.side}_{self.view}"

    @property
    def malignant(self) -> int:
        return int(any(finding.malignant for _, finding in self.findings))

    @property
    def lists(self) -> set[str]:
        return {finding.which for _, finding in self.findings}


def merge(findings: Iterable[Finding]) -> list[Mammogram]:
    """Joins the findings of each film, which is stored twice if it has both kinds.

    Returns:
        list of `Mammogram`, sorted. Calcifications keep their numbers; the number of a
        mass that is taken already becomes the next free one.
    """
    films = collections.defaultdict(list)
    for finding in findings:
        films[finding.mammogram].append(finding)
    merged = []
    for (patient_id, side, view), rows in sorted(films.items()):
        numbers = []
        for finding in rows:
            number = finding.abnormality
            numbers.append(max(numbers) + 1 if number in numbers else number)
        merged.append(Mammogram(
            patient_id, side, view, tuple(dict.fromkeys(row.image for row in rows)),
            tuple(zip(numbers, rows, strict=True))))
    return merged


def series_of(path: str) -> str:
    """Series folder of a path in the tables."""
    return path.rpartition("/")[0]


def census(findings: Sequence[Finding]) -> dict[str, int]:
    """Counts what the tables hold.

    Returns:
        dict with the keys of `WHOLE_SET`.
    """
    by_file = collections.defaultdict(list)
    for finding in findings:
        by_file[finding.image].append(finding)
    apart = sum(series_of(finding.crop) != series_of(finding.mask)
                for finding in findings)
    films = merge(findings)
    overlapping = overlap(findings)
    return {
        "abnormalities": len(findings),
        "mammogram files": len(by_file),
        "distinct mammograms": len(films),
        "women": len({finding.patient_id for finding in findings}),
        "women in an official train and an official test list": len(overlapping),
        "series": len(by_file) + len(findings) + apart,
        "files": len(by_file) + 2 * len(findings),
        "crops stored apart": apart,
        "malignant abnormalities": sum(finding.malignant for finding in findings),
        "malignant mammogram files": sum(
            any(finding.malignant for finding in rows) for rows in by_file.values()),
        "malignant distinct mammograms": sum(film.malignant for film in films),
        "mammogram files with several abnormalities": sum(
            len(rows) > 1 for rows in by_file.values()),
    }


def census_by_table(findings: Sequence[Finding]) -> dict[str, dict[str, int]]:
    """Counts per kind and official list: rows, files, women, malignant files."""
    table = {}
    for kind in ("mass", "calc"):
        for which in ("train", "test"):
            rows = [finding for finding in findings
                    if (finding.kind, finding.which) == (kind, which)]
            table[f"{kind} {which}"] = {
                "abnormalities": len(rows),
                "mammogram files": len({finding.image for finding in rows}),
                "women": len({finding.patient_id for finding in rows}),
                "malignant mammogram files": len(
                    {finding.image for finding in rows if finding.malignant}),
            }
    return table


def is_whole_set(counts: Mapping[str, int]) -> bool:
    """Whether a census is of the whole collection and not of a part."""
    return counts["abnormalities"] > 3000


def overlap(findings: Iterable[Finding]) -> list[str]:
    """Women in an official train list and in an official test list."""
    lists = collections.defaultdict(set)
    for finding in findings:
        lists[finding.patient_id].add(finding.which)
    return sorted(patient for patient, which in lists.items() if len(which) > 1)


def split_paper(mammograms: Sequence[Mammogram], seed: int) -> tuple[dict, list[str]]:
    """85:15, then 90:10, by patient, stratified by cancer (Shen et al. 2019)."""
    labels = {}
    for film in mammograms:
        labels[film.patient_id] = max(film.malignant, labels.get(film.patient_id, 0))
    drawn = splits.split_patients(labels, seed=seed)
    part_of = {patient: part for part in splits.PARTS for patient in drawn[part]}
    return {film: part_of[film.patient_id] for film in mammograms}, drawn["pat_train"]


def split_official(
        mammograms: Sequence[Mammogram], seed: int) -> tuple[dict, list[str]]:
    """The published lists, by film; a film in both lists is for testing. 90:10 of the
    training women are for validation."""
    return _by_list({film: film.lists == {"train"} for film in mammograms})


def split_official_disjoint(
        mammograms: Sequence[Mammogram], seed: int) -> tuple[dict, list[str]]:
    """The published lists without the films in training of women who are in both."""
    tested = {film.patient_id for film in mammograms if "test" in film.lists}
    return _by_list({film: film.lists == {"train"} for film in mammograms
                     if "test" in film.lists or film.patient_id not in tested})


def _by_list(training):
    labels = {}
    for film, train in training.items():
        if train:
            labels[film.patient_id] = max(
                film.malignant, labels.get(film.patient_id, 0))
    ids = sorted(labels)
    _, val = splits.stratified_split(ids, [labels[patient] for patient in ids], 0.1)
    parts = {film: ("val" if film.patient_id in set(val) else "train") if train
             else "test" for film, train in training.items()}
    return parts, ids


SPLITS = {
    "paper": split_paper,
    "official": split_official,
    "official-disjoint": split_official_disjoint,
}


def split_from_file(
        mammograms: Sequence[Mammogram],
        path: str | pathlib.Path) -> tuple[dict, list[str]]:
    """The split of a file; films that it does not name have no part.

    Returns:
        dict from film to part, and the ids of the women in train or val. The sampler
        draws its own validation part from these.
    """
    split = splits.read_split(path)
    parts = {}
    for film in mammograms:
        part = splits.part_of(split, film.patient_id, film.side, film.view)
        if part:
            parts[film] = part
    if not parts:
        raise files.InputError(
            f"split file {path} names none of the {len(mammograms)} mammograms; "
            f"expected ids such as {mammograms[0].patient_id}.")
    return parts, sorted({film.patient_id for film, part in parts.items()
                          if part != "test"})
