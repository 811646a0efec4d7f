"""Memory of a training step with and without the ways to save it.

    python -m benchmarks.training_memory --size 576 448 --net resnet50

Each row is a process of its own: two steps of whole-image training with all layers
trained, on a processor; its peak memory less what it had before the first step. On a
GPU the activations are the same, so the shares carry over, not the totals.
"""

import argparse
import contextlib
import functools
import json
import resource
import subprocess
import sys

# Name, batch, flags of training.
ROWS = {
    "batch 2": (2, {}),
    "batch 2, --remat": (2, {"remat": True}),
    "batch 4": (4, {}),
    "batch 2, --accumulate 2": (2, {"accumulate": 2}),
    "batch 1, --accumulate 4": (1, {"accumulate": 4}),
    "batch 4, --remat": (4, {"remat": True}),
    "batch 4, --precision mixed_bfloat16": (4, {"precision": "mixed_bfloat16"}),
    "batch 4, --remat, mixed_bfloat16": (
        4, {"remat": True, "precision": "mixed_bfloat16"}),
}


def main() -> None:
    """Prints a table, one row per process; or, with --row, measures that row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(576, 448))
    parser.add_argument("--net", default="resnet50")
    parser.add_argument("--steps", type=int, default=2,
                        help="how many, the first is not timed (%(default)s)")
    parser.add_argument("--defaults", action="store_true",
                        help="TensorFlow, Keras and the C library as they are, not "
                             "as the training commands set them")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.defaults:
        as_in_training()
    if arguments.row is not None:
        print(json.dumps(measure(
            *ROWS[arguments.row], size=tuple(arguments.size), net=arguments.net,
            steps=arguments.steps, peer=arguments.peer,
            plain=arguments.defaults)))
        return
    print("| settings | MB | seconds per step |\n|---|---|---|", flush=True)
    for name in ROWS:
        megabytes, seconds = row_alone(name, size=arguments.size, net=arguments.net)
        print(f"| {name} | {megabytes} | {seconds:.1f} |", flush=True)


def as_in_training() -> None:
    """Sets oneDNN and memory as the training commands do."""
    from end2end.config import training_command
    from end2end.utils import processes

    training_command.set_environment()
    processes.keep_freed_memory()


def row_alone(name, *, size, net="resnet50", more=()):
    """What `measure` returns for a row, in a process of its own; `more` are flags."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.training_memory", "--size",
         *map(str, size), "--net", net, "--row", name, *more],
        capture_output=True, text=True)
    if process.returncode:
        raise ChildProcessError(f"{name}: status {process.returncode}: "
                                f"{process.stderr.strip()[-300:]}")
    return json.loads(process.stdout.splitlines()[-1])


def measure(
        batch: int, flags: list, *, size: tuple[int, int], net: str,
        steps: int = 2, peer: str | None = None,
        plain: bool = False) -> tuple[float, float]:
    """Trains some steps.

    Args:
        batch: images at once.
        flags: fields of `TrainingOptions`.
        size: (height, width) in pixels.
        net: name of the backbone.
        steps: how many; the first is not timed.
        peer: of `peers.TRAINING`, which trains the same network; None: Keras.
        plain: whether Keras computes as it does by itself.

    Returns:
        megabytes that they needed, and seconds of the fastest.
    """
    import numpy as np

    from benchmarks import peers
    from end2end import config, models
    from end2end.training import remat
    from end2end.utils import clocks

    options = config.TrainingOptions(optimizer="adam", **flags)
    model = compiled(options, size=size, net=net)
    images = np.random.default_rng(0).normal(
        size=(batch, *size, models.input_channels(model))).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[np.arange(batch) % 2]
    work = (functools.partial(model.train_on_batch, images, labels) if peer is None
            else peers.built({peer: peers.TRAINING[peer]}, model, images, labels
                             )[0][peer])
    before = peak()
    seconds = []
    with contextlib.nullcontext() if plain else remat.computing(
            model, recompute=options.remat):
        for _ in range(steps):
            seconds.append(clocks.seconds(work))
    return peak() - before, min(seconds[1:])


def compiled(options, *, size, net):
    """ResNet50 + [512-512-1024]x2, or of another backbone, ready to train."""
    from end2end import config, models
    from end2end.training import freezing, optimizers, remat, schedule

    patch_model = models.patch_classifier(net, 5, dropout=0.5)
    model = models.whole_image_classifier(
        patch_model, config.ModelOptions(
            backbone=net, top_repeats=(2, 2), expansion=2), size=size)
    freezing.train_from(model, None)
    if options.precision != "float32":
        remat.set_precision(model, options.precision)
    optimizer = optimizers.optimizer("adam", 1e-5, accumulate=options.accumulate)
    model.compile(optimizer, schedule.cross_entropy, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def peak() -> int:
    """Greatest memory of this process so far in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
