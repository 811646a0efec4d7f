"""Rows about statistics and the start of commands."""

import pathlib
import resource
import subprocess
import sys

import numpy as np

from end2end.bench import tables
from end2end.utils import clocks

ROOT = pathlib.Path(__file__).parent.parent


def bootstrap() -> tables.Figure:
    """`metrics.auc_interval` beside scikit-learn in a loop."""
    from sklearn import metrics as sklearn_metrics

    from end2end import metrics

    rng = np.random.default_rng(1)
    labels = np.arange(400) % 2
    scores = rng.normal(size=400) + labels
    ours = clocks.fastest(lambda: metrics.auc_interval(labels, scores, runs=3000))

    def loop():
        for _ in range(100):
            indices = rng.integers(0, 400, 400)
            sklearn_metrics.roc_auc_score(labels[indices], scores[indices])

    drawing = clocks.fastest(lambda: rng.integers(0, 400, (3000, 400)))
    return tables.Figure(
        1e3 * ours, 1e3 * ours, "ms", 1e3 * 30 * clocks.fastest(loop, runs=2),
        "scikit-learn's roc_auc_score 3000 times, from 100", 1e3 * drawing,
        "drawing the random numbers alone")


def commands() -> list[str]:
    """Names of all modules that can be called."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
        for folder in ("end2end", "ddsm_train", "inbreast")
        for path in (ROOT / folder).rglob("*.py")
        if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8"))


def slowest_help() -> tables.Figure:
    """`--help` of every command."""
    seconds = {name: python("-m", name, "--help") for name in commands()}
    name = max(seconds, key=seconds.get)
    return tables.Figure(
        seconds[name], seconds[name], "s", python("-c", "import tensorflow"),
        "importing TensorFlow first", python("-c", "pass"), "starting Python",
        notes=(f"{len(seconds)} commands, the slowest is {name}",))


def import_package() -> tables.Figure:
    """`import end2end`."""
    seconds = python("-c", "import end2end")
    return tables.Figure(
        seconds, seconds, "s", python("-c", "import tensorflow"),
        "importing TensorFlow",
        python("-c", "pass"), "starting Python")


def processor_of_children() -> float:
    """Processor seconds of all processes that this one began and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def python(*words: str) -> float:
    """Seconds of a call of Python, the fastest of three; of the processor with
    `--busy`."""
    clock = processor_of_children if clocks.BUSY else clocks.CLOCK

    def call():
        subprocess.run([sys.executable, *words], check=True, capture_output=True,
                       cwd=ROOT)
    return min(clocks.seconds(call, clock) for _ in range(3))
