"""Pictures that are no basis for a score, each rule for and against."""

import dataclasses

import cv2
import numpy as np
import pytest
import real_films
import recorded
import sample_pictures

from end2end import dicom
from end2end.images import unfit
from end2end.phantoms import detector, drawing
from end2end.phantoms import unfit as spoiled

SIZE = (640, 500)


def digital(side="LEFT", view="MLO", number=4):
    woman = drawing.draw_woman(number, seed=5, difficulty=0.3)
    return detector.render(woman, side, view, SIZE, maker="masked 12 bits")


def kinds(image, **keywords):
    return [reason.kind for reason in unfit.reasons(image, **keywords)]


@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("side", ["LEFT", "RIGHT"])
def test_ordinary_pictures_have_no_reason(side, view):
    assert kinds(digital(side, view), laterality=side[0]) == []
    woman = drawing.draw_woman(2, seed=1, difficulty=0.3)
    pictures = [drawing.render(woman, next(iter(woman.lesions)), view, SIZE,
                               style=style)[0] for style in ("film", "digital")]
    assert [kinds(picture) for picture in pictures] == [[], []]


def faint(image):
    """Tissue at half its brightness, beside which a white object stands out."""
    image = image // 2
    image[:30, -60:] = 4000
    return image


@pytest.mark.parametrize("name", spoiled.SPOILINGS)
def test_each_fault_is_told(name):
    spoil, kind = spoiled.SPOILINGS[name]
    image = spoil(faint(digital(view="CC")), np.random.default_rng(2))
    assert kind in kinds(image, laterality="L")


@pytest.mark.parametrize("name", spoiled.NO_BREAST)
def test_what_is_no_breast_is_never_without_a_reason(name):
    draw = spoiled.NO_BREAST[name]
    assert kinds(draw(np.random.default_rng(0), (1152, 896)))


def test_objects_are_not_looked_for_in_small_pictures():
    image = spoiled.with_needle(
        faint(digital(view="CC")), np.random.default_rng(2))
    small = image[::2, ::2].copy()
    assert "foreign object" in kinds(image) and kinds(small) == []


def test_an_inverted_picture_gets_no_other_reason():
    image = digital()
    assert kinds(image.max() - image, laterality="R") == ["inverted"]


def test_the_side_matters_only_where_it_is_stated():
    assert kinds(digital("LEFT"), laterality="R") == ["against side"]
    assert kinds(digital("LEFT")) == []


def test_a_mirrored_picture_keeps_its_score_and_others_lose_it():
    (mirrored,) = unfit.reasons(digital("LEFT"), laterality="R")
    (turned,) = unfit.reasons(np.rot90(digital("LEFT")).copy())
    assert not mirrored.refuses and turned.refuses


def test_what_is_told_stands_first_and_is_not_said_twice():
    image = spoiled.with_implant(faint(digital(view="CC")), np.random.default_rng(2))
    tellers = dict(spot="the tags say", implant="the name says", standard="")
    assert kinds(image, tellers=tellers) == ["spot", "implant"]
    spot, implant = unfit.reasons(image, tellers=tellers)
    assert spot.sentence.startswith("do not use the score: the tags say that it is a ")
    assert "the name says that it shows an implant" in implant.sentence


def test_tiny_pictures_are_judged_by_what_is_told_only():
    tiny = np.zeros((20, 9), np.uint8)
    tiny[7, 2] = 1
    assert kinds(tiny, tellers=dict(specimen="the tags say")) == ["specimen"]


def test_pictures_without_a_breast_cannot_be_compared_with_others():
    image = digital()
    assert unfit.meaningless(unfit.reasons(image.max() - image))
    assert not unfit.meaningless(unfit.reasons(image, laterality="R"))


