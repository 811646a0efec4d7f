"""Installing from the folder, with sockets that raise; what is refused."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

import offline_folders
import pytest

from end2end import offline_use

# Put on the path of the installing processes: no socket may be opened.
NO_NETWORK = """
import socket
def refuse(*words, **more):
    raise OSError("a socket was asked for")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A folder filled from a tiny wheel, with one model. Read only."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "best.h5").write_bytes(b"weights")
    return offline_folders.filled(folder, "--models", str(folder / "best.h5"))


@pytest.fixture
def copied(bundle, tmp_path):
    """The same folder, to be spoilt."""
    shutil.copytree(bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def use(folder, *words, **environment):
    return subprocess.run(
        [sys.executable, "-S", str(folder / "use.py"), *map(str, words)],
        capture_output=True, text=True, cwd=folder.parent, env=environment)


@pytest.mark.slow
def test_it_installs_without_a_socket_and_puts_the_weights_there(copied, tmp_path):
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "sitecustomize.py").write_text(NO_NETWORK)
    sums = hashlib.sha256((copied / "SHA256SUMS").read_bytes()).hexdigest()
    finished = use(copied, tmp_path / "there", "--sha256", sums.upper(),
                   PYTHONPATH=str(tmp_path / "cut"))
    assert finished.returncode == 0, finished.stderr
    assert "4 files are as they were written" in finished.stdout
    python = tmp_path / "there" / "bin" / "python"
    answer = subprocess.run([python, "-c", "import tiny_module as m; print(m.ANSWER)"],
                            capture_output=True, text=True)
    assert answer.stdout == "42\n"
    assert (tmp_path / "there" / "weights" / "best.h5").read_bytes() == b"weights"


def spoil_wheel(folder):
    (path,) = (folder / "wheels").iterdir()
    path.write_bytes(path.read_bytes() + b"!")


def add_wheel(folder):
    (folder / "wheels" / "evil-1.0-py3-none-any.whl").touch()


def change(name, value):
    def apply(folder):
        path = folder / "bundle.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
        sums = folder / "SHA256SUMS"
        sums.write_text("".join(
            f"{offline_use.sha256(folder / entry)}  {entry}\n"
            for entry in offline_use.names(folder)))
    return apply


@pytest.mark.parametrize("spoil, message", [
    (spoil_wheel, "1 files are changed, the first of them wheels/end2end_mammography"),
    (add_wheel, "1 files are not listed, the first of them wheels/evil"),
    (lambda folder: (folder / "weights/best.h5").unlink(), "missing, the first of them "
     "weights/best.h5"),
    (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
    (change("python", "3.9"), "filled for python 3.9, and this is"),
    (change("system", "Plan 9"), "filled for system Plan 9"),
])
def test_a_folder_that_is_not_as_it_was_is_refused(copied, spoil, message):
    spoil(copied)
    finished = use(copied, copied.parent / "there")
    assert finished.returncode == 2 and message in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
    assert not (copied.parent / "there").exists()


def test_another_list_of_checksums_than_the_one_printed_is_refused(copied):
    finished = use(copied, copied.parent / "there", "--sha256", "0" * 64)
    assert finished.returncode == 2 and "another checksum" in finished.stderr


def test_an_environment_that_is_in_use_is_refused(copied):
    (copied.parent / "there").mkdir()
    (copied.parent / "there" / "mine").touch()
    finished = use(copied, copied.parent / "there")
    assert finished.returncode == 2 and "not empty" in finished.stderr


def test_the_program_imports_nothing_but_the_standard_library():
    finished = subprocess.run(
        [sys.executable, "-I", "-S", str(pathlib.Path(offline_use.__file__)), "--help"],
        capture_output=True, text=True)
    assert finished.returncode == 0 and "ENVIRONMENT" in finished.stdout
