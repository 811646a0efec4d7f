"""How time and memory grow with images, their size, the batch and workers.

    python -m benchmarks.growth [NAME ...] --out runs/growth.json --figure growth.svg

Each curve is measured in a process of its own, from small to large, by the processor's
clock, since other work disturbs that of the wall. Networks are of one convolution: what
surrounds them is measured. The exponent is the slope of the logarithm of the time over
that of the size, in the upper half of the curve, where fixed costs no longer count; it
should not exceed 1.1, or 1 and twice the slope by which the two fastest rounds differ.
That of memory is of what is taken beyond the smallest size, over what the size grew by,
so that imports do not count; it should not exceed 1.1 where 50 MB or more are taken.
"""

import argparse
import contextlib
import csv
import dataclasses
import itertools
import operator
import os
import pathlib
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks import timing, training_memory
from end2end.utils import files, processes

SIZES = ((576, 448), (1152, 896), (2304, 1792), (4096, 3328))
LIMIT = 1.1
ROUNDS = 4
LONG = 60                   # seconds: what should take longer is done once
FEW_MEGABYTES = 50          # less tells nothing: memory comes in blocks
LONGEST = 3600
TINY = (32, 24)
SMALL = (256, 192)
DRAWN = 10                  # pictures of women; more are links to them
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
        processes: whether the workers are processes, whose memory counts too.
    """

    name: str
    what: str
    axis: str
    sizes: tuple
    prepare: Callable[[pathlib.Path, int], Callable[[], object]]
    limit: float = LIMIT
    processes: bool = False


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
    numbers = itertools.count()
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


def preparing_many(folder: pathlib.Path, count: int) -> Callable[[], object]:
    """DICOM files of 80x60 to PNG, with the record of what is done."""
    return conversions(folder, count, (80, 60))


def preparing_together(folder: pathlib.Path, workers: int) -> Callable[[], object]:
    """32 DICOM files of 576x448 to PNG, by some processes."""
    return conversions(folder, 32, SIZES[0], workers=workers)


def conversions(folder: pathlib.Path, count: int, size: tuple[int, int], *,
                workers: int = 1) -> Callable[[], object]:
    """A function that converts links to one DICOM file as the importers do."""
    from end2end.data import conversion
    from end2end.phantoms import mammography_file

    mammography_file.write(
        folder / "a.dcm", ramp(size), dict(SOPInstanceUID="2.25.1"), bits=16)
    numbers = itertools.count()

    def convert():
        out = folder / f"out{next(numbers)}"
        out.mkdir()
        jobs = [dict(key=f"{number:06d}", sources=[str(folder / "a.dcm")],
                     settings=list(size), out=str(out)) for number in range(count)]
        conversion.run_jobs(
            jobs, converted, ledger=conversion.Ledger(out / "done.json"),
            workers=workers)

    return convert


def converted(job: dict) -> dict:
    """Makes the PNG file of a job."""
    from end2end.data import conversion

    grey, _ = conversion.read_mammogram(job["sources"][0])
    name = job["key"] + ".png"
    conversion.write_png(pathlib.Path(job["out"], name), conversion.to_16_bit(
        conversion.resized(grey, job["settings"])))
    return dict(outputs=[name], complete=True)


def cutting(folder: pathlib.Path, pixels: int) -> Callable[[], object]:
    """The patches of a picture with a lesion in its middle."""
    return patches_of(folder, SIZES[PIXEL_SIZES.index(pixels)], patients=1)


def cutting_of_many(folder: pathlib.Path, count: int) -> Callable[[], object]:
    """Two patches of each of some pictures of 256x192, links to those of five women."""
    source = timing.prepared(folder, patients=DRAWN // 2, size=SMALL)
    return sampled_anew(
        women_like(source, folder / "women", -(-count // 2)), folder, SMALL,
        "--patch-size", 64, "--nb-bkg", 1, "--nb-abn", 1)


def women_like(source: pathlib.Path, folder: pathlib.Path, count: int) -> pathlib.Path:
    """A prepared folder of any number of women, whose pictures and masks are links to
    those of another."""
    table = source / "roi_mask_path.csv"
    with open(table, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    lesions = [list(rows) for _, rows in itertools.groupby(
        rows, operator.itemgetter("patient_id"))]
    for name in ("full", "mask"):
        (folder / name).mkdir(parents=True)
    with open(folder / table.name, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for number in range(count):
            for row in lesions[number % len(lesions)]:
                woman = {key: value.replace(row["patient_id"], f"P_{number:06d}")
                         for key, value in row.items()}
                for key in ("full_path", "mask_path"):
                    if not (folder / woman[key]).exists():
                        os.link(source / row[key], folder / woman[key])
                writer.writerow(woman)
    return folder


def cutting_together(folder: pathlib.Path, workers: int) -> Callable[[], object]:
    """The patches of eight women's pictures, by some threads."""
    return patches_of(folder, SIZES[0], patients=8, workers=workers)


