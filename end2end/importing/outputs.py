"""What every import writes: manifest, class folders, regions, splits, counts."""

import collections
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from end2end.data import patches, splits
from end2end.importing import machine, records
from end2end.importing.store import Store
from end2end.utils import commands, files, programs

IMAGE_COLUMNS = (
    "path", "patient", "exam", "laterality", "view", "label", "split", "source_label",
    "lesion_type", "density", "age_band", "vendor", "site", "row", "mean", "content")
# The first columns are those of `ddsm_train.prepare`; `repeat` is the number in the
# name of the second picture of a view, and of later ones.
ROI_COLUMNS = (
    "patient_id", "side", "view", "repeat", "abn_num", "pathology", "type", "full_path",
    "mask_path", "finding", "region", "density", "split")
LOG_COLUMNS = ("row", "file", "patient", "laterality", "view", "reason")
PATHOLOGIES = {True: "MALIGNANT", False: "BENIGN", None: "UNKNOWN"}
IN_USE = machine.IN_USE
MARKED = f"{IN_USE} AND masks <> '[]'"


class _Rows:
    """Rows made anew each time that they are looked at."""

    def __init__(self, make: Callable[[], Iterator[dict[str, Any]]]) -> None:
        self.make = make

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.make()


def write(pictures: Store, settings: records.Settings, facts: Mapping[str, Any]
          ) -> dict[str, Any]:
    """Writes all tables and folders of an import.

    Args:
        pictures: with their parts.
        settings: `records.Settings`.
        facts: what else `census.json` should hold.

    Returns:
        the contents of `census.json`.
    """
    out = settings.out
    write_logs(pictures, out)
    files.write_csv(out / "images.csv", IMAGE_COLUMNS, _manifest(pictures))
    if pictures.count(MARKED):
        files.write_csv(out / "roi_mask_path.csv", ROI_COLUMNS, _regions(pictures))
    else:
        (out / "roi_mask_path.csv").unlink(missing_ok=True)
    rows = _Rows(lambda: _split_rows(pictures, out))
    splits.write_split(out / "splits", rows)
    splits.link_classes(out / "images", rows)
    women = pictures.query(f"SELECT DISTINCT safe FROM pictures WHERE {IN_USE} "
                           "AND part IN ('train', 'val') ORDER BY safe")
    files.write_text(out / "pat_train.txt", "".join(f"{safe}\n" for safe, in women))
    for part in splits.PARTS:
        marked = pictures.query(
            f"SELECT DISTINCT safe FROM pictures WHERE {MARKED} AND part = ? "
            "ORDER BY safe", part)
        files.write_text(out / "splits" / f"roi_{part}.txt",
                         "".join(f"{safe}\n" for safe, in marked))
    census = dict(facts, imported=census_of(pictures), parts=parts_of(pictures),
                  pixel_mean=pixel_mean(pictures), size=list(settings.size),
                  seed=settings.seed, left_out=left_out(pictures))
    files.write_json(out / "census.json", census)
    return census


def write_logs(pictures: Store, out: pathlib.Path) -> None:
    """Writes left_out.csv and notes.csv."""
    files.write_csv(out / "left_out.csv", LOG_COLUMNS, (
        _log_row(row, row["left_out"]) for row in pictures.rows("left_out <> ''")))
    files.write_csv(out / "notes.csv", LOG_COLUMNS, (
        _log_row(row, note) for row in pictures.rows(IN_USE) for note in row["notes"]))


def _log_row(row, reason):
    return dict(row=row["row"] or "", file=row["source"], patient=row["patient"],
                laterality=row["laterality"], view=row["view"], reason=reason)


def _manifest(pictures):
    for row in pictures.rows(IN_USE):
        view = " ".join(filter(None, (row["view"], row["modifier"])))
        yield dict(
            row, path=f"full/{row['name']}.png", split=row["part"], view=view,
            age_band=records.age_band(row["age"]), row=row["row"] or "")


