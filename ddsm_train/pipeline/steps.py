"""Experiments as chains of commands: run what is missing, print the tables."""

import dataclasses
import math
import pathlib

from ddsm_train import experiments
from ddsm_train.pipeline import walk
from end2end import experiments as tables
from end2end.utils import files, steps

PATCH_SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large the experiments are.

    Attributes:
        size: height and width of the network input in pixels.
        patch_share: side of a patch over that of the paper.
        phantoms: flags of `end2end.phantoms`; None for a real download only.
        patch_epochs: by patch set, of which small ones are seen more often (demo only).
        image_epochs: end points of the two stages of whole images (demo only).
        split: flags of `ddsm_train.prepare`.
        image_flags: of whole images, after all others (demo only).
        flips: whether to test with the mean over four flips too.
    """

    size: tuple
    patch_share: float
    phantoms: tuple | None = None
    patch_epochs: dict = dataclasses.field(default_factory=dict)
    image_epochs: tuple = ()
    split: tuple = ()
    image_flags: tuple = ()
    flips: bool = True


SCALES = {
    "paper": Scale((1152, 896), 1.0),
    # 320x256 has the shape of the paper's images and leaves the top blocks of
    # YaroslavNet a map of 5x4 cells.
    "demo": Scale((320, 256), 64 / 224, (
        "--patients", 90, "--difficulty", 0.1, "--size", 640, 512),
        {"S1": 20, "S1-random": 20, "S1g": 20, "S10": 4, "S30": 2}, (2, 6)),
    # The images of `make demo` and, by the official lists, about 50 test images, with
    # so little training that the best stays below an AUC of 1 and differences show. Its
    # map of 3x2 cells is too small for VGG tops; a heatmap cell is as wide as a patch,
    # as is a 5x5 pool of the paper's, so the heatmap is not pooled further.
    "small": Scale((192, 144), 64 / 224, (
        "--patients", 64, "--difficulty", 0.0, "--size", 512, 384),
        {"S1": 10, "S1-random": 10, "S1g": 10, "S10": 3, "S30": 1}, (2, 5),
        ("--split", "official-disjoint"), ("--hm-pool-size", 1, 1), flips=False),
    "smoke": Scale((320, 256), 64 / 224, (
        "--patients", 24, "--difficulty", 0.0, "--size", 320, 256),
        dict.fromkeys(experiments.PATCH_SETS, 1), (1, 2)),
}
# What a network at demo scale has in place of the paper's; later flags win. Its rates
# are ten times the paper's; the penalties of the paper would mostly shrink weights,
# and averages that keep 0.99 at each of its few steps would lag behind.
DEMO_COMMON = (
    "--no-use-pretrained", "--load-train-ram", "--load-val-ram",
    "--init-learningrate", 0.001, "--weight-decay", 0.0001, "--weight-decay2", 0.0001,
    "--hidden-dropout", 0, "--hidden-dropout2", 0, "--statistics-momentum", 0.95,
    "--trained-on", "synthetic mammograms only")
# Flags of which the demo takes a share, so that the layers suit its map of 5x4 cells.
DEMO_SHARES = {"--top-depths": 1 / 8, "--fc-init-units": 1 / 8, "--hm-pool-size": 4 / 5}


@dataclasses.dataclass(frozen=True)
class Run:
    """Where experiments are made, from what, and how large."""

    out: pathlib.Path
    scale: Scale
    seed: int
    data: pathlib.Path | None

    @classmethod
    def of(cls, arguments, seed):
        """From parsed arguments; one of several seeds has a folder of its own.

        Raises:
            files.InputError: the download is not there or not given.
        """
        demo = SCALES[arguments.scale].phantoms is not None
        if arguments.data:
            files.existing_folder(arguments.data, "download")
        elif arguments.run and not demo:
            raise files.InputError(
                "no data given; expected --data with the folder of CBIS-DDSM as "
                "downloaded (make: DDSM=...), or --scale demo for synthetic images.")
        out = pathlib.Path(arguments.out or f"runs/{arguments.scale}-experiments")
        if len(arguments.seed) > 1:
            out /= f"seed-{seed}"
        return cls(out, SCALES[arguments.scale], seed,
                   pathlib.Path(arguments.data) if arguments.data else None)

    @property
    def demo(self):
        return self.scale.phantoms is not None

    @property
    def download(self):
        return self.data or self.out / "download"

    def model(self, name):
        """Path of the best model of an experiment."""
        return self.out / name / "best.h5"

    def patches(self, patch_set):
        """Folder of a patch set."""
        return self.out / "patches" / patch_set


# Experiments to steps ---------------------------------------------------------------


def data_steps(run):
    """From the download, or nothing, to class folders."""
    chain = []
    if run.data is None:
        chain.append(steps.Step("phantoms", "Synthetic women", (
            "end2end.phantoms", run.download, "--seed", run.seed,
            *run.scale.phantoms)))
    chain.append(steps.Step("prepare", "The download to images, tables and splits", (
        "ddsm_train.prepare", run.download, run.out / "data", "--size",
        *run.scale.size, *run.scale.split), after=("phantoms",)))
    return chain


def sampling_steps(patch_set, run):
    """The patches of one set: training and validation, then test."""
    side, count, extra = experiments.PATCH_SETS[patch_set]
    data, folder = run.out / "data", run.patches(patch_set)
    common = (
        "ddsm_train.sample_patches_combined", data / "roi_mask_path.csv", data / "mask")
    flags = (
        "--target-height", run.scale.size[0], "--target-width", run.scale.size[1],
        "--no-segment-breast", "--patch-size", patch_side(side, run.scale),
        "--nb-hns", 0, "--nb-abn", count, "--nb-bkg", count, "--no-verbose", *extra)
    return [
        steps.Step(f"sample-{patch_set}", f"Patches {patch_set}", (
            *common, data / "pat_train.txt", data / "full", folder / "train",
            folder / "val", "--val-size", 0.1, *flags), after=("prepare",)),
        steps.Step(f"sample-{patch_set}-test", f"Test patches {patch_set}", (
            *common, data / "splits" / "test.txt", data / "full", folder / "test",
            folder / "unused", "--val-size", 0, *flags), after=("prepare",))]


def patch_side(side, scale):
    """Side of a patch in pixels at a scale: 224 gives 64 in the demo."""
    return round(side * scale.patch_share)


def patch_steps(row, run):
    """Training and test of a patch classifier."""
    folder = run.patches(row.patches)
    command = (
        "ddsm_train.patch_clf_train", *(folder / split for split in PATCH_SPLITS),
        "--class-list", *walk.CLASSES, "--featurewise-mean", pixel_mean(run),
        *row.flags, *demo_patch_flags(row, run), *outcome_flags(row, run))
    return [*sampling_steps(row.patches, run),
            steps.Step(row.name, row.title, command, after=(
                f"sample-{row.patches}", f"sample-{row.patches}-test")),
            evaluation((row.name,), row.name, folder / "test", run)]


def demo_patch_flags(row, run):
    """What a patch classifier has in the demo in place of the paper's settings."""
    if not run.demo:
        return ()
    side = patch_side(experiments.PATCH_SETS[row.patches][0], run.scale)
    return (*DEMO_COMMON, "--net", "yaroslav", "--img-size", side, side, "--batch-size",
            32, "--no-top-layer-nb", "--nb-epoch", run.scale.patch_epochs[row.patches])


