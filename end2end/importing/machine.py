"""The steps that every import takes, whatever the set: who, convert, split.

Pictures stand in a `store.Store`; each step reads and changes it some rows at a time,
so that memory does not grow with the set.
"""

import logging
import os
import zlib
from collections.abc import Callable
from typing import Any

import tqdm

from end2end import images
from end2end.data import conversion, splits
from end2end.importing import converting, records
from end2end.importing.store import Store
from end2end.tables import identity, kinds
from end2end.utils import files

log = logging.getLogger(__name__)

# Who belongs together is settled for so many pictures at once, whole women where the
# table names them: more than any public set but two has.
SETTLED_AT_ONCE = 10_000
# Beyond so many pictures what was converted is remembered in several files, of which
# one is in memory at a time.
ONE_LEDGER, LEDGERS = 2000, 64
# Another patient in the tags is no contradiction: one of the two may be a pseudonym.
MANIFEST = ("patient", "exam", "date", "laterality", "view", "kind", "issuer")
TAKEN_WORDS = (" is taken", " are taken")
IN_USE = "left_out = ''"
DOUBLE = "the same picture as another of this set"

Job = Callable[[dict[str, Any]], dict[str, Any]]


def check_files(pictures: Store) -> int:
    """Leaves out pictures without a file; how many."""
    missing = 0
    for row in pictures.rows(IN_USE):
        if not os.path.isfile(row["source"]):
            pictures.update(row["position"], dict(left_out="no file"))
            missing += 1
    return missing


def identify(pictures: Store) -> None:
    """Reads who, which exam and which view of each picture, from table, tags and name.

    No pixels are read. A picture whose sources contradict each other on side or view is
    left out with what they say.
    """
    total = pictures.count(IN_USE)
    batch: list[tuple[int, identity.Identity]] = []
    patient = ""
    bar = tqdm.tqdm(total=total, unit="header", disable=None)
    for row in pictures.rows(IN_USE, order="patient, source, position"):
        if len(batch) >= SETTLED_AT_ONCE and row["patient"] != patient:
            _settle(pictures, batch)
            batch = []
        patient = row["patient"]
        cells = {name: row[name] for name in MANIFEST}
        batch.append((row["position"], images.identify(row["source"], manifest=cells)))
        bar.update()
    bar.close()
    _settle(pictures, batch)


def _settle(pictures, batch):
    settled = images.belonging.settle([image for _, image in batch], doubles=False)
    for (position, _), image in zip(batch, settled, strict=True):
        contradictions = [note for note in image.notes
                          if note.startswith(("side ", "view "))
                          and any(word in note for word in TAKEN_WORDS)]
        changes = dict(
            patient=image.patient, namespace=image.namespace, exam=image.exam,
            laterality=image.laterality, view=image.view, modifier=image.modifier,
            kind=image.kind, notes=image.notes, read_from=image.read_from)
        if contradictions:
            changes["left_out"] = f"contradiction: {'; '.join(contradictions)}"
        pictures.update(position, changes)


def choose(pictures: Store, settings: records.Settings) -> None:
    """Leaves out what has no label, and views and kinds that are no basis for one."""
    pictures.leave_out("no label", "label IS NULL")
    if settings.all_views:
        return
    for kind, row in kinds.KINDS.items():
        if row.rank is None:
            pictures.leave_out(row.sentence, "kind = ?", kind)


def name_pictures(pictures: Store) -> None:
    """Gives each picture a name of woman, side and view; those after the first of a
    view get a number, which `repeat` holds."""
    _name_women(pictures)
    pictures.index("name")
    for row in pictures.rows(IN_USE):
        view = " ".join(filter(None, (row["view"] or "X", row["modifier"])))
        pictures.update(row["position"], dict(repeat="", name="_".join((
            row["safe"], records.side_word(row["laterality"]),
            records.file_word(view.replace(" ", "-"), "X")
            if row["modifier"] else view))))
    repeated = pictures.query(
        f"SELECT name FROM pictures WHERE {IN_USE} GROUP BY name HAVING COUNT(*) > 1")
    for (name,) in repeated:
        positions = pictures.query(
            f"SELECT position FROM pictures WHERE {IN_USE} AND name = ? "
            "ORDER BY key, position", name)
        for number, (position,) in enumerate(positions[1:], 2):
            pictures.update(position, dict(name=f"{name}_{number}", repeat=str(number)))


def _name_women(pictures):
    """What stands for a woman in names of files and in splits: her number, else the
    exam, else the picture itself."""
    for row in pictures.rows(IN_USE):
        if row["patient"]:
            safe = records.file_word(row["patient"])
        elif row["exam"]:
            safe = f"exam{records.file_word(row['exam'])}"
        else:
            safe = f"picture{row['position']}"
        pictures.update(row["position"], dict(safe=safe))
    pictures.index("safe")
    shared = pictures.query(
        f"SELECT safe FROM pictures WHERE {IN_USE} GROUP BY safe "
        "HAVING COUNT(DISTINCT namespace) > 1")
    for (safe,) in shared:
        spaces = sorted(space or "" for (space,) in pictures.query(
            f"SELECT DISTINCT namespace FROM pictures WHERE {IN_USE} AND safe = ?",
            safe))
        for number, space in enumerate(spaces[1:], 2):
            pictures.query("UPDATE pictures SET safe = ? WHERE safe = ? AND "
                           "namespace = ?", f"{safe}-{number}", safe, space)


