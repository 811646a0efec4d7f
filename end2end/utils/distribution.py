"""The distribution and its extras by name, and other packages that disturb them."""

import importlib.util
import os
import pathlib
import re
import sys
from collections.abc import Iterable

from end2end.utils import errors

# In the public index `end2end` is another project, which encrypts sockets. The module
# keeps that name.
NAME = "end2end-mammography"
MODULE = "end2end"

# What each extra of setup.py is for.
EXTRAS = {
    "dicom": "decoders of compressed DICOM: JPEG lossless, JPEG-LS, JPEG 2000",
    "inbreast": "Excel tables: INbreast.xls, and sheets of your own (.xlsx, .xls)",
    "results": "overlays and reports as DICOM: predict --dicom",
    "serve": "the local page",
    "fast": "inference by OpenVINO: --fast",
    "export": "models for other programs: export --to onnx",
    "cluster": "archives: Parquet, URLs and --scheduler of Dask",
    "all": "everything above",
    "docs": "the documentation as a site: make docs",
    "supply": "hashes, parts and weaknesses of packages: make hashes, sbom, audit",
    "mutants": "faults planted to try the tests: make mutants",
    "guided": "damaged files chosen by coverage: python -m tests.fuzz.guided",
    "test": "the tests and the checks of style",
}

# Builds of OpenCV; each brings the module cv2 and overwrites that of another.
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python",
          "opencv-contrib-python-headless")
HEADLESS = "opencv-python-headless"


def install_command(*extras: str) -> str:
    """The command that installs the distribution with extras."""
    return f'pip install "{NAME}[{",".join(extras)}]"' if extras else (
        f"pip install {NAME}")


def require(*modules: str, purpose: str, extra: str, otherwise: str = "") -> None:
    """Checks that the modules of an extra are there, without importing them.

    Args:
        modules: names at the top level, such as `highdicom`.
        purpose: what needs them, the subject of the message.
        extra: of setup.py, which brings them.
        otherwise: what else the user can do.

    Raises:
        errors.InputError: a module is missing.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise errors.InputError(
                f"{purpose} needs the package {module}; install it with "
                f"{install_command(extra)}{otherwise and f', {otherwise}'}.")


def installed(folders: Iterable[str] | None = None) -> dict[str, str]:
    """Version by name of the distributions on the import path, as pip writes names.

    Reads the names of folders alone, which takes a millisecond where
    `importlib.metadata` takes a hundred.

    Args:
        folders: to look in; `sys.path` by default. A name counts where it is met first.
    """
    versions: dict[str, str] = {}
    for folder in sys.path if folders is None else folders:
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in entries:
            match = re.fullmatch(r"([^-]+)-([^-]+).*\.(?:dist|egg)-info", entry)
            if match:
                versions.setdefault(match[1].replace("_", "-").lower(), match[2])
    return versions


def clashes(versions: dict[str, str], folder: pathlib.Path) -> list[str]:
    """What is installed besides this distribution and shares its files.

    Args:
        versions: as of `installed`.
        folder: of the package end2end.

    Returns:
        A sentence for each clash.
    """
    sentences = []
    if MODULE in versions or (folder / "communicator.py").is_file():
        sentences.append(
            f"the package {MODULE} {versions.get(MODULE, '')}".rstrip() + ", which is "
            f"not {NAME}, is installed in this environment and its files overwrite or "
            f"hide ours; run: pip uninstall {MODULE}, then pip install "
            f"--force-reinstall --no-deps {NAME} (from the wheel or the folder that it "
            "was installed from).")
    builds = [name for name in OPENCV if name in versions]
    if len(builds) > 1:
        sentences.append(
            f"{' and '.join(builds)} are installed and overwrite each other's module "
            f"cv2; run: pip uninstall {' '.join(builds)}, then pip install {HEADLESS}.")
    if not builds and importlib.util.find_spec("cv2") is None:
        sentences.append(f"OpenCV is not installed; run: pip install {HEADLESS}.")
    return sentences
