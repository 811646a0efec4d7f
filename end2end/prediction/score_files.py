"""Scores of the images of folders, manifests and files, row by row."""

import collections
import concurrent.futures
import dataclasses
import pathlib

import tqdm

from end2end import checkpoints
from end2end.config import model_flags
from end2end.prediction import engines, resuming, scoring
from end2end.prediction.grouping import SEPARATOR
from end2end.tables import scores, vocabulary
from end2end.utils import commands, files, processes

KNOWN = ("path", "patient", "laterality", "view", "label", "score")
MANIFEST_SUFFIX = ".csv"
# Images that are read ahead of the network; more would only take memory.
AHEAD = 3
RESEARCH = "Research use only: no medical device, not for diagnosis."


def load(models, typed=None, output_options=model_flags.AS_STORED):
    """Loads the models and says what they were trained on.

    Args:
        models: paths.
        typed: fields of `ImageOptions` in place of the models' own.
        output_options: what the user says of their outputs.

    Raises:
        files.InputError: a model cannot be read or is no model of whole images.
    """
    processes.keep_freed_memory()
    classifiers = [checkpoints.load_classifier(
        path, typed=typed, output_options=output_options) for path in models]
    commands.say(RESEARCH)
    for path, classifier in zip(models, classifiers, strict=True):
        scoring.check_classes(classifier)
        trained_on = classifier.card.get("trained_on", "unknown data")
        commands.say(f"{path} was trained on: {trained_on}")
    return classifiers


def converted(classifiers):
    """The classifiers with networks by OpenVINO (`engines.fast`)."""
    found = []
    for one in classifiers:
        found.append(dataclasses.replace(
            one, model=engines.fast(one.model, one.images)))
        commands.say(f"{one.name} is computed by OpenVINO in "
                     f"{engines.PRECISIONS[found[-1].model.precision]}")
    return found


def gather(paths):
    """Models and images of a command line, each once.

    Returns:
        list of paths of models; list of dicts with `path` and what a manifest says
        (patient, laterality, view, label).

    Raises:
        files.InputError: there is no model or no image, or a path does not exist. A
            missing image of a manifest is no error here; it fails on its own.
    """
    paths = list(map(pathlib.Path, paths))
    models = [checkpoints.existing_model(path) for path in paths
              if checkpoints.is_model(path)]
    images = []
    for path in paths:
        if path in models:
            continue
        if path.is_dir():
            images += [dict(path=one) for one in files.list_images(path)]
        elif path.suffix.lower() == MANIFEST_SUFFIX:
            images += manifest_images(path)
        else:
            images.append(dict(path=files.existing_file(path, "image")))
    if not models or not images:
        raise files.InputError(
            f"found {len(models)} models and {len(images)} images; expected at least "
            "one model (.h5, .keras) and one image file or folder.")
    by_path = {}
    for image in images:
        by_path.setdefault(image["path"], image)
    return list(dict.fromkeys(models)), list(by_path.values())


def manifest_images(path):
    """Rows of a manifest; relative paths start from its folder."""
    columns = vocabulary.read_columns(path, "manifest")
    named = vocabulary.named_columns(columns)
    if "path" not in named:
        raise files.InputError(
            f"manifest {path} has no column path; expected path and, as far as known, "
            "patient, laterality, view, label.")
    known = [name for name in KNOWN[1:5] if name in named]
    return [dict(path=path.parent / one) | {
        name: vocabulary.CLEAN.get(name, str)(columns[named[name]][i])
        for name in known}
        for i, one in enumerate(columns[named["path"]])]


def score_all(todo, table, classifiers, *, names, **options):
    """Appends a row per image as it comes; returns the failures with their reasons.

    Args:
        todo: list of dicts from `gather`.
        table: `resuming.Rows`.
        classifiers: list of `checkpoints.Classifier`.
        names: gives the pseudonym of a patient; `resuming.Record`.
        options: `flips`, and `frame`, `refuse_unfit` and `bits` of `scoring.prepare`.
    """
    failures, scored = [], []
    reading = {name: options.pop(name) for name in ("frame", "refuse_unfit", "bits")
               if name in options}
    with table.appending() as append:
        for image, future in tqdm.tqdm(read_ahead(todo, classifiers, **reading),
                                       total=len(todo), unit="image", disable=None):
            try:
                prepared, state = future.result()
                cells = row(image, prepared, classifiers, names, **options)
            except (files.InputError, OSError) as error:
                failures.append((image["path"], commands.one_line(error)))
                continue
            append(dict(zip(table.columns, cells, strict=True)), state)
            scored.append(cells[0])
    changed = table.changed_since(scored)
    table.remove(changed)
    return failures + [(path, resuming.CHANGED) for path in changed]


def read_ahead(todo, classifiers, **reading):
    """Each image with a future of its network inputs (`prediction.Prepared`) and of
    what its file was like (`resuming.FileState`).

    A few are read and prepared while the network works on those before. `reading`:
    further arguments of `scoring.prepare`.
    """
    def ready(path):
        state = resuming.state(files.existing_file(path, "image"))
        prepared = scoring.prepare(path, classifiers, **reading)
        resuming.check_unchanged(path, state)
        # The pixels of a large mammogram take twenty times the memory of an input.
        return dataclasses.replace(
            prepared, image=dataclasses.replace(prepared.image, pixels=None)), state

    waiting = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for image in todo:
            waiting.append((image, pool.submit(ready, image["path"])))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


def row(image, prepared, classifiers, names, *, flips):
    """The cells of one image, in the order of the columns.

    Raises:
        files.InputError: see `prediction.score_image`.
    """
    found = scoring.score_image(prepared, classifiers, flips=flips)
    patient = found.patient
    # What the name of the file says is in its path anyway.
    if patient != vocabulary.from_name(found.path)["patient"]:
        patient = names(patient)
    calibrated = "" if found.calibrated is None else scores.number(found.calibrated)
    return (found.path, image.get("patient") or patient,
            image.get("laterality") or found.laterality,
            image.get("view") or found.view, image.get("label", ""),
            scores.number(found.score), *map(scores.number, found.models), str(flips),
            calibrated, SEPARATOR.join(found.points), SEPARATOR.join(found.flags),
            SEPARATOR.join(found.notes))