def _regions(pictures):
    """A row per region with a usable place."""
    for row in pictures.rows(MARKED):
        for number, name, region, kind, finding, malignant in row["masks"]:
            yield dict(
                patient_id=row["safe"], side=records.side_word(row["laterality"]),
                view=_view_word(row), repeat=row["repeat"], abn_num=number,
                pathology=PATHOLOGIES[malignant], type=kind,
                full_path=f"full/{row['name']}.png", mask_path=f"mask/{name}",
                finding=finding, region=region, density=row["density"],
                split=row["part"])


def _view_word(row):
    """The view as it stands in the name of the picture."""
    name = row["name"].removesuffix(f"_{row['repeat']}" if row["repeat"] else "")
    return name.rpartition("_")[2]


def _split_rows(pictures, out):
    for row in pictures.rows(IN_USE):
        yield dict(patient_id=row["safe"], side=records.side_word(row["laterality"]),
                   view=_view_word(row), malignant=row["label"], split=row["part"],
                   path=out / "full" / f"{row['name']}.png")


def census_of(pictures: Store, condition: str = IN_USE) -> dict[str, int]:
    """Women, exams, breasts and images, and how many are malignant or benign.

    A breast is malignant if any of its images is.
    """
    breasts = ("SELECT safe, exam, laterality, MAX(label) AS label FROM pictures "
               f"WHERE {condition} GROUP BY safe, exam, laterality")
    (count, malignant), = pictures.query(
        f"SELECT COUNT(*), SUM(label) FROM ({breasts})")
    (women, malignant_women), = pictures.query(
        "SELECT COUNT(*), SUM(label) FROM (SELECT MAX(label) AS label FROM pictures "
        f"WHERE {condition} GROUP BY safe)")
    (exams,), = pictures.query(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM pictures WHERE {condition} "
        "GROUP BY safe, exam)")
    images = pictures.count(condition)
    positive = pictures.count(f"{condition} AND label = 1")
    return {
        "women": women, "women with a malignant image": malignant_women or 0,
        "exams": exams, "breasts": count, "malignant breasts": malignant or 0,
        "other breasts": count - (malignant or 0), "images": images,
        "malignant images": positive, "other images": images - positive}


def parts_of(pictures: Store) -> dict[str, dict[str, int]]:
    """Women, images and malignant images of each part."""
    return {part: dict(
        women=pictures.count(f"{IN_USE} AND part = ?", part, what="DISTINCT safe"),
        images=pictures.count(f"{IN_USE} AND part = ?", part),
        positive=pictures.count(f"{IN_USE} AND part = ? AND label = 1", part))
        for part in splits.PARTS}


def pixel_mean(pictures: Store) -> float | None:
    """Mean grey value of the training images times 255/65535."""
    (mean,), = pictures.query(
        f"SELECT AVG(mean) FROM pictures WHERE {IN_USE} AND part = 'train'")
    return None if mean is None else round(mean, 2)


def left_out(pictures: Store) -> dict[str, int]:
    """How many pictures were left out, by reason without its details."""
    counts: collections.Counter = collections.Counter()
    for reason, count in pictures.query(
            "SELECT left_out, COUNT(*) FROM pictures WHERE left_out <> '' "
            "GROUP BY left_out"):
        counts[reason.split(":")[0]] += count
    return dict(counts.most_common())


def report(pictures: Store, census: Mapping[str, Any], settings: records.Settings
           ) -> Iterator[str]:
    """Yields the lines that end an import: counts, what was left out, what is next."""
    yield from who(pictures)
    yield f"split: {census['split']}"
    for part, counts in census["parts"].items():
        women = commands.counted(counts["women"], "woman", "women")
        images = commands.counted(counts["images"], "image")
        yield f"  {part + ':':6} {women}, {images}, {counts['positive']} malignant"
        if counts["images"] and not 0 < counts["positive"] < counts["images"]:
            yield (f"  WARNING: {part} has images of one class alone, so that no AUC "
                   "can be had of it; more women, another --seed or larger shares help")
    yield "left out: " + ("; ".join(
        f"{count} {reason}" for reason, count in census["left_out"].items())
        or "nothing") + f" ({settings.out / 'left_out.csv'})"
    yield ("mean grey value of the training images times 255/65535: "
           f"{census['pixel_mean']}")
    yield "next:"
    yield from (f"  {line}" for line in next_commands(pictures, census, settings))


