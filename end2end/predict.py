"""Scores mammograms with trained models, one row per image.

    python -m end2end.predict best.h5 other.h5 mammograms/ one.dcm --out scores.csv

Models are told from inputs by their suffix (.h5, .keras). Rows are written as they
come; a second call with the same models scores only what is missing. Patients' numbers
in DICOM files are replaced by pseudonyms unless --keep-ids. Research use only.
"""

import collections
import concurrent.futures
import csv
import dataclasses
import io
import os
import pathlib

from end2end import commands, files, privacy

MODEL_SUFFIXES = (".h5", ".keras")
KNOWN = ("path", "patient", "laterality", "view", "label", "score")
STATED = ("flips", "calibrated", "operating_points", "flags", "notes")
MANIFEST_SUFFIX = ".csv"
# Images that are read ahead of the network; more would only take memory.
AHEAD = 3
RESEARCH = "Research use only: no medical device, not for diagnosis."


def parser():
    """The command line."""
    made = commands.Parser(prog="python -m end2end.predict", description=__doc__)
    made.add_argument("paths", nargs="+", metavar="MODEL_OR_INPUT",
                      help="models (.h5, .keras); image files, folders and manifests "
                           "(CSV with path and perhaps patient, laterality, view, "
                           "label)")
    made.add_argument("--out", default="scores.csv", help="CSV file (%(default)s)")
    made.add_argument("--flips", action="store_true",
                      help="average over the four flips")
    made.add_argument("--rescale-factor", type=_factor, metavar="FACTOR",
                      help="multiply intensities by this instead of the model's "
                           "factor; auto: found from each image")
    made.add_argument("--frame", type=int, metavar="N",
                      help="frame of tomosynthesis stacks, from 0")
    made.add_argument("--fast", action="store_true",
                      help="networks by OpenVINO: the same scores, sooner")
    made.add_argument("--keep-ids", action="store_true",
                      help="write patients' numbers of DICOM files as they are")
    return made


def _factor(text):
    return text if text == "auto" else float(text)


def main(argv=None):
    """Scores the images; returns 1 if some failed."""
    arguments = parser().parse_args(argv)
    models, images = gather(arguments.paths)
    out = pathlib.Path(arguments.out)
    if arguments.fast:
        from end2end import inference
        inference.check()
    files.writable_folder(out.parent)
    columns = (*KNOWN, *(f"score_{path}" for path in models), *STATED)
    done = whole_rows(out, columns, str(arguments.flips))
    classifiers = load(models, arguments.rescale_factor, fast=arguments.fast)
    todo = [image for image in images if str(image["path"]) not in done]
    commands.say(f"{len(images)} images, {len(todo)} to score into {out}")
    names = privacy.Pseudonyms(arguments.keep_ids, start=len(done))
    failures = score_all(todo, out, columns, classifiers, names=names,
                         flips=arguments.flips, frame=arguments.frame)
    commands.say(f"{len(todo) - len(failures)} scored, {len(failures)} failed; rows "
                 f"are in {out}")
    commands.say(summarised(out))
    for path, reason in failures:
        commands.say(f"failed: {path}: {reason}")
    return 1 if failures else 0


def summarised(out):
    """Writes rows per breast and per patient beside the rows per image.

    `scores.csv` has `scores.breasts.csv` (mean of the views) and `scores.patients.csv`
    (highest of the breasts) beside it, as far as patients and sides are known.

    Returns:
        a sentence with the names of the files.
    """
    from end2end import ensembles, scores
    if len(out.read_bytes().splitlines()) < 2:
        return "no image has a score"
    table = scores.read_scores(out)
    table = dataclasses.replace(table, others={})
    written = []
    for name, made in (("breasts", lambda: ensembles.breasts(table, both_views=False)),
                       ("patients", lambda: ensembles.women(table))):
        path = out.with_suffix(f".{name}.csv")
        try:
            scores.write_scores(path, made())
        except files.InputError:
            path.unlink(missing_ok=True)
            continue
        written.append(str(path))
    if not written:
        return "no rows per breast: patients are not known"
    return "rows per breast and patient are in " + ", ".join(written)


