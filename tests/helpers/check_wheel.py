"""Builds wheel and source distribution, and uses both away from this folder.

    python tests/helpers/check_wheel.py [FOLDER]

The wheel is built twice and must be the same, byte by byte; it must hold every file of
the packages; it is installed into an environment without this folder, whose packages
are those of the running Python, and used there. Of the source distribution the quick
tests of some folders are run. Wheel and source stay in FOLDER (dist).
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("end2end", "ddsm_train", "inbreast")
# Any fixed time makes two builds equal; that of the last commit is the honest one.
EPOCH = ("git", "log", "-1", "--format=%ct")
# Commands as typed, and a text that each must print.
USES = (("--version", "end2end-mammography "), ("", "ddsm patch-clf-train"),
        ("ddsm prepare --help", "usage: "),
        ("phantoms phantoms --layout inbreast --patients 2 --size 256 192", "next: "),
        ("doctor", "Everything that is needed is there."))
TESTS = ("tests/utils", "tests/config", "tests/dicom", "tests/tables",
         "tests/test_versions.py")


def build(out: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Builds the source distribution and from it the wheel.

    Returns:
        paths of wheel and source distribution.
    """
    epoch = subprocess.run(EPOCH, cwd=ROOT, capture_output=True, text=True).stdout
    environment = os.environ | {"SOURCE_DATE_EPOCH": epoch.strip() or "1577836800"}
    called = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", out, ROOT], env=environment,
        capture_output=True, text=True)
    if called.returncode:
        raise SystemExit(called.stdout + called.stderr)
    newest = [max(out.glob(f"*{suffix}"), key=lambda path: path.stat().st_mtime_ns)
              for suffix in (".whl", ".tar.gz")]
    return newest[0], newest[1]


def check_equal(wheel: pathlib.Path) -> None:
    """Builds the wheel again and compares."""
    with tempfile.TemporaryDirectory() as folder:
        second, _ = build(pathlib.Path(folder))
        digests = [hashlib.sha256(path.read_bytes()).hexdigest()
                   for path in (wheel, second)]
    if digests[0] != digests[1]:
        raise SystemExit(f"two builds of {wheel.name} differ")
    print(f"{wheel.name}: built twice, sha256 {digests[0]}")


def check_whole(wheel: pathlib.Path) -> None:
    """Checks that every file of the packages is in the wheel."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    with zipfile.ZipFile(wheel) as archive:
        absent = sorted(set(filter(None, listed)) - set(archive.namelist()))
    if absent:
        raise SystemExit(f"the wheel lacks {len(absent)} files, such as {absent[0]}")


def check_use(wheel: pathlib.Path) -> None:
    """Installs the wheel into an environment of its own and runs commands there."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        venv.create(folder / "environment", with_pip=True)
        binaries = folder / "environment" / "bin"
        subprocess.run([binaries / "python", "-m", "pip", "install", "--quiet",
                        "--disable-pip-version-check", "--no-deps", wheel], check=True)
        site = next((folder / "environment" / "lib").glob("python*/site-packages"))
        # Files of this kind are not read there, so what is installed in place stays
        # out.
        (site / "packages.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        environment = {name: value for name, value in os.environ.items()
                       if name != "PYTHONPATH"}
        for typed, expected in USES:
            called = subprocess.run(
                [binaries / "end2end", *typed.split()], cwd=folder, env=environment,
                capture_output=True, text=True)
            if called.returncode or expected not in called.stdout:
                raise SystemExit(f"end2end {typed}: status {called.returncode}\n"
                                 f"{called.stdout}\n{called.stderr}")
            print(f"end2end {typed}: {expected.strip()!r} is printed")


def check_tests(source: pathlib.Path) -> None:
    """Runs some tests of the source distribution where it is unpacked."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *TESTS],
            cwd=next(pathlib.Path(folder).iterdir()), check=True)


def main() -> None:
    """Builds and checks; ends with a message at the first failure."""
    out = pathlib.Path(*sys.argv[1:2] or ["dist"]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    wheel, source = build(out)
    check_equal(wheel)
    check_whole(wheel)
    check_use(wheel)
    check_tests(source)


if __name__ == "__main__":
    main()
