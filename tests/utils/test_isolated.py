"""Tests of end2end.isolated: a library that goes round in circles ends its process."""

import concurrent.futures
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import types

import numpy as np
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

    def ask(reader, task, path, frame):
        askers.append(reader)
        assert frame == 2
        both.wait(10) if task == "at once" else None

    monkeypatch.setattr(isolated.Reader, "ask", ask)
    readers.ask("alone", tmp_path, frame=2)
    readers.ask("alone", tmp_path, frame=2)
    assert len(set(askers)) == 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(
            lambda _: readers.ask("at once", tmp_path, frame=2), range(2)))
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
    for limit, remedy in (
            (3 << 30, "The address space is limited to 3072 MB (ulimit -v); raise that "
             "limit."), (0, "No file was looked at. Mend the installation.")):
        monkeypatch.setattr(isolated, "limit_of_memory", lambda limit=limit: limit)
        with pytest.raises(files.InputError, match="cannot start") as error:
            isolated.Reader().ask("model", tmp_path / "a.h5")
        message = str(error.value)
        assert "no room" in message and remedy in message and "damaged" not in message


def test_a_process_that_never_says_that_it_is_ready_is_ended(tmp_path, monkeypatch):
    (tmp_path / "a.h5").write_bytes(b"no model")
    monkeypatch.setattr(isolated, "START", "import time; time.sleep(60)")
    monkeypatch.setattr(isolated, "limit_of_memory", lambda: 0)
    reader = isolated.Reader(seconds=0.01)
    with pytest.raises(files.InputError) as error:
        reader.ask("model", tmp_path / "a.h5")
    assert str(error.value) == (
        "the process in which files are read cannot start: it did not end within 0 "
        "seconds. No file was looked at. Mend the installation.")
    assert reader.process is None


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
    monkeypatch.setattr(isolated, "_ALLOWED", 0)
    monkeypatch.setattr(isolated, "limit_memory", limits.append)
    monkeypatch.setattr(isolated, "limit_time", limits.append)
    monkeypatch.setitem(sys.modules, "failing", types.SimpleNamespace(
        fail=fail, prepare=lambda: limits.append("prepared")))
    monkeypatch.setitem(isolated.TASKS, "fail", ("failing", "fail", "prepare"))
    monkeypatch.setenv(isolated.LIMITS, "3")
    (tmp_path / "m.h5").write_bytes(bytes(isolated.BUILT_PER_SECOND))
    answer, _ = isolated.answer(dict(task="fail", path=str(tmp_path / "m.h5")))
    assert limits == [
        "prepared", 2 * isolated.MAX_MEMORY + 3 * isolated.BUILT_PER_SECOND,
        3 * (isolated.SECONDS_OF_PROCESSOR + 1), 0]
    assert answer["error"].startswith(
        f"the network of {tmp_path / 'm.h5'} cannot be built within 2 GB of memory "
        "beside the size of its file. ")
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


@contextlib.contextmanager
def answering(written, code=0, complaints=b"", seconds=5, ended=True):
    """A reader whose process has written this much already; the words that it gets."""
    source, target = os.pipe()
    os.write(target, written)
    if ended:
        os.close(target)

    def wait(seconds=None):
        if code is None and seconds:
            raise subprocess.TimeoutExpired("x", seconds)
        return code
    reader = isolated.Reader(seconds=seconds)
    stdin = io.BytesIO()
    stdin.close, reader.complaints = lambda: None, io.BytesIO(complaints)
    with os.fdopen(source, "rb") as stdout:
        reader.process = types.SimpleNamespace(
            stdin=stdin, stdout=stdout, poll=lambda: None, kill=lambda: None, wait=wait)
        yield reader, stdin
    if not ended:
        os.close(target)


def test_an_array_comes_back_from_the_process_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    head = json.dumps(dict(dtype=array.dtype.str, shape=array.shape)).encode()
    with answering(head + b"\n" + array.tobytes() + b"{}\n") as (reader, stdin):
        np.testing.assert_array_equal(reader.ask("dicom", "a", frame=2), array)
        assert reader.ask("dicom", "a") is None
    assert list(map(json.loads, stdin.getvalue().splitlines())) == [
        dict(task="dicom", path=str(tmp_path / "a"), frame=2),
        dict(task="dicom", path=str(tmp_path / "a"))]


@pytest.mark.parametrize(("written", "code", "ended", "words"), [
    (b'{"dtype": "<u2", "shape": [2]}\nabc', 3, True, "ended with status 3 (the last)"),
    (b'{"dtype"', -signal.SIGKILL, True, "was killed, perhaps for lack of memory (th"),
    (b"", -signal.SIGPROF, True, "took more than 9 seconds of the processor (the"),
    (b"", -signal.SIGSEGV, True, "crashed by SIGSEGV (the last)"),
    (b"", -signal.SIGHUP, True, "crashed by SIGHUP (the last)"),
    (b"", 0, True, "ended with status 0 (the last)"),
    (b"", None, True, "closed its output; the file is damaged"),
    (b"", 0, False, "did not end within 0 seconds; the file is damaged. Restore it")])
