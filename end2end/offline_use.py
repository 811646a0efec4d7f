"""Installs this program from a folder that end2end.offline filled; asks no network.

    python3 bundle/use.py environment
    python3 bundle/use.py environment --sha256 HEX     (of SHA256SUMS, as printed there)

Compares every file with its checksum, makes a virtual environment, installs the wheels
into it and puts the weights beside it. This file needs nothing but Python, for it is
copied into the folder.
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence

SUMS, BUNDLE = "SHA256SUMS", "bundle.json"
PYTHON = "{}.{}".format(*sys.version_info)
SYSTEM = f"{platform.system()} {platform.machine()}"


class UseError(Exception):
    """The folder cannot be used; the message says why and what to do."""


class Parser(argparse.ArgumentParser):
    """Reports errors in one line, with status 2."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = Parser(description=__doc__, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("environment", metavar="ENVIRONMENT",
                        help="folder of the virtual environment to make")
    result.add_argument("--sha256", metavar="HEX",
                        help="checksum that SHA256SUMS must have")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Checks the folder in which this file lies, and installs from it."""
    arguments = parser().parse_args(argv)
    folder = pathlib.Path(__file__).resolve().parent
    environment = pathlib.Path(arguments.environment).absolute()
    if environment.exists() and any(environment.iterdir()):
        raise UseError(f"{environment} is not empty; give a new folder.")
    count = check(folder, arguments.sha256)
    print(f"{count} files are as they were written", flush=True)
    install(folder, environment)
    print(f"installed in {environment}\n"
          f"next: {environment / 'bin' / 'end2end'} doctor")


def names(folder: pathlib.Path) -> list[str]:
    """Files below a folder in the order of their names, without the checksums and
    hidden files."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                  if path.is_file() and path.name != SUMS and path.name[0] != ".")


def sha256(path: pathlib.Path) -> str:
    """The checksum of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check(folder: pathlib.Path, expected: str | None) -> int:
    """Compares all files with their checksums; returns their number.

    Args:
        folder: that was filled.
        expected: checksum of the list of checksums, or None.

    Raises:
        UseError: a file is missing, changed or not listed, or the folder was filled
            for another Python or system.
    """
    for name in (SUMS, BUNDLE):
        if not (folder / name).is_file():
            raise UseError(f"{folder / name} is missing; copy the whole folder.")
    if expected and sha256(folder / SUMS) != expected.strip().lower():
        raise UseError(f"{SUMS} has another checksum than the one given; the folder "
                       "was changed after it was filled.")
    known = dict(line.split("  ", 1)[::-1] for line in
                 (folder / SUMS).read_text(encoding="utf-8").splitlines())
    present = set(names(folder))
    for problem, wrong in (
            ("missing", known.keys() - present), ("not listed", present - known.keys()),
            ("changed", {name for name in known.keys() & present
                         if sha256(folder / name) != known[name]})):
        if wrong:
            raise UseError(f"{len(wrong)} files are {problem}, the first of them "
                           f"{min(wrong)}; copy the folder again.")
    bundle = json.loads((folder / BUNDLE).read_text(encoding="utf-8"))
    for what, ours in (("python", PYTHON), ("system", SYSTEM)):
        if bundle[what] != ours:
            raise UseError(f"the folder was filled for {what} {bundle[what]}, and this "
                           f"is {ours}; fill one with the same {what}.")
    return len(known)


def install(folder: pathlib.Path, environment: pathlib.Path) -> None:
    """Makes the environment from the wheels and copies the weights beside it.

    Raises:
        UseError: pip failed.
    """
    bundle = json.loads((folder / BUNDLE).read_text(encoding="utf-8"))
    venv.create(environment, with_pip=True)
    extras = f"[{','.join(bundle['extras'])}]" if bundle["extras"] else ""
    finished = subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "install", "--quiet",
         "--disable-pip-version-check", "--no-index", "--find-links",
         folder / "wheels", bundle["name"] + extras],
        env={name: value for name, value in os.environ.items()
             if not name.startswith("PIP_")} | {"PIP_CONFIG_FILE": os.devnull})
    if finished.returncode:
        raise UseError("pip could not install the wheels; its message stands above.")
    shutil.copytree(folder / "weights", environment / "weights")


if __name__ == "__main__":
    try:
        main()
    except UseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
