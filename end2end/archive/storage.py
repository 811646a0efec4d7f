"""Files by plain path or by URL (`s3://`, `gs://`, `memory://`, ...), through fsspec.

A plain path stays a plain path and needs nothing beyond Python. A file appears under
its name whole or not at all.
"""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import IO, Any

from end2end.prediction import resuming
from end2end.utils import distribution, files, temporary

TABLES = (".csv", ".parquet")


def is_url(path: files.Path) -> bool:
    """Whether a text names a file by URL; `file://` is a plain path."""
    return "://" in str(path) and not str(path).startswith("file://")


def plain(path: files.Path) -> pathlib.Path:
    """A local name as a `Path`."""
    return pathlib.Path(str(path).removeprefix("file://"))


def join(folder: files.Path, name: str) -> str:
    """The name of a file in a folder, as text."""
    return f"{str(folder).rstrip('/')}/{name}"


def beside(table: files.Path, path: str) -> str:
    """The full name of `path`, which starts from the folder of `table` if relative.

    Workers on other hosts, with other current folders, read the same file.
    """
    if is_url(path):
        return path
    if is_url(table):
        # A folder may have a dot in its name (s3://bucket/v1.2).
        start = (str(table).rsplit("/", 1)[0] if str(table).endswith(TABLES)
                 else str(table))
        return path if path.startswith("/") else join(start, path)
    start = plain(table).absolute()
    return str((start if start.is_dir() else start.parent) / plain(path))


def filesystem(url: files.Path) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the name in it.

    Raises:
        files.InputError: fsspec, or what it needs for this kind of URL, is missing.
    """
    try:
        import fsspec
        return fsspec.core.url_to_fs(str(url))
    except (ImportError, ValueError) as error:
        raise files.InputError(
            f"{url} cannot be reached ({error}); run: "
            f"{distribution.install_command('cluster')}, and pip install s3fs for "
            "s3:// or gcsfs for gs://.") from error


def exists(path: files.Path) -> bool:
    """Whether a file is there."""
    if not is_url(path):
        return plain(path).is_file()
    system, name = filesystem(path)
    return system.isfile(name)


def names(folder: files.Path, *, hidden: bool = False) -> list[str]:
    """Names of the files in a folder, sorted; none where there is no folder.

    Args:
        folder: path or URL.
        hidden: whether to name hidden files of a local folder too.
    """
    if not is_url(folder):
        folder = plain(folder)
        paths = folder.iterdir() if folder.is_dir() else ()
        return sorted(path.name for path in paths if path.is_file()
                      and (hidden or not path.name.startswith(".")))
    system, name = filesystem(folder)
    if not system.isdir(name):
        return []
    return sorted(entry["name"].rsplit("/", 1)[-1]
                  for entry in system.ls(name, detail=True, refresh=True)
                  if entry["type"] == "file")


def opened(path: files.Path) -> IO[bytes]:
    """Opens a file for reading bytes.

    Raises:
        files.InputError: there is none.
    """
    if not is_url(path):
        return open(files.existing_file(plain(path)), "rb")
    system, name = filesystem(path)
    try:
        return system.open(name, "rb")
    except FileNotFoundError as error:
        raise files.InputError(
            f"file {path} does not exist; check the URL.") from error


def remove(path: str) -> None:
    """Removes a file that may be gone already."""
    with contextlib.suppress(OSError):
        if is_url(path):
            system, name = filesystem(path)
            system.rm_file(name)
        else:
            plain(path).unlink()


def state(path: str) -> dict[str, Any] | None:
    """What tells later whether a file is still the same; None where there is none.

    Of a local file as `resuming.FileState`, of others what their storage says.

    Raises:
        files.InputError: it is no file or larger than any image.
    """
    try:
        if not is_url(path):
            return dataclasses.asdict(resuming.state(plain(path)))
        system, name = filesystem(path)
        return dict(size=system.size(name), key=str(system.ukey(name)))
    except OSError:
        return None


def renewed(path: str, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """The state of a file whose content is as it was.

    A local file whose times differ is read; a file that is gone counts as it was.

    Args:
        path: of the file.
        before: its `state` of an earlier call.

    Raises:
        files.VanishedError: it is another file now.
    """
    if before and not is_url(path):
        try:
            if resuming.FileState(**before).is_of(os.stat(plain(path))):
                return before
        except OSError:
            return before
    now = state(path)
    if now is None or now == before:
        return before
    if not before or is_url(path) or now["sha256"] != before["sha256"]:
        raise files.VanishedError(f"{path} is another file now")
    return now


@contextlib.contextmanager
def local(path: files.Path) -> Iterator[pathlib.Path]:
    """Gives a local `Path` with the bytes of a file; a URL is fetched for the block.

    Of the name behind a URL, which may tell of a patient, the copy has the suffix only;
    a refusal of the copy during the block names the URL.
    """
    if not is_url(path):
        yield files.existing_file(plain(path))
        return
    with temporary.folder("copy") as folder:
        copy = folder / f"copy{pathlib.PurePath(str(path)).suffix}"
        with opened(path) as stream, open(copy, "wb") as out:
            while block := stream.read(1 << 20):
                out.write(block)
        try:
            yield copy
        except files.InputError as error:
            error.args = (str(error).replace(str(copy), str(path)),)
            raise


@contextlib.contextmanager
def replacing(path: files.Path) -> Iterator[pathlib.Path]:
    """Gives a local path to write; it becomes `path` if the block succeeds.

    An object store shows an uploaded file once it is whole; a local file is moved.
    """
    if not is_url(path):
        with files.replacing(plain(path)) as part:
            yield part
        return
    system, name = filesystem(path)
    with temporary.folder("copy") as folder:
        part = folder / name.rsplit("/", 1)[-1]
        yield part
        system.makedirs(name.rsplit("/", 1)[0], exist_ok=True)
        system.put_file(str(part), name)
