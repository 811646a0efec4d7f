"""The public sets as rows: where they are, what their labels are worth, how they are
read, what is left out, and what is known of their size."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from end2end.importing import converting, records
from end2end.importing.sets import (
    cbis_ddsm,
    cbis_tables,
    cmmd,
    inbreast,
    inbreast_tables,
    mini_mias,
    rsna,
    vindr,
)

Read = Callable[[pathlib.Path, records.Settings], Iterator[records.Picture]]
Census = Callable[[pathlib.Path, records.Settings], dict[str, Any]]
PHANTOMS_ONLY = "no: on synthetic files in its layout only"


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """One public set.

    Attributes:
        title: its name.
        ask: where to ask for it.
        licence: of the images.
        label: what the label is, and what it is worth.
        split: the set's own split, or that there is none.
        left_out: what is left out, and why.
        real: whether it was run on the real files.
        totals: published counts, by the names of `census`.
        source: of the totals.
        assumptions: what is checked on the way, by name.
        read: yields its pictures.
        census: counts what its tables hold.
        convert: the job that converts one picture.
    """

    title: str
    ask: str
    licence: str
    label: str
    split: str
    left_out: str
    real: str
    totals: Mapping[str, int]
    source: str
    assumptions: Mapping[str, str]
    read: Read
    census: Census
    convert: Callable[[dict[str, Any]], dict[str, Any]] = converting.convert_picture


OTHER_VIEWS = "views other than CC and MLO (--all-views keeps them)"
BIRADS_3 = "BI-RADS 3 (--birads-3 negative keeps it)"
SETS = {
    "cbis-ddsm": ImageSet(
        "CBIS-DDSM", "The Cancer Imaging Archive, doi:10.7937/K9/TCIA.2016.7O02S9CY",
        "CC BY 3.0", "pathology of each lesion, by biopsy or follow-up; a film is "
        "malignant if any of its lesions is", "the published lists, without the "
        "training films of the women who are in a test list too",
        "training films of women who are in both lists",
        "its tables and eight of its films; not the whole set",
        cbis_tables.WHOLE_SET, "Lee et al., Sci Data 4:170177, 2017; counted in the "
        "four tables", {}, cbis_ddsm.read, cbis_ddsm.census, cbis_ddsm.convert),
    "inbreast": ImageSet(
        "INbreast", "its authors (Moreira et al., Acad Radiol 19:236, 2012)",
        "on request, research only", "BI-RADS of each image by one radiologist, no "
        "biopsy: 4 to 6 are malignant, 1 and 2 are not", "none",
        BIRADS_3, "no: its table alone was counted", inbreast_tables.WHOLE_SET,
        "Moreira et al. 2012; counted in its table", {
            "hash-in-names": "names of files hold the hash of the woman"},
        inbreast.read, inbreast.census, inbreast.convert),
    "vindr": ImageSet(
        "VinDr-Mammo", "PhysioNet (credentialed), doi:10.13026/br2v-7517",
        "PhysioNet Credentialed Health Data License 1.5.0", "BI-RADS of each breast by "
        "radiologists, no biopsy: 4 and 5 are malignant, 1 and 2 are not",
        "training and test exams; a share of the training exams is for validation",
        BIRADS_3, PHANTOMS_ONLY,
        {"exams": 5000, "images": 20000, "training exams": 4000, "test exams": 1000},
        "Nguyen et al., Sci Data 10:277, 2023, from memory", {
            "columns": "the tables have the known columns",
            "birads-of-breast": "all images of a breast have one BI-RADS",
            "four-views": "an exam is CC and MLO of both breasts",
            "split-words": "the split is training or test",
            "boxes": "corners of boxes are numbers",
            "lists-of-findings": "findings are lists such as ['Mass']",
            "findings-of-images": "findings are of images of the set",
            "size-in-table": "a file has the size that the table says"},
        vindr.read, vindr.census, vindr.convert),
    "rsna": ImageSet(
        "RSNA Screening Mammography 2022",
        "Kaggle, rsna-breast-cancer-detection", "rules of the competition, "
        "non-commercial", "cancer of each breast, by pathology; negative by follow-up",
        "none: the test images of the competition have no labels", OTHER_VIEWS,
        PHANTOMS_ONLY,
        {"images": 54706, "women": 11913, "malignant images": 1158},
        "train.csv of the competition, from memory", {
            "columns": "train.csv has the known columns",
            "image-once": "no image is in two rows",
            "cancer-0-or-1": "cancer is 0 or 1",
            "sides": "the side is L or R",
            "cancer-of-breast": "all images of a breast have one label"},
        rsna.read, rsna.census),
    "cmmd": ImageSet(
        "CMMD", "The Cancer Imaging Archive, doi:10.7937/tcia.eqde-4b16", "CC BY 4.0",
        "biopsy of each breast in the table", "none",
        "images of the other breast, of which the table has no row",
        "its label table and the listing of its files; no picture of it",
        {"women": 1775, "breasts": 1872, "benign breasts": 556,
         "malignant breasts": 1316, "women with a subtype": 749, "image files": 5202},
        "Cui et al., The Cancer Imaging Archive, 2021 (women, subtypes); counted in "
        "its table and listing (the others)", {
            "columns": "the table has the known columns",
            "ids-and-sides": "women are D1-0001 or D2-0001, sides L or R",
            "benign-or-malignant": "the class is Benign or Malignant",
            "row-per-breast": "a breast has one row"},
        cmmd.read, cmmd.census),
    "mini-mias": ImageSet(
        "mini-MIAS", "the Mammographic Image Analysis Society (Suckling et al. 1994)",
        "its own agreement, non-commercial research",
        "severity of each lesion; an image is malignant if any of its lesions is",
        "none", "nothing", PHANTOMS_ONLY, {"images": 322, "women": 161},
        "Info.txt of the set, from memory", {
            "lines": "lines of Info.txt are such as 'mdb005 F CIRC B 477 133 30'",
            "severity": "a lesion has a severity, a normal image none",
            "tissue-of-image": "an image has one tissue",
            "size-1024": "pictures have 1024 x 1024 pixels, and y of a circle counts "
                         "from the bottom"},
        mini_mias.read, mini_mias.census, mini_mias.convert),
}


def compared(counts: Mapping[str, Any], row: ImageSet) -> Iterator[str]:
    """Yields the counts of a set beside the published ones, a line each.

    A part of a set, of less than half the images or women, is not compared.
    """
    whole = is_whole(counts, row)
    if not whole:
        yield f"this is a part of {row.title}, or another set: it is not compared"
    for name, count in counts.items():
        known = row.totals.get(name)
        verdict = ""
        if whole and known is not None:
            verdict = ("  as published" if known == count
                       else f"  DIFFERS from the known {known}")
        yield f"  {count!s:>7} {name}{verdict}"


def is_whole(counts: Mapping[str, Any], row: ImageSet) -> bool:
    """Whether counts are of the whole set and not of a part."""
    return all(counts[name] * 2 > known for name, known in row.totals.items()
               if name in counts)


def differing(counts: Mapping[str, Any], row: ImageSet) -> dict[str, list]:
    """Counts of a whole set that are not the published ones: count and known count."""
    if not is_whole(counts, row):
        return {}
    return {name: [counts[name], known] for name, known in row.totals.items()
            if name in counts and counts[name] != known}
