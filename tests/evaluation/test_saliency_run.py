"""Saliency of a set: which images, what is drawn again, the table of hits."""

import argparse
import dataclasses
import json
import types

import numpy as np
import pytest
import recorded
import saved_models

from end2end import config
from end2end.data import image_lists, rois
from end2end.evaluation import saliency_run
from end2end.explanation import maps
from end2end.reports import report
from end2end.tables.identity import Identity
from end2end.utils import files


def listed(labels):
    return image_lists.ImageList(
        tuple(f"{i}.png" for i in range(len(labels))), np.array(labels), ("neg", "pos"))


def test_of_a_limit_each_class_has_an_equal_share():
    images = saliency_run.first(listed([0, 0, 0, 1, 1]), 4)
    assert images.paths == ("0.png", "1.png", "3.png", "4.png")
    assert images.labels.tolist() == [0, 0, 1, 1]
    plain = image_lists.ImageList(("a.png", "b.png", "c.png"), None, ("neg", "pos"))
    for count, paths in ((2, ("a.png", "b.png")), (9, plain.paths)):
        chosen = saliency_run.first(plain, count)
        assert (chosen.paths, chosen.labels) == (paths, None)
        assert chosen.classes == ("neg", "pos")


@pytest.fixture
def arguments(tmp_path):
    saved_models.write_images(tmp_path / "test", women=2)
    return argparse.Namespace(
        model=str(saved_models.whole_image_model(tmp_path / "best.h5")),
        images=str(tmp_path / "test"), out=str(tmp_path / "out"), method=["gradcam"],
        flips=False, cutoff=0.06, scale="image", rois=None, tolerance=0.03,
        patch_model=None, patch_class_list=(), patch_output="probabilities", limit=2)


def test_other_settings_have_the_maps_drawn_again(arguments, tmp_path, monkeypatch):
    vars(arguments).update(cutoff=0, tolerance=0)
    job = saliency_run.plan(arguments, {})
    bars = []
    monkeypatch.setattr(saliency_run.tqdm, "tqdm", lambda rows, **how: (
        bars.append(how), rows)[1])
    asked = []
    with monkeypatch.context() as patched:
        patched.setattr(saliency_run.maps, "pointing_rows", lambda *_, **how: (
            asked.append(how) or []))
        results = saliency_run.run(job)
    assert asked == [dict(tolerance=0)] * 2
    assert bars == [dict(disable=None, unit=" images", desc="drawing")]
    assert not (tmp_path / "out" / "pointing.csv").exists()
    assert results["images"] == 2 and results["failed"] == {}
    saved = sorted((tmp_path / "out" / "maps").glob("*.npz"))
    stamps = [path.stat().st_mtime_ns for path in saved]
    saliency_run.run(saliency_run.plan(arguments, {}))
    assert [path.stat().st_mtime_ns for path in saved] == stamps
    arguments.method = ["guided"]
    saliency_run.run(saliency_run.plan(arguments, {}))
    assert [path.stat().st_mtime_ns for path in saved] != stamps
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("changes, message", [
    (dict(method=["heatmap"]), "--method heatmap and --patch-model"),
    (dict(cutoff=1.0), "--cutoff and --tolerance"), (dict(tolerance=-0.1), "shares"),
    (dict(cutoff=-0.1), "shares; expected numbers from 0, below 1"),
    (dict(tolerance=1), "shares"), (dict(model="none.h5"), "model none.h5"),
    (dict(method=["heatmap"], patch_model="gone.h5"), "patch model gone.h5")])
def test_what_cannot_be_drawn_is_refused_before_any_work(arguments, changes, message):
    vars(arguments).update(changes)
    with pytest.raises(files.InputError, match=message):
        saliency_run.plan(arguments, {})


def test_a_plan_holds_what_was_typed_and_the_maps_know_all_they_depend_on(
        arguments, tmp_path, monkeypatch):
    patch_images = config.ImageOptions(size=(16, 12))
    patch = types.SimpleNamespace(images=patch_images, classes=("a", "b_mal"))
    (tmp_path / "patch.h5").write_text("patch")
    (tmp_path / "o.json").write_text('{"size": [4, 3], "images": {}}')
    monkeypatch.setattr(saliency_run.patch_maps, "load", lambda _: patch)
    vars(arguments).update(
        method=["guided", "heatmap", "guided"], flips=True, cutoff=0.25, scale="set",
        patch_model=str(tmp_path / "patch.h5"), limit=None, tolerance=0.125,
        rois=str(tmp_path / "o.json"))
    monkeypatch.setattr(saliency_run.drawing, "gradients_of", lambda *asked: asked)
    job = saliency_run.plan(arguments, dict(pixel_mean=7.0))
    assert job.options == maps.ExplainOptions(
        ("guided", "heatmap"), 0.25, patch, flips=True, gradients=(4, True))
    assert job.classifier.images.pixel_mean == 7 and len(job.images) == 4
    assert (job.common_scale, job.tolerance, job.out) == (True, 0.125, tmp_path / "out")
    assert job.find_regions("a.png", (4, 3)) == []
    assert job.signature == dict(
        version=saliency_run.VERSION, model=files.sha256(arguments.model),
        methods=("guided", "heatmap"), cutoff=0.25, flips=True,
        images=dataclasses.asdict(job.classifier.images),
        patch_model=files.sha256(tmp_path / "patch.h5"),
        patch_images=dataclasses.asdict(patch_images), patch_classes=["a", "b_mal"])


