"""Unusual surroundings of a real process: users, homes, locales, clocks, stops, names.

`ddsm prepare` must write the same files as in ordinary surroundings, or end in one line
and complete its work when the reason is gone.
"""

import os
import pathlib
import resource
import signal
import subprocess
import sys
import time
import tracemalloc

import cv2
import faults
import pytest
import tiny_classifier

from end2end import phantoms
from end2end.utils import files

pytestmark = pytest.mark.slow
OTHER_USER = 65534
MANY = 100_000
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

# Each second time that anything asks, the clock is a day further or back.
JUMPING_CLOCK = """
import itertools, time
signs, now, now_ns = itertools.cycle((1, -1)), time.time, time.time_ns
time.time = lambda: now() + 86_400 * next(signs)
time.time_ns = lambda: now_ns() + 86_400 * 10**9 * next(signs)
from ddsm_train import prepare
from end2end.utils import commands
commands.run(prepare.main)
"""
# The third picture is written to a half, then the quota of the user is used up.
QUOTA = """
import errno, os, pathlib
real, left = pathlib.Path.write_bytes, [2]
def write_bytes(self, data):
    if left[0]:
        left[0] -= 1
        return real(self, data)
    real(self, data[:len(data) // 2])
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), str(self))
pathlib.Path.write_bytes = write_bytes
from ddsm_train import prepare
from end2end.utils import commands
commands.run(prepare.main)
"""
LIMIT_PER_FILE = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
from ddsm_train import prepare
from end2end.utils import commands
commands.run(prepare.main)
"""
# Packages, program and home are mounted anew, for this process alone, and read-only.
READ_ONLY = """
for place in "$SITE" "$ROOT" "$HOME"; do
    mount --bind "$place" "$place" && mount -o remount,ro,bind "$place" || exit 77
done
! touch "$HOME/x" "$SITE/x" 2> /dev/null || exit 77
exec "$@"
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


def test_a_clock_that_jumps_while_the_program_runs_changes_nothing(
        download, ordinary, tmp_path):
    faults.finish(start(download, tmp_path / "out", code=JUMPING_CLOCK))
    assert faults.contents("prepare", tmp_path / "out") == ordinary


@pytest.mark.parametrize(("code", "reason"), [
    (QUOTA, "quota exceeded"), (LIMIT_PER_FILE, "File too large")],
    ids=["quota", "limit per file"])
def test_a_quota_that_is_used_up_ends_in_one_line_and_a_second_call_completes(
        code, reason, download, ordinary, tmp_path):
    out = tmp_path / "out"
    said = faults.finish(start(download, out, code=code), status=1)
    assert reason in said and said.count("error: ") == 1
    assert not [path for path in out.rglob(".*.part*")]
    faults.whole("prepare", out)
    faults.finish(start(download, out))
    assert faults.contents("prepare", out) == ordinary


def test_packages_program_and_home_may_be_read_only(tmp_path):
    """Prediction loads most of them: TensorFlow, Keras, OpenCV, pydicom."""
    home = tmp_path / "home"
    home.mkdir()
    model = tiny_classifier.save(tmp_path / "best.h5")
    cv2.imwrite(str(tmp_path / "P_1_L_CC.png"), tiny_classifier.picture(1))
    words = [sys.executable, "-m", "end2end.predict", str(model),
             str(tmp_path / "P_1_L_CC.png"), "--out"]
    faults.finish(faults.process(words + [str(tmp_path / "ordinary.csv")]))
    said = faults.process(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *words,
         str(tmp_path / "scores.csv")], HOME=str(home), ROOT=str(faults.ROOT),
        SITE=str(pathlib.Path(cv2.__file__).parents[1]))
    text = said.communicate(timeout=600)[0]
    if said.returncode in (1, 77, 127) and "Traceback" not in text and (
            "error: " not in text):
        pytest.skip("nothing can be mounted here (needs root on Linux)")
    assert said.returncode == 0, text
    assert not any(home.iterdir())
    assert (tmp_path / "scores.csv").read_text() == (
        tmp_path / "ordinary.csv").read_text()


def test_a_folder_of_100_000_other_files_takes_little_time_and_memory(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    cv2.imwrite(str(folder / "P_1_L_CC.png"), tiny_classifier.picture(1))
    for number in range(MANY):
        (folder / f"{number}.txt").touch()
    model = tiny_classifier.save(tmp_path / "best.h5")
    for words in (["-m", "end2end.predict", str(model), str(folder), "--out",
                   str(tmp_path / "scores.csv")],
                  ["-m", "end2end.images", str(folder)]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = faults.finish(faults.process([sys.executable, *words]))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert f"{MANY:,}".replace(",", "") in said.replace(",", ""), said
        # Of these TensorFlow takes 800 MB and five seconds to begin.
        assert after.ru_utime - before.ru_utime < 30
        assert after.ru_maxrss < 1500 << 10


def test_listing_100_000_images_takes_little_time_and_memory(tmp_path):
    data = cv2.imencode(".png", tiny_classifier.picture(1))[1].tobytes()
    for number in range(MANY):
        if number % 50_000 == 0:  # an ext4 file has at most 65,000 names
            source = tmp_path / f"P_{number}_L_CC.png"
            source.write_bytes(data)
        else:
            os.link(source, tmp_path / f"P_{number}_L_CC.png")
    tracemalloc.start()
    try:
        started = time.process_time()
        survey = files.survey(tmp_path)
        assert len(survey.images) == MANY and time.process_time() - started < 60
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


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
