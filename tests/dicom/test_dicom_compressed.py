"""Mammography DICOM: every compression that is usual."""

import numpy as np
import pydicom
import pydicom.uid
import pytest
from dicom_writer import RAMP, baseline, write, write_stream

from end2end import dicom

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")


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
    pytest.importorskip("openjpeg", reason="needs the extra dicom (pylibjpeg-openjpeg)")
    path = write(tmp_path / "a.dcm", np.tile(RAMP, (8, 8)))
    ds = pydicom.dcmread(path)
    ds.compress(pydicom.uid.JPEG2000Lossless)
    ds.save_as(path)
    np.testing.assert_array_equal(dicom.read_dicom(path).pixels, np.tile(RAMP, (8, 8)))


@pytest.mark.parametrize("name", ["JPEGLosslessProcess14_1", "JPEGLSLossless"])
def test_jpeg_lossless_and_jpeg_ls_are_read(tmp_path, name):
    gdcm = pytest.importorskip("gdcm", reason="needs the extra dicom (python-gdcm)")
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


def test_baseline_jpeg_is_read(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    path = write_stream(
        tmp_path / "a.dcm", baseline(smooth), smooth, pydicom.uid.JPEGBaseline8Bit)
    np.testing.assert_allclose(dicom.read_dicom(path).pixels, smooth, atol=3)
