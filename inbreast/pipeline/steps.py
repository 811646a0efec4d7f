"""Experiments on INbreast as chains of commands, and the table of their results."""

import argparse
import dataclasses
import pathlib

from end2end import experiments as tables
from end2end.utils import files, steps
from inbreast import experiments
from inbreast.dataset import subsets
from inbreast.pipeline import curve


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large the experiments are.

    Attributes:
        size: height and width of the network input in pixels.
        share: of the patients of Table 4.
        phantoms: flags of `end2end.phantoms`; None for the real release only.
        flags: of `inbreast.finetune`, in place of the recipe's.
    """

    size: tuple
    share: float = 1.0
    phantoms: tuple | None = None
    flags: str = ""


DEMO_FLAGS = "--init-learningrate 0.001 --batch-size 8 --all-layer-epochs "
TRAINED_ON = " --trained-on 'synthetic mammograms only'"
SCALES = {
    "paper": Scale((1152, 896)),
    "demo": Scale((320, 256), 0.5, (
        "--patients", 60, "--difficulty", 0.1, "--size", 640, 512),
        DEMO_FLAGS + "10" + TRAINED_ON),
    "smoke": Scale((320, 256), 0.2, (
        "--patients", 24, "--difficulty", 0.0, "--size", 320, 256),
        DEMO_FLAGS + "1" + TRAINED_ON),
}


@dataclasses.dataclass(frozen=True)
class Run:
    """Where experiments are made, from what, and how large."""

    out: pathlib.Path
    models: pathlib.Path
    scale: Scale
    seed: int
    data: pathlib.Path | None
    making: tuple = ()   # flags of ddsm_train.experiments that make a missing model

    @classmethod
    def of(cls, arguments, seed):
        """From parsed arguments; one of several seeds has folders of its own.

        Raises:
            files.InputError: the release is not there or not given.
        """
        scale = SCALES[arguments.scale]
        if arguments.data:
            files.existing_folder(arguments.data, "release")
        elif arguments.run and scale.phantoms is None:
            raise files.InputError(
                "no data given; expected --data with the folder of INbreast as "
                "downloaded (make: INBREAST=...), or --scale demo for synthetic ones.")
        out = pathlib.Path(arguments.out or f"runs/{arguments.scale}-inbreast")
        models = pathlib.Path(
            arguments.models or f"runs/{arguments.scale}-experiments")
        making = _making(arguments)
        if len(arguments.seed) > 1:
            out /= f"seed-{seed}"
            own = models / f"seed-{seed}"
            models = own if making or own.exists() else models
        return cls(out, models, scale, seed,
                   arguments.data and pathlib.Path(arguments.data), making)

    @property
    def demo(self):
        return self.scale.phantoms is not None

    @property
    def release(self):
        return self.data or self.out / "download"

    @property
    def test(self):
        return self.out / "data" / "images" / "test"

    def model(self, row):
        """Path of the whole-image model that a row starts from."""
        return self.models / row.model / "best.h5"

    def folder(self, row, count):
        """Where the result of a row lies; `count` patients were in its subset."""
        if not row.model:
            return self.out / row.name
        return self.out / self.tuned_name(row) / f"{count}-patients"

    def tuned_name(self, row):
        """Name of the folder of a model's fine-tuned versions."""
        return row.name if row.recipe == "readme" else row.model

    def count(self, patients):
        """Patients of a subset at this scale; None, all, stays so."""
        return patients and max(4, round(patients * self.scale.share))


def _making(arguments):
    """How a missing model is made; empty where CBIS-DDSM is not given."""
    if arguments.ddsm:
        return "--scale", arguments.scale, "--data", arguments.ddsm
    if SCALES[arguments.scale].phantoms is not None:
        return "--scale", arguments.scale
    return ()


def make_model(row, run):
    """Makes the whole-image model that a row starts from, if it is missing.

    Raises:
        files.InputError: it is missing, and so is CBIS-DDSM.
    """
    if row.model and not run.model(row).exists() and run.making:
        steps.perform(steps.Step(f"make-{row.model}", f"Model {row.model}", (
            "ddsm_train.experiments", "--run", row.model, "--out", run.models,
            "--seed", run.seed, *run.making)), run.out)
    if row.model and not run.model(row).exists():
        raise files.InputError(
            f"model {run.model(row)} does not exist; give --ddsm with the folder of "
            "CBIS-DDSM as downloaded (make: DDSM=...), make it with python -m "
            f"ddsm_train.experiments --run {row.model} (or transfer, for all; the "
            "same --scale), or give --models.")


