"""Shards, storage, schedulers and streamed evaluation of archives."""

import os
import pathlib
import signal
import time

import dask_cluster
import numpy as np
import pytest

from end2end import metrics
from end2end.archive import __main__ as program
from end2end.archive import shards, storage, streamed
from end2end.archive import work as archive_work
from end2end.utils import files


def write_manifest(path, count):
    shards.write_rows(path, ("path", "label"), [
        dict(path=f"image-{k}.png", label=k % 2) for k in range(count)])


def doubled(rows):
    return [dict(row, twice=row["path"] * 2) for row in rows]


WORK = shards.Work(doubled, ("path", "twice"), {"task": "doubled"})


def slowly(rows):
    time.sleep(0.4)
    return doubled(rows)


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
    found = list(shards.read_rows(out))
    assert [row["path"] for row in found] == [f"image-{k}.png" for k in range(25)]
    assert found[3]["twice"] == "image-3.pngimage-3.png"
    assert list(shards.run(table, out, WORK, rows_per_shard=10, suffix=suffix)) == []


def test_a_second_call_writes_only_the_missing_shard(tmp_path):
    write_manifest(tmp_path / "in.csv", 30)
    list(shards.run(tmp_path / "in.csv", tmp_path / "out", WORK, rows_per_shard=10))
    kept = tmp_path / "out/part-000000.csv"
    before = kept.stat().st_mtime_ns
    (tmp_path / "out/part-000001.csv").unlink()
    again = shards.run(tmp_path / "in.csv", tmp_path / "out", WORK, rows_per_shard=10)
    assert list(again) == [10]
    assert kept.stat().st_mtime_ns == before
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


def test_an_address_without_scheduler_is_refused(tmp_path):
    pytest.importorskip("distributed")
    write_manifest(tmp_path / "in.csv", 2)
    with pytest.raises(files.InputError, match="no Dask scheduler"):
        list(shards.run(tmp_path / "in.csv", tmp_path / "out", WORK,
                        scheduler="tcp://127.0.0.1:9"))


def test_streamed_auc_is_within_its_bound_of_the_exact_one(tmp_path):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 3000)
    values = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    shards.write_rows(tmp_path / "scores.csv", ("label", "score"), [
        dict(label=a, score=b) for a, b in zip(labels, values, strict=True)])
    found = streamed.describe(tmp_path / "scores.csv", runs=300)
    exact = metrics.auc(labels, values)
    assert abs(found["auc"] - exact) <= found["auc_error_at_most"] + 1e-12
    assert found["auc_error_at_most"] < 1e-3
    assert (found["rows"], found["positive"]) == (3000, labels.sum())
    np.testing.assert_allclose(
        found["auc_interval"], metrics.auc_interval(labels, values, runs=300),
        atol=0.005)


def test_preparing_writes_16_bit_images_and_names_the_unreadable(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 60), 255, np.uint8))
    shards.write_rows(tmp_path / "in.csv", ("path",), [
        dict(path="a.png"), dict(path=tmp_path / "none.png")])
    program.main(["prepare", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out"),
                  "--size", "64", "48"])
    good, bad = shards.read_rows(tmp_path / "out")
    made = cv2.imread(good["path"], cv2.IMREAD_UNCHANGED)
    assert made.shape == (64, 48)
    assert made.dtype == np.uint16
    assert made.min() == 65535
    assert "does not exist" in bad["error"]


@pytest.mark.parametrize("content, reason", [
    ("path,label\n", "has no rows"), ("", "has no rows"),
    ("picture,label\na.png,1\n", "has no path")])
def test_what_is_no_manifest_is_refused_before_anything_is_written(
        tmp_path, content, reason):
    (tmp_path / "in.csv").write_text(content)
    with pytest.raises(files.InputError, match=reason):
        program.main(["prepare", str(tmp_path / "in.csv"),
                      "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("table, path, expected", [
    ("s3://bucket/v1.2", "a.png", "s3://bucket/v1.2/a.png"),
    ("s3://bucket/v1.2/in.csv", "a.png", "s3://bucket/v1.2/a.png"),
    ("s3://bucket/in.parquet", "/a.png", "/a.png"),
    ("s3://bucket/in.csv", "gs://other/a.png", "gs://other/a.png")])
def test_relative_paths_start_from_the_folder_of_the_manifest(table, path, expected):
    assert storage.beside(table, path) == expected


def test_one_row_in_shards_of_many_and_a_folder_with_an_empty_part(tmp_path):
    (tmp_path / "in").mkdir()
    write_manifest(tmp_path / "in/part-0.csv", 0)
    write_manifest(tmp_path / "in/part-1.csv", 1)
    assert list(shards.run(tmp_path / "in", tmp_path / "out", WORK)) == [1]
    assert [row["path"] for row in shards.read_rows(tmp_path / "out")] == [
        "image-0.png"]


def test_archive_scores_equal_those_of_the_ordinary_path(tmp_path):
    import cv2
    import tiny_networks

    from end2end import checkpoints, config, prediction

    model = tiny_networks.flat_network()
    checkpoints.save_model(model, tmp_path / "m.h5", dict(
        format=1, kind="whole_image", classes=["neg", "pos"],
        images=config.to_dict(config.ImageOptions(size=(8, 8)))))
    rng, rows = np.random.default_rng(2), []
    for k in range(7):
        path = tmp_path / f"P_{k}_LEFT_CC.png"
        cv2.imwrite(str(path), rng.integers(0, 255, (9, 9), np.uint8))
        rows.append(dict(path=path.name))
    found = archive_work.score_rows(
        rows, table=str(tmp_path / "in.csv"), models=(str(tmp_path / "m.h5"),),
        flips=True, batch_size=3)
    loaded = checkpoints.load_classifier(tmp_path / "m.h5")
    paths = [tmp_path / row["path"] for row in rows]
    wanted = prediction.predict(loaded, paths, flips=True)
    np.testing.assert_allclose(
        [float(row["score"]) for row in found], wanted[:, 1], rtol=1e-6)
    assert (found[3]["patient"], found[3]["laterality"]) == ("P_3", "L")


def test_a_killed_dask_worker_loses_and_repeats_no_image(tmp_path):
    write_manifest(tmp_path / "in.csv", 100)
    work = shards.Work(slowly, WORK.columns, WORK.settings)
    root = pathlib.Path(__file__).parents[2]
    paths = f"{root}:{root / 'tests/helpers'}"
    with dask_cluster.running(tmp_path, PYTHONPATH=paths) as (address, started):
        counts = dask_cluster.with_a_kill(shards.run(
            tmp_path / "in.csv", tmp_path / "out", work, rows_per_shard=5,
            scheduler=address), started)
    assert sum(counts) == 100
    found = [row["path"] for row in shards.read_rows(tmp_path / "out")]
    assert found == [f"image-{k}.png" for k in range(100)]


def die(rows):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_ends_the_call_with_what_to_do(tmp_path):
    write_manifest(tmp_path / "in.csv", 5)
    work = shards.Work(die, WORK.columns, WORK.settings)
    with pytest.raises(OSError, match="call the command again"):
        list(shards.run(tmp_path / "in.csv", tmp_path / "out", work, workers=2))
