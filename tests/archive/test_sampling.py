"""Sampling in shards writes what the ordinary command writes."""

import contextlib
import dataclasses
import hashlib
import pathlib
import shutil
import tracemalloc

import cv2
import pytest

from ddsm_train import sample_patches_combined
from end2end import config
from end2end.archive import __main__ as program
from end2end.archive import roi_streamed, sampling, shards
from end2end.data.patches import roi_table
from end2end.utils import files
from tests.data.patches import test_sampling

FLAGS = ("--target-height", "400", "--patch-size", "48", "--nb-abn", "3", "--nb-bkg",
         "3", "--nb-hns", "2", "--val-size", "0.3", "--no-verbose")


def contents(folder):
    """Digest of every file below a folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def sampled(out, *more):
    program.main(["sample", *test_sampling.command(test_sampling.GOLDEN, out),
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


def test_a_mammogram_that_was_replaced_is_sampled_anew_and_old_patches_go(
        tmp_path, caplog):
    data = tmp_path / "data"
    shutil.copytree(test_sampling.GOLDEN, data)
    program_words = ["sample", *test_sampling.command(data, tmp_path), "--out",
                     str(tmp_path / "shards"), "--rows", "2", *FLAGS]
    program.main(program_words)
    before = contents(tmp_path / "train") | contents(tmp_path / "val")
    rows = list(shards.read_rows(tmp_path / "shards"))
    name = next(row for row in rows if not row["error"])
    word = "_".join(name[part] for part in ("patient", "laterality", "view"))
    (image,) = (data / "full").glob(f"{word}.*")
    pixels = cv2.imread(str(image), cv2.IMREAD_UNCHANGED)
    assert cv2.imwrite(str(image), pixels[::-1].copy())
    with caplog.at_level("INFO"):
        program.main(program_words)
    after = contents(tmp_path / "train") | contents(tmp_path / "val")
    changed = {path for path in before.keys() | after.keys()
               if before.get(path) != after.get(path)}
    assert changed and all(word in path for path in changed)
    assert "part-000000 is made anew" in caplog.text
    listed = {row["path"] for row in shards.read_rows(tmp_path / "shards")
              if not row["error"]}
    assert listed == {str(path) for part in ("train", "val")
                      for path in (tmp_path / part).rglob("*.png")}


def test_other_settings_are_refused(tmp_path):
    sampled(tmp_path)
    with pytest.raises(files.InputError, match="another settings"):
        sampled(tmp_path, "--nb-abn", "4")
    with pytest.raises(files.InputError, match="another settings"):
        program.main(["sample", *test_sampling.command(
            test_sampling.GOLDEN, tmp_path / "other"), "--out",
            str(tmp_path / "shards"), "--rows", "2", *FLAGS])


def uploaded(words):
    """The sampler's inputs and outputs in memory; the words that name them there."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    found = []
    for name, place in zip(("rois.csv", "masks", "patients.txt", "full"), words[:4],
                           strict=True):
        system.put(str(place), f"/study/v1.2/{name}", recursive=True)
        found.append(f"memory://study/v1.2/{name}")
    return system, [*found, "memory://study/out/train", "memory://study/out/val"]


@pytest.mark.slow
def test_urls_give_the_same_names_and_bytes(ordinary, tmp_path):
    system, words = uploaded(test_sampling.command(test_sampling.GOLDEN, tmp_path))
    program.main(["sample", *words, "--out", "memory://study/shards", "--rows", "2",
                  *FLAGS])
    out = tmp_path / "fetched"
    system.get("/study/out", str(out), recursive=True)
    assert contents(out / "train") | {
        f"val/{name}": mark for name, mark in contents(out / "val").items()} == ordinary
    rows = list(shards.read_rows("memory://study/shards"))
    assert all(row["path"].startswith("memory://study/out/") for row in rows
               if not row["error"])
    # What is missing is named by its URL, not by the copy that was wanted.
    missing = [row["error"] for row in rows if "Read image error" in row["error"]]
    assert missing and all("memory://study/v1.2/" in text for text in missing)


def test_file_urls_are_plain_paths(ordinary, tmp_path):
    words = test_sampling.command(test_sampling.GOLDEN, tmp_path)
    program.main(["sample", *(f"file://{pathlib.Path(word).absolute()}"
                              for word in words), "--out", str(tmp_path / "shards"),
                  *FLAGS])
    assert contents(tmp_path / "train") | {
        f"val/{name}": mark for name, mark in contents(
            tmp_path / "val").items()} == ordinary


