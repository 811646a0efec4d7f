"""INbreast: BI-RADS by image, outlines as property lists, names that tell the woman."""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from end2end.data import conversion
from end2end.importing import converting, known_tables, records
from end2end.importing.sets import inbreast_tables

# As in CBIS-DDSM, distortions and asymmetries count among the masses.
KINDS = {"mass": "mass", "distortion": "mass", "asymmetry": "mass",
         "calcification": "calc"}
MUSCLE = "pectoral muscle"


def read(root: pathlib.Path, settings: records.Settings) -> Iterator[records.Picture]:
    """Yields the images of the release that are in its table.

    Raises:
        files.InputError: no table or no images, or an assumption that does not hold.
    """
    table = inbreast_tables.read_table(root)
    images, hashed = inbreast_tables.find_images(root)
    if not hashed:
        known_tables.refuse(
            "hash-in-names", "some names of files lack the hash of the woman, so that "
            "women would be guessed from runs of image numbers.", settings)
    outlines = inbreast_tables.find_outlines(root)
    for image in images:
        row = table.get(image.image)
        if row is None:
            yield records.Picture(image.image, str(image.path), patient=image.patient,
                                  left_out="not in the table")
            continue
        label = records.birads_label(row.birads, settings)
        outline = outlines.get(image.image)
        yield records.Picture(
            image.image, str(image.path), patient=image.patient,
            laterality=image.side or row.side, view=image.view or row.view, label=label,
            source_label=f"BI-RADS {row.birads}", density=row.acr,
            further=_outlined(image.path, outline, label),
            left_out="" if label is not None else (
                f"BI-RADS: {row.birads or 'empty'} is neither negative nor positive"))
    numbers = {image.image for image in images}
    for image in sorted(set(table) - numbers):
        yield records.Picture(image, image, left_out="no file")


def _outlined(path, outline, label):
    """What the conversion needs: the outlines, and the class of the image, which holds
    for all of them since nothing is said of single lesions."""
    if outline is None:
        return {}
    return {"outlines": str(outline), "sources": [str(path), str(outline)],
            "malignant": None if label is None else bool(label)}


def convert(job: Mapping[str, Any]) -> dict[str, Any]:
    """`converting.written` with the outlines of the image's property list."""
    pixels, mammogram = conversion.read_mammogram(job["sources"][0])
    path, notes, outlines = job["further"].get("outlines"), [], []
    if path:
        try:
            outlines, notes = inbreast_tables.read_outlines(path, pixels.shape)
        except (ValueError, AttributeError, TypeError) as error:
            notes = [f"outlines left out: {pathlib.Path(path).name} {error}"]
    # A place of one or two points is no outline, but no background either.
    lesions = [records.Region(
        "contour", tuple(map(tuple, outline["points"])),
        "other" if outline["dot"] else KINDS.get(outline["kind"], "other"),
        outline["name"] or "unnamed", job["further"]["malignant"])
        for outline in outlines if outline["kind"] != MUSCLE]
    facts = converting.written(job, pixels, mammogram, lesions)
    return facts | dict(notes=[*facts["notes"], *notes])


def census(root: pathlib.Path, settings: records.Settings) -> dict[str, Any]:
    """Counts what the table holds."""
    return inbreast_tables.census(inbreast_tables.read_table(root))
