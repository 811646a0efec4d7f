"""A program that is killed at a random moment, and the judge of what it leaves."""

import collections
import subprocess

import pytest

from end2end import repeating
from tests.kills import __main__ as kills


def test_files_that_differ_are_extra_or_left_over_are_told(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "same.txt").write_text("a")
        (folder / "other.json").write_text(f'{{"seconds": "{folder.name}", "a": 1}}')
        (folder / "changed.txt").write_text(folder.name)
    (old / "lost.txt").write_text("x")
    (new / "more.txt").write_text("x")
    (new / ".lost.12.part.txt").write_text("x")
    rows = {row.name: row.verdict for row in kills.differences(old, new)}
    assert rows == {
        "other.json": repeating.SAME_CONTENT, "changed.txt": repeating.DIFFERENT,
        "lost.txt": repeating.MISSING, "more.txt": "extra",
        ".lost.12.part.txt": "left over"}


def test_an_output_that_is_not_there_is_missing(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.txt").write_text("a")
    rows = kills.differences(tmp_path / "old", tmp_path / "new")
    assert [(row.name, row.verdict) for row in rows] == [("a.txt", repeating.MISSING)]


def test_processes_that_go_on_after_their_program_are_told(monkeypatch):
    monkeypatch.setattr(kills, "PATIENCE", 0.1)
    process = subprocess.Popen(["sleep", "30"], start_new_session=True)
    assert kills.left_behind(process.pid) == [process.pid]
    assert process.wait(10) == -9
    assert kills.left_behind(process.pid) == []


@pytest.mark.parametrize(("status", "said", "words"), [
    (143, "terminated; what was written so far is valid.\n", ""),
    (143, "", "without a line"), (1, "error: no\n", "ended with 1"),
    (143, "terminated; what was written so far is valid.\nTraceback", "traceback"),
    (-15, "", "")])
def test_how_a_program_ends_after_a_signal_is_judged(status, said, words, tmp_path):
    trial = object.__new__(kills.Trial)
    trial.problems, trial.endings = [], collections.Counter()
    trial.log = tmp_path / "log"
    trial.log.write_text(said)
    trial.judge("TERM", status, [])
    assert trial.endings == {("TERM", status): 1}
    assert bool(trial.problems) == bool(words) and words in "".join(trial.problems)


@pytest.mark.slow
def test_after_signals_at_random_moments_the_work_is_that_of_an_unbroken_run(capfd):
    assert kills.main(["--program", "sampling", "phantoms", "--kill", "3", "--int", "3",
                       "--term", "3", "--seed", "7"]) == 0
    said = capfd.readouterr().out
    assert "sampling | " in said and "3 x KILL -9" in said and "3 x TERM 143" in said
