"""Scores of images as a table: what is known of each image, CSV in and out.

A score file has one row per image: path, patient, laterality, view, label, then
`score` (of class `pos`, cancer) and `score_NAME` for each model of an ensemble; for
more than two classes `predicted` and `score_CLASS` for each class. Further columns
(density, lesion type) are kept. No model is needed to work with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from end2end.tables import vocabulary
from end2end.utils import cells, files

UNKNOWN = -1
# Columns of texts of `Scores`, by field.
TEXTS = {"patients": "patient", "lateralities": "laterality", "views": "view",
         "exams": "exam", "votes": "votes"}
COLUMNS = ("path", "patient", "laterality", "view", "label")


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Scores of cases, in a fixed order.

    Attributes:
        paths: text, one per case.
        values: float64; score of cancer `(n,)`, or probabilities `(n, classes)` where
            there are more than two classes.
        labels: int `(n,)`, index into `classes`, -1 where unknown; None: all unknown.
        classes: names of the classes.
        patients, lateralities (`L`, `R`), views (`CC`, `MLO`): text, empty where
            unknown.
        exams: text, unique within the patient, empty where unknown.
        votes: `yes`, `alone`, `no`, or empty where nothing is known: whether an image
            counts for its breast, only for its exam, or for nothing but itself.
        models: score of cancer `(n,)` by model, where several were averaged.
        others: further columns, text by name.
    """

    paths: tuple
    values: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple = ("neg", "pos")
    patients: tuple = ()
    lateralities: tuple = ()
    views: tuple = ()
    exams: tuple = ()
    votes: tuple = ()
    models: dict = dataclasses.field(default_factory=dict)
    others: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in TEXTS:
            if not getattr(self, name):
                object.__setattr__(self, name, ("",) * len(self.paths))

    def __len__(self):
        return len(self.paths)

    @property
    def predicted(self) -> NDArray[np.integer]:
        """Class of the highest probability, int `(n,)`; 0.5 divides two classes."""
        if self.values.ndim == 1:
            return (self.values >= 0.5).astype(int)
        return self.values.argmax(axis=1)

    def subset(self, chosen: NDArray) -> Scores:
        """The cases of a bool or index array, in its order."""
        chosen = np.arange(len(self))[chosen]
        def texts(values):
            return tuple(values[i] for i in chosen)
        return Scores(
            texts(self.paths), self.values[chosen],
            None if self.labels is None else self.labels[chosen], self.classes,
            models={name: values[chosen] for name, values in self.models.items()},
            others={name: texts(values) for name, values in self.others.items()},
            **{name: texts(getattr(self, name)) for name in TEXTS})

    def labelled(self) -> Scores:
        """The cases whose label is known."""
        if self.labels is None:
            return self.subset(np.zeros(len(self), bool))
        return self.subset(self.labels != UNKNOWN)


class Images(Protocol):
    """What is read of a list of images (`data.image_lists.ImageList`)."""

    paths: tuple
    labels: np.ndarray | None
    patients: tuple | None
    lateralities: tuple | None
    views: tuple | None


def of_images(
        images: Images, values: NDArray, classes: Sequence[str],
        models: dict[str, NDArray] | None = None,
        columns: dict[str, Sequence[str]] | None = None) -> Scores:
    """Joins what is known of images with their scores.

    Args:
        images: `image_lists.ImageList`; patient, side and view are taken from it, else
            from the names of the files.
        values: probabilities `(n, classes)` or scores `(n,)`.
        classes: names of the classes.
        models: score of cancer by model, where `values` is their mean.
        columns: what is known better, tuples of texts by field of `TEXTS`.

    Returns:
        `Scores`.
    """
    values, labels = np.asarray(values, np.float64), images.labels
    if len(classes) == 2:
        positive = positive_class(classes)
        if values.ndim == 2:
            values = values[:, positive]
        if positive == 0:
            labels = None if labels is None else 1 - labels
            classes = classes[::-1]
    paths = tuple(map(str, images.paths))
    return Scores(paths, values, labels, tuple(classes), models=models or {},
                  **(_columns(images, paths) if columns is None else columns))


