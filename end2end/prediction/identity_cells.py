"""Who and what images show, as cells of a score file, without numbers of patients."""

import collections
import collections.abc
import hashlib
import pathlib
import re

from end2end.images import belonging
from end2end.tables import identity, image_names, vocabulary

COLUMNS = ("patient", "laterality", "view")
FURTHER_COLUMNS = ("exam", "days", "kind", "votes", "read_from", "identity_notes")
# Between the sentences of one cell; they have semicolons themselves.
SEPARATOR = " | "
# Longer numbers of patients are cut in the middle of what is shown.
LONGEST = 64
# How the namespace of a name begins that is only one together with its folder.
FOLDER = image_names.FOLDER


def cells(identities: collections.abc.Sequence[identity.Identity], names
          ) -> dict[str, dict[str, str]]:
    """The cells of images by path.

    Args:
        identities: settled, with their votes.
        names: gives the pseudonym of a patient's number, and with its method `exam`
            that of an exam (`pseudonyms.Pseudonyms`, `resuming.Record`).

    Returns:
        dict by path of dicts by `COLUMNS` and `FURTHER_COLUMNS`.
    """
    patients = patient_texts(identities, names)
    texts = {}
    for image, since in zip(identities, belonging.days(identities), strict=True):
        texts[image.path] = dict(
            patient=patients.get(image.woman, ""), laterality=image.laterality,
            view=image.view_cell, exam=_exam(image, since, names),
            days="" if since is None else str(since), kind=image.kind,
            votes=image.votes,
            read_from=SEPARATOR.join(
                f"{name}: {where}" for name, where in image.read_from.items() if where),
            identity_notes=SEPARATOR.join(image.notes))
    return texts


def patient_texts(identities: collections.abc.Sequence[identity.Identity], names
                  ) -> dict[tuple, str]:
    """What stands for each woman: a pseudonym for the number in a tag; what a manifest
    or the path of the file says, as it is, with folders where names are equal.

    Returns:
        dict by `Identity.woman`.
    """
    women = {}
    for image in identities:
        # What the name of the file says is in its path anyway.
        if image.woman and (image.woman not in women or _in_path(image)):
            women[image.woman] = _tag_text(image, names) if _by_tag(image) else ""
    by_text = collections.defaultdict(list)
    for woman, text in women.items():
        by_text[text or _short(_base(woman))].append(woman)
    for text, sharing in by_text.items():
        folders = [woman for woman in sharing if woman[0].startswith(FOLDER)]
        for woman in sharing:
            women[woman] = text
            if woman in folders and len(sharing) > 1:
                women[woman] = f"{_telling_folder(woman, folders)}/{woman[1]}"
    return women


def _by_tag(image):
    source = image.read_from.get("patient", "")
    return source.startswith(identity.TAGS) and not _in_path(image)


def _in_path(image):
    source = image_names.statement(image.path)
    return source is not None and source.fields.get("patient") == image.patient


def _tag_text(image, names):
    issuer = image.namespace
    return _short(names(f"{image.patient}@{issuer}" if issuer else image.patient))


def _base(woman):
    """The number; of names without a digit the folder, which names the woman."""
    namespace, patient = woman
    if namespace.startswith(FOLDER) and not re.search(r"\d", patient):
        return pathlib.PurePath(namespace.removeprefix(FOLDER)).name or patient
    return patient


def _telling_folder(woman, others):
    """The last folders of a woman, as many as it takes to tell her from others."""
    parts = pathlib.PurePath(woman[0].removeprefix(FOLDER)).parts
    for count in range(1, len(parts) + 1):
        tails = [pathlib.PurePath(other[0].removeprefix(FOLDER)).parts[-count:]
                 for other in others if other[1] == woman[1]]
        if tails.count(parts[-count:]) == 1:
            break
    return "/".join(part.strip("/") for part in parts[-count:])


def _short(text):
    if len(text) <= LONGEST:
        return text
    mark = hash_mark(text)
    return f"{text[:LONGEST - 11]}...{mark}"


def hash_mark(text: str) -> str:
    """Eight signs that tell long texts apart whose beginnings are equal."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _exam(image, since, names):
    """The exam as it is where a manifest or path says it, but never a date."""
    if not image.exam:
        return ""
    if vocabulary.day(image.exam) is not None:
        return "" if since is None else f"day {since}"
    source = image.read_from.get("exam", "")
    if source.startswith(identity.TAGS):
        return names.exam(image.exam)
    return _short(image.exam)


def with_cells(rows: collections.abc.Sequence[dict[str, str]],
               by_path: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Rows of a score file with the cells of this call; those of others stay.

    Where a row of an earlier call votes for the same breast and view as one of this
    call, it votes no more.
    """
    def place(row):
        return tuple(row.get(name, "") for name in ("patient", "exam", "laterality",
                                                    "view"))

    merged = [row | by_path.get(row["path"], {}) for row in rows]
    voting = {place(row): row["path"] for row in merged
              if row["path"] in by_path and row["votes"] == "yes"}
    for row in merged:
        winner = voting.get(place(row), row["path"])
        if row["path"] not in by_path and row.get("votes") == "yes" and (
                row["patient"] or row["exam"]) and winner != row["path"]:
            row["votes"] = "no"
            row["identity_notes"] = SEPARATOR.join(filter(None, (
                row["identity_notes"], "another image of this breast and view votes: "
                + pathlib.PurePath(winner).name)))
    return merged


class Numbered:
    """Names of patients and exams such as `patient 001`, in order of first use; for
    tables that are written whole and whose names need to be no others'."""

    def __init__(self) -> None:
        self._names = collections.defaultdict(dict)

    def __call__(self, patient: str) -> str:
        return self._name("patient", patient)

    def exam(self, exam: str) -> str:
        """The name of an exam."""
        return self._name("exam", exam)

    def _name(self, kind, text):
        known = self._names[kind]
        return f"{kind} {known.setdefault(text, len(known) + 1):03d}"
