"""Files by path and by URL: names, copies, and what tells that a file was replaced."""

import os
import pathlib
import shutil

import pytest

from end2end.archive import storage
from end2end.utils import files


def test_relative_paths_start_from_the_folder_of_their_table(tmp_path):
    assert storage.beside("s3://b/v1.2/in.csv", "a.png") == "s3://b/v1.2/a.png"
    assert storage.beside("s3://b/v1.2", "a.png") == "s3://b/v1.2/a.png"
    assert storage.beside("s3://b/in.csv", "/a.png") == "/a.png"
    assert storage.beside(tmp_path / "in.csv", "x/a.png") == str(tmp_path / "x/a.png")
    assert storage.beside(tmp_path, "a.png") == str(tmp_path / "a.png")


@pytest.mark.parametrize("root", ["memory://storage", "plain"])
def test_files_are_written_listed_and_read_alike(root, tmp_path):
    if root == "plain":
        root = str(tmp_path)
    else:
        pytest.importorskip("fsspec")
    with storage.replacing(f"{root}/x/b.csv") as part:
        part.write_text("text")
    assert storage.names(f"{root}/x") == ["b.csv"] and storage.names(f"{root}/no") == []
    assert storage.exists(f"{root}/x/b.csv") and not storage.exists(f"{root}/x/c.csv")
    with storage.local(f"{root}/x/b.csv") as path:
        assert path.read_text() == "text"
        assert path.name == ("b.csv" if root == str(tmp_path) else "copy.csv")
    with pytest.raises(files.InputError, match="does not exist"):
        storage.opened(f"{root}/x/c.csv")


def test_a_refusal_of_a_copy_names_the_url():
    pytest.importorskip("fsspec")
    with storage.replacing("memory://storage/a.png") as part:
        part.write_text("not an image")
    with pytest.raises(files.InputError, match="memory://storage/a.png is damaged"), \
            storage.local("memory://storage/a.png") as path:
        raise files.InputError(f"{path} is damaged")


def test_a_local_file_is_told_by_its_content_where_its_times_differ(tmp_path):
    path, other = (str(tmp_path / name) for name in ("a", "b"))
    for name, text in ((path, "first"), (other, "other")):
        pathlib.Path(name).write_text(text)
        os.utime(name, (1_000_000, 1_000_000))
    before = storage.state(path)
    os.utime(path)
    after = storage.renewed(path, before)
    assert after["mtime_ns"] != before["mtime_ns"]
    shutil.copy2(other, path)
    with pytest.raises(files.VanishedError):
        storage.renewed(path, before)
    os.unlink(path)
    assert storage.renewed(path, before) == before
    assert storage.state(path) is None and storage.renewed(path, None) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_what_would_be_read_without_an_end_has_no_state(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "endless.png"):
        with pytest.raises(files.InputError, match=f"{name} is a pipe or a device"):
            storage.state(str(tmp_path / name))
    (tmp_path / "hole.png").touch()
    os.truncate(tmp_path / "hole.png", 2 << 30)
    with pytest.raises(files.InputError, match="2048 MB, more than the 1024 MB"):
        storage.state(str(tmp_path / "hole.png"))


def test_a_file_behind_a_url_is_told_by_what_its_storage_says():
    pytest.importorskip("fsspec")
    path = "memory://storage-states/a"
    for text in ("first", "other"):
        before = storage.state(path)
        if before:
            assert storage.renewed(path, before) == before
        with storage.replacing(path) as part:
            part.write_text(text)
        with pytest.raises(files.VanishedError):
            storage.renewed(path, before)
