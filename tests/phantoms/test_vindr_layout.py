"""The layout of a set: its quirks are in the files."""

import types

import numpy as np
import pydicom
import pytest

from end2end import phantoms
from end2end.phantoms import drawing, mammography_file, vindr_layout
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


LESION = drawing.Lesion(
    kind="mass", malignant=True, appearance=1.0, radius=0.08, contrast=1.0, depth=0.5,
    offsets={}, seed=3)


def test_quirks_are_told_by_the_number_of_the_woman(tmp_path, monkeypatch):
    mask, how = np.zeros((30, 20), bool), []
    mask[4:9, 6:13] = True
    monkeypatch.setattr(drawing, "render", lambda *_, **__: (None, [mask]))
    monkeypatch.setattr(
        mammography_file, "write", lambda path, picture, tags, inverted: (
            how.append((inverted, tags["Manufacturer"]))))
    women = [vindr_layout.write_woman(tmp_path, drawing.Woman(
        number, 0.5, dict(LEFT=(LESION,)), number), (30, 20))
        for number in range(1, 16)]
    assert how[::2] == how[1::2] == [
        (number % 2 == 0, ("SIEMENS", "IMS s.r.l.", "Planmed")[number % 3])
        for number in range(1, 16)]
    assert [number for number, rows in enumerate(women, 1)
            if {row["split"] for row in rows} == {"test"}] == [5, 10, 15]
    boxes = [[finding[name] for name in ("xmin", "ymin", "xmax", "ymax")]
             for rows in women for row in rows for finding in row["findings"]]
    assert boxes == [[-1.5 if number in (1, 8, 15) else 5.75, 3.5, 13.75, 9.5]
                     for number in range(1, 16) for _ in range(2)]


@pytest.mark.parametrize(("lesions", "birads"), [((LESION,), (4, 6)), ((), (1, 3))])
def test_cancers_are_assessed_4_or_5_and_breasts_without_lesion_1_or_2(
        lesions, birads):
    drawn = []
    rng = types.SimpleNamespace(integers=lambda *ends: drawn.append(ends) or 7)
    assert vindr_layout.birads_of(lesions, rng) == 7 and drawn == [birads]


@pytest.mark.parametrize(("draw", "birads"), [(0.19, 3), (0.2, 2)])
def test_a_fifth_of_benign_lesions_is_assessed_3(draw, birads):
    rng = types.SimpleNamespace(random=lambda: draw)
    benign = types.SimpleNamespace(malignant=False)
    assert vindr_layout.birads_of((benign,), rng) == birads
