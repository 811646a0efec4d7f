"""Pieces of one work of milliseconds, by the calling thread and one beside it.

For work on arrays, which NumPy and OpenCV do without Python's lock. The thread beside
is one for the whole process: where it is busy, the caller does all by itself.
"""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import TypeVar

import cv2

Piece = TypeVar("Piece")


def each(
        work: Callable[[Piece], object], pieces: Iterable[Piece], *, helped: bool = True
) -> None:
    """Calls `work` once with each piece; returns when all are done.

    Args:
        work: writes where no other piece does, and may run in another thread.
        pieces: of which each thread takes the next one.
        helped: whether there may be a thread beside the caller's. Where OpenCV is to
            use one thread (`cv2.setNumThreads(1)`), as in processes and loaders that
            work side by side, there is none.

    Raises:
        Exception: what `work` raises.
    """
    # Of a list's iterator two threads never get the same piece.
    left = iter(list(pieces))

    def rest():
        for piece in left:
            work(piece)

    if not helped or cv2.getNumThreads() < 2:
        rest()
        return
    helped = _thread(os.getpid()).submit(rest)
    try:
        rest()
    finally:
        if not helped.cancel():
            helped.result()


@functools.lru_cache(maxsize=1)
def _thread(process):
    """The thread of this process: after a fork, that of the parent is not there."""
    return futures.ThreadPoolExecutor(1, thread_name_prefix=f"beside-{process}")