def patches_of(folder: pathlib.Path, size: tuple[int, int], *, patients: int,
               workers: int = 1) -> Callable[[], object]:
    """A function that samples patches of synthetic women into a new folder."""
    return sampled_anew(timing.prepared(folder, patients=patients, size=size), folder,
                        size, "--workers", workers)


def sampled_anew(source: pathlib.Path, folder: pathlib.Path, size: tuple[int, int],
                 *flags: object) -> Callable[[], object]:
    """A function that samples patches of a prepared folder into a new one each time."""
    from benchmarks import pixels

    numbers = itertools.count()
    flags = ("--target-height", size[0], "--target-width", size[1], *flags)
    return lambda: pixels.sampled(
        source, folder / f"out{next(numbers)}", *map(str, flags))


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
    pixels = np.random.default_rng(1).integers(0, 65536, (count, *TINY), np.uint16)
    listed = image_lists.from_arrays(pixels, np.arange(count) % 2, ("neg", "pos"))
    few = image_lists.from_arrays(pixels[:8], np.arange(8) % 2, ("neg", "pos"))
    options = config.TrainingOptions(optimizer="adam", workers=1)
    ends = itertools.count(1)
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
          (10, 40, 160, 640, 2560, 100_000), prediction),
    Curve("epoch", "an epoch of training, augmented images of 32x24", "images",
          (64, 512, 4096, 32_768, 100_000), epoch),
    Curve("prepare", "DICOM of 80x60 to PNG, with a record of what is done", "images",
          (10, 40, 160, 640, 2560, 100_000), preparing_many),
    Curve("sampling", "two patches of each picture of 256x192", "images", MANY,
          cutting_of_many),
    Curve("prepare-size", "DICOM to PNG", "pixels", PIXEL_SIZES, preparing),
    Curve("sampling-size", "S10 patches of a woman's pictures", "pixels", PIXEL_SIZES,
          cutting),
    Curve("prediction-size", "a picture to its score", "pixels", PIXEL_SIZES, scoring),
    Curve("training-size", "a training step, two images", "pixels", PIXEL_SIZES,
          training_pixels),
    Curve("training-batch", "a training step, images of 576x448", "batch",
          (1, 4, 16, 64, 128), training_batch),
    Curve("prepare-workers", "32 DICOM files of 576x448 to PNG, all processes' time",
          "workers", (1, 2, 4, 8), preparing_together, processes=True),
    Curve("sampling-workers", "S10 patches of eight women, all threads' time",
          "workers", (1, 2, 4, 8), cutting_together),
    Curve("reading-workers", "64 images of 576x448 read and augmented, all processors' "
          "time", "workers", (1, 2, 4, 8), reading))


