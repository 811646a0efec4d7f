"""Clocks, and the rate of matrix products, which limits networks."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

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


def product(size: int = 2048, dtype: str = "float32") -> tuple[Callable, int]:
    """TensorFlow's product of square matrices on its usual device, as a function, and
    the operations of one."""
    import tensorflow as tf

    matrix = tf.constant(
        np.random.default_rng(0).normal(size=(size, size)), dtype=dtype)
    multiply = tf.function(lambda: tf.linalg.matmul(matrix, matrix))
    return lambda: multiply().numpy(), 2 * size**3


def product_works() -> tuple[tuple[Callable, Callable], int]:
    """Products of square float32 matrices by NumPy and by TensorFlow, as functions, and
    the operations of one."""
    size = 2048
    matrix = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    multiply, operations = product(size)
    return (lambda: matrix @ matrix, multiply), operations


def matrix_product_rate() -> float:
    """Float32 operations per second of the faster of NumPy's and TensorFlow's product
    of square matrices."""
    works, operations = product_works()
    return operations / min(fastest(work, runs=10) for work in works)


def timed(results: Iterator[Any]) -> tuple[list[float], list]:
    """Takes all results of an iterator that works when it is asked.

    Returns:
        seconds that each took, and the results.
    """
    times, values = [], []
    while True:
        started = CLOCK()
        value = next(results, None)
        if value is None:
            return times, values
        times.append(CLOCK() - started)
        values.append(value)
