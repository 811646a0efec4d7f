"""Contours of maps and outlines of lesions."""

import dataclasses

import cv2
import numpy as np
import pytest

from end2end.data import rois
from end2end.explanation import lines, overlays


def strength():
    """A strong and a weaker spot on a grid of another aspect than the picture."""
    values = np.zeros((48, 48), np.float32)
    values[10:16, 30:36] = 1
    values[30:34, 5:11] = 0.7
    return values


def box(points):
    return [*points.min(axis=0), *points.max(axis=0)]


def test_contours_surround_the_strong_places_in_pixels_of_the_picture():
    first, second = sorted(
        lines.of_map(strength(), (480, 240)), key=lambda line: line.points[:, 1].min())
    assert box(first.points) == pytest.approx([150, 100, 179, 159], abs=4)
    assert box(second.points) == pytest.approx([25, 300, 54, 339], abs=4)
    assert first.kind == "map"


def test_areas_are_numbered_from_the_strongest():
    areas = lines.prominent(strength(), (480, 240))
    assert areas[130, 165] == 1 and areas[320, 40] == 2 and areas[0, 0] == 0


def test_255_areas_at_most_have_a_number_the_strongest(monkeypatch):
    monkeypatch.setattr(lines, "smoothed", lambda strength: strength)
    values = np.zeros((40, 40), np.float32)
    values[::2, ::2] = np.linspace(0.5, 1, 400).reshape(20, 20)
    areas = lines.prominent(values, (40, 40))
    numbered = values[areas > 0]
    assert len(numbered) == 255 and numbered.min() == values[::2, ::2].ravel()[-255]
    assert (areas[38, 38], areas[38, 36], areas.max()) == (1, 2, 255)


def test_an_area_is_prominent_from_the_level_and_the_least_size_on(monkeypatch):
    monkeypatch.setattr(lines, "smoothed", lambda strength: strength)
    values = np.zeros((100, 100), np.float32)
    values[10, 20], values[30, 40] = lines.LEVEL, 0.4999
    assert np.argwhere(lines.prominent(values, (100, 100))).tolist() == [[10, 20]]
    values = np.repeat(values, 2, axis=1)
    values[10, 20:22] = 0, lines.LEVEL
    values[10, 40] = 0
    assert not lines.prominent(values, (100, 200)).any()


@pytest.mark.parametrize("values", [np.zeros((9, 7)), np.full((9, 7), 0.3)])
def test_a_weak_map_has_no_contour(values):
    assert lines.of_map(values.astype(np.float32), (90, 70)) == []


def test_a_single_pixel_keeps_its_strength_when_smoothed():
    values = np.zeros((200, 100), np.float32)
    values[50, 40] = 0.8
    smooth = lines.smoothed(values)
    assert smooth.max() == pytest.approx(0.8) and smooth[50, 42] > 0.2


def test_outlines_are_lines_of_the_colour_of_their_kind():
    mask = np.zeros((300, 200), bool)
    mask[100:200, 50:120] = True
    drawn = {}
    for malignant, kind in lines.KINDS.items():
        line, = lines.of_regions([rois.Region(mask, malignant)], (300, 200))
        assert line.kind == kind and box(line.points) == [50, 100, 119, 199]
        drawn[kind] = lines.drawn([line], (300, 200), overlays.LINE_COLOURS)
        colours = drawn[kind][drawn[kind][..., 3] > 0][:, :3]
        assert {tuple(colour) for colour in colours} == {overlays.LINE_COLOURS[kind]}
    shares = {kind: (layer[..., 3] > 128).sum() for kind, layer in drawn.items()}
    assert shares["benign"] < 0.7 * shares["malignant"]
    assert not drawn["malignant"][150, 80].any()


def test_lines_and_dashes_grow_with_the_picture():
    square = lines.Line(np.array(
        [[100, 200], [700, 200], [700, 800], [100, 800]], float), lines.DASHED)
    layer = lines.drawn([square], (1800, 900), overlays.LINE_COLOURS)
    # Three pixels wide, and smooth; 2400 around are 50 dashes of 24 and their gaps.
    assert (layer[190:210, 112, 3] > 128).sum() == 5
    count, *_ = cv2.connectedComponents((layer[..., 3] > 0).astype(np.uint8))
    assert count - 1 == 50
    across = lines.Line(np.array([[0, 20], [39, 20]], float), "map")
    widths = [(lines.drawn([across], (rows, 40), overlays.LINE_COLOURS)[
        :, 20, 3] > 128).sum() for rows in (1498, 1502)]
    assert widths == [3, 5]
    dashes = lines._pieces(square.points, 24)
    assert [dashes[0][0].tolist(), dashes[0][-1].tolist()] == [[100, 200], [124, 200]]
    assert [dashes[12][-1].tolist(), dashes[13][0].tolist()] == [[700, 200], [700, 224]]
    (whole,) = lines._pieces(square.points, 0)
    assert whole[-1].tolist() == [100, 200] and len(whole) == 5


def test_a_fainter_line_does_not_cover_a_stronger_one():
    across = lines.Line(np.array([[0, 5], [19, 5]], float), "malignant")
    over = lines.Line(np.array([[0, 5.5], [19, 5.5]], float), "map")
    for shown in ([across, over], [over, across]):
        layer = lines.drawn(shown, (12, 20), overlays.LINE_COLOURS)
        assert tuple(layer[5, 10, :3]) == overlays.LINE_COLOURS["malignant"]
        assert tuple(layer[6, 10, :3]) == overlays.LINE_COLOURS["map"]
    # Of two that are as strong the first stays.
    for first, second in (("malignant", "map"), ("map", "malignant")):
        layer = lines.drawn([dataclasses.replace(across, kind=kind)
                             for kind in (first, second)], (12, 20),
                            overlays.LINE_COLOURS)
        assert tuple(layer[5, 10, :3]) == overlays.LINE_COLOURS[first]
