"""One output, one writer: with real processes, kills and removed folders."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from end2end.utils import files, locks

HOLD = """
import os, sys, time
from end2end.utils import commands, files, locks
def main():
    with locks.output_folder(sys.argv[1]):
        print("held", flush=True)
        sys.stdin.readline()
        if sys.argv[2:]:
            files.write_text(os.path.join(sys.argv[1], "a.txt"), "text")
commands.run(main)
"""


@pytest.fixture
def hold():
    """Starts a process that locks a folder until it gets a line."""
    processes = []

    def start(folder, *more):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder), *more], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        processes.append(process)
        return process
    yield start
    for process in processes:
        process.kill()
        process.communicate()


def end(process):
    _, error = process.communicate("\n", timeout=30)
    return process.returncode, error


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_of_two_calls_at_once_the_second_is_told_who_writes(tmp_path, hold):
    first = hold(tmp_path / "out")
    assert first.stdout.readline() == "held\n"
    status, error = end(hold(tmp_path / "out"))
    assert status == 2 and error.count("\n") == 1
    assert f"is being written by another call (process {first.pid} on " in error
    assert end(first) == (0, "")
    assert os.listdir(tmp_path / "out") == []
    assert end(hold(tmp_path / "out")) == (0, "")


def test_a_killed_writer_leaves_no_lock(tmp_path, hold):
    first = hold(tmp_path / "out")
    first.stdout.readline()
    first.kill()
    first.wait()
    assert end(hold(tmp_path / "out")) == (0, "")


@pytest.mark.parametrize("writes", [(), ("writes",)])
def test_a_folder_removed_meanwhile_ends_with_status_1_and_is_not_made_again(
        tmp_path, hold, writes):
    process = hold(tmp_path / "out", *writes)
    process.stdout.readline()
    shutil.rmtree(tmp_path / "out")
    status, error = end(process)
    assert status == 1 and "was removed while it was written" in error
    assert error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_parts_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    dead, alive = dead_process(), os.getppid()
    (tmp_path / "sub").mkdir()
    parts = [f".a.{dead}.part.png", f"sub/.b.{dead}.part", f".c.{alive}.part.png",
             f"d.{dead}.part.png", ".hidden"]
    for name in parts:
        (tmp_path / name).touch()
    (tmp_path / f".saved.{dead}.part" / "variables").mkdir(parents=True)
    with locks.output_folder(tmp_path):
        pass
    assert not (tmp_path / f".saved.{dead}.part").exists()
    assert [name for name in parts if (tmp_path / name).exists()] == parts[2:]


@pytest.mark.parametrize(("lock", "output"), [
    (locks.output_folder, ""), (locks.output_file, "s.csv")])
def test_parts_of_processes_that_end_meanwhile_go_at_the_end(
        tmp_path, monkeypatch, lock, output):
    part = tmp_path / ".s.7.part.csv"
    part.touch()
    monkeypatch.setattr(locks, "is_alive", lambda number: True)
    with lock(tmp_path / output):
        assert part.exists()
        monkeypatch.setattr(locks, "is_alive", lambda number: False)
    assert not part.exists()


def test_an_output_file_clears_its_parts_only(tmp_path):
    dead = dead_process()
    names = [f".s.{dead}.part.csv", f".s.breasts.{dead}.part.csv",
             f".st.{dead}.part.csv"]
    for name in names:
        (tmp_path / name).touch()
    mask = os.umask(0o022)
    with locks.output_file(tmp_path / "s.csv"), locks.output_file(tmp_path / "t.csv"):
        assert os.stat(tmp_path / ".s.csv.lock").st_mode & 0o777 == 0o644
    os.umask(mask)
    assert os.listdir(tmp_path) == names[2:]


def test_a_process_may_lock_its_folder_again(tmp_path, hold):
    with locks.output_folder(tmp_path / "out"):
        with locks.output_folder(tmp_path / "out"):
            pass
        assert end(hold(tmp_path / "out"))[0] == 2


def test_a_call_that_wrote_nothing_leaves_no_folder_that_was_not_there(tmp_path):
    (tmp_path / "old").mkdir()
    for name, stays in (("new", False), ("old", True)):
        with pytest.raises(files.InputError), locks.output_folder(tmp_path / name):
            raise files.InputError("wrong")
        assert (tmp_path / name).exists() == stays


def test_of_an_earlier_text_and_of_parts_with_this_number_nothing_stays(tmp_path):
    (tmp_path / ".lock").write_text("process 7 on " + "there" * 60)
    (tmp_path / f".a.{os.getpid()}.part.png").touch()
    with locks.output_folder(tmp_path):
        assert (tmp_path / ".lock").read_text() == locks.this_process()
        assert os.listdir(tmp_path) == [".lock"]


def test_a_lock_without_room_for_its_text_is_held_and_given_back(tmp_path, monkeypatch):
    def fails(*_, **how):
        raise OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patched:
        for name in ("ftruncate", "pwrite"):
            patched.setattr(os, name, fails)
        with locks.output_folder(tmp_path):
            assert os.listdir(tmp_path) == [".lock"]
    # Of a disk that became read-only the file cannot be removed.
    with locks.output_folder(tmp_path):
        monkeypatch.setattr(os, "unlink", fails)
    assert os.listdir(tmp_path) == [".lock"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(files.InputError, match="cannot be written"), \
            locks.output_folder(tmp_path / "file" / "out"):
        pass


def no_flock(*_):
    raise OSError(errno.EOPNOTSUPP, "not supported")


def test_without_flock_an_exclusive_file_stands_for_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(locks.fcntl, "flock", no_flock)
    owner = tmp_path / ".lock.owner"
    with locks.output_folder(tmp_path):
        assert f"process {os.getpid()} on " in owner.read_text()
    assert not owner.exists()
    with monkeypatch.context() as patched:  # a system without the module
        patched.setattr(locks, "fcntl", None)
        assert locks._flock(0) is False
    host = locks.socket.gethostname()
    owner.write_text(f"process {dead_process()} on {host}")
    with locks.output_folder(tmp_path):
        assert owner.read_text() == locks.this_process()
    for text in (f"process {os.getppid()} on {host}".encode(), b"process 1 on \xff"):
        owner.write_bytes(text)
        with pytest.raises(files.InputError, match=f"remove {owner}"), \
                locks.output_folder(tmp_path):
            pass


def test_other_failures_of_a_lock_are_told(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(locks.fcntl, "flock", fails)
    with pytest.raises(files.InputError, match="Permission denied"), \
            locks.output_folder(tmp_path):
        pass


def test_a_full_disk_is_no_refusal_of_the_place(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match=r"^\[Errno 28\] No space left on device$"), \
            locks.output_folder(tmp_path):
        pass


def test_a_lock_that_was_removed_before_it_was_held_is_taken_anew(
        tmp_path, monkeypatch):
    flock, inodes = locks.fcntl.flock, []

    def late(descriptor, how):
        inodes.append(os.fstat(descriptor).st_ino)
        if len(inodes) == 1:
            os.unlink(tmp_path / ".lock")
            (tmp_path / "taken").touch()  # so that the number is not given again
        flock(descriptor, how)
    monkeypatch.setattr(locks.fcntl, "flock", late)
    opened = len(os.listdir("/proc/self/fd"))
    with locks.output_folder(tmp_path):
        assert os.stat(tmp_path / ".lock").st_ino == inodes[1]
    assert len(inodes) == 2 and len(os.listdir("/proc/self/fd")) == opened


def test_a_lock_of_another_process_is_not_kept_open(tmp_path, monkeypatch):
    def taken(*_):
        raise BlockingIOError
    (tmp_path / ".lock").write_text("process 7 on\x1b there" + "." * 200)
    monkeypatch.setattr(locks.fcntl, "flock", taken)
    opened = len(os.listdir("/proc/self/fd"))
    with pytest.raises(files.InputError) as caught, locks.output_folder(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path} is being written by another call (process 7 on there{'.' * 181}); "
        "wait for it or choose another --out.")
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_process_of_another_user_is_alive(monkeypatch):
    def forbidden(number, signal):
        assert signal == 0  # which asks and sends nothing
        raise PermissionError(errno.EPERM, "Operation not permitted")
    assert locks.is_alive(os.getpid()) and not locks.is_alive(1 << 70)
    monkeypatch.setattr(os, "kill", forbidden)
    assert locks.is_alive(os.getpid())


@pytest.mark.parametrize("name", ["", ".", "folder"])
def test_a_folder_in_place_of_an_output_file_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(
            files.InputError, match="is a folder; expected the name of a file"), \
            locks.output_file(name):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_parts_of_dead_processes_that_cannot_be_removed_stop_nothing(
        tmp_path, monkeypatch):
    def forbidden(*args, **how):
        raise PermissionError(errno.EPERM, "Operation not permitted")
    number = dead_process()
    parts = [tmp_path / f".{name}.{number}.part" for name in ("a.h5", "out")]
    parts[0].touch()
    parts[1].mkdir()
    monkeypatch.setattr(os, "unlink", forbidden)
    monkeypatch.setattr(os, "rmdir", forbidden)
    assert locks._clear(list(map(str, parts))) == []
    assert all(part.exists() for part in parts)
