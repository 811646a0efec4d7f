"""Temporary folders: unread by others, and nothing stays after a kill."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from end2end.utils import temporary

WORKING = """
import os, signal, sys
from end2end.utils import temporary
with temporary.folder("copy") as folder:
    (folder / "copy.dcm").write_text("secret")
    print(folder, flush=True)
    sys.stdin.readline()
    if sys.argv[1:]:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(temporary.tempfile, "tempdir", None)
    return tmp_path


def working(*words):
    process = subprocess.Popen([sys.executable, "-c", WORKING, *words], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, process.stdout.readline().strip()


def test_what_a_killed_process_left_is_removed_and_that_of_a_running_one_stays(place):
    killed, left = working("kill")
    killed.communicate("\n")
    assert killed.returncode == -signal.SIGKILL and os.listdir(left)
    running, used = working()
    assert not os.path.exists(left)
    (place / "end2end-copy-file").touch()
    with temporary.folder("copy") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert "copy.dcm" in os.listdir(used)
        with temporary.folder("copy"):  # of one process
            assert folder.exists()
    assert not folder.exists()
    running.communicate("\n")
    assert os.listdir(place) == ["end2end-copy-file"]


@pytest.mark.parametrize("is_opened", [False, True])
def test_a_folder_that_is_not_locked_yet_stays_for_a_minute(place, is_opened):
    path = place / "end2end-work-1"
    path.mkdir()
    if is_opened:  # the moment before the lock is taken
        (path / ".lock").touch()
    with temporary.folder():
        assert path.exists()
    os.utime(path, (0, 0))
    with temporary.folder():
        assert not path.exists()


@pytest.mark.parametrize(("age", "lock", "user", "swept"), [
    (61, None, 0, True), (60, None, 0, True), (59, None, 0, False), (59, "", 0, False),
    (59, "process 1", 0, True), (61, "", 0, True), (61, None, 1, False),
    (59, "process 1", 1, False)])
def test_folders_of_this_user_are_swept_once_they_are_old_or_were_locked(
        place, monkeypatch, age, lock, user, swept):
    path = place / "end2end-work-1"
    path.mkdir()
    if lock is not None:
        (path / ".lock").write_text(lock)
    os.utime(path, (10**9, 10**9))
    monkeypatch.setattr(temporary.time, "time", lambda: 10**9 + age)
    monkeypatch.setattr(os, "getuid", lambda: path.lstat().st_uid + user
                        if path.exists() else 0)
    with temporary.folder("other"):
        assert path.exists()
    with temporary.folder():
        assert path.exists() != swept


def test_links_and_files_are_no_folders_of_this_program(place, monkeypatch):
    monkeypatch.setattr(temporary.time, "time", lambda: 1e12)
    (place / "kept").mkdir()
    (place / "kept" / "a").touch()
    (place / "end2end-work-1").symlink_to(place / "kept")
    (place / "end2end-work-2").touch()
    with temporary.folder() as folder:
        assert folder.parent == place and folder.name.startswith("end2end-work-")
    assert sorted(path.name for path in place.iterdir()) == [
        "end2end-work-1", "end2end-work-2", "kept"]
    assert (place / "kept" / "a").exists() and not temporary._folders


def test_of_a_folder_that_was_left_all_that_can_be_removed_is(place, monkeypatch):
    def unlink(path, **how):
        if os.path.basename(path) in stuck:
            raise PermissionError(1, "Operation not permitted")
        original(path, **how)

    left, original = place / "end2end-work-1", os.unlink
    stuck = set(map(str, range(0, 20, 2)))
    left.mkdir()
    for number in range(20):
        (left / str(number)).touch()
    os.utime(left, (0, 0))
    monkeypatch.setattr(os, "unlink", unlink)
    with temporary.folder():
        assert set(os.listdir(left)) == stuck


def test_a_folder_that_was_tidied_away_meanwhile_is_no_failure(place):
    with temporary.folder() as folder:
        shutil.rmtree(folder)
    with pytest.raises(KeyError), temporary.folder() as folder:
        raise KeyError
    assert not folder.exists() and not temporary._folders
