"""Writes synthetic mammograms in the exact layouts of CBIS-DDSM and INbreast.

    end2end phantoms OUT --patients 20 --seed 1 --difficulty 0.3

They are for the demo and the tests: pictures with an outline, power-law texture,
pectoral muscle, burned-in markers and the four kinds of lesion. They resemble
mammograms only as far as that needs; no figure measured on them says anything about
women.
"""

import functools
import itertools
import pathlib

import tqdm

from end2end.phantoms import (
    cbis_ddsm,
    cmmd_layout,
    drawing,
    inbreast_layout,
    mini_mias_layout,
    rsna_layout,
    vindr_layout,
)
from end2end.utils import files, processes

SETTINGS_FILE = "phantoms.json"


def write_cbis_ddsm(  # noqa: PLR0913 - each is one choice of the drawing
        folder: files.Path, *, patients: int, seed: int = 1, difficulty: float = 0.3,
        size: tuple[int, int] = (1024, 768), layout: str = "classic",
        one_view: float = 0.0, workers: int = 1) -> pathlib.Path:
    """Writes a small CBIS-DDSM of synthetic women.

    Args:
        folder: the download to make; new, empty, or made before with these settings.
        patients: how many women.
        seed: the same seed gives the same files.
        difficulty: 0 (plain to see) to 1 (subtle).
        size: (height, width) of the mammograms in pixels.
        layout: `classic` or `descriptive` (TCIA), or `kaggle` (the JPEG mirror).
        one_view: share of the lesions that are to be seen in one of the views only.
        workers: processes; the files do not depend on it.

    Returns:
        the folder. Nothing is done if the files were written before.

    Raises:
        files.InputError: a value out of range, or a folder with other contents.
    """
    settings = dict(patients=patients, seed=seed, difficulty=difficulty,
                    size=list(size), layout=layout, **_some(one_view))
    folder, complete = _prepare(folder, settings)
    if complete:
        return folder
    women = _women(settings, normal=False)
    write = functools.partial(_call, cbis_ddsm.write_cbis_woman, folder,
                              arguments=(tuple(size), layout))
    results = _in_parallel(write, women, workers)
    rows = list(itertools.chain.from_iterable(rows for rows, _ in results))
    series = list(itertools.chain.from_iterable(series for _, series in results))
    tables = folder / "csv" if layout == "kaggle" else folder
    cbis_ddsm.write_case_tables(tables, rows)
    if layout == "descriptive":
        cbis_ddsm.write_metadata(folder, series)
    if layout == "kaggle":
        cbis_ddsm.write_dicom_info(tables, series)
    files.write_json(folder / SETTINGS_FILE, settings | dict(complete=True))
    return folder


def spoil(folder: files.Path) -> list:
    """Spoils some files of a classic download (`cbis_ddsm.DEFECTS`), once.

    Returns:
        list of (defect, path in the tables), each in another woman.
    """
    record = pathlib.Path(folder) / SETTINGS_FILE
    settings = files.read_json(record)
    if "spoilt" not in settings:
        settings["spoilt"] = cbis_ddsm.add_defects(folder)
        files.write_json(record, settings)
    return settings["spoilt"]


def write_inbreast(
        folder: files.Path, *, patients: int, seed: int = 1, difficulty: float = 0.3,
        size: tuple[int, int] = (1024, 768), one_view: float = 0.0, workers: int = 1
) -> pathlib.Path:
    """Writes a small INbreast of synthetic women; arguments as `write_cbis_ddsm`.

    Returns:
        the folder.
    """
    settings = dict(patients=patients, seed=seed, difficulty=difficulty,
                    size=list(size), layout="inbreast", **_some(one_view))
    folder, complete = _prepare(folder, settings)
    if complete:
        return folder
    write = functools.partial(_call, inbreast_layout.write_woman, folder,
                              arguments=(tuple(size),))
    rows = list(itertools.chain.from_iterable(
        _in_parallel(write, _women(settings, normal=True), workers)))
    files.write_csv(
        folder / "INbreast Release 1.0" / "INbreast.csv",
        inbreast_layout.COLUMNS, rows, delimiter=";", line_end="\r\n")
    files.write_json(folder / SETTINGS_FILE, settings | dict(complete=True))
    return folder


