"""The pectoral muscle is found by its edge, and only where there is one."""

import deformed
import numpy as np
import pytest
import recorded
import sample_pictures

from end2end import config, images
from end2end.dicom import appearance
from end2end.images import pectoral, segmentation
from end2end.phantoms import drawing

SHAPE = (300, 210)


def breast(muscle=0.35, *, mirrored=False, kind=np.uint16):
    """Half an ellipse at the left edge, with a triangle of 80 x 150 in its corner."""
    rows, columns = np.ogrid[:SHAPE[0], :SHAPE[1]]
    inside = ((rows - 140) / 160) ** 2 + (columns / 160) ** 2 < 1
    image = 0.4 * inside * np.random.default_rng(1).uniform(0.7, 1.3, SHAPE)
    triangle = (columns / 80 + rows / 150 < 1) & inside
    image[triangle] += muscle
    image = (image * {np.uint16: 60000, np.uint8: 200, np.float32: 0.9}[kind]
             ).astype(kind)
    return (image[:, ::-1], triangle[:, ::-1]) if mirrored else (image, triangle)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_the_muscle_becomes_black_and_hardly_anything_else(kind, mirrored):
    image, triangle = breast(mirrored=mirrored, kind=kind)
    before = image.copy()
    removed = images.remove_pectoral(image)
    assert removed.dtype == kind
    np.testing.assert_array_equal(image, before)
    gone = (removed == 0) & (image > 0)
    assert (gone & triangle).sum() > 0.97 * triangle.sum()
    assert (gone & ~triangle).sum() < 0.15 * triangle.sum()


def test_the_edge_is_where_it_was_drawn():
    muscle = images.pectoral_muscle(breast()[0])
    scale = 256 / SHAPE[0]
    assert muscle.across / scale == pytest.approx(80, abs=6)
    assert muscle.down / scale == pytest.approx(150, abs=8)
    assert not muscle.mirrored and muscle.step > 0.3


@pytest.mark.parametrize("image", [
    breast(0)[0], np.zeros(SHAPE, np.uint8), np.full(SHAPE, 9, np.uint8),
    np.ones((1, 1), np.uint8), np.ones((4, 900), np.uint16)])
def test_without_an_edge_the_image_stays_as_it_is(image):
    assert images.pectoral_muscle(image) is None
    assert images.remove_pectoral(image) is image


def test_phantoms_lose_it_in_the_oblique_view_alone():
    woman = drawing.draw_woman(4, seed=3, difficulty=0.1)
    views = {view: images.pectoral_muscle(
        drawing.render(woman, "RIGHT", view, (288, 224))[0]) for view in ("CC", "MLO")}
    assert views["CC"] is None and views["MLO"].mirrored


def test_the_input_of_a_network_is_without_it_where_that_is_asked_for():
    image, _ = breast()
    options = dict(size=(150, 105), intensity_scale=0.003891, channels=1)
    as_it_is, without = (images.scaled(image, config.ImageOptions(
        **options, remove_pectoral=remove)) for remove in (False, True))
    assert as_it_is[2, 2] > 100 and without[2, 2] == 0
    np.testing.assert_array_equal(as_it_is[100:], without[100:])


def test_muscles_and_breasts_are_found_as_recorded():
    rows = []
    for name, image in list(sample_pictures.all_kinds().items())[:8]:
        muscle = pectoral.pectoral_muscle(image)
        rows.append(f"{name}: {muscle and deformed.shown(muscle)} "
                    f"{recorded.picture(pectoral.remove_pectoral(image))}")
        for threshold in (0.05, 0.2):
            part, box = segmentation.segment_breast(
                image.astype(np.float32), low_int_threshold=threshold)
            rows.append(f"    {recorded.picture(part)} {box}")
        rows.append(f"    {recorded.picture(appearance.unframed(image))} " + (
            recorded.picture(appearance.grey_levels(image))))
    recorded.check("images-pectoral", "\n".join(rows))


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_part_within_the_edge_and_two_pixels_is_the_muscle(mirrored):
    muscle = pectoral.Muscle((3, 5), 40.0, 90.0, 0.3, mirrored, 180)
    mask = muscle.mask((512, 270))
    # In the picture of 256 rows and 180 columns the edge, moved by two pixels, runs
    # from so many columns at the corner to so many rows.
    reach = 1 + 2 * (1 / 40**2 + 1 / 90**2) ** 0.5
    expected = [[((column + 0.5) * 2 / 3 - 3) / 40 + (row / 2 + 0.25 - 5) / 90 < reach
                 for column in range(270)] for row in range(512)]
    np.testing.assert_array_equal(mask[:, ::-1] if mirrored else mask, expected)


