"""Pictures of scored mammograms: what is asked for, what is there already."""

import dataclasses
import importlib.util
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
    bars = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(prediction_pictures.tqdm, "tqdm", lambda rows, **how: (
            bars.append(how), rows)[1])
        assert prediction_pictures.make([row], classifiers, request) == []
    assert bars == [dict(unit="picture", disable=None)]
    paths = sorted((tmp_path / "out").glob("*.png"))
    assert [path.name.split(".")[-2] for path in paths] == ["heatmap", "saliency"]
    assert cv2.imread(str(paths[0])).shape[:2] == saved_models.SIZE
    assert "not where a lesion is" in (tmp_path / "out" / "legend.txt").read_text()
    stamps = [path.stat().st_mtime_ns for path in paths]
    prediction_pictures.make(
        [row], [*classifiers, dataclasses.replace(classifiers[0], name="other")],
        request)
    legend = (tmp_path / "out" / "legend.txt").read_text()
    assert " of best). " in legend and "other" not in legend.replace("another", "")
    assert [path.stat().st_mtime_ns for path in paths] == stamps


def test_the_picture_that_was_scored_is_drawn_whatever_else_its_file_holds(
        classifiers, row, monkeypatch):
    read = images.read

    def second(path, frame):
        image = read(path)
        return dataclasses.replace(image, pixels=image.pixels[:-frame])

    monkeypatch.setattr(images, "read", second)
    height, width = saved_models.SIZE
    request = prediction_pictures.PictureRequest(frame=2, side=height // 2)
    explained = prediction_pictures.explained_row(row, classifiers[0], request)
    assert explained.source == (height - 2, width)
    assert max(explained.grey.shape) == height // 2


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
    with pytest.raises(files.InputError) as caught:
        prediction_pictures.check(second)
    assert str(caught.value) == (
        f"{tmp_path / 'out'} holds pictures of other models or settings; choose "
        "another folder, or remove it.")
    page = prediction_pictures.PictureRequest(page=tmp_path / "new" / "page.html")
    prediction_pictures.check(page)
    assert page.folders == [] and page.page.parent.is_dir()


def test_a_patch_model_without_a_malignant_class_is_refused_before_any_folder(tmp_path):
    request = prediction_pictures.PictureRequest(
        overlay=tmp_path / "out",
        patch=types.SimpleNamespace(classes=("background", "calc_ben")))
    with pytest.raises(files.InputError, match="expected some with 'mal' in the"):
        prediction_pictures.check(request)
    assert not (tmp_path / "out").exists()


def test_results_are_asked_for_where_their_package_is(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for folder in ("results", "overlay"):
        request = prediction_pictures.PictureRequest(**{folder: tmp_path / folder})
        if folder == "overlay":
            prediction_pictures.check(request)
            continue
        with pytest.raises(files.InputError, match=r"end2end-mammography\[results\]"):
            prediction_pictures.check(request)
    assert [path.name for path in tmp_path.iterdir()] == ["overlay"]


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


def test_a_page_has_tables_images_and_the_threshold_of_its_scores(
        classifiers, row, tmp_path, monkeypatch):
    written, explained = [], []
    monkeypatch.setattr(report, "write_report", lambda *what, **how: written.append(
        (*what, how)))
    hung = prediction_pictures.views.hanging
    monkeypatch.setattr(prediction_pictures.views, "hanging", lambda image, **how: (
        explained.append((image, how)), hung(image, **how))[1])
    point = dict(at="sensitivity", threshold=0.25, sensitivity=0.9, specificity=0.5,
                 scheme="flips")
    classifiers[0].card.update(operating_points=[point], trained_on="squares")
    rows = [dict(row, label="pos", patient="w", exam="e", laterality="L", view="CC",
                 flags="one | two"), dict(row, score="0.125", label=" ")]
    levels = dict(breasts=[dict(rows[0], path="w_L", images=2, score="")],
                  patients=[dict(rows[1], path="w", images=3)])
    request = prediction_pictures.PictureRequest(
        page=tmp_path / "page.html", flips=True, prevalence=0.02)
    assert prediction_pictures.make(rows, classifiers, request, levels) == []
    assert prediction_pictures.make(
        rows[1:], classifiers * 2, dataclasses.replace(request, flips=False)) == []
    (path, sections, how), (_, bare, other) = written
    found = report.Operating(
        0.25, "90.0 % sensitivity on the images of its validation set", 0.9, 0.5)
    assert path == request.page
    assert how == dict(title="Scores of mammograms", trained_on="squares")
    assert other["trained_on"] == "squares; squares"
    assert [section.text for section in sections[::2]] == [
        "Breasts", "Patients", "Images"]
    said = prediction_pictures.operating.sentence(found, 0.02)
    assert sections[1].rows == [("w_L", 2, "none", "", "one | two")]
    assert sections[3].rows == [("w", 3, 0.125, "below", "")]
    assert sections[1].caption == sections[3].caption == said
    cases = sections[-1]
    assert (cases.operating, cases.prevalence, cases.caption) == (found, 0.02, "")
    assert (bare[-1].operating, bare[-1].caption) == (
        None, prediction_pictures.NO_POINT)
    assert [section.text for section in bare[:-1]] == ["Images"]
    assert [(case.score, case.label, case.flags) for case in cases.cases] == [
        (0.5, 1, ("one", "two")), (0.125, None, ())]
    assert [case.groups for case in cases.cases] == [(), ()]
    assert cases.cases[0].details == dict(
        patient="w", laterality="L", view="CC", calibrated="", flags="one | two",
        notes="")
    assert [how for _, how in explained if "exam" in how] == [
        dict(side="L", view="CC", exam="w e"), *[dict(side="", view="", exam="")] * 2]


def test_pictures_older_than_the_score_of_their_image_are_made_anew(
        tmp_path, classifiers, row):
    request = prediction_pictures.PictureRequest(overlay=tmp_path)
    prediction_pictures.make([row], classifiers, request)
    path = next(tmp_path.glob("*.heatmap.png"))
    path.write_bytes(b"kept")
    stamp = path.stat().st_mtime_ns
    for scored, anew in ((stamp, False), (stamp + 1, True)):
        prediction_pictures.make([row], classifiers, dataclasses.replace(
            request, scored_ns={row["path"]: scored}))
        assert (path.read_bytes() != b"kept") is anew


def test_one_image_is_one_and_its_bits_are_those_of_its_exam(
        classifiers, row, monkeypatch):
    levels = dict(breasts=[dict(row, patient="w", images="1")], patients=[])
    assert prediction_pictures.groups(dict(row, patient="w"), levels) == (
        "Breast: score 0.500 of 1 image",)
    levels["breasts"][0]["score"] = ""
    assert prediction_pictures.groups(dict(row, patient="w"), levels) == ()
    asked = []
    monkeypatch.setattr(
        prediction_pictures.prediction, "network_input", lambda image, options: (
            asked.append(image.bits), (None, options, ()))[1])
    for bits in ({row["path"]: 11}, {"other": 11}):
        prediction_pictures.explained_row(
            row, classifiers[0], prediction_pictures.PictureRequest(bits=bits))
    assert asked == [11, images.read(row["path"]).bits]


def test_results_have_the_number_of_their_row_and_settings_in_any_order(
        tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(prediction_pictures, "explained_row", lambda row, model, _: (
        f"{row['path']} by {model.name}"))
    monkeypatch.setattr(prediction_pictures.files, "is_dicom", lambda path: True)
    monkeypatch.setattr(
        prediction_pictures.dicom_results, "write", lambda paths, made: written.append(
            (made.explained, made.number, made.frame, made.signature, made.models)))
    models = [types.SimpleNamespace(name=name, card={}) for name in "mn"]
    prediction_pictures.make(
        [dict(ROW, path="a.dcm"), dict(ROW, path="b.dcm")], models,
        prediction_pictures.PictureRequest(
            results=tmp_path, settings=dict(b=1, a=2), frame=3))
    assert written == [
        (f"{name}.dcm by m", number, 3, '{"a": 2, "b": 1}', tuple(
            f"model {model}, trained on unknown data" for model in "mn"))
        for number, name in ((1, "a"), (2, "b"))]