# Module of a layout whose women have both breasts, some of them without a lesion.
OTHER_LAYOUTS = {"vindr": (vindr_layout, True), "rsna": (rsna_layout, True),
                 "cmmd": (cmmd_layout, False), "mini-mias": (mini_mias_layout, True)}


def write_layout(  # noqa: PLR0913 - each is one choice of the drawing
        folder: files.Path, *, layout: str, patients: int, seed: int = 1,
        difficulty: float = 0.3, size: tuple[int, int] = (1024, 768),
        one_view: float = 0.0, workers: int = 1) -> pathlib.Path:
    """Writes a small set of synthetic women; arguments as `write_cbis_ddsm`.

    Args:
        layout: a key of `OTHER_LAYOUTS`.

    Returns:
        the folder.
    """
    settings = dict(patients=patients, seed=seed, difficulty=difficulty,
                    size=list(size), layout=layout, **_some(one_view))
    module, normal = OTHER_LAYOUTS[layout]
    folder, complete = _prepare(folder, settings)
    if complete:
        return folder
    write = functools.partial(_call, module.write_woman, folder,
                              arguments=(tuple(size),))
    rows = list(itertools.chain.from_iterable(
        _in_parallel(write, _women(settings, normal=normal), workers)))
    module.write_tables(folder, rows)
    files.write_json(folder / SETTINGS_FILE, settings | dict(complete=True))
    return folder


def _some(one_view):
    """The setting where it is one, so that folders made before are known again."""
    return {"one_view": one_view} if one_view else {}


def _prepare(folder, settings):
    """Checks the settings and makes the folder; returns it, and whether it is done."""
    if settings["patients"] < 1:
        raise files.InputError(
            f"--patients {settings['patients']} is too few; give at least 1.")
    if not 0 <= settings["difficulty"] <= 1:
        raise files.InputError(
            f"--difficulty {settings['difficulty']} is out of range; give 0 to 1.")
    if min(settings["size"]) < 64 or max(settings["size"]) > 8192:
        raise files.InputError(
            "--size {} {} cannot be drawn; give 64 to 8192 pixels.".format(
                *settings["size"]))
    if not 0 <= settings.get("one_view", 0) <= 1:
        raise files.InputError(
            f"--one-view {settings['one_view']} is no share; give 0 to 1.")
    if settings["seed"] < 0:
        raise files.InputError(
            f"--seed {settings['seed']} is negative; give 0 or more.")
    folder = files.writable_folder(folder)
    record = folder / SETTINGS_FILE
    if not record.exists() and any(
            path.name[0] != "." for path in folder.iterdir()):
        raise files.InputError(
            f"{folder} is not empty; choose a new folder for phantoms.")
    before = files.read_json(record) if record.exists() else settings
    complete = "complete" in before
    if any(before.get(name) != value for name, value in settings.items()):
        raise files.InputError(
            f"{folder} holds phantoms of other settings; remove it or choose another.")
    if not complete:
        files.write_json(record, settings)
    return folder, complete


def _women(settings, *, normal):
    return [drawing.draw_woman(
        number, seed=settings["seed"], difficulty=settings["difficulty"], normal=normal,
        one_view=settings.get("one_view", 0.0))
        for number in range(1, settings["patients"] + 1)]


def _call(write, folder, woman, *, arguments):
    return write(folder, woman, *arguments)


def _in_parallel(function, items, workers):
    """Results of `function` in the order of `items`, with a progress bar."""
    bar = functools.partial(tqdm.tqdm, total=len(items), unit="woman", disable=None)
    if workers == 1:
        return list(bar(map(function, items)))
    with processes.pool(workers) as pool:
        return list(bar(pool.map(function, items, chunksize=2)))