def found(monkeypatch, breast, box):
    """What the edge is looked for in, of a breast that was found in 256 rows."""
    asked = []
    monkeypatch.setattr(
        segmentation, "segment_breast", lambda image, *, crop: (breast, box))
    monkeypatch.setattr(pectoral, "_strongest_edge", lambda *words: asked.append(words))
    image = np.full(breast.shape, 2, np.uint8)
    image[0, :9] = 1
    assert pectoral.pectoral_muscle(image) is None
    (picture, inside, mirrored), = asked
    assert picture.max() == pytest.approx(1) and picture[0].argmin() == (
        picture.shape[1] - 1 if mirrored else 0)
    return inside, mirrored


@pytest.mark.parametrize(("width", "columns", "mirrored"), [
    (100, (100,), True), (100, (99,), False), (100, (20, 100), True),
    (100, (19, 100), False), (100, (19, 20), False), (100, (10, 109, 101), True),
    (15, (23,), True), (15, (22,), False), (15, (12, 24), True), (15, (11, 24), False)])
def test_the_chest_wall_is_where_more_breast_lies_in_a_tenth_of_its_width(
        monkeypatch, width, columns, mirrored):
    breast = np.zeros((256, 120), np.float32)
    breast[100:150, 10:10 + width] = 0.5
    for number, column in enumerate(columns):
        breast[20 + 30 * (number + number // 3), column] = 0.01
    inside, found_mirrored = found(monkeypatch, breast, (10, 20, width, 130))
    assert found_mirrored == mirrored
    np.testing.assert_array_equal(inside[:, ::-1] if mirrored else inside, breast > 0)


@pytest.mark.parametrize(("gap", "closed"), [(4, True), (5, False)])
def test_gaps_of_four_pixels_in_a_breast_are_closed(monkeypatch, gap, closed):
    breast = np.ones((256, 120), np.float32)
    breast[50:50 + gap], breast[:, 80:80 + gap] = 0, 0
    inside, _ = found(monkeypatch, breast, (0, 0, 120, 256))
    assert inside[52, 20] == closed == inside[200, 82]


def lines_tried(monkeypatch, width, height):
    """Widths and heights of the edges that are tried in a breast."""
    asked = []

    def steps(picture, inside, corner, across, down):
        asked.append((corner, list(zip(across.tolist(), down.tolist(), strict=True))))
        return np.zeros((len(across), 60)), np.ones((len(across), 60), bool)

    monkeypatch.setattr(pectoral, "_steps", steps)
    inside = np.zeros((256, 130), bool)
    inside[9:9 + height, 7:7 + width] = True
    assert pectoral._strongest_edge(np.ones((256, 130)), inside, False) is None
    ((corner, lines),) = asked
    assert corner == (7, 9)
    return sorted(lines)


@pytest.mark.parametrize(("width", "height", "across", "down"), [
    (102, 160, range(12, 97, 3), range(40, 157, 4)),
    (12, 16, (1, 4, 7, 10), (4, 8, 12)), (8, 16, (3, 6), (4, 8, 12))])
def test_edges_of_every_third_column_and_fourth_row_are_tried(
        monkeypatch, width, height, across, down):
    assert lines_tried(monkeypatch, width, height) == [
        (a, d) for a in across for d in down if 0.8 <= d / a <= 4.5]


def chosen(monkeypatch, **lines):
    """The edge that is taken, of lines that have these steps; those of others are 0."""
    def steps(picture, inside, corner, across, down):
        values, known = np.zeros((len(across), 60)), np.ones((len(across), 60), bool)
        for place, (row, count) in enumerate(lines.values()):
            values[10 * place + 3] = 0.9 * np.resize(row, 60)
            known[10 * place + 3, count:] = False
        return values, known

    monkeypatch.setattr(pectoral, "_steps", steps)
    inside = np.zeros((256, 130), bool)
    inside[9:169, 7:109] = True
    # From 5 to 95 percent of the breast's grey values are 0.9.
    picture = np.full((256, 130), 7.0)
    picture[inside] = np.linspace(0, 1, 160 * 102)
    taken = []
    muscle = pectoral._strongest_edge(picture, inside, True)
    lines_ = [(a, d) for d in range(40, 157, 4) for a in range(12, 97, 3)
              if 0.8 <= d / a <= 4.5]
    if muscle is not None:
        assert (muscle.corner, muscle.mirrored, muscle.columns) == ((7, 9), True, 130)
        place = lines_.index((muscle.across, muscle.down))
        taken = [name for k, name in enumerate(lines) if 10 * k + 3 == place]
        assert muscle.step == pytest.approx(np.percentile(
            np.resize(lines[taken[0]][0], 60)[:lines[taken[0]][1]], 25), rel=1e-4)
    return taken


def test_the_edge_is_the_line_that_is_brighter_within_almost_everywhere(monkeypatch):
    even = ([0.3], 60)
    # What is brighter than a quarter of the range counts as a quarter, what is darker
    # than a tenth as a tenth.
    weaker = ([0.28], 60)
    bright = ([0.26, 2.0, 0.26], 60)
    broken = ([-3.0, 0.4, 0.4, 0.4, 0.41], 60)
    outside = ([0.9], 50)
    short = ([0.45] * 51 + [-9.0] * 9, 51)
    ramp = (np.linspace(0.2, 0.46, 60), 60)
    assert chosen(monkeypatch, even=even, weaker=weaker, bright=bright) == ["even"]
    assert chosen(monkeypatch, even=even, outside=outside) == ["even"]
    assert chosen(monkeypatch, even=even, broken=broken) == ["broken"]
    assert chosen(monkeypatch, broken=broken, short=short) == ["short"]
    assert chosen(monkeypatch, ramp=ramp) == ["ramp"]
    assert chosen(monkeypatch, faint=([0.101], 60)) == ["faint"]
    assert chosen(monkeypatch, faint=([0.099], 60)) == []
    assert chosen(monkeypatch, outside=outside) == []


def test_both_sides_are_four_pixels_from_the_line_and_the_outer_one_from_the_skin():
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 1000, (256, 90)).astype(np.float32)
    inside = np.zeros((256, 90), bool)
    inside[:230, :70] = True
    inside[rng.integers(0, 230, 9), rng.integers(30, 70, 9)] = False
    across, down = np.array([60, 12, 87, 33]), np.array([50, 53, 230, 254])
    values, known = pectoral._steps(picture, inside, (0, 1), across, down)
    assert values.shape == known.shape == (4, 60)

    def deep(row, column):
        return all(inside[r, c] for r in range(max(row - 4, 0), min(row + 5, 256))
                   for c in range(max(column - 4, 0), min(column + 5, 90)))

    for k, (wide, high) in enumerate(zip(across, down, strict=True)):
        length = (wide**2 + high**2) ** 0.5
        for point in range(60):
            share = 0.04 + 0.86 * point / 59
            x, y = wide * (1 - share), 1 + high * share
            (row, column), (outer, beyond) = (
                (min(max(round(y + sign * 4 * wide / length), 0), 255),
                 min(max(round(x + sign * 4 * high / length), 0), 89))
                for sign in (-1, 1))
            assert values[k, point] == picture[row, column] - picture[outer, beyond]
            assert known[k, point] == (inside[row, column] and deep(outer, beyond))
