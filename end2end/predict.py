"""Scores mammograms with trained models, one row per image.

    python -m end2end.predict best.h5 other.h5 mammograms/ one.dcm --out scores.csv
    python -m end2end.predict best.h5 study/ --overlay pictures/ --report report.html

Models are told from inputs by their suffix (.h5, .keras). Rows are written as they
come; a second call with the same models scores only what is missing. Patients' numbers
in DICOM files are replaced by pseudonyms unless --keep-ids. Exit status 1: some images
failed; they are listed with the reason. Research use only.
"""

import collections
import concurrent.futures
import csv
import dataclasses
import pathlib

from end2end import commands, files

MODEL_SUFFIXES = (".h5", ".keras")
KNOWN = ("path", "patient", "laterality", "view", "label", "score")
STATED = ("flips", "calibrated", "operating_points", "flags", "notes")
MANIFEST_SUFFIX = ".csv"
# Rows are appended as they come; JSON is made of them at the end.
JSON_SUFFIX = ".json"
# Images that are read ahead of the network; more would only take memory.
AHEAD = 3
CHANGED = "the file changed after it was read; call again to score it"
RESEARCH = "Research use only: no medical device, not for diagnosis."


def parser():
    """The command line."""
    made = commands.Parser(prog="python -m end2end.predict", description=__doc__)
    made.add_argument("paths", nargs="+", metavar="MODEL_OR_INPUT",
                      help="models (.h5, .keras); image files, folders and manifests "
                           "(CSV with path and perhaps patient, laterality, view, "
                           "label)")
    made.add_argument("--out", default="scores.csv",
                      help="CSV file; or JSON file, whose rows are gathered in the CSV "
                           "file of the same name (%(default)s)")
    made.add_argument("--flips", action="store_true",
                      help="average over the four flips")
    made.add_argument("--rescale-factor", type=_factor, metavar="FACTOR",
                      help="multiply intensities by this instead of the model's "
                           "factor; auto: found from each image")
    made.add_argument("--featurewise-mean", type=float, metavar="GREY",
                      help="mean to subtract instead of the model's")
    made.add_argument("--img-size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"),
                      help="size instead of the model's; needed with a model of which "
                           "nothing is known")
    made.add_argument("--frame", type=int, metavar="N",
                      help="frame of tomosynthesis stacks, from 0")
    made.add_argument("--fast", action="store_true",
                      help="networks by OpenVINO: the same scores, sooner")
    made.add_argument("--keep-ids", action="store_true",
                      help="write patients' numbers of DICOM files as they are")
    made.add_argument("--overlay", type=pathlib.Path, metavar="FOLDER",
                      help="write saliency and heatmap of each image as PNG")
    made.add_argument("--patch-model", type=pathlib.Path, metavar="FILE",
                      help="patch classifier whose heatmap is drawn; default: Grad-CAM "
                           "of the first model")
    made.add_argument("--report", type=pathlib.Path, metavar="FILE",
                      help="write a page of all images with their maps, HTML")
    made.add_argument("--dicom", type=pathlib.Path, metavar="FOLDER",
                      help="write for each DICOM file its overlay (Secondary Capture) "
                           "and its score (Structured Report); they carry the tags of "
                           "the patient")
    return made


def _factor(text):
    return text if text == "auto" else float(text)


def overrides(arguments):
    """The fields of `ImageOptions` that were typed."""
    size = arguments.img_size and tuple(arguments.img_size)
    typed = dict(intensity_scale=arguments.rescale_factor, size=size,
                 pixel_mean=arguments.featurewise_mean)
    return {name: value for name, value in typed.items() if value is not None}


def main(argv=None):
    """Scores the images; returns 1 if some failed."""
    arguments = parser().parse_args(argv)
    models, images = gather(arguments.paths)
    asked = pathlib.Path(arguments.out)
    out = asked.with_suffix(".csv") if asked.suffix == JSON_SUFFIX else asked
    if arguments.fast:
        from end2end import inference
        inference.check()
    files.writable_folder(out.parent)
    columns = (*KNOWN, *(f"score_{path}" for path in models), *STATED)
    from end2end import predict_record, predict_rows
    done = predict_rows.whole(out, columns, str(arguments.flips))
    settings = predict_record.settings(models, arguments, overrides(arguments))
    names = predict_record.Record(out, settings, rows=bool(done))
    again = predict_rows.newer(done & {str(image["path"]) for image in images}, out)
    classifiers = load(models, overrides(arguments))
    wanted = pictures(arguments, settings)
    if again:
        commands.say(f"{len(again)} images changed since; they are scored again")
        predict_rows.remove(out, again)
    todo = [image for image in images if str(image["path"]) not in done - again]
    commands.say(f"{len(images)} images, {len(todo)} to score into {out}")
    failures = score_all(
        todo, out, columns, converted(classifiers) if arguments.fast else classifiers,
        names=names, flips=arguments.flips, frame=arguments.frame)
    commands.say(f"{len(todo) - len(failures)} scored, {len(failures)} failed")
    failures += finish(asked, out, images, classifiers, failures, wanted)
    for path, reason in failures:
        reason = reason.removeprefix(f"{path} ")
        commands.say(f"failed: {commands.one_line(path)}: {reason}")
    return 1 if failures else 0


