"""Decoders that are faster than pydicom's: the same values, or they raise."""

import random

import dicom_writer
import numpy as np
import pydicom
import pydicom.encaps
import pydicom.pixels
import pytest
from pydicom.uid import JPEGLossless, JPEGLosslessSV1, RLELossless

from end2end.dicom import decoders, parsing

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")

ROWS, COLUMNS = 62, 41
Y, X = np.mgrid[:ROWS, :COLUMNS]
NOISE = np.random.default_rng(0).integers(0, 300, X.shape)
PICTURES = {
    "8 bits": np.where(X < 20, 0, Y + 3 * X).astype(np.uint8),
    "12 bits": np.where(X < 20, 7, 40 * X + NOISE).astype(np.uint16),
    "16 bits": np.where(X < 20, 7, 1000 * X + 200 * Y + NOISE).astype(np.uint16)}


def compressed(path, picture, syntax):
    """Header and frame of a picture in a lossless compression; the file is written."""
    bits = min(8 * picture.itemsize, max(8, int(picture.max()).bit_length()))
    dicom_writer.write(path, picture, BitsStored=bits, HighBit=bits - 1)
    if syntax == RLELossless:
        file = pydicom.dcmread(path)
        file.compress(syntax)
        file.save_as(path)
    else:
        by_gdcm(path, syntax)
    header, _ = parsing.read_header(path)
    return header, pydicom.encaps.get_frame(
        pydicom.dcmread(path).PixelData, 0, number_of_frames=1)


def by_gdcm(path, syntax):
    gdcm = pytest.importorskip("gdcm", reason="needs the extra dicom (python-gdcm)")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(
        gdcm.TransferSyntax.GetTSType(str(syntax))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLossless, JPEGLosslessSV1],
                         ids=["RLE", "process 14", "SV1"])
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_values_and_type_are_those_that_were_compressed(tmp_path, picture, syntax):
    header, frame = compressed(tmp_path / "a.dcm", picture, syntax)
    for _ in range(3):  # memory that is freed twice shows at the second call
        values = decoders.quick(header)(frame, header)
    np.testing.assert_array_equal(values, picture)
    assert values.dtype == picture.dtype


def test_damaged_run_length_data_gives_pydicoms_values_or_none_at_all(tmp_path):
    header, frame = compressed(tmp_path / "a.dcm", PICTURES["12 bits"], RLELossless)
    file, rng = pydicom.dcmread(tmp_path / "a.dcm"), random.Random(1)
    refused = 0
    for _ in range(150):
        damaged = bytearray(frame)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        damaged = bytes(damaged[:rng.randrange(64, 2 * len(damaged))])
        file.PixelData = pydicom.encaps.encapsulate([damaged])
        try:
            values = decoders.run_length(damaged, header)
        except parsing.READING_ERRORS:
            refused += 1
        else:
            np.testing.assert_array_equal(values, pydicom.pixels.pixel_array(
                file, decoding_plugin="pydicom", correct_unused_bits=False))
    assert 20 < refused < 140
    for count in (1, 3):
        with pytest.raises(ValueError, match=(
                f"^{count} segments for values of 2 bytes$")):
            decoders.run_length(bytes([count]) + frame[1:], header)


def test_a_damaged_lossless_jpeg_raises(tmp_path):
    header, frame = compressed(tmp_path / "a.dcm", PICTURES["16 bits"], JPEGLosslessSV1)
    with pytest.raises(parsing.READING_ERRORS):
        decoders.lossless_jpeg(frame[:200], header)
    header.Rows -= 1
    with pytest.raises(ValueError, match="^its JPEG is damaged$"):
        decoders.lossless_jpeg(frame, header)


@pytest.mark.parametrize("change", [
    dict(SamplesPerPixel=3), dict(PixelRepresentation=1), dict(BitsAllocated=32),
    dict(Rows=60_000, Columns=60_000), dict()])
def test_only_unsigned_grey_values_of_usual_size_are_decoded_quickly(tmp_path, change):
    header, _ = compressed(tmp_path / "a.dcm", PICTURES["8 bits"], RLELossless)
    for keyword, value in change.items():
        setattr(header, keyword, value)
    assert (decoders.quick(header) is None) == bool(change)


def test_as_many_pixels_as_a_mammogram_may_have_are_decoded_quickly(
        tmp_path, monkeypatch):
    header, _ = compressed(tmp_path / "a.dcm", PICTURES["8 bits"], RLELossless)
    for most, quickly in ((ROWS * COLUMNS, True), (ROWS * COLUMNS - 1, False)):
        monkeypatch.setattr(decoders.files, "MAX_PIXELS", most)
        assert (decoders.quick(header) is not None) == quickly


def test_a_picture_in_two_fragments_is_one_picture(tmp_path):
    picture = PICTURES["16 bits"]
    _, frame = compressed(tmp_path / "a.dcm", picture, RLELossless)
    file = pydicom.dcmread(tmp_path / "a.dcm")
    file.PixelData = pydicom.encaps.encapsulate(
        [frame], fragments_per_frame=2, has_bot=False)
    file.save_as(tmp_path / "a.dcm")
    np.testing.assert_array_equal(
        parsing.decoded_here(tmp_path / "a.dcm", None), picture)


@pytest.mark.parametrize("failing", [False, True])
def test_a_large_film_is_decoded_quickly_and_run_by_run_where_that_fails(
        tmp_path, monkeypatch, failing):
    called = []

    def decoder(stream, header):
        called.append(len(stream))
        if failing:
            raise ValueError("damaged")
        return decoders.run_length(stream, header)

    picture = PICTURES["16 bits"]
    _, frame = compressed(tmp_path / "a.dcm", picture, RLELossless)
    monkeypatch.setitem(decoders.DECODERS, RLELossless, decoder)
    path = tmp_path / "a.dcm"
    np.testing.assert_array_equal(parsing.decoded_here(path, None), picture)
    assert not called
    monkeypatch.setattr(parsing, "SAFELY_DECODED", len(frame))
    parsing.decoded_here(path, None)
    assert not called
    monkeypatch.setattr(parsing, "SAFELY_DECODED", len(frame) - 1)
    np.testing.assert_array_equal(parsing.decoded_here(path, None), picture)
    assert called == [len(frame)]
