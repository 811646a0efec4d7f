"""The demo's walk: commands that follow each other, with one seed."""

import pathlib
import threading
import types

import pytest
import recorded

from ddsm_train import image_clf_train, patch_clf_train
from ddsm_train.pipeline import walk
from end2end.config import training_command

OUT = pathlib.Path("out")


def test_the_classes_of_the_patches_are_five():
    assert len(walk.CLASSES) == 5


def test_each_step_reads_what_the_one_before_it_made(monkeypatch):
    performed = []
    monkeypatch.setattr(walk, "perform", lambda step, out, log: performed.append(step)
                        or dict(name=step.name))
    records = walk.walk_steps(
        walk.data_steps(OUT, walk.SCALES["tiny"], 7), OUT, after="before")
    assert [record["name"] for record in records] == [
        "phantoms", "prepare", "sample", "sample-test"]
    assert [step.after for step in performed] == [
        ("before",), ("phantoms",), ("prepare",), ("sample",)]


@pytest.mark.parametrize("scale", walk.SCALES)
def test_the_commands_of_training_parse_and_share_seed_and_mean(scale):
    scale = walk.SCALES[scale]
    common = walk.model_flags(7, 41.5)
    programs = [(patch_clf_train, walk.patch_steps(OUT, scale, common)),
                (image_clf_train, walk.image_steps(OUT, scale, common))]
    for program, steps in programs:
        for step in steps:
            _, images, model, training = training_command.parse(
                program.parser(), list(map(str, step.command[1:])), {})
            assert (training.seed, images.pixel_mean) == (7, 41.5)
            assert model.backbone == "yaroslav"


def test_the_image_stage_starts_from_the_patch_stage_and_the_baseline_from_nothing():
    image, baseline = walk.image_steps(OUT, walk.SCALES["full"], ())
    words = list(map(str, image.command))
    assert words[words.index("--patch-model-state") + 1] == "out/patch/best.h5"
    assert "--no-patch-model-state" in baseline.command
    # Both train all layers in five epochs; the new layers are trained in one before.
    epochs = [[step.command[step.command.index(flag) + 1] for flag in (
        "--nb-epoch", "--all-layer-epochs")] for step in (image, baseline)]
    assert epochs == [[1, 6], [5, 5]]


def test_all_commands_of_the_walk_are_as_recorded():
    rows = []
    for name, scale in walk.SCALES.items():
        common = walk.model_flags(7, 41.5)
        steps = [*walk.data_steps(OUT, scale, 7), *walk.patch_steps(OUT, scale, common),
                 *walk.image_steps(OUT, scale, common),
                 *(walk.score_step(OUT, network) for network in walk.NETWORKS),
                 walk.saliency_step(OUT)]
        rows += [f"{name} {step.name}: {step.title}: " + " ".join(
            map(str, step.command)) for step in steps]
    recorded.check("walk", "\n".join(rows))


def test_the_baseline_runs_beside_the_chain_of_the_patch_stage(
        tmp_path, monkeypatch, capsys):
    chains, lock = [], threading.Event()

    def walk_steps(chain, out, *, after=None, log=None):
        names = [step.name for step in chain]
        chains.append((names, out == tmp_path, after, log and log.name))
        if "baseline" in names:
            assert lock.wait(60)
        elif after:
            lock.set()
        else:
            (tmp_path / "data").mkdir()
            (tmp_path / "data" / "census.json").write_text('{"pixel_mean": 41.5}')
        return [dict(name=name) for name in names]
    monkeypatch.setattr(walk, "walk_steps", walk_steps)
    monkeypatch.setattr(walk, "model_flags", lambda seed, mean: [seed, mean])
    monkeypatch.setattr(walk.pipeline.demo_report, "write", lambda *values: values)
    scale = walk.SCALES["tiny"]
    out, shown, records, (trained, compared) = walk.run(tmp_path, scale, seed=7)
    assert (out, shown) == (tmp_path, scale)
    last = records[-1]["name"]
    assert chains[0] == ([record["name"] for record in records], True, None, None)
    assert sorted(chains[1:], key=str) == sorted([
        ([record["name"] for record in compared], True, last, "baseline.log.txt"),
        ([record["name"] for record in trained], True, last, None)], key=str)
    assert [record["name"] for record in compared] == [
        "baseline", "evaluate-baseline"]
    assert [record["name"] for record in trained][-3:] == [
        "image", "evaluate-image", "saliency"]


@pytest.mark.parametrize("done", [True, False])
def test_a_baseline_that_is_not_done_is_waited_for_which_is_said(
        tmp_path, monkeypatch, capsys, done):
    class Executor:
        def __init__(self, threads):
            assert threads == 1

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, function, *words, **more):
            return types.SimpleNamespace(
                done=lambda: done, result=lambda: function(*words, **more))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "census.json").write_text('{"pixel_mean": 41.5}')
    monkeypatch.setattr(walk.futures, "ThreadPoolExecutor", Executor)
    monkeypatch.setattr(walk, "walk_steps", lambda chain, out, **how: [
        dict(name=step.name) for step in chain])
    monkeypatch.setattr(walk.pipeline.demo_report, "write", lambda *values: values)
    *_, (_, compared) = walk.run(tmp_path, walk.SCALES["tiny"], seed=7)
    assert compared[-1] == dict(name="evaluate-baseline")
    assert capsys.readouterr().out == (
        "" if done else "\n== Waiting for the baseline\n")
