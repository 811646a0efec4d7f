"""Temporary folders that the next call removes where their process was killed."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator

from end2end.utils import locks
from end2end.utils.errors import InputError, VanishedError

PREFIX = "end2end-"
# Seconds within which the process that makes a folder locks it.
NEW = 60
# Of this process; it could lock them again.
_folders: set[pathlib.Path] = set()


@contextlib.contextmanager
def folder(purpose: str = "work") -> Iterator[pathlib.Path]:
    """Gives a folder of this process that only its user can read; removes it in the
    end.

    Folders of the same purpose that killed processes of this user left are removed
    first.

    Args:
        purpose: a word of its name.
    """
    prefix = f"{PREFIX}{purpose}-"
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if path not in _folders:
            with contextlib.suppress(OSError):
                _sweep(path)
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    _folders.add(path)
    try:
        # Programs that tidy the system's folder may remove it after some days.
        with contextlib.suppress(VanishedError), locks.output_folder(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _folders.discard(path)


def _sweep(path):
    status = path.lstat()
    if path.is_symlink() or not path.is_dir() or (
            os.name == "posix" and status.st_uid != os.getuid()) or (
            time.time() - status.st_mtime < NEW and not _was_locked(path)):
        return
    # Of a process that runs still, the folder is locked.
    with contextlib.suppress(InputError, VanishedError), locks.output_folder(path):
        shutil.rmtree(path, ignore_errors=True)


def _was_locked(path):
    """Whether its process has come to lock it: its name in the lock comes after."""
    with contextlib.suppress(OSError):
        return (path / ".lock").stat().st_size > 0
    return False
