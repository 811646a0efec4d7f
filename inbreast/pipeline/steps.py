"""The experiments on INbreast as chains of commands, and what came out of them."""

from __future__ import annotations

import argparse
import pathlib

from end2end import experiments
from end2end.experiments import Column, Run, Scale
from end2end.utils import files, programs, steps
from inbreast import pipeline
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
    # For what to train at a site with few labels: about as many women as on INbreast
    # train, and as many are tested. The paper's penalty would mostly shrink weights in
    # 25 epochs; half of the batch, eight images, are one cell each in the last block.
    "small": Scale((256, 192), 1.0, (
        "--patients", 120, "--difficulty", 0.0, "--size", 512, 384),
        prepare=("--test-share", 0.5), fixed_epochs=True,
        flags=(*_demo_flags(25), "--batch-size", 16, "--weight-decay2", 0.0001,
               "--statistics-momentum", 0.95, "--precision", "mixed_bfloat16"),
        flips=False),
    "smoke": Scale((320, 256), 0.2, (
        "--patients", 24, "--difficulty", 0.0, "--size", 320, 256),
        flags=_demo_flags(1)),
}
CLASSES = ("neg", "pos")
# What the seed of phantoms is raised by: the films that the models know have the seed
# itself, and the same seed draws the same women.
OTHER_WOMEN = 100
# Of the number of patients in a subset, to choose the epoch.
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
    """Makes what rows start from, whole-image models or, for Figure 5, the images of
    CBIS-DDSM, where it is missing.

    Raises:
        files.InputError: something is missing, and so is CBIS-DDSM.
    """
    starts = {row.model: run.model(row.model) for row in rows if row.model}
    if any(row.name == "figure5" for row in rows):
        starts["data"] = films(run)
    for name, path in starts.items():
        if not path.exists() and run.making:
            steps.perform(steps.Step(f"make-{name}", f"{name} of CBIS-DDSM", (
                "ddsm_train.experiments", "--run", name, "--out", run.models,
                "--seed", run.seed, *run.making)), run.out)
        if not path.exists():
            raise files.InputError(
                f"{path} does not exist; give --ddsm with the folder of "
                "CBIS-DDSM as downloaded (make: DDSM=...), make it with "
                f"{programs.call('ddsm_train.experiments')} --run {name} (or transfer, "
                "for all; the same --scale), or give --models.")


def films(run: Run) -> pathlib.Path:
    """Folder of the test images of CBIS-DDSM."""
    return (run.models or run.out) / "data" / "images" / "test"


# Experiments to steps ---------------------------------------------------------------


def data_steps(run: Run) -> list[steps.Step]:
    """From the release, or nothing, to class folders."""
    chain = []
    if run.data is None:
        chain.append(steps.Step("phantoms", "Synthetic women, as an INbreast", (
            "end2end.phantoms", run.download, "--layout", "inbreast", "--seed",
            run.seed + OTHER_WOMEN, *(run.scale.phantoms or ()))))
    chain.append(steps.Step("prepare", "The release to images, tables and splits", (
        "inbreast.prepare", run.download, run.out / "data", "--size", *run.scale.size,
        *run.scale.prepare),
        after=("phantoms",)))
    return chain


def row_steps(row: named.Experiment, run: Run, tested: bool) -> list[steps.Step]:
    """The steps of an experiment; those of which a mean is made are tested, too."""
    if row.name in DRAWN:
        return [DRAWN[row.name](row, run)]
    if row.needs:
        return [mean_step(row, run)]
    if row.recipe is None:
        return [pipeline.curve.testing_step(
            tuned_name(row), 0, run.model(row.model), run.test, run.out,
            flips=run.scale.flips)]
    adapt = ("--adapt", row.adapt) if row.adapt else ()
    return pipeline.curve.tuning_steps(
        tuned_name(row), run.model(row.model), part_of(row, run), run.test,
        out=run.out, arguments=argparse.Namespace(
            seed=run.seed, recipe=row.recipe, class_list=CLASSES,
            flips=run.scale.flips, flags=(*run.scale.flags, *adapt)))


def mean_step(row: named.Experiment, run: Run) -> steps.Step:
    """The test of the mean of several fine-tuned models."""
    members = [named.EXPERIMENTS[name] for name in row.needs]
    count = part_of(members[0], run).patients
    models = [folder(member, count, run) / "best.h5" for member in members]
    return steps.Step(row.name, f"Mean of {len(models)} models", (
        "ddsm_train.evaluate", *models, run.test,
        *(("--flips",) if run.scale.flips else ()), "--out",
        folder(row, 0, run) / "test"), after=tuple(
            f"{tuned_name(member)}-{count}" for member in members))


