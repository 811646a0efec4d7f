"""Converts one picture with its regions: the job that runs in parallel processes.

Files become 16-bit PNG of one size, their values spread over the range of the bits that
the file declares, or, where it declares none, over those that its values need.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from end2end import dicom, images
from end2end.data import conversion
from end2end.importing import records, regions, vendors

Facts = dict[str, Any]


def convert_picture(job: Mapping[str, Any]) -> Facts:
    """Reads, checks and converts one picture, as a job of `conversion.run_jobs`.

    Args:
        job: made by `make_job`.

    Returns:
        dict of plain values, see `written`.

    Raises:
        conversion.Unreadable: the file is no basis for anything.
    """
    pixels, mammogram = conversion.read_mammogram(*job["sources"])
    return written(job, pixels, mammogram, marked(job))


def marked(job: Mapping[str, Any]) -> list[records.Region]:
    """The regions of a job."""
    return [records.Region(**region) for region in job["regions"]]


def make_job(row: Mapping[str, Any], settings: records.Settings,
             bits: int | None = None) -> dict[str, Any]:
    """The conversion of one picture as plain values.

    Args:
        row: of the `store.Store`, with `name`.
        settings: `size`, `out` and `check_only`.
        bits: at least these, of values whose file declares none.
    """
    regions_of = [dataclasses.asdict(region) for region in row["regions"]]
    # Only what was converted with other bits before is converted again.
    other_bits = bits if row["bits"] and row["bits"] < 0 and -row["bits"] != bits \
        else None
    return dict(
        key=row["key"], position=row["position"], name=row["name"], bits=bits,
        sources=row["further"].get("sources") or [row["source"]],
        out="" if settings.check_only else str(settings.out),
        regions=regions_of, further=row["further"], settings=[
            list(settings.size), other_bits, row["name"], regions_of, row["further"]])


def mask_name(name: str, number: int, kind: str) -> str:
    """File name by which the patch sampler looks for a mask (`roi_table.Convention`).
    """
    return f"{'Calc' if kind == 'calc' else 'Mass'}-Training_{name}_{number}.png"


def written(job: Mapping[str, Any], pixels: NDArray,
            mammogram: dicom.Mammogram | None,
            lesions: Sequence[records.Region]) -> Facts:
    """Writes a picture and its masks.

    Returns:
        dict with `outputs`, `complete`, `notes`, `mean` (grey value, 0-255), `bits`,
        `declared` (whether the file declares them), `height` and `width` of the file,
        `content` (hash of its grey values), `vendor`, and `masks`: for each region its
        number, file, place, kind, name and whether it is malignant.

    Raises:
        conversion.Unreadable: the picture is of one grey throughout.
    """
    if pixels.min() == pixels.max():
        raise conversion.Unreadable("the picture is of one grey throughout")
    declared = mammogram.bits if mammogram else None
    bits = images.depths.depth(pixels, declared)
    declares = pixels.dtype == np.uint8 or declared is not None
    notes = list(mammogram.notes) if mammogram else []
    facts = dict(
        outputs=[], complete=True, notes=notes, declared=bool(declares), masks=[],
        height=pixels.shape[0], width=pixels.shape[1], content=content(pixels),
        vendor=vendors.of_file(job["sources"][0]) if mammogram else "",
        bits=bits if declares else max(job["bits"] or bits, bits))
    size = job["settings"][0]
    factor = None if facts["bits"] == 16 else 65535 / (2**facts["bits"] - 1)
    small = conversion.resized(conversion.to_16_bit(pixels, factor), size)
    facts["mean"] = round(float(small.mean()) * 255 / 65535, 4)
    save(job, facts, f"full/{job['name']}.png", small)
    for number, mask in _masks(lesions, pixels.shape, size, notes):
        region = lesions[number - 1]
        name = mask_name(job["name"], number, region.kind)
        save(job, facts, f"mask/{name}", mask)
        facts["masks"].append([number, name, regions.as_text(region), region.kind,
                               region.name, region.malignant])
    return facts


def save(job: Mapping[str, Any], facts: Facts, name: str, pixels: NDArray) -> None:
    """Writes an output of a job, unless files are only checked."""
    if job["out"]:
        conversion.write_png(pathlib.Path(job["out"]) / name, pixels)
        facts["outputs"].append(name)


def _masks(lesions, shape, size, notes):
    """Yields number, from 1, and mask of each region that has a place."""
    for number, region in enumerate(lesions, 1):
        problem = regions.misplaced(region, shape)
        if problem:
            notes.append(f"region {number} ({region.name}) {problem}")
        if not problem or problem.endswith("cut there"):
            yield number, regions.drawn(region, shape, size)


def content(pixels: NDArray) -> str:
    """Hash of the grey values, the same whatever the kind of file.

    Args:
        pixels: uint8 or uint16 array.
    """
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels, "<u2").tobytes())
    return digest.hexdigest()[:32]