def image_steps(row, run):
    """Training and test of a whole-image classifier."""
    images = run.out / "data" / "images"
    start = [flag for name in row.needs
             for flag in ("--patch-model-state", run.model(name))]
    demo = ()
    if run.demo:
        first, last = run.scale.image_epochs
        # Heatmap cells are single cells of the feature map, as patches are 64 wide.
        demo = (*DEMO_COMMON, "--patch-net", "yaroslav", "--img-size", *run.scale.size,
                "--batch-size", 8, "--nb-epoch", first, "--all-layer-epochs", last,
                "--avg-pool-size", 1, 1, *demo_shares(row.flags),
                *run.scale.image_flags)
    command = (
        "ddsm_train.image_clf_train", *(images / split for split in PATCH_SPLITS),
        "--featurewise-mean", pixel_mean(run), *start, *row.flags, *demo,
        *outcome_flags(row, run))
    return [steps.Step(row.name, row.title, command, after=(*row.needs, "prepare")),
            evaluation((row.name,), row.name, images / "test", run)]


def demo_shares(flags):
    """Flags with numbers made smaller for the demo (`DEMO_SHARES`)."""
    smaller, share = [], None
    for word in flags:
        if isinstance(word, str):
            share = DEMO_SHARES.get(word)
        if share is not None:
            smaller.append(word if isinstance(word, str)
                           else max(1, math.floor(word * share)))
    return smaller


def outcome_flags(row, run):
    """Where the model goes, and its seed."""
    return "--best-model", run.model(row.name), "--seed", run.seed


def evaluation(models, name, test, run):
    """The test of one model or of the mean of several."""
    return steps.Step(f"test-{name}", f"Test of {name}", (
        "ddsm_train.evaluate", *map(run.model, models), test,
        *(("--flips",) if run.scale.flips else ()), "--out", run.out / name / "test"),
        after=models)


def ensemble_steps(row, run):
    """The mean of several networks."""
    return [evaluation(row.needs, row.name, run.out / "data" / "images" / "test", run)]


