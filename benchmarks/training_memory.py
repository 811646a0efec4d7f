"""Memory of a training step with and without the ways to save it.

    python benchmarks/training_memory.py --size 576 448 --net resnet50

Each row is a process of its own: two steps of whole-image training with all layers
trained, on a processor; its peak memory less what it had before the first step. On a
GPU the activations are the same, so the shares carry over, not the totals.
"""

import argparse
import resource
import subprocess
import sys
import time

# Name, batch, flags of training.
ROWS = (
    ("batch 4", 4, {}),
    ("batch 2, --accumulate 2", 2, {"accumulate": 2}),
    ("batch 1, --accumulate 4", 1, {"accumulate": 4}),
    ("batch 4, --remat", 4, {"remat": True}),
    ("batch 4, --precision mixed_bfloat16", 4, {"precision": "mixed_bfloat16"}),
    ("batch 4, --remat, mixed_bfloat16", 4,
     {"remat": True, "precision": "mixed_bfloat16"}),
)


def main():
    """Prints a table, one row per process; or, with --row, measures that row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(576, 448))
    parser.add_argument("--net", default="resnet50")
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row is not None:
        measure(arguments)
        return
    print("| settings | MB | seconds per step |\n|---|---|---|", flush=True)
    for row, (name, *_) in enumerate(ROWS):
        done = subprocess.run(
            [sys.executable, __file__, "--size", *map(str, arguments.size), "--net",
             arguments.net, "--row", str(row)], capture_output=True, text=True)
        print(f"| {name} | {done.stdout.strip() or done.stderr[-300:]} |", flush=True)


def measure(arguments):
    """Trains two steps and prints megabytes and seconds."""
    import contextlib

    import numpy as np

    from end2end import config, freezing, models, optimizers, remat, training

    _, batch, flags = ROWS[arguments.row]
    options = config.TrainingOptions(optimizer="adam", **flags)
    patch_model = models.patch_classifier(arguments.net, 5, dropout=0.5)
    model = models.whole_image_classifier(
        patch_model, config.ModelOptions(
            backbone=arguments.net, top_repeats=(2, 2), expansion=2),
        size=tuple(arguments.size))
    freezing.train_from(model, None)
    if options.precision != "float32":
        remat.set_precision(model, options.precision)
    optimizer = optimizers.optimizer("adam", 1e-5, accumulate=options.accumulate)
    model.compile(optimizer, training.cross_entropy, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    channels = models.input_channels(model)
    images = np.random.default_rng(0).normal(
        size=(batch, *arguments.size, channels)).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[np.arange(batch) % 2]
    before = peak()
    seconds = []
    with remat.recomputing(model) if options.remat else contextlib.nullcontext():
        for _ in range(2):
            started = time.monotonic()
            model.train_on_batch(images, labels)
            seconds.append(time.monotonic() - started)
    print(f"{peak() - before} | {seconds[-1]:.1f}")


def peak():
    """Greatest memory of this process so far in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
