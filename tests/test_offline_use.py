"""Installing from the folder, with sockets that raise; what is refused."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import types

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


@pytest.mark.parametrize(("extras", "status"), [(["dicom", "serve"], 0), ([], 3)])
def test_pip_installs_from_the_folder_alone(
        copied, tmp_path, monkeypatch, capsys, extras, status):
    change("extras", extras)(copied)
    calls = []
    monkeypatch.setattr(offline_use, "__file__", str(copied / "use.py"))
    monkeypatch.setattr(offline_use.venv, "create", lambda place, **more: (
        calls.append((place, more)), place.mkdir()))
    monkeypatch.setattr(offline_use.subprocess, "run", lambda words, env: (
        calls.append((words, env)), types.SimpleNamespace(returncode=status))[1])
    said = []
    monkeypatch.setattr(offline_use, "print", lambda *words, **how: (
        said.append(how), print(*words, **how)), raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://x")
    monkeypatch.setenv("KEPT", "1")
    there = tmp_path / "there"
    sums = offline_use.sha256(copied / "SHA256SUMS")
    words = [str(there), "--sha256", f" {sums.upper()} "]
    if status:
        with pytest.raises(offline_use.UseError, match="pip could not install"):
            offline_use.main(words)
        assert not (there / "weights").exists()
    else:
        offline_use.main(words)
        assert (there / "weights" / "best.h5").read_bytes() == b"weights"
        assert capsys.readouterr().out == (
            "4 files are as they were written\n"
            f"installed in {there}\nnext: {there}/bin/end2end doctor\n")
    assert said[0] == dict(flush=True), "it is seen while pip works"
    (place, more), (command, environment) = calls
    assert (place, more) == (there, dict(with_pip=True))
    assert list(map(str, command)) == [
        f"{there}/bin/python", "-m", "pip", "install", "--quiet",
        "--disable-pip-version-check", "--no-index", "--find-links",
        f"{copied}/wheels", "end2end-mammography" + ("[dicom,serve]" if extras else "")]
    assert environment["PIP_CONFIG_FILE"] == "/dev/null" and environment["KEPT"] == "1"
    assert [name for name in environment if name.startswith("PIP_")] == [
        "PIP_CONFIG_FILE"]


def test_hidden_files_and_the_checksums_are_not_listed(tmp_path):
    for name in ("b/a", "a", "SHA256SUMS", ".b", "b/.c", "b/SHA256SUMS"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * (3 << 19))
    assert offline_use.names(tmp_path) == ["a", "b/a"]
    assert offline_use.sha256(tmp_path / "a") == hashlib.sha256(
        b"x" * (3 << 19)).hexdigest()


@pytest.mark.parametrize("words", ["b", "--sha=0"])
def test_an_error_of_the_command_line_is_one_line_of_status_2(capsys, words):
    with pytest.raises(SystemExit) as caught:
        offline_use.main(["a", words])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"error: unrecognized arguments: {words}; see " in said


def test_an_empty_folder_and_a_missing_bundle(copied, tmp_path, monkeypatch):
    monkeypatch.setattr(offline_use, "__file__", str(copied / "use.py"))
    monkeypatch.setattr(offline_use, "install", lambda folder, place: None)
    (tmp_path / "there").mkdir()
    offline_use.main([str(tmp_path / "there")])
    (copied / "bundle.json").unlink()
    with pytest.raises(offline_use.UseError, match=r"bundle\.json is missing; copy"):
        offline_use.check(copied, None)
