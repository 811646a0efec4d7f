"""Tests of end2end.isolated: a library that goes round in circles ends its process."""

import concurrent.futures
import io
import signal
import subprocess
import sys
import threading
import time
import types

import pytest

from end2end.utils import files, isolated

SPIN = """
import sys, types
from end2end.utils import isolated
def spin(path):
    while True:
        pass
sys.modules["spinning"] = types.SimpleNamespace(spin=spin)
isolated.TASKS["spin"] = ("spinning", "spin")
isolated.SECONDS_OF_PROCESSOR = 0.5
isolated.answer(dict(task="spin", path="a"))
"""


def test_what_does_not_end_is_ended():
    done = subprocess.run([sys.executable, "-c", SPIN], timeout=120)
    assert done.returncode == -signal.SIGPROF


def test_a_refusal_passes_and_the_process_serves_on(tmp_path):
    reader = isolated.Reader()
    (tmp_path / "a.h5").write_bytes(b"no model")
    numbers = []
    for _ in range(2):
        with pytest.raises(files.InputError, match="model"):
            reader.ask("model", tmp_path / "a.h5")
        numbers.append(reader.process.pid)
    assert numbers[0] == numbers[1]
    reader.process.kill()
    with pytest.raises(files.InputError):
        reader.ask("model", tmp_path / "a.h5")
    reader.stop()


def test_threads_that_read_at_once_have_processes_and_a_thread_alone_has_one(
        monkeypatch, tmp_path):
    both, readers = threading.Barrier(2), isolated.Readers(3)
    askers = []

    def ask(reader, task, path):
        askers.append(reader)
        both.wait(10) if task == "at once" else None

    monkeypatch.setattr(isolated.Reader, "ask", ask)
    readers.ask("alone", tmp_path)
    readers.ask("alone", tmp_path)
    assert len(set(askers)) == 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: readers.ask("at once", tmp_path), range(2)))
    assert len(set(askers[2:])) == 2


LIMITED = """
import resource, sys
sys.argv = ["x"]
from end2end.utils import files, isolated
resource.setrlimit(resource.RLIMIT_AS, (int(%d), int(%d)))
try:
    isolated.ask("model", %r)
except files.InputError as error:
    print(error)
print("done")
"""


def limited(path, bytes_):
    return subprocess.run(
        [sys.executable, "-c", LIMITED % (bytes_, bytes_, str(path))],
        capture_output=True, text=True, timeout=120).stdout


def test_a_hard_limit_of_address_space_is_kept_and_a_sound_model_is_read(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["model_weights/x/x/kernel:0"] = [[0.0]]
        file["model_weights"].attrs["layer_names"] = [b"x"]
        file["model_weights/x"].attrs["weight_names"] = [b"x/kernel:0"]
    assert limited(tmp_path / "a.h5", 3 << 30) == "done\n"


def test_a_process_that_cannot_start_is_told_and_the_file_is_not_blamed(
        tmp_path, monkeypatch):
    (tmp_path / "a.h5").write_bytes(b"no model")
    monkeypatch.setattr(isolated, "START", "raise MemoryError('no room')")
    for limit, remedy in ((3 << 30, "ulimit -v"), (0, "Mend the installation")):
        monkeypatch.setattr(isolated, "limit_of_memory", lambda limit=limit: limit)
        with pytest.raises(files.InputError, match="cannot start") as error:
            isolated.Reader().ask("model", tmp_path / "a.h5")
        message = str(error.value)
        assert "no room" in message and remedy in message and "damaged" not in message


DYING = """
import sys
import time
from end2end.utils import files, isolated
isolated.START = isolated.START.replace(
    "isolated.main", "import os, types; sys.modules[chr(100)] = types.SimpleNamespace("
    "die=lambda path: (os.write(2, bytes(sys.argv[0], 'ascii') + b'gave up' + "
    "bytes([10]) + b'I0000 00:00 a note'), os.abort())); "
    "isolated.TASKS['die'] = ('d', 'die'); isolated.main")
isolated.TASKS["die"] = ("d", "die")
try:
    isolated.ask("die", sys.argv[1])
except files.InputError as error:
    print(error)
"""


def test_a_crash_is_told_with_its_signal_and_the_last_words(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"x")
    said = subprocess.run(
        [sys.executable, "-c", DYING, tmp_path / "a.h5"], capture_output=True,
        text=True, timeout=120).stdout
    assert "SIGABRT" in said and "gave up" in said and "a note" not in said


def test_a_network_without_room_meets_a_limit_that_grows_with_its_file(
        tmp_path, monkeypatch):
    def fail(path):
        raise MemoryError

    limits = []
    monkeypatch.setattr(isolated, "limit_memory", limits.append)
    monkeypatch.setattr(isolated, "limit_time", limits.append)
    monkeypatch.setitem(sys.modules, "failing", types.SimpleNamespace(
        fail=fail, prepare=lambda: None))
    monkeypatch.setitem(isolated.TASKS, "fail", ("failing", "fail", "prepare"))
    monkeypatch.setenv(isolated.LIMITS, "3")
    (tmp_path / "m.h5").write_bytes(bytes(isolated.BUILT_PER_SECOND))
    answer, _ = isolated.answer(dict(task="fail", path=str(tmp_path / "m.h5")))
    assert limits == [2 * isolated.MAX_MEMORY + 3 * isolated.BUILT_PER_SECOND,
                      3 * (isolated.SECONDS_OF_PROCESSOR + 1), 0]
    assert "no fault of the file" in answer["error"]
    assert "damaged" not in answer["error"]


def test_a_process_without_work_is_ended(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no model")
    reader = isolated.Reader(idle=0.2)
    with pytest.raises(files.InputError, match="model"):
        reader.ask("model", tmp_path / "a.h5")
    for _ in range(100):
        if reader.process is None:
            break
        time.sleep(0.1)
    assert reader.process is None
    with pytest.raises(files.InputError, match="model"):
        reader.ask("model", tmp_path / "a.h5")
    reader.stop()


def test_a_process_that_is_ended_from_two_places_at_once_ends_quietly():
    reader = isolated.Reader()
    waits = []

    class Process:
        stdin = stdout = io.BytesIO()

        def kill(self):
            pass

        def wait(self):
            waits.append(1)
            reader.stop()

    reader.process, reader.complaints = Process(), io.BytesIO()
    reader.stop()
    assert reader.process is None and waits == [1]
    assert reader.complaints.closed