def two_step_steps(row, run):
    """Heatmaps of the training and test women, then the forest."""
    data, folder = run.out / "data", run.out / row.name
    chain = []
    for split, patients in (("train", data / "pat_train.txt"),
                            ("test", data / "splits" / "test.txt")):
        # The demo's patches are one cell of the feature map wide.
        pool = (1, 1) if run.demo else (7, 7)
        chain.append(steps.Step(f"heatmaps-{split}", f"Heatmaps, {split}", (
            "ddsm_train.heatmap_score", data / "full", run.model(row.needs[0]),
            "--pat-csv", data / "roi_mask_path.csv", "--pat-list", patients,
            "--fprop-mode", "--img-size", *run.scale.size, "--avg-pool-size", *pool,
            "--out", folder / f"{split}.npz"), after=row.needs))
    few = ("--min-samples-split", 10) if run.demo else ()
    chain.append(steps.Step(row.name, row.title, (
        "ddsm_train.two_step", folder / "train.npz", folder / "test.npz", "--by",
        "image", "--out", folder / "test", *few),
        after=("heatmaps-train", "heatmaps-test")))
    return chain


def saliency_steps(row, run):
    """Saliency maps of test images, and heatmaps of the lesion classes."""
    return [steps.Step(row.name, row.title, (
        "ddsm_train.draw_saliency", run.model(row.needs[0]),
        run.out / "data" / "images" / "test", run.out / row.name,
        "--rois", run.out / "data" / "roi_mask_path.csv", "--method", "guided",
        "heatmap", "--patch-model", run.model(row.needs[1])),
        after=row.needs)]


KINDS = {"patch": patch_steps, "image": image_steps, "ensemble": ensemble_steps,
         "two_step": two_step_steps, "saliency": saliency_steps}


def pixel_mean(run):
    """Mean grey value of the whole-image training set, from the import."""
    return files.read_json(run.out / "data" / "census.json")["pixel_mean"]


# Running ----------------------------------------------------------------------------


def perform(names, run):
    """Does what is missing of several experiments and of those that they need.

    Raises:
        files.InputError: the output folder cannot be written.
        ChildProcessError: a command failed.
    """
    files.writable_folder(run.out)
    for step in data_steps(run):
        steps.perform(step, run.out)
    done = set()
    for name in names:
        perform_one(name, run, done)


def perform_one(name, run, done, *, tested=True):
    """Does one experiment after those that it needs, which are only trained.

    Args:
        name: of the experiment.
        run: `Run`.
        done: set of names of steps that are not looked at again.
        tested: whether to test it.
    """
    row = experiments.EXPERIMENTS[name]
    for needed in row.needs:
        perform_one(needed, run, done, tested=False)
    for step in KINDS[row.kind](row, run):
        test = step.name == f"test-{name}"
        if step.name not in done and (tested or not test):
            steps.perform(step, run.out)
            done.add(step.name)


# Tables -----------------------------------------------------------------------------


COLUMNS = ("experiment", "title", "published", "ours", "published, flips",
           "ours, flips", "epoch", "our epoch")


def table(names, runs):
    """The paper's rows with columns for the values found here, as Markdown.

    Args:
        names: of experiments.
        runs: list of `Run`; of several, the mean and the range are shown.
    """
    rows = []
    for name in names:
        row = experiments.EXPERIMENTS[name]
        found = [outcome(row, run) for run in runs]
        plain, flips, epoch = (tables.together([one[key] for one in found])
                               for key in ("plain", "flips", "epoch"))
        rows.append((
            row.name, row.title, tables.published(row), plain,
            tables.shown(row.published.get("flipped_auc")), flips,
            str(row.published.get("epoch") or "-"), epoch))
    return tables.markdown(COLUMNS, rows, synthetic=runs[0].demo)


def outcome(row, run):
    """What an experiment came to.

    Returns:
        dict with plain and flips, (value, interval or None), and epoch; None for what
        is not done.
    """
    found = dict.fromkeys(("plain", "flips", "epoch"))
    for file in ("results.json", "report.json"):
        path = run.out / row.name / "test" / file
        if path.exists():
            found |= measured(files.read_json(path))
    path = run.out / row.name / "best.report.json"
    if path.exists():
        found["epoch"] = files.read_json(path)["best"]["epoch"]
    return found


def measured(results):
    """AUC or accuracy of each scheme in a file of results, with intervals."""
    values = {}
    for scheme in ("plain", "flips"):
        part = results.get(scheme, results if scheme == "plain" else {})
        for measure in ("auc", "accuracy"):
            if isinstance(part, dict) and measure in part:
                values[scheme] = part[measure], part.get(f"{measure}_interval")
                break
    return values
