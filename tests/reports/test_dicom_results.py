"""Results as DICOM: names, what a mammogram must tell, what is written."""

import importlib.util

import dicom_writer
import numpy as np
import pydicom
import pytest

from end2end.reports import dicom_results
from end2end.utils import files

ROW = dict(score="0.625", laterality="L", calibrated="", operating_points="", flags="")
IDENTIFIERS = dict(
    SOPInstanceUID="1.2.3.1", StudyInstanceUID="1.2.3.2", SeriesInstanceUID="1.2.3.3")


def test_the_overlay_and_the_report_lie_beside_each_other(tmp_path):
    overlay, report = dicom_results.paths(tmp_path, "a")
    assert (overlay.name, report.name) == ("a.overlay.dcm", "a.report.dcm")


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(files.InputError, match=r"end2end-mammography\[results\]"):
        dicom_results.check()


@pytest.mark.parametrize("missing", sorted(IDENTIFIERS))
def test_a_mammogram_that_cannot_be_referred_to_has_no_results(tmp_path, missing):
    tags = {name: value for name, value in IDENTIFIERS.items() if name != missing}
    path = dicom_writer.write(tmp_path / "a.dcm", **tags)
    with pytest.raises(files.InputError, match=f"has no {missing}"):
        dicom_results.write(dicom_results.paths(tmp_path, "a"),
                            dict(ROW, path=str(path)), np.zeros((8, 8, 3), np.uint8))
    assert not list(tmp_path.glob("*.overlay.dcm"))


def test_both_results_stand_in_the_study_of_the_mammogram(tmp_path):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    path = dicom_writer.write(tmp_path / "a.dcm", **IDENTIFIERS, ImageLaterality="L")
    targets = dicom_results.paths(tmp_path, "a")
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[2, 5] = 255, 40, 0
    dicom_results.write(targets, dict(ROW, path=str(path)), picture)
    overlay, report = map(pydicom.dcmread, targets)
    assert overlay.StudyInstanceUID == report.StudyInstanceUID == "1.2.3.2"
    assert overlay.SeriesInstanceUID != report.SeriesInstanceUID
    assert tuple(overlay.pixel_array[2, 5]) == (255, 40, 0)
    assert "Research use only" in overlay.DerivationDescription
