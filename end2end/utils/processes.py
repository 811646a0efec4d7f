"""Processes that work in parallel and end with the command that started them."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading

import cv2


@contextlib.contextmanager
def pool(workers):
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


def _begin():
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)     # the command's own business
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)