def pictures(arguments, settings):
    """What pictures are asked for (`predict_pictures.Wanted`), or None.

    Raises:
        files.InputError: they cannot be made or written.
    """
    if not (arguments.overlay or arguments.report or arguments.dicom):
        if arguments.patch_model:
            raise files.InputError(
                "--patch-model draws a heatmap, but no pictures are asked for; add "
                "--overlay FOLDER or --report FILE.")
        return None
    from end2end import evaluation, predict_pictures
    patch, digest = None, None
    if arguments.patch_model:
        patch = evaluation.load_classifier(arguments.patch_model)
        digest = files.sha256(arguments.patch_model)
    wanted = predict_pictures.Wanted(
        arguments.overlay, arguments.report, arguments.dicom, patch, arguments.frame,
        dict(settings, patch_model=digest))
    predict_pictures.check(wanted)
    return wanted


def finish(asked, out, images, classifiers, failures, wanted):
    """Writes all that is made of the rows, and says where it is.

    Returns:
        pairs of path and reason, of the images without pictures.
    """
    from end2end import predict_tables as tables
    rows, found = tables.read_rows(out), tables.levels(out)
    if not rows:
        commands.say("no image has a score")
        return []
    paths = {str(image["path"]) for image in images}
    rows = [row for row in rows if row["path"] in paths]
    commands.say(tables.terminal(rows, found) + "\n")
    more = []
    if wanted:
        from end2end import predict_pictures
        more = predict_pictures.make(rows, classifiers, wanted,
                                     predict_pictures.table_sections(found))
    written = [out, *tables.write_levels(out, found)]
    if asked != out:
        trained = [one.card.get("trained_on", "unknown data") for one in classifiers]
        tables.write_json(
            asked, tables.read_rows(out), found, failures=failures + more, models=[
                dict(name=one.name, trained_on=data)
                for one, data in zip(classifiers, trained, strict=True)])
        written.insert(0, asked)
    if wanted:
        written += filter(None, (wanted.overlay, wanted.page, wanted.results))
    commands.say("written: " + ", ".join(map(str, written)))
    if not found["breasts"]:
        commands.say("no rows per breast: patients and sides are not known")
    flagged = sum(bool(row["flags"]) for row in rows)
    if flagged:
        commands.say(f"{flagged} of {len(rows)} images may not fit the model; see "
                     "their flags")
    return more


def load(models, typed=None):
    """Loads the models and says what they were trained on.

    Args:
        models: paths.
        typed: fields of `ImageOptions` in place of the models' own.

    Raises:
        files.InputError: a model cannot be read or is no model of whole images.
    """
    from end2end import evaluation, memory, prediction
    memory.keep_freed_memory()
    classifiers = [evaluation.load_classifier(path, typed) for path in models]
    commands.say(RESEARCH)
    for path, classifier in zip(models, classifiers, strict=True):
        prediction.check_classes(classifier)
        trained_on = classifier.card.get("trained_on", "unknown data")
        commands.say(f"{path} was trained on: {trained_on}")
    return classifiers


def converted(classifiers):
    """The classifiers with networks by OpenVINO (`inference.fast`)."""
    from end2end import inference
    found = []
    for one in classifiers:
        found.append(dataclasses.replace(
            one, model=inference.fast(one.model, one.images)))
        commands.say(f"{one.name} is computed by OpenVINO in "
                     f"{inference.PRECISIONS[found[-1].model.precision]}")
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


def score_all(todo, out, columns, classifiers, *, names, **options):
    """Appends a row per image as it comes; returns the failures with their reasons.

    Args:
        todo: list of dicts from `gather`.
        out: CSV file.
        columns: of its rows.
        classifiers: list of `checkpoints.Classifier`.
        names: gives the pseudonym of a patient; `predict_record.Record`.
        options: `flips` and `frame` of `prediction.score_image`.
    """
    import tqdm

    from end2end import predict_rows
    failures, read = [], {}
    frame = options.pop("frame", None)
    with open(out, "a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        if not stream.tell():
            writer.writeheader()
        for image, reading in tqdm.tqdm(read_ahead(todo, classifiers, frame, read),
                                        total=len(todo), unit="image", disable=None):
            try:
                found = row(image, reading.result(), classifiers, names, **options)
            except (files.InputError, OSError) as error:
                failures.append((image["path"], commands.one_line(error)))
                continue
            writer.writerow(files.csv_cells(dict(zip(columns, found, strict=True))))
            stream.flush()
    changed = predict_rows.changed(read) - {str(path) for path, _ in failures}
    predict_rows.remove(out, changed)
    return failures + [(path, CHANGED) for path in sorted(changed)]


def read_ahead(todo, classifiers, frame, read):
    """Each image with a future of its network inputs (`prediction.Prepared`).

    A few are read and prepared while the network works on those before. What the files
    were like goes into `read` (`predict_rows.stamp`).
    """
    from end2end import predict_rows, prediction

    def ready(path):
        read[str(path)] = predict_rows.stamp(path)
        made = prediction.prepare(path, classifiers, frame=frame)
        # The pixels of a large mammogram take twenty times the memory of an input.
        return dataclasses.replace(
            made, image=dataclasses.replace(made.image, pixels=None))

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
    from end2end import prediction, scores
    from end2end.predict_tables import SEPARATOR
    found = prediction.score_image(prepared, classifiers, flips=flips)
    patient = found.patient
    # What the name of the file says is in its path anyway.
    if patient != scores.from_name(found.path)["patient"]:
        patient = names(patient)
    calibrated = "" if found.calibrated is None else scores.number(found.calibrated)
    return (found.path, image.get("patient") or patient,
            image.get("laterality") or found.laterality,
            image.get("view") or found.view, image.get("label", ""),
            scores.number(found.score), *map(scores.number, found.models), str(flips),
            calibrated, SEPARATOR.join(found.points), SEPARATOR.join(found.flags),
            SEPARATOR.join(found.notes))


if __name__ == "__main__":
    commands.run(main)
