"""Puts several imports together: women stay women, no picture comes twice, and what a
network could learn of the site instead of the cancer is said."""

import argparse
import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from end2end.data import splits
from end2end.importing import converting, machine, outputs, records, store
from end2end.importing.machine import IN_USE
from end2end.tables import vocabulary, words
from end2end.utils import commands, files

Say = Callable[[str], None]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
# The area under the curve of a network that knows nothing but the maker or the site,
# from which it is said; and the least number of images that are looked at.
TELLING_AUC, LEAST_IMAGES = 0.6, 20
TWICE = "the same picture as one of another import"


@dataclasses.dataclass(frozen=True)
class Import:
    """The output of an import: its name in the joined set, folder and counts."""

    name: str
    folder: pathlib.Path
    census: dict


def run(arguments: argparse.Namespace, say: Say = print) -> None:
    """Joins imports as `importing join` asks for.

    Raises:
        files.InputError: an import is missing or unlike the others.
    """
    imports = opened(arguments.imports)
    sizes = {tuple(entry.census["size"]) for entry in imports}
    settings = records.Settings(
        files.writable_folder(arguments.out), size=sizes.pop(), seed=arguments.seed,
        test_share=arguments.test_share, val_share=arguments.val_share)
    with store.temporary(settings.out) as pictures:
        for entry in imports:
            _load(pictures, entry)
        for column in ("name", "safe", "content"):
            pictures.index(column)
        doubled, same_women = leave_out_doubles(pictures)
        split = _split(pictures, settings, arguments)
        say(f"{len(imports)} imports: {', '.join(entry.name for entry in imports)}")
        say(f"pictures that come twice: {doubled}, by which {same_women} women of one "
            "import are women of another; they count as one woman each")
        telling = list(vendor_lines(pictures))
        for line in telling:
            say(line)
        _place_files(pictures, settings.out)
        census = outputs.write(pictures, settings, dict(
            joined={entry.name: str(entry.folder) for entry in imports}, split=split,
            doubled=doubled, same_women=same_women, by_site_and_vendor=telling))
        for line in outputs.report(pictures, census, settings):
            say(line)


def opened(texts: list[pathlib.Path]) -> list[Import]:
    """The imports that a command line names, as FOLDER or NAME=FOLDER.

    Raises:
        files.InputError: no import, two of one name, or images of different sizes.
    """
    imports: list[Import] = []
    for text in map(str, texts):
        name, equals, folder = text.partition("=")
        path = files.existing_folder(folder if equals else text, "import")
        census = files.read_json(path / "census.json", "counts of an import")
        if not isinstance(census, dict) or "size" not in census:
            raise files.InputError(f"{path}/census.json has no size; expected the "
                                   "output folder of an import.")
        name = name if equals else str(census.get("set") or path.resolve().name)
        name = name if equals else records.file_word(name)
        if not NAME.fullmatch(name):
            raise files.InputError(f"{words.cleaned(name, 40)!r} cannot be the name of "
                                   "an import; expected letters, digits, . and -.")
        imports.append(Import(name, path, census))
    names = [entry.name for entry in imports]
    if len(set(names)) < len(names):
        raise files.InputError(
            f"imports have one name ({', '.join(names)}); give each its own: "
            "NAME=FOLDER.")
    sizes = {tuple(entry.census["size"]) for entry in imports}
    if len(sizes) > 1:
        raise files.InputError(
            "the imports have images of different sizes ("
            f"{', '.join(f'{height} x {width}' for height, width in sorted(sizes))}); "
            "import them with one --size.")
    return imports


def _load(pictures, entry):
    """Adds the pictures of an import; names and women get its name in front."""
    masks = _masks(entry)
    first = pictures.count()
    with open(files.existing_text(entry.folder / "images.csv"), encoding="utf-8-sig",
              newline="") as stream:
        rows = list(_pictures(files.stream_csv(stream), entry))
    pictures.add(picture for picture, _ in rows)
    for number, (picture, facts) in enumerate(rows, first + 1):
        stem = pathlib.Path(picture.source).stem
        pictures.update(number, facts | dict(
            masks=[[mark, f"{entry.name}/{path}", *rest]
                   for mark, path, *rest in masks.get(stem, ())]))


