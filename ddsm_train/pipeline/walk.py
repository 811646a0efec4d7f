"""The demo's walk: rows of commands, run and timed.

Every step is a command line that a user could type. A step that was finished with the
same command line is skipped, so the walk can be interrupted and called again. The
network to compare with needs nothing of the patch stage; it is trained beside it, since
networks this small leave a good part of two cores idle.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from concurrent import futures

from ddsm_train import pipeline
from end2end.utils import commands, files
from end2end.utils.steps import Step, perform

CLASSES = ("background", "calc_ben", "calc_mal", "mass_ben", "mass_mal")
SCALE_16_BIT = "0.003891"
NETWORKS = {"image": "patch stage first", "baseline": "no patch stage"}


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much work the demo is."""

    patients: int
    render: tuple        # height and width of the synthetic files, pixels
    size: tuple          # height and width of the network input, pixels
    patch: int           # side of a patch at that size, pixels
    per_lesion: int      # patches of a lesion, and background patches of an image
    start_epochs: int    # patches: epochs from random weights
    patch_epochs: tuple  # patches: end points of the three stages after that
    image_epochs: tuple  # whole images: end points of the two stages
    difficulty: float    # of the phantoms, 0 to 1


SCALES = {
    "full": Scale(80, (512, 384), (256, 192), 64, 6, 2, (1, 2, 3), (1, 6), 0.0),
    "tiny": Scale(24, (256, 192), (128, 96), 64, 2, 1, (1, 2, 3), (1, 2), 0.0),
}


def run(out: str | pathlib.Path, scale: Scale, *, seed: int) -> str:
    """Runs the walk and returns a few lines that say what came out.

    Args:
        out: folder for everything the walk writes.
        scale: a row of `SCALES`.
        seed: whole number; the same seed gives the same phantoms, splits and patches.

    Raises:
        files.InputError: the folder cannot be written.
        OSError: a command of the walk failed; the message names it.
    """
    out = files.writable_folder(out)
    records = walk_steps(data_steps(out, scale, seed), out)
    last = records[-1]["name"]
    common = model_flags(
        seed, files.read_json(out / "data" / "census.json")["pixel_mean"])
    image, baseline = image_steps(out, scale, common)
    with futures.ThreadPoolExecutor(1) as beside:
        compared = beside.submit(
            walk_steps, [baseline, score_step(out, "baseline")], out, after=last,
            log=out / "baseline.log.txt")
        chain = [*patch_steps(out, scale, common), image, score_step(out, "image"),
                 saliency_step(out)]
        trained = walk_steps(chain, out, after=last)
        if not compared.done():
            commands.say("\n== Waiting for the baseline")
        compared = compared.result()
    return pipeline.demo_report.write(out, scale, records, (trained, compared))


def walk_steps(
        chain: Sequence[Step], out: pathlib.Path, *, after: str | None = None,
        log: pathlib.Path | None = None) -> list[dict]:
    """Performs steps of which each reads what the one before it made.

    Args:
        chain: `Step`s.
        out: folder of the walk.
        after: name of the step before the first.
        log: file for what the commands print; `None`: the terminal.

    Returns:
        their records, as `steps.perform` returns them.
    """
    records = []
    for step in chain:
        before = (after,) if after else ()
        records.append(perform(dataclasses.replace(step, after=before), out, log=log))
        after = step.name
    return records


def data_steps(out: pathlib.Path, scale: Scale, seed: int) -> list[Step]:
    """From nothing to class folders and patches."""
    data, patches = out / "data", out / "patches"
    sample = ("ddsm_train.sample_patches_combined", data / "roi_mask_path.csv",
              data / "mask")
    options = (
        "--target-height", scale.size[0], "--target-width", scale.size[1],
        "--no-segment-breast", "--patch-size", scale.patch, "--nb-hns", 0,
        "--nb-abn", scale.per_lesion, "--nb-bkg", scale.per_lesion,
        "--pos-cutoff", 0.9, "--no-verbose")
    return [
        Step("phantoms", "Synthetic women, as a CBIS-DDSM download", (
            "end2end.phantoms", out / "download", "--patients", scale.patients,
            "--seed", seed, "--difficulty", scale.difficulty, "--size", *scale.render)),
        Step("prepare", "The download to 16-bit PNG, tables and splits", (
            "ddsm_train.prepare", out / "download", data, "--size", *scale.size)),
        Step("sample", "Patches of the training and validation women", (
            *sample, data / "pat_train.txt", data / "full",
            patches / "train", patches / "val", "--val-size", 0.1, *options)),
        Step("sample-test", "Patches of the test women", (
            *sample, data / "splits" / "test.txt", data / "full",
            patches / "test", patches / "unused", "--val-size", 0, *options)),
    ]