def test_the_table_has_the_titles_of_the_methods():
    hits = dict(images=4, hits=0.75, interval=(0.5, 1.0), chance=0.05,
                hits_in_breast=1.0, interval_in_breast=(1.0, 1.0), chance_in_breast=0.1,
                outside_breast=0.3)
    table = saliency_run.pointing_table({"gradcam": hits})
    assert table.rows == [("Grad-CAM", 4, 0.75,
                           "0.500 to 1.000 (few: 4 with cancer)", 0.05, 1.0,
                           "1.000 to 1.000", 0.1, 0.3)]


def test_pictures_cases_and_hits_of_a_set_are_as_recorded(
        arguments, tmp_path, monkeypatch):
    pages = []
    monkeypatch.setattr(report, "write_report", lambda *words, **facts: pages.append(
        (*words, facts)))
    arguments.method, arguments.scale, arguments.limit = ["gradcam", "guided"], "set", 4

    def find_regions(path, shape):
        # Of the images with cancer a corner, in one without the maximum of the maps,
        # and a benign half below.
        rows, columns = np.indices(shape)
        corner = (rows < shape[0] / 2) & (
            columns >= (12 if "CC" in str(path) else 20) * shape[1] / 32)
        return [rois.Region(corner, True), rois.Region(rows >= shape[0] / 2, False)
                ] if "pos" in str(path) else [rois.Region(corner, None)]
    job = dataclasses.replace(
        saliency_run.plan(arguments, {}), find_regions=find_regions)
    (tmp_path / "out" / "maps").mkdir(parents=True, exist_ok=True)
    broken = image_lists.ImageList((str(tmp_path / "none.png"), *job.images.paths),
                                   np.array([1, *job.images.labels]), ("neg", "pos"))
    results = saliency_run.run(dataclasses.replace(job, images=broken))
    ((_, sections, facts),) = pages
    cases = [[case.name, case.score, case.label, case.details, case.hanging,
              [dict(line, points=len(line["points"])) for line in case.lines],
              [(layer.name, layer.colours, layer.legend) for layer in case.layers]]
             for case in sections[-1].cases]
    text = json.dumps([results, facts, sections[:-1], sections[-1].caption, cases],
                      indent=1, default=recorded.plain)
    for path in (tmp_path / "out" / "maps").iterdir():
        path.unlink()   # numbers whose last bits differ between processors
    pictures = recorded.folder(tmp_path / "out")
    recorded.check("saliency-run", f"{text}\n{pictures}", dict(FOLDER=tmp_path))


@pytest.mark.parametrize(("card", "trained"), [
    ({}, "not recorded"), (dict(trained_on="12 films"), "12 films")])
def test_a_page_names_the_classes_of_the_model_and_its_data(
        tmp_path, monkeypatch, card, trained):
    pages = []
    monkeypatch.setattr(report, "write_report", lambda *words, **facts: pages.append(
        (*words, facts)))
    saliency_run.write_page(types.SimpleNamespace(
        out=tmp_path, classifier=types.SimpleNamespace(
            classes=("pos", "neg"), card=card)), ["a case"], {})
    (path, (heading, cases), facts), = pages
    assert (path, heading) == (tmp_path / "report.html", report.Heading("Images"))
    assert (cases.cases, cases.classes) == (["a case"], ("pos", "neg"))
    assert facts == dict(title="Saliency", trained_on=trained)


def test_images_of_nobody_hang_alone_and_an_exam_has_a_number_of_its_own(monkeypatch):
    shown = {"a": Identity("a", exam="e"), "b": Identity("b"), "c": Identity(
        "c", patient="p", laterality="L", view="CC"), "d": Identity("d", exam="e")}
    monkeypatch.setattr(saliency_run.images, "identify", shown.__getitem__)
    exams, grey = {}, np.zeros((4, 3), np.uint8)
    hung = [saliency_run.hung(maps.Explained(name, grey, 0.5, {}), exams)
            for name in shown]
    assert [one.exam for one in hung] == ["exam 1", "", "exam 2", "exam 1"]
    assert (hung[2].side, hung[2].view) == ("L", "CC")
    assert saliency_run.common_scale([]) == 0