def convert(pictures: Store, settings: records.Settings,
            function: Job = converting.convert_picture) -> int | None:
    """Converts the pictures in use; those that cannot be read are left out.

    Values whose file does not declare its bits get those of the greatest value of all
    such files, so that pictures of one set are not scaled each by its own.

    Returns:
        bits of such files; None where there are none.
    """
    bits = _earlier_bits(settings)
    _run_jobs(pictures, settings, function, bits)
    # In the store the bits are negative where the file does not declare them.
    (least, largest), = pictures.query(
        f"SELECT -MAX(bits), -MIN(bits) FROM pictures WHERE {IN_USE} AND bits < 0")
    if largest is not None and least != largest:
        log.info("values of up to %d bits in files that do not declare theirs", largest)
        _run_jobs(pictures, settings, function, largest)
    return largest


def _earlier_bits(settings):
    """The bits that an earlier call came to, so that nothing is converted twice."""
    path = settings.out / "census.json"
    if not path.is_file():
        return None
    try:
        stored = files.read_json(path).get("bits_of_undeclared")
    except (files.InputError, AttributeError):
        return None
    return stored if stored in range(8, 17) else None


def _run_jobs(pictures, settings, function, bits):
    """One pass over all pictures; what was done before with these bits is kept."""
    ledgers = 1 if pictures.count(IN_USE) <= ONE_LEDGER else LEDGERS
    for number in range(ledgers):
        rows = (row for row in pictures.rows(IN_USE)
                if zlib.crc32(row["key"].encode()) % ledgers == number)
        jobs = [converting.make_job(row, settings, bits) for row in rows]
        name = "converted.jsonl" if ledgers == 1 else f"converted/{number:02d}.jsonl"
        (settings.out / name).parent.mkdir(exist_ok=True)
        converted = conversion.run_jobs(
            jobs, function, ledger=conversion.Ledger(settings.out / name),
            workers=settings.workers, unit="picture")
        for job, record in zip(jobs, converted, strict=True):
            _note(pictures, job["position"], record)


def _note(pictures, position, record):
    if record["failed"]:
        pictures.update(position, dict(
            failed=record["failed"], left_out=record["failed"]))
        return
    row = pictures.row(position)
    pictures.update(position, dict(
        height=record["height"], width=record["width"], content=record["content"],
        mean=record["mean"], masks=record["masks"],
        bits=record["bits"] if record["declared"] else -record["bits"],
        vendor=row["vendor"] or record["vendor"],
        notes=list(dict.fromkeys((*row["notes"], *record["notes"])))))


def find_doubles(pictures: Store) -> None:
    """Leaves out pictures with the grey values of another; where the two are said to
    show different women or to have different labels, both."""
    pictures.index("content")
    groups = pictures.query(
        "SELECT content, COUNT(DISTINCT safe), COUNT(DISTINCT label), MIN(position) "
        f"FROM pictures WHERE {IN_USE} GROUP BY content HAVING COUNT(*) > 1")
    for content, women, labels, first in groups:
        differing = [word for word, count in (("woman", women), ("label", labels))
                     if count > 1]
        reason = DOUBLE if not differing else (
            f"{DOUBLE}, there with another {' and another '.join(differing)}")
        pictures.leave_out(reason, "content = ? AND (position > ? OR ?)", content,
                           first, bool(differing))


def split(pictures: Store, settings: records.Settings) -> str:
    """Gives each picture its part; returns what the split is.

    Raises:
        files.InputError: the split file names none of the pictures.
    """
    if settings.split_file:
        return _split_from_file(pictures, settings)
    stated = pictures.count(f"{IN_USE} AND split <> ''")
    if settings.split == "own" and stated:
        return _split_as_stated(pictures, settings)
    drawn = splits.split_patients(
        _labels(pictures), test_share=settings.test_share,
        validation_share=settings.val_share, seed=settings.seed)
    for part in splits.PARTS:
        _give(pictures, drawn[part], part)
    return "by woman, drawn"


def _labels(pictures, condition="1"):
    """1 for women with a malignant picture, 0 for others."""
    return dict(pictures.query(
        f"SELECT safe, MAX(label) FROM pictures WHERE {IN_USE} AND ({condition}) "
        "GROUP BY safe"))


def _give(pictures, women, part):
    pictures.database.executemany(
        f"UPDATE pictures SET part = ? WHERE safe = ? AND {IN_USE}",
        ((part, woman) for woman in women))


def _split_as_stated(pictures, settings):
    pictures.leave_out("in no part of the set's own split", "split = ''")
    pictures.query("UPDATE pictures SET part = split WHERE " + IN_USE)
    if pictures.count(f"{IN_USE} AND part = 'val'"):
        return "the set's own"
    labels = _labels(pictures, "part = 'train'")
    ids = sorted(labels)
    _, val = splits.stratified_split(
        ids, [labels[woman] for woman in ids], settings.val_share)
    _give(pictures, val, "val")
    return (f"the set's own; {settings.val_share:g} of its training women are for "
            "validation")


def _split_from_file(pictures, settings):
    parts = splits.read_split(settings.split_file)
    for row in pictures.rows(IN_USE):
        for woman in dict.fromkeys((row["safe"], row["patient"])):
            part = splits.part_of(parts, woman, records.side_word(row["laterality"]),
                                  row["view"])
            if part:
                pictures.update(row["position"], dict(part=part))
                break
    if not pictures.leave_out("not in the split file", "part IS NULL") < \
            pictures.count("name IS NOT NULL"):
        raise files.InputError(
            f"split file {settings.split_file} names none of the women; expected the "
            "splits/split.csv of an import, or patient_id and split.")
    return str(settings.split_file)


def women_in_two_parts(pictures: Store) -> list[str]:
    """What stands for the women (`safe`) who are in more than one part."""
    return [safe for (safe,) in pictures.query(
        f"SELECT safe FROM pictures WHERE {IN_USE} GROUP BY safe "
        "HAVING COUNT(DISTINCT part) > 1 ORDER BY safe")]
