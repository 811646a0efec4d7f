"""The work of `inbreast.learning_curve`: subsets, fine-tuning, tests, table."""

import argparse
import dataclasses
import hashlib
import pathlib
import shlex
from collections.abc import Sequence

import numpy as np
from matplotlib import figure as figure_module

from end2end.data import image_lists
from end2end.reports import figures, score_tables
from end2end.utils import files, steps
from inbreast.dataset import subsets

# Of the women of a subset, where folds choose the epoch.
FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Part:
    """A subset of the women for fine-tuning.

    Attributes:
        images: of the subset.
        train: those that train.
        val: those that choose the epoch; None where the number of epochs is fixed or
            found by folds.
        folds: whether it is found by folds.
    """

    images: image_lists.ImageList
    train: image_lists.ImageList
    val: image_lists.ImageList | None
    folds: bool = False

    @property
    def patients(self) -> int:
        """Number of women in the subset."""
        return len(set(self.images.patients))

    @property
    def validation(self) -> str:
        """Who chooses the epoch, in words of a table."""
        if self.folds:
            return "all of these, in folds"
        if self.val is None:
            return "nobody: fixed epochs"
        way = "of these" if set(self.val.patients) <= set(
            self.images.patients) else "more"
        return f"{len(set(self.val.patients))} {way}"


def run(arguments: argparse.Namespace) -> str:
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
    images = training_images(arguments.train, arguments.class_list)
    drawn = parts(images, [*arguments.patients, None], arguments.validation,
                  share=arguments.val_share, seed=arguments.seed)
    settings = argparse.Namespace(**{
        **vars(arguments), "flags": shlex.split(arguments.flags), "flips": True})
    rows = []
    for model in map(pathlib.Path, arguments.model):
        name = model_name(model)
        steps.perform(testing_step(name, 0, model, test, out), out)
        rows.append(outcome(name, None, out))
        for part in drawn.values():
            for step in tuning_steps(
                    name, model, part, test, out=out, arguments=settings):
                steps.perform(step, out)
            rows.append(outcome(name, part, out))
    return write(rows, out)


def parts(images: image_lists.ImageList, counts: Sequence[int | None],
          validation: str, *, share: float, seed: int) -> dict[int | None, Part]:
    """Nested subsets, each with those who choose the epoch.

    Args:
        images: all images that may be trained on, with patients.
        counts: numbers of patients; None is all.
        validation: of `named.VALIDATION`.
        share: of the patients of a subset, for validation.
        seed: of the draw.

    Returns:
        dict from count to `Part`.
    """
    apart = getattr(subsets, validation)
    return {count: Part(subset, *apart(images, subset, share, seed=seed),
                        folds=validation == "folds")
            for count, subset in subsets.nested(images, counts, seed=seed).items()}


def training_images(path: str | pathlib.Path,
                    classes: Sequence[str]) -> image_lists.ImageList:
    """The images of a manifest; those of its column `split` that say `test` left out.

    Raises:
        files.InputError: no labels, no patients, or one class only.
    """
    images = image_lists.read_manifest(path, classes)
    if images.labels is None or len(set(images.labels.tolist())) < 2:
        raise files.InputError(
            f"manifest {path} has no labels of two classes; expected a column label "
            f"with {', '.join(classes)} or 0 and 1.")
    names, _ = subsets.patients_of(images)
    splits = [row.get("split", "").strip() for row in files.read_csv(path, "manifest")
              if any(row.values())]
    tested = {patient for patient, split in zip(images.patients, splits, strict=False)
              if split == "test"}
    return subsets.of_patients(images, set(names) - tested)


def model_name(path: str | pathlib.Path) -> str:
    """Short name of a model: its file, or its folder for `best.h5`."""
    path = pathlib.Path(path)
    return path.resolve().parent.name if path.stem == "best" else path.stem


def tuning_steps(name: str, model: pathlib.Path, part: Part,
                 test: pathlib.Path, *, out: pathlib.Path,
                 arguments: argparse.Namespace) -> list[steps.Step]:
    """Fine-tuning of one model on one subset, and its test.

    Without validation the last epoch is kept, and the training images are watched.

    Args:
        name: of the model, for folders.
        model: path of the whole-image model.
        part: the subset.
        test: class folders or manifest.
        out: folder for everything.
        arguments: with seed, recipe, class_list, flags, a list of words, and flips,
            whether to test with the mean over flips too.
    """
    count = part.patients
    manifests = [write_manifest(images, out / "subsets", f"{count}-{split}")
                 for images, split in ((part.train, "train"), (part.val, "val"))
                 if images]
    fixed = ()
    if part.val is None:
        manifests = manifests * 2
        fixed = ("--folds", FOLDS) if part.folds else ("--keep-epoch", "last")
    best = out / name / f"{count}-patients" / "best.h5"
    step = steps.Step(f"{name}-{count}", f"{name}, fine-tuned on {count} patients", (
        "inbreast.finetune", *manifests, test, "--resume-from", model, "--recipe",
        arguments.recipe, "--class-list", *arguments.class_list, "--seed",
        arguments.seed, "--best-model", best, *fixed, *arguments.flags))
    return [step, testing_step(name, count, best, test, out, after=(step.name,),
                               flips=arguments.flips)]


