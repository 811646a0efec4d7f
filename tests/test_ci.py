"""What runs before a change lands: the README's command, then slow tests in turn."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parent.parent
EXPERIMENT = "tests/test_daily_experiment.py"
SLOW = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")
    if str(path.relative_to(ROOT)) != EXPERIMENT and re.search(
        r"^(@|pytestmark = |.*\bmarks=)pytest\.mark\.slow",
        path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.fixture
def run(tmp_path):
    """Runs the script with a `make` that only notes its words."""
    noted = tmp_path / "noted.txt"
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$*" >> {noted}\n[ "$2" != "$FAILS" ]\n')
    make.chmod(0o755)

    def run(day, fails="nothing"):
        noted.unlink(missing_ok=True)
        finished = subprocess.run(
            ["bash", ".ci/run"], cwd=ROOT, capture_output=True, text=True, env=dict(
                os.environ, DAY=str(day), FAILS=fails, LC_ALL="C",
                PATH=f"{tmp_path}:{os.environ['PATH']}"))
        return finished, noted.read_text().splitlines()

    return run


def test_the_tests_of_the_readme_come_first(run):
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    finished, lines = run(0)
    assert finished.returncode == 0, finished.stderr
    assert lines[:2] == ["test", "docs"] and lines[2].startswith("test-lowest")
    assert lines[3] == "check-wheel"


def test_every_file_of_slow_tests_is_among_the_first_four_on_some_day(run):
    turns = [run(day)[1][4:] for day in (0, 2)]
    for lines in turns:
        assert sorted(lines) == [f"test-slow ONLY={path}" for path in SLOW]
    assert turns[0][4:] + turns[0][:4] == turns[1]
    first = {(day * 4 + i) % len(SLOW)
             for day in range(len(SLOW) // 4 + 1) for i in range(4)}
    assert first == set(range(len(SLOW)))


def test_the_day_is_printed(run):
    finished, _ = run(6)
    assert f"day 6: files from number 13 of {len(SLOW)}" in finished.stdout


def test_every_other_day_has_an_experiment_in_place_of_the_slow_tests(run):
    assert [run(day)[1][4:] for day in (3, 5, 7)] == [
        [f"test-slow ONLY={EXPERIMENT}"]] * 3


def test_one_day_of_eight_plants_faults_in_their_place(run):
    lines = run(9)[1][4:]
    assert re.fullmatch(
        r"\['mutants COUNT=100 SEED=9 AT_LEAST=80 LIMIT=22\d\d'\]", str(lines))


def test_a_slow_test_that_fails_fails_the_whole(run):
    finished, lines = run(0, fails=f"ONLY={SLOW[1]}")
    assert finished.returncode != 0
    assert lines[-1] == f"test-slow ONLY={SLOW[1]}"
