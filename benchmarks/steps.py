"""Rows about training: time and memory of a step, waiting for data."""

import collections
import os
import pathlib
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks import networks, peers, timing, training_memory
from end2end.bench import device_rows, tables
from end2end.utils import clocks

SIZE = networks.SIZE


def step() -> tables.Figure:
    """A step with all layers trained, set up as the training commands do."""
    classifier = networks.classifier()
    shape = (*SIZE, classifier.images.channels)
    rates, times = [clocks.matrix_product_rate()], []
    for more in (), ("--defaults",):
        times.append(training_memory.row_alone(
            "batch 2", size=SIZE, more=("--steps", "4", *more)))
        rates.append(clocks.matrix_product_rate())
    (megabytes, ours), (_, simple) = times
    able, notes = peers.installed(peers.TRAINING)
    others = {name: training_memory.row_alone(
        "batch 2", size=SIZE, more=("--steps", "3", "--peer", name)) for name in able}
    # Forwards once, backwards twice as much: by the inputs and by the weights.
    count = 3 * 2 * device_rows.operations(classifier.model, shape)
    limit = count / max(rates)
    return tables.Figure(
        ours, ours, "s per step", simple,
        "Keras's train_on_batch as TensorFlow is set by default", limit,
        "three times the forward operations at the matrix-product rate",
        notes=(f"{100 * limit / ours:.0f} % of the matrix-product rate, "
               f"{megabytes:.0f} MB",
               *(f"{name}: {size} MB" for name, (size, _) in others.items()), *notes),
        peers={name: seconds for name, (_, seconds) in others.items()})


def remat() -> tables.Figure:
    """Memory of two steps with and without recomputed activations."""
    plain, recomputed = (training_memory.row_alone(name, size=SIZE)
                    for name in ("batch 2", "batch 2, --remat"))
    return tables.Figure(
        100 * recomputed[0] / plain[0], recomputed[0], "MB", plain[0],
        "the plain step", notes=(
            f"{plain[1]:.1f} s per step without, {recomputed[1]:.1f} s with --remat",))


def waiting() -> tables.Figure:
    """Share of the time in which a patch network waits for its next batch."""
    with timing.scratch() as folder:
        model, batches, workers = patch_work(folder)
        ours = waited(model, batches.batches(0, 14, workers=workers))
        simple = waited(model, map(batches.batch, range(10)))
    return tables.Figure(
        100 * ours[0], 1e3 * ours[1], "ms per step", 1e3 * simple[1],
        f"batches made between the steps: {100 * simple[0]:.1f} % waiting",
        notes=(patch_note(workers),))


def patch_training() -> tables.Figure:
    """Rate of patch training with augmentation, against the network on a ready batch.

    The first stage, in which the network computes least beside its data. PyTorch's
    loader makes the same batches in as many processes.
    """
    steps = 6
    with timing.scratch() as folder:
        model, batches, workers = patch_work(folder)
        ready = [batches.batch(0)] * steps
        sources = {"ours": lambda: batches.batches(0, steps, workers=workers),
                   "alone": lambda: ready}
        able, notes = peers.installed(peers.LOADING)
        sources |= {name: peer.build(batches, steps, workers)
                    for name, peer in able.items()}
        times = clocks.interleaved(*(
            lambda source=source: trained(model, source())
            for source in sources.values()), rounds=3)
        making = clocks.interleaved(*(
            lambda source=source: collections.deque(source(), maxlen=0)
            for name, source in sources.items() if name != "alone"), rounds=5)
    with_data, alone = (np.median(times[:, place]) / steps for place in (0, 1))
    rates = steps * batches.batch_size / np.median(making, axis=0)
    return tables.Figure(
        100 * clocks.ratio(times[:, 1], times[:, 0]), 1e3 * with_data, "ms per step",
        limit=1e3 * alone, limit_way="the network on a batch that is there",
        peers={name: 1e3 * np.median(column) / steps
               for name, column in zip(able, times.T[2:], strict=True)},
        notes=(patch_note(workers), *(
            f"batches alone, {name}: {rate:.0f} images per second"
            for name, rate in zip(["ours", *able], rates, strict=True)), *notes))


def trained(model: Any, source: Iterable) -> None:
    """Trains a step on each batch, as the training commands do."""
    from end2end.training import remat

    with remat.computing(model):
        for batch in source:
            model.train_on_batch(*batch[:2])


def patch_work(folder: pathlib.Path) -> tuple[Any, Any, int]:
    """A patch network in its first stage, batches of augmented patches for it, and the
    number of threads that make them by default."""
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
    batches = image_batches.ImageBatches(
        patches(folder), config.ImageOptions(size=(224, 224), intensity_scale=0.003891),
        batch_size=32, seed=1, shuffle=True, generator=augment.training_generator())
    return model, batches, config.TrainingOptions().workers


def patch_note(workers: int) -> str:
    """What `patch_work` is, for the notes of a row."""
    return (f"ResNet50, last layer trained, 32 patches of 224x224, {workers} threads, "
            f"{os.cpu_count()} cores")


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
