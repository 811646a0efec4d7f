"""Where dropped files lie while they are scored: under random names, never for long."""

import contextlib
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator

from end2end.utils import files, listing, locks

PREFIX = "end2end-serve-"


@contextlib.contextmanager
def folder() -> Iterator[pathlib.Path]:
    """Gives a folder of this process, removed in the end.

    Folders that killed processes of this user left are removed first.
    """
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if path.is_dir() and not path.is_symlink() and _is_own(path):
            # Of a process that runs still, the folder is locked.
            with contextlib.suppress(files.InputError, files.VanishedError), \
                    locks.output_folder(path):
                shutil.rmtree(path, ignore_errors=True)
    path = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        # Programs that tidy the system's folder may remove it after some days.
        with contextlib.suppress(files.VanishedError), locks.output_folder(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _is_own(path: pathlib.Path) -> bool:
    return os.name != "posix" or path.lstat().st_uid == os.getuid()


@contextlib.contextmanager
def stored(data: bytes | bytearray, name: str, place: pathlib.Path
           ) -> Iterator[pathlib.Path]:
    """Gives a file with some bytes, which only this user can read; then removes it.

    Args:
        data: content of the file.
        name: that it had; no more than the suffix of a kind of image is kept of it.
        place: folder.
    """
    suffix = pathlib.PurePath(name).suffix.lower()
    path = place / (f"upload-{secrets.token_hex(16)}"
                    f"{suffix if suffix in listing.SUFFIXES else ''}")
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        yield path
    finally:
        path.unlink(missing_ok=True)
