"""Patient, exam, side and view in the tags of DICOM files."""

import dicom_writer
import pytest
from dicom_writer import item, write

from end2end import dicom
from end2end.dicom import identity


def read(folder, **tags):
    return dicom.read_identity(write(folder / "a.dcm", **tags))


@pytest.mark.parametrize("text, patient", [
    ("W1", "W1"), ("  W1  ", "W1"), ("DEIDENTIFIED", ""), ("0", ""), ("", ""),
    ("Mass-Training_P_00001_LEFT_CC", "P_00001")])
def test_patients_are_known_by_their_number_or_not_at_all(tmp_path, text, patient):
    assert read(tmp_path, PatientID=text).patient == patient


def test_the_issuer_birth_date_and_name_are_kept_to_tell_women_apart(tmp_path):
    image = read(tmp_path, PatientID="4", IssuerOfPatientID="HOSPA",
                 PatientBirthDate="19500101", PatientName="ROE^JANE")
    assert image.woman == ("HOSPA", "4")
    assert (image.birth_date, image.person) == ("1950-01-01", "roe jane")
    assert read(tmp_path, PatientID="4", PatientName="4").person == ""


@pytest.mark.parametrize("tags, exam, source", [
    (dict(StudyInstanceUID="1.2.3", AccessionNumber="A1"), "1.2.3", "StudyInstanceUID"),
    (dict(AccessionNumber="A1", StudyDate="20200101"), "A1", "AccessionNumber"),
    (dict(StudyDate="20200101"), "20200101", "StudyDate")])
def test_exams_are_told_by_study_then_order_then_date(tmp_path, tags, exam, source):
    image = read(tmp_path, **tags)
    assert image.exam == exam and image.read_from["exam"] == f"tags {source}"


@pytest.mark.parametrize("tags, notes", [
    (dict(ImageLaterality="L", ViewPosition="RCC"), ["R in ViewPosition"]),
    (dict(ImageLaterality="L", Laterality="R"), ["R by Laterality"]),
    (dict(ImageLaterality="L", Laterality=""), []),
    (dict(ImageLaterality="L", Laterality="L", SeriesDescription="L MLO",
          PatientOrientation=["P", "L"]), []),
    (dict(ImageLaterality="L", SeriesDescription="R CC, L CC"), []),
    (dict(ImageLaterality="L", SeriesDescription="R MLO", PatientID="Mass-Test_P_00173_"
          "RIGHT_CC"), ["R in SeriesDescription", "R in PatientID (CBIS-DDSM)"])])
def test_sides_that_contradict_each_other_are_said(tmp_path, tags, notes):
    image = read(tmp_path, **dict(ViewPosition="CC") | tags)
    assert (image.laterality, image.view) == ("L", "CC")
    assert image.read_from["laterality"] == "tags ImageLaterality"
    assert image.notes == tuple(f"side L by ImageLaterality, {note}; ImageLaterality "
                                "is taken" for note in notes)


def test_a_view_that_is_no_known_word_is_no_view(tmp_path):
    image = read(tmp_path, ViewPosition="FROM ABOVE", ImageLaterality="B")
    assert (image.view, image.laterality, image.kind) == ("", "", "other view")
    assert image.notes == ("ViewPosition is not a known word",) or (
        "ViewPosition is no known word" in image.notes)


def test_codes_tell_views_in_the_header_and_in_functional_groups(tmp_path):
    code = item(CodeValue="399260004")
    assert read(tmp_path, ViewCodeSequence=[code]).view == "ML"
    groups = [item(ViewCodeSequence=[code])]
    assert read(tmp_path, SharedFunctionalGroupsSequence=groups).view == "ML"
    # There is one group that all frames share.
    groups.insert(0, item())
    assert read(tmp_path, SharedFunctionalGroupsSequence=groups).view == ""
    other = item(CodeValue="399162004")
    assert read(tmp_path, ViewCodeSequence=[other, code]).view == "CC"
    assert dicom_writer.RAMP.shape == (8, 8)


def test_the_side_of_frames_is_that_of_the_first(tmp_path):
    frames = [item(FrameAnatomySequence=[item(FrameLaterality=side)])
              for side in ("", "L", "R")]
    for first, side in ((0, ""), (1, "L"), (2, "R")):
        image = read(tmp_path, PerFrameFunctionalGroupsSequence=frames[first:])
        assert image.laterality == side


def test_texts_are_cut_before_they_tell_anything():
    for more in (0, 1):
        fields = {}
        identity._order(dict(InstanceNumber="1" * (16 + more), ContentTime="9",
                             ContentDate="2" * (16 + more)), fields, {}, [])
        assert fields == dict(
            taken=f"ContentDate {'2' * 16} 9", number=int("1" * 16))
        text = "x" * (123 + more) + " R CC"
        assert identity._described(dict(SeriesDescription=text))[
            "SeriesDescription"] == (("", "") if more else ("R", "CC"))


@pytest.mark.parametrize("tags, side, view", [
    (dict(AcquisitionDeviceProcessingDescription="L MLO"), "L", "MLO"),
    (dict(SeriesDescription="R CC"), "R", "CC"),
    (dict(SeriesDescription="RCC"), "R", "CC"),
    (dict(SeriesDescription="MLO LEFT Tomo 2D"), "L", "MLO"),
    (dict(ProtocolName="Left Medio-Lateral Oblique"), "L", "MLO"),
    (dict(ProtocolName="L_CC_25%"), "L", "CC"),
    (dict(SeriesDescription="Bilateral CC MLO"), "", ""),
    (dict(SeriesDescription="R CC, L CC"), "", "CC"),
    (dict(SeriesDescription="Look at ISO"), "", ""),
    (dict(SeriesDescription="L MLO", ProtocolName="R CC"), "L", "MLO"),
    (dict(ViewPosition="CC", SeriesDescription="L MLO"), "L", "CC"),
    (dict(ImageLaterality="R", SeriesDescription="L MLO"), "R", "MLO"),
    (dict(PatientOrientation=["A", "R"]), "L", ""),
    (dict(PatientOrientation=["P", "FL"]), "R", ""),
    (dict(PatientOrientation=["A", "L"]), "", ""),
    (dict(PatientOrientation=["CC"]), "", "CC"),
    (dict(ViewCodeSequence=[item(CodeValue="9", CodeMeaning="cranio-caudal")]),
     "", "CC"),
    (dict(ViewCodeSequence=[item(CodeValue="9", CodeMeaning="oblique")]), "", "")])
def test_vendors_texts_and_the_orientation_tell_side_and_view_last(
        tmp_path, tags, side, view):
    identified = dicom.read_identity(write(tmp_path / "a.dcm", **tags))
    assert (identified.laterality, identified.view) == (side, view)
    source = identified.read_from.get("laterality", "").removeprefix("tags ")
    said = f"side from {source}" in identified.notes
    assert said == (source in ("PatientOrientation", *tags) and bool(side)
                    and source != "ImageLaterality")
