"""Processes that work in parallel and end with their command; the memory they keep."""

import concurrent.futures
import contextlib
import ctypes
import gc
import logging
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Iterator

import cv2

from end2end.utils import quiet

log = logging.getLogger(__name__)

# Numbers of glibc's malloc.h: parameter and value.
MEMORY_SETTINGS = {
    "M_ARENA_MAX": (-8, 1),             # one pool for all threads
    "M_MMAP_MAX": (-4, 0),              # large blocks come from the pool too
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),  # what is freed stays in the pool
    "M_TOP_PAD": (-2, 64 << 20),        # the pool grows in large steps
}


@contextlib.contextmanager
def pool(workers: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Gives a `ProcessPoolExecutor` of fresh processes.

    They are started anew, not forked: a forked process may hang if a library had begun
    threads. OpenCV gets one thread in each, since the processes are the parallelism.
    When the block is left, also by Ctrl-C, jobs that were not begun are dropped; when
    the command is killed the processes end too, and do not wait for ever.
    """
    executor = concurrent.futures.ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _begin() -> None:
    quiet.install()
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)     # the command's own business
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def keep_freed_memory() -> bool:
    """Lets this process reuse freed memory instead of returning it to the system.

    TensorFlow allocates and frees the maps of every layer in every step. By default
    glibc returns such blocks, and each step begins with 100,000 page faults: half of
    the time of a training step on two cores. The memory of a process then stays at its
    peak until it ends.

    Returns:
        whether the C library accepted the settings; False where it is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    accepted = {name: library.mallopt(*setting) == 1
                for name, setting in MEMORY_SETTINGS.items()}
    log.debug("memory settings accepted: %s", accepted)
    return all(accepted.values())


def return_freed_memory() -> None:
    """Returns freed memory to the system, also where `keep_freed_memory` keeps it.

    For programs that run on when a large piece of work is over. It takes a fraction of
    a second. Where the C library is not glibc nothing is kept that could be returned.
    """
    # What errors and their frames hold in circles is not freed before.
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
