"""The experiments on CBIS-DDSM as chains of commands, and what came out of them."""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Sequence

from ddsm_train.pipeline import named, walk
from end2end import experiments
from end2end.data import patches
from end2end.experiments import Column, Run, Scale
from end2end.utils import files, steps

PATCH_SPLITS = ("train", "val", "test")


SCALES = {
    "paper": Scale((1152, 896), 1.0),
    # 320x256 has the shape of the paper's images and leaves the top blocks of
    # YaroslavNet a map of 5x4 cells.
    "demo": Scale((320, 256), 64 / 224, (
        "--patients", 90, "--difficulty", 0.1, "--size", 640, 512),
        {"S1": 20, "S1-random": 20, "S1g": 20, "S10": 4, "S30": 2, "image": (2, 6)}),
    # The images of `make demo` and, by the official lists, about 50 test images, with
    # so little training that the best stays below an AUC of 1 and differences show. Its
    # map of 4x3 cells is too small for VGG tops; a heatmap cell is as wide as a patch,
    # as is a 5x5 pool of the paper's, so the heatmap is not pooled further. The last
    # block has one cell, and half a batch is trained on at a time: four values are too
    # few for batch normalisation, and of batches of 8 no network learnt anything.
    "small": Scale((256, 192), 64 / 224, (
        "--patients", 64, "--difficulty", 0.0, "--size", 512, 384),
        {"S1": 20, "S1-random": 20, "S1g": 20, "S10": 6, "S30": 2, "image": (2, 12)},
        ("--split", "official-disjoint"), ("--hm-pool-size", 1, 1, "--batch-size", 16),
        flips=False),
    # Lesions that show in one of the two views only; a map of 4x4 cells, which VGG tops
    # need. Half precision takes two thirds of the time on processors that have it.
    "one-view": Scale((256, 256), 64 / 224, (
        "--patients", 96, "--difficulty", 0.0, "--size", 512, 512, "--one-view", 1),
        {**dict.fromkeys(named.PATCH_SETS, 6), "image": (8, 11)},
        ("--split", "official-disjoint"),
        ("--batch-size", 16, "--precision", "mixed_bfloat16"), flips=False),
    "smoke": Scale((320, 256), 64 / 224, (
        "--patients", 24, "--difficulty", 0.0, "--size", 320, 256),
        {**dict.fromkeys(named.PATCH_SETS, 1), "image": (1, 2)}),
}
# What a network at demo scale has in place of the paper's; later flags win. Its rates
# are ten times the paper's; the penalties of the paper would mostly shrink weights,
# and averages that keep 0.99 at each of its few steps would lag behind.
DEMO_COMMON = (
    "--no-use-pretrained", "--load-train-ram", "--load-val-ram",
    "--init-learningrate", 0.001, "--weight-decay", 0.0001, "--weight-decay2", 0.0001,
    "--hidden-dropout", 0, "--hidden-dropout2", 0, "--statistics-momentum", 0.95,
    "--trained-on", "synthetic mammograms only")
# Of a round of training on, below that of the start as in the paper: at the rate of the
# start a new Adam undoes in two epochs what six had learnt.
FURTHER_RATE = 0.0001
# Flags of which the demo takes a share, so that the layers suit its map of 5x4 cells.
DEMO_SHARES = {"--top-depths": 1 / 8, "--fc-init-units": 1 / 8, "--hm-pool-size": 4 / 5,
               "--warmup-epochs": 1 / 4}
# Flags whose number has another one there: an average of 0.999 would lag behind the few
# steps as the averages of batch normalisation would.
DEMO_NUMBERS = {"--weight-average": 0.95}


# Experiments to steps ---------------------------------------------------------------


def data_steps(run: Run) -> list[steps.Step]:
    """From the download, or nothing, to class folders."""
    chain = []
    if run.data is None:
        chain.append(steps.Step("phantoms", "Synthetic women", (
            "end2end.phantoms", run.download, "--seed", run.seed,
            *run.scale.phantoms)))
    chain.append(steps.Step("prepare", "The download to images, tables and splits", (
        "ddsm_train.prepare", run.download, run.out / "data", "--size",
        *run.scale.size, *run.scale.prepare), after=("phantoms",)))
    return chain


def sampling_steps(patch_set: str, run: Run) -> list[steps.Step]:
    """The patches of one set: training and validation, then test."""
    data, folder = run.out / "data", patch_folder(patch_set, run)
    common = (
        "ddsm_train.sample_patches_combined", data / "roi_mask_path.csv", data / "mask")
    flags = drawing_flags(patch_set, run)
    return [
        steps.Step(f"sample-{patch_set}", f"Patches {patch_set}", (
            *common, data / "pat_train.txt", data / "full", folder / "train",
            folder / "val", "--val-size", 0.1, *flags), after=("prepare",)),
        steps.Step(f"sample-{patch_set}-test", f"Test patches {patch_set}", (
            *common, data / "splits" / "test.txt", data / "full", folder / "test",
            folder / "unused", "--val-size", 0, *flags), after=("prepare",))]


