"""The work of `inbreast.learning_curve`: subsets, fine-tuning, tests, table."""

import csv
import hashlib
import pathlib
import shlex

import numpy as np
from matplotlib import figure as figure_module

from end2end.data import image_lists
from end2end.reports import figures
from end2end.utils import files, steps
from inbreast.dataset import subsets


def run(arguments):
    """Does what is missing and writes the table.

    Args:
        arguments: of `learning_curve.parser`.

    Returns:
        text for the terminal: the table and where everything is.

    Raises:
        files.InputError: a manifest without patients or without both classes.
        ChildProcessError: a command failed.
    """
    out = files.writable_folder(arguments.out)
    test = pathlib.Path(arguments.test)
    image_lists.find_images(test, arguments.class_list)
    found = training_images(arguments.train, arguments.class_list)
    drawn = subsets.nested(found, [*arguments.patients, None], seed=arguments.seed)
    rows = []
    for model in arguments.model:
        name = model_name(model)
        rows.append(evaluate(name, 0, pathlib.Path(model), test, out))
        for part in drawn.values():
            rows.append(tune(name, model, part, test, out=out, arguments=arguments))
    return write(rows, out)


def training_images(path, classes):
    """The images of a manifest; those of its column `split` that say `test` left out.

    Raises:
        files.InputError: no labels, no patients, or one class only.
    """
    found = image_lists.read_manifest(path, classes)
    if found.labels is None or len(set(found.labels.tolist())) < 2:
        raise files.InputError(
            f"manifest {path} has no labels of two classes; expected a column label "
            f"with {', '.join(classes)} or 0 and 1.")
    names, _ = subsets.patients_of(found)
    with open(path, newline="", encoding="utf-8-sig") as stream:
        splits = [(row.get("split") or "").strip() for row in csv.DictReader(stream)
                  if any(row.values())]
    tested = {patient for patient, split in zip(found.patients, splits, strict=False)
              if split == "test"}
    return subsets.of_patients(found, set(names) - tested)


def model_name(path):
    """Short name of a model: its file, or its folder for `best.h5`."""
    path = pathlib.Path(path)
    return path.resolve().parent.name if path.stem == "best" else path.stem


def tune(name, model, part, test, *, out, arguments):
    """Fine-tunes one model on one subset and tests it.

    Returns:
        dict: a row of the table.
    """
    train, val = subsets.set_apart(part, arguments.val_share, seed=arguments.seed)
    count = len(set(part.patients))
    manifests = [write_manifest(one, out / "subsets", f"{count}-{split}")
                 for one, split in ((train, "train"), (val, "val"))]
    best = out / name / f"{count}-patients" / "best.h5"
    step = steps.Step(f"{name}-{count}", f"{name}, fine-tuned on {count} patients", (
        "inbreast.finetune", *manifests, test, "--resume-from", model, "--recipe",
        arguments.recipe, "--class-list", *arguments.class_list, "--seed",
        arguments.seed, "--best-model", best, *shlex.split(arguments.flags)))
    steps.perform(step, out)
    return dict(evaluate(name, count, best, test, out, after=(step.name,)),
                images=len(part))


def write_manifest(found, folder, name):
    """Writes an `ImageList` as CSV; the name ends in a hash of the content."""
    lines = ["path,label,patient"]
    lines += [f"{pathlib.Path(path).resolve()},{found.classes[label]},{patient}"
              for path, label, patient in zip(
                  found.paths, found.labels, found.patients, strict=True)]
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    path = folder / f"{name}-{digest}.csv"
    if not path.exists():
        files.write_text(path, text)
    return path


def evaluate(name, count, model, test, out, after=()):
    """Tests a model.

    Returns:
        dict with model, patients, images, auc, low, high and flipped_auc.
    """
    folder = out / name / f"{count}-patients" / "test"
    steps.perform(steps.Step(
        f"{name}-{count}-test", f"Test of {name} after {count} patients",
        ("ddsm_train.evaluate", model, test, "--flips", "--out", folder), after), out)
    results = files.read_json(folder / "results.json")
    low, high = results["plain"]["auc_interval"]
    return dict(model=name, patients=count, images=0, auc=results["plain"]["auc"],
                low=low, high=high, flipped_auc=results["flips"]["auc"])


def write(rows, out):
    """Writes learning_curve.csv and .png; returns the table as Markdown."""
    files.write_csv(out / "learning_curve.csv", list(rows[0]), rows)
    figures.save(picture(rows), out / "learning_curve")
    models = list(dict.fromkeys(row["model"] for row in rows))
    sizes = sorted({(row["patients"], row["images"]) for row in rows})
    values = {(row["model"], row["patients"]): row for row in rows}
    lines = ["", f"| patients | images | {' | '.join(models)} |",
             f"|---|---|{'---|' * len(models)}"]
    for patients, images in sizes:
        cells = ["{auc:.2f} [{low:.2f}, {high:.2f}]".format(**values[model, patients])
                 for model in models]
        lines.append(f"| {patients} | {images} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"table and figure: {out}/learning_curve.csv, .png"])


def picture(rows):
    """AUC against the number of patients, one line per model, with intervals."""
    figure = figure_module.Figure(figsize=(5, 4), layout="constrained")
    axes = figure.add_subplot()
    for i, model in enumerate(dict.fromkeys(row["model"] for row in rows)):
        own = sorted((row for row in rows if row["model"] == model),
                     key=lambda row: row["patients"])
        values = np.array([[row["auc"], row["low"], row["high"]] for row in own])
        axes.errorbar(
            [row["patients"] for row in own], values[:, 0], marker="o", capsize=3,
            yerr=np.abs(values[:, 1:] - values[:, :1]).T, label=model,
            color=figures.COLOURS[i % len(figures.COLOURS)],
            linestyle=figures.LINES[i % len(figures.LINES)])
    axes.set_xlabel("patients for fine-tuning")
    axes.set_ylabel("AUC of the test images")
    axes.legend()
    return figure
