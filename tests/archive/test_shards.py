"""Tables in shards: every row once and in order, second calls, changes on the way."""

import hashlib
import json
import os

import pytest

from end2end.archive import scheduling, shards, storage
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
    assert b"\n'=1+1,0\n" in (tmp_path / "a.csv").read_bytes()


def test_what_is_not_a_table_is_refused_with_its_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"path\n\xff\n")
    with pytest.raises(files.InputError, match="a.csv is not a CSV file in UTF-8"):
        list(shards.read_rows(tmp_path / "a.csv"))
    (tmp_path / "b.csv").write_text("path,note,Label,note,label\na.png,,1,,0\n")
    with pytest.raises(files.InputError, match="b.csv has 2 columns label; rename or"):
        list(shards.read_rows(tmp_path / "b.csv"))
    (tmp_path / "c.csv").write_text("path,label\n\na.png,1,\nb.png,0,9\n")
    rows = shards.read_rows(tmp_path / "c.csv")
    assert next(rows) == dict(path="a.png", label="1")
    with pytest.raises(files.InputError) as caught:
        next(rows)
    assert str(caught.value) == (
        f"table {tmp_path / 'c.csv'}, row 4: it has 3 cells, the header 2; put texts "
        "with the sign between cells in quotes, and write numbers with a decimal "
        "point.")
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


def test_locks_are_looked_at_after_every_shard(tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(shards.locks, "check_outputs", lambda: looked.append(1))
    # The shards are written in other processes.
    monkeypatch.setattr(shards.scheduling, "run", lambda *_, **__: iter([2, 2, 1]))
    write_manifest(tmp_path / "in.csv", 5)
    counts = []
    for _ in shards.run(tmp_path / "in.csv", tmp_path / "out", WORK):
        counts.append(len(looked))
    assert [count - counts[0] for count in counts] == [0, 1, 2]


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


NOTING = shards.Work(
    lambda rows: [dict(
        row, path=f"{row['path']}.out", error="broken" if row["label"] == "9" else "",
        **{shards.SOURCES: [(row["path"], storage.state(row["path"]))],
           shards.RECORD: f"record-{row['label']}"}) for row in rows],
    ("path", "error"), {"task": "noting", "sizes": (1, 2)}, sources=True, records=True,
    outputs=True)


@pytest.fixture
def noted(tmp_path):
    """Two shards of files, each with what they were like and their records."""
    for name in "abc":
        (tmp_path / name).write_text(name)
    shards.write_rows(tmp_path / "in.csv", ("path", "label"), [
        dict(path=tmp_path / name, label=label)
        for name, label in (("a", 1), ("b", 9), ("c", 3))])
    for name in "abc":
        (tmp_path / f"{name}.out").touch()
    assert again(tmp_path) == [2, 1]
    return tmp_path


def again(folder):
    return list(shards.run(folder / "in.csv", folder / "out", NOTING, rows_per_shard=2))


def test_a_shard_has_beside_it_its_records_and_what_its_files_were_like(noted):
    out = noted / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"part-00000{k}.{kind}" for k in (0, 1) for kind in (
            "csv", "files.json", "records.txt")), "plan.json"]
    assert list(shards.read_records(str(out / "part-000000.csv"))) == [
        "record-1", "record-9"]
    (path, state), = json.loads((out / "part-000001.files.json").read_text())
    assert path == str(noted / "c") and state["sha256"] == hashlib.sha256(
        b"c").hexdigest()
    plan = (out / "plan.json").read_text()
    assert plan.startswith('{\n  "table": "')
    plan = json.loads(plan)
    assert plan == dict(
        table=str(noted / "in.csv"), sha256=shards.table_hash(noted / "in.csv"),
        suffix=".csv", rows_per_shard=2, settings=dict(task="noting", sizes=[1, 2]))
    with pytest.raises(files.InputError, match="part-9.records.txt does not exist"):
        list(shards.read_records(str(out / "part-9.parquet")))


