"""Sampling in shards writes what the ordinary command writes."""

import hashlib

import pytest
import test_sampling

from ddsm_train import sample_patches_combined
from end2end import archive, files, shards

FLAGS = ("--target-height", "400", "--patch-size", "48", "--nb-abn", "3", "--nb-bkg",
         "3", "--nb-hns", "2", "--val-size", "0.3", "--no-verbose")


def contents(folder):
    """Digest of every file below a folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def sampled(out, *more):
    archive.main(["sample", *test_sampling.command(test_sampling.GOLDEN, out),
                  "--out", str(out / "shards"), "--rows", "2", *FLAGS, *more])
    return contents(out / "train") | {
        f"val/{name}": mark for name, mark in contents(out / "val").items()}


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """Files of the ordinary command."""
    out = tmp_path_factory.mktemp("ordinary")
    sample_patches_combined.main([*test_sampling.command(
        test_sampling.GOLDEN, out), *FLAGS])
    return contents(out / "train") | {
        f"val/{name}": mark for name, mark in contents(out / "val").items()}


@pytest.mark.parametrize("more", [(), ("--workers", "2"), ("--format", "parquet")])
def test_shards_give_the_same_names_and_bytes(ordinary, tmp_path, more):
    if "parquet" in more:
        pytest.importorskip("pyarrow")
    assert sampled(tmp_path, *more) == ordinary
    rows = list(shards.read_rows(tmp_path / "shards"))
    found = {row["path"] for row in rows if not row["error"]}
    there = {str(path) for part in ("train", "val")
             for path in (tmp_path / part).rglob("*.png")}
    assert found == there
    # One full image and some masks of the data set are missing on purpose.
    assert any("Read image error" in row["error"] for row in rows)
    assert {row["label"] for row in rows if row["path"]} <= {
        "background", "calc_mal", "calc_ben", "mass_mal", "mass_ben"}


def test_a_second_call_makes_only_the_missing_shard(ordinary, tmp_path, capsys):
    sampled(tmp_path)
    (tmp_path / "shards" / "part-000001.csv").unlink()
    lost = next(iter(sorted((tmp_path / "train").rglob("*.png"))))
    capsys.readouterr()
    assert sampled(tmp_path) == ordinary
    assert "2 mammograms done in this call" in capsys.readouterr().out
    assert lost.exists()


def test_other_settings_are_refused(tmp_path):
    sampled(tmp_path)
    with pytest.raises(files.InputError, match="another settings"):
        sampled(tmp_path, "--nb-abn", "4")


def test_a_url_is_refused_before_any_work(tmp_path):
    words = test_sampling.command(test_sampling.GOLDEN, tmp_path)
    words[4] = "s3://bucket/train"
    with pytest.raises(files.InputError, match="s3://bucket/train: sampling reads"):
        archive.main(["sample", *words, "--out", str(tmp_path / "shards")])
    assert not list(tmp_path.iterdir())
