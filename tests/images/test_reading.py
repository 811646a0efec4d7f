"""One reader of images of any kind."""

import cv2
import dicom_writer
import numpy as np

from end2end import dicom, images

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


def test_who_is_shown_is_known_without_pixels_and_of_broken_files_by_their_names(
        tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm", ViewPosition="RCC")
    image = images.identify(path)
    assert (image.laterality, image.view, image.patient) == ("R", "CC", "woman-1")
    broken = tmp_path / "P_00001_LEFT_CC.dcm"
    broken.write_bytes(b"nothing")
    assert images.identify(broken).patient == "P_00001"
