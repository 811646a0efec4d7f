"""One writer of a folder behind a URL."""

import json
import subprocess
import sys
import threading
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


def test_a_second_writer_is_refused_and_names_the_first(place, monkeypatch):
    monkeypatch.setattr(leases, "LAPSE", 60.0)     # ends with the first renewal
    process = holding(place)
    with pytest.raises(files.InputError, match=rf"another call \(process {process.pid}"
                       ), leases.output_folders([place]):
        pass
    process.communicate("\n")
    assert process.returncode == 0
    threads = threading.active_count()
    with leases.output_folders([place]):
        assert storage.exists(f"{place}/writer.json")
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
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


class Clock:
    """A clock that `sleep` alone moves; something may happen at a time."""

    def __init__(self, **happenings):
        self.now, self.happenings = 0.0, {
            float(name[2:]): action for name, action in happenings.items()}

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now = round(self.now + seconds, 6)
        for moment in [moment for moment in self.happenings if moment <= self.now]:
            self.happenings.pop(moment)()


def noted(place, **content):
    with storage.replacing(f"{place}/writer.json") as part:
        part.write_text(json.dumps(content))


def content(place):
    with storage.opened(f"{place}/writer.json") as stream:
        return json.load(stream)


@pytest.fixture
def slow(monkeypatch):
    """The seconds as they are, on a clock of the test."""
    def start(**happenings):
        for name, seconds in (("RENEWAL", 0.01), ("LAPSE", 60.0), ("SETTLES", 2.0)):
            monkeypatch.setattr(leases, name, seconds)
        monkeypatch.setattr(leases, "time", Clock(**happenings))
        return leases.time
    return start


def test_a_lease_names_its_writer_is_renewed_and_goes(place, slow, capsys):
    clock = slow()
    lease = leases.Lease(place)
    assert clock.now == 2.0 and capsys.readouterr().out == ""
    assert content(place).keys() == {"token", "writer", "count"}
    assert content(place)["writer"] == leases.locks.this_process()
    # A call that ends otherwise is not kept alive by it.
    assert lease._renewing.daemon
    while lease._read().get("count", 0) < 3:
        time.sleep(0.01)
    lease.check()
    lease.release()
    assert not storage.exists(f"{place}/writer.json")


def test_a_lease_that_is_not_renewed_is_waited_for_as_long_as_it_lasts(
        place, slow, capsys):
    clock = slow()
    noted(place, token="x", writer="process 7 on host", count=4)
    leases.Lease(place).release()
    assert clock.now == 62.0
    assert capsys.readouterr().out == (
        f"{place} may be written by another call (process 7 on host); looking for up "
        "to 60 seconds whether it still runs\n")


def test_a_lease_that_goes_meanwhile_is_waited_for_no_longer(place, slow):
    noted(place, token="x")
    clock = slow(at5=lambda: storage.remove(f"{place}/writer.json"))
    leases.Lease(place).release()
    assert clock.now == 7.0


@pytest.mark.parametrize("moment", [30, 60])
def test_a_lease_that_is_renewed_meanwhile_is_of_a_running_call(place, slow, moment):
    noted(place, token="x", count=1)
    clock = slow(**{f"at{moment}": lambda: noted(place, token="x", count=2)})
    with pytest.raises(files.InputError, match=(
            r"is being written by another call \(unknown process\); wait for it or")):
        leases.Lease(place)
    assert clock.now == moment and content(place)["count"] == 2


@pytest.mark.parametrize("damage", [b"{", b"[1]", b""])
def test_a_damaged_lease_is_none(place, slow, damage):
    clock = slow()
    with storage.replacing(f"{place}/writer.json") as part:
        part.write_bytes(damage)
    leases.Lease(place).release()
    assert clock.now == 2.0


def test_of_two_that_begin_at_once_the_last_that_wrote_goes_on(place, slow):
    slow(at1=lambda: noted(place, token="x", writer="process 8"))
    with pytest.raises(files.InputError, match=r"another call \(process 8\); wait"):
        leases.Lease(place)
    assert content(place)["token"] == "x"


def test_each_folder_is_kept_once_by_path_or_url(place, tmp_path, slow):
    slow()
    folders = [f"{place}/", place, str(tmp_path / "a"), f"file://{tmp_path}/a/"]
    with leases.output_folders(folders) as check:
        assert content(place)["writer"] == leases.locks.this_process()
        assert (tmp_path / "a" / ".lock").exists()
        check()
    assert not storage.exists(f"{place}/writer.json")
    assert not (tmp_path / "a" / ".lock").exists()
