"""Scores of the images of folders, manifests and files, row by row."""

import collections
import concurrent.futures
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence

import tqdm

from end2end import checkpoints
from end2end.config import model_flags
from end2end.prediction import resuming, scoring, stored_networks
from end2end.prediction.identity_cells import COLUMNS, FURTHER_COLUMNS, SEPARATOR
from end2end.tables import scores
from end2end.utils import commands, files, isolated, processes

STATED = ("flips", "calibrated", "operating_points", "flags", "notes")
# Images that are read ahead of the network; more would only take memory.
AHEAD = 3
RESEARCH = "Research use only: no medical device, not for diagnosis."


def columns(models: Sequence[files.Path]) -> tuple[str, ...]:
    """Columns of the score file of some models (their paths)."""
    return ("path", *COLUMNS, "label", "score", *(f"score_{path}" for path in models),
            *STATED, *FURTHER_COLUMNS)


def load(
        models: Sequence[files.Path], typed: dict[str, object] | None = None,
        output_options: model_flags.OutputOptions = model_flags.AS_STORED, *,
        converted: Sequence[stored_networks.Stored | None] = ()
) -> list[checkpoints.Classifier]:
    """Loads the models and says what they were trained on.

    Args:
        models: paths.
        typed: fields of `ImageOptions` in place of the models' own.
        output_options: what the user says of their outputs.
        converted: of each model what is read in its place, or None.

    Raises:
        files.InputError: a model cannot be read or is no model of whole images.
    """
    processes.keep_freed_memory()
    classifiers = [
        stored_networks.load(path, stored, typed=typed, output_options=output_options)
        for path, stored in zip(models, converted or [None] * len(models), strict=True)]
    commands.say(RESEARCH)
    for path, classifier in zip(models, classifiers, strict=True):
        scoring.check_classes(classifier)
        trained_on = classifier.card.get("trained_on", "unknown data")
        commands.say(f"{path} was trained on: {trained_on}")
    return classifiers


def fastest(
        classifiers: Sequence[checkpoints.Classifier],
        converted: Sequence[stored_networks.Stored | None]
) -> list[checkpoints.Classifier]:
    """The classifiers with networks by OpenVINO, and what they compute in.

    Args:
        classifiers: of Keras, or converted already.
        converted: of each what is stored beside its model, or None.
    """
    results = []
    for classifier, stored in zip(classifiers, converted, strict=True):
        classifier = stored_networks.fast(classifier, stored)
        results.append(classifier)
        commands.say(f"{classifier.name} is computed by OpenVINO in "
                     f"{classifier.model.name}"
                     + (f", from {stored.folder}" if stored else ""))
    return results


def score_all(
        todo: Sequence[files.Path], table: resuming.Rows,
        classifiers: Sequence[checkpoints.Classifier], *,
        known: dict[str, dict[str, str]], **options: object
) -> list[tuple[files.Path, str]]:
    """Appends a row per image as it comes; returns the failures with their reasons.

    Args:
        todo: paths of images.
        table: `resuming.Rows`.
        classifiers: list of `checkpoints.Classifier`.
        known: what stands in the row of each besides the score, dicts by path: `label`
            and the cells of `identity_cells`.
        options: `flips`, and `frame`, `refuse_unfit`, `bits` and `identities` of
            `scoring.prepare`.
    """
    failures, scored = [], []
    model_columns = [name for name in table.columns if name.startswith("score_")]
    reading = {name: options.pop(name) for name in (
        "frame", "refuse_unfit", "bits", "identities") if name in options}
    with table.appending() as append:
        for image, future in tqdm.tqdm(read_ahead(todo, classifiers, **reading),
                                       total=len(todo), unit="image", disable=None):
            try:
                prepared, state = future.result()
                cells = row(prepared, classifiers, model_columns, **options)
            except (files.InputError, OSError) as error:
                failures.append((image, commands.one_line(error)))
                continue
            append(cells | known[str(image)], state)
            scored.append(cells["path"])
    changed = table.changed_since(scored)
    table.remove(changed)
    return failures + [(path, resuming.CHANGED) for path in changed]


def read_ahead(
        todo: Iterable[files.Path], classifiers: Sequence[checkpoints.Classifier],
        **reading: object) -> Iterator[tuple[files.Path, concurrent.futures.Future]]:
    """Each image with a future of its network inputs (`prediction.Prepared`) and of
    what its file was like (`resuming.FileState`).

    A few are read and prepared, at once where that takes long, while the network works
    on those before. `reading`: further arguments of `scoring.prepare`.
    """
    def ready(path):
        state = resuming.state(files.existing_file(path, "image"))
        prepared = scoring.prepare(path, classifiers, **reading)
        resuming.check_unchanged(path, state)
        # The pixels of a large mammogram take twenty times the memory of an input.
        return dataclasses.replace(
            prepared, image=dataclasses.replace(prepared.image, pixels=None)), state

    waiting = collections.deque()
    threads = min(isolated.AT_ONCE, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for image in todo:
            waiting.append((image, pool.submit(ready, image)))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


def row(
        prepared: scoring.Prepared, classifiers: Sequence[checkpoints.Classifier],
        model_columns: Sequence[str], *, flips: bool) -> dict[str, str]:
    """The cells of one image by column: score, scores of the models, flags, notes.

    Args:
        prepared: `scoring.Prepared`.
        classifiers: list of `checkpoints.Classifier`.
        model_columns: names of the columns of their scores.
        flips: average over the four flips.

    Raises:
        files.InputError: see `prediction.score_image`.
    """
    image = scoring.score_image(prepared, classifiers, flips=flips)
    cells = dict(
        path=image.path, score=scores.number(image.score), flips=str(flips),
        calibrated="" if image.calibrated is None else scores.number(image.calibrated),
        operating_points=SEPARATOR.join(image.points),
        flags=SEPARATOR.join(image.flags), notes=SEPARATOR.join(image.notes))
    return cells | dict(zip(model_columns, map(scores.number, image.models),
                            strict=True))
