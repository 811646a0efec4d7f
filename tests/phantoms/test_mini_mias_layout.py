"""The layout of a set: its quirks are in the files."""

import cv2
import numpy as np

from end2end import phantoms
from end2end.importing import records
from end2end.importing.sets import mini_mias
from end2end.phantoms import drawing, mini_mias_layout


def test_circles_from_the_bottom_left_lie_on_the_breast(tmp_path):
    phantoms.write_layout(tmp_path, layout="mini-mias", patients=10, seed=5,
                          size=(96, 72))
    pictures = list(mini_mias.read(tmp_path, records.Settings(tmp_path)))
    assert len(pictures) == 20
    circles = 0
    for picture in pictures:
        pixels = cv2.imread(picture.source, cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (1024, 1024)
        for region in picture.regions:
            (column, row), _ = region.points
            assert pixels[int(row), int(column)] > 30
            circles += 1
    assert circles > 2


def test_some_calcifications_have_no_circle():
    mask = np.zeros((64, 48), bool)
    mask[10:21, 5:12] = True
    for kind, seed, finding in (
            ("calcification", 5, "CALC B *NOTE 3*"), ("calcification", 6, ""),
            ("calcification", 4, ""), ("mass", 5, "")):
        lesion = drawing.Lesion(kind, False, 1.0, 0.08, 1.0, 0.5, {}, seed)
        name = "CALC" if kind == "calcification" else "CIRC"
        # 16 pixels for one; the middle is in row 15 and column 8.
        assert mini_mias_layout._finding(lesion, mask, (64, 48), 128) == (
            finding or f"{name} B 256 783 80")
