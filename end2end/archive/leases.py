"""One output, one writer, for storage behind URLs, which has no locks.

The writer keeps an object `writer.json` in the folder and renews it. Another call that
meets it waits until it is renewed, and is refused then; one that is not renewed for
`LAPSE` seconds is of a killed writer and is taken over. No clock is compared. Two calls
that begin within the same moment both write it; after `SETTLES` seconds only one of
them finds its own.
"""

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from end2end.archive import storage
from end2end.utils import commands, locks
from end2end.utils.errors import InputError, VanishedError

NAME = "writer.json"
# Seconds between renewals, until a lease without any is over, and until all see one.
RENEWAL, LAPSE, SETTLES = 10.0, 60.0, 2.0


class Lease:
    """A folder by URL that this process writes.

    Args:
        folder: its URL.

    Raises:
        InputError: another call writes it.
    """

    def __init__(self, folder: str) -> None:
        self.folder, self.path = folder, storage.join(folder, NAME)
        self.token, self._count, self._lost = secrets.token_hex(8), 0, False
        self._wait_for_others()
        self._write()
        time.sleep(SETTLES)
        other = self._read()
        if other.get("token") != self.token:
            raise self._refusal(other)
        self._end = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)
        self._renewing.start()

    def check(self) -> None:
        """Raises `VanishedError` if another call writes the folder meanwhile."""
        if self._lost:
            raise VanishedError(
                f"{self.folder} was taken over by another call, since this one did not "
                f"renew {NAME} for {LAPSE:.0f} seconds; call again.")

    def release(self) -> None:
        """Lets others write."""
        self._end.set()
        self._renewing.join(timeout=RENEWAL)
        if self._read().get("token") == self.token:
            storage.remove(self.path)

    def _wait_for_others(self):
        first = self._read()
        if first:
            commands.say(f"{self.folder} may be written by another call "
                         f"({first.get('writer', 'unknown process')}); looking for up "
                         f"to {LAPSE:.0f} seconds whether it still runs")
        end = time.monotonic() + LAPSE
        while first and time.monotonic() < end:
            time.sleep(min(1.0, LAPSE / 10))
            now = self._read()
            if not now:
                return
            if now != first:
                raise self._refusal(now)

    def _refusal(self, other):
        return InputError(
            f"{self.folder} is being written by another call ("
            f"{other.get('writer', 'unknown process')}); wait for it or choose "
            "another --out.")

    def _read(self):
        try:
            system, name = storage.filesystem(self.path)
            system.invalidate_cache()
            content = json.loads(system.cat_file(name))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self):
        self._count += 1
        system, name = storage.filesystem(self.path)
        system.makedirs(name.rsplit("/", 1)[0], exist_ok=True)
        system.pipe_file(name, json.dumps(dict(
            token=self.token, writer=locks.this_process(), count=self._count)).encode())

    def _renew(self):
        while not self._end.wait(RENEWAL):
            other = self._read()
            if other and other.get("token") != self.token:
                self._lost = True
                return
            with contextlib.suppress(OSError):  # the next time, perhaps
                self._write()


@contextlib.contextmanager
def output_folders(folders: Iterable[str]) -> Iterator[Callable[[], None]]:
    """Keeps other calls from folders, by path or URL, while the block runs.

    Yields:
        function that raises `VanishedError` if another call writes one meanwhile.
    """
    held = []

    def check():
        for lease in held:
            lease.check()

    with contextlib.ExitStack() as stack:
        for folder in dict.fromkeys(folder.rstrip("/") for folder in folders):
            if storage.is_url(folder):
                lease = Lease(folder)
                stack.callback(lease.release)
                held.append(lease)
            else:
                stack.enter_context(locks.output_folder(storage.plain(folder)))
        yield check
        check()
