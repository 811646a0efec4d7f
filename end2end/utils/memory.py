"""How the C library keeps memory, on which training on a processor depends."""

import ctypes
import logging
import platform

log = logging.getLogger(__name__)

# Numbers of glibc's malloc.h: parameter and value.
SETTINGS = {
    "M_ARENA_MAX": (-8, 1),             # one pool for all threads
    "M_MMAP_MAX": (-4, 0),              # large blocks come from the pool too
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),  # what is freed stays in the pool
    "M_TOP_PAD": (-2, 64 << 20),        # the pool grows in large steps
}


def keep_freed_memory():
    """Lets this process reuse freed memory instead of returning it to the system.

    TensorFlow allocates and frees the maps of every layer in every step. By default
    glibc returns such blocks, and each step begins with 100,000 page faults: half of
    the time of a training step on two cores. The memory of a process then stays at its
    peak until it ends.

    Returns:
        whether the C library took the settings; False where it is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    taken = [library.mallopt(*setting) == 1 for setting in SETTINGS.values()]
    log.debug("memory settings taken: %s", dict(zip(SETTINGS, taken, strict=True)))
    return all(taken)
