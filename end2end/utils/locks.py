"""One output, one writer: a lock on each output, released when its process ends.

The lock is one of the kernel (`flock`) on a hidden file: `.lock` in an output folder,
`.NAME.lock` beside an output file. A killed process therefore leaves no lock, only the
hidden file, which the next call takes over. On file systems without `flock` (some
network shares) a file that is created exclusively stands for it; after a kill on
another computer that file has to be removed by hand, and the refusal names it.

Whoever has the lock also removes what killed writers left half written.
"""

import contextlib
import dataclasses
import errno
import os
import pathlib
import re
import shutil
import socket
import sys
from collections.abc import Iterator

from end2end.utils.errors import InputError, VanishedError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# `files.replacing` writes to such names: `.STEM.PROCESS.part.SUFFIX`.
PART = re.compile(r"^\.(?P<stem>.+)\.(?P<process>\d+)\.part(?:\..+)?$", re.DOTALL)
WITHOUT_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@dataclasses.dataclass(eq=False)
class Lock:
    """A lock that this process holds.

    Attributes:
        output: what is locked, as the user named it.
        path: its hidden file.
        descriptor: of the open hidden file.
        exclusive: whether the file itself is the lock, without `flock`.
    """

    output: pathlib.Path
    path: pathlib.Path
    descriptor: int
    exclusive: bool

    def check(self) -> None:
        """Raises `VanishedError` if the output was removed or replaced."""
        if not _is_open(self.path, self.descriptor):
            raise VanishedError(
                f"{self.output} was removed while it was written; call again, or "
                "choose another --out")


_held: dict[pathlib.Path, Lock] = {}
_written: dict[pathlib.Path, bool] = {}


@contextlib.contextmanager
def output_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Keeps other processes from writing to a folder while the block runs.

    The folder is created where it is missing. Parts of files that killed processes
    left in it or below it are removed. A process may lock a folder several times.

    Args:
        folder: the output folder.

    Raises:
        InputError: another process writes to it, or it cannot be written.
        VanishedError: it was removed during the block.
    """
    folder = pathlib.Path(folder)
    with _held_lock(folder, folder / ".lock"):
        alive = _clear([
            os.path.join(place, name) for place, folders, names in os.walk(folder)
            for name in (*folders, *names) if PART.match(name)])
        yield
        _clear(alive)


@contextlib.contextmanager
def output_file(path: str | os.PathLike) -> Iterator[None]:
    """As `output_folder`, for one file; others may write to its folder.

    Parts of this file and of those named after it (`scores.breasts.csv` beside
    `scores.csv`) are removed.

    Raises:
        InputError: it is a folder, or another process writes it.
    """
    path = pathlib.Path(path)
    if not path.name or path.is_dir():
        raise InputError(
            f"output {path} is a folder; expected the name of a file to write.")
    with _held_lock(path, path.with_name(f".{path.name}.lock")):
        alive = _clear([os.path.join(path.parent, name)
                        for name in os.listdir(path.parent)
                        if _is_part_of(name, path.stem)])
        yield
        _clear(alive)


def check_outputs() -> None:
    """Raises `VanishedError` if an output that this process has locked is gone."""
    for lock in _held.values():
        lock.check()


def written() -> list[tuple[pathlib.Path, bool]]:
    """Outputs that this process has locked and ended, and whether each is a folder."""
    return list(_written.items())


@contextlib.contextmanager
def _held_lock(output: pathlib.Path, path: pathlib.Path) -> Iterator[None]:
    place = pathlib.Path(os.path.abspath(path))
    if place in _held:
        yield
        return
    is_new = not os.path.exists(place.parent)  # of pathlib, a long name raises
    lock = _held[place] = _acquire(output, place)
    try:
        yield
        lock.check()
        folder = place.name == ".lock"
        _written[place.parent if folder else place.parent / output.name] = folder
    finally:
        del _held[place]
        _release(lock)
        if is_new and sys.exc_info()[0]:
            with contextlib.suppress(OSError):  # something was written to it
                place.parent.rmdir()


def _acquire(output: pathlib.Path, path: pathlib.Path) -> Lock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                exclusive = not _flock(descriptor)
            except BlockingIOError as error:
                writer = os.read(descriptor, 200).decode(errors="replace")
                os.close(descriptor)
                raise _refusal(output, writer) from error
            # The writer before may have removed the file in between.
            if _is_open(path, descriptor):
                break
            os.close(descriptor)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise InputError(
            f"output {output} cannot be written ({error.strerror}); choose another "
            "place or change its permissions.") from error
    if exclusive:
        _create_exclusively(output, path)
    with contextlib.suppress(OSError):  # of a full disk; the text is only for others
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, this_process().encode(), 0)
    return Lock(output, path, descriptor, exclusive)


def _flock(descriptor: int) -> bool:
    """Locks an open file; False where the file system knows no locks.

    Raises:
        BlockingIOError: another process has the lock.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno in WITHOUT_FLOCK:
            return False
        raise
    return True


def _create_exclusively(output: pathlib.Path, path: pathlib.Path) -> None:
    owner = path.with_name(path.name + ".owner")
    try:
        with open(owner, "x", encoding="utf-8") as stream:
            stream.write(this_process())
    except FileExistsError as error:
        text = owner.read_text(encoding="utf-8", errors="replace")
        process, _, host = text.partition(" on ")
        number = process.removeprefix("process ")
        if host == socket.gethostname() and number.isdecimal() and not is_alive(
                int(number)):
            owner.unlink(missing_ok=True)
            _create_exclusively(output, path)
            return
        refusal = _refusal(output, text)
        raise InputError(
            f"{refusal} If it runs no longer, remove {owner}.") from error


def _release(lock: Lock) -> None:
    if lock.exclusive:
        lock.path.with_name(lock.path.name + ".owner").unlink(missing_ok=True)
    if _is_open(lock.path, lock.descriptor):
        with contextlib.suppress(OSError):  # a disk that became read-only
            lock.path.unlink(missing_ok=True)
    os.close(lock.descriptor)


def this_process() -> str:
    """This process, as a refusal names it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _refusal(output: pathlib.Path, writer: str) -> InputError:
    writer = "".join(filter(str.isprintable, writer)) or "unknown process"
    return InputError(
        f"{output} is being written by another call ({writer}); wait for it or choose "
        "another --out.")


def _is_open(path: pathlib.Path, descriptor: int) -> bool:
    """Whether an open file is still the one of its name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _is_part_of(name: str, stem: str) -> bool:
    match = PART.match(name)
    return bool(match) and (match["stem"] == stem
                            or match["stem"].startswith(f"{stem}."))


def _clear(paths: list[str]) -> list[str]:
    """Removes parts of dead processes; returns those whose process is alive."""
    alive = []
    for path in paths:
        match = PART.match(os.path.basename(path))
        process = int(match["process"]) if match else 0
        # This process has written nothing yet; an earlier one had its number.
        if process != os.getpid() and is_alive(process):
            alive.append(path)
        elif os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)
    return alive


def is_alive(process: int) -> bool:
    """Whether a process of this number runs on this computer."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # of another user
        return True
    return True
