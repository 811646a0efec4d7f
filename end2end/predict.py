"""Scores mammograms with trained models, one row per image.

    python -m end2end.predict best.h5 other.h5 mammograms/ one.dcm --out scores.csv

Models are told from inputs by their suffix (.h5, .keras). Rows are written as they
come; a second call with the same models scores only what is missing. Research use only.
"""

import csv
import io
import os
import pathlib

from end2end import commands, files

MODEL_SUFFIXES = (".h5", ".keras")
KNOWN = ("path", "patient", "laterality", "view", "score")
RESEARCH = "Research use only: no medical device, not for diagnosis."


def parser():
    """The command line."""
    made = commands.Parser(prog="python -m end2end.predict", description=__doc__)
    made.add_argument("paths", nargs="+", metavar="MODEL_OR_INPUT",
                      help="models (.h5, .keras), image files and folders")
    made.add_argument("--out", default="scores.csv", help="CSV file (%(default)s)")
    made.add_argument("--flips", action="store_true",
                      help="average over the four flips")
    return made


def main(argv=None):
    """Scores the images; returns 1 if some failed."""
    arguments = parser().parse_args(argv)
    models, images = gather(arguments.paths)
    out = pathlib.Path(arguments.out)
    files.writable_folder(out.parent)
    columns = (*KNOWN, *(f"score_{path}" for path in models), "flips", "notes")
    done = whole_rows(out, columns, str(arguments.flips))
    from end2end import checkpoints
    classifiers = [checkpoints.load_classifier(path) for path in models]
    commands.say(RESEARCH)
    for path, classifier in zip(models, classifiers, strict=True):
        if set(classifier.classes) != {"neg", "pos"}:
            raise files.InputError(
                f"model {path} tells apart {', '.join(classifier.classes)}; expected "
                "neg and pos. Give a model of whole images.")
        trained_on = classifier.card.get("trained_on", "unknown data")
        commands.say(f"{path} was trained on: {trained_on}")
    todo = [path for path in images if str(path) not in done]
    commands.say(f"{len(images)} images, {len(todo)} to score into {out}")
    failures = score_all(todo, out, columns, classifiers, flips=arguments.flips)
    commands.say(f"{len(todo) - len(failures)} scored, {len(failures)} failed; rows "
                 f"are in {out}")
    for path, reason in failures:
        commands.say(f"failed: {path}: {reason}")
    return 1 if failures else 0


def gather(paths):
    """Models and image files of a command line, each once.

    Raises:
        files.InputError: there is no model or no image, or a path does not exist.
    """
    paths = list(map(pathlib.Path, paths))
    models = [files.existing_file(path, "model") for path in paths
              if path.suffix.lower() in MODEL_SUFFIXES]
    images = []
    for path in paths:
        if path.is_dir():
            images += files.list_images(path)
        elif path.suffix.lower() not in MODEL_SUFFIXES:
            images.append(files.existing_file(path, "image"))
    if not models or not images:
        raise files.InputError(
            f"found {len(models)} models and {len(images)} images; expected at least "
            "one model (.h5, .keras) and one image file or folder.")
    return list(dict.fromkeys(models)), list(dict.fromkeys(images))


def whole_rows(out, columns, flips):
    """Paths that have a row already; cuts off a last row that was not finished.

    Raises:
        files.InputError: the file has other columns or was made with other flips.
    """
    if not out.exists():
        return set()
    text = out.read_bytes()
    whole = text[:text.rfind(b"\n") + 1]
    rows = list(csv.reader(io.StringIO(whole.decode("utf-8"))))
    at = columns.index("flips")
    if rows and (rows[0] != list(columns)
                 or any(len(row) <= at or row[at] != flips for row in rows[1:])):
        raise files.InputError(
            f"{out} was written with other models or flips; choose another --out.")
    if len(whole) < len(text):
        os.truncate(out, len(whole))
    return {row[0] for row in rows[1:]}


def score_all(paths, out, columns, classifiers, *, flips):
    """Appends a row per image as it comes; returns the failures with their reasons."""
    import tqdm
    failures = []
    with open(out, "a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        if not stream.tell():
            writer.writeheader()
        for path in tqdm.tqdm(paths, unit="image", disable=None):
            try:
                row = score(path, classifiers, flips=flips)
            except (files.InputError, OSError) as error:
                failures.append((path, commands.one_line(error)))
                continue
            made = [*row.pop("models")]
            row |= dict(zip(columns[len(KNOWN):-2], made, strict=True))
            writer.writerow(row | dict(flips=str(flips)))
            stream.flush()
    return failures


def score(path, classifiers, *, flips=False):
    """Score of class `pos` of one image: per model and their mean, with what is known.

    Raises:
        files.InputError: the image cannot be read.
    """
    from end2end import dicom, images, prediction, scores
    known = dict(scores.from_name(str(path)))
    if files.is_dicom(path):
        read = dicom.read_dicom(path)
        pixels, notes = read.pixels, "; ".join(read.notes)
        tags = dict(patient=read.patient_id, laterality=read.laterality, view=read.view)
        known |= {name: value for name, value in tags.items() if value}
    else:
        pixels, notes = images.read_image(path), ""
    chosen = prediction.FLIPS if flips else prediction.FLIPS[:1]
    found = []
    for classifier in classifiers:
        made = images.to_input(pixels, classifier.images)[None]
        values = prediction.predict_inputs(classifier.model, made, flips=chosen)
        found.append(float(
            values.mean(axis=(0, 1))[list(classifier.classes).index("pos")]))
    return dict(known, path=str(path), score=scores.number(sum(found) / len(found)),
                models=list(map(scores.number, found)), notes=notes)


if __name__ == "__main__":
    commands.run(main)
