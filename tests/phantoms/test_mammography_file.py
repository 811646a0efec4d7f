"""DICOM files of digital mammography as written and as read again."""

import numpy as np
import pydicom
import pytest

from end2end import images
from end2end.phantoms import mammography_file

PIXELS = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)[:, :12]
TAGS = dict(SOPInstanceUID="1.2.3", PatientID="p", ImageLaterality="R")


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_is_read_with_a_dark_background(tmp_path, inverted):
    path = tmp_path / "a.dcm"
    mammography_file.write(path, PIXELS, TAGS, inverted=inverted)
    mammogram = images.read(path)
    assert mammogram.bits == 12 and mammogram.laterality == "R"
    differences = np.diff(mammogram.pixels[:, 0].astype(int))
    assert (differences == 256).all()


@pytest.mark.parametrize(("kind", "form", "length"), [
    (np.uint8, "OB", 16), (np.uint16, "OW", 30)])
def test_values_have_the_form_of_their_bytes_and_fill_an_even_number(
        tmp_path, kind, form, length):
    pixels = np.arange(15, dtype=kind).reshape(3, 5)
    mammography_file.write(tmp_path / "x" / "a.dcm", pixels, TAGS, bits=8)
    header = pydicom.dcmread(tmp_path / "x" / "a.dcm")
    assert (header["PixelData"].VR, len(header.PixelData)) == (form, length)
    np.testing.assert_array_equal(header.pixel_array, pixels)


def test_a_compressed_picture_has_the_same_values(tmp_path):
    pytest.importorskip("openjpeg")
    pixels = np.tile(PIXELS, (6, 6))
    mammography_file.write(tmp_path / "a.dcm", pixels, TAGS, jpeg_2000=True)
    header = pydicom.dcmread(tmp_path / "a.dcm")
    assert header.file_meta.TransferSyntaxUID == pydicom.uid.JPEG2000Lossless
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.dcm"), pixels)


def test_the_view_is_told_by_its_code(tmp_path):
    mammography_file.write(tmp_path / "a.dcm", PIXELS, TAGS | dict(
        ViewCodeSequence=mammography_file.view_codes("MLO")))
    assert images.identify(tmp_path / "a.dcm").view == "MLO"
