"""Dropped files: random names, unread by others, and nothing stays after a kill."""

import os
import signal
import subprocess
import sys

import pytest

from end2end.serve import uploads

SERVED = """
import os, signal, sys
from end2end.serve import uploads
with uploads.folder() as folder:
    (folder / "upload-1.dcm").write_text("secret")
    print(folder, flush=True)
    sys.stdin.readline()
    if sys.argv[1:]:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(uploads.tempfile, "tempdir", None)
    return tmp_path


def served(*words):
    process = subprocess.Popen([sys.executable, "-c", SERVED, *words], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, process.stdout.readline().strip()


def test_what_a_killed_page_left_is_removed_and_that_of_a_running_one_stays(temporary):
    killed, left = served("kill")
    killed.communicate("\n")
    assert killed.returncode == -signal.SIGKILL and os.listdir(left)
    running, used = served()
    assert not os.path.exists(left)
    (temporary / "end2end-serve-file").touch()
    with uploads.folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert "upload-1.dcm" in os.listdir(used)
    assert not folder.exists()
    running.communicate("\n")
    assert os.listdir(temporary) == ["end2end-serve-file"]


@pytest.mark.parametrize(("name", "suffix"), [
    ("Anna_L_CC.DCM", ".dcm"), ("a.png", ".png"), ("a.exe", ""), ("a", "")])
def test_a_file_has_a_random_name_and_the_suffix_of_its_kind(tmp_path, name, suffix):
    paths = []
    for _ in range(2):
        with uploads.stored(b"data", name, tmp_path / "gone") as path:
            assert path.read_bytes() == b"data" and path.suffix == suffix
            assert path.stat().st_mode & 0o077 == 0
            paths.append(path)
    assert paths[0] != paths[1] and not any((tmp_path / "gone").iterdir())


def test_a_file_goes_when_the_work_fails(tmp_path):
    with pytest.raises(RuntimeError), uploads.stored(b"", "a.png", tmp_path):
        raise RuntimeError
    assert not any(tmp_path.iterdir())
