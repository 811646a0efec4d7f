"""Writes synthetic mammograms in the exact layouts of CBIS-DDSM and INbreast.

    python -m end2end.phantoms OUT --patients 20 --seed 1 --difficulty 0.3

They are for the demo and the tests: pictures with an outline, power-law texture,
pectoral muscle, burned-in markers and the four kinds of lesion. They resemble
mammograms only as far as that needs; no figure measured on them says anything about
women.
"""

import functools
import itertools
import os
import pathlib

from end2end import commands, files, processes

LAYOUTS = ("classic", "descriptive", "kaggle", "inbreast")
SETTINGS_FILE = "phantoms.json"


def write_cbis_ddsm(folder, *, patients, seed=1, difficulty=0.3, size=(1024, 768),
                    layout="classic", workers=1):
    """Writes a small CBIS-DDSM of synthetic women.

    Args:
        folder: the download to make; new, empty, or made before with these settings.
        patients: how many women.
        seed: the same seed gives the same files.
        difficulty: 0 (plain to see) to 1 (subtle).
        size: (height, width) of the mammograms in pixels.
        layout: `classic` or `descriptive` (TCIA), or `kaggle` (the JPEG mirror).
        workers: processes; the files do not depend on it.

    Returns:
        the folder. Nothing is done if the files were written before.

    Raises:
        files.InputError: a value out of range, or a folder with other contents.
    """
    settings = dict(patients=patients, seed=seed, difficulty=difficulty,
                    size=list(size), layout=layout)
    folder, complete = _prepare(folder, settings)
    if complete:
        return folder
    from end2end import phantom_files
    women = _women(settings, normal=False)
    write = functools.partial(_call, phantom_files.write_cbis_woman, folder,
                              arguments=(tuple(size), layout))
    results = _in_parallel(write, women, workers)
    rows = list(itertools.chain.from_iterable(rows for rows, _ in results))
    series = list(itertools.chain.from_iterable(series for _, series in results))
    tables = folder / "csv" if layout == "kaggle" else folder
    phantom_files.write_case_tables(tables, rows)
    if layout == "descriptive":
        phantom_files.write_metadata(folder, series)
    if layout == "kaggle":
        phantom_files.write_dicom_info(tables, series)
    files.write_json(folder / SETTINGS_FILE, settings | dict(complete=True))
    return folder


def spoil(folder):
    """Spoils some files of a classic download (`phantom_files.DEFECTS`), once.

    Returns:
        list of (defect, path in the tables), each in another woman.
    """
    made = pathlib.Path(folder) / SETTINGS_FILE
    settings = files.read_json(made)
    if "spoilt" not in settings:
        from end2end import phantom_files
        settings["spoilt"] = phantom_files.add_defects(folder)
        files.write_json(made, settings)
    return settings["spoilt"]


def write_inbreast(folder, *, patients, seed=1, difficulty=0.3, size=(1024, 768),
                   workers=1):
    """Writes a small INbreast of synthetic women; arguments as `write_cbis_ddsm`.

    Returns:
        the folder.
    """
    settings = dict(patients=patients, seed=seed, difficulty=difficulty,
                    size=list(size), layout="inbreast")
    folder, complete = _prepare(folder, settings)
    if complete:
        return folder
    from end2end import phantom_inbreast
    write = functools.partial(_call, phantom_inbreast.write_woman, folder,
                              arguments=(tuple(size),))
    rows = list(itertools.chain.from_iterable(
        _in_parallel(write, _women(settings, normal=True), workers)))
    files.write_csv(
        folder / "INbreast Release 1.0" / "INbreast.csv",
        phantom_inbreast.COLUMNS, rows, delimiter=";", line_end="\r\n")
    files.write_json(folder / SETTINGS_FILE, settings | dict(complete=True))
    return folder


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
    if settings["seed"] < 0:
        raise files.InputError(
            f"--seed {settings['seed']} is negative; give 0 or more.")
    folder = files.writable_folder(folder)
    made = folder / SETTINGS_FILE
    if not made.exists() and any(folder.iterdir()):
        raise files.InputError(
            f"{folder} is not empty; choose a new folder for phantoms.")
    before = files.read_json(made) if made.exists() else settings
    complete = "complete" in before
    if any(before.get(name) != value for name, value in settings.items()):
        raise files.InputError(
            f"{folder} holds phantoms of other settings; remove it or choose another.")
    if not complete:
        files.write_json(made, settings)
    return folder, complete


def _women(settings, *, normal):
    from end2end import phantom_images
    return [phantom_images.draw_woman(
        number, seed=settings["seed"], difficulty=settings["difficulty"], normal=normal)
        for number in range(1, settings["patients"] + 1)]


def _call(write, folder, woman, *, arguments):
    return write(folder, woman, *arguments)


def _in_parallel(function, items, workers):
    """Results of `function` in the order of `items`, with a progress bar."""
    import tqdm
    bar = functools.partial(tqdm.tqdm, total=len(items), unit="woman", disable=None)
    if workers == 1:
        return list(bar(map(function, items)))
    with processes.pool(workers) as pool:
        return list(bar(pool.map(function, items, chunksize=2)))


def parser():
    """The command line."""
    result = commands.Parser(prog="python -m end2end.phantoms", description=__doc__)
    result.add_argument("out", metavar="OUT", type=pathlib.Path,
                        help="folder to make, laid out as a download")
    result.add_argument("--patients", type=int, default=20, help="women (default: 20)")
    result.add_argument("--seed", type=int, default=1, help="(default: 1)")
    result.add_argument("--difficulty", type=float, default=0.3,
                        help="0, plain to see, to 1, subtle (default: 0.3)")
    result.add_argument("--layout", choices=LAYOUTS, default="classic",
                        help="(default: classic, as from TCIA)")
    result.add_argument("--size", type=int, nargs=2, default=(1024, 768),
                        metavar=("HEIGHT", "WIDTH"),
                        help="of the mammograms in pixels (default: 1024 768)")
    result.add_argument("--defects", action="store_true",
                        help="spoil some files, to see how the import takes it")
    result.add_argument("--workers", type=int, default=os.cpu_count(),
                        help="processes (default: one per core)")
    return result


def main(argv=None):
    """Writes the files and says where they are."""
    arguments = vars(parser().parse_args(argv))
    out, layout = arguments.pop("out"), arguments.pop("layout")
    defects = arguments.pop("defects")
    if defects and layout != "classic":
        raise files.InputError(f"--defects needs --layout classic, not {layout}.")
    print(f"writing {arguments['patients']} synthetic women to {out} ({layout})")
    if layout == "inbreast":
        write_inbreast(out, **arguments)
    else:
        write_cbis_ddsm(out, layout=layout, **arguments)
    for defect, path in spoil(out) if defects else ():
        print(f"  spoilt: {defect}, {path}")
    package = "inbreast" if layout == "inbreast" else "ddsm_train"
    print(f"done; next:\n  python -m {package}.prepare {out} PREPARED")


if __name__ == "__main__":
    commands.run(main)
