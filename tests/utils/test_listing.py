"""Files of a folder: images by their content, and the reason why others are not."""

import cv2
import dicom_writer
import numpy as np
import pydicom.uid

from end2end.utils import files, listing

PICTURE = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)


def test_dicom_is_known_by_content_whatever_its_suffix(tmp_path):
    data = dicom_writer.write(tmp_path / "a.dcm").read_bytes()
    for name in ("b.IMA", "c.dc3", "d.img", "e.txt", "f.DICOM.bak", "1.2.840.99", "g"):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "IM0001").write_bytes(data[132:])
    assert len(files.list_images(tmp_path)) == 9
    assert files.is_dicom(tmp_path / "IM0001") and files.is_dicom(tmp_path / "e.txt")


def test_hidden_files_and_folders_are_left_and_counted(tmp_path):
    for place in (".cache", "a"):
        (tmp_path / place).mkdir()
        cv2.imwrite(str(tmp_path / place / "x.png"), PICTURE)
    (tmp_path / "a" / "._x.png").write_bytes(b"\0\5\x16\7")
    survey = files.survey(tmp_path)
    assert [path.name for path in survey.images] == ["x.png"]
    assert [reason for _, reason in survey.left] == [listing.HIDDEN] * 2


def test_a_folder_called_as_an_image_is_walked(tmp_path):
    (tmp_path / "x.dcm").mkdir()
    path = dicom_writer.write(tmp_path / "x.dcm" / "a.dcm")
    assert files.list_images(tmp_path) == [path]


def test_reports_directories_and_other_files_are_left_with_the_reason(tmp_path):
    dicom_writer.write(tmp_path / "SR0001",
                       SOPClassUID=pydicom.uid.BasicTextSRStorage, Rows=None)
    dicom_writer.write(tmp_path / "PR1.dcm", Rows=None, SOPClassUID=(
        pydicom.uid.GrayscaleSoftcopyPresentationStateStorage))
    (tmp_path / "readme.txt").write_text("read me")
    (tmp_path / "empty.dcm").touch()  # refused when it is read
    survey = files.survey(tmp_path)
    assert [path.name for path in survey.images] == ["empty.dcm"]
    assert {path.name: reason for path, reason in survey.left} == {
        "SR0001": listing.WITHOUT_IMAGE, "PR1.dcm": listing.WITHOUT_IMAGE,
        "readme.txt": listing.NO_IMAGE}


def test_an_image_with_another_suffix_is_known_by_its_first_bytes(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), PICTURE)
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    assert not files.is_dicom(tmp_path / "a.dcm")
    assert listing.image_kind(listing.beginning(tmp_path / "a.dcm")) == "PNG"
    assert listing.image_kind(b"P5 3 4 255\n") == "PNM"
    assert listing.image_kind(b"PK\3\4") == ""


def test_a_name_that_no_table_holds_is_refused_alone(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), PICTURE)
    (tmp_path / "a.png").rename(tmp_path / "\x1b[2J.png")
    survey = files.survey(tmp_path)
    assert survey.images == [] and len(survey.refused) == 1


def test_links_to_folders_are_not_followed_and_said(tmp_path):
    dicom_writer.write(tmp_path / "a.dcm")
    (tmp_path / "round").symlink_to(tmp_path)
    looked = listing.survey(tmp_path)
    assert [path.name for path in looked.images] == ["a.dcm"]
    assert looked.left == [(tmp_path / "round", "link to a folder")]


def test_packed_files_are_named_as_such(tmp_path):
    (tmp_path / "a.dcm.gz").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "c.txt").write_text("text")
    assert [reason for _, reason in listing.survey(tmp_path).left] == [
        listing.PACKED, listing.PACKED, listing.NO_IMAGE]
