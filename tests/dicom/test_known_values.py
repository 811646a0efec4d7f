"""Free text of tags stays out of messages; files keep the name they were given by."""

import dicom_writer
import pydicom
import pydicom.uid
import pytest

from end2end import dicom
from end2end.dicom import known_values
from end2end.utils import files

NAME = "MARY MILLER"


@pytest.mark.parametrize("tags, words", [
    (dict(Modality="CT"), "its modality is CT"),
    (dict(Modality=NAME), f"its modality is {known_values.UNQUOTED}"),
    (dict(PhotometricInterpretation="RGB", SamplesPerPixel=3), "in colour (RGB)"),
    (dict(PhotometricInterpretation=f"MONOCHROME {NAME[:4]}"),
     f"in colour ({known_values.UNQUOTED})"),
    (dict(Rows=None, SOPClassUID="1.2.3.4"), "holds no image (unknown)")])
def test_only_known_values_are_quoted(tmp_path, tags, words):
    path = dicom_writer.write(tmp_path / "a.dcm", **tags)
    message = dicom_writer.refusal(path)
    assert words in message
    assert "MARY" not in message


def test_an_unknown_function_of_a_window_is_linear_and_not_quoted(tmp_path):
    window = dict(WindowCenter="2000", WindowWidth="4000")
    linear = dicom.read_dicom(dicom_writer.write(tmp_path / "a.dcm", **window))
    other = dicom.read_dicom(dicom_writer.write(
        tmp_path / "b.dcm", VOILUTFunction=NAME, **window))
    assert linear.notes[0] == other.notes[0]


def test_identifiers_have_names_only_in_the_standard():
    assert known_values.name_of(pydicom.uid.RLELossless) == "RLE Lossless"
    assert known_values.name_of("1.2.3.4") == "unknown"
    assert known_values.name_of("") == ""


def test_a_damaged_compressed_file_keeps_its_name_in_the_refusal(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = dicom_writer.baseline(dicom_writer.RAMP.astype("uint8"))
    dicom_writer.write_stream(
        "a.dcm", b"\xff\x4f\xff\x51" + stream[4:], dicom_writer.RAMP.astype("uint8"),
        pydicom.uid.JPEG2000Lossless)
    with pytest.raises(files.InputError) as caught:
        dicom.read_dicom("a.dcm")
    assert str(caught.value).startswith("a.dcm ")
    assert str(tmp_path) not in str(caught.value)
