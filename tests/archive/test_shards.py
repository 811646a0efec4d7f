"""Tables in shards: every row once and in order, second calls, changes on the way."""

import os

import pytest

from end2end.archive import shards, storage
from end2end.utils import files


def write_manifest(path, count):
    shards.write_rows(path, ("path", "label"), [
        dict(path=f"image-{k}.png", label=k % 2) for k in range(count)])


def doubled(rows):
    return [dict(row, twice=row["path"] * 2) for row in rows]


WORK = shards.Work(doubled, ("path", "twice"), {"task": "doubled"})


def test_a_table_is_a_file_or_the_tables_of_a_folder(tmp_path):
    assert shards.table_files("s3://b/a.csv") == ["s3://b/a.csv"]
    for name in ("part-1.csv", "part-0.parquet", "plan.json"):
        (tmp_path / name).touch()
    assert shards.table_files(tmp_path) == [
        str(tmp_path / name) for name in ("part-0.parquet", "part-1.csv")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(files.InputError, match="has no tables"):
        shards.table_files(tmp_path / "empty")


def test_control_characters_and_endless_texts_reach_no_shard(tmp_path):
    pytest.importorskip("pyarrow")
    for suffix in shards.SUFFIXES:
        path = tmp_path / f"a{suffix}"
        shards.write_rows(path, ("a",), [dict(a="=1\x1b[2J"), dict(a="x" * 200_000)])
        first, second = shards.read_rows(path)
        assert first["a"] == "=1 [2J" and len(second["a"]) == 4096


def test_cells_come_back_as_they_were(tmp_path):
    cells = ["=1+1", "-0.5", "'=x", "a,b", "+CC", ""]
    shards.write_rows(tmp_path / "a.csv", ("a", "b"), [
        dict(a=cell, b=k) for k, cell in enumerate(cells)])
    assert [row["a"] for row in shards.read_rows(tmp_path / "a.csv")] == cells
    assert "\n'=1+1,0\n" in (tmp_path / "a.csv").read_text()


def test_what_is_not_a_table_is_refused_with_its_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"path\n\xff\n")
    with pytest.raises(files.InputError, match="a.csv is not a CSV file in UTF-8"):
        list(shards.read_rows(tmp_path / "a.csv"))
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR")
    with pytest.raises(files.InputError, match="a.parquet is not a Parquet file"):
        list(shards.read_rows(tmp_path / "a.parquet"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("kind", ["memory", "plain"])
def test_every_row_comes_out_once_in_order(tmp_path, suffix, kind):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    if kind == "memory":
        pytest.importorskip("fsspec")
    root = f"memory://{tmp_path.name}" if kind == "memory" else tmp_path
    table, out = storage.join(root, "in" + suffix), storage.join(root, "out")
    write_manifest(table, 25)
    assert sum(shards.run(table, out, WORK, rows_per_shard=10, suffix=suffix)) == 25
    rows = list(shards.read_rows(out))
    assert [row["path"] for row in rows] == [f"image-{k}.png" for k in range(25)]
    assert rows[3]["twice"] == "image-3.pngimage-3.png"
    assert list(shards.run(table, out, WORK, rows_per_shard=10, suffix=suffix)) == []


def test_a_second_call_writes_only_the_missing_shard(tmp_path):
    write_manifest(tmp_path / "in.csv", 30)
    list(shards.run(tmp_path / "in.csv", tmp_path / "out", WORK, rows_per_shard=10))
    shard = tmp_path / "out/part-000000.csv"
    before = shard.stat().st_mtime_ns
    (tmp_path / "out/part-000001.csv").unlink()
    second = shards.run(tmp_path / "in.csv", tmp_path / "out", WORK, rows_per_shard=10)
    assert list(second) == [10]
    assert shard.stat().st_mtime_ns == before
    assert len(list(shards.read_rows(tmp_path / "out"))) == 30


def test_a_manifest_changed_between_calls_is_refused(tmp_path):
    write_manifest(tmp_path / "in.csv", 5)
    list(shards.run(tmp_path / "in.csv", tmp_path / "out", WORK))
    write_manifest(tmp_path / "in.csv", 6)
    with pytest.raises(files.InputError, match="sha256"):
        list(shards.run(tmp_path / "in.csv", tmp_path / "out", WORK))


def test_a_manifest_changed_during_a_call_is_noticed(tmp_path):
    write_manifest(tmp_path / "in.csv", 30)
    running = shards.run(tmp_path / "in.csv", tmp_path / "out", WORK, rows_per_shard=10)
    next(running)
    with open(tmp_path / "in.csv", "a") as stream:
        stream.write("late.png,0\n")
    with pytest.raises(files.InputError, match="changed while"):
        list(running)


def test_one_row_in_shards_of_many_and_a_folder_with_an_empty_part(tmp_path):
    (tmp_path / "in").mkdir()
    write_manifest(tmp_path / "in/part-0.csv", 0)
    write_manifest(tmp_path / "in/part-1.csv", 1)
    assert list(shards.run(tmp_path / "in", tmp_path / "out", WORK)) == [1]
    assert [row["path"] for row in shards.read_rows(tmp_path / "out")] == [
        "image-0.png"]


def test_a_line_of_any_length_is_refused_and_not_read(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("path,label\n")
    os.truncate(table, 1 << 31)  # a hole: two GB without a line end
    with pytest.raises(files.InputError, match="a line has more than 1048576 charac"):
        list(shards.read_rows(table))
