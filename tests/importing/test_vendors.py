"""Makers of devices: known words only."""

import dicom_writer
import pytest

from end2end.importing import vendors


@pytest.mark.parametrize(("text", "maker"), [
    ("HOLOGIC, Inc.", "Hologic"), ("LORAD", "Hologic"), ("GE MEDICAL SYSTEMS", "GE"),
    ("IMS s.r.l.", "IMS"), ("St. Mary's Hospital", "other"), ("  ", ""), ("", ""),
    ("Large", "other")])
def test_a_maker_is_known_by_its_words_and_others_are_not_repeated(text, maker):
    assert vendors.named(text) == maker


def test_the_maker_of_a_file_is_in_its_tags(tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm", Manufacturer="FUJIFILM Corporation")
    assert vendors.of_file(path) == "Fujifilm"
    assert vendors.of_file(dicom_writer.write(tmp_path / "b.dcm")) == ""
    (tmp_path / "c.dcm").write_bytes(b"no DICOM")
    assert vendors.of_file(tmp_path / "c.dcm") == ""
