"""One reader of images of any kind."""

import struct

import cv2
import dicom_writer
import numpy as np
import pytest
from image_writer import png, tiff

from end2end import dicom, images
from end2end.utils import files

PICTURE = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)


def test_one_class_holds_what_is_read_of_dicom_and_of_other_files(tmp_path):
    cv2.imwrite(str(tmp_path / "P_00001_LEFT_CC.png"), PICTURE)
    read = images.read(tmp_path / "P_00001_LEFT_CC.png")
    assert (read.patient, read.laterality, read.view) == ("P_00001", "L", "CC")
    np.testing.assert_array_equal(read.pixels, PICTURE)
    np.testing.assert_array_equal(
        images.read_image(tmp_path / "P_00001_LEFT_CC.png"), PICTURE)
    other = images.read(dicom_writer.write(tmp_path / "a.dcm", ImageLaterality="R"))
    assert type(read) is type(other) is dicom.Mammogram
    assert (other.patient, other.laterality) == ("woman-1", "R")


def test_the_manifest_wins_and_a_copy_is_known_by_its_first_name(tmp_path):
    cv2.imwrite(str(tmp_path / "x_L_CC.png"), PICTURE)
    read = images.read(tmp_path / "x_L_CC.png", manifest=dict(
        path="x_L_CC.png", patient="Q2", laterality="R", view="MLO"))
    assert (read.patient, read.laterality, read.view) == ("Q2", "R", "MLO")
    assert len(read.identity.notes) == 2
    copy = images.read(tmp_path / "x_L_CC.png", known_as="s3/P_00007_RIGHT_MLO.png")
    assert (copy.patient, copy.view) == ("P_00007", "MLO")
    path = dicom_writer.write(tmp_path / "y_L_CC.dcm")
    copy = images.read(path, known_as="s3/y_R_MLO.dcm")
    assert (copy.laterality, copy.view) == ("R", "MLO")
    row = dict(path="y_L_CC.dcm", patient="Q2")
    assert images.identify(path, manifest=row).patient == "Q2"


def test_who_is_shown_is_known_without_pixels_and_of_broken_files_by_their_names(
        tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm", ViewPosition="RCC")
    image = images.identify(path)
    assert (image.laterality, image.view, image.patient) == ("R", "CC", "woman-1")
    broken = tmp_path / "P_00001_LEFT_CC.dcm"
    broken.write_bytes(b"nothing")
    assert images.identify(broken).patient == "P_00001"


@pytest.mark.parametrize(("name", "kind"), [
    ("Mass-Training_P_00001_LEFT_CC.png", "film"),
    ("P_00001_LEFT_CC.png", "not known")])
def test_the_name_of_a_picture_tells_film(tmp_path, name, kind):
    cv2.imwrite(str(tmp_path / name), PICTURE)
    assert images.read(tmp_path / name).acquisition == kind


def floats(tmp_path, pixels):
    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), pixels)
    return path


def test_real_numbers_from_zero_on_are_read_as_they_are(tmp_path):
    pixels = np.linspace(0, 0.7, 12 * 9, dtype=np.float32).reshape(12, 9)
    read = images.read_image(floats(tmp_path, pixels))
    assert read.dtype == np.float32 and read.min() == 0
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("value", [-0.001, np.nan, np.inf])
def test_real_numbers_below_zero_and_undefined_ones_are_refused(tmp_path, value):
    pixels = np.linspace(0, 0.7, 12 * 9, dtype=np.float32).reshape(12, 9)
    pixels[7, 2] = value
    with pytest.raises(files.InputError, match="negative or undefined values"):
        images.read_image(floats(tmp_path, pixels))


def test_colour_is_said_and_grey_in_three_channels_is_not(tmp_path, caplog):
    grey = np.dstack([PICTURE // 8] * 3).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), grey[..., 0])
    assert caplog.text == ""
    grey[3, 5] = 10, 20, 200
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    read = images.read_image(tmp_path / "a.png")
    assert "is in colour; its luminance is used" in caplog.text
    # 0.114 of blue, 0.587 of green, 0.299 of red.
    assert read.shape == (48, 40) and read[3, 5] == 73


def test_a_page_after_the_first_is_refused(tmp_path):
    cv2.imwritemulti(str(tmp_path / "a.tif"), [PICTURE, PICTURE])
    with pytest.raises(files.InputError, match=(
            "a.tif has several pages; expected one mammogram. Split it.$")):
        images.read_image(tmp_path / "a.tif")
    (tmp_path / "a.png").write_bytes(png((b"acTL", struct.pack(">II", 2, 0))))
    with pytest.raises(files.InputError, match=(
            r"a.png holds several pictures \(animated PNG\); expected one mammogram. "
            "Save one of them alone.$")):
        images.read_image(tmp_path / "a.png")


def test_what_the_decoder_gives_up_on_is_refused(tmp_path, monkeypatch):
    def decode(data, how):
        raise cv2.error("too large")

    cv2.imwrite(str(tmp_path / "a.png"), PICTURE)
    monkeypatch.setattr(cv2, "imdecode", decode)
    with pytest.raises(files.InputError, match=(
            "a.png cannot be read; expected a whole PNG, JPEG, BMP, PGM, TIFF or DICOM "
            "file. Restore it or leave it out.$")):
        images.read_image(tmp_path / "a.png")


@pytest.mark.parametrize(("largest", "white"), [(4000, 4095), (40000, 65535)])
def test_a_tiff_of_16_bits_in_which_0_is_white_is_inverted_within_its_bits(
        tmp_path, caplog, largest, white):
    picture = np.linspace(7, largest, 48 * 40).astype(np.uint16).reshape(48, 40)
    (tmp_path / "white.tif").write_bytes(tiff(picture, 0))
    (tmp_path / "black.tif").write_bytes(tiff(picture, 1))
    np.testing.assert_array_equal(
        images.read_image(tmp_path / "black.tif"), picture)
    assert "is inverted" not in caplog.text
    np.testing.assert_array_equal(
        images.read_image(tmp_path / "white.tif"), white - picture)
    assert "white.tif is inverted, since it declares that 0 is white" in caplog.text


def test_a_tiff_of_8_bits_in_which_0_is_white_is_inverted_once(tmp_path):
    picture = np.linspace(3, 250, 48 * 40).astype(np.uint8).reshape(48, 40)
    (tmp_path / "white.tif").write_bytes(tiff(picture, 0))
    np.testing.assert_array_equal(
        images.read_image(tmp_path / "white.tif"), 255 - picture)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_the_decoder_says_nothing_of_a_damaged_file_by_itself(tmp_path, capfd, suffix):
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    set_level(3)  # warnings and errors
    picture = (PICTURE % 251).astype(np.uint8)
    data = cv2.imencode(suffix, picture)[1].tobytes()
    (tmp_path / f"a{suffix}").write_bytes(data[:len(data) // 2])
    with pytest.raises(files.InputError, match="a.* cannot be read"):
        images.read_image(tmp_path / f"a{suffix}")
    assert capfd.readouterr() == ("", "")
