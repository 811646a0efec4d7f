"""Tests of end2end.isolated: a library that goes round in circles ends its process."""

import signal
import subprocess
import sys

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
