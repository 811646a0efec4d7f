"""Clocks, phantoms and the limits of the machine."""

import contextlib
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

# With `--busy`, for a machine that others use: programs compute with one thread each
# and by the processor's clock, and what takes minutes to build is left out.
BUSY_ENVIRONMENT = {"BENCHMARKS_BUSY": "1", **dict.fromkeys((
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS"), "1")}
BUSY = "BENCHMARKS_BUSY" in os.environ
CLOCK = time.process_time if BUSY else time.perf_counter


def fastest(
        work: Callable[[], object], *, runs: int = 5,
        clock: Callable[[], float] = CLOCK) -> float:
    """Seconds of the fastest of some calls, after one that warms up.

    Args:
        work: function without arguments.
        runs: calls that are timed.
        clock: `time.thread_time` for work on one core, which others do not disturb.
    """
    work()
    return min(seconds(work, clock) for _ in range(runs))


def seconds(
        work: Callable[[], object],
        clock: Callable[[], float] = CLOCK) -> float:
    """Seconds of one call."""
    started = clock()
    work()
    return clock() - started


def interleaved(*works: Callable[[], object], rounds: int = 5) -> NDArray:
    """Seconds of works that take turns, since the speed of a shared machine drifts.

    Args:
        works: functions; each is called once before, to warm up.
        rounds: turns of each.

    Returns:
        float64 array `(rounds, works)`; compare within a row.
    """
    for work in works:
        work()
    return np.array([[seconds(work) for work in works] for _ in range(rounds)])


def ratio(above: NDArray, below: NDArray) -> float:
    """Median of the ratios of two columns of `interleaved`."""
    return float(np.median(above / below))


def product_works() -> tuple[tuple[Callable, Callable], int]:
    """Products of square float32 matrices by NumPy and by TensorFlow, as functions, and
    the operations of one."""
    import tensorflow as tf

    size = 2048
    matrix = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    constant = tf.constant(matrix)
    product = tf.function(lambda: tf.linalg.matmul(constant, constant))
    return (lambda: matrix @ matrix, lambda: product().numpy()), 2 * size**3


def matrix_product_rate() -> float:
    """Float32 operations per second of the faster of NumPy's and TensorFlow's product
    of square matrices."""
    works, operations = product_works()
    return operations / min(fastest(work, runs=10) for work in works)


def copy_seconds(array: NDArray) -> float:
    """Seconds to copy an array into memory that is there already."""
    target = np.empty_like(array)
    return fastest(lambda: np.copyto(target, array), runs=20)


@contextlib.contextmanager
def scratch() -> Iterator[pathlib.Path]:
    """A folder for phantoms, removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


def prepared(
        folder: pathlib.Path, *, patients: int,
        size: tuple[int, int] = (1152, 896)) -> pathlib.Path:
    """Draws synthetic women and prepares them; returns the prepared folder."""
    from ddsm_train import prepare
    from end2end import phantoms

    phantoms.write_cbis_ddsm(folder / "download", patients=patients, size=size,
                             workers=os.cpu_count())
    with contextlib.redirect_stdout(None):
        prepare.main([str(folder / "download"), str(folder / "prepared"), "--size",
                      *map(str, size)])
    return folder / "prepared"


def phantom_images(
        folder: pathlib.Path, *, patients: int,
        size: tuple[int, int] = (1152, 896)) -> list[pathlib.Path]:
    """Paths of prepared synthetic mammograms."""
    return sorted((prepared(folder, patients=patients, size=size) / "full").iterdir())
