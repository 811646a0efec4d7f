"""The layout of a set: its quirks are in the files."""

import cv2

from end2end import phantoms
from end2end.importing import records
from end2end.importing.sets import mini_mias


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
