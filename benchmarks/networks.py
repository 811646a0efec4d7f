"""Rows about trained networks: inference, the folder command, flips, heatmaps."""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import resource
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks import peers, timing
from end2end.bench import device_rows, tables
from end2end.utils import clocks

SIZE = (1152, 896)


def classifier(
        *, backbone: str = "resnet50",
        size: tuple[int, int] = SIZE) -> object:
    """ResNet50 + [512-512-1024]x2 with random weights, as a `checkpoints.Classifier`.

    Freed memory is kept, as the commands do.
    """
    from end2end import checkpoints, config, models
    from end2end.utils import processes

    processes.keep_freed_memory()
    patch_model = models.patch_classifier(backbone, 5, dropout=0.5)
    small = backbone == "yaroslav"
    options = config.ModelOptions(
        backbone=backbone, top_repeats=(1, 1) if small else (2, 2), expansion=2,
        top_filters=(64, 64) if small else (512, 512))
    model = models.whole_image_classifier(patch_model, options, size=size)
    images = config.ImageOptions(
        size=size, intensity_scale=0.003891, center=True, pixel_mean=44.33,
        channels=models.input_channels(model))
    return checkpoints.Classifier(model, images, ("neg", "pos"), "random weights", {})


PRODUCT_RATE = "its convolutions at the faster matrix product of NumPy and TensorFlow"


def limit_seconds(model: object, shape: Sequence[int]) -> float:
    """Seconds of one image at the rate of matrix products."""
    return device_rows.operations(model, shape) / clocks.matrix_product_rate()


def inference() -> tables.Figure:
    """Files to scores with `prediction.predict` and the converted network."""
    from end2end import images, prediction
    from end2end.prediction import engines

    plain = classifier()
    quick = dataclasses.replace(
        plain, model=engines.Network(engines.converted(plain.model), "f32"))
    products, count = clocks.product_works()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=1)[:4]
        batch = images.to_input(images.read_image(paths[0]), plain.images)[None]
        works, missing = peers.built(peers.SCORING, plain.model, batch)
        times = clocks.interleaved(
            *products, lambda: prediction.predict(quick, paths),
            lambda: prediction.predict(plain, paths),
            lambda: plain.model.predict(batch, verbose=0),
            lambda: quick.model(batch), *works.values(),
            rounds=3 if clocks.BUSY else 5)
    needed = device_rows.operations(plain.model, (*SIZE, plain.images.channels))
    limits = times[:, :2].min(axis=1) * needed / count
    ours, keras, simple = np.median(times[:, 2:5], axis=0) / (
        len(paths), len(paths), 1)
    return tables.Figure(
        100 * len(paths) * clocks.ratio(limits, times[:, 2]), ours, "s per image",
        simple, "Keras's model.predict of one prepared image", float(np.median(limits)),
        PRODUCT_RATE,
        notes=(f"{needed / 1e9:.0f} billion operations per image",
               "matrix products per second, in billions: NumPy "
               + " and TensorFlow ".join(
                   f"{count / seconds / 1e9:.0f}"
                   for seconds in np.median(times[:, :2], 0)),
               f"without --fast {keras:.3g} s per image, "
               f"{100 * len(paths) * clocks.ratio(limits, times[:, 3]):.0f} %",
               *compared(works, plain.model.predict_on_batch(batch), times[:, 5:]),
               *missing),
        peers=dict(zip(works, np.median(times[:, 6:], axis=0).tolist(), strict=True)))


def compared(works: dict, expected: np.ndarray, times: np.ndarray) -> list[str]:
    """What peers take and how far their scores are from Keras's, sentences.

    Args:
        works: by name, functions that give scores.
        expected: Keras's scores.
        times: `(rounds, 1 + peers)` seconds, first those of the converted network.
    """
    return [f"the converted network alone: {np.median(times[:, 0]):.3g} s"] + [
        f"{name}: {clocks.ratio(column, times[:, 0]):.3g} times that, scores differ "
        f"from Keras's by {np.abs(work() - expected).max():.1e}"
        for (name, work), column in zip(works.items(), times.T[1:], strict=True)]