def who(pictures: Store) -> Iterator[str]:
    """Yields what is known of women, exams and views."""
    counts = census_of(pictures)
    yield (f"{commands.counted(counts['women'], 'woman', 'women')} "
           f"({counts['women with a malignant image']} with a malignant image), "
           f"{commands.counted(counts['exams'], 'exam')}, "
           f"{commands.counted(counts['breasts'], 'breast')} "
           f"({counts['malignant breasts']} malignant), "
           f"{commands.counted(counts['images'], 'image')} "
           f"({counts['malignant images']} malignant)")
    views = pictures.query(
        "SELECT laterality, view, COUNT(*) FROM pictures "
        f"WHERE {IN_USE} GROUP BY laterality, view ORDER BY COUNT(*) DESC")
    yield "views: " + ", ".join(
        f"{count} {side or '?'} {view or '?'}" for side, view, count in views)
    unknown = {word: pictures.count(f"{IN_USE} AND {column} = ''") for word, column in (
        ("woman", "patient"), ("exam", "exam"), ("side", "laterality"),
        ("view", "view"))}
    yield "unknown: " + (", ".join(
        f"{word} of {commands.counted(count, 'image')}"
        for word, count in unknown.items() if count) or "nothing")


# Class folders of patches by kind and whether malignant, in the order of the paper.
PATCH_CLASSES = {"calc_mal": ("calc", True), "calc_ben": ("calc", False),
                 "mass_mal": ("mass", True), "mass_ben": ("mass", False)}


def next_commands(pictures: Store, census: Mapping[str, Any],
                  settings: records.Settings) -> Iterator[str]:
    """Yields the commands from here to the first AUC; patches where there are regions.
    """
    out, mean = settings.out, census["pixel_mean"]
    patch = 224 if settings.size[0] > 600 else 64
    scale = ("--rescale-factor", 0.003891, "--featurewise-mean", mean)
    patch_model, model = out / "runs/patch/best.h5", out / "runs/image/best.h5"
    start: tuple = ()
    classes = patch_classes(pictures, "train")
    if classes and patch_classes(pictures, "val"):
        yield from _sampling(pictures, settings, patch)
        yield programs.line(
            "ddsm_train.patch_clf_train",
            *(out / "patches" / part for part in splits.PARTS), "--img-size", patch,
            patch, *patches.training_line.network(patch), *scale, "--no-equalize-hist",
            "--class-list", "background", *classes, "--best-model", patch_model)
        start = ("--patch-model-state", patch_model)
    yield programs.line(
        "ddsm_train.image_clf_train", *(out / "images" / part for part in splits.PARTS),
        *start, "--img-size", *settings.size, *scale, "--best-model", model)
    yield programs.line("ddsm_train.evaluate", model, out / "images/test")


def _sampling(pictures, settings, patch):
    """The set S10 of the paper, of each part that has regions."""
    out, (height, width) = settings.out, settings.size
    for part in splits.PARTS:
        if pictures.count(f"{MARKED} AND part = ?", part):
            yield programs.line(
                "ddsm_train.sample_patches_combined", out / "roi_mask_path.csv",
                out / "mask", out / "splits" / f"roi_{part}.txt", out / "full",
                out / "patches" / part, out / "patches/none", "--target-height",
                height, "--target-width", width, "--no-segment-breast", "--patch-size",
                patch, "--nb-bkg", 10, "--nb-abn", 10, "--nb-hns", 0, "--pos-cutoff",
                0.9, "--val-size", 0)


def patch_classes(pictures: Store, part: str) -> list[str]:
    """Class folders of lesions that patches of a part will be in."""
    classes = {(kind, malignant is True)
               for row in pictures.rows(f"{MARKED} AND part = ?", part)
               for _, _, _, kind, _, malignant in row["masks"]}
    return [name for name, lesion in PATCH_CLASSES.items() if lesion in classes]
