"""Who and what one image shows, as one record, and where each part was read.

Manifests, tags of DICOM files and names each make a `Statement`; `merged` makes one
`Identity` of them: the manifest over the tags over the name.
"""

import collections.abc
import dataclasses
import datetime

from end2end.tables import kinds

MANIFEST, TAGS, NAME = "manifest", "tags", "name"
ORDER = (MANIFEST, TAGS, NAME)
ITS = {MANIFEST: "the manifest", TAGS: "its tags", NAME: "its name"}
TELLERS = {MANIFEST: "the manifest says", TAGS: "the tags say", NAME: "the name says"}
TAKEN = {MANIFEST: "the manifest is taken", TAGS: "the tags are taken",
         NAME: "the name is taken"}


@dataclasses.dataclass(frozen=True)
class Statement:
    """What one source says of an image; fields that it does not know are missing.

    Attributes:
        source: `manifest`, `tags` or `name`.
        fields: values by field of `Identity`.
        where: by field, the column, tag or naming scheme that it was read from.
        notes: sentences.
        certain: whether the patient's number holds wherever the file lies, and over
            the one in the tags (INbreast).
        silenced: fields that stay unknown, since the source contradicts itself.
    """

    source: str
    fields: dict
    where: dict
    notes: tuple = ()
    certain: bool = False
    silenced: frozenset = frozenset()

    def origin(self, name: str) -> str:
        """Where a field was read, such as `tags ViewPosition`."""
        return f"{self.source} {self.where.get(name, '')}".strip()


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who and what one image shows; texts are empty where it is not known.

    Attributes:
        path: of the file.
        patient: her number.
        namespace: what tells equal numbers apart: an issuer, or a folder of names.
        exam: what the exam is told by, unique within the patient.
        day: of the exam; never written anywhere.
        image: SOPInstanceUID.
        content: hash of the pixels or bytes, where it is known already.
        laterality: `L` or `R`.
        view: `CC`, `MLO`, `ML`, ...
        modifier: `spot`, `magnified`, ... behind the view.
        kind: row of `kinds.KINDS`.
        partial: a part of a large breast.
        number: of the image in its exam or set.
        taken: date and time, as texts that sort.
        birth_date, person: of the patient, to tell women of one number apart; never
            written anywhere.
        birth_year: by her age, within a year; never written either.
        scheme: of the name, or empty.
        read_from: by field, where it was read.
        notes: sentences, on contradictions too.
        votes: `yes` in the mean of its breast; `alone` in no mean; `no`.
    """

    path: str = ""
    patient: str = ""
    namespace: str = ""
    exam: str = ""
    day: datetime.date | None = None
    image: str = ""
    content: str = ""
    laterality: str = ""
    view: str = ""
    modifier: str = ""
    kind: str = kinds.STANDARD
    partial: bool = False
    number: int | None = None
    taken: str = ""
    birth_date: str = ""
    birth_year: int | None = None
    person: str = ""
    scheme: str = ""
    read_from: dict = dataclasses.field(default_factory=dict)
    notes: tuple = ()
    votes: str = "yes"

    @property
    def view_cell(self) -> str:
        """The view as tables have it: `CC`, `ML`, `CC spot`."""
        return f"{self.view} {self.modifier}".strip() if self.view else ""

    @property
    def woman(self) -> tuple[str, str] | None:
        """What is equal for images of one woman and of no other; None: unknown."""
        return (self.namespace, self.patient) if self.patient else None

    @property
    def study(self) -> tuple:
        """What is equal for images of one exam and of no other."""
        if self.woman is None and not self.exam:
            return ("", "", "", self.path)
        return (*(self.woman or ("", "")), self.exam, "")

    def teller(self, name: str) -> str:
        """Who tells a field, such as "the name says"; empty where nobody does."""
        source = self.read_from.get(name, "").partition(" ")[0]
        return TELLERS.get(source, "")

    def noted(self, *sentences: str) -> "Identity":
        """The same with more notes."""
        return dataclasses.replace(
            self, notes=tuple(dict.fromkeys((*self.notes, *sentences))))


MERGED = ("exam", "day", "image", "laterality", "view", "modifier", "partial", "number",
          "taken", "birth_date", "birth_year", "person")


def merged(path: object, statements: collections.abc.Iterable[Statement]) -> Identity:
    """One identity of what several sources say: manifest over tags over name.

    Args:
        path: of the image.
        statements: at most one of each source.
    """
    statements = list(statements)
    silenced = frozenset().union(*(statement.silenced for statement in statements))
    by_source = {statement.source: dataclasses.replace(statement, fields={
        name: value for name, value in statement.fields.items()
        if name not in silenced}) for statement in statements}
    ordered = [by_source[source] for source in ORDER if source in by_source]
    fields, read_from = {}, {}
    for name in MERGED:
        for statement in ordered:
            if statement.fields.get(name) not in (None, ""):
                fields[name] = statement.fields[name]
                read_from[name] = statement.origin(name)
                break
    fields |= _patient(ordered, read_from)
    name_says = by_source.get(NAME)
    notes = [note for statement in ordered for note in statement.notes]
    notes += _inbreast(fields, name_says, read_from)
    notes += _contradictions(ordered, fields)
    fields["kind"] = _kind(ordered, fields, read_from)
    fields["scheme"] = next(
        (statement.where["scheme"] for statement in ordered
         if statement.where.get("scheme")), "")
    shown = {name: read_from[name] for name in (
        "patient", "exam", "laterality", "view", "kind") if name in read_from}
    return Identity(str(path), read_from=shown, notes=tuple(dict.fromkeys(notes)),
                    **fields)


def _patient(ordered, read_from):
    """The number and what tells it apart, both of one source."""
    telling = [statement for statement in ordered if statement.fields.get("patient")]
    certain = [statement for statement in telling
               if statement.certain or statement.source == MANIFEST]
    for statement in certain or telling:
        read_from["patient"] = statement.origin("patient")
        return dict(patient=statement.fields["patient"],
                    namespace=statement.fields.get("namespace", ""))
    return {}


def _inbreast(fields, name_says, read_from):
    """INbreast writes ML for its oblique views, in the names of its files."""
    if (fields.get("view") == "ML" and name_says is not None
            and name_says.where.get("scheme") == "INbreast"
            and name_says.fields.get("view") == "MLO"):
        fields["view"] = "MLO"
        read_from["view"] = f"{NAME} INbreast"
        return ["view ML is INbreast's word for MLO"]
    return []


def _kind(ordered, fields, read_from):
    """The first kind of the table that any source tells."""
    origins = {statement.fields["kind"]: statement.origin("kind")
               for statement in reversed(ordered) if statement.fields.get("kind")}
    if origins.pop(kinds.OTHER_VIEW, "") and not fields.get("view"):
        origins[kinds.OTHER_VIEW] = f"{TAGS} ViewPosition"
    if fields.get("view", "CC") not in kinds.STANDARD_VIEWS:
        origins[kinds.OTHER_VIEW] = read_from.get("view", "")
    kind = next((kind for kind in kinds.KINDS if kind in origins), kinds.STANDARD)
    if fields.get("modifier") and kind == kinds.STANDARD:
        kind = kinds.OTHER_VIEW
    read_from["kind"] = origins.get(kind, "")
    return kind


def _contradictions(ordered, fields):
    """Sentences on sources that say something else than the one that was taken."""
    notes = []
    for name, word in (("laterality", "side"), ("view", "view")):
        telling = [statement for statement in ordered if statement.fields.get(name)]
        for other in telling:
            first = telling[0]
            if other.fields[name] not in (first.fields[name], fields[name]):
                notes.append(
                    f"{word} {first.fields[name]} by {ITS[first.source]}, "
                    f"{other.fields[name]} by {ITS[other.source]}; "
                    f"{TAKEN[first.source]}")
    stating = {statement.source: statement.fields["patient"] for statement in ordered
               if statement.fields.get("patient") and (
                   statement.source != NAME or statement.certain)}
    texts = list(stating.values())
    if len(set(texts)) > 1:
        first, other = list(stating)[:2]
        # No number of a patient is ever quoted.
        notes.append(f"another patient by {ITS[first]} than by {ITS[other]}; "
                     f"{TAKEN[first if fields['patient'] == texts[0] else other]}")
    return notes
