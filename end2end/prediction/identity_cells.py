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
    return {image.path: dict(
        described(image, since, names), patient=patients.get(image.woman, ""))
        for image, since in zip(identities, belonging.days(identities), strict=True)}


def described(image: identity.Identity, since: int | None, names) -> dict[str, str]:
    """The cells of one image but for its patient, which others have a say in.

    Args:
        image: settled, with its vote.
        since: days since the first exam of the woman; None: not known.
        names: see `cells`.
    """
    return dict(
        patient="", laterality=image.laterality, view=image.view_cell,
        exam=_exam(image, since, names), days="" if since is None else str(since),
        kind=image.kind, votes=image.votes,
        read_from=SEPARATOR.join(
            f"{name}: {where}" for name, where in image.read_from.items() if where),
        identity_notes=SEPARATOR.join(image.notes))


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
            women[image.woman] = text_of(image, names)
    return with_folders(women)


def text_of(image: identity.Identity, names) -> str:
    """What stands for the woman of an image where no other has the same text."""
    if _by_tag(image):
        return _tag_text(image, names)
    return _short(_base(image.woman))


def with_folders(women: dict[tuple, str]) -> dict[tuple, str]:
    """The texts of women; where several have the same, those that are known by names
    of files together with their folders get the last folders that tell them apart.

    Args:
        women: texts by `Identity.woman`.
    """
    by_text = collections.defaultdict(list)
    for woman, text in women.items():
        by_text[text].append(woman)
    texts = dict(women)
    for sharing in by_text.values():
        if len(sharing) > 1:
            folders = [woman for woman in sharing if woman[0].startswith(FOLDER)]
            texts |= {woman: f"{folder}/{woman[1]}" for woman, folder in zip(
                folders, _telling_folders(folders), strict=True)}
    return texts


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


def _telling_folders(women):
    """The last folders of each woman, as many as it takes to tell her from others."""
    parts = [pathlib.PurePath(namespace.removeprefix(FOLDER)).parts
             for namespace, _ in women]
    counts = [1] * len(women)
    for count in range(1, max(map(len, parts), default=0)):
        tails = collections.Counter(
            (tail[-count:], patient)
            for tail, (_, patient) in zip(parts, women, strict=True))
        for k, (tail, (_, patient)) in enumerate(zip(parts, women, strict=True)):
            if counts[k] == count and tails[tail[-count:], patient] > 1:
                counts[k] += 1
    return ["/".join(part.strip("/") for part in tail[-count:])
            for tail, count in zip(parts, counts, strict=True)]


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
    if source.startswith(identity.TAGS) or source == f"{identity.MANIFEST} date":
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
