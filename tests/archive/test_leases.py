"""One writer of a folder behind a URL."""

import json
import subprocess
import sys
import time

import pytest

from end2end.archive import leases, storage
from end2end.utils import files

pytest.importorskip("fsspec")

HOLDING = """
import sys
from end2end.archive import leases
leases.RENEWAL, leases.LAPSE, leases.SETTLES = 0.1, 1.0, 0.1
with leases.output_folders([sys.argv[1]]):
    print("writing", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, seconds in (("RENEWAL", 0.1), ("LAPSE", 1.0), ("SETTLES", 0.1)):
        monkeypatch.setattr(leases, name, seconds)


@pytest.fixture
def place(tmp_path):
    """A folder by a URL that other processes see too."""
    return f"local://{tmp_path}/out"


def holding(place):
    process = subprocess.Popen([sys.executable, "-c", HOLDING, place], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "writing\n"
    return process


def test_a_second_writer_is_refused_and_names_the_first(place):
    process = holding(place)
    with pytest.raises(files.InputError, match=rf"another call \(process {process.pid}"
                       ), leases.output_folders([place]):
        pass
    process.communicate("\n")
    assert process.returncode == 0
    with leases.output_folders([place]):
        assert storage.exists(f"{place}/writer.json")
    assert not storage.exists(f"{place}/writer.json")


def test_what_a_killed_writer_left_is_taken_over(place, capsys):
    process = holding(place)
    process.kill()
    process.wait()
    with leases.output_folders([place]):
        pass
    assert "may be written by another call" in capsys.readouterr().out


def test_a_writer_that_was_taken_over_ends(place):
    with pytest.raises(files.VanishedError, match="taken over"), \
            leases.output_folders([place]) as check:
        check()
        path = f"{place}/writer.json"
        with storage.opened(path) as stream:
            other = json.load(stream) | dict(token="other")
        with storage.replacing(path) as part:
            part.write_text(json.dumps(other))
        time.sleep(0.5)
    with storage.opened(path) as stream:
        assert json.load(stream)["token"] == "other"