def _pictures(rows, entry):
    for row in rows:
        source = entry.folder / row["path"]
        name = f"{entry.name}-{source.stem}"
        side = vocabulary.CLEAN["laterality"](row["laterality"])
        safe = _woman_of(source.stem)
        _, view, modifier = words.view(row["view"])
        repeat = re.search(r"_(\d+)$", source.stem)
        yield records.Picture(
            f"{entry.name}/{row['path']}", str(source), patient=(
                f"{entry.name} {row['patient']}" if row["patient"] else ""),
            exam=row.get("exam", ""), laterality=side, view=view or row["view"],
            label=int(row["label"]), source_label=row.get("source_label", ""),
            lesion_type=row.get("lesion_type", ""),
            density=row.get("density", row.get("acr", "")),
            age=row.get("age_band", ""), vendor=row.get("vendor", ""),
            site=" ".join(filter(None, (entry.name, row.get("site", "")))),
            split=row["split"]), dict(
            name=name, safe=f"{entry.name}-{safe}", modifier=modifier,
            repeat=repeat[1] if repeat else "", notes=[],
            content=row.get("content") or _content(source),
            mean=float(row["mean"]) if row.get("mean") else None)


def _woman_of(stem):
    """What stands for the woman in front of side and view (`machine.name_pictures`)."""
    match = re.match(r"(.+?)_(?:LEFT|RIGHT|X)_", stem)
    return match[1] if match else stem


def _content(path):
    from end2end import images

    return converting.content(images.read_image(path))


def _masks(entry):
    """Numbers, paths, places, kinds, names and truths of regions, by picture."""
    table, masks = entry.folder / "roi_mask_path.csv", {}
    truths = {text: truth for truth, text in outputs.PATHOLOGIES.items()}
    if table.is_file():
        for row in files.read_csv(table):
            if row["mask_path"]:
                stem = pathlib.PurePosixPath(row["full_path"]).stem
                masks.setdefault(stem, []).append((
                    int(row["abn_num"]), row["mask_path"], row.get("region", "mask"),
                    row["type"], row.get("finding", row["pathology"]),
                    truths.get(row["pathology"], False)))
    return masks


def leave_out_doubles(pictures: store.Store) -> tuple[int, int]:
    """Leaves out pictures that another import has too, and makes women who share one
    a single woman.

    Returns:
        number of pictures left out, and of women who became another.
    """
    groups = pictures.query(
        f"SELECT content, MIN(position) FROM pictures WHERE {IN_USE} AND content <> '' "
        "GROUP BY content HAVING COUNT(*) > 1")
    doubled, joined_women = 0, 0
    for content, first in groups:
        original = pictures.row(first)
        members = list(pictures.rows("content = ?", content))
        labels = {row["label"] for row in members}
        for row in members:
            if row["safe"] != pictures.row(first)["safe"]:
                joined_women += 1
                pictures.query("UPDATE pictures SET safe = ? WHERE safe = ?",
                               pictures.row(first)["safe"], row["safe"])
            differs = len(labels) > 1
            if row["position"] != first or differs:
                doubled += 1
                pictures.update(row["position"], dict(left_out=(
                    f"{TWICE}, there with another label" if differs
                    else f"{TWICE}: {original['name']}")))
    return doubled, joined_women


def _split(pictures, settings, arguments):
    if arguments.split == "patient":
        drawn = dataclasses.replace(settings, split="patient")
        return machine.split(pictures, drawn)
    if arguments.split == "site":
        return _split_by_site(pictures, settings, arguments.test_site)
    pictures.query("UPDATE pictures SET part = split")
    # A woman of two imports is for testing if she is so in one of them.
    for part in ("val", "test"):
        pictures.query(
            "UPDATE pictures SET part = ? WHERE safe IN (SELECT safe FROM pictures "
            "WHERE part = ?)", part, part)
    return "as each import has it"


