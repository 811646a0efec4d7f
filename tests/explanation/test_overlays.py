"""Maps and outlines laid over a mammogram."""

import cv2
import numpy as np
import recorded

from end2end.data import rois
from end2end.explanation import lines, overlays


def test_a_picture_stays_grey_where_a_map_is_weak():
    grey = np.full((6, 6), 200, np.uint8)
    strength = np.zeros((6, 6))
    strength[3, 3], strength[1, 1] = 1, 0.05
    drawn = overlays.blended(overlays.in_colour(grey), overlays.coloured(strength))
    assert (drawn[0, 0] == 200).all() and (drawn[1, 1] == 200).all()
    assert len(set(drawn[3, 3].tolist())) > 1


def test_stronger_places_are_lighter_and_less_transparent():
    layer = overlays.coloured(np.linspace(0.1, 1, 10)[None], 0.5)[0].astype(float)
    lightness = layer[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all() and (np.diff(layer[:, 3]) > 0).all()
    # The weakest that is seen is `saliency.CUTOFF`.
    assert layer[0, 3] == 40 and layer[-1, 3] == 128 and lightness[-1] > 200


def test_the_colour_bar_has_its_colours_in_order_and_stands_where_nothing_is():
    bar = overlays.colour_bar(400, "saliency")
    assert bar[60, 4].sum() > bar[340, 4].sum()
    picture = np.full((1000, 700, 3), 120, np.uint8)
    picture[600:, 400:] = 0
    shown = overlays.with_bar(picture, "saliency")
    changed = np.argwhere((shown != picture).any(axis=2))
    assert changed.min(axis=0)[0] >= 600 and changed.min(axis=0)[1] >= 400
    small = np.zeros((40, 30, 3), np.uint8)
    assert overlays.with_bar(small, "a long title") is small
    # A bar of 120 columns, or as wide as its title, has half of the picture at most.
    assert overlays.colour_bar(420).shape == (420, 120, 3)
    assert overlays.colour_bar(420, "a" * 12).shape == (420, 180, 3)
    assert overlays.colour_bar(9).shape[0] == 60
    wide, narrow = (np.zeros((1500, columns, 3), np.uint8) for columns in (240, 239))
    assert overlays.with_bar(wide).any() and overlays.with_bar(narrow) is narrow


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
    # A spot that is no thousandth is white where all else is black.
    spot = np.zeros((100, 100))
    spot[3, 4] = 50
    assert overlays.grey8(spot)[3, 4] == 255 and overlays.grey8(spot * 0).max() == 0
    assert overlays.grey8(np.ones((1000, 1)), height=40).shape == (40, 1)


def test_pictures_come_back_from_their_bytes():
    picture = np.zeros((4, 5, 3), np.uint8)
    picture[..., 0] = 250
    back = cv2.imdecode(np.frombuffer(overlays.png(picture), np.uint8), 1)
    assert (back[..., 2] == 250).all() and not back[..., :2].any()
    grey = np.full((9, 7), 90, np.uint8)
    for shown, expected in ((picture, picture[..., ::-1]), (grey, grey)):
        back = cv2.imdecode(np.frombuffer(overlays.jpeg(shown), np.uint8),
                            cv2.IMREAD_UNCHANGED)
        np.testing.assert_allclose(back.astype(int), expected, atol=8)
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    assert len(overlays.jpeg(noise, 30)) < len(overlays.jpeg(noise)) < len(
        overlays.jpeg(noise, 95))


def test_pictures_of_maps_are_as_recorded():
    y, x = np.mgrid[:90, :70]
    grey = ((7 * y + 3 * x) % 256).astype(np.uint8)
    strength = np.exp(-((y - 30) ** 2 + (x - 50) ** 2) / 200).astype(np.float32)
    mask = (np.hypot(y - 60, x - 20) < 12)
    rows = [recorded.picture(overlays.grey8(grey.astype(np.float32) * 9, height=40)),
            recorded.picture(overlays.grey8(np.full((4, 3), 7)))]
    for name, opacity in overlays.OPACITIES.items():
        layer = overlays.coloured(strength, opacity)
        rows += [f"{name} {recorded.picture(layer)}", recorded.picture(
            overlays.blended(overlays.in_colour(grey), layer))]
    rows += [recorded.picture(overlays.outline_layer(
        grey.shape, [rois.Region(mask, True), rois.Region(mask[::-1], False)])),
        recorded.picture(overlays.colour_bar(200, "Grad-CAM")),
        recorded.picture(overlays.colour_bar(420, "Grad-CAM")),
        recorded.picture(overlays.with_bar(np.zeros((700, 500, 3), np.uint8), "a map"))]
    rows += [f"{name}: {table[:60]}"
             for name, table in overlays.colour_tables().items()]
    lines_ = [*lines.of_map(strength, (180, 140)), *lines.of_regions(
        [rois.Region(mask, True), rois.Region(mask[::-1], False)], mask.shape)]
    rows += [f"{line.kind} {recorded.picture(line.points)}" for line in lines_]
    rows += [recorded.picture(lines.drawn(lines_, (180, 140), overlays.LINE_COLOURS)),
             recorded.picture(lines.smoothed(strength)),
             recorded.picture(lines.prominent(strength, (180, 140)))]
    recorded.check("overlays", "\n".join(rows))