@pytest.mark.parametrize("number", range(8))
def test_no_real_film_has_a_reason_and_all_have_when_spoiled(number):
    path = real_films.paths()[number]
    image, side = dicom.read_dicom(path).pixels, real_films.SIDES[path.stem]
    assert kinds(image, laterality=side) == []
    assert kinds(image[:, ::-1].copy(), laterality=side) == ["against side"]
    assert kinds(image.max() - image) == ["inverted"]
    assert kinds(np.rot90(image).copy()) == ["turned"]


@pytest.mark.parametrize("value", [0, 137, 255])
@pytest.mark.parametrize("shape", [(40, 30), (576, 448)])
def test_a_picture_of_a_single_grey_shows_no_breast_whatever_its_size(value, shape):
    image = np.full(shape, value, np.uint8)
    reason, = unfit.reasons(image)
    assert reason.kind == "no breast" and reason.refuses
    assert "single grey value" in reason.sentence
    image[7, 11] ^= 1
    assert "single grey value" not in " ".join(
        other.sentence for other in unfit.reasons(image))


def test_all_that_is_seen_in_pictures_is_as_recorded():
    rows = []
    for name, image in sample_pictures.all_kinds().items():
        for laterality in ("L", ""):
            scan = unfit.view(image, laterality=laterality)
            said = [(reason.kind, reason.refuses, reason.sentence)
                    for reason in unfit.reasons(image, laterality=laterality)]
            rows.append(f"{name} {laterality}: {said}")
        seen = [function.__name__ for function in (
            unfit.is_noise, unfit.is_inverted, unfit.is_turned, unfit.is_cropped,
            unfit.is_no_breast, unfit.has_implant) if function(scan)]
        rows.append(f"{name}: {recorded.picture(scan.levels)} "
                    f"{recorded.picture(scan.picture)} {recorded.picture(scan.body)} "
                    f"{scan.contact} {scan.area:.5f} {unfit.chest_side(scan)} {seen}")
    recorded.check("images-unfit", "\n".join(rows))


def looked_at(area=0.5, *, laterality="", shape=(100, 80), **contact):
    """A picture as the rules look at it, of which only these numbers are known."""
    body = np.arange(10_000) < round(area * 10_000)
    sides = dict.fromkeys(("top", "bottom", "left", "right"), 0.0) | contact
    nothing = np.zeros((1, 1))
    return unfit.View(shape, nothing, nothing, body, sides, laterality)


@pytest.mark.parametrize(("contact", "area", "side"), [
    (dict(left=0.3), 0.5, "left"), (dict(left=0.29), 0.5, None),
    (dict(right=0.75, left=0.45), 0.5, "right"), (dict(right=0.9, left=0.7), 0.5, None),
    (dict(left=0.5, top=0.75), 0.5, "left"), (dict(left=0.5, top=0.76), 0.5, None),
    (dict(left=0.5, right=0.5, top=0.9), 0.5, "top"),
    (dict(left=0.5, bottom=0.84), 0.5, None),
    (dict(left=0.5, bottom=0.86), 0.5, "bottom"),
    (dict(top=0.5, bottom=0.21), 0.5, None), (dict(top=0.75, bottom=0.45), 0.5, "top"),
    (dict(bottom=0.34), 0.5, None), (dict(bottom=0.35), 0.5, "bottom"),
    (dict(left=0.9), 0.03, "left"), (dict(left=0.9), 0.0299, None)])
def test_the_chest_wall_is_on_the_side_that_the_breast_leaves_by(contact, area, side):
    scan = looked_at(area, **contact)
    assert unfit.chest_side(scan) == side
    assert unfit.is_turned(scan) == (side in ("top", "bottom"))
    for laterality, wall in (("L", "left"), ("R", "right"), ("", None)):
        scan = looked_at(area, laterality=laterality, **contact)
        assert unfit.is_against_side(scan) == (
            side in ("left", "right") and wall not in (None, side))


@pytest.mark.parametrize(("shape", "turned"), [
    ((10, 11), False), ((100, 110), False), ((100, 111), True)])