def fast() -> tables.Figure:
    """The converted network beside the plain one, and how much the scores move."""
    from end2end import images
    from end2end.prediction import engines

    trained = classifier()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=2)[:6]
        inputs = [images.to_input(images.read_image(path), trained.images)[None]
                  for path in paths]
    quick = engines.fast(trained.model, trained.images)
    plain = np.concatenate([trained.model.predict_on_batch(batch) for batch in inputs])
    scores = np.concatenate([quick(batch) for batch in inputs])
    products, count = clocks.product_works()
    needed = device_rows.operations(trained.model, inputs[0].shape[1:])
    times = clocks.interleaved(
        *products, lambda: quick(inputs[0]),
        lambda: trained.model.predict_on_batch(inputs[0]), rounds=7)
    _, _, ours, simple = np.median(times, axis=0)
    limits = times[:, :2].min(axis=1) * needed / count
    same = (scores[:, 1].argsort() == plain[:, 1].argsort()).all()
    return tables.Figure(
        clocks.ratio(times[:, 3], times[:, 2]), ours, "s per image", simple,
        "Keras, one image", float(np.median(limits)), PRODUCT_RATE,
        notes=(f"computed in {quick.precision}; this processor has "
               + ", ".join(engines.known_precisions()),
               f"{100 * clocks.ratio(limits, times[:, 2]):.0f} % of the matrix-product "
               "rate",
               f"scores move by at most {np.abs(scores - plain).max():.1e}, ranking "
               + ("the same" if same else "another")))


def eight_bits() -> tables.Figure:
    """A network in eight bits beside Keras and float32: what is to be won where the
    gate of `prediction.eight_bits` lets it pass. Random weights, so no gate here."""
    from end2end import images
    from end2end.prediction import engines, integer_layers

    trained = classifier()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=2)[:6]
        inputs = [images.to_input(images.read_image(path), trained.images)[None]
                  for path in paths]
    graph = engines.converted(trained.model)
    exact = engines.Network(graph, "f32")
    graphs = integer_layers.quantized(graph, [batch[0] for batch in inputs])
    rounded = engines.Network(graphs["greatest"], "f32")
    moves = max(float(np.abs(exact(batch) - rounded(batch)).max()) for batch in inputs)
    times = clocks.interleaved(
        lambda: rounded(inputs[0]), lambda: exact(inputs[0]),
        lambda: trained.model.predict_on_batch(inputs[0]), rounds=7)
    ours, float32, simple = np.median(times, axis=0)
    return tables.Figure(
        clocks.ratio(times[:, 2], times[:, 0]), ours, "s per image", simple,
        "Keras, one image", peers={"OpenVINO in float32": float32},
        notes=(f"{clocks.ratio(times[:, 1], times[:, 0]):.2f} times as fast as float32",
               f"the scores of these random weights move by at most {moves:.1e}"))


def predict_folder() -> tables.Figure:
    """`end2end.predict` on a folder beside the network on inputs made before."""
    from end2end import images, prediction

    trained = classifier()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=2)[:6]
        inputs = [images.to_input(images.read_image(path), trained.images)[None]
                  for path in paths]

        def network():
            for batch in inputs:
                prediction.predict_inputs(trained.model, batch)

        def one_after_the_other():
            for path in paths:
                prediction.score_image(path, trained)

        numbers = itertools.count()
        times = clocks.interleaved(
            network, one_after_the_other,
            lambda: score_files(paths, trained, folder / f"{next(numbers)}.csv"),
            rounds=3)
    limit, simple, ours = np.median(times, axis=0) / len(paths)
    return tables.Figure(
        100 * clocks.ratio(times[:, 0], times[:, 2]), ours, "s per image", simple,
        "read, draw and score one after the other", limit,
        "the network alone on inputs in memory")


def score_files(
        paths: Sequence[pathlib.Path], trained: object,
        out: pathlib.Path) -> None:
    """What `end2end.predict` does once its models are loaded."""
    from end2end.prediction import resuming
    from end2end.prediction import score_files as program

    columns = program.columns(["model"])
    unknown = dict.fromkeys(
        ("label", *program.COLUMNS, *program.FURTHER_COLUMNS), "")
    failures = program.score_all(
        paths, resuming.Rows(out, columns, "False"), [trained],
        known={str(path): unknown for path in paths}, flips=False, frame=None)
    if failures:
        raise RuntimeError(f"an image failed: {failures[0]}")


def predict_memory() -> tables.Figure:
    """Peak memory after 200 and after 1000 images, with a small network."""
    trained = classifier(backbone="yaroslav", size=(192, 144))
    with timing.scratch() as folder:
        originals = timing.phantom_images(folder, patients=3, size=(384, 288))
        paths = []
        for number in range(1000):
            paths.append(folder / f"P_{number:05d}_LEFT_CC.png")
            os.link(originals[number % len(originals)], paths[-1])
        score_files(paths[:200], trained, folder / "first.csv")
        before = peak()
        score_files(paths, trained, folder / "all.csv")
    return tables.Figure(peak() - before, peak(), "MB")