def write_manifest(images: image_lists.ImageList, folder: pathlib.Path,
                   name: str) -> pathlib.Path:
    """Writes an `ImageList` as CSV; the name ends in a hash of the content."""
    lines = ["path,label,patient"]
    lines += [f"{pathlib.Path(path).resolve()},{images.classes[label]},{patient}"
              for path, label, patient in zip(
                  images.paths, images.labels, images.patients, strict=True)]
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    path = folder / f"{name}-{digest}.csv"
    if not path.exists():
        files.write_text(path, text)
    return path


def testing_step(name: str, count: int, model: pathlib.Path, test: pathlib.Path,
                 out: pathlib.Path, *, after: tuple[str, ...] = (),
                 flips: bool = True) -> steps.Step:
    """The test of a model after fine-tuning on `count` patients; 0: as it is."""
    return steps.Step(
        f"{name}-{count}-test", f"Test of {name} after {count} patients",
        ("ddsm_train.evaluate", model, test, *(("--flips",) if flips else ()), "--out",
         test_folder(name, count, out)), after)


def test_folder(name: str, count: int, out: pathlib.Path) -> pathlib.Path:
    """Where the result of a test lies."""
    return out / name / f"{count}-patients" / "test"


def outcome(name: str, part: Part | None, out: pathlib.Path) -> dict:
    """A row of the table: model, patients, images, validation, auc, low, high,
    flipped_auc, and of the test set images and cancers; without a subset of the model
    as it is.
    """
    count, images, validation = (
        (part.patients, len(part.images), part.validation) if part else (0, 0, "-"))
    results = files.read_json(test_folder(name, count, out) / "results.json")
    plain = results["plain"]
    low, high = plain["auc_interval"]
    return dict(model=name, patients=count, images=images, validation=validation,
                auc=plain["auc"], low=low, high=high,
                flipped_auc=results["flips"]["auc"],
                test_images=plain["count"], test_cancers=plain["positive"])


def write(rows: list[dict], out: pathlib.Path) -> str:
    """Writes learning_curve.csv and .png; returns the table as Markdown."""
    files.write_csv(out / "learning_curve.csv", list(rows[0]), rows)
    figures.save(picture(rows), out / "learning_curve")
    models = list(dict.fromkeys(row["model"] for row in rows))
    sizes = sorted({(row["patients"], row["images"], row["validation"])
                    for row in rows})
    values = {(row["model"], row["patients"]): row for row in rows}
    lines = ["", f"| patients | images | validation | {' | '.join(models)} |",
             f"|---|---|---|{'---|' * len(models)}"]
    for patients, images, validation in sizes:
        cells = ["{auc:.2f} [{low:.2f}, {high:.2f}]".format(**row) + score_tables.few(
            dict(positive=row["test_cancers"], count=row["test_images"]))
            for row in (values[model, patients] for model in models)]
        lines.append(f"| {patients} | {images} | {validation} | "
                     f"{' | '.join(cells)} |")
    return "\n".join([*lines, "", f"table and figure: {out}/learning_curve.csv, .png"])


def picture(rows: list[dict]) -> figure_module.Figure:
    """AUC against the number of patients, one line per model, with intervals."""
    figure = figure_module.Figure(figsize=(5, 4), layout="constrained")
    axes = figure.add_subplot()
    for i, model in enumerate(dict.fromkeys(row["model"] for row in rows)):
        points = sorted((row for row in rows if row["model"] == model),
                        key=lambda row: row["patients"])
        values = np.array([[row["auc"], row["low"], row["high"]] for row in points])
        axes.errorbar(
            [row["patients"] for row in points], values[:, 0], marker="o", capsize=3,
            yerr=np.abs(values[:, 1:] - values[:, :1]).T, label=model,
            color=figures.COLOURS[i % len(figures.COLOURS)],
            linestyle=figures.LINES[i % len(figures.LINES)])
    axes.set_xlabel("patients for fine-tuning")
    axes.set_ylabel("AUC of the test images")
    axes.legend()
    return figure