def drawing_flags(patch_set: str, run: Run) -> tuple:
    """How the patches of a set are drawn."""
    side, count, extra = named.PATCH_SETS[patch_set]
    return (
        "--target-height", run.scale.size[0], "--target-width", run.scale.size[1],
        "--no-segment-breast", "--patch-size", patch_side(side, run.scale),
        "--nb-hns", 0, "--nb-abn", count, "--nb-bkg", count, "--no-verbose", *extra)


def mining_step(row: named.Experiment, run: Run) -> steps.Step:
    """Training patches of which some are errors of the classifier of the round before.

    Those of the training women of the drawn set alone, as `pat_lst.txt` lists them.
    """
    data, (start,) = run.out / "data", row.needs
    return steps.Step(f"mine-{row.name}", f"Hard examples of {start}", (
        "ddsm_train.mine_patches", data / "roi_mask_path.csv", data / "mask",
        patch_folder(row.patches, run) / "train" / patches.roi_table.PATIENT_LIST,
        data / "full", patch_folder(row.name, run) / "train", "--patch-model",
        run.model(start), *drawing_flags(row.patches, run)),
        after=(start, f"sample-{row.patches}"))


def patch_folder(patch_set: str, run: Run) -> pathlib.Path:
    """Folder of a patch set."""
    return run.out / "patches" / patch_set


def patch_side(side: int, scale: Scale) -> int:
    """Side of a patch in pixels at a scale: 224 gives 64 in the demo."""
    return round(side * scale.share)


def heading(row: named.Experiment, run: Run) -> str:
    """What a step does; in the demo, what stands in place of the paper's network."""
    return (f"in place of {row.title}: a small YaroslavNet from random weights on "
            "synthetic mammograms" if run.demo else row.title)


def patch_steps(row: named.Experiment, run: Run) -> list[steps.Step]:
    """Training and test of a patch classifier."""
    folder = patch_folder(row.patches, run)
    mined = [mining_step(row, run)] if row.mined else []
    train = patch_folder(row.name if mined else row.patches, run) / "train"
    start = [word for name in row.needs
             for word in ("--resume-from", run.model(name))]
    command = (
        "ddsm_train.patch_clf_train", train, *(
            folder / split for split in PATCH_SPLITS[1:]),
        "--class-list", *walk.CLASSES, "--featurewise-mean", pixel_mean(run),
        *start, *row.flags, *demo_patch_flags(row, run), *outcome_flags(row, run))
    return [*sampling_steps(row.patches, run), *mined,
            steps.Step(row.name, heading(row, run), command, after=(
                *(step.name for step in mined), *row.needs,
                f"sample-{row.patches}", f"sample-{row.patches}-test")),
            evaluation((row.name,), row.name, folder / "test", run)]


def demo_patch_flags(row: named.Experiment, run: Run) -> tuple:
    """What a patch classifier has in the demo in place of the paper's settings."""
    if not run.demo:
        return ()
    side = patch_side(named.PATCH_SETS[row.patches][0], run.scale)
    epochs, rate = run.scale.epochs[row.patches], ()
    if row.needs:   # a round of training on
        epochs = math.ceil(epochs * named.ROUND_EPOCHS / named.EPOCHS_OF_LARGE_SETS)
        rate = ("--init-learningrate", FURTHER_RATE)
    return (*DEMO_COMMON, "--net", "yaroslav", "--img-size", side, side, "--batch-size",
            32, "--no-top-layer-nb", "--nb-epoch", epochs, *rate)


TRAINING = {"image": "ddsm_train.image_clf_train",
            "two_view": "ddsm_train.two_view_train"}


def image_steps(row: named.Experiment, run: Run) -> list[steps.Step]:
    """Training and test of a classifier of whole images or of breasts."""
    images = run.out / "data" / "images"
    start = [flag for name in row.needs
             for flag in ("--patch-model-state", run.model(name))]
    demo = ()
    if run.demo:
        first, last = run.scale.epochs["image"]
        # Heatmap cells are single cells of the feature map, as patches are 64 wide.
        demo = (*DEMO_COMMON, "--patch-net", "yaroslav", "--img-size", *run.scale.size,
                "--batch-size", 8, "--nb-epoch", first, "--all-layer-epochs", last,
                "--avg-pool-size", 1, 1, *demo_shares(row.flags),
                *demo_numbers(row.flags),
                *run.scale.flags)
    command = (
        TRAINING[row.kind], *(images / split for split in PATCH_SPLITS),
        "--featurewise-mean", pixel_mean(run), *start, *row.flags, *demo,
        *outcome_flags(row, run))
    return [steps.Step(row.name, heading(row, run), command,
                       after=(*row.needs, "prepare")),
            evaluation((row.name,), row.name, images / "test", run)]


