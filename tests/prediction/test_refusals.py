"""Each kind of file that predict refuses, with its sentence, beside one it takes."""

import cv2
import dicom_writer
import numpy as np
import pydicom
import pytest
import tiny_classifier

from end2end import predict as program
from end2end.model_files import safe_loading
from end2end.prediction import breast_scores, score_files
from tests.prediction import test_scoring

CLASSIFIER = test_scoring.classifier(0.8)
BREAST = tiny_classifier.picture(1) >> 4


def dicom(path, pixels=BREAST, **tags):
    return dicom_writer.write(path, pixels, **tags)


def stack(path):
    dicom(path, np.stack([BREAST] * 3), NumberOfFrames=3)


def colour(path):
    dicom(path, np.zeros((40, 30, 3), np.uint8), Rows=40, Columns=30,
          SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)


def text_card(path):
    card = np.zeros((300, 400), np.uint8)
    for line in range(4):
        cv2.putText(card, "PATIENT 123", (20, 60 + 60 * line),
                    cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
    dicom(path, card)


def structured_report(path):
    dicom(path, Rows=None, Columns=None, SOPClassUID=pydicom.uid.BasicTextSRStorage)


def video(path):
    dicom_writer.write_stream(path, b"\0\0\1\xb3", BREAST, pydicom.uid.MPEG2MPML)


def truncated(path):
    dicom(path)
    path.write_bytes(path.read_bytes()[:-400])


def broken_png(path):
    path.write_bytes(cv2.imencode(".png", BREAST)[1].tobytes()[:60])


def not_a_number(path):
    image = BREAST.astype(np.float32)
    image[3, 3] = np.nan
    cv2.imwrite(str(path), image)


def pages(path):
    cv2.imwritemulti(str(path), [BREAST, BREAST])


REFUSED = {
    "stack.dcm": (stack, "is a stack of 3 frames (tomosynthesis)"),
    "raw.dcm": (lambda path: dicom(path, PresentationIntentType="FOR PROCESSING"),
                "is a raw image FOR PROCESSING; expected one FOR PRESENTATION"),
    "colour.dcm": (colour, "is in colour (RGB)"),
    "card.dcm": (text_card, "is a text card or a label"),
    "ct.dcm": (lambda path: dicom(path, Modality="CT"),
               "is no mammogram: its modality is CT; expected MG"),
    "save.dcm": (lambda path: dicom(
        path, ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"]),
        "is a screen save and no mammogram"),
    "video.dcm": (video, "holds no still image"),
    "cut.dcm": (truncated, "cannot be read as DICOM"),
    "text.dcm": (lambda path: path.write_text("patient,side\n" * 20), "DICOM"),
    "empty.png": (lambda path: path.touch(), "cannot be read; expected a whole PNG"),
    "cut.png": (broken_png, "cannot be read; expected a whole PNG"),
    "nan.tif": (not_a_number, "undefined values"),
    "pages.tif": (pages, "has several pages; expected one mammogram"),
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(
        score_files, "load", lambda models, *settings, converted=(): [CLASSIFIER])
    monkeypatch.setattr(breast_scores, "take_breasts", lambda models: False)


def call(folder, *words):
    (folder / "m.h5").write_bytes(safe_loading.HDF5_START)
    return program.main([str(folder / "m.h5"), *map(str, words),
                         "--out", str(folder / "s.csv")])


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_mammogram_is_refused_with_its_sentence(
        tmp_path, capsys, name):
    write, sentence = REFUSED[name]
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / name)
    dicom(folder / "good.dcm")
    assert call(tmp_path, folder) == 1
    shown = capsys.readouterr().out
    failed, = (line for line in shown.splitlines() if line.startswith("failed: "))
    assert failed.startswith(f"failed: {folder / name}: ") and sentence in failed
    assert (tmp_path / "s.csv").read_text().count("\n") == 2


def test_a_report_among_mammograms_is_not_looked_at_and_alone_is_refused(
        tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    structured_report(folder / "report.dcm")
    dicom(folder / "good.dcm")
    assert call(tmp_path, folder) == 0
    assert "not looked at: 1 (1 DICOM without image: report.dcm)" in (
        capsys.readouterr().out)
    assert call(tmp_path, folder / "report.dcm") == 1
    assert "holds no image (Basic Text SR Storage)" in capsys.readouterr().out


def test_the_frame_asked_for_of_a_stack_is_scored(tmp_path):
    stack(tmp_path / "stack.dcm")
    assert call(tmp_path, tmp_path / "stack.dcm", "--frame", "2") == 0


def test_a_missing_decoder_is_named_with_its_pip_line(tmp_path, capsys, monkeypatch):
    path = dicom_writer.write_stream(tmp_path / "a.dcm", b"\xff\xd8\xff\xd9", BREAST,
                                     pydicom.uid.JPEGLosslessSV1)
    decoder = pydicom.pixels.get_decoder(pydicom.uid.JPEGLosslessSV1)
    monkeypatch.setattr(type(decoder), "is_available", property(lambda self: False))
    assert call(tmp_path, path) == 1
    assert "run: pip install \"end2end-mammography[dicom]\"" in capsys.readouterr().out


def test_all_files_refused_leave_no_score_and_status_1(tmp_path, capsys):
    text_card(tmp_path / "card.dcm")
    assert call(tmp_path, tmp_path / "card.dcm") == 1
    assert "no image has a score" in capsys.readouterr().out
