"""What a browser has had scored: kept in the program's folder until it ends."""

import dataclasses
import pathlib
import secrets
import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from end2end.explanation import maps
from end2end.utils import files

# Views of one browser, and browsers (also private windows) at a time.
MOST_VIEWS = 40
MOST_BROWSERS = 8


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """One scored mammogram.

    Attributes:
        id: its mark in the account of files (`session.Session`).
        name: of the file, made unique within the browser's views.
        facts: dict for JSON, what the page shows of it.
        white: grey value that is shown white.
        source: the file as it came, where DICOM results can refer to it.
        frame: of a stack, or None.
    """

    id: str
    name: str
    facts: dict[str, Any]
    white: float
    source: pathlib.Path | None
    frame: int | None


class Browser:
    """The views of one browser.

    Args:
        folder: of this browser alone.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.views: dict[str, View] = {}
        folder.mkdir(mode=0o700)

    def unique(self, name: str) -> str:
        """A name, or with a number before its suffix where another view has it."""
        names, path = {view.name for view in self.views.values()}, pathlib.Path(name)
        number = 2
        while name in names:
            name = f"{path.stem}-{number}{path.suffix}"
            number += 1
        return name

    def keep(self, view: View, pixels: NDArray[np.uint16], explained: maps.Explained
             ) -> None:
        """Stores a view with its picture and maps."""
        np.save(self.folder / f"{view.id}.npy", pixels)
        maps.save(self.folder / f"{view.id}.npz", explained)
        self.views[view.id] = view

    def pixels(self, key: str) -> NDArray[np.uint16]:
        """The picture of a view, read from its file where it is used."""
        return np.load(self.folder / f"{self._known(key).id}.npy", mmap_mode="r")

    def explained(self, key: str) -> maps.Explained:
        """The maps of a view."""
        return maps.load(self.folder / f"{self._known(key).id}.npz")

    def remove(self, key: str) -> None:
        """Forgets a view and its files."""
        view = self.views.pop(self._known(key).id)
        for path in (view.source, *self.folder.glob(f"{view.id}.*")):
            if path:
                path.unlink(missing_ok=True)

    def _known(self, key):
        if key not in self.views:
            raise files.InputError("this view is no longer there; reload the page.")
        return self.views[key]


class Browsers:
    """The views of all browsers; of too many, those of the one least used go.

    Args:
        folder: in which each gets a folder.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._by_token: dict[str, Browser] = {}

    def of(self, token: str | None) -> tuple[str, Browser]:
        """The views of a token, or of a new one; and the token.

        Args:
            token: as the browser sent it, or None.
        """
        browser = self._by_token.pop(token, None) if token else None
        if browser is None:
            token = secrets.token_urlsafe(32)
            browser = Browser(self._folder / f"session-{secrets.token_hex(16)}")
        self._by_token[token] = browser
        while len(self._by_token) > MOST_BROWSERS:
            oldest = next(iter(self._by_token))
            shutil.rmtree(self._by_token.pop(oldest).folder, ignore_errors=True)
        return token, browser
