"""What the tags say of how a picture was taken."""

import dicom_writer
import pydicom
import pydicom.uid
import pytest
import real_films

from end2end import dicom
from end2end.dicom import acquisition

SECONDARY = pydicom.uid.SecondaryCaptureImageStorage
FILM, DIGITAL, UNKNOWN = acquisition.FILM, acquisition.DIGITAL, acquisition.UNKNOWN


def read(tmp_path, name="in.dcm", **tags):
    return dicom.read_dicom(dicom_writer.write(tmp_path / name, **tags))


@pytest.mark.parametrize("tags, kind", [
    (dict(), DIGITAL),
    (dict(SOPClassUID=SECONDARY), UNKNOWN),
    (dict(SOPClassUID=SECONDARY, ConversionType="WSD"), UNKNOWN),
    (dict(SOPClassUID=SECONDARY, ConversionType="DF"), FILM),
    (dict(SOPClassUID=SECONDARY, ConversionType="SD"), FILM),
    (dict(SOPClassUID=SECONDARY, PatientID="Calc-Test_P_00041_LEFT_CC"), FILM),
    (dict(SOPClassUID=SECONDARY, DetectorType="DIRECT"), DIGITAL),
    (dict(SOPClassUID=SECONDARY, DetectorType="FILM"), FILM),
    (dict(SOPClassUID=SECONDARY, DetectorID="D7"), DIGITAL),
    (dict(SOPClassUID=SECONDARY, DetectorType="FILM", DetectorID="D7"), UNKNOWN),
    (dict(SOPClassUID=SECONDARY, Modality="RG", BodyPartExamined="BREAST"), FILM),
    (dict(ConversionType="DF"), UNKNOWN)])
def test_film_and_digital_by_tags(tmp_path, tags, kind):
    assert read(tmp_path, **tags).acquisition == kind


def test_names_of_data_sets_tell_the_kind_too(tmp_path):
    name = "20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm"
    assert read(tmp_path, name, SOPClassUID=SECONDARY).acquisition == DIGITAL
    assert acquisition.kind_of_name("Mass-Training_P_00001_LEFT_CC.png") == FILM
    assert acquisition.kind_of_name("P_00001_LEFT_CC.png") == UNKNOWN


def test_the_device_is_named_as_far_as_it_is_known():
    header = dicom_writer.item(Manufacturer="Maker", ManufacturerModelName="Model 2")
    assert acquisition.scanner(header) == "Maker Model 2"
    assert acquisition.scanner(dicom_writer.item(Manufacturer="Maker")) == "Maker"
    assert acquisition.scanner(pydicom.Dataset()) == ""


def test_real_files_of_cbis_ddsm_are_known_as_film_by_their_name():
    for path in real_films.paths():
        mammogram = dicom.read_dicom(path)
        assert mammogram.acquisition == FILM and mammogram.tagged == ()
        assert mammogram.laterality == real_films.SIDES[path.stem]