def test_a_process_that_gives_no_answer_is_told_with_its_end(
        tmp_path, written, code, ended, words):
    (tmp_path / "a").write_bytes(b"x")
    with answering(written, code, b"first\nthe last\n\nI0000 00:00 note\n",
                   seconds=5 if ended else 0.1, ended=ended) as (reader, _), \
            pytest.raises(files.InputError) as error:
        reader.ask("dicom", tmp_path / "a")
    assert str(error.value).startswith(
        f"{tmp_path / 'a'} cannot be read: its library {words}")
    assert reader.process is None


def test_of_what_a_process_said_last_200_signs_of_its_last_4000_are_told(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    for complaints, last in ((b"first\n" + b"y" * 300 + b"\n", " (" + "y" * 200 + ")"),
                             (b"first" + b"\n" * 3999, " (t)"), (b"first" * 9, " (" +
                             "first" * 9 + ")"), (b"first" + b"\n" * 4000, "")):
        with answering(b"", 3, complaints) as (reader, _), \
                pytest.raises(files.InputError) as error:
            reader.ask("dicom", tmp_path / "a")
        assert str(error.value).startswith(
            f"{tmp_path / 'a'} cannot be read: its library ended with status 3{last};")


def test_a_large_file_may_take_longer(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.setattr(os.path, "getsize", lambda path: 50_000_000)
    limits = []
    monkeypatch.setattr(
        isolated.Reader, "_ask", lambda self, question, limit: limits.append(limit))
    isolated.Reader(seconds=4).ask("dicom", tmp_path / "a")
    assert limits == [9]


def serving(monkeypatch, *actions):
    """Tasks `0`, `1`, ... that do such; the limits that are set meanwhile."""
    limits = []
    monkeypatch.setattr(isolated, "limit_memory", lambda *more: limits.append(more))
    monkeypatch.setattr(isolated, "limit_time", limits.append)
    monkeypatch.setitem(sys.modules, "serving", types.SimpleNamespace(
        **{f"do{k}": action for k, action in enumerate(actions)}))
    for k in range(len(actions)):
        monkeypatch.setitem(isolated.TASKS, str(k), ("serving", f"do{k}"))
    return limits


def raising(error):
    def action(path, **values):
        raise error
    return action


def test_answers_are_arrays_nothing_or_sentences_and_end_the_limit_of_time(
        tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(bytes(1000))
    array = np.arange(6, dtype=np.int16).reshape(2, 3).T
    monkeypatch.setattr(isolated, "_ALLOWED", 0)
    limits = serving(
        monkeypatch, lambda path, frame: array * frame, lambda path: None,
        raising(files.InputError("broken")), raising(MemoryError()),
        lambda path: np.zeros(0, np.uint8))
    path = str(tmp_path / "a")
    values, answer = isolated.answer(dict(task="0", path=path, frame=3))
    assert values == dict(dtype="<i2", shape=(3, 2)) and answer.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(answer, 3 * array)
    assert isolated.answer(dict(task="1", path=path)) == ({}, None)
    assert isolated.answer(dict(task="2", path=path)) == (dict(error="broken"), None)
    values, answer = isolated.answer(dict(task="3", path=path))
    assert answer is None and values["error"] == (
        f"{path} cannot be read within 2 GB of memory; it is damaged or far larger "
        "than any such file. Leave it out.")
    assert isolated.answer(dict(task="4", path=path))[0] == dict(
        dtype="|u1", shape=(0,))
    assert limits == [(0,), 9, 0] * 5
    monkeypatch.setattr(isolated, "_ALLOWED", 3 << 30)
    assert "within the 3072 MB of address space" in isolated.answer(
        dict(task="3", path=path))[0]["error"]


def test_memory_is_limited_above_what_is_held_and_below_what_was_allowed(monkeypatch):
    resource, limits = pytest.importorskip("resource"), []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (7 << 30, 1 << 50))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: limits.append(pair))
    assert isolated.limit_of_memory() == 7 << 30
    monkeypatch.setattr(isolated, "_ALLOWED", 0)
    isolated.limit_memory()
    isolated.limit_memory(5000 << 10)
    (first, hard), (second, _) = limits
    with open("/proc/self/status") as stream:
        held = int(stream.read().split("VmSize:")[1].split()[0]) << 10
    assert hard == 1 << 50 and abs(first - held - isolated.MAX_MEMORY) < 100 << 20
    assert abs(second - first - (5000 << 10)) < 4000 << 10
    monkeypatch.setattr(isolated, "_ALLOWED", 1 << 20)
    isolated.limit_memory()
    assert limits[-1] == (1 << 20, 1 << 50)


def test_what_a_system_does_not_know_limits_nothing(monkeypatch):
    resource, limits = pytest.importorskip("resource"), []
    monkeypatch.setattr(resource, "setrlimit", lambda *pair: limits.append(pair))
    monkeypatch.delattr(signal, "setitimer")
    isolated.limit_time(9)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert isolated.limit_of_memory() == 0
    isolated.limit_memory()
    assert limits == []
    monkeypatch.delattr(os, "memfd_create")
    with isolated._scratch() as file:
        file.write(b"last words")
        file.seek(0)
        assert file.read() == b"last words"


def test_all_processes_of_readers_are_ended():
    ended, readers = [], isolated.Readers(2)
    for number, reader in enumerate(readers.all):
        reader.stop = lambda number=number: ended.append(number)
    readers.stop()
    assert ended == [0, 1]


def test_the_process_answers_lines_until_there_are_no_more(monkeypatch, capfd):
    serving(monkeypatch, lambda path, more=0: (
        print("noise") or np.array([258 + more], np.uint16)),
            raising(files.InputError("broken")))
    monkeypatch.setattr(isolated, "_is_this_process", False)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=[
        json.dumps(dict(task=str(k), path="a")).encode() for k in (0, 1)]))
    kept, interrupt = os.dup(1), signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        isolated.main([])
        assert isolated._is_this_process
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        # The process asks no other for what its own tasks read.
        assert isolated.ask("0", "a", more=3) == 261
    finally:
        signal.signal(signal.SIGINT, interrupt)
        os.dup2(kept, 1)
        os.close(kept)
    written = capfd.readouterr().out.replace("noise\n", "")
    assert written == ('ready\n{"dtype": "<u2", "shape": [1]}\n\x02\x01'
                       '{"error": "broken"}\n')


