"""The layout of a set: its quirks are in the files."""

import numpy as np
import pydicom

from end2end import phantoms
from end2end.phantoms import cmmd_layout, drawing, mammography_file
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


def test_women_of_the_second_group_have_both_breasts_and_subtypes(
        tmp_path, monkeypatch):
    lesion, written = drawing.Lesion("mass", True, 1.0, 0.08, 1.0, 0.5, {}, 3), []
    monkeypatch.setattr(drawing, "render", lambda *_, **__: (np.full((2, 3), 70), ()))
    monkeypatch.setattr(mammography_file, "write", lambda path, picture, tags, bits: (
        written.append((path.name, tags["ImageLaterality"], tags["InstanceNumber"],
                        picture.max(), picture.dtype, bits))))
    rows = [cmmd_layout.write_woman(tmp_path, drawing.Woman(
        number, 0.5, dict(RIGHT=(lesion,)), number), (2, 3)) for number in range(1, 6)]
    assert [(row["ID1"], row["LeftRight"], row["number"], row["subtype"])
            for (row,) in rows] == [
        ("D2-0001", "R", 2, "Luminal B"), ("D1-0002", "R", 2, ""),
        ("D2-0003", "R", 2, "triple negative"), ("D1-0004", "R", 2, ""),
        ("D2-0005", "R", 2, "Luminal B")]
    right = [(f"1-{k}.dcm", "R", k, 4, np.uint8, 8) for k in range(1, 5)]
    both = [("1-1.dcm", "L", *right[0][2:]), ("1-2.dcm", "L", *right[1][2:]),
            *right[2:]]
    assert written == [*both, *right[:2]] * 2 + both
