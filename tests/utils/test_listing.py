"""Files of a folder: images by their content, and the reason why others are not."""

import cv2
import dicom_writer
import numpy as np
import pydicom.uid
import pytest

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
    (tmp_path / "gone.png").symlink_to("nowhere")
    survey = files.survey(tmp_path)
    assert [path.name for path in survey.images] == ["empty.dcm"]
    assert {path.name: reason for path, reason in survey.left} == {
        "SR0001": listing.WITHOUT_IMAGE, "PR1.dcm": listing.WITHOUT_IMAGE,
        "readme.txt": listing.NO_IMAGE, "gone.png": listing.NO_IMAGE}


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
    assert survey.images == []
    ((path, reason),) = survey.refused
    assert path == tmp_path / "\x1b[2J.png" and reason.startswith(
        f"image '{tmp_path}/\\x1b[2J.png' has a name that is no text in UTF-8, or ")


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


def element(group, number, kind, value):
    """An element of a DICOM file, explicit where it has a kind."""
    tag = bytes([group, 0, number, 0])
    if kind:
        return tag + kind + len(value).to_bytes(2, "little") + value
    return tag + len(value).to_bytes(4, "little") + value


CLASS = b"1.2.840.10008.5.1.4.1.1.1.2\0"
ROWS = element(0x28, 0x10, b"US", b"\1\0")


@pytest.mark.parametrize(("start", "kind"), [
    (bytes(128) + b"DICM", "DICOM"), (bytes(127) + b"DICM", ""),
    (element(2, 2, b"UI", CLASS), "DICOM"), (element(8, 0x16, b"", CLASS), "DICOM"),
    (element(8, 8, b"CS", b"x" * 8) + ROWS, "DICOM"),
    (element(8, 8, b"CS", b"x" * 8) + b"more of it", ""),
    (element(8, 8, b"", b"x" * 8) + ROWS, "DICOM"),
    (b"\x08\0\x08\0\1\x11\0\0" + ROWS, ""), (b"\x08\0\x08\0\0\x10\0\0" + ROWS, "DICOM"),
    (b"\x09\0\x08\0CS\0\0" + ROWS, ""), ((b"\x08\0\x08\0CS\0\0" + ROWS)[:15], ""),
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"\xff\xd8\xfe", ""),
    (b"II*\0", "TIFF"), (b"MM\0+", "TIFF"), (b"BM....\0\0\0\0", "BMP"),
    (b"BM....\0\0\0\1", ""), (b"P5 ", "PNM"), (b"P5x", ""), (b"P4\n", ""), (b"", "")])
def test_the_first_bytes_tell_the_kind(start, kind):
    assert listing.image_kind(start) == kind


@pytest.mark.parametrize(("start", "name"), [
    (element(2, 2, b"UI", CLASS), CLASS), (element(8, 0x16, b"", CLASS), CLASS),
    (b"ab" + element(8, 0x16, b"UI", b"1.2 ") + element(2, 2, b"UI", b"1.3\0"), b"1.3"),
    (element(8, 0x16, b"UI", b"9" * 99), b"9" * 64),
    (element(8, 0x16, b"UI", b"1\xff"), "1\ufffd".encode()), (b"", b"")])
def test_the_class_of_a_dicom_file_is_in_its_first_bytes(start, name):
    assert listing.sop_class(start) == name.rstrip(b"\0").decode()


def test_what_cannot_be_read_has_no_first_bytes(tmp_path):
    (tmp_path / "a").write_bytes(bytes(5000))
    assert listing.beginning(tmp_path / "a") == bytes(4096)
    assert listing.beginning(tmp_path / "b") == b""


def test_the_shortest_bare_dicom_has_sixteen_bytes():
    start = b"\x08\0\x08\0\0\0\0\0" + b"\x28\0\x10\0\2\0\0\0"
    assert listing.image_kind(start) == "DICOM"
    assert listing.image_kind(start[:-1]) == ""