def _columns(images, paths):
    """Patients, sides and views of the list of images, else of the names."""
    from_names = [vocabulary.from_name(path) for path in paths]
    columns = {}
    for plural, name in (("patients", "patient"), ("lateralities", "laterality"),
                         ("views", "view")):
        stated = getattr(images, plural) or ("",) * len(paths)
        columns[plural] = tuple(
            vocabulary.CLEAN[name](cell) or by_name[name]
            for cell, by_name in zip(stated, from_names, strict=True))
    return columns


def positive_class(classes: Sequence[str]) -> int:
    """Which of two classes is cancer: the one called `pos`, else the second."""
    return list(classes).index("pos") if "pos" in classes else 1


# CSV ------------------------------------------------------------------------------


def write_scores(path: files.Path, scores: Scores) -> None:
    """Writes a score file, atomically; see the top of this module for its columns."""
    known = [name for plural, name in TEXTS.items()
             if name not in COLUMNS and any(getattr(scores, plural))]
    names = [*COLUMNS, *scores.others, *score_columns(scores), *known]
    files.write_csv(path, names, rows(scores))


def score_columns(scores: Scores) -> list[str]:
    """Names of the columns that hold scores."""
    if scores.values.ndim == 1:
        return ["score", *(f"score_{name}" for name in scores.models)]
    return ["predicted", *(f"score_{name}" for name in scores.classes)]


def rows(scores: Scores) -> list[dict[str, str]]:
    """One dict of texts per case, by column of a score file."""
    lines = []
    for i, path in enumerate(scores.paths):
        row = dict(path=path, label=_label_text(scores, i))
        row |= {name: getattr(scores, plural)[i] for plural, name in TEXTS.items()}
        row |= {name: values[i] for name, values in scores.others.items()}
        if scores.values.ndim == 1:
            row["score"] = number(scores.values[i])
            row |= {f"score_{name}": number(values[i])
                    for name, values in scores.models.items()}
        else:
            row["predicted"] = scores.classes[scores.predicted[i]]
            row |= {f"score_{name}": number(value) for name, value
                    in zip(scores.classes, scores.values[i], strict=True)}
        lines.append(row)
    return lines


def _label_text(scores, i):
    if scores.labels is None or scores.labels[i] == UNKNOWN:
        return ""
    label = int(scores.labels[i])
    return label if scores.values.ndim == 1 else scores.classes[label]


def number(value: float) -> str:
    """A score as text; nine digits bring every float32 back."""
    return format(float(value), ".9g")


def read_scores(path: files.Path) -> Scores:
    """Reads a score file, one's own or from elsewhere.

    Args:
        path: CSV with a column for the score (`score`, `probability`, ...), or
            `score_CLASS` columns. Columns for path, patient, laterality, view and label
            are known by their usual names; labels are 0 and 1, `neg` and `pos`, or
            similar.

    Returns:
        `Scores`.

    Raises:
        files.InputError: no rows, no score column, a score that is not finite, an
            unknown label.
    """
    columns = vocabulary.read_columns(path, "score file")
    headings = vocabulary.named_columns(columns)
    if "score" not in headings:
        return _read_classes(path, columns, headings)
    values = _numbers(columns, path, headings["score"])
    labels = _read_labels(columns, headings.get("label"), vocabulary.CLASSES, path)
    models = {name.removeprefix("score_"): _numbers(columns, path, name)
              for name in columns
              if name.startswith("score_") and name != headings["score"]}
    return _assemble(columns, headings, values=values, labels=labels, models=models)