def demo_shares(flags: Sequence) -> list:
    """Flags with numbers made smaller for the demo (`DEMO_SHARES`)."""
    smaller, share = [], None
    for word in flags:
        if isinstance(word, str):
            share = DEMO_SHARES.get(word)
        if share is not None:
            smaller.append(word if isinstance(word, str)
                           else max(1, math.floor(word * share)))
    return smaller


def demo_numbers(flags: Sequence) -> list:
    """Flags that have another number in the demo (`DEMO_NUMBERS`)."""
    return [word for flag, number in DEMO_NUMBERS.items() if flag in flags
            for word in (flag, number)]


def outcome_flags(row: named.Experiment, run: Run) -> tuple:
    """Where the model goes, and its seed."""
    return "--best-model", run.model(row.name), "--seed", run.seed


def evaluation(models: Sequence[str], name: str, test: pathlib.Path,
               run: Run) -> steps.Step:
    """The test of one model or of the mean of several."""
    return steps.Step(f"test-{name}", f"Test of {name}", (
        "ddsm_train.evaluate", *map(run.model, models), test,
        *(("--flips",) if run.scale.flips else ()), "--out", run.out / name / "test"),
        after=models)


def ensemble_steps(row: named.Experiment, run: Run) -> list[steps.Step]:
    """The mean of several networks."""
    return [evaluation(row.needs, row.name, run.test, run)]


def two_step_steps(row: named.Experiment, run: Run) -> list[steps.Step]:
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


def saliency_steps(row: named.Experiment, run: Run) -> list[steps.Step]:
    """Saliency maps of test images, and heatmaps of the lesion classes."""
    return [steps.Step(row.name, row.title, (
        "ddsm_train.draw_saliency", run.model(row.needs[0]),
        run.test, run.out / row.name,
        "--rois", run.out / "data" / "roi_mask_path.csv", "--method", "guided",
        "heatmap", "--patch-model", run.model(row.needs[1])),
        after=row.needs)]


def tests_of(row: named.Experiment, run: Run) -> list[steps.Step]:
    """The tests of the experiments that a row needs, which need not be asked for."""
    return [step for name in row.needs
            for step in row_steps(named.EXPERIMENTS[name], run, True)
            if step.name == f"test-{name}"]


def score_files(row: named.Experiment, run: Run) -> list[pathlib.Path]:
    """Scores of the experiments that a row needs: flip-averaged, where it is about the
    mean over flips and these are scored."""
    name = "scores_flips" if run.scale.flips and row.kind in (
        "figure", "specificity") else "scores"
    return [run.out / name_of / "test" / f"{name}.csv" for name_of in row.needs]


def difference_command(row: named.Experiment, run: Run) -> tuple:
    """The first design against the second."""
    first, second = score_files(row, run)
    return "end2end.metrics", second, first


def joint_command(row: named.Experiment, run: Run) -> tuple:
    """The network of two views against the mean of views, by breast."""
    return *difference_command(row, run), "--by", "breast"


def specificity_command(row: named.Experiment, run: Run) -> tuple:
    """The operating point of the paper's benchmark."""
    return "end2end.metrics", *score_files(row, run), "--at", named.SENSITIVITY


@dataclasses.dataclass(frozen=True)
class Stated:
    """What the text of the paper states: how it is made of tests.

    Attributes:
        value: function of the results to values, of `end2end.experiments`.
        command: function of row and `Run` to a command; None: the test itself tells it.
    """

    value: Callable[[dict], dict]
    command: Callable[[named.Experiment, Run], tuple] | None = None


STATED = {"difference": Stated(experiments.difference, difference_command),
          "joint_gain": Stated(experiments.difference, joint_command),
          "two_view_gain": Stated(experiments.two_view_gain),
          "flip_gain": Stated(experiments.flip_gain),
          "specificity": Stated(experiments.specificity, specificity_command)}


def stated_steps(row: named.Experiment, run: Run) -> list[steps.Step]:
    """The tests, and what compares them."""
    tests, command = tests_of(row, run), STATED[row.kind].command
    if command is None:
        return tests
    return [*tests, steps.Step(
        row.name, row.title, (*command(row, run), "--out", run.out / row.name),
        after=tuple(step.name for step in tests))]