def test_a_picture_that_is_wider_than_high_lies(shape, turned):
    assert unfit.is_turned(looked_at(shape=shape, left=0.9)) == turned


@pytest.mark.parametrize(("contact", "area", "cropped"), [
    (dict(left=0.9, right=0.24), 0.5, False), (dict(left=0.25, right=0.9), 0.5, True),
    ({}, 0.92, False), ({}, 0.9201, True), (dict(top=0.4, bottom=0.4), 0.5, True),
    (dict(top=0.39, bottom=1.0), 0.5, False),
    (dict(left=0.6, top=0.6, bottom=0.39), 0.5, False),
    (dict(left=0.6, right=0.1, top=0.6, bottom=0.3), 0.5, False),
    (dict(right=0.6, top=0.6, left=0.6), 0.5, True)])
def test_a_breast_that_reaches_opposite_sides_is_cut_off(contact, area, cropped):
    assert unfit.is_cropped(looked_at(area, **contact)) == cropped


def white_on_grey(height, width, blur=0, level=255):
    """A breast of 100 along the left, with a white rectangle in it."""
    levels = np.zeros((640, 500), np.float32)
    levels[20:620, :380] = 100
    levels[300:300 + height, 150:150 + width] = level
    if blur:
        levels = cv2.GaussianBlur(levels, (0, 0), blur)
    body = np.zeros((270, 207), bool)
    body[:, :150] = True
    return unfit.View(levels.shape, levels, levels, body, {})


@pytest.mark.parametrize(("height", "width", "blur", "level", "metal"), [
    (40, 40, 0, 255, True), (16, 16, 0, 255, False), (6, 90, 0, 255, True),
    (6, 50, 0, 255, False), (90, 6, 0, 255, True), (40, 40, 6, 255, False),
    (40, 40, 0, 240, True), (40, 40, 0, 239, False), (24, 24, 0, 255, True)])
def test_white_with_sharp_edges_is_metal_once_it_is_large(
        height, width, blur, level, metal):
    assert unfit.has_foreign_object(
        white_on_grey(height, width, blur, level)) == metal


def test_small_breasts_and_small_pictures_hold_no_metal():
    scan = white_on_grey(40, 40)
    assert unfit.has_foreign_object(scan)
    body = np.zeros((100, 100), bool)
    body[40:60, 22:42] = True       # a twenty-fifth of the picture
    assert unfit.has_foreign_object(dataclasses.replace(scan, body=body))
    for field in (dict(body=scan.body & (np.arange(207) < 8)),
                  dict(levels=scan.levels[:unfit.OBJECT_ROWS - 1])):
        assert not unfit.has_foreign_object(dataclasses.replace(scan, **field))
    assert unfit.has_foreign_object(dataclasses.replace(
        scan, levels=scan.levels[:unfit.OBJECT_ROWS]))


def test_how_sharp_ovals_and_white_parts_are_measured_is_as_recorded():
    rows = []
    for name, image in sample_pictures.all_kinds().items():
        scan = unfit.view(image)
        if not scan.body.any():
            continue
        ovals = [f"{overlap:.4f} {brightness:.4f}" for level in (90, 160)
                 for overlap, brightness in unfit._ovals(scan, level)]
        bright = scan.picture > np.percentile(scan.picture, 99)
        inner = np.zeros_like(scan.body)
        inner[60:150, 30:100] = True
        contrast = unfit._oval_contrast(scan, (scan.body & inner).astype(np.uint8))
        numbers = [unfit._overlap_with_ellipse(scan.body.astype(np.uint8)),
                   *unfit._sharpness(scan.picture, bright)]
        rows.append(f"{name}: {ovals} {contrast} "
                    + " ".join(f"{number:.4f}" for number in numbers))
    # An oval of which each side of the picture in turn cuts off a part.
    oval = np.zeros((240, 240), np.uint8)
    cv2.ellipse(oval, (30, 120), (60, 80), 0, 0, 360, 1, -1)
    rows += [f"{turns}: {unfit._overlap_with_ellipse(np.rot90(oval, turns).copy()):.4f}"
             for turns in range(4)]
    recorded.check("images-unfit-ovals", "\n".join(rows))