def model_flags(seed: int, mean: float) -> tuple:
    """What all trainings share; `mean` is the training images' grey mean."""
    return (
        "--rescale-factor", SCALE_16_BIT, "--featurewise-mean", mean,
        "--no-equalize-hist", "--auto-batch-balance",
        # With all changes of the paper so few images need many epochs: after nine of
        # them it hung on the seed whether a network had learnt anything. Averaged
        # weights do not jump from step to step.
        "--augmentation", "--augmentation-recipe", "flips", "--weight-average", 0.9,
        "--optimizer", "adam",
        # Of a dozen images, or two hundred patches, the best epoch is one of chance.
        "--keep-epoch", "last",
        # An epoch has a few dozen steps: with the usual 0.99 the averages lag behind.
        "--statistics-momentum", 0.95, "--load-train-ram", "--load-val-ram",
        "--seed", seed, "--trained-on", "synthetic mammograms only")


def patch_steps(out: pathlib.Path, scale: Scale, common: tuple) -> list[Step]:
    """The patch classifier: a start from random weights, then the three stages.

    The original's network has no ImageNet weights; the short start stands in for them.
    """
    patch = (
        "ddsm_train.patch_clf_train",
        *(out / "patches" / part for part in ("train", "val", "test")),
        "--img-size", scale.patch, scale.patch, "--net", "yaroslav", "--class-list",
        *CLASSES, "--batch-size", 32,
        # Of 192 patches of a validation set 158 were classified right after two epochs
        # at 0.001, and 191 at this rate.
        "--init-learningrate", 0.0004, *common)
    first, top, last = scale.patch_epochs
    return [
        Step("start", "A classifier of patches, from random weights", (
            *patch, "--no-use-pretrained", "--nb-epoch", scale.start_epochs,
            "--best-model", out / "start" / "best.h5")),
        Step("patch", "Its three stages: last layer, top layers, all layers", (
            *patch, "--resume-from", out / "start" / "best.h5", "--use-pretrained",
            "--top-layer-nb", "block5_conv1", "--nb-epoch", first,
            "--top-layer-epochs", top, "--all-layer-epochs", last,
            "--top-layer-multiplier", 0.3, "--all-layer-multiplier", 0.1,
            "--best-model", out / "patch" / "best.h5")),
    ]


def image_steps(out: pathlib.Path, scale: Scale, common: tuple) -> list[Step]:
    """The whole-image classifier in two stages, and the same from random weights."""
    image = (
        "ddsm_train.image_clf_train",
        *(out / "data" / "images" / part for part in ("train", "val", "test")),
        "--img-size", *scale.size, "--patch-net", "yaroslav", "--block-type", "resnet",
        "--top-depths", 64, 64, "--top-repetitions", 1, 1,
        # Half a batch is trained on at a time. Of maps of 1x1 to 2x2 cells batch
        # normalisation makes noise: by fours no network learnt anything, by eights the
        # AUC of validation images fell by 0.1 from one epoch to the next.
        "--batch-size", 32, "--init-learningrate", 0.001, *common)
    top, last = scale.image_epochs
    return [
        Step("image", "The same network, converted, on whole images in two stages", (
            *image, "--patch-model-state", out / "patch" / "best.h5",
            "--all-layer-multiplier", 0.1, "--nb-epoch", top,
            "--all-layer-epochs", last, "--best-model", out / "image" / "best.h5")),
        Step("baseline", "For comparison: no patch stage, random weights", (
            *image, "--no-patch-model-state", "--no-use-pretrained",
            # As many epochs of all layers as the other.
            "--nb-epoch", last - top, "--all-layer-epochs", last - top,
            "--best-model", out / "baseline" / "best.h5")),
    ]


def score_step(out: pathlib.Path, name: str) -> Step:
    """The scores of one network on the test women."""
    return Step(f"evaluate-{name}", f"Scores of the test women: {NETWORKS[name]}", (
        "ddsm_train.evaluate", out / name / "best.h5",
        out / "data" / "images" / "test", "--flips", "--out", out / name / "test"))


def saliency_step(out: pathlib.Path) -> Step:
    """Where the network with the patch stage looked, held against the lesions."""
    return Step("saliency", "What moved the scores of the test women", (
        "ddsm_train.draw_saliency", out / "image" / "best.h5",
        out / "data" / "images" / "test", out / "saliency", "--flips",
        "--rois", out / "data" / "roi_mask_path.csv", "--method", "guided", "heatmap",
        "--patch-model", out / "patch" / "best.h5"))
