"""Weak scaling of training: as many processes as cores, the same batch for each.

    python -m benchmarks.scaling --core 0      # one process of it, as the row calls it
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parent.parent
BATCH, STEPS, EPOCHS, SIZE = 8, 3, 4, (224, 224)
LONGEST = 900               # seconds, after which a process is taken for stuck


def weak() -> object:
    """Images per second of one process and of two that train together."""
    from end2end.bench import tables

    alone = seconds(1, together=False)
    apart = seconds(2, together=False)
    joined = seconds(2, together=True)
    return tables.Figure(
        100 * alone / joined, joined, "s per step", alone,
        "one process on one core", apart,
        "two processes side by side that know nothing of each other",
        notes=(f"ResNet50, all layers trained, {BATCH} patches of "
               f"{SIZE[0]}x{SIZE[1]} per process, gradients of 94 MB summed in each "
               f"step over the loopback address; side by side alone would give "
               f"{100 * alone / apart:.0f} %",))


def seconds(count: int, *, together: bool) -> float:
    """Seconds per step of some processes, each on a core of its own.

    Args:
        count: processes.
        together: whether they train one network.
    """
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    hosts = [f"127.0.0.1:{server.getsockname()[1]}" for server in sockets]
    for server in sockets:
        server.close()
    processes = []
    for i in range(count):
        environment = dict(TF_CONFIG=json.dumps(dict(
            cluster=dict(worker=hosts), task=dict(type="worker", index=i)))
            if together else "")
        processes.append(subprocess.Popen(
            [sys.executable, "-m", "benchmarks.scaling", "--core", str(i)], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
            env=os.environ | environment))
    try:
        ends = [process.communicate(timeout=LONGEST) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, error) in zip(processes, ends, strict=True):
        if process.returncode:
            raise RuntimeError(error[-1000:])
    return max(float(output.splitlines()[-1]) for output, _ in ends)


class Timed:
    """Validation batches that note when they are asked for: once in an epoch."""

    def __init__(self, batches):
        self.inner, self.begins = batches, []

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __len__(self):
        return len(self.inner)

    def batches(self, *arguments, **keywords):
        self.begins.append(time.perf_counter())
        return self.inner.batches(*arguments, **keywords)


def measure() -> float:
    """Seconds per step in the fastest epoch of this process but the first."""
    import numpy as np

    from end2end import config, models
    from end2end.data import image_batches, image_lists
    from end2end.training import devices, loop, run_inputs, schedule, starting

    options = config.TrainingOptions(optimizer="adam", workers=1)
    images = config.ImageOptions(size=SIZE, pixel_mean=0.0)
    settings = run_inputs.Settings(
        images, config.ModelOptions(), options, layout=devices.layout(options))
    with devices.started(settings) as settings:
        starting.start_repeatably(options)
        with devices.scope(settings):
            model = models.patch_classifier("resnet50", 5)
        images = starting.with_channels(model, settings).images
        # One batch more than whole batches is a step of an epoch too.
        count = BATCH * settings.replicas * STEPS - 1
        pixels = np.random.default_rng(1).integers(0, 256, (count, *SIZE), np.uint8)
        listed = image_lists.from_arrays(pixels, np.arange(count) % 5)
        timed = Timed(image_batches.ImageBatches(
            image_lists.from_arrays(pixels[:2], [0, 4]), images, batch_size=2))
        loop.train(
            model, [schedule.Stage("all", None, EPOCHS, 1e-4, 0.0, 0.0)],
            image_batches.ImageBatches(listed, images, seed=1, shuffle=True,
                                  batch_size=BATCH * settings.replicas),
            timed, options=options, watch="val_accuracy")
    return min(np.diff(timed.begins)) / STEPS


def main() -> None:
    """Measures in this process, on one core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, required=True)
    core = parser.parse_args().core
    os.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[core]])
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    # By the one core it would be one thread, which reads and then cannot compute.
    tf.config.threading.set_inter_op_parallelism_threads(4)
    print(measure())


if __name__ == "__main__":
    main()
