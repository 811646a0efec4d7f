"""A folder for a computer without internet, from a wheel of one module."""

import shutil
import subprocess
import unittest.mock
import zipfile

from end2end import offline


def wheel(folder, name="end2end_mammography"):
    """A wheel of one module, which needs nothing."""
    path = folder / f"{name}-0.1.0-py3-none-any.whl"
    info = f"{name}-0.1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_module.py", "ANSWER = 42\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\n"
                         f"Name: {name.replace('_', '-')}\nVersion: 0.1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\n"
                         "Root-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def filled(folder, *flags, by_pip=False):
    """A folder filled from the tiny wheel, by pip or by a copy as pip makes it."""
    def copy(words):
        (folder / "bundle" / "wheels").mkdir()
        shutil.copy(words[-1], folder / "bundle" / "wheels")
        return subprocess.CompletedProcess(words, 0)
    run = offline.subprocess.run if by_pip else copy
    with unittest.mock.patch.object(offline.subprocess, "run", run):
        offline.main([str(folder / "bundle"), "--source", str(wheel(folder)),
                      "--extras", *flags])
    return folder / "bundle"
