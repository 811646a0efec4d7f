"""What TensorFlow prints before a command speaks."""

import importlib.machinery
import os
import pathlib
import subprocess
import sys
import types

import pytest

from end2end.utils import quiet

ROOT = pathlib.Path(__file__).parents[2]
LINES = """WARNING: All log messages before absl::InitializeLog() is called are written
I0000 00:00:1795664787.918585    1187 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1795664778.903013 1065 cuda_platform.cc:52] failed call to cuInit: INTERNAL
To enable the following instructions: AVX2, in other operations, rebuild TensorFlow
E0000 00:00:1795664778.903013 1065 gpu.cc:1] out of memory
a warning of Python
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        env={name: value for name, value in os.environ.items()
             if name != quiet.LEVEL} | environment)


def test_only_what_says_something_is_passed_on(capfd):
    with quiet.without_noise():
        os.write(2, LINES.encode())
    assert capfd.readouterr().err.splitlines() == LINES.splitlines()[-2:]


def test_after_a_failure_everything_is_passed_on(capfd):
    with pytest.raises(KeyError), quiet.without_noise():
        os.write(2, LINES.encode())
        raise KeyError
    assert capfd.readouterr().err == LINES


def test_tensorflow_is_imported_and_searches_for_gpus_in_silence():
    code = ("from end2end.utils import quiet; quiet.install(); import tensorflow as tf;"
            "import gc; print(len(tf.config.list_physical_devices('CPU')),"
            " tf.__spec__.name, gc.isenabled(), gc.get_freeze_count() > 100_000)")
    printed = run(code)
    assert printed.returncode == 0 and printed.stdout == "1 tensorflow True True\n"
    assert printed.stderr == ""


def test_who_sets_the_log_level_hears_everything():
    code = ("from end2end.utils import quiet; quiet.install(); import sys;"
            "print('_Finder' in [type(finder).__name__ for finder in sys.meta_path])")
    assert run(code).stdout == "True\n"
    assert run(code, TF_CPP_MIN_LOG_LEVEL="0").stdout == "False\n"
    # As a worker process has it from the command that began it.
    assert run(code, TF_CPP_MIN_LOG_LEVEL="2").stdout == "True\n"


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_not_looked_for_while_tensorflow_is_imported(monkeypatch, collects):
    calls = []
    for name in ("disable", "enable", "freeze"):
        monkeypatch.setattr(quiet.gc, name, lambda name=name: calls.append(name))
    monkeypatch.setattr(quiet.gc, "isenabled", lambda: collects)
    with pytest.raises(ImportError), quiet.without_collecting():
        calls.append("import")
        raise ImportError
    assert calls == ["disable", "import", "freeze", *["enable"] * collects]


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_looked_for_afterwards_as_it_was_before(monkeypatch, collects):
    calls = []
    for name in ("disable", "enable", "freeze"):
        monkeypatch.setattr(quiet.gc, name, lambda name=name: calls.append(name))
    monkeypatch.setattr(quiet.gc, "isenabled", lambda: collects)
    with pytest.raises(OSError), quiet.collecting_later():
        calls.append("list")
        raise OSError
    assert calls == ["disable", "list", *["enable"] * collects]


def test_the_error_stream_is_as_before_afterwards(capfd):
    open_before = len(os.listdir("/proc/self/fd"))
    with quiet.without_noise():
        os.write(2, b"held\nI0000 00:00 noise\n")
        assert capfd.readouterr().err == ""
    os.write(2, b"I0000 00:00 later\n")
    assert capfd.readouterr().err == "held\nI0000 00:00 later\n"
    assert len(os.listdir("/proc/self/fd")) == open_before


def test_without_an_error_stream_the_work_goes_on(monkeypatch):
    def missing(number):
        raise OSError
    monkeypatch.setattr(os, "dup", missing)
    worked = []
    with quiet.without_noise():
        worked.append(1)
    assert worked == [1]


def test_only_the_import_of_tensorflow_is_quiet(monkeypatch, capfd):
    events = []

    def execute(module):
        os.write(2, b"I0000 00:00 noise\n")
        events.append(module)
    specs = [None, types.SimpleNamespace(loader=None), types.SimpleNamespace(
        loader=types.SimpleNamespace(exec_module=execute))]
    finder = quiet._Finder()
    assert finder.find_spec("numpy", None) is None
    for spec in specs:
        monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec",
                            lambda name, path, target, spec=spec: spec)
        assert finder.find_spec("tensorflow", None) is spec
    module = types.SimpleNamespace(config=types.SimpleNamespace(
        list_physical_devices=lambda: events.append("searched")))
    spec.loader.exec_module(module)
    assert events == [module, "searched"] and capfd.readouterr().err == ""


@pytest.mark.parametrize(("level", "loaded", "finders"), [
    (None, False, 1), ("2", False, 1), ("0", False, 0), (None, True, 0)])
def test_the_finder_comes_first_where_it_is_wanted(monkeypatch, level, loaded, finders):
    monkeypatch.setattr(sys, "meta_path", ["others"])
    monkeypatch.setattr(sys, "modules", dict(tensorflow=1) if loaded else {})
    monkeypatch.delenv(quiet.LEVEL, raising=False)
    if level:
        monkeypatch.setenv(quiet.LEVEL, level)
    quiet.install()
    assert len(sys.meta_path) == 1 + finders and sys.meta_path[-1] == "others"
    assert os.environ[quiet.LEVEL] == (level or "2")


def test_what_python_had_not_written_yet_is_none_of_the_noise(monkeypatch, capfd):
    with open(2, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        stream.write("I0000 00:00 before\n")
        with quiet.without_noise():
            stream.write("I0000 00:00 noise\nsaid\n")
        stream.flush()
        assert capfd.readouterr().err == "I0000 00:00 before\nsaid\n"