@pytest.mark.parametrize(("harm", "counts", "said"), [
    (lambda out: None, [], ""),
    (lambda out: (out / "part-000001.files.json").unlink(), [1],
     "part-000001 does not say which files it is of; it is made anew"),
    (lambda out: (out / "part-000000.records.txt").unlink(), [2],
     "part-000000 does not say which files it is of; it is made anew"),
    (lambda out: (out / "part-000000.files.json").write_text("[1"), [2],
     "part-000000.files.json is damaged; its shard is made anew"),
    (lambda out: (out.parent / "c").write_text("longer"), [1],
     "part-000001 is made anew: "), (lambda out: (out.parent / "b").unlink(), [], "")])
def test_a_shard_is_made_anew_where_its_files_are_not_as_they_were(
        noted, caplog, harm, counts, said):
    harm(noted / "out")
    with caplog.at_level("INFO"):
        assert again(noted) == counts
    assert said in caplog.text and bool(said) == bool(caplog.messages)
    # The shards name their outputs as before, so none is removed.
    assert [(noted / f"{name}.out").exists() for name in "abc"] == [True] * 3


def test_outputs_that_a_shard_no_longer_names_are_removed(noted):
    rows = [dict(path=str(noted / name), label=1) for name in "c"]
    shards.write_shard((0, rows), out=str(noted / "out"), suffix=".csv", work=NOTING)
    assert [(noted / f"{name}.out").exists() for name in "abc"] == [False, True, True]


def test_a_file_that_was_touched_alone_keeps_its_shard_and_gets_its_new_time(noted):
    os.utime(noted / "a", (5, 5))
    assert again(noted) == []
    states = json.loads((noted / "out" / "part-000000.files.json").read_text())
    assert states[0][1]["mtime_ns"] == 5_000_000_000


def test_another_call_is_refused_by_all_that_differs(noted):
    with pytest.raises(files.InputError, match=(
            "plan.json was made with another suffix and rows_per_shard and settings")):
        list(shards.run(noted / "in.csv", noted / "out", WORK, suffix=".parquet"))
    shards.write_rows(noted / "same.csv", ("path", "label"), [])
    (noted / "same.csv").write_bytes((noted / "in.csv").read_bytes())
    assert list(shards.run(noted / "same.csv", noted / "out", NOTING,
                           rows_per_shard=2)) == []


def test_the_hash_of_a_table_tells_its_files_apart(tmp_path):
    for name, text in dict(a="x", b="yz", c="xy", d="z").items():
        (tmp_path / f"{name}.csv").write_text(text)
    first, second = (shards.bytes_hash(*(str(tmp_path / name) for name in names))
                     for names in (("a.csv", "b.csv"), ("c.csv", "d.csv")))
    assert first != second
    assert first == hashlib.sha256(b"x|yz|").hexdigest()


def test_without_its_package_parquet_and_a_cluster_are_refused(monkeypatch):
    monkeypatch.setattr(shards.distribution.importlib.util, "find_spec",
                        lambda name: None)
    for call, purpose, package in (
            (shards._parquet, "Parquet", "pyarrow"),
            (lambda: next(scheduling.on_dask(str, (), "tcp://a:1")), "--scheduler",
             "distributed")):
        with pytest.raises(files.InputError) as caught:
            call()
        assert str(caught.value) == (
            f"{purpose} needs the package {package}; install it with pip install "
            '"end2end-mammography[cluster]".')


def test_cells_of_a_table_keep_their_line_ends_and_columns_need_a_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(
        b'\xef\xbb\xbfpath,,label\r\n"a\r\nb",x,1\r\n\r\nc\r\n')
    assert list(shards.read_rows(tmp_path / "a.csv")) == [
        dict(path="a\r\nb", label="1"), dict(path="c", label="")]


def test_a_parquet_file_without_rows_has_columns_of_text(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    shards.write_rows(tmp_path / "a.parquet", ("a", "b"), [])
    schema = parquet.read_schema(tmp_path / "a.parquet")
    assert [(name, str(schema.field(name).type)) for name in schema.names] == [
        ("a", "string"), ("b", "string")]
