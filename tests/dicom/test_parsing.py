"""Elements that are missing, and transfer syntaxes that need help."""

import dicom_writer
import numpy as np
import pydicom
import pydicom.uid
import pytest

from end2end import dicom
from end2end.dicom import parsing

RAMP = dicom_writer.RAMP


@pytest.mark.parametrize("keyword, note", [
    ("SamplesPerPixel", "1"), ("PhotometricInterpretation", "MONOCHROME2"),
    ("BitsAllocated", "16"), ("BitsStored", "16"), ("HighBit", "11"),
    ("PixelRepresentation", "0")])
def test_a_missing_element_gets_its_only_sensible_value_and_a_note(
        tmp_path, keyword, note):
    path = dicom_writer.write(tmp_path / "a.dcm")
    content = pydicom.dcmread(path)
    del content[keyword]
    content.save_as(path)
    mammogram = dicom.read_dicom(path)
    np.testing.assert_array_equal(mammogram.pixels, RAMP)
    assert mammogram.notes[0] == f"{keyword} is missing; {note} taken"


def test_all_of_them_may_be_missing_and_8_bits_are_known_by_the_length(tmp_path):
    pixels = (RAMP >> 4).astype(np.uint8)
    path = dicom_writer.write(tmp_path / "a.dcm", pixels)
    content = pydicom.dcmread(path)
    for keyword in ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
                    "BitsStored", "HighBit", "PixelRepresentation"):
        del content[keyword]
    content.save_as(path)
    mammogram = dicom.read_dicom(path)
    np.testing.assert_array_equal(mammogram.pixels, pixels)
    assert "BitsAllocated is missing; 8 taken" in mammogram.notes


@pytest.mark.parametrize("bits", [0, 20])
def test_impossible_bits_are_replaced_and_named(tmp_path, bits):
    mammogram = dicom.read_dicom(dicom_writer.write(
        tmp_path / "a.dcm", BitsStored=bits, HighBit=15))
    np.testing.assert_array_equal(mammogram.pixels, RAMP)
    assert mammogram.notes[0] == f"BitsStored {bits} is impossible; 16 taken"


def test_nothing_is_noted_of_a_complete_file(tmp_path):
    notes = dicom.read_dicom(dicom_writer.write(tmp_path / "a.dcm")).notes
    assert not any("taken" in note for note in notes)


def test_the_private_transfer_syntax_of_ge_is_named(tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm")
    content = path.read_bytes().replace(
        b"1.2.840.10008.1.2.1\0", b"1.2.840.113619.5.2\0\0", 1)
    path.write_bytes(content)
    message = dicom_writer.refusal(path)
    assert "private transfer syntax of GE" in message and "still" not in message


def test_jpeg_extended_of_12_bits_is_decoded(tmp_path):
    pytest.importorskip("gdcm", reason="needs the extra dicom (python-gdcm)")
    source = dicom_writer.write(tmp_path / "a.dcm", smooth())
    path = as_jpeg_extended(source, tmp_path / "b.dcm")
    mammogram = dicom.read_dicom(path)
    difference = mammogram.pixels.astype(int) - smooth()
    assert np.abs(difference).mean() < 8 and mammogram.pixels.max() > 3500


def smooth():
    y, x = np.mgrid[:96, :64]
    return (40 * y + 2 * x).astype(np.uint16)


def as_jpeg_extended(source, path):
    """Compresses with GDCM, which writes process 4 for 12 bits."""
    import gdcm
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(
        gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    change.SetInput(reader.GetImage())
    if not change.Change():
        pytest.skip("this build of GDCM writes no JPEG of 12 bits")
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    assert writer.Write()
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == (
        pydicom.uid.JPEGExtended12Bit)
    return path


def test_values_that_wrapped_round_in_the_air_are_black_again():
    pixels = np.zeros((20, 30), np.uint16)
    pixels[4, 5], pixels[5, 7] = 4095, 4090
    pixels[:, 20:] = 4095  # a label is no ringing
    mended = parsing.without_wrapped(pixels)
    assert mended[:, :20].max() == 0 and (mended[:, 20:] == 4095).all()