def load(models, factor=None, *, fast=False):
    """Loads the models and says what they were trained on.

    Args:
        models: paths.
        factor: rescale factor in place of the models' own.
        fast: convert the networks (`inference.fast`).

    Raises:
        files.InputError: a model cannot be read or is no model of whole images.
    """
    from end2end import evaluation, inference, memory, prediction
    memory.keep_freed_memory()
    overrides = {} if factor is None else dict(intensity_scale=factor)
    classifiers = [evaluation.load_classifier(path, overrides) for path in models]
    commands.say(RESEARCH)
    for path, classifier in zip(models, classifiers, strict=True):
        prediction.check_classes(classifier)
        trained_on = classifier.card.get("trained_on", "unknown data")
        commands.say(f"{path} was trained on: {trained_on}")
    if fast:
        classifiers = [dataclasses.replace(one, model=inference.fast(one.model))
                       for one in classifiers]
    return classifiers


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
    models = [files.existing_file(path, "model") for path in paths
              if path.suffix.lower() in MODEL_SUFFIXES]
    images = []
    for path in paths:
        if path.is_dir():
            images += [dict(path=one) for one in files.list_images(path)]
        elif path.suffix.lower() == MANIFEST_SUFFIX:
            images += manifest_images(path)
        elif path.suffix.lower() not in MODEL_SUFFIXES:
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
    from end2end import scores
    columns = scores.read_columns(path, "manifest")
    named = scores.named_columns(columns)
    if "path" not in named:
        raise files.InputError(
            f"manifest {path} has no column path; expected path and, as far as known, "
            "patient, laterality, view, label.")
    known = [name for name in KNOWN[1:5] if name in named]
    return [dict(path=path.parent / one) | {
        name: scores.CLEAN.get(name, str)(columns[named[name]][i]) for name in known}
        for i, one in enumerate(columns[named["path"]])]


def whole_rows(out, columns, flips):
    """Paths that have a row already; cuts off a last row that was not finished.

    Raises:
        files.InputError: the file has other columns or was made with other flips.
    """
    if not out.exists():
        return set()
    text = out.read_bytes()
    whole = text[:text.rfind(b"\n") + 1]
    try:
        rows = list(csv.reader(io.StringIO(whole.decode("utf-8"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.InputError(
            f"{out} is there, but no table of scores ({error}); choose another --out."
        ) from error
    at = columns.index("flips")
    if rows and (rows[0] != list(columns)
                 or any(len(row) <= at or row[at] != flips for row in rows[1:])):
        raise files.InputError(
            f"{out} was written with other models or flips; choose another --out.")
    if len(whole) < len(text):
        os.truncate(out, len(whole))
    return {row[0] for row in rows[1:]}


def score_all(todo, out, columns, classifiers, *, names, **options):
    """Appends a row per image as it comes; returns the failures with their reasons.

    Args:
        todo: list of dicts from `gather`.
        out: CSV file.
        columns: of its rows.
        classifiers: list of `checkpoints.Classifier`.
        names: `privacy.Pseudonyms`.
        options: `flips` and `frame` of `prediction.score_image`.
    """
    import tqdm
    failures = []
    frame = options.pop("frame", None)
    with open(out, "a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        if not stream.tell():
            writer.writeheader()
        for image, reading in tqdm.tqdm(read_ahead(todo, frame), total=len(todo),
                                        unit="image", disable=None):
            try:
                found = row(image, reading.result(), classifiers, names, **options)
            except (files.InputError, OSError) as error:
                failures.append((image["path"], commands.one_line(error)))
                continue
            writer.writerow(dict(zip(columns, found, strict=True)))
            stream.flush()
    return failures


def read_ahead(todo, frame):
    """Each image with a future of its pixels, a few of which are read beforehand."""
    from end2end import prediction
    waiting = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for image in todo:
            waiting.append((image, pool.submit(
                prediction.read_mammogram, image["path"], frame=frame)))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


def row(image, mammogram, classifiers, names, *, flips):
    """The cells of one image, in the order of the columns.

    Raises:
        files.InputError: see `prediction.score_image`.
    """
    from end2end import prediction, scores
    found = prediction.score_image(mammogram, classifiers, flips=flips)
    patient = found.patient
    # What the name of the file says is in its path anyway.
    if patient != scores.from_name(found.path)["patient"]:
        patient = names(patient)
    calibrated = "" if found.calibrated is None else scores.number(found.calibrated)
    return (found.path, image.get("patient") or patient,
            image.get("laterality") or found.laterality,
            image.get("view") or found.view, image.get("label", ""),
            scores.number(found.score), *map(scores.number, found.models), str(flips),
            calibrated, "; ".join(found.points), "; ".join(found.flags),
            "; ".join(found.notes))


if __name__ == "__main__":
    commands.run(main)
