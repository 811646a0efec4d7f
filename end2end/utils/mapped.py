"""Arrays in temporary files, for tables that are longer than memory should hold.

Such an array is a plain numpy array over a mapped file without a name, which is gone
when the array is. What is read or written of it stays in the memory of the process
until `release`; `utils.chunks` does so after every piece.
"""

import array
import mmap
import os
import tempfile

import numpy as np
from numpy.typing import DTypeLike, NDArray

from end2end.utils import files

_FORGET = getattr(mmap, "MADV_DONTNEED", None)  # not on Windows


def file_of(values: object) -> mmap.mmap | None:
    """The mapped file that an array or a view of one lies in; None: in memory."""
    while isinstance(values, np.ndarray):
        values = values.base
    if isinstance(values, memoryview):
        values = values.obj
    return values if isinstance(values, mmap.mmap) else None


def release(*arrays: object) -> None:
    """Gives the memory of mapped arrays back; their numbers stay in the files."""
    for values in arrays:
        file = file_of(values)
        if file is not None and _FORGET is not None:
            file.madvise(_FORGET)


def empty(count: int, dtype: DTypeLike, like: object = None) -> NDArray:
    """An array without content, in a temporary file where `like` lies in one.

    Raises:
        files.InputError: there is no room for the file.
    """
    size = count * np.dtype(dtype).itemsize
    if not size or file_of(like) is None:
        return np.empty(count, dtype)
    with tempfile.TemporaryFile() as file:
        try:
            # Without its room set aside, a full disk would end the process.
            getattr(os, "posix_fallocate", _lengthened)(file.fileno(), 0, size)
        except OSError as error:
            raise _without_room(error) from error
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype)


def _lengthened(descriptor, start, size):
    os.ftruncate(descriptor, start + size)


def _without_room(error):
    return files.InputError(
        f"no temporary file in {tempfile.gettempdir()} ({error}); make room there, or "
        "name another folder in the environment variable TMPDIR.")


class Growing:
    """Numbers that come one after the other.

    Attributes:
        append: adds a number.
    """

    def __init__(self, typecode: str):
        """Without numbers; `typecode` as in `array.array`."""
        self._recent = array.array(typecode)
        self._file = None
        self.append = self._recent.append

    def store(self) -> None:
        """Moves the numbers so far to a temporary file.

        Raises:
            files.InputError: there is no room for the file.
        """
        if not self._recent:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives on
            self._recent.tofile(self._file)
            self._file.flush()
        except OSError as error:
            raise _without_room(error) from error
        del self._recent[:]

    def values(self) -> NDArray:
        """All numbers, `(n,)`, mapped if `store` was called; the last call of all."""
        dtype = np.dtype(self._recent.typecode)
        if self._file is None:
            return np.frombuffer(self._recent, dtype)
        self.store()
        with self._file as file:
            return np.frombuffer(mmap.mmap(file.fileno(), 0), dtype)