def test_what_fills_the_picture_has_no_rim_to_be_sharp_at():
    assert unfit._sharpness(np.ones((9, 7)), np.ones((9, 7), bool)) == (0, 0)


def tissue(*, even_rows=0, cells=6300, **contact):
    """Noise of 90 x 70, even above, of which so many pixels belong to the body."""
    levels = np.random.default_rng(1).uniform(50, 190, (90, 70)).astype(np.float32)
    levels[:even_rows] = 100
    body = np.zeros((90, 70), bool)
    if cells < body.size:
        body[20:20 + cells // 14, 30:44] = True
        body[20 + cells // 14, 30:30 + cells % 14] = True
    else:
        body[:] = True
    sides = dict.fromkeys(("top", "bottom", "left", "right"), 0.0) | contact
    return unfit.View(levels.shape, levels, levels, body, sides)


@pytest.mark.parametrize(("scan", "no_breast"), [
    (tissue(), False), (tissue(cells=252), False), (tissue(cells=251), True),
    (tissue(even_rows=47), False), (tissue(even_rows=48), True),
    (tissue(top=0.5, bottom=0.081, right=0.049), True),
    (tissue(top=0.08, bottom=0.5), False),
    (tissue(top=0.5, bottom=0.5, left=0.05), False),
    (tissue(top=0.5, bottom=0.5, right=0.05), False)])
def test_a_breast_is_large_and_grained_and_hangs_from_one_side(scan, no_breast):
    assert unfit.is_no_breast(scan) == no_breast


@pytest.mark.parametrize(("step", "drawing"), [(0.74, True), (0.75, False)])
def test_a_drawing_is_even(step, drawing):
    levels = np.full((90, 70), 100, np.float32)
    levels[::2] += np.float32(step)
    assert unfit.is_no_breast(dataclasses.replace(tissue(), levels=levels)) == drawing


@pytest.mark.parametrize(("level", "others", "drawing"), [
    (200, 127, False), (200, 126, True), (199, 127, True)])
def test_where_much_is_saturated_the_rest_tells(level, others, drawing):
    levels = np.full(6300, level, np.float32)
    levels[3000:3000 + others] = 60
    scan = dataclasses.replace(tissue(), levels=levels.reshape(90, 70))
    assert unfit.is_no_breast(scan) == drawing


def lying_in(rows, columns, *, level=255, ground=100):
    """A breast of one grey, with a white part in pixels of the judged picture. The
    mask of the breast has half its size and covers rows 40 to 499, columns 60 to 299.
    """
    margin = round(0.03 * unfit.OBJECT_ROWS)
    levels = np.full((unfit.OBJECT_ROWS, 450), ground, np.float32)
    inner = levels[margin:-margin, margin:-margin]
    inner[slice(*rows), slice(*columns)] = level
    body = np.zeros((inner.shape[0] // 2, inner.shape[1] // 2), bool)
    body[20:250, 30:150] = True
    return unfit.View(levels.shape, levels, levels, body, {}), inner


@pytest.mark.parametrize(("rows", "columns", "greys", "metal"), [
    ((200, 216), (100, 120), {}, True), ((200, 211), (100, 129), {}, False),
    ((200, 260), (100, 102), {}, True), ((200, 259), (100, 103), {}, False),
    ((200, 202), (100, 160), {}, True), ((200, 203), (100, 159), {}, False),
    # What lies along the edge of the breast is not looked at.
    ((200, 300), (62, 64), {}, True), ((200, 300), (60, 62), {}, False),
    ((200, 300), (296, 298), {}, True), ((200, 300), (298, 300), {}, False),
    ((42, 44), (100, 200), {}, True), ((40, 42), (100, 200), {}, False),
    ((496, 498), (100, 200), {}, True), ((498, 500), (100, 200), {}, False),
    ((200, 240), (100, 140), dict(ground=199), True),
    ((200, 240), (100, 140), dict(ground=200), False),
    ((200, 240), (100, 140), dict(ground=189, level=240), True),
    ((200, 240), (100, 140), dict(ground=190, level=240), False)])
def test_metal_is_so_large_so_far_inside_and_so_much_whiter(
        rows, columns, greys, metal):
    assert unfit.has_foreign_object(lying_in(rows, columns, **greys)[0]) == metal


@pytest.mark.parametrize(("bright", "metal"), [(9, True), (10, False)])
def test_fifteen_of_a_hundred_pixels_around_metal_may_be_bright(bright, metal):
    # The rim, the third and fourth pixel around 43 rows and 40 columns, has 380.
    scan, inner = lying_in((200, 243), (100, 140))
    inner[196, 96:144], inner[197, 96:96 + bright] = 220, 220
    assert unfit.has_foreign_object(scan) == metal


@pytest.mark.parametrize(("area", "ovals", "implant"), [
    (0.05, [(0.86, 0.6)], True), (0.05, [(0.859, 0.9)], False),
    (0.05, [(0.95, 0.599)], False), (0.05, [], False),
    (0.05, [(0.87, 0.9), (0.9, 0.5)], False), (0.0499, [(0.95, 0.9)], False)])
def test_of_the_ovals_at_ten_levels_the_best_is_an_implant_or_none(
        monkeypatch, area, ovals, implant):
    levels = []
    monkeypatch.setattr(unfit, "_ovals", lambda scan, level: (
        levels.append(level) or ovals[:1 if len(levels) < 3 else None]))
    assert unfit.has_implant(looked_at(area)) == implant
    assert levels == ([] if area < 0.05 else pytest.approx(
        [70 + 155 * k / 9 for k in range(10)]))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("even", "drawing"), [(11, False), (12, True)])
def test_evenness_counts_four_pixels_within_the_breast_and_by_squares_of_five(
        turns, even, drawing):
    # 22 columns are judged; two beside the noise are uneven, too.
    levels = np.full((90, 90), 100, np.float32)
    levels[:, :29 + 22 - even - 2] += np.arange(90)[:, None] % 2 * 9
    body = np.zeros((90, 90), bool)
    body[25:65, 25:55] = True
    scan = dataclasses.replace(
        tissue(), levels=np.rot90(levels, turns).copy(),
        body=np.rot90(body, turns).copy())
    assert unfit.is_no_breast(scan) == drawing


def test_narrow_pictures_are_looked_at_in_64_columns():
    image = np.arange(600 * 128, dtype=np.uint16).reshape(600, 128)
    assert unfit.view(image).picture.shape == (
        288 - 2 * unfit.MARGIN, 64 - 2 * unfit.MARGIN)


def seen(picture, *places):
    """A picture of which these pixels are breast."""
    body = np.zeros(picture.shape, bool)
    for place in places:
        body[place] = True
    return unfit.View(picture.shape, picture, picture, body, {})


# Around rows 30 to 47 and columns 40 to 57: the outermost and innermost of the three
# pixels of the rim on each side, 40 in all; what lies beyond them.
RIM = (np.s_[25, 35:40], np.s_[27, 50:55], np.s_[40:45, 35], np.s_[30:35, 37],
       np.s_[52, 58:63], np.s_[50, 45:50], np.s_[40:45, 62], np.s_[41:46, 60])
BEYOND = (np.s_[24, 45:50], np.s_[53, 45:50], np.s_[40:45, 34], np.s_[40:45, 63],
          np.s_[28:50, 38], np.s_[28:50, 59], np.s_[28, 38:60], np.s_[49, 38:60])


@pytest.mark.parametrize(("rows", "columns", "places", "measured"), [
    (18, 18, RIM, True), (17, 18, RIM, False), (18, 17, RIM, False),
    (18, 18, (np.s_[25, 36:40], *RIM[1:], *BEYOND), False)])
def test_an_oval_has_so_large_a_core_and_so_much_breast_around_it(
        rows, columns, places, measured):
    part = np.zeros((100, 100), np.uint8)
    part[30:30 + rows, 40:40 + columns] = 1
    scan = seen(part * np.float32(200), *places)
    assert (unfit._oval_contrast(scan, part) is not None) == measured


@pytest.mark.parametrize(("rim", "texture", "even"), [
    (161.75, 0, True), (161.875, 0, False), (100, 1.59, True), (100, 1.61, False)])
def test_an_implant_is_even_with_a_fall_of_grey_around_it(rim, texture, even):
    part = np.zeros((120, 120), np.uint8)
    part[20:100, 20:100] = 1
    picture = np.where(part, 200, rim).astype(np.float32)
    signs = 1 - 2 * (np.indices(part.shape).sum(0) % 2)
    picture += part * np.float32(texture) * signs
    inner, implant = unfit._oval_contrast(seen(picture, np.s_[:]), part)
    assert inner == pytest.approx(200 / 255, abs=0.01) and implant == even


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("width", "slot", "filled"), [
    (70, 8, True), (70, 9, False), (13, 0, True), (12, 0, None)])
def test_ovals_are_thicker_than_12_pixels_and_slots_up_to_8_are_filled(
        monkeypatch, turned, width, slot, filled):
    parts = []
    monkeypatch.setattr(unfit, "_overlap_with_ellipse", lambda part: (
        parts.append(part.T if turned else part) or 0))
    picture = np.zeros((120, 110), np.float32)
    picture[20:100, 20:20 + width] = 91
    picture[20:80, 50:50 + slot] = 90
    scan = seen(picture.T if turned else picture, np.s_[15:105, 15:105])
    assert list(unfit._ovals(scan, 90)) == []
    assert [bool(part[50, 50:50 + slot].all()) for part in parts] == (
        [] if filled is None else [filled])


@pytest.mark.parametrize(("columns", "count"), [(40, 1), (39, 0)])
def test_an_oval_is_a_tenth_of_the_breast(monkeypatch, columns, count):
    parts = []
    monkeypatch.setattr(unfit, "_overlap_with_ellipse", parts.append)
    picture = np.zeros((120, 400), np.float32)
    picture[:, :columns] = 91
    list(unfit._ovals(seen(picture, np.s_[:]), 90))
    assert len(parts) == count


def test_of_several_outlines_the_largest_is_compared_with_an_ellipse():
    part = np.zeros((240, 200), np.uint8)
    cv2.ellipse(part, (100, 120), (50, 70), 0, 0, 360, 1, -1)
    whole = part.sum()
    part[5:15, 30:40], part[225:235, 150:160] = 1, 1
    assert unfit._overlap_with_ellipse(part) == pytest.approx(
        whole / (whole + 200), abs=0.005)


@pytest.mark.parametrize(("points", "axes", "compared"), [
    (60, (30, 30), True), (59, (30, 30), False), (60, (20, 50), True),
    (60, (19.9, 45), False), (60, (20, 50.1), False), (60, (50, 20), True)])
def test_an_oval_has_60_points_and_is_neither_small_nor_long(
        monkeypatch, points, axes, compared):
    part = np.zeros((100, 90), np.uint8)
    part[30:46, 40:56] = 1
    part[30, 40] = points == 60     # a corner less is a point less
    monkeypatch.setattr(unfit.cv2, "fitEllipse", lambda free: (
        (48, 38), axes, 0) if len(free) == points else None)
    assert (unfit._overlap_with_ellipse(part) > 0) == compared