def measured(name: str) -> list[dict]:
    """The points of a curve, from small to large, in this process.

    Returns:
        for each size seconds of the processor of each round, and megabytes that
        were taken so far beyond what the process had before the first; where other
        processes work, the largest of them as often as there are workers.
    """
    curve = next(curve for curve in CURVES if curve.name == name)
    points, before = [], training_memory.peak()
    for size in curve.sizes:
        with timing.scratch() as folder:
            work = curve.prepare(folder, size)
            short = not points or (
                points[-1]["seconds"] * size / points[-1]["size"] < LONG)
            if short:
                work()      # imports, graphs and caches
            rounds = [seconds(work) for _ in range(ROUNDS if short else 1)]
            points.append(dict(size=size, seconds=min(rounds), rounds=rounds,
                               megabytes=training_memory.peak() - before + (
                                   size * of_children() if curve.processes else 0)))
    return points


def of_children() -> int:
    """Megabytes of the largest process that this one began and that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of a work, its ended processes included, repeated where it is
    too short for the clock."""
    count, spent = 0, 0.0
    while spent < 0.02:
        before, started = sum(os.times()[2:4]), time.process_time()
        work()
        spent += time.process_time() - started + sum(os.times()[2:4]) - before
        count += 1
    return spent / count


def exponent(points: Sequence[dict], value: str = "seconds") -> float:
    """Slope of the logarithms in the upper half of the sizes, by least squares."""
    upper = points[(len(points) - 1) // 2:]
    x = np.log([point["size"] for point in upper])
    y = np.log([max(point[value], 1e-9) for point in upper])
    return float(np.polyfit(x, y, 1)[0])


def noise(points: Sequence[dict]) -> float:
    """By how much the two fastest rounds of a work could change the exponent."""
    upper = points[(len(points) - 1) // 2:]
    fastest = [sorted(point["rounds"])[:2] for point in upper
               if len(point["rounds"]) > 1]
    gap = max(np.log(second / first) for first, second in fastest)
    return float(gap / np.log(upper[-1]["size"] / upper[0]["size"]))


def memory_exponent(points: Sequence[dict]) -> float:
    """That of the memory taken beyond the smallest size, 0 for few megabytes."""
    first, *others = points[0], *points[(len(points) - 1) // 2:]
    gains = [point["megabytes"] - first["megabytes"] for point in others]
    if gains[-1] < FEW_MEGABYTES:
        return 0.0
    x = np.log([point["size"] - first["size"] for point in others])
    return float(np.polyfit(x, np.log(np.maximum(gains, FEW_MEGABYTES / 10)), 1)[0])


def line(curve: Curve, points: Sequence[dict]) -> str:
    """A row of the table."""
    first, last = points[0], points[-1]
    slope, most = exponent(points), max(curve.limit, 1 + 2 * noise(points))
    memory = memory_exponent(points)
    within = slope <= most and memory <= LIMIT
    return "| " + " | ".join((
        curve.name, curve.what, f"{first['size']:,} to {last['size']:,} {curve.axis}",
        f"{first['seconds']:.3g} to {last['seconds']:.3g} s", f"{slope:.2f}",
        f"{most:.2f}", f"{first['megabytes']} to {last['megabytes']} MB",
        f"{memory:.2f}" if memory else "flat", "yes" if within else "no")) + " |"


HEADER = ("curve", "work", "from to", "processor", "exponent", "limit",
          "memory gained", "its exponent", "within")


def draw(path: pathlib.Path, curves: dict[str, list[dict]]) -> None:
    """All curves, time over size relative to the smallest, both as logarithms."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "growth"
    figure, axes = pyplot.subplots(figsize=(7, 5))
    # Colours come again after ten.
    for number, (name, points) in enumerate(curves.items()):
        axes.loglog([point["size"] / points[0]["size"] for point in points],
                    [point["seconds"] / points[0]["seconds"] for point in points],
                    marker="o", markersize=3, label=name,
                    linestyle="-" if number < 10 else ":")
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
    return 1 if any(text.endswith("| no |") for text in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
