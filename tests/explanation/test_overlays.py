"""Maps and outlines laid over a mammogram."""

import cv2
import numpy as np

from end2end.data import rois
from end2end.explanation import overlays


def test_a_picture_stays_grey_where_no_probability_is_found():
    grey = np.full((6, 6), 200, np.uint8)
    probabilities = np.zeros((6, 6))
    probabilities[3, 3] = 1
    drawn = overlays.blended(overlays.draw(grey), overlays.heat_layer(probabilities))
    assert (drawn[0, 0] == 200).all()
    assert len(set(drawn[3, 3].tolist())) > 1


def test_dots_are_red_and_clear_where_the_map_is_zero():
    drawn = overlays.draw(np.full((2, 2), 100, np.uint8),
                          np.array([[0, 1.0], [0, 0.25]], np.float32))
    assert drawn[:, 0].tolist() == [[100] * 3] * 2
    assert drawn[0, 1].tolist() == list(overlays.RED)
    assert drawn[1, 1, 0] > drawn[1, 1, 2]


def test_malignant_outlines_are_blue_and_whole_benign_green_and_dashed():
    mask = np.zeros((80, 80), bool)
    mask[10:70, 10:70] = True
    layers = {kind: overlays.outline_layer(
        mask.shape, [rois.Region(mask, kind)]) for kind in (True, False)}
    drawn = {kind: (layer[..., 3] > 0).sum() for kind, layer in layers.items()}
    assert drawn[False] < 0.7 * drawn[True]
    assert tuple(layers[True][10, 40, :3]) == overlays.BLUE
    assert {tuple(one) for one in layers[False][layers[False][..., 3] > 0][:, :3]} == {
        overlays.GREEN}


def test_a_mammogram_becomes_eight_bits_with_its_brightest_part_white():
    image = np.linspace(0, 60000, 10000).reshape(100, 100).astype(np.uint16)
    grey = overlays.grey8(image, height=50)
    assert grey.shape == (50, 50) and grey.dtype == np.uint8
    assert grey.max() == 255 and grey.min() < 5


def test_pictures_come_back_from_their_bytes():
    picture = np.zeros((4, 5, 3), np.uint8)
    picture[..., 0] = 250
    back = cv2.imdecode(np.frombuffer(overlays.png(picture), np.uint8), 1)
    assert (back[..., 2] == 250).all() and not back[..., :2].any()
