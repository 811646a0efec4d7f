"""Views of one woman get one rescale factor, by function and by command."""

import csv

import cv2
import dicom_writer
import numpy as np
import pytest
import tiny_classifier

from end2end import checkpoints, config, dicom, predict, prediction
from end2end.images import belonging, fit
from end2end.prediction import exam_bits
from end2end.reports import prediction_pictures
from end2end.tables import identity
from end2end.utils import files


def picture(top, rows=90, columns=64):
    y, x = np.mgrid[:rows, :columns]
    image = np.clip(2000 - 30 * np.hypot(y - 40, x), 0, None)
    image[40:44, 2:6] = top
    return image.astype(np.uint16)


def write(folder, name, top):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture(top))
    return path


def test_views_of_an_exam_share_the_most_bits_and_others_stand_alone(tmp_path):
    paths = [write(tmp_path, name, top) for name, top in (
        ("P_00001_LEFT_CC.png", 3900), ("P_00001_LEFT_MLO.png", 9000),
        ("P_00002_LEFT_CC.png", 3900), ("x.png", 2100), ("y.png", 60000))]
    paths.append(tmp_path / "P_00001_none.png")
    bits = exam_bits.shared_bits(
        {image.path: image for image in belonging.identified(
            (path, None) for path in paths)}, frame=None)
    assert [bits[str(path)] for path in paths[:5]] == [14, 14, 12, 12, 16]
    assert str(paths[5]) not in bits


@pytest.mark.parametrize("tags, bits", [
    (dict(), 12), (dict(BitsStored=16, HighBit=15), None),
    (dict(WindowCenter="2000", WindowWidth="4000"), 16), (dict(RescaleSlope="2"), None),
    (dict(BitsStored=10, HighBit=9), None)])
def test_a_dicom_file_declares_bits_unless_they_say_nothing(tmp_path, tags, bits):
    path = dicom_writer.write(tmp_path / "a.dcm", picture(3900), **tags)
    assert dicom.read_dicom(path).bits == bits


def scores(folder, model, *words):
    out = folder / "scores.csv"
    predict.main([str(model), *words, "--rescale-factor", "auto", "--out", str(out)])
    with open(out, newline="") as stream:
        return list(csv.DictReader(stream))


def test_brightest_pixels_of_4090_and_4100_give_one_factor_and_no_advice(tmp_path):
    model = tiny_classifier.save(tmp_path / "best.h5")
    paths = [write(tmp_path / "in", f"P_00001_LEFT_{view}.png", top)
             for view, top in (("CC", 4090), ("MLO", 4100))]
    rows = scores(tmp_path, model, *map(str, paths))
    assert all("rescale factor 0.06227, for 12 bits" in row["notes"] for row in rows)
    assert abs(float(rows[0]["score"]) - float(rows[1]["score"])) < 0.01
    assert not any("auto" in row["flags"] for row in rows)


def test_an_automatic_factor_never_advises_itself():
    classifier = tiny_classifier_in_memory()
    dark = prediction.Mammogram("a", picture(1100, 300, 200) // 4, bits=12)
    (flag, *_) = prediction.prepare(dark, [classifier]).flags
    assert "brightest pixel" in flag and fit.INSTEAD in flag and fit.AUTO not in flag


def tiny_classifier_in_memory():
    options = config.ImageOptions(size=(30, 20), intensity_scale="auto", pixel_mean=0.0)
    return checkpoints.Classifier(None, options, ("neg", "pos"), "m", {})


def test_maps_are_made_with_the_factor_of_the_score(tmp_path, monkeypatch):
    model = tiny_classifier.save(tmp_path / "best.h5")
    paths = [write(tmp_path / "in", f"P_00001_LEFT_{view}.png", top)
             for view, top in (("CC", 3900), ("MLO", 9000))]
    scales = []
    explain = prediction_pictures.maps.explain
    monkeypatch.setattr(
        prediction_pictures.maps, "explain", lambda classifier, *rest, **more: (
            scales.append(classifier.images.intensity_scale)
            or explain(classifier, *rest, **more)))
    scores(tmp_path, model, *map(str, paths), "--overlay", str(tmp_path / "maps"))
    assert scales == [0.01556, 0.01556]


def test_two_exams_of_a_woman_have_bits_of_their_own(tmp_path):
    tags = dict(PatientID="W", BitsStored=16, HighBit=15)
    paths = [dicom_writer.write(
        tmp_path / f"{exam}{view}.dcm", picture(top), ViewPosition=view,
        StudyInstanceUID=f"1.2.840.{exam}", **tags) for exam, view, top in (
            (1, "CC", 3900), (1, "MLO", 9000), (2, "CC", 3900), (2, "MLO", 3800))]
    bits = exam_bits.shared_bits({image.path: image for image in belonging.identified(
        (path, None) for path in paths)}, frame=None)
    assert [bits[str(path)] for path in paths] == [14, 14, 12, 12]


def test_the_frame_asked_for_is_read_and_declared_bits_and_other_kinds_stand_alone(
        monkeypatch):
    pictures = dict(a=(9000, np.uint16, None), b=(3900, np.uint16, None),
                    c=(200, np.uint8, None), d=(3900, np.uint16, 10), e=None, f=None)
    errors, asked = dict(e=OSError("gone"), f=files.InputError("broken")), []

    def read(path, frame):
        asked.append((path, frame))
        if path in errors:
            raise errors[path]
        top, kind, bits = pictures[path]
        return prediction.Mammogram(path, np.array([[0, top]], kind), bits=bits)
    monkeypatch.setattr(exam_bits.reading, "read", read)
    bits = exam_bits.shared_bits({path: identity.Identity(path, patient="w", exam="e")
                                  for path in pictures}, frame=3)
    assert bits == dict(a=14, b=14, c=8, d=10)
    assert asked == [(path, 3) for path in pictures]
