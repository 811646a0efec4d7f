"""Pictures of scored mammograms: what is asked for, what is there already."""

import dataclasses
import types

import cv2
import pytest
import saved_models

from end2end import checkpoints, images
from end2end.reports import prediction_pictures, report
from end2end.utils import files

ROW = dict(score="0.5", label="", patient="", laterality="", view="", calibrated="",
           flags="", notes="")


@pytest.fixture
def classifiers(tmp_path):
    return [checkpoints.load_classifier(
        saved_models.whole_image_model(tmp_path / "best.h5"))]


@pytest.fixture
def row(tmp_path):
    saved_models.write_images(tmp_path / "images", women=1)
    return dict(ROW, path=str(sorted((tmp_path / "images").rglob("*.png"))[0]))


def test_pictures_are_made_once_in_the_colours_of_their_methods(
        tmp_path, classifiers, row):
    request = prediction_pictures.PictureRequest(overlay=tmp_path / "out")
    prediction_pictures.check(request)
    assert prediction_pictures.make([row], classifiers, request) == []
    paths = sorted((tmp_path / "out").glob("*.png"))
    assert [path.name.split(".")[-2] for path in paths] == ["heatmap", "saliency"]
    assert cv2.imread(str(paths[0])).shape[:2] == saved_models.SIZE
    assert "not where a lesion is" in (tmp_path / "out" / "legend.txt").read_text()
    stamps = [path.stat().st_mtime_ns for path in paths]
    prediction_pictures.make([row], classifiers, request)
    assert [path.stat().st_mtime_ns for path in paths] == stamps


def test_the_picture_that_was_scored_is_drawn_whatever_else_its_file_holds(
        classifiers, row, monkeypatch):
    read = images.read

    def second(path, frame):
        image = read(path)
        return dataclasses.replace(image, pixels=image.pixels[:-frame])

    monkeypatch.setattr(images, "read", second)
    explained = prediction_pictures.explained_row(
        row, classifiers[0], prediction_pictures.PictureRequest(frame=2))
    height, width = saved_models.SIZE
    assert explained.source == (height - 2, width)


def test_an_image_without_pictures_is_named_and_stops_nothing(
        tmp_path, classifiers, row):
    request = prediction_pictures.PictureRequest(page=tmp_path / "page.html")
    bad = dict(ROW, path=str(tmp_path / "none.png"))
    ((path, reason),) = prediction_pictures.make([bad, row], classifiers, request)
    assert path == bad["path"] and "none.png" in reason
    assert (tmp_path / "page.html").read_text().count("<tr data-case=") == 1


def test_pictures_of_other_settings_are_not_mixed(tmp_path):
    first, second = (prediction_pictures.PictureRequest(
        overlay=tmp_path / "out", settings=dict(model=name)) for name in "ab")
    prediction_pictures.check(first)
    prediction_pictures.check(first)
    with pytest.raises(files.InputError, match="pictures of other models"):
        prediction_pictures.check(second)


def test_a_patch_model_without_a_malignant_class_is_refused_before_any_folder(tmp_path):
    request = prediction_pictures.PictureRequest(
        overlay=tmp_path / "out",
        patch=types.SimpleNamespace(classes=("background", "calc_ben")))
    with pytest.raises(files.InputError, match="expected some with 'mal' in the"):
        prediction_pictures.check(request)
    assert not (tmp_path / "out").exists()


def test_levels_without_rows_have_no_section():
    rows = [dict(path="p_L", images="2", score="0.25", flags="")]
    heading, table = prediction_pictures.table_sections(dict(breasts=rows, patients=[]))
    assert heading == report.Heading("Breasts")
    assert table.rows == [("p_L", "2", 0.25, "", "")]
    point = report.Operating(0.25, "of a test", 0.9, 0.8)
    _, table = prediction_pictures.table_sections(dict(breasts=rows), point)
    assert table.rows == [("p_L", "2", 0.25, "at or above", "")]
    assert table.caption.startswith("Threshold 0.25: of a test")


def test_an_image_tells_the_scores_of_its_breast_and_woman():
    row = dict(patient="w", exam="1", laterality="L")
    levels = dict(
        breasts=[dict(row, score="0.25", images=2), dict(row, laterality="R", score="1",
                                                         images=1)],
        patients=[dict(row, score="0.5", images=3), dict(row, exam="2", score="0.1",
                                                         images=1)])
    assert prediction_pictures.groups(row, levels) == (
        "Breast: score 0.250 of 2 images", "Woman: score 0.500 of 3 images")
    assert prediction_pictures.groups(dict(row, patient=""), levels) == ()
