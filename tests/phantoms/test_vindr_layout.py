"""The layout of a set: its quirks are in the files."""

import pydicom

from end2end import phantoms
from end2end.utils import files


def test_lists_are_texts_boxes_begin_outside_and_photometry_is_mixed(tmp_path):
    phantoms.write_layout(tmp_path, layout="vindr", patients=16, seed=5, size=(96, 72))
    findings = files.read_csv(tmp_path / "finding_annotations.csv")
    assert tuple(findings[0]) == phantoms.vindr_layout.FINDING_COLUMNS
    assert {"['Mass']", "['No Finding']"} <= {
        row["finding_categories"] for row in findings}
    assert any(row["xmin"].startswith("-") for row in findings)
    headers = [pydicom.dcmread(path) for path in (tmp_path / "images").rglob("*.dicom")]
    assert {header.PhotometricInterpretation for header in headers} == {
        "MONOCHROME1", "MONOCHROME2"}
    assert all(header.WindowWidth == 4096 for header in headers)
