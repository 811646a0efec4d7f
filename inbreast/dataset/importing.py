"""The import of INbreast step by step: table, scale, conversion, split, outlines."""

import argparse
import collections
import json
import pathlib
from collections.abc import Mapping, Sequence

from end2end.data import conversion, splits
from end2end.importing.sets import inbreast_tables as tables
from end2end.utils import commands, files, programs

LOG_COLUMNS = ("image", "patient", "file", "reason")
IMAGE_COLUMNS = ("path", "label", "patient", "laterality", "view", "split", "birads",
                 "acr")


def run(arguments: argparse.Namespace) -> None:
    """Runs the import (see `inbreast.prepare`) and prints its report.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    table, images, hashed = find(arguments.root)
    split = arguments.split_file and splits.read_split(arguments.split_file)
    chosen, left_out = choose(table, images)
    out = files.writable_folder(arguments.out)
    print_census(table)
    if not hashed:
        commands.say(
            "  some file names lack the patient's hash: women are guessed from runs "
            "of image numbers")
    bits, largest = find_bits(chosen, out, arguments)
    factor = 65535 / (2**bits - 1)
    commands.say(f"largest value {largest}: {bits} bits, so values are multiplied by "
                 f"{factor:.6f}")
    commands.say("converting to {}x{} (bicubic) in ".format(*arguments.size) + str(out))
    records = convert(chosen, factor, out, arguments)
    usable = [image for image in chosen if records[image.image]["failed"] is None]
    rows = split_rows(usable, table, split, arguments)
    left_out += unused(chosen, records, rows)
    files.write_csv(out / "left_out.csv", LOG_COLUMNS, left_out)
    if not rows:
        raise files.InputError(
            f"no image is left to split; see {out / 'left_out.csv'}.")
    notes = [entry(image, note) for image in usable
             for note in records[image.image]["notes"]]
    notes += write_outlines(arguments.root, usable, records, out, arguments.size)
    files.write_csv(out / "notes.csv", LOG_COLUMNS, notes)
    report(rows, records, out, dict(
        table=tables.census(table), bits=bits, largest_value=largest, factor=factor,
        size=list(arguments.size), seed=arguments.seed,
        patients_by_hash=hashed), left_out)


def find(root: str | pathlib.Path) -> tuple[
        dict[str, tables.Row], list[tables.ImageFile], bool]:
    """The table, the images, and whether the patients are known by their hash.

    Raises:
        files.InputError: no table, or none of its images.
    """
    table = tables.read_table(root)
    images, hashed = tables.find_images(root)
    if not any(image.image in table for image in images):
        raise files.InputError(
            f"no image of the table is in {root}; expected files such as "
            "AllDICOMs/20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm.")
    return table, images, hashed


def unused(
        images: Sequence[tables.ImageFile], records: Mapping[str, dict],
        rows: Sequence[dict]) -> list[dict]:
    """Rows of the log for images that failed or that the split file omits."""
    named = {row["image"] for row in rows}
    return [entry(image, records[image.image]["failed"] or "not in the split file")
            for image in images if image.image not in named]


def print_census(table: Mapping[str, tables.Row]) -> None:
    """Prints the counts of the table, beside the known ones if it is the whole."""
    counts = tables.census(table)
    whole = counts["images"] > 350
    commands.say(
        "the table holds" + ("" if whole else " (part of INbreast, or another set)"))
    for name, number in counts.items():
        known = tables.WHOLE_SET.get(name, number)
        verdict = "as published" if number == known else f"DIFFERS from {known}"
        verdict = f"  {verdict}" if whole and name in tables.WHOLE_SET else ""
        commands.say(f"  {name}: {number}{verdict}")


def entry(image: tables.ImageFile, reason: str) -> dict:
    """A row of the logs."""
    return dict(image=image.image, patient=image.patient, file=image.path,
                reason=reason)


def choose(
        table: Mapping[str, tables.Row], images: Sequence[tables.ImageFile],
) -> tuple[list[tables.ImageFile], list[dict]]:
    """The images with a label, and the rows of the log for the others."""
    chosen, left_out = [], []
    for image in images:
        row = table.get(image.image)
        if row is None:
            left_out.append(entry(image, "not in the table"))
        elif row.malignant is None:
            left_out.append(entry(
                image, f"BI-RADS {row.birads or 'empty'}: neither negative nor "
                "positive"))
        else:
            chosen.append(image)
    if not chosen:
        raise files.InputError(
            "no image is of BI-RADS 1, 2, 4, 5 or 6; check the column Bi-Rads.")
    numbers = {image.image for image in images}
    left_out += [dict(image=image, patient="", file="", reason="no image file")
                 for image in table if image not in numbers]
    return chosen, left_out


def find_bits(
        images: Sequence[tables.ImageFile], out: pathlib.Path,
        arguments: argparse.Namespace) -> tuple[int, int]:
    """Bits that hold the largest value of the set: 12 for INbreast, although its files
    say 16.

    Returns:
        the bits (those of `--bits` if given) and the largest value.
    """
    jobs = [dict(key=image.image, sources=[str(image.path)], settings=["largest"])
            for image in images]
    records = conversion.run_jobs(
        jobs, largest_value, ledger=conversion.Ledger(out / "ranges.jsonl"),
        workers=arguments.workers)
    largest = max((record["largest"] for record in records if not record["failed"]),
                  default=0)
    if not largest:
        raise files.InputError(
            f"not one image could be read: {images[0].path} {records[0]['failed']}.")
    return arguments.bits or max(8, int(largest).bit_length()), largest


def largest_value(job: dict) -> dict:
    """The largest value of one image, as a job of `conversion.run_jobs`."""
    pixels, _ = conversion.read_mammogram(job["sources"][0])
    return dict(outputs=[], complete=True, largest=int(pixels.max()))


def convert(
        images: Sequence[tables.ImageFile], factor: float, out: pathlib.Path,
        arguments: argparse.Namespace) -> dict[str, dict]:
    """Records of the conversion by image number."""
    jobs = [dict(key=image.image, sources=[str(image.path)], out=str(out),
                 target=f"full/{name_of(image)}.png",
                 settings=[list(arguments.size), factor]) for image in images]
    records = conversion.run_jobs(
        jobs, convert_image, ledger=conversion.Ledger(out / "converted.jsonl"),
        workers=arguments.workers)
    return {record["key"]: record for record in records}


def name_of(image: tables.ImageFile) -> str:
    """File name of the result: patient, side, view and number, so that no two agree."""
    return "_".join(filter(None, (image.patient, image.side, image.view, image.image)))


def convert_image(job: dict) -> dict:
    """Converts one image, as a job of `conversion.run_jobs`: adds `mean` (0-255),
    `shape` (of the file) and `notes`."""
    size, factor = job["settings"]
    pixels, mammogram = conversion.read_mammogram(job["sources"][0])
    if not pixels.any():
        raise conversion.Unreadable("the picture is black")
    notes = list(mammogram.notes) if mammogram else []
    beyond = float((pixels > 65535 / factor).mean())
    if beyond:
        notes.append(f"{100 * beyond:.3g} % of the pixels are beyond the chosen bits "
                     "and became white")
    small = conversion.resized(conversion.to_16_bit(pixels, factor), size)
    conversion.write_png(pathlib.Path(job["out"]) / job["target"], small)
    return dict(outputs=[job["target"]], complete=True, notes=notes,
                mean=float(small.mean()) * 255 / 65535, shape=list(pixels.shape))


def split_rows(
        images: Sequence[tables.ImageFile], table: Mapping[str, tables.Row],
        split: dict | None, arguments: argparse.Namespace) -> list[dict]:
    """Rows of images.csv and of the split; without the images the split file omits."""
    labels = collections.defaultdict(int)
    for image in images:
        malignant = table[image.image].malignant
        labels[image.patient] = max(labels[image.patient], malignant)
    if not split:
        drawn = splits.split_patients(
            labels, test_share=arguments.test_share,
            validation_share=arguments.val_share, seed=arguments.seed)
        split = {(patient,): part for part in splits.PARTS for patient in drawn[part]}
    rows = []
    for image in images:
        row = table[image.image]
        side, view = image.side or row.side, image.view or row.view
        part = splits.part_of(split, image.patient, side, view)
        if part:
            rows.append(dict(
                image=image.image, name=name_of(image), patient_id=image.patient,
                patient=image.patient, side=side, laterality=side, view=view,
                malignant=row.malignant, label=row.malignant, birads=row.birads,
                acr=row.acr, split=part))
    return rows


def write_outlines(
        root: str | pathlib.Path, images: Sequence[tables.ImageFile],
        records: Mapping[str, dict], out: pathlib.Path,
        size: Sequence[int]) -> list[dict]:
    """Writes outlines.json: per result name the regions, in pixels of the result.

    Returns:
        rows for the log of what was odd.
    """
    by_image, outlines, notes = tables.find_outlines(root), {}, []
    for image in images:
        path, shape = by_image.get(image.image), records[image.image]["shape"]
        if path is None:                             # no XML: no annotated finding
            continue
        try:
            regions, odd = tables.read_outlines(path, shape)
        except (ValueError, AttributeError, TypeError) as error:
            notes.append(entry(image, f"outlines left out: {path.name} {error}"))
            continue
        notes += [entry(image, f"{path.name}: {remark}") for remark in odd]
        scale = size[1] / shape[1], size[0] / shape[0]
        outlines[name_of(image)] = [
            dict(region, points=[[round(x * scale[0], 2), round(y * scale[1], 2)]
                                 for x, y in region["points"]]) for region in regions]
    files.write_text(out / "outlines.json", json.dumps(
        dict(size=list(size), images=outlines)) + "\n")
    return notes


def report(
        rows: list[dict], records: Mapping[str, dict], out: pathlib.Path, facts: dict,
        left_out: Sequence[dict]) -> None:
    """Writes the tables and class folders, and prints the counts and what is next."""
    for row in rows:
        row["path"] = out / "full" / f"{row['name']}.png"
    splits.write_split(out / "splits", rows)
    splits.link_classes(out / "images", rows)
    files.write_csv(out / "images.csv", IMAGE_COLUMNS, [
        dict(row, path=f"full/{row['name']}.png") for row in rows])
    means = [records[row["image"]]["mean"] for row in rows if row["split"] == "train"]
    mean = round(sum(means) / len(means), 2) if means else None
    counts = splits.count(rows)
    files.write_json(out / "census.json", dict(facts, parts=counts, pixel_mean=mean))
    for part, numbers in counts.items():
        women = commands.counted(numbers["women"], "woman", "women")
        images = commands.counted(numbers["images"], "mammogram")
        commands.say(
            f"  {part + ':':6} {women}, {images}, {numbers['positive']} positive")
    reasons = collections.Counter(row["reason"].split(":")[0] for row in left_out)
    commands.say("left out: " + (", ".join(f"{number} ({reason})" for reason, number
                                           in reasons.items()) or "nothing")
                 + f"; see {out / 'left_out.csv'}")
    sets = [out / "images" / part for part in ("train", "val", "test")]
    commands.say(
        f"mean grey value of the training images times 255/65535: {mean}\n"
        "to fine-tune a whole-image model, with its file in place of MODEL.h5:\n  "
        + programs.line("inbreast.finetune", *sets, "--resume-from", "MODEL.h5")
        + "\nnext: " + programs.line(
            "end2end.images", out / "images", "--img-size", *facts["size"]))
