"""A program that is killed at a random moment, and the judge of what it leaves."""

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


@pytest.mark.slow
@pytest.mark.parametrize("signal", kills.SIGNALS)
def test_after_kills_at_random_moments_the_work_is_that_of_an_unbroken_run(
        signal, capfd):
    assert kills.main(["--program", "sampling", "phantoms", "--count", "3", "--signal",
                       signal, "--seed", "7"]) == 0
    assert "sampling | " in capfd.readouterr().out
