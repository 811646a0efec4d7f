"""Unusual surroundings of a real process: users, homes, locales, clocks, stops, names.

`ddsm prepare` must write the same files as in ordinary surroundings, or end in one line
and complete its work when the reason is gone.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import faults
import pytest

from end2end import phantoms

pytestmark = pytest.mark.slow
OTHER_USER = 65534
# Run before the program, in its process.
BROKEN_RENAME = """
import errno, os, sys
real, left = os.replace, [{times}]
def replace(source, target, **more):
    if left[0] and str(target).endswith(".png"):
        left[0] -= 1
        raise OSError(errno.{error}, os.strerror(errno.{error}), str(target))
    return real(source, target, **more)
os.replace = replace
def link(*rest, **more):
    raise OSError(errno.EPERM, "no hard links here")
os.link = link
from ddsm_train import prepare
from end2end.utils import commands
commands.run(prepare.main)
"""


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    """Films of three synthetic women, which every user may read."""
    folder = tmp_path_factory.mktemp("download")
    phantoms.write_cbis_ddsm(folder, patients=3, seed=5, size=(64, 64))
    return folder


def start(download, out, *, code=None, environment=None, **how):
    """Starts the program in some surroundings."""
    words = ["-c", code] if code else ["-m", "ddsm_train.prepare"]
    return subprocess.Popen(
        [sys.executable, *words, str(download), str(out), "--size", "64", "64",
         "--workers", "1"], cwd=faults.ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=environment or dict(os.environ), **how)


@pytest.fixture(scope="module")
def ordinary(download, tmp_path_factory):
    """What it writes in ordinary surroundings."""
    out = tmp_path_factory.mktemp("ordinary") / "out"
    faults.finish(start(download, out))
    return faults.contents("prepare", out)


def without(*names, **others):
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return kept | others


@pytest.mark.parametrize("environment", [
    without("HOME"), without("HOME", HOME="/nonexistent"),
    without("LANG", "LC_CTYPE", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"),
    without("TERM", "PATH"), without(TZ="Pacific/Kiritimati")],
    ids=["no HOME", "HOME that is not there", "C locale", "no PATH", "time zone"])
def test_the_environment_changes_nothing(environment, download, ordinary, tmp_path):
    faults.finish(start(download, tmp_path / "out", environment=environment))
    assert faults.contents("prepare", tmp_path / "out") == ordinary


def test_files_written_under_umask_077_are_for_their_user_alone(
        download, ordinary, tmp_path):
    out = tmp_path / "out"
    faults.finish(start(download, out, umask=0o077))
    assert faults.contents("prepare", out) == ordinary
    assert not [path for path in out.rglob("*") if path.stat().st_mode & 0o077]


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0,
                    reason="only root can become another user")
def test_an_ordinary_user_who_may_write_nowhere_else_gets_the_same(
        download, ordinary, tmp_path):
    try:
        subprocess.run([sys.executable, "-c", ""], user=OTHER_USER, check=True)
    except PermissionError:
        pytest.skip("another user may not run this Python")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    for path in (download.parent, download, *download.rglob("*")):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    home.chmod(0o555)
    out.mkdir()
    os.chown(out, OTHER_USER, OTHER_USER)
    faults.finish(start(
        download, out, environment=without(HOME=str(home)), user=OTHER_USER,
        group=OTHER_USER, extra_groups=[]))
    assert faults.contents("prepare", out) == ordinary
    assert not any(home.iterdir())


def test_a_process_that_is_stopped_for_a_while_goes_on(download, ordinary, tmp_path):
    process = start(download, tmp_path / "out")
    faults_wait(process, tmp_path / "out")
    process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    process.send_signal(signal.SIGCONT)
    faults.finish(process)
    assert faults.contents("prepare", tmp_path / "out") == ordinary


def faults_wait(process, out):
    """Waits for the first picture."""
    while process.poll() is None and not any(out.glob("full/*.png")):
        time.sleep(0.002)


@pytest.mark.parametrize(("signals", "status"), [
    ([signal.SIGINT, signal.SIGINT], (130, -signal.SIGINT, 0)),
    ([signal.SIGTERM], (-signal.SIGTERM, 143, 0))], ids=["SIGINT twice", "SIGTERM"])
def test_a_process_that_is_asked_to_end_leaves_what_a_second_call_completes(
        signals, status, download, ordinary, tmp_path):
    out = tmp_path / "out"
    process = start(download, out)
    faults_wait(process, out)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.01)
    said = process.communicate(timeout=600)[0]
    assert "Traceback" not in said and process.returncode in status, said
    faults.whole("prepare", out)
    faults.finish(start(download, out))
    assert faults.contents("prepare", out) == ordinary


@pytest.mark.parametrize("error", ["EXDEV", "EBUSY", "ESTALE", "EACCES"])
def test_a_rename_that_fails_ends_in_one_line_and_a_second_call_completes(
        error, download, ordinary, tmp_path):
    out = tmp_path / "out"
    said = faults.finish(start(
        download, out, code=BROKEN_RENAME.format(times=1, error=error)), status=1)
    assert os.strerror(getattr(__import__("errno"), error)) in said
    assert not [path for path in out.rglob(".*.part.*")]
    faults.finish(start(download, out))
    assert faults.contents("prepare", out) == ordinary


def test_a_file_system_without_hard_links_serves(download, ordinary, tmp_path):
    faults.finish(start(download, tmp_path / "out", code=BROKEN_RENAME.format(
        times=0, error="EPERM")))
    assert faults.contents("prepare", tmp_path / "out") == ordinary


@pytest.mark.parametrize("seconds", [-5, 0, 1, 4_000_000_000])
def test_clocks_that_jump_change_nothing(seconds, download, ordinary, tmp_path):
    out = tmp_path / "out"
    process = start(download, out)
    faults_wait(process, out)
    process.kill()
    process.communicate()
    for path in out.rglob("*"):
        os.utime(path, (seconds, seconds))
    faults.finish(start(download, out))
    assert faults.contents("prepare", out) == ordinary


def deep(folder, length):
    """A path below a folder of so many characters."""
    path = pathlib.Path(folder)
    while len(str(path)) < length:
        path /= "d" * min(200, max(1, length - len(str(path)) - 1))
    return path


def test_paths_of_almost_4096_characters_are_written(download, ordinary, tmp_path):
    # The longest name that follows is that of a mask.
    out = deep(tmp_path, 3900)
    faults.finish(start(download, out))
    assert faults.contents("prepare", out) == ordinary


def test_paths_beyond_what_the_system_takes_are_one_line(download, tmp_path):
    said = faults.finish(start(download, deep(tmp_path, 4200)), status=2)
    assert "File name too long" in said and len(said.strip().splitlines()) == 1
