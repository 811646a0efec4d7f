"""The layout of a set: its quirks are in the files."""

import pydicom

from end2end import phantoms
from end2end.utils import files


def test_a_breast_has_a_row_and_views_are_codes(tmp_path):
    phantoms.write_layout(tmp_path, layout="cmmd", patients=8, seed=5, size=(96, 72))
    rows = files.read_csv(tmp_path / "label.csv")
    assert tuple(rows[0]) == phantoms.cmmd_layout.COLUMNS
    assert len({(row["ID1"], row["LeftRight"]) for row in rows}) == len(rows)
    headers = [pydicom.dcmread(path) for path in (tmp_path / "CMMD").rglob("*.dcm")]
    assert len(headers) > 2 * len(rows)
    assert all("ViewPosition" not in header and header.ViewCodeSequence
               and header.PatientAge.endswith("Y") for header in headers)