def _read_classes(path, columns, headings):
    classes = [name.removeprefix("score_") for name in columns
               if name.startswith("score_")]
    if len(classes) < 2:
        raise files.InputError(
            f"score file {path} has no column 'score'; expected path, label and score, "
            f"found {', '.join(columns)}.")
    values = np.stack([_numbers(columns, path, f"score_{name}") for name in classes],
                      axis=1)
    labels = _read_labels(columns, headings.get("label"), tuple(classes), path)
    return _assemble(columns, headings, values=values, labels=labels,
                     classes=tuple(classes))


def _assemble(columns, headings, **fields):
    paths = (tuple(columns[headings["path"]]) if "path" in headings
             else tuple(f"row {number}" for number in columns.numbers))
    texts = {plural: _texts(columns, headings, name, paths)
             for plural, name in TEXTS.items()}
    used = {headings[name] for name in (*COLUMNS, "exam", "score") if name in headings}
    used |= {"predicted", "votes"}
    others = {name: tuple(values) for name, values in columns.items()
              if name not in used and not name.startswith("score_")}
    return Scores(paths, others=others, **texts, **fields)


def _texts(columns, headings, name, paths):
    """The cells of one column of texts, cleaned; empty where there is none."""
    if name == "votes":
        return tuple(text.strip().lower() for text in columns.get(
            "votes", ("",) * len(paths)))
    if name not in headings:
        return ("",) * len(paths)
    clean = vocabulary.CLEAN.get(name, str.strip)
    return tuple(vocabulary.inbreast_view(path, clean(text)) if name == "view"
                 else clean(text)
                 for path, text in zip(paths, columns[headings[name]], strict=True))


def _numbers(columns, path, column):
    values = np.empty(len(columns.numbers))
    for i, text in enumerate(columns[column]):
        values[i] = cells.number(text)
        if np.isnan(values[i]):
            raise files.InputError(
                f"score file {path}, row {columns.numbers[i]}: {column} is {text!r}; "
                "expected a finite number. Correct or remove the row.")
    return values


def _read_labels(columns, column, classes, path):
    labels = np.full(len(columns.numbers), UNKNOWN)
    for i, text in enumerate(columns.get(column, ())):
        vocabulary.check_label(
            text, f"score file {path}, row {columns.numbers[i]}", classes)
        number = vocabulary.label(text, classes)
        labels[i] = UNKNOWN if number is None else number
    return None if (labels == UNKNOWN).all() else labels


def joined(scores: Scores, path: files.Path) -> Scores:
    """Adds the columns of another table by patient, side and view.

    Args:
        scores: `Scores`.
        path: CSV such as `roi_mask_path.csv` or a case description of CBIS-DDSM, one
            row per image or lesion; the values of several lesions are joined by `+`.

    Returns:
        `Scores` with more `others`; columns that the table had before stay.

    Raises:
        files.InputError: the table lacks patient, side or view, or knows no image.
    """
    columns = vocabulary.read_columns(path, "table")
    headings = vocabulary.named_columns(columns)
    missing = [name for name in vocabulary.CLEAN if name not in headings]
    if missing:
        raise files.InputError(
            f"table {path} has no column {missing[0]}; expected patient_id, side and "
            "view.")
    cleaned = [[clean(text) for text in columns[headings[name]]]
               for name, clean in vocabulary.CLEAN.items()]
    place = {}
    for i, key in enumerate(zip(*cleaned, strict=True)):
        place.setdefault(key, []).append(i)
    keys = list(zip(scores.patients, scores.lateralities, scores.views, strict=True))
    if not any(key in place for key in keys):
        raise files.InputError(
            f"table {path} knows none of the images; expected rows such as "
            f"{', '.join(keys[0])}.")
    others = dict(scores.others)
    for name, values in columns.items():
        if name not in others and name not in headings.values():
            others[name] = tuple("+".join(sorted(
                {values[i] for i in place.get(key, ())} - {""})) for key in keys)
    return dataclasses.replace(scores, others=others)
