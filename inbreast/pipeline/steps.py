"""The experiments on INbreast as chains of commands, and what came out of them."""

import argparse
import pathlib

from end2end import experiments
from end2end.data import image_lists
from end2end.experiments import Column, Run, Scale
from end2end.utils import files, programs, steps
from inbreast import dataset, pipeline
from inbreast.pipeline import named


def _demo_flags(epochs):
    """What fine-tuning has in place of the recipe's at the scales of phantoms."""
    return ("--init-learningrate", 0.001, "--batch-size", 8, "--all-layer-epochs",
            epochs, "--trained-on", "synthetic mammograms only")


SCALES = {
    "paper": Scale((1152, 896)),
    "demo": Scale((320, 256), 0.5, (
        "--patients", 60, "--difficulty", 0.1, "--size", 640, 512),
        flags=_demo_flags(10)),
    "smoke": Scale((320, 256), 0.2, (
        "--patients", 24, "--difficulty", 0.0, "--size", 320, 256),
        flags=_demo_flags(1)),
}
CLASSES = ("neg", "pos")
# Of the patients of a subset, to choose the epoch.
VAL_SHARE = 0.2


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds what only these experiments have: the models that they start from."""
    parser.add_argument("--models", metavar="FOLDER",
                        help="models of ddsm_train.experiments (default: runs/"
                             "SCALE-experiments)")
    parser.add_argument("--ddsm", metavar="DOWNLOAD",
                        help="folder of CBIS-DDSM as downloaded: missing models are "
                             "made from it first; --scale demo makes them from "
                             "phantoms")


def starts(arguments: argparse.Namespace) -> tuple[pathlib.Path, tuple]:
    """The folder of the models that rows start from, and the flags of
    `ddsm_train.experiments` that make a missing one, empty where it cannot be made."""
    models = pathlib.Path(arguments.models or f"runs/{arguments.scale}-experiments")
    if arguments.ddsm:
        return models, ("--scale", arguments.scale, "--data", arguments.ddsm)
    if SCALES[arguments.scale].phantoms is not None:
        return models, ("--scale", arguments.scale)
    return models, ()


def check(rows: list[named.Experiment], run: Run) -> None:
    """Makes the whole-image models that rows start from, where they are missing.

    Raises:
        files.InputError: one is missing, and so is CBIS-DDSM.
    """
    for name in dict.fromkeys(row.model for row in rows if row.model):
        path = run.model(name)
        if not path.exists() and run.making:
            steps.perform(steps.Step(f"make-{name}", f"Model {name}", (
                "ddsm_train.experiments", "--run", name, "--out", run.models,
                "--seed", run.seed, *run.making)), run.out)
        if not path.exists():
            raise files.InputError(
                f"model {path} does not exist; give --ddsm with the folder of "
                "CBIS-DDSM as downloaded (make: DDSM=...), make it with "
                f"{programs.call('ddsm_train.experiments')} --run {name} (or transfer, "
                "for all; the same --scale), or give --models.")


# Experiments to steps ---------------------------------------------------------------


def data_steps(run: Run) -> list[steps.Step]:
    """From the release, or nothing, to class folders."""
    chain = []
    if run.data is None:
        chain.append(steps.Step("phantoms", "Synthetic women, as an INbreast", (
            "end2end.phantoms", run.download, "--layout", "inbreast", "--seed",
            run.seed, *(run.scale.phantoms or ()))))
    chain.append(steps.Step("prepare", "The release to images, tables and splits", (
        "inbreast.prepare", run.download, run.out / "data", "--size", *run.scale.size),
        after=("phantoms",)))
    return chain


def row_steps(row: named.Experiment, run: Run, tested: bool) -> list[steps.Step]:
    """The steps of an experiment; those of which a mean is made are tested, too."""
    if row.needs:
        return [mean_step(row, run)]
    if row.recipe is None:
        return [pipeline.curve.testing_step(
            row.model, 0, run.model(row.model), run.test, run.out)]
    return pipeline.curve.tuning_steps(
        tuned_name(row), run.model(row.model),
        drawn_subsets(run)[patients_at_scale(row, run)], run.test, out=run.out,
        arguments=argparse.Namespace(
            val_share=VAL_SHARE, seed=run.seed, recipe=row.recipe, class_list=CLASSES,
            flags=run.scale.flags))


def mean_step(row: named.Experiment, run: Run) -> steps.Step:
    """The test of the mean of several fine-tuned models."""
    count = patients_of(drawn_subsets(run)[None])
    members = [named.EXPERIMENTS[name] for name in row.needs]
    models = [folder(member, count, run) / "best.h5" for member in members]
    return steps.Step(row.name, f"Mean of {len(models)} models", (
        "ddsm_train.evaluate", *models, run.test, "--flips", "--out",
        folder(row, 0, run) / "test"), after=tuple(
            f"{tuned_name(member)}-{count}" for member in members))


def drawn_subsets(run: Run) -> dict:
    """The subsets of Table 4: `ImageList` by number of patients, None for all."""
    images = pipeline.curve.training_images(run.out / "data" / "images.csv", CLASSES)
    counts = [_at_scale(patients, run) for patients, *_ in named.TABLE4]
    return dataset.subsets.nested(images, counts, seed=run.seed)


def patients_at_scale(row: named.Experiment, run: Run) -> int | None:
    """Patients of the subset of a row at the scale of a run; None, all, stays so."""
    return _at_scale(row.patients, run)


def _at_scale(patients, run):
    return patients and max(4, round(patients * run.scale.share))


def patients_of(images: image_lists.ImageList) -> int:
    """Number of patients in an `ImageList`."""
    return len(set(images.patients))


def folder(row: named.Experiment, count: int, run: Run) -> pathlib.Path:
    """Where the result of a row lies; `count` patients were in its subset."""
    if row.needs:
        return run.out / row.name
    return run.out / tuned_name(row) / f"{count}-patients"


def tuned_name(row: named.Experiment) -> str:
    """Name of the folder of a model's fine-tuned versions."""
    return row.name if row.recipe == "readme" else row.model


# What came out ----------------------------------------------------------------------


def outcome(row: named.Experiment, run: Run) -> dict:
    """What an experiment came to.

    Returns:
        dict with plain and flips, (AUC, interval or None), and patients; empty where it
        is not done.
    """
    count = 0
    if row.recipe and (run.out / "data" / "images.csv").exists():
        count = patients_of(drawn_subsets(run)[patients_at_scale(row, run)])
    path = folder(row, count, run) / "test" / "results.json"
    if not path.exists():
        return {}
    return experiments.measured(files.read_json(path)) | dict(patients=count)


PROGRAM = experiments.Program(
    name="inbreast.experiments", rows=named.EXPERIMENTS, groups=named.GROUPS,
    scales=SCALES, data=("INbreast", "INBREAST", "RELEASE", "release"),
    help={
        "--run": "experiment, table4, fig3b, readme or paper",
        "--scale": "demo: minutes, on phantoms; smoke: only that the commands work "
                   "(default: paper)"},
    folder="inbreast", steps=row_steps, data_steps=data_steps, outcome=outcome,
    columns=(
        experiments.NAME, Column("source", published=lambda row: row.source),
        *experiments.VALUES, Column("our patients", outcome="patients")),
    prefix=named.PREFIX, add_flags=add_flags, starts=starts, check=check)
