"""Fills a folder from which a computer without internet can install this program.

    end2end offline bundle --source end2end_mammography-0.1.0-py3-none-any.whl
    python3 bundle/use.py environment               (there; needs nothing but Python)

The folder gets the wheels of this program and of all that it needs, models with their
cards, ImageNet weights, checksums of all files and the program that installs them. Both
computers need the same system and the same version of Python.
"""

import os
import pathlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence

from end2end import models, offline_use
from end2end.utils import commands, distribution, files, locks


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="end2end.offline", description=__doc__)
    result.add_argument("folder", metavar="FOLDER", help="folder to fill; new or empty")
    result.add_argument("--source", required=True, metavar="WHEEL",
                        help="wheel of this program, or the folder of its source")
    result.add_argument("--extras", nargs="*", default=["dicom", "results", "serve"],
                        help="of this program (default: dicom results serve)")
    result.add_argument("--models", nargs="*", default=[], metavar="MODEL",
                        help="models to take along, with the cards beside them")
    result.add_argument("--imagenet", nargs="*", default=[], metavar="NET",
                        help="networks whose ImageNet weights are downloaded for "
                             "--pretrained-weights, such as resnet50")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Fills the folder and prints the command that uses it."""
    arguments = parser().parse_args(argv)
    source = pathlib.Path(arguments.source)
    if not source.exists():
        raise files.InputError(f"{source} does not exist; give the wheel of "
                               f"{distribution.NAME} or the folder of its source.")
    paths = with_cards(arguments.models)
    folder = files.writable_folder(arguments.folder)
    with locks.output_folder(folder):
        if set(os.listdir(folder)) - {".lock"}:
            raise files.InputError(f"{folder} is not empty; give a new folder.")
        fill(folder, source, extras=arguments.extras, paths=paths,
             networks=arguments.imagenet)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    commands.say(
        f"{folder}: {size / 1e6:.0f} MB, for Python {offline_use.PYTHON} on "
        f"{offline_use.SYSTEM}\n"
        f"SHA-256 of {offline_use.SUMS}: {files.sha256(folder / offline_use.SUMS)}\n"
        f"next, on the other computer: python{offline_use.PYTHON} "
        f"{folder.name}/use.py ENVIRONMENT")


def with_cards(paths: Iterable[str]) -> list[pathlib.Path]:
    """Model files, and the cards that stand beside them.

    Raises:
        files.InputError: a file is missing, or two have one name.
    """
    known: dict[str, pathlib.Path] = {}
    for model in map(files.existing_file, paths):
        for path in (model, model.with_suffix(".config.json")):
            if path.exists():
                if path.name in known:
                    raise files.InputError(f"{known[path.name]} and {path} have the "
                                           "same name; rename one.")
                known[path.name] = path
    return list(known.values())


def fill(folder: pathlib.Path, source: pathlib.Path, *, extras: Sequence[str],
         paths: Sequence[pathlib.Path], networks: Sequence[str]) -> None:
    """Writes wheels, weights, the program that uses them, and the checksums.

    Raises:
        OSError: pip could not get a wheel.
    """
    (folder / "weights").mkdir()
    for path in paths:
        shutil.copy2(path, folder / "weights" / path.name)
    for network in networks:
        model = models.imagenet.application(network)(weights="imagenet")
        model.save(folder / "weights" / f"{network}.keras")
    wheels = [f"{source.resolve()}[{','.join(extras)}]" if extras else str(source)]
    status = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
         "--wheel-dir", str(folder / "wheels"), *wheels]).returncode
    if status:
        raise OSError("pip could not get all wheels; its message stands above")
    shutil.copy2(offline_use.__file__, folder / "use.py")
    files.write_json(folder / offline_use.BUNDLE, dict(
        name=distribution.NAME, extras=list(extras), python=offline_use.PYTHON,
        system=offline_use.SYSTEM, made_with=platform.python_version()))
    files.write_text(folder / offline_use.SUMS, "".join(
        f"{files.sha256(folder / name)}  {name}\n"
        for name in offline_use.names(folder)))


if __name__ == "__main__":
    commands.run(main)
