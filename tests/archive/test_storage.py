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


def test_a_local_file_is_written_beside_its_place(tmp_path):
    for path in (tmp_path / "a.csv", f"file://{tmp_path}/a.csv"):
        with storage.replacing(path) as part:
            assert part.parent == tmp_path and part.suffix == ".csv"
            part.write_text(str(path))
        assert (tmp_path / "a.csv").read_text() == str(path)


def test_a_refusal_of_a_copy_names_the_url():
    pytest.importorskip("fsspec")
    with storage.replacing("memory://storage/a.png") as part:
        part.write_text("not an image")
    with pytest.raises(files.InputError, match="memory://storage/a.png is damaged"), \
            storage.local("memory://storage/a.png") as path:
        raise files.InputError(f"{path} is damaged")


def test_a_local_file_is_told_by_its_content_where_its_times_differ(
        tmp_path, monkeypatch):
    path, other = (str(tmp_path / name) for name in ("a", "b"))
    for name, text in ((path, "first"), (other, "other")):
        pathlib.Path(name).write_text(text)
        os.utime(name, (1_000_000, 1_000_000))
    before = storage.state(path)
    with monkeypatch.context() as patched:  # no clock of the disk decides
        patched.setattr(storage.resuming.FileState, "is_of", lambda *_: True)
        patched.setattr(storage, "state", None)
        assert storage.renewed(path, before) is before
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


def test_files_behind_a_url_are_listed_as_they_are_now(monkeypatch):
    class System:
        """Lists from memory unless it is told otherwise."""

        def isdir(self, name):
            return name == "b/x"

        def ls(self, name, *, detail=False, refresh=False):
            assert (name, detail) == ("b/x", True)
            return [dict(name=f"b/x/{one}", type=kind) for one, kind in (
                ("c", "file"), ("sub", "directory"), ("a", "file"))][not refresh:]

    monkeypatch.setattr(storage, "filesystem", lambda url: (System(), url[5:]))
    assert storage.names("s3://b/x") == ["a", "c"]
    assert storage.names("s3://b/y") == []


@pytest.mark.parametrize(("path", "is_url", "plain"), [
    ("s3://b/a", True, None), ("file:///b/a", False, "/b/a"), ("/b/a", False, "/b/a"),
    ("b://", True, None), (pathlib.Path("a:/b"), False, "a:/b")])
def test_a_file_is_named_by_path_or_by_url(path, is_url, plain):
    assert storage.is_url(path) == is_url
    assert plain is None or storage.plain(path) == pathlib.Path(plain)


def test_names_are_joined_by_one_stroke():
    assert storage.join("s3://b/", "c.csv") == "s3://b/c.csv"
    assert storage.join(pathlib.Path("/a"), "b/c") == "/a/b/c"
    for table in ("s3://b/d.e/in.parquet", "s3://b/d.e"):
        assert storage.beside(table, "x/a.png") == "s3://b/d.e/x/a.png"
    assert storage.beside("/x/in.csv", "s3://b/a") == "s3://b/a"
    assert storage.beside("/x/in.csv", "/y/a") == "/y/a"
    assert storage.beside("/x/in.csv", "file:///y/a") == "/y/a"


def test_folders_and_hidden_files_are_named_only_on_request(tmp_path):
    for name in ("b", ".a", "c/d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert storage.names(tmp_path) == ["b"]
    assert storage.names(f"file://{tmp_path}", hidden=True) == [".a", "b"]
    assert storage.names(tmp_path / "b") == [] == storage.names(tmp_path / "none")
    assert not storage.exists(tmp_path / "c")
    storage.remove(str(tmp_path / "b"))
    storage.remove(str(tmp_path / "b"))
    assert storage.names(tmp_path) == []


def test_objects_come_and_go_whole():
    pytest.importorskip("fsspec")
    root, data = "memory://storage-whole", bytes(range(256)) * 10_000
    with pytest.raises(KeyError), storage.replacing(f"{root}/x/a.bin") as part:
        part.write_bytes(data)
        raise KeyError
    assert storage.names(f"{root}/x") == [] and not part.exists()
    for name in ("x/a.bin", "x/y/b.bin"):
        with storage.replacing(f"{root}/{name}") as part:
            assert part.name == name[-5:]
            part.write_bytes(data)
    assert storage.names(f"{root}/x") == ["a.bin"]
    with storage.local(f"{root}/x/a.bin") as path:
        assert path.read_bytes() == data and path.stat().st_mode & 0o077 == 0o044
    assert not path.exists()
    assert storage.state(f"{root}/x/a.bin")["size"] == len(data)
    storage.remove(f"{root}/x/a.bin")
    storage.remove(f"{root}/x/a.bin")
    assert not storage.exists(f"{root}/x/a.bin")
    assert storage.state(f"{root}/x/a.bin") is None
    with pytest.raises(files.InputError, match=(
            f"file {root}/x/a.bin does not exist; check the URL")):
        storage.opened(f"{root}/x/a.bin")
    with pytest.raises(files.InputError, match=(
            "no-such://a cannot be reached .* pip install s3fs for s3:// or gcsfs")):
        storage.exists("no-such://a")