def test_a_folder_that_is_not_there_is_refused_before_any_work(tmp_path):
    pytest.importorskip("fsspec")
    words = test_sampling.command(test_sampling.GOLDEN, tmp_path)
    words[3] = "memory://nowhere/full"
    with pytest.raises(files.InputError, match="image folder memory://nowhere/full"):
        program.main(["sample", *words, "--out", str(tmp_path / "shards")])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_table_is_not_held_in_memory(tmp_path):
    masks, full = tmp_path / "mask", tmp_path / "full"
    peaks = []
    for patients in (500, 20_000):
        table = tmp_path / f"{patients}.csv"
        ids = [f"P_{number:05d}" for number in range(patients)]
        table.write_text("patient_id,side,view,abn_num,pathology,type\n" + "".join(
            f"{one},LEFT,CC,{k},{'MALIGNANT' if i % 3 else 'BENIGN'},mass\n"
            for i, one in enumerate(ids) for k in (1, 2, 3)))
        (tmp_path / "ids.txt").write_text("\n".join(ids[:50]))
        for folder in (masks, full):
            folder.mkdir(exist_ok=True)
        sources = roi_table.Sources(*map(str, (
            table, masks, tmp_path / "ids.txt", full)))
        outs = str(tmp_path / "train"), str(tmp_path / "val")
        tracemalloc.start()
        with roi_streamed.planned(sources, outs, config.SamplingOptions()) as jobs:
            assert sum(len(job.rows) for job in jobs()) == 150
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The ids of 20,000 women take 2 MB; their rows as dicts would take 40.
    assert peaks[1] - peaks[0] < 5e6


def test_files_of_urls_are_fetched_named_as_before_and_uploaded(
        tmp_path, monkeypatch):
    stored = {"mem://in/a.png": b"image", "mem://in/m.png": b"mask"}

    @contextlib.contextmanager
    def local(name):
        if name not in stored:
            raise files.InputError(f"{name} is not there")
        (tmp_path / "fetched").write_bytes(stored[name])
        yield tmp_path / "fetched"

    @contextlib.contextmanager
    def replacing(name):
        yield tmp_path / "part"
        stored[name] = (tmp_path / "part").read_bytes()
    monkeypatch.setattr(sampling.storage, "local", local)
    monkeypatch.setattr(sampling.storage, "replacing", replacing)
    job = dataclasses.replace(
        sampling_job(tmp_path), image="mem://in/a.png",
        masks=("mem://in/m.png", "mem://in/none.png", tmp_path / "plain.png"),
        out="mem://out/train")
    with sampling.at_hand(job) as (here, as_named):
        assert pathlib.Path(here.image).read_bytes() == b"image"
        mask, none, plain = here.masks
        assert pathlib.Path(mask).read_bytes() == b"mask"
        assert not pathlib.Path(none).exists() and plain == tmp_path / "plain.png"
        assert as_named(f"{mask} and {here.image}") == "mem://in/m.png and mem://in/a.png"
        patch = pathlib.Path(here.out, "mass_mal", "p.png")
        patch.parent.mkdir(parents=True)
        patch.write_bytes(b"patch")
        assert sampling.uploaded(patch, here, job) == (
            "mem://out/train/mass_mal/p.png", "mass_mal")
    assert stored["mem://out/train/mass_mal/p.png"] == b"patch"
    assert not patch.exists()
    plain = dataclasses.replace(job, image=tmp_path / "a.png", masks=(), out=tmp_path)
    with sampling.at_hand(plain) as (here, as_named):
        assert here == plain and as_named("mem") == "mem"
        assert sampling.uploaded(tmp_path / "calc_ben" / "q.png", here, plain) == (
            str(tmp_path / "calc_ben" / "q.png"), "calc_ben")


def sampling_job(tmp_path):
    return roi_table.Job(**{
        field.name: None for field in dataclasses.fields(roi_table.Job)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING})


def test_rows_are_of_patches_and_problems_and_the_first_has_the_files(
        tmp_path, monkeypatch):
    monkeypatch.setattr(
        sampling.patch_sampling, "sample_image", lambda job, options, seed:
        sampling.patch_sampling.Outcome(
            paths=[job.out / "mass_mal" / f"{job.name}_{seed}.png"] * 2,
            problems=[f"{job.image} is black"]))
    known, jobs = dict(patient="P", laterality="L"), []
    for view in ("CC", "MLO"):
        jobs.append(dataclasses.replace(
            sampling_job(tmp_path), key=("P", "L", view, "2"), out=tmp_path, masks=(),
            image=tmp_path / f"{view}.png"))
    rows = sampling.sample_rows(jobs, options=None, seed=7)
    states = [[(str(job.image), None) for job in jobs], *[None] * 5]
    assert [row.pop(shards.SOURCES, None) for row in rows] == states
    assert rows == [dict(known, view=job.key[2], **facts) for job in jobs for facts in (
        *[dict(path=str(tmp_path / "mass_mal" / f"{job.name}_7.png"),
               label="mass_mal")] * 2, dict(error=f"{job.image} is black"))]
