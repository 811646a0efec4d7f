"""Kinds of pictures by tags and codes."""

import pydicom
import pytest
from dicom_writer import item, write

from end2end import dicom
from end2end.dicom import kinds

CT, PROJECTION = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.13.1.4"


def modifier(code):
    return [item(CodeValue=code, CodeMeaning="x")]


@pytest.mark.parametrize("kind, tags", [
    ("standard", dict()), ("standard", dict(SeriesDescription="L CC Combo 2D + Tomo")),
    ("standard", dict(SeriesDescription="L MLO MAGNUM 2D")),
    ("standard", dict(EstimatedRadiographicMagnificationFactor="1.1")),
    ("region", dict(SeriesDescription="cropped images")),
    ("specimen", dict(BodyPartExamined="SPECIMEN")), ("slice", dict(SOPClassUID=CT)),
    ("slice", dict(ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"])),
    ("synthetic", dict(ImageType=["DERIVED", "PRIMARY", "TOMO", "GENERATED_2D"])),
    ("synthetic", dict(SeriesDescription="R CC C-View")),
    ("projection", dict(SOPClassUID=PROJECTION)),
    ("recombined", dict(ImageType=["DERIVED", "PRIMARY", "", "RECOMBINED"])),
    ("low energy", dict(ImageType=["ORIGINAL", "PRIMARY", "", "LOW_ENERGY"])),
    ("spot", dict(ViewModifierCodeSequence=modifier("399055006"))),
    ("spot", dict(ViewCodeSequence=[item(
        CodeValue="R-10242", ViewModifierCodeSequence=modifier("R-102D7"))])),
    ("magnified", dict(EstimatedRadiographicMagnificationFactor="1.8")),
    ("magnified", dict(SeriesDescription="L CC MAG")),
    ("magnified", dict(SeriesDescription="MAGNIFIED VIEW")),
    ("standard", dict(SeriesDescription="IMAGE OF LEFT BREAST")),
    ("spot", dict(PaddleDescription="9CM ROUND SPOT")),
    ("spot", dict(ViewModifierCodeSequence=[item(CodeMeaning="Spot compression")])),
    ("specimen", dict(SeriesDescription="Breast Specimen")),
    ("projection", dict(ImageType=["DERIVED", "PRIMARY", "TOMO_PROJ"])),
    ("implant displaced", dict(ViewPosition="RCCID")),
    ("other view", dict(ViewModifierCodeSequence=modifier("399197002"))),
    ("other view", dict(ViewPosition="XCCL")),
    ("spot", dict(SeriesDescription="L CC Zielaufnahme")),
    ("spot", dict(AcquisitionDeviceProcessingDescription="SPOT MAG L CC")),
    ("spot", dict(ImageType=["ORIGINAL", "PRIMARY", "SPOT"])),
    ("spot", dict(ViewPosition="SPOT CC")),
    ("magnified", dict(SeriesDescription="CC agrandi")),
    ("magnified", dict(ImageComments="Vergroesserung")),
    ("magnified", dict(DistanceSourceToDetector="660", DistanceSourceToPatient="360")),
    ("standard", dict(DistanceSourceToDetector="660", DistanceSourceToPatient="600")),
    ("standard", dict(DistanceSourceToDetector="700", DistanceSourceToPatient="500")),
    ("magnified", dict(DistanceSourceToDetector="701", DistanceSourceToPatient="500")),
    ("standard", dict(EstimatedRadiographicMagnificationFactor="1.2")),
    ("magnified", dict(EstimatedRadiographicMagnificationFactor="1.21")),
    ("implant displaced", dict(ViewModifierCodeSequence=[
        item(CodeValue="9", CodeMeaning="Eklund view")])),
    ("synthetic", dict(ImageType=["DERIVED", "PRIMARY", "S-VIEW"])),
    ("synthetic", dict(SeriesDescription="R CC Clarity 2D")),
    ("standard", dict(ProtocolName="COMBO C-View")),
    ("slice", dict(SeriesDescription="L CC Tomosynthesis Reconstruction")),
    ("slice", dict(SeriesDescription="L MLO DBT slices")),
    ("slice", dict(SliceThickness="1", SliceLocation="12.5")),
    ("standard", dict(SliceThickness="1")),
    ("high energy", dict(ImageType=["ORIGINAL", "PRIMARY", "HIGH_ENERGY"]))])
def test_tags_and_codes_tell_the_kind(tmp_path, kind, tags):
    path = write(tmp_path / "a.dcm", **(dict(ViewPosition="CC") | tags))
    assert dicom.read_identity(path).kind == kind


def test_the_view_cell_names_the_modifier(tmp_path):
    path = write(tmp_path / "a.dcm", ViewPosition="CC",
                 ViewModifierCodeSequence=modifier("399197002"))
    assert dicom.read_identity(path).view_cell == "CC rolled"


@pytest.mark.parametrize("tagged, tags", [
    ((), dict()), ((), dict(BreastImplantPresent="NO")),
    (("implant",), dict(BreastImplantPresent="YES")),
    (("implant displaced", "implant"), dict(ViewPosition="RCCID")),
    (("needle",), dict(ProtocolName="STEREOTACTIC")),
    (("needle",), dict(SeriesDescription="Wire localization")),
    ((), dict(StudyDescription="POST BIOPSY MAMMO")),
    (("contrast",), dict(ContrastBolusAgent="Iohexol")),
    (("recombined", "contrast"), dict(
        ImageType=["DERIVED", "PRIMARY", "", "RECOMBINED"])),
    (("spot", "needle"), dict(SeriesDescription="SPOT NEEDLE"))])
def test_tags_tell_implants_needles_and_contrast(tmp_path, tagged, tags):
    path = write(tmp_path / "a.dcm", **(dict(ViewPosition="CC") | tags))
    assert dicom.read_dicom(path).tagged == tagged


@pytest.mark.parametrize("keyword, sentence", [
    ("BreastImplantPresent", "breast implant"), ("PartialView", "partial view"),
    ("BurnedInAnnotation", "burned-in annotation")])
def test_what_networks_have_not_seen_is_noted_and_its_absence_is_not(keyword, sentence):
    header = pydicom.Dataset()
    assert kinds.unusual(header) == ()
    for text, notes in (("YES", (sentence,)), ("NO", ()), ("", ())):
        setattr(header, keyword, text)
        assert kinds.unusual(header) == notes


@pytest.mark.parametrize("factor, notes", [
    ("1.8", ("magnified 1.8 times",)), ("1.2", ()), ("1.21", ("magnified 1.21 times",)),
    ("", ())])
def test_a_magnification_is_noted_beyond_that_of_every_mammogram(factor, notes):
    header = pydicom.Dataset()
    header.EstimatedRadiographicMagnificationFactor = factor or None
    assert kinds.unusual(header) == notes


@pytest.mark.parametrize(("text", "number"), [
    ("1,5", 1.5), ("x", 0), ("inf", 0), ("nan", 0), ("-2", 0), (None, 0), ("0", 0)])
def test_a_tag_that_holds_no_number_above_0_holds_none(text, number):
    assert kinds._number({"DistanceSourceToPatient": text},
                         "DistanceSourceToPatient") == number


def test_a_number_of_frames_that_is_none_is_that_of_one_image():
    header = pydicom.Dataset()
    header.NumberOfFrames = 2
    assert kinds.kind(header) == "slice"
    header.NumberOfFrames = [2, 3]
    assert kinds.kind(header) == ""