def peak() -> float:
    """Greatest memory of this process so far in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def flips() -> tables.Figure:
    """Four flips of one file beside one pass over it by Keras, reading included."""
    return flipped(classifier())


def flips_fast() -> tables.Figure:
    """The same with the converted network."""
    from end2end.prediction import engines

    trained = classifier()
    quick = engines.fast(trained.model, trained.images)
    return flipped(dataclasses.replace(trained, model=quick),
                   notes=(f"computed in {quick.precision}",))


def flipped(
        trained: object, *,
        notes: tuple[str, ...] = ()) -> tables.Figure:
    """Times one file with and without flips."""
    from end2end import prediction

    with timing.scratch() as folder:
        path = timing.phantom_images(folder, patients=1)[0]
        times = clocks.interleaved(
            lambda: prediction.prepare(path, [trained]),
            lambda: prediction.score_image(path, trained),
            lambda: prediction.score_image(path, trained, flips=True), rounds=9)
    reading, once, ours = np.median(times, axis=0)
    return tables.Figure(
        clocks.ratio(times[:, 2], times[:, 1]), ours, "s per image", 4 * once,
        "four passes over the file", 4 * once - 3 * reading,
        "reading once and four times the arithmetic of one pass", notes=notes)


def heatmap() -> tables.Figure:
    """One pass of the network beside one pass per patch."""
    from end2end import heatmaps, models
    from end2end.data.patches import geometry
    from end2end.utils import processes

    processes.keep_freed_memory()
    patch_model = models.patch_classifier("resnet50", 5, dropout=0.5)
    model = models.heatmap_model(patch_model, size=SIZE)
    image = np.random.default_rng(0).normal(size=(*SIZE, 3)).astype(np.float32)
    ours = clocks.fastest(
        lambda: heatmaps.convolutional_heatmap(model, image), runs=3)
    grid = [len(geometry.sliding_grid(length + 224, patch_size=224, stride=32))
            for length in SIZE]
    # A strip with some of the windows; all of them take minutes.
    strip = image[:32 * 7]
    rows_of_strip = len(geometry.sliding_grid(
        len(strip) + 224, patch_size=224, stride=32))
    simple = clocks.seconds(lambda: heatmaps.sliding_heatmap(
        patch_model, strip, patch_size=224, stride=32)) * grid[0] / rows_of_strip
    return tables.Figure(
        simple / ours, ours, "s per image", simple,
        f"sliding window, {grid[0]}x{grid[1]} patches, from {rows_of_strip} rows",
        limit_seconds(model, (*SIZE, 3)),
        PRODUCT_RATE)


def windows_shared() -> tables.Figure:
    """Rows of windows that share features beside the same windows in batches, which is
    the original's way; log odds, since softmax of random weights hardly moves."""
    import keras

    from end2end import heatmaps, models
    from end2end.utils import processes

    processes.keep_freed_memory()
    keras.utils.set_random_seed(1)
    model = models.patch_classifier("vgg16", 5)
    model.layers[-1].activation = keras.activations.linear
    columns = 384 if clocks.BUSY else SIZE[1]
    strip = np.random.default_rng(0).normal(
        0, 100, (16 * 6, columns, 3)).astype(np.float32)
    maps = {}

    def sweep(prepare):
        maps[prepare] = heatmaps.sliding_heatmap(
            model, strip, patch_size=224, stride=16, prepare=prepare)

    times = clocks.interleaved(
        lambda: sweep(None), lambda: sweep(np.asarray), rounds=1 if clocks.BUSY else 3)
    windows = maps[None].size // maps[None].shape[-1]
    ours, simple = 1e3 * np.median(times, axis=0) / windows
    spread = maps[None].std(axis=(0, 1)).min()
    largest = np.abs(maps[None] - maps[np.asarray]).max()
    return tables.Figure(
        clocks.ratio(times[:, 1], times[:, 0]), ours, "ms per window", simple,
        "Keras on the windows in batches of 128",
        notes=(f"VGG16, {windows} windows of 224x224 at a stride of 16; log odds "
               f"differ by at most {largest / spread:.1e} of their spread",))


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Standard output goes nowhere."""
    with (open(pathlib.Path(os.devnull), "w") as nowhere,
          contextlib.redirect_stdout(nowhere)):
        yield
