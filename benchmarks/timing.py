"""Copies, scratch folders and phantoms that the rows share."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from end2end.utils import clocks


def copy_seconds(array: NDArray) -> float:
    """Seconds to copy an array into memory that is there already."""
    target = np.empty_like(array)
    return clocks.fastest(lambda: np.copyto(target, array), runs=20)


@contextlib.contextmanager
def scratch() -> Iterator[pathlib.Path]:
    """A folder for phantoms, removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


def prepared(
        folder: pathlib.Path, *, patients: int,
        size: tuple[int, int] = (1152, 896)) -> pathlib.Path:
    """Draws synthetic women and prepares them; returns the prepared folder."""
    from ddsm_train import prepare
    from end2end import phantoms

    phantoms.write_cbis_ddsm(folder / "download", patients=patients, size=size,
                             workers=os.cpu_count())
    with contextlib.redirect_stdout(None):
        prepare.main([str(folder / "download"), str(folder / "prepared"), "--size",
                      *map(str, size)])
    return folder / "prepared"


def phantom_images(
        folder: pathlib.Path, *, patients: int,
        size: tuple[int, int] = (1152, 896)) -> list[pathlib.Path]:
    """Paths of prepared synthetic mammograms."""
    return sorted((prepared(folder, patients=patients, size=size) / "full").iterdir())