def _split_by_site(pictures, settings, test_site):
    sites = [site for site, in pictures.query(
        "SELECT DISTINCT site FROM pictures ORDER BY site")]
    groups = [site for site in sites
              if test_site in (site, site.partition(" ")[0])]
    if not groups:
        raise files.InputError(
            f"--test-site {words.cleaned(test_site, 40) or '(empty)'}: there is no "
            f"such site; expected one of {', '.join(sites)}.")
    condition = f"site IN ({', '.join('?' * len(groups))})"
    pictures.query("UPDATE pictures SET part = 'train'")
    pictures.query(f"UPDATE pictures SET part = 'test' WHERE {condition}", *groups)
    left = pictures.leave_out(
        "her other images are of the site for testing", "part = 'train' AND safe IN "
        "(SELECT safe FROM pictures WHERE part = 'test')")
    labels = dict(pictures.query(
        f"SELECT safe, MAX(label) FROM pictures WHERE {IN_USE} AND part = 'train' "
        "GROUP BY safe"))
    ids = sorted(labels)
    _, val = splits.stratified_split(
        ids, [labels[woman] for woman in ids], settings.val_share, seed=settings.seed)
    for woman in val:
        pictures.query("UPDATE pictures SET part = 'val' WHERE safe = ? AND "
                       "part = 'train'", woman)
    return (f"{test_site} is for testing, {settings.val_share:g} of the other women "
            f"for validation" + (
                f"; {commands.counted(left, 'image')} left out" if left else ""))


def vendor_lines(pictures: store.Store) -> Iterator[str]:
    """Yields a table of classes by site and maker, and how far these alone tell them.
    """
    yield "class by site and maker:"
    yield f"  {'site':20} {'maker':16} {'images':>7} {'malignant':>9} {'share':>6}"
    rows = pictures.query(
        "SELECT site, vendor, COUNT(*), SUM(label) FROM pictures "
        f"WHERE {IN_USE} GROUP BY site, vendor ORDER BY site, vendor")
    for site, vendor, count, positive in rows:
        yield (f"  {site:20} {vendor or 'unknown':16} {count:7} {positive:9} "
               f"{positive / count:6.1%}")
    for word, place in (("site", 0), ("maker", 1)):
        groups: dict[str, list[int]] = {}
        for row in rows:
            counts = groups.setdefault(row[place] or "unknown", [0, 0])
            counts[0] += row[3]
            counts[1] += row[2] - row[3]
        area = telling_auc(groups)
        if area >= TELLING_AUC and sum(map(sum, groups.values())) >= LEAST_IMAGES:
            yield (f"WARNING: the {word} alone tells the class with an AUC of "
                   f"{area:.2f}. A network can learn the {word} instead of the cancer: "
                   "test on a site that it has not seen (--split site), and look at "
                   f"the AUC within each {word}.")


def telling_auc(groups: Mapping[str, Any]) -> float:
    """Area under the curve of a score that is the share of malignant images of a group.

    Args:
        groups: numbers of malignant and of other images by group.

    Returns:
        0.5 where the groups tell nothing, or a class is missing.
    """
    ordered = sorted(groups.values(), key=lambda pair: pair[0] / max(1, sum(pair)))
    positives = sum(pair[0] for pair in ordered)
    negatives = sum(pair[1] for pair in ordered)
    if not positives or not negatives:
        return 0.5
    below, area = 0, 0.0
    for positive, negative in ordered:
        area += positive * (below + negative / 2)
        below += negative
    return area / positives / negatives


def _place_files(pictures, out):
    """Links pictures and masks under their new names; stale ones are removed."""
    names = set()
    for row in pictures.rows(IN_USE):
        source = pathlib.Path(row["source"])
        names.add(_placed(source, out / "full" / f"{row['name']}.png"))
        import_folder = source.parent.parent
        masks = []
        for number, path, region, kind, finding, malignant in row["masks"]:
            name = converting.mask_name(row["name"], number, kind)
            mask = import_folder / path.partition("/")[2]
            names.add(_placed(mask, out / "mask" / name))
            masks.append([number, name, region, kind, finding, malignant])
        pictures.update(row["position"], dict(masks=masks))
    for folder in ("full", "mask"):
        for path in (out / folder).glob("*.png"):
            if path not in names:
                path.unlink()


def _placed(source, target):
    files.existing_file(source, "picture of an import")
    if not (target.exists() and target.samefile(source)):
        with files.replacing(target) as part:
            splits.link(source, part)
    return target
