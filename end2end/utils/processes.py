"""Processes that work in parallel and end with their command; the memory they keep."""

import concurrent.futures
import contextlib
import ctypes
import gc
import logging
import multiprocessing
import os
import pickle
import platform
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import cv2

from end2end.utils import commands, quiet

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


def alone(function: Callable, *arguments: Any, seconds: float) -> Any:
    """Calls a function in a fresh process of its own, which can neither change this one
    nor take it along.

    Args:
        function: of a module; it and its arguments and result are sent by pickle.
        arguments: of the function.
        seconds: of the clock, after which the process is ended.

    Raises:
        ChildProcessError: the function raised an error, or the process died or was
            ended; the message says which.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    # Packed here and unpacked there: first its imports are made quiet.
    packed = pickle.dumps((function, arguments))
    process = context.Process(target=_call, args=(theirs, packed))
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            raise ChildProcessError(f"not done within {seconds:.0f} s")
        result, error = ours.recv()
    except EOFError:
        process.join()
        raise ChildProcessError(
            f"its process ended with status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if error:
        raise ChildProcessError(error)
    return result


def _call(connection, packed):
    """What a process of `alone` does."""
    _begin()
    try:
        function, arguments = pickle.loads(packed)
        answer = function(*arguments), ""
    except Exception as error:
        log.debug("in a process of its own:", exc_info=True)
        answer = None, commands.one_line(error)
    connection.send(answer)


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
