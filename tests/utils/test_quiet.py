"""What TensorFlow prints before a command speaks."""

import os
import pathlib
import subprocess
import sys

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
            "print(len(tf.config.list_physical_devices('CPU')), tf.__spec__.name)")
    printed = run(code)
    assert printed.returncode == 0 and printed.stdout == "1 tensorflow\n"
    assert printed.stderr == ""


def test_who_sets_the_log_level_hears_everything():
    code = ("from end2end.utils import quiet; quiet.install(); import sys;"
            "print('_Finder' in [type(finder).__name__ for finder in sys.meta_path])")
    assert run(code).stdout == "True\n"
    assert run(code, TF_CPP_MIN_LOG_LEVEL="0").stdout == "False\n"
    # As a worker process has it from the command that began it.
    assert run(code, TF_CPP_MIN_LOG_LEVEL="2").stdout == "True\n"
