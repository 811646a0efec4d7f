"""Mammography DICOM: every compression that is usual."""

import numpy as np
import pydicom
import pydicom.uid
import pytest
from dicom_writer import RAMP, baseline, write, write_stream

from end2end import dicom
from end2end.dicom import parsing

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


PACKED = [(pydicom.uid.JPEG2000Lossless, "openjpeg"),
          (pydicom.uid.JPEGLSLossless, "jpeg_ls")]


def packed(tmp_path, syntax, *, stored=16, signed=False):
    """A compressed file with values of `stored` bits, negative ones where signed, and
    these values."""
    rng = np.random.default_rng(5)
    low, high = (-2 ** (stored - 1), 2 ** (stored - 1)) if signed else (0, 2 ** stored)
    values = rng.integers(low, high, (80, 70)).astype(np.int16 if signed else np.uint16)
    path = write(tmp_path / "a.dcm", values)
    ds = pydicom.dcmread(path)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = stored, stored - 1, signed
    ds.PixelData = values.tobytes()
    ds.compress(syntax)
    ds.save_as(path)
    return path, values


@pytest.mark.parametrize("syntax, package", PACKED)
@pytest.mark.parametrize("stored, signed", [(16, False), (12, False), (12, True)])
def test_the_fastest_decoder_gives_the_stored_values(
        tmp_path, syntax, package, stored, signed):
    pytest.importorskip(package, reason="needs the extra dicom")
    path, values = packed(tmp_path, syntax, stored=stored, signed=signed)
    fastest = parsing.FASTEST_DECODERS[syntax]
    np.testing.assert_array_equal(
        parsing._pixels(pydicom.dcmread(path), None, fastest), values)
    np.testing.assert_array_equal(parsing.decoded_here(path, None), values)


@pytest.mark.parametrize("syntax, package", PACKED)
def test_where_the_fastest_decoder_fails_another_is_asked(
        tmp_path, monkeypatch, syntax, package):
    pytest.importorskip(package, reason="needs the extra dicom")
    path, values = packed(tmp_path, syntax)
    pixel_array, asked = pydicom.pixels.pixel_array, []

    def failing(*arguments, decoding_plugin, **options):
        asked.append(decoding_plugin)
        if decoding_plugin:
            raise RuntimeError("cannot be decoded")
        return pixel_array(*arguments, **options)

    monkeypatch.setattr(pydicom.pixels, "pixel_array", failing)
    np.testing.assert_array_equal(parsing.decoded_here(path, None), values)
    assert asked == [parsing.FASTEST_DECODERS[syntax], ""]


def test_baseline_jpeg_is_read(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    path = write_stream(
        tmp_path / "a.dcm", baseline(smooth), smooth, pydicom.uid.JPEGBaseline8Bit)
    np.testing.assert_allclose(dicom.read_dicom(path).pixels, smooth, atol=3)
