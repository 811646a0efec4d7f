"""Where dropped files lie while they are scored: under random names, never for long."""

import contextlib
import os
import pathlib
import secrets
from collections.abc import Iterator

from end2end.utils import listing


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