def test_a_forked_process_starts_readers_of_its_own(monkeypatch):
    monkeypatch.setattr(isolated._readers.all[0], "process", "of the parent")
    child = os.fork()
    if child == 0:
        os._exit(7 if isolated._readers.all[0].process is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_the_process_looks_for_modules_in_no_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/x", str(isolated.PACKAGE)])
    assert isolated.import_path() == ["/x", str(isolated.PACKAGE)]
    monkeypatch.setattr(sys, "path", ["", "/x"])
    assert isolated.import_path() == ["/x", str(isolated.PACKAGE)]
    monkeypatch.chdir(isolated.PACKAGE)
    assert isolated.import_path() == [str(isolated.PACKAGE), "/x"]


@pytest.mark.parametrize(("text", "factor"), [("", 1), ("0", 1), ("-2", 1), ("2", 2)])
def test_limits_are_never_made_less(monkeypatch, text, factor):
    monkeypatch.setenv(isolated.LIMITS, text)
    assert isolated.limit_factor() == factor


def test_a_process_in_use_is_not_ended_by_the_timer_of_the_work_before(
        tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x")
    noted = []

    class Timer:
        daemon = False

        def __init__(self, seconds, function):
            self.words = seconds, function

        def start(self):
            noted.append((self.daemon, *self.words))

        def cancel(self):
            noted.append("cancelled")
    monkeypatch.setattr(isolated.threading, "Timer", Timer)
    monkeypatch.setattr(isolated.Reader, "_ask", lambda *_: noted.append("asked"))
    reader = isolated.Reader(idle=7)
    for _ in range(2):
        reader.ask("dicom", tmp_path / "a")
    started = (True, 7, reader._retire)
    assert noted == ["asked", started, "cancelled", "asked", started]


def test_the_process_computes_with_one_thread_and_its_pipes_are_those_of_the_reader(
        monkeypatch):
    started = []

    def start(words, **how):
        started.append((words, how))
        raise OSError("no process")
    monkeypatch.setattr(subprocess, "Popen", start)
    reader = isolated.Reader()
    with pytest.raises(OSError, match="^no process$"):
        reader._start()
    assert started == [(
        [sys.executable, "-c", isolated.START, *isolated.import_path()], dict(
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=reader.complaints,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}))]
    reader.complaints.close()


def test_a_refused_file_keeps_the_name_by_which_it_was_given(tmp_path, monkeypatch):
    def refused(reader, question, seconds):
        raise files.InputError(f"model {question['path']} is {question['path']}.")
    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(isolated.Reader, "_ask", refused)
    with pytest.raises(files.InputError) as error:
        isolated.Reader().ask("model", "a")
    assert str(error.value) == "model a is a."
