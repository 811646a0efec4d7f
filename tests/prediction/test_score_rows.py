"""Rows of a score file that hold no longer."""

import os

from end2end.prediction import score_rows


def test_a_file_that_changed_is_told_from_one_that_is_gone_or_as_it_was(tmp_path):
    same, other, gone = (tmp_path / name for name in ("same", "other", "gone"))
    for path in (same, other, gone):
        path.write_text("first")
    read = {str(path): score_rows.stamp(path) for path in (same, other, gone)}
    other.write_text("the second")
    gone.unlink()
    assert score_rows.changed(read) == {str(other)}


def test_only_the_rows_of_files_newer_than_the_table_are_taken_out(tmp_path):
    out, old, new = (tmp_path / name for name in ("scores.csv", "old", "new"))
    out.write_text(f'path,notes\n{old},"a, b"\n{new},\nvanished,\n')
    for path, seconds in ((old, 1000), (out, 2000), (new, 3000)):
        path.touch()
        os.utime(path, (seconds, seconds))
    again = score_rows.newer({str(old), str(new), "vanished"}, out)
    assert again == {str(new)}
    score_rows.remove(out, again)
    assert out.read_text() == f'path,notes\n{old},"a, b"\nvanished,\n'
