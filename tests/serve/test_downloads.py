"""What the views of a browser can be taken away as."""

import dataclasses
import io
import types
import zipfile

import cv2
import numpy as np
import pytest
import tiny_classifier

from end2end import checkpoints
from end2end.serve import browsers, downloads, scoring
from end2end.utils import files


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloads")
    scorer = scoring.Scorer([checkpoints.load_classifier(
        tiny_classifier.save(folder / "best.h5"))], folder=folder)
    browser = browsers.Browser(folder / "one")
    for name, seed in (("P_1_LEFT_CC.png", 1), ("P_1_RIGHT_CC.png", 2)):
        data = cv2.imencode(".png", tiny_classifier.picture(seed))[1].tobytes()
        scorer.score(name, data, "", browser)
    return scorer, browser


def test_the_report_hangs_the_views_of_an_exam_together(scored):
    page = downloads.page(*scored).decode()
    assert page.count('"exam": "P_1"') == 2 and '"groups": ["Breast: score' in page


def test_the_maps_of_a_view_say_what_their_colours_mean(scored):
    scorer, browser = scored
    view = next(iter(browser.views.values()))
    explained = downloads.explained_view(scorer, browser, view)
    assert explained.score == pytest.approx(view.facts["score"])
    assert all("no scale from validation" in text
               for text in explained.legends.values())
    assert np.array_equal(explained.source, (80, 60))
    # Of several models the maps are of the first, and so is their scale.
    (other,) = scorer.classifiers
    first = dataclasses.replace(other, card=other.card | dict(map_scales=dict(
        scales=dict(guided=0.5, gradcam=2.0), percentile=95, images=9, source="a set",
        flips=False)))
    several = types.SimpleNamespace(
        classifiers=[first, other], patch=None, map_scale="model")
    explained = downloads.explained_view(several, browser, view)
    assert all("percentile 95 (a set, 9 images)" in text
               for text in explained.legends.values())
    with zipfile.ZipFile(io.BytesIO(downloads.pictures(several, browser))) as archive:
        assert b"(a set, 9 images)" in archive.read("legend.txt")


def test_views_without_results_are_named_in_the_archive(scored, monkeypatch):
    scorer, browser = scored
    written, checked = [], []

    def write(targets, result):
        written.append((result.number, result.frame, result.row["path"]))
        assert targets["report"].parent.parent == browser.folder
        assert result.models == ("model best, trained on random weights, no data",)
        assert result.shown == downloads.methods.pictures(None)
        view = next(view for view in with_sources.views.values()
                    if view.source == result.row["path"])
        assert result.row == dict(scorer.cells(view), path=view.source)
        assert result.row["laterality"] == view.name.split("_")[2][0]
        if len(written) == 2:
            raise files.InputError(f"{result.row['path']} refers to nothing.")
        targets["report"].write_bytes(b"report")
    monkeypatch.setattr(downloads.dicom_results, "write", write)
    monkeypatch.setattr(downloads.dicom_results, "check", lambda: checked.append(1))
    monkeypatch.setattr(downloads, "explained_view", lambda *words: None)
    with_sources = types.SimpleNamespace(folder=browser.folder, views={
        name: dataclasses.replace(view, source=f"upload-{number}.dcm",
                                  frame=(4, None)[number])
        for number, (name, view) in enumerate(browser.views.items())})
    data = downloads.dicom(scorer, with_sources)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["P_1_LEFT_CC.report.dcm", "without-results.txt"]
        assert archive.read("without-results.txt") == (
            b"P_1_RIGHT_CC.png refers to nothing.\n")
    assert checked == [1]
    assert written == [(1, 4, "upload-0.dcm"), (2, None, "upload-1.dcm")]