def score_files(row: named.Experiment, run: Run) -> list[pathlib.Path]:
    """Scores of the experiments that a row needs, flip-averaged where these are scored.
    """
    rows = [named.EXPERIMENTS[name] for name in row.needs]
    name = "scores_flips.csv" if run.scale.flips else "scores.csv"
    return [folder(need, part_of(need, run).patients, run) / "test" / name
            for need in rows]


def specificity_step(row: named.Experiment, run: Run) -> steps.Step:
    """The operating point of the paper's benchmark."""
    return steps.Step(row.name, row.title, (
        "end2end.metrics", *score_files(row, run), "--at", named.SENSITIVITY,
        "--out", folder(row, 0, run)), after=row.needs)


def roc_step(row: named.Experiment, run: Run) -> steps.Step:
    """Figure 3b."""
    return _figure_step(row, run, "fig3", "--panel", "INbreast",
                        *score_files(row, run), "--names", *named.BEST_FOUR, "--at",
                        named.SENSITIVITY)


def examples_step(row: named.Experiment, run: Run) -> steps.Step:
    """Figure 5."""
    return _figure_step(row, run, "fig5", films(run), run.test, "--names", "CBIS-DDSM",
                        "INbreast")


def _figure_step(row, run, *words):
    return steps.Step(row.name, f"{row.source}: {row.title}", (
        "end2end.paper_figures", *words, "--out", run.out / "figures" / row.name),
        after=("prepare", *_test_steps(row, run)))


def _test_steps(row, run):
    rows = [named.EXPERIMENTS[name] for name in row.needs]
    return [f"{tuned_name(need)}-{part_of(need, run).patients}-test" for need in rows]


# What is made of tests and images; the others are models and their means.
DRAWN = {"specificity": specificity_step, "figure3b": roc_step,
         "figure5": examples_step}


def part_of(row: named.Experiment, run: Run) -> pipeline.curve.Part:
    """The subset of Table 4 that a row is fine-tuned on, at the scale of a run."""
    images = pipeline.curve.training_images(run.out / "data" / "images.csv", CLASSES)
    count = row.patients and max(4, round(row.patients * run.scale.share))
    fixed = row.validation == "folds" and run.scale.fixed_epochs
    return pipeline.curve.parts(images, [count], "fixed" if fixed else row.validation,
                                share=VAL_SHARE, seed=run.seed)[count]


def folder(row: named.Experiment, count: int, run: Run) -> pathlib.Path:
    """Where the result of a row lies; `count` patients were in its subset."""
    if row.needs:
        return run.out / row.name
    return run.out / tuned_name(row) / f"{count}-patients"


def tuned_name(row: named.Experiment) -> str:
    """Name of the folder of a model's fine-tuned versions."""
    if row.adapt:
        return f"{row.model}-{row.adapt}"
    return row.name if row.recipe == "readme" else row.model


# What came out ----------------------------------------------------------------------


def outcome(row: named.Experiment, run: Run) -> dict:
    """What an experiment came to.

    Returns:
        dict with plain and flips, (AUC, interval or None), patients, and validation:
        who chose the epoch; of a figure its path; empty where it is not done.
    """
    if row.name.startswith("figure"):
        return experiments.drawn(run, row.name)
    path = folder(row, 0, run) / "results.json"
    if row.name == "specificity":
        return experiments.specificity(files.read_json(path)) if path.exists() else {}
    count, tuned = 0, {}
    if row.recipe and (run.out / "data" / "images.csv").exists():
        part = part_of(row, run)
        count, tuned = part.patients, dict(validation=part.validation)
    path = folder(row, count, run) / "test" / "results.json"
    if not path.exists():
        return {}
    return experiments.measured(files.read_json(path)) | dict(patients=count) | tuned


PROGRAM = experiments.Program(
    name="inbreast.experiments", rows=named.EXPERIMENTS, groups=named.GROUPS,
    scales=SCALES, data=("INbreast", "INBREAST", "RELEASE", "release"),
    help={
        "--run": "experiment, table4, fig3b, fig5, text, adapt (few women), readme "
                 "or paper",
        "--scale": "demo: minutes, on phantoms; small: smaller images, for adapt; "
                   "smoke: only that the commands work (default: paper)"},
    folder="inbreast", steps=row_steps, data_steps=data_steps, outcome=outcome,
    columns=(
        experiments.NAME, Column("source", published=lambda row: row.source),
        *experiments.VALUES, Column("our patients", outcome="patients"),
        Column("our validation", outcome="validation")),
    prefix=named.PREFIX, add_flags=add_flags, starts=starts, check=check)
