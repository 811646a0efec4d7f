"""CBIS-DDSM: four tables of findings, films with masks, in three layouts."""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from end2end.data import conversion
from end2end.importing import converting, records
from end2end.importing.sets import cbis_downloads, cbis_tables
from end2end.utils import files


def read(root: pathlib.Path, settings: records.Settings) -> Iterator[records.Picture]:
    """Yields the films of the tables, each once.

    The set's own split is that of the published lists, without the training films of
    women who are in a test list too.

    Raises:
        files.InputError: a table is missing or wrong, or there is no film.
    """
    films = cbis_tables.merge(cbis_tables.read_tables(root))
    index = cbis_downloads.Index(root, skip=settings.out)
    if not any(index.find(image) for film in films for image in film.images):
        raise files.InputError(
            f"none of the {len(films)} mammograms of the tables is in {root}; expected "
            f"folders such as {films[0].images[0]}.")
    disjoint, _ = cbis_tables.split_official_disjoint(films, 0)
    for film in films:
        yield _picture(film, index, disjoint.get(film, ""), settings)


def _picture(film, index, part, settings):
    job = cbis_downloads.make_job(film, index, settings.out, settings.size)
    findings = [finding for _, finding in film.findings]
    kinds = sorted({finding.kind for finding in findings})
    return records.Picture(
        film.name, next((path for group in job["images"] for path in group),
                        film.images[0]),
        patient=film.patient_id, laterality=film.side, view=film.view,
        label=film.malignant, source_label="+".join(sorted(
            {finding.pathology for finding in findings})),
        lesion_type="+".join(kinds), split="train" if part == "val" else part,
        density=next(filter(None, (finding.density for finding in findings)), ""),
        regions=tuple(records.Region(
            "mask", (), finding.kind, finding.pathology, finding.malignant)
            for finding in findings),
        further=dict(key=film.name, images=job["images"], named=job["named"],
                     sources=job["sources"], masks=job["masks"]))


def convert(job: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a film and its masks, each known by its content (`cbis_downloads`)."""
    notes: dict[str, list] = dict(notes=[], left_out=[], outputs=[], masks=[])
    pixels, shapes = cbis_downloads.read_film(job["further"], notes)
    facts = converting.written(job, pixels, None, ())
    for number, (mask, region) in enumerate(zip(
            job["further"]["masks"], converting.marked(job), strict=True), 1):
        try:
            small = cbis_downloads.convert_mask(
                mask, shapes[mask["image"]] or pixels.shape, job["settings"][0], notes)
        except conversion.Unreadable as error:
            notes["notes"].append((number, "", f"mask left out: {error}"))
            continue
        name = converting.mask_name(job["name"], number, region.kind)
        converting.save(job, facts, f"mask/{name}", small)
        facts["masks"].append([number, name, "mask", region.kind, region.name,
                               region.malignant])
    facts["notes"] += [sentence for _, _, sentence in (*notes["notes"],
                                                       *notes["left_out"])]
    return facts


def census(root: pathlib.Path, settings: records.Settings) -> dict[str, int]:
    """Counts what the four tables hold."""
    return cbis_tables.census(cbis_tables.read_tables(root))
