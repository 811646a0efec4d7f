"""Dropped files: random names, unread by others, gone once they are scored."""

import pytest

from end2end.serve import uploads


@pytest.mark.parametrize(("name", "suffix"), [
    ("Anna_L_CC.DCM", ".dcm"), ("a.png", ".png"), ("a.exe", ""), ("a", "")])
def test_a_file_has_a_random_name_and_the_suffix_of_its_kind(tmp_path, name, suffix):
    paths = []
    for _ in range(2):
        with uploads.stored(b"data", name, tmp_path / "gone") as path:
            assert path.read_bytes() == b"data" and path.suffix == suffix
            assert path.stat().st_mode & 0o077 == 0
            paths.append(path)
    assert paths[0] != paths[1] and not any((tmp_path / "gone").iterdir())
    assert (tmp_path / "gone").stat().st_mode & 0o077 == 0


def test_a_file_goes_when_the_work_fails(tmp_path):
    with pytest.raises(RuntimeError), uploads.stored(b"", "a.png", tmp_path):
        raise RuntimeError
    assert not any(tmp_path.iterdir())
