"""How time and memory grow with images, their size, the batch and workers.

    python -m benchmarks.growth [NAME ...] --out runs/growth.json --figure growth.svg

Each curve is measured in a process of its own, from small to large, by the processor's
clock, since other work disturbs that of the wall. Networks are of one convolution: what
surrounds them is measured. The exponent is the slope of the logarithm of the time over
that of the size, in the upper half of the curve, where fixed costs no longer count; it
should not exceed 1.1, or 1 and twice the slope by which two rounds differ.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks import timing, training_memory
from end2end.utils import files, processes

SIZES = ((576, 448), (1152, 896), (2304, 1792), (4096, 3328))
LIMIT = 1.1
LONGEST = 3600
TINY = (32, 24)
PIXEL_SIZES = tuple(height * width for height, width in SIZES)


@dataclasses.dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        name: by which it is picked.
        what: is done.
        axis: what grows: `images`, `pixels`, `batch` or `workers`.
        sizes: of it, rising.
        prepare: from a folder, a size and its number to a function that is timed.
        limit: of the exponent.
    """

    name: str
    what: str
    axis: str
    sizes: tuple
    prepare: Callable[[pathlib.Path, int], Callable[[], object]]
    limit: float = LIMIT


def pictures(folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Class folders of some pictures, all links to two."""
    import cv2

    paths = []
    for label, name in enumerate(("neg", "pos")):
        (folder / name).mkdir(parents=True)
        pixels = np.random.default_rng(label).integers(
            20000, 60000, (80, 60)).astype(np.uint16)
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
        for number in range(count // 2):
            paths.append(folder / name / f"P_{number:06d}_{'LR'[label]}_CC.png")
            os.link(folder / f"{name}.png", paths[-1])
    return paths


def listing(folder: pathlib.Path, count: int) -> Callable[[], object]:
    """Class folders to a list of images."""
    from end2end.data import image_lists

    pictures(folder, count)
    return lambda: image_lists.list_classes(folder, ("neg", "pos"))


def drawing(folder: pathlib.Path, count: int) -> Callable[[], object]:
    """Which images each batch of a sweep holds, with its weights."""
    from end2end.data import image_batches

    labels = np.arange(count) % 2

    def sweep():
        image_batches._order.cache_clear()
        for b in range(-(-count // 32)):
            indices, _ = image_batches.batch_indices(
                b, num_images=count, batch_size=32, seed=1, shuffle=True)
            image_batches.balance_weights(labels[indices])

    return sweep


def evaluation(folder: pathlib.Path, count: int) -> Callable[[], object]:
    """`end2end metrics` of a table of scores."""
    from end2end.metrics import __main__ as program

    rng = np.random.default_rng(1)
    labels = np.arange(count) % 2
    scores = rng.normal(size=count) * 0.1 + 0.4 + 0.1 * labels
    path = folder / "scores.csv"
    path.write_text("path,label,score\n" + "".join(
        f"{number}.png,{label},{score:.6f}\n" for number, (label, score)
        in enumerate(zip(labels, scores.clip(0, 1), strict=True))))

    def describe():
        with contextlib.redirect_stdout(None):
            program.main([str(path), "--runs", "100"])

    return describe


def tiny_network(size: tuple[int, int]):
    """A classifier of one convolution, and its settings."""
    import keras

    from end2end import checkpoints, config

    processes.keep_freed_memory()
    keras.utils.set_random_seed(1)
    image = keras.Input((*size, 1))
    x = keras.layers.Conv2D(4, 5, strides=4, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    options = config.ImageOptions(size=size, channels=1, intensity_scale=0.003891,
                                  pixel_mean=40.0)
    return checkpoints.Classifier(model, options, ("neg", "pos"), "random", {})


def prediction(folder: pathlib.Path, count: int) -> Callable[[], object]:
    """`end2end predict` over a folder, its models loaded."""
    from benchmarks import networks

    trained, paths = tiny_network(TINY), pictures(folder, count)
    numbers = iter(range(100))
    return lambda: networks.score_files(
        paths, trained, folder / f"{next(numbers)}.csv")


def scoring(folder: pathlib.Path, pixels: int) -> Callable[[], object]:
    """One picture from its file to its score."""
    import cv2

    from end2end import prediction

    size = SIZES[PIXEL_SIZES.index(pixels)]
    trained, path = tiny_network(size), folder / "P_1_LEFT_CC.png"
    cv2.imwrite(str(path), ramp(size))
    return lambda: prediction.score_image(path, trained)


def ramp(size: tuple[int, int]):
    """A bright half ellipse with grain, 16 bits."""
    rows, columns = np.mgrid[:size[0], :size[1]]
    inside = (rows / size[0] - 0.5) ** 2 + (columns / size[1]) ** 2 < 0.2
    grain = np.random.default_rng(1).integers(20000, 50000, size)
    return (inside * grain).astype(np.uint16)


def preparing(folder: pathlib.Path, pixels: int) -> Callable[[], object]:
    """A DICOM file of a size to a PNG of the same size."""
    from end2end.data import conversion
    from end2end.phantoms import mammography_file

    size = SIZES[PIXEL_SIZES.index(pixels)]
    path = folder / "a.dcm"
    mammography_file.write(path, ramp(size), dict(SOPInstanceUID="2.25.1"), bits=16)

    def convert():
        grey, _ = conversion.read_mammogram(path)
        conversion.write_png(folder / "a.png", conversion.to_16_bit(
            conversion.resized(grey, size)))

    return convert


def cutting(folder: pathlib.Path, pixels: int) -> Callable[[], object]:
    """The patches of a picture with a lesion in its middle."""
    from benchmarks import pixels as rows_of_pixels

    size = SIZES[PIXEL_SIZES.index(pixels)]
    source = timing.prepared(folder, patients=1, size=size)
    numbers = iter(range(100))
    return lambda: rows_of_pixels.sampled(source, folder / f"out{next(numbers)}")


def step(size: tuple[int, int], batch: int) -> Callable[[], object]:
    """A training step of the tiny network."""
    from end2end.training import optimizers, schedule

    model = tiny_network(size).model
    model.compile(optimizers.optimizer("adam", 1e-5), schedule.cross_entropy,
                  jit_compile=False)
    images = np.random.default_rng(0).normal(size=(batch, *size, 1)).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[np.arange(batch) % 2]
    return lambda: model.train_on_batch(images, labels)


def training_pixels(folder: pathlib.Path, pixels: int) -> Callable[[], object]:
    """A training step of two images."""
    return step(SIZES[PIXEL_SIZES.index(pixels)], 2)


def training_batch(folder: pathlib.Path, batch: int) -> Callable[[], object]:
    """A training step of images of 576x448."""
    return step(SIZES[0], batch)


def epoch(folder: pathlib.Path, count: int) -> Callable[[], object]:
    """An epoch of training and its validation, augmented images in memory."""
    from end2end import augment, config
    from end2end.data import image_batches, image_lists
    from end2end.training import loop, schedule

    trained = tiny_network(TINY)
    pixels = np.random.default_rng(1).integers(0, 65536, (count, *TINY)).astype(
        np.uint16)
    listed = image_lists.from_arrays(pixels, np.arange(count) % 2, ("neg", "pos"))
    few = image_lists.from_arrays(pixels[:8], np.arange(8) % 2, ("neg", "pos"))
    options = config.TrainingOptions(optimizer="adam", workers=1)
    ends = iter(range(1, 100))
    return lambda: loop.train(
        trained.model, [schedule.Stage("all", None, next(ends), 1e-4, 0.0, 0.0)],
        image_batches.ImageBatches(
            listed, trained.images, seed=1, shuffle=True, batch_size=32,
            generator=augment.training_generator()),
        image_batches.ImageBatches(few, trained.images, batch_size=8), options=options)


def reading(folder: pathlib.Path, workers: int) -> Callable[[], object]:
    """64 augmented images of 576x448, read and drawn by some threads."""
    from end2end import augment, config
    from end2end.data import image_batches, image_lists

    pictures(folder, 64)
    batches = image_batches.ImageBatches(
        image_lists.list_classes(folder, ("neg", "pos")),
        config.ImageOptions(size=SIZES[0], intensity_scale=0.003891), seed=1,
        shuffle=True, batch_size=8, generator=augment.training_generator())
    return lambda: list(batches.batches(0, 8, workers=workers))


MANY = (10, 100, 1000, 10_000, 100_000)
CURVES = (
    Curve("listing", "class folders to a list", "images", MANY, listing),
    Curve("drawing", "batches of a sweep: which images, weights", "images", MANY,
          drawing),
    Curve("evaluation", "`end2end metrics` of a score table", "images", MANY,
          evaluation),
    Curve("prediction", "`end2end predict` of pictures of 80x60", "images",
          (10, 40, 160, 640, 2560), prediction),
    Curve("epoch", "an epoch of training, augmented images of 32x24", "images",
          (64, 256, 1024, 4096), epoch),
    Curve("prepare-size", "DICOM to PNG", "pixels", PIXEL_SIZES, preparing),
    Curve("sampling-size", "S10 patches of a woman's pictures", "pixels", PIXEL_SIZES,
          cutting),
    Curve("prediction-size", "a picture to its score", "pixels", PIXEL_SIZES, scoring),
    Curve("training-size", "a training step, two images", "pixels", PIXEL_SIZES,
          training_pixels),
    Curve("training-batch", "a training step, images of 576x448", "batch",
          (1, 2, 4, 8, 16, 32), training_batch),
    Curve("reading-workers", "64 images of 576x448 read and augmented, all processors' "
          "time", "workers", (1, 2, 4, 8), reading))


def measured(name: str) -> list[dict]:
    """The points of a curve, from small to large, in this process.

    Returns:
        for each size seconds of the processor of two rounds, and megabytes that
        were taken so far beyond what the process had before the first.
    """
    curve = next(curve for curve in CURVES if curve.name == name)
    points, before = [], training_memory.peak()
    for size in curve.sizes:
        with timing.scratch() as folder:
            work = curve.prepare(folder, size)
            work()      # imports, graphs and caches
            rounds = [seconds(work) for _ in range(2)]
            points.append(dict(size=size, seconds=min(rounds), rounds=rounds,
                               megabytes=training_memory.peak() - before))
    return points


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of a work, its ended processes included, repeated where it is
    too short for the clock."""
    count, spent = 0, 0.0
    while spent < 0.02:
        before = sum(os.times()[:4])
        started = time.process_time()
        work()
        spent += max(time.process_time() - started, sum(os.times()[:4]) - before)
        count += 1
    return spent / count


def exponent(points: Sequence[dict], value: str = "seconds") -> float:
    """Slope of the logarithms in the upper half of the sizes, by least squares."""
    upper = points[(len(points) - 1) // 2:]
    x = np.log([point["size"] for point in upper])
    y = np.log([max(point[value], 1e-9) for point in upper])
    return float(np.polyfit(x, y, 1)[0])


def noise(points: Sequence[dict]) -> float:
    """By how much two rounds of the same work could change the exponent."""
    upper = points[(len(points) - 1) // 2:]
    gap = max(abs(np.log(point["rounds"][0] / point["rounds"][1])) for point in upper)
    return float(gap / np.log(upper[-1]["size"] / upper[0]["size"]))


def line(curve: Curve, points: Sequence[dict]) -> str:
    """A row of the table."""
    first, last = points[0], points[-1]
    slope, most = exponent(points), max(curve.limit, 1 + 2 * noise(points))
    return "| " + " | ".join((
        curve.name, curve.what, f"{first['size']:,} to {last['size']:,} {curve.axis}",
        f"{first['seconds']:.3g} to {last['seconds']:.3g} s", f"{slope:.2f}",
        f"{most:.2f}", "yes" if slope <= most else "no",
        f"{first['megabytes']} to {last['megabytes']} MB")) + " |"


HEADER = ("curve", "work", "from to", "processor", "exponent", "limit", "within",
          "memory gained")


def draw(path: pathlib.Path, curves: dict[str, list[dict]]) -> None:
    """All curves, time over size relative to the smallest, both as logarithms."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "growth"
    figure, axes = pyplot.subplots(figsize=(7, 5))
    for name, points in curves.items():
        axes.loglog([point["size"] / points[0]["size"] for point in points],
                    [point["seconds"] / points[0]["seconds"] for point in points],
                    marker="o", markersize=3, label=name)
    ends = axes.get_xlim()
    axes.loglog(ends, ends, "k--", linewidth=0.8, label="linear")
    axes.set(xlabel="size over the smallest", ylabel="time over that of the smallest")
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def curves_of(names: Sequence[str]) -> Iterator[tuple[Curve, list[dict]]]:
    """Measures curves one after the other."""
    for curve in CURVES:
        if not names or curve.name in names:
            yield curve, processes.alone(measured, curve.name, seconds=LONGEST)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; status 1 where something grows faster than its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth",
                                     description=__doc__)
    names = [curve.name for curve in CURVES]
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"{', '.join(names)} (default: all)")
    parser.add_argument("--out", type=pathlib.Path,
                        default=pathlib.Path("runs/growth.json"))
    parser.add_argument("--figure", type=pathlib.Path,
                        help="draw all curves of --out there")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"no curve {min(unknown)!r}; expected {', '.join(names)}")
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|", flush=True)
    lines = []
    for curve, points in curves_of(arguments.names):
        lines.append(line(curve, points))
        print(lines[-1], flush=True)
        known = files.read_json(arguments.out) if arguments.out.exists() else {}
        files.write_json(arguments.out, known | {curve.name: points})
    if arguments.figure:
        draw(arguments.figure, files.read_json(arguments.out))
    return 1 if any("| no |" in text for text in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
