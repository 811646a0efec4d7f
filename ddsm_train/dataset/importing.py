"""The import of CBIS-DDSM step by step: tables, files, conversion, split, folders."""

import argparse
import collections
import pathlib
from collections.abc import Mapping, Sequence

from end2end import config
from end2end.data import conversion, splits
from end2end.data.patches import training_line
from end2end.importing.sets import cbis_downloads as downloads
from end2end.importing.sets import cbis_tables as cbis_ddsm
from end2end.utils import commands, files, programs

ROI_COLUMNS = ("patient_id", "side", "view", "abn_num", "pathology", "type",
               "full_path", "mask_path", "official_list", "table_abnormality",
               "density")
IMAGE_COLUMNS = ("path", "label", "patient", "laterality", "view", "split")
LOG_COLUMNS = ("patient_id", "side", "view", "abn_num", "what", "file", "reason")


def run(arguments: argparse.Namespace) -> None:
    """Runs the import (see `ddsm_train.prepare`) and prints its report.

    Args:
        arguments: `download`, `out`, `size`, `split`, `split_file`, `seed`, `workers`.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    findings = cbis_ddsm.read_tables(arguments.download)
    films = cbis_ddsm.merge(findings)
    choose = _chooser(arguments)
    if arguments.split_file:
        choose(films)                               # a wrong file stops us here
    index = downloads.Index(arguments.download, skip=arguments.out)
    if not any(index.find(image) for film in films for image in film.images):
        raise files.InputError(
            f"none of the {len(films)} mammograms of the tables is in "
            f"{arguments.download}; expected folders such as {films[0].images[0]}, or "
            "those of the descriptive layout or of the JPEG mirror.")
    out = files.writable_folder(arguments.out)
    print_census(findings)
    commands.say("converting to {}x{} (bicubic) in ".format(*arguments.size) + str(out))
    records = _convert(films, index, out, arguments)
    usable = [film for film in films if records[film.name]["failed"] is None]
    if not usable:
        write_logs(out, films, records)
        raise files.InputError(
            f"not one mammogram could be read; see {out / 'left_out.csv'}.")
    parts, trained = choose(usable)
    unsplit = [film for film in usable if film not in parts]
    left_out = write_logs(out, films, records, unsplit)
    summary = write_tables(out, parts, trained, records)
    files.write_json(out / "census.json", dict(
        tables=cbis_ddsm.census(findings),
        by_table=cbis_ddsm.census_by_table(findings),
        converted=len(usable), split=str(arguments.split_file or arguments.split),
        seed=arguments.seed, size=list(arguments.size), **summary))
    print_report(out, summary, left_out, arguments)


def _chooser(arguments):
    """The split as a function of the films."""
    if arguments.split_file:
        return lambda films: cbis_ddsm.split_from_file(films, arguments.split_file)
    split = cbis_ddsm.SPLITS[arguments.split]
    return lambda films: split(films, arguments.seed)


def _convert(films, index, out, arguments):
    """Records by film name."""
    for name in ("full", "mask"):
        (out / name).mkdir(exist_ok=True)
    jobs = [downloads.make_job(film, index, out, arguments.size) for film in films]
    ledger = conversion.Ledger(out / "converted.jsonl")
    records = conversion.run_jobs(
        jobs, downloads.convert_film, ledger=ledger, workers=arguments.workers,
        unit="mammogram")
    return {record["key"]: record for record in records}


def print_census(findings: Sequence[cbis_ddsm.Finding]) -> None:
    """Prints what the tables hold, beside the known totals if they are the whole."""
    counts = cbis_ddsm.census(findings)
    whole = cbis_ddsm.is_whole_set(counts)
    commands.say(
        "the tables hold" + ("" if whole else " (part of CBIS-DDSM, or another set)"))
    for name, count in counts.items():
        known = cbis_ddsm.WHOLE_SET[name]
        verdict = "" if not whole else (
            "  as published" if count == known else f"  DIFFERS from the known {known}")
        commands.say(f"  {count:6d} {name}{verdict}")
    for table, totals in cbis_ddsm.census_by_table(findings).items():
        commands.say(f"  {table + ':':12}" + ", ".join(
            f"{count} {name}" for name, count in totals.items()))


def write_logs(
        out: pathlib.Path, films: Sequence[cbis_ddsm.Mammogram],
        records: Mapping[str, dict],
        unsplit: Sequence[cbis_ddsm.Mammogram] = ()) -> list[dict]:
    """Writes left_out.csv and notes.csv; returns the rows of the first."""
    left_out, notes = [], []
    for film in films:
        record = records[film.name]
        if record["failed"]:
            left_out.append(_entry(film, None, film.images[0], record["failed"]))
            continue
        left_out += [_entry(film, *entry) for entry in record["left_out"]]
        notes += [_entry(film, *entry) for entry in record["notes"]]
        if len(film.images) > 1:
            notes.append(_entry(film, None, film.images[1], (
                "stored twice, as a mass and as a calcification case: taken once")))
        notes += [_entry(film, number, finding.mask, (
            f"abnormality {finding.abnormality} of the table has the number {number}"))
            for number, finding in film.findings if number != finding.abnormality]
    left_out += [_entry(film, None, film.images[0], "in no part of the split")
                 for film in unsplit]
    files.write_csv(out / "notes.csv", LOG_COLUMNS, notes)
    files.write_csv(out / "left_out.csv", LOG_COLUMNS, left_out)
    return left_out


def _entry(film, number, file, reason):
    return dict(patient_id=film.patient_id, side=film.side, view=film.view,
                abn_num="" if number is None else number,
                what="mammogram" if number is None else "mask",
                file=file, reason=reason)


def write_tables(
        out: pathlib.Path, parts: Mapping[cbis_ddsm.Mammogram, str],
        trained: Sequence[str], records: Mapping[str, dict]) -> dict:
    """Writes the tables, the split files and the class folders.

    Args:
        out: the output folder.
        parts: dict from film to part.
        trained: ids of the women in train or val, in the order for the sampler.
        records: of the conversion, by film name.

    Returns:
        dict with counts per part, the mean grey value and whether a woman is in two
        parts.
    """
    films = sorted(parts, key=lambda film: film.name)
    rows = roi_rows(films, records)
    files.write_csv(out / "roi_mask_path.csv", ROI_COLUMNS, rows)
    images = [dict(patient_id=film.patient_id, side=film.side, view=film.view,
                   malignant=film.malignant, split=parts[film], name=film.name,
                   path=out / "full" / f"{film.name}.png") for film in films]
    files.write_csv(out / "images.csv", IMAGE_COLUMNS, [
        dict(image, path=f"full/{image['name']}.png", label=image["malignant"],
             patient=image["patient_id"], laterality=image["side"])
        for image in images])
    splits.write_split(out / "splits", images)
    splits.link_classes(out / "images", images)
    files.write_text(
        out / "pat_train.txt", "".join(f"{patient}\n" for patient in trained))
    tested = {image["patient_id"] for image in images if image["split"] == "test"}
    shared = sorted(tested & set(trained))
    if shared:
        of_test = {image["name"] for image in images if image["split"] == "test"}
        for name, testing in (("train", False), ("test", True)):
            files.write_csv(out / f"roi_{name}.csv", ROI_COLUMNS, [
                row for row in rows if (_film_name(row) in of_test) == testing])
    means = [records[image["name"]]["mean"] for image in images
             if image["split"] == "train"]
    return dict(
        parts=splits.count(images), women_in_two_parts=shared,
        pixel_mean=round(sum(means) / len(means), 2) if means else None)


def roi_rows(
        films: Sequence[cbis_ddsm.Mammogram],
        records: Mapping[str, dict]) -> list[dict]:
    """Rows of roi_mask_path.csv: every finding of the films. `mask_path` is empty where
    no mask could be used: the finding still counts for the label."""
    rows = []
    for film in films:
        for number, finding in sorted(film.findings, key=lambda pair: pair[0]):
            mask = f"mask/{downloads.mask_name(film, number, finding)}"
            usable = number in records[film.name]["masks"]
            rows.append(dict(
                patient_id=film.patient_id, side=film.side, view=film.view,
                abn_num=number, pathology=finding.pathology, type=finding.kind,
                full_path=f"full/{film.name}.png", mask_path=mask if usable else "",
                official_list=finding.which, table_abnormality=finding.abnormality,
                density=finding.density))
    return rows


def _film_name(row):
    return f"{row['patient_id']}_{row['side']}_{row['view']}"


def print_report(
        out: pathlib.Path, summary: Mapping, left_out: Sequence[dict],
        arguments: argparse.Namespace) -> None:
    """Prints the counts, the mean grey value and the next commands."""
    for part, counts in summary["parts"].items():
        women = commands.counted(counts["women"], "woman", "women")
        images = commands.counted(counts["images"], "mammogram")
        commands.say(
            f"  {part + ':':6} {women}, {images}, {counts['positive']} with cancer")
    if summary["women_in_two_parts"]:
        commands.say(
            f"  {len(summary['women_in_two_parts'])} women are in training and in "
            "testing, as in the published lists; --split official-disjoint leaves "
            "them out of training")
    reasons = collections.Counter(entry["what"] for entry in left_out)
    counted = ", ".join(f"{count} {what}" + "s" * (count != 1)
                        for what, count in reasons.items())
    commands.say(
        f"left out: {counted or 'nothing'}; reasons in {out / 'left_out.csv'}, "
        f"adjustments in {out / 'notes.csv'}")
    commands.say("mean grey value of the training images times 255/65535: "
                 f"{summary['pixel_mean']}")
    commands.say("next:\n" + "\n".join(f"  {line}" for line in next_commands(
        out, summary, arguments)))


def next_commands(
        out: pathlib.Path, summary: Mapping,
        arguments: argparse.Namespace) -> list[str]:
    """Command lines of the S10 patch set and of the patch training (spec 5.8)."""
    height, width = arguments.size
    shared = bool(summary["women_in_two_parts"])
    table = out / ("roi_train.csv" if shared else "roi_mask_path.csv")
    lists, patches = out / "splits", out / "patches"
    sets = [patches / part for part in ("train", "val", "test")]
    options = config.SamplingOptions(patch_size=224 if height > 600 else 64)
    patients = lists / "train.txt" if arguments.split_file else out / "pat_train.txt"
    val = (("--val-patients", lists / "val.txt") if arguments.split_file
           else ("--val-size", 0.1))
    test_table = ("--test-table", out / "roi_test.csv") if shared else ()
    return [programs.line(
        "ddsm_train.sample_patches_combined", table, out / "mask", patients,
        out / "full", *sets[:2], "--test-patients", lists / "test.txt", "--test-out",
        sets[2], *test_table, *val, "--target-height", height, "--target-width", width,
        "--no-segment-breast", "--patch-size", options.patch_size, "--nb-bkg", 10,
        "--nb-abn", 10, "--nb-hns", 0, "--pos-cutoff", 0.9),
        training_line.line(
            sets, options, pixel_mean=summary["pixel_mean"])]
