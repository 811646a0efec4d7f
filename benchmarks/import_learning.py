"""Whether a small network learns from what each import writes.

    python -m benchmarks.import_learning vindr rsna cmmd mini-mias --out runs/learning

Draws synthetic women in the layout of each set, plain lesions, imports them, trains a
network of four convolutions by the commands that a user types, and prints the AUC of
its test women with the interval. Sets with regions begin with patches of their boxes
and circles; the others start from the patch network of the first of those. Some three
minutes of the processor for each set.
"""

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from end2end.utils import files

WOMEN, DRAWN_SIZE, SIZE, PATCH = 240, (512, 384), (256, 192), 64
PATCH_CLASSES = ("background", "calc_mal", "calc_ben", "mass_mal", "mass_ben")
# Filters and width of the convolutions; all but the last halve the picture.
CONVOLUTIONS = ((12, 5), (24, 3), (32, 3), (48, 3))
TRAINING = (
    "--net", "yaroslav", "--no-use-pretrained", "--load-train-ram", "--load-val-ram",
    "--train-bs-multiplier", 1, "--optimizer", "adam", "--rescale-factor", 0.003891,
    "--no-equalize-hist", "--no-augmentation", "--trained-on", "synthetic",
    "--statistics-momentum", 0.9, "--weight-decay", 0.0001)
TOP = ("--top-depths", 32, 32, "--top-repetitions", 1, 1, "--bottleneck-enlarge-factor",
       2, "--auto-batch-balance", "--hidden-dropout", 0, "--batch-size", 16,
       "--init-learningrate", 0.001)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Epochs of the stages for one set.

    Attributes:
        patches: of the patch network; 0: the set has no regions.
        images: of the new layers of the whole-image network.
    """

    patches: int
    images: int


LAYOUTS = {"vindr": Layout(7, 2), "rsna": Layout(0, 2), "cmmd": Layout(0, 4),
           "mini-mias": Layout(6, 3)}


@dataclasses.dataclass(frozen=True)
class Start:
    """The patch network that a whole-image network starts from.

    Attributes:
        model: its file.
        mean: grey value of the images that it was trained on.
    """

    model: pathlib.Path
    mean: float


def call(*words: object) -> None:
    """Runs a program of this checkout.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    subprocess.run([sys.executable, "-m", *map(str, words)], check=True,
                   stdout=subprocess.DEVNULL,
                   env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})


def imported(layout: str, folder: pathlib.Path, *, women: int = WOMEN, seed: int = 11
             ) -> pathlib.Path:
    """Draws and imports a set; returns the folder of the import."""
    out = folder / layout
    call("end2end.phantoms", folder / f"{layout}-download", "--layout", layout,
         "--patients", women, "--difficulty", 0, "--size", *DRAWN_SIZE, "--seed", seed,
         "--workers", 1)
    call("end2end.importing", layout, folder / f"{layout}-download", out, "--size",
         *SIZE, "--workers", 1)
    return out


def write_small_network(path: pathlib.Path) -> None:
    """Saves a patch network with random weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    x = image = keras.Input((None, None, 3))
    for number, (filters, width) in enumerate(CONVOLUTIONS):
        if number:
            x = layers.MaxPooling2D(name=f"pool{number}")(x)
        x = layers.Conv2D(filters, width, padding="same", use_bias=False,
                          name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.Activation("relu", name=f"relu{number}")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(len(PATCH_CLASSES), activation="softmax", name="classes")(x)
    keras.Model(image, x).save(path)


def patch_network(out: pathlib.Path, epochs: int) -> Start:
    """Samples patches of the regions of an import and trains the small network."""
    for part in ("train", "val", "test"):
        call("ddsm_train.sample_patches_combined", out / "roi_mask_path.csv",
             out / "mask", out / f"splits/roi_{part}.txt", out / "full",
             out / "patches" / part, out / "patches/none", "--target-height", SIZE[0],
             "--target-width", SIZE[1], "--no-segment-breast", "--patch-size", PATCH,
             "--nb-bkg", 10, "--nb-abn", 10, "--nb-hns", 0, "--pos-cutoff", 0.9,
             "--val-size", 0)
    write_small_network(out / "small.keras")
    start = Start(out / "patch/best.h5", mean_of(out))
    call("ddsm_train.patch_clf_train", *(
        out / "patches" / part for part in ("train", "val", "test")), *TRAINING,
        "--resume-from", out / "small.keras", "--img-size", PATCH, PATCH,
        "--featurewise-mean", start.mean, "--class-list", *PATCH_CLASSES,
        "--batch-size", 32, "--init-learningrate", 0.002, "--nb-epoch", epochs,
        "--no-top-layer-nb", "--best-model", start.model)
    return start


def mean_of(out: pathlib.Path) -> float:
    """Mean grey value of the training images of an import, 0 to 255."""
    return files.read_json(out / "census.json")["pixel_mean"]


def test_auc(out: pathlib.Path, start: Start, epochs: int) -> dict:
    """Trains a whole-image network and tests it.

    Returns:
        dict with `count`, `positive`, `auc` and `auc_interval` (95 %, by image).
    """
    model = out / "image/best.h5"
    call("ddsm_train.image_clf_train", *(
        out / "images" / part for part in ("train", "val", "test")), *TRAINING, *TOP,
        "--patch-model-state", start.model, "--img-size", *SIZE, "--featurewise-mean",
        start.mean, "--nb-epoch", epochs, "--all-layer-epochs", epochs, "--best-model",
        model)
    call("ddsm_train.evaluate", model, out / "images/test", "--no-pictures", "--runs",
         1000, "--out", out / "test")
    return files.read_json(out / "test/results.json")["plain"]


def learned(names: Sequence[str], folder: pathlib.Path, women: int = WOMEN
            ) -> dict[str, dict]:
    """Results of `test_auc` by set; the first of them has regions."""
    results, first = {}, None
    for name in names:
        out = imported(name, folder, women=women)
        layout = LAYOUTS[name]
        start = patch_network(out, layout.patches) if layout.patches else first
        if start is None:
            raise files.InputError(
                f"{name} has no regions to start from; name vindr or mini-mias first.")
        first = first or start
        results[name] = test_auc(out, start, layout.images)
    return results


def main() -> None:
    """Prints a table of the sets that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layouts", nargs="*", default=list(LAYOUTS))
    parser.add_argument("--women", type=int, default=WOMEN)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print("| set | test images | malignant | AUC |\n|---|---|---|---|")
    for name, row in learned(
            arguments.layouts, arguments.out, arguments.women).items():
        low, high = row["auc_interval"]
        print(f"| {name} | {row['count']} | {row['positive']} | {row['auc']:.3f} "
              f"({low:.3f} to {high:.3f}) |")


if __name__ == "__main__":
    main()
