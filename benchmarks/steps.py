"""Rows about training: time and memory of a step, waiting for data."""

import os
import pathlib
import time

import numpy as np

from benchmarks import networks, peers, rows, timing, training_memory

SIZE = networks.SIZE


def step() -> rows.Figure:
    """A step with all layers trained, set up as the training commands do."""
    classifier = networks.classifier()
    shape = (*SIZE, classifier.images.channels)
    rates, times = [timing.matrix_product_rate()], []
    for more in (), ("--defaults",):
        times.append(training_memory.row_alone(
            "batch 2", size=SIZE, more=("--steps", "4", *more)))
        rates.append(timing.matrix_product_rate())
    (megabytes, ours), (_, simple) = times
    able, notes = peers.installed(peers.TRAINING)
    others = {name: training_memory.row_alone(
        "batch 2", size=SIZE, more=("--steps", "3", "--peer", name)) for name in able}
    # Forwards once, backwards twice as much: by the inputs and by the weights.
    count = 3 * 2 * networks.operations(classifier.model, shape)
    limit = count / max(rates)
    return rows.Figure(
        ours, ours, "s per step", simple,
        "Keras's train_on_batch as TensorFlow is set by default", limit,
        "three times the forward operations at the matrix-product rate",
        notes=(f"{100 * limit / ours:.0f} % of the matrix-product rate, "
               f"{megabytes:.0f} MB",
               *(f"{name}: {size} MB" for name, (size, _) in others.items()), *notes),
        peers={name: seconds for name, (_, seconds) in others.items()})


def remat() -> rows.Figure:
    """Memory of two steps with and without recomputed activations."""
    plain, recomputed = (training_memory.row_alone(name, size=SIZE)
                    for name in ("batch 2", "batch 2, --remat"))
    return rows.Figure(
        100 * recomputed[0] / plain[0], recomputed[0], "MB", plain[0],
        "the plain step", notes=(
            f"{plain[1]:.1f} s per step without, {recomputed[1]:.1f} s with --remat",))


def waiting() -> rows.Figure:
    """Share of the time in which a patch network waits for its next batch."""
    import keras

    from end2end import augment, config, models
    from end2end.data import image_batches
    from end2end.training import freezing, schedule
    from end2end.utils import processes

    processes.keep_freed_memory()
    keras.utils.set_random_seed(1)
    model = models.patch_classifier("resnet50", 5)
    freezing.train_from(model, "dense_1")
    model.compile("adam", schedule.cross_entropy, jit_compile=False)
    with timing.scratch() as folder:
        paths = patches(folder)
        batches = image_batches.ImageBatches(
            paths, config.ImageOptions(size=(224, 224), intensity_scale=0.003891),
            batch_size=32, seed=1, shuffle=True,
            generator=augment.training_generator())
        workers = config.TrainingOptions().workers
        ours = waited(model, batches.batches(0, 14, workers=workers))
        simple = waited(model, map(batches.batch, range(10)))
    return rows.Figure(
        100 * ours[0], 1e3 * ours[1], "ms per step", 1e3 * simple[1],
        f"batches made between the steps: {100 * simple[0]:.1f} % waiting",
        notes=(f"ResNet50, last layer trained, 32 patches of 224x224, {workers} "
               f"threads, {os.cpu_count()} cores",))


def waited(model, batches):
    """Share of waiting, and seconds of a step, after two steps to warm up."""
    source, waits, begins = iter(batches), [], []
    while True:
        begins.append(time.perf_counter())
        batch = next(source, None)
        if batch is None:
            break
        waits.append(time.perf_counter() - begins[-1])
        model.train_on_batch(*batch[:2])
    total = begins[-1] - begins[2]
    return sum(waits[2:]) / total, total / (len(begins) - 3)


def patches(folder: pathlib.Path) -> object:
    """A class folder of 16-bit patches."""
    from end2end.data import image_lists
    from end2end.data.patches import patch_files

    rng = np.random.default_rng(0)
    for label in range(5):
        (folder / f"class{label}").mkdir()
        for number in range(40):
            patch_files.write_patch(
                folder / f"class{label}" / f"{number}.png",
                rng.integers(0, 65536, (224, 224)), stamp="0", total=40)
    return image_lists.list_classes(folder)
