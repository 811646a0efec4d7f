"""What the page shows of a file, and what can be taken away of it."""

import base64
import io
import json
import re
import types
import zipfile

import cv2
import dicom_writer
import numpy as np
import pytest
import recorded
import run_files
import saved_models
import tiny_classifier

from end2end import checkpoints
from end2end.serve import browsers, downloads, scoring
from end2end.utils import files


def test_a_picture_is_kept_at_its_size_with_its_brightest_pixel_as_white():
    kept = scoring.kept_picture(np.arange(12, dtype=np.uint16).reshape(4, 3) * 10)
    np.testing.assert_array_equal(
        kept, np.rint(np.arange(12).reshape(4, 3) / 11 * 65535))
    assert kept.dtype == np.uint16


def test_a_picture_larger_than_any_screen_shows_is_kept_smaller(monkeypatch):
    monkeypatch.setattr(scoring, "LARGEST_SIDE", 1400)
    assert scoring.kept_picture(np.ones((2800, 700), np.uint8)).shape == (1400, 350)


def test_an_empty_picture_is_black():
    assert scoring.kept_picture(np.zeros((4, 3), np.uint16)).max() == 0
    below = np.array([[-5, 10], [0, 5]], np.int16)
    assert scoring.kept_picture(below).tolist() == [[0, 65535], [0, 32768]]


@pytest.mark.parametrize("frame", ["one", "-1", "1.5", "9" * 5000, "\u0663"])
def test_a_frame_that_is_no_number_is_refused_before_anything_is_read(frame):
    with pytest.raises(files.InputError) as caught:
        scoring.Scorer([]).score("a.png", b"", frame, None)
    assert str(caught.value) == f"frame {frame[:20]} is no number; expected 0, 1, ..."


@pytest.mark.parametrize("change", [
    dict(left="0.8"), dict(left="0.75"), dict(left="-0.1"), dict(top="-0.1"),
    dict(top="0.75"), dict(top="0.8"), dict(top="x"), dict(bottom="1.1"),
    dict(right="1.1"), dict(right="nan"), dict(rows="0"), dict(rows="-1"),
    dict(rows="1.5"), dict(rows=""), dict(rows="9" * 5000), dict(rows=None)])
def test_what_is_no_part_of_a_picture_is_refused(change):
    question = dict(left="0.25", top="0.5", right="0.75", bottom="0.75", rows="20")
    question = {name: value for name, value in (question | change).items()
                if value is not None}
    with pytest.raises(files.InputError) as caught:
        scoring.part(question, (80, 60))
    assert str(caught.value) == scoring.PART


@pytest.mark.parametrize(("question", "expected"), [
    ((0, 0, 1, 1, 1), ((0, 0, 60, 80), 1)),
    ((0.25, 0.5, 0.751, 0.75, 20), ((15, 40, 46, 60), 31)),
    ((0.26, 0.51, 0.5, 0.75, 3), ((15, 40, 30, 60), 3)),
    ((0, 0, 1, 0.5, 9999), ((0, 0, 60, 40), 4000))])
def test_a_part_has_whole_pixels_and_no_more_than_are_needed(question, expected):
    assert scoring.part(dict(zip(
        ("left", "top", "right", "bottom", "rows"), map(str, question), strict=True)),
        (80, 60)) == expected
    assert scoring.part({}, (80, 60)) == ((0, 0, 60, 80), scoring.FIRST_SIDE)


def test_the_page_says_what_each_model_was_trained_on(monkeypatch):
    monkeypatch.setattr(scoring.operating, "of_models", lambda classifiers, **how: None)
    about = scoring.Scorer([types.SimpleNamespace(name=name, card=card) for name, card
                            in (("a", {}), ("b", dict(trained_on="phantoms")))]).about()
    assert about["trained_on"] == ["unknown data", "phantoms"]
    assert (about["models"], about["operating"]) == (["a", "b"], None)


def readable(answer):
    """An answer as text, its pictures as what tells them apart."""
    layers = [dict(layer, image=recorded.picture(cv2.imdecode(np.frombuffer(
        base64.b64decode(layer["image"].partition(",")[2]), np.uint8), -1)))
        for layer in answer["layers"]]
    return lines(dict(answer, layers=layers))


def lines(values):
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in values.items())


def zipped(content, folder):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    return recorded.folder(folder)


@pytest.mark.parametrize("alone", [True, False])
def test_all_that_the_page_gives_is_as_recorded(tmp_path, alone):
    card = dict(run_files.CARD, format=1, operating_points=[
        dict(row, scheme="flips") for row in run_files.CARD["operating_points"]])
    for name in ("images", "classes", "kind", "model", "training", "metrics"):
        del card[name]
    paths = [tiny_classifier.save(tmp_path / "a.h5", seed=10, **card),
             tiny_classifier.save(tmp_path / "b.h5", seed=11)]
    patch = saved_models.patch_model(tmp_path / "patch.h5")
    scorer = scoring.Scorer(
        [checkpoints.load_classifier(path) for path in paths[:1 if alone else 2]],
        None if alone else checkpoints.load_classifier(patch), flips=alone,
        key=bytes(range(32)), folder=tmp_path / "served", refuse_unfit=alone,
        map_scale="image" if alone else "model")
    browser = browsers.Browser(tmp_path / "browser")
    tags = dict(SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2", ViewPosition="MLO",
                ImageLaterality="R", PatientID="7", StudyDate="20200102", BitsStored=16,
                HighBit=15, PixelSpacing=[0.2, 0.2])
    stack = np.stack([tiny_classifier.picture(seed) for seed in (2, 3)])
    said, marks = [lines(scorer.about() | dict(colours=None))], {}
    for name, content, frame in (
            ("in/P_1 é_LEFT_CC.png", cv2.imencode(
                ".png", tiny_classifier.picture(1))[1].tobytes(), ""),
            ("P_1_RIGHT_CC.png", cv2.imencode(
                ".png", np.full((90, 70), 7, np.uint8))[1].tobytes(), ""),
            ("a.dcm", dicom_writer.write(
                tmp_path / "a.dcm", stack[0], SOPInstanceUID="1.2.4",
                **tags).read_bytes(), ""),
            ("a.dcm", dicom_writer.write(
                tmp_path / "b.dcm", stack, NumberOfFrames=2, SOPInstanceUID="1.2.5",
                **tags).read_bytes(), "1")):
        try:
            answer = scorer.score(name, content, frame, browser)
            marks[f"MARK{len(marks)}"] = answer["mark"]
            said.append(readable(answer))
        except files.InputError as error:
            said.append(str(error))
    said += map(readable, scorer.results(browser))
    said.append(lines(scorer.session.account(list(marks.values()), [])))
    view = list(browser.views.values())[-1]
    for part in ({}, dict(left=0.1, top=0.25, right=0.9, bottom=0.5, rows=15)):
        content, headers = scorer.picture(browser, view.id, part)
        said.append(f"{headers} {recorded.picture(np.frombuffer(content, '<u2'))}")
    said += [zipped(downloads.pictures(scorer, browser), tmp_path / "pictures"),
             re.sub(r"base64,([\w+/=]{12})[\w+/=]*", r"base64,\1", re.sub(
                 r"<(style|script)>.*?</\1>|sha256-[^']*", "",
                 downloads.page(scorer, browser).decode(), flags=re.DOTALL))]
    recorded.check(f"page-{'alone' if alone else 'several'}", "\n".join(said), {
        **marks, "FOLDER": tmp_path})