def perform(names, run):
    """Does what is missing of several experiments and of their members.

    Raises:
        files.InputError: a model to start from can be neither found nor made.
        ChildProcessError: a command failed.
    """
    members = [one for name in names for one in experiments.EXPERIMENTS[name].members]
    rows = [experiments.EXPERIMENTS[name] for name in dict.fromkeys((*members, *names))]
    for row in rows:
        make_model(row, run)
    files.writable_folder(run.out)
    for step in data_steps(run):
        steps.perform(step, run.out)
    drawn = drawn_subsets(run)
    for row in rows:
        perform_row(row, drawn, run)


def data_steps(run):
    """From the release, or nothing, to class folders."""
    chain = []
    if run.data is None:
        chain.append(steps.Step("phantoms", "Synthetic women, as an INbreast", (
            "end2end.phantoms", run.release, "--layout", "inbreast", "--seed", run.seed,
            *run.scale.phantoms)))
    chain.append(steps.Step("prepare", "The release to images, tables and splits", (
        "inbreast.prepare", run.release, run.out / "data", "--size", *run.scale.size),
        after=("phantoms",)))
    return chain


def drawn_subsets(run):
    """The subsets of Table 4: `ImageList` by number of patients, None for all."""
    found = curve.training_images(run.out / "data" / "images.csv", ("neg", "pos"))
    counts = [run.count(patients) for patients, *_ in experiments.TABLE4]
    return subsets.nested(found, counts, seed=run.seed)


def perform_row(row, drawn, run):
    """Fine-tunes and tests one row."""
    if not row.model:
        count = patients_of(drawn[None])
        members = [experiments.EXPERIMENTS[name] for name in row.members]
        models = [run.folder(member, count) / "best.h5" for member in members]
        steps.perform(steps.Step(row.name, f"Mean of {len(models)} models", (
            "ddsm_train.evaluate", *models, run.test, "--flips", "--out",
            run.folder(row, 0) / "test"), after=tuple(
                f"{run.tuned_name(member)}-{count}" for member in members)), run.out)
    elif row.recipe is None:
        curve.evaluate(row.model, 0, run.model(row), run.test, run.out)
    else:
        curve.tune(run.tuned_name(row), run.model(row), drawn[run.count(row.patients)],
                   run.test, out=run.out, arguments=argparse.Namespace(
                       val_share=0.2, seed=run.seed, recipe=row.recipe,
                       class_list=("neg", "pos"), flags=run.scale.flags))


def patients_of(found):
    """Number of patients in an `ImageList`."""
    return len(set(found.patients))


COLUMNS = ("experiment", "source", "published", "ours", "published, flips",
           "ours, flips", "our patients")


def table(names, runs):
    """The paper's rows with a column for the values found here, as Markdown.

    Args:
        names: of experiments.
        runs: list of `Run`; of several, the mean and the range are shown.
    """
    found = [outcomes(names, run) for run in runs]
    rows = []
    for name in names:
        row = experiments.EXPERIMENTS[name]
        plain, flips, count = (
            tables.together([one[name].get(key) for one in found])
            for key in ("plain", "flips", "patients"))
        rows.append((row.name, row.source, tables.published(row), plain,
                     tables.shown(row.published.get("flipped_auc")), flips, count))
    return tables.markdown(COLUMNS, rows, synthetic=runs[0].demo)


def outcomes(names, run):
    """What experiments came to.

    Returns:
        dict by name of dicts with plain and flips, (AUC, interval or None), and
        patients; empty for what is not done.
    """
    drawn = (drawn_subsets(run) if (run.out / "data" / "images.csv").exists() else {})
    found = {}
    for name in names:
        row = experiments.EXPERIMENTS[name]
        part = drawn.get(run.count(row.patients))
        count = patients_of(part) if part is not None and row.recipe else 0
        path = run.folder(row, count) / "test" / "results.json"
        results = files.read_json(path) if path.exists() else {}
        found[name] = {
            scheme: (results[scheme]["auc"], results[scheme].get("auc_interval"))
            for scheme in ("plain", "flips") if scheme in results}
        if results:
            found[name]["patients"] = count
    return found