def confusion_words(row: named.Experiment, run: Run) -> tuple:
    """Figure 2."""
    return "fig2", *score_files(row, run), "--names", "Resnet50", "VGG16"


def roc_words(row: named.Experiment, run: Run) -> tuple:
    """Figure 3a."""
    return ("fig3", "--panel", "CBIS-DDSM", *score_files(row, run), "--names",
            *row.needs, "--at", named.SENSITIVITY)


def saliency_words(row: named.Experiment, run: Run) -> tuple:
    """Figure 4."""
    return ("fig4", run.out / row.needs[0], "--rois",
            run.out / "data" / "roi_mask_path.csv")


FIGURES = {"figure2": confusion_words, "figure3": roc_words, "figure4": saliency_words}


def figure_steps(row: named.Experiment, run: Run) -> list[steps.Step]:
    """The tests, and the figure drawn from them."""
    tests = tests_of(row, run)
    return [*tests, steps.Step(row.name, f"{row.source}: {row.title}", (
        "end2end.paper_figures", *FIGURES[row.name](row, run), "--out",
        run.out / "figures" / row.name),
        after=(*(step.name for step in tests), *row.needs))]


KINDS = {"patch": patch_steps, "image": image_steps, "two_view": image_steps,
         "ensemble": ensemble_steps,
         "two_step": two_step_steps, "saliency": saliency_steps,
         "figure": figure_steps, **dict.fromkeys(STATED, stated_steps)}


def pixel_mean(run: Run) -> float:
    """Mean grey value of the whole-image training set, from the import."""
    return files.read_json(run.out / "data" / "census.json")["pixel_mean"]


def row_steps(row: named.Experiment, run: Run, tested: bool) -> list[steps.Step]:
    """The steps of an experiment; one that is only needed is trained, not tested."""
    return [step for step in KINDS[row.kind](row, run)
            if tested or step.name != f"test-{row.name}"]


def outcome(row: named.Experiment, run: Run) -> dict:
    """What an experiment came to.

    Returns:
        dict with plain and flips, (value, interval or None), and epoch, as far as they
        are there; of a figure its path.
    """
    if row.kind == "figure":
        return experiments.drawn(run, row.name)
    if row.kind in STATED:
        folder = row.name if STATED[row.kind].command else f"{row.needs[0]}/test"
        path = run.out / folder / "results.json"
        return STATED[row.kind].value(files.read_json(path)) if path.exists() else {}
    outcomes = {}
    for file in ("results.json", "report.json"):
        path = run.out / row.name / "test" / file
        if path.exists():
            outcomes |= experiments.measured(files.read_json(path))
    path = run.out / row.name / "best.report.json"
    if path.exists():
        outcomes["epoch"] = files.read_json(path)["best"]["epoch"]
    return outcomes


def published_official(kind: str) -> Callable[[named.Experiment], str]:
    """What is published of networks of that kind on the official split."""
    def text(row):
        known = row.group == "petrini" and row.kind == kind
        return experiments.shown(row.published["auc"] if known else None,
                                 pattern=".4f")
    return text


def published_random(row: named.Experiment) -> str:
    """What the paper has, whose split was drawn at random."""
    return "-" if row.group == "petrini" else experiments.published(row)


PROGRAM = experiments.Program(
    name="ddsm_train.experiments", rows=named.EXPERIMENTS, groups=named.GROUPS,
    scales=SCALES, data=("CBIS-DDSM", "DDSM", "DOWNLOAD", "download"),
    help={
        "--run": "experiment, table1 to table3, text (what the text states beside "
                 "them), fig2 to fig4, readme, transfer (what INbreast starts from), "
                 "data (the import alone), paper",
        "--scale": "demo: minutes, on phantoms; small: the same with smaller images, "
                   "for contrasts; smoke: only that the commands work (default: "
                   "paper)"},
    folder="experiments", steps=row_steps, data_steps=data_steps, outcome=outcome,
    columns=(
        experiments.NAME, Column("title", published=lambda row: row.title),
        *experiments.VALUES,
        Column("epoch", published=lambda row: str(row.published.get("epoch") or "-")),
        Column("our epoch", outcome="epoch")),
    split_columns=(
        experiments.NAME,
        Column("published on the official split, one view",
               published=published_official("image")),
        Column("two views", published=published_official("two_view")),
        Column("ours", outcome="plain"), Column("ours, flips", outcome="flips"),
        Column("published, random split", published=published_random),
        Column("ours, random split", outcome="plain", beside=True),
        Column("ours, random split, flips", outcome="flips", beside=True)))
