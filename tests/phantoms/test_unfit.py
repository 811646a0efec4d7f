"""Pictures made unfit: what is drawn, and where."""

import cv2
import numpy as np
import pytest
import recorded

from end2end.phantoms import unfit

RNG_SEED = 4


def breast(rows=400, columns=310):
    y, x = np.mgrid[:rows, :columns]
    inside = np.hypot(y - 180, x) < 150
    image = np.where(inside, 20000, 0).astype(np.uint16)
    image[160:200, 20:60] = 50000
    return image


@pytest.mark.parametrize("name", unfit.SPOILINGS)
def test_each_fault_changes_the_picture_and_keeps_its_type(name):
    image = breast()
    spoil, kind = unfit.SPOILINGS[name]
    changed = spoil(image, np.random.default_rng(RNG_SEED))
    assert changed.dtype == np.uint16 and kind
    assert changed.shape != image.shape or (changed != image).any()


def test_the_middle_of_the_breast_is_inside_it():
    row, column, depth = unfit.middle_of_breast(breast())
    assert breast()[row, column] > 0 and 40 < depth < 180


def test_the_middle_of_the_breast_is_looked_for_in_means_over_areas():
    image = np.repeat(breast(288, 220), 3, axis=0).repeat(3, axis=1)
    image[1::3], image[2::3] = 0, 0
    row, column, depth = unfit.middle_of_breast(image)
    assert abs(row - 3 * 180) < 90 and 0 < column < 450 and depth > 100


def test_an_implant_is_bright_and_smooth_and_lies_in_the_breast():
    added = unfit.with_implant(breast(), np.random.default_rng(RNG_SEED)) > 30000
    assert added.sum() > 3000 and not added[:, 280:].any()


@pytest.mark.parametrize("name", unfit.NO_BREAST)
def test_pictures_without_a_breast_have_the_size_asked_for(name):
    image = unfit.NO_BREAST[name](np.random.default_rng(RNG_SEED), (400, 310))
    assert image.shape == (400, 310) and image.dtype == np.uint16
    assert np.ptp(image) > 10000


def test_spoilt_and_empty_pictures_are_as_recorded():
    rows = [str(unfit.middle_of_breast(breast()))]
    for name, (spoil, kind) in unfit.SPOILINGS.items():
        changed = spoil(breast(), np.random.default_rng(RNG_SEED))
        rows.append(f"{name} ({kind}): {recorded.picture(changed)}")
    for name, draw in unfit.NO_BREAST.items():
        picture = draw(np.random.default_rng(RNG_SEED), (230, 180))
        rows.append(f"{name}: {recorded.picture(picture)}")
    recorded.check("phantoms-unfit", "\n".join(rows))


@pytest.mark.parametrize(("name", "how", "rows", "thickness"), [
    ("pacemaker", "polylines", 300, 2), ("pacemaker", "polylines", 899, 2),
    ("pacemaker", "polylines", 900, 3), ("needle", "line", 400, 3),
    ("needle", "line", 879, 3), ("needle", "line", 880, 4),
    ("text card, outline", "ellipse", 200, 1),
    ("text card, outline", "ellipse", 579, 1),
    ("text card, outline", "ellipse", 580, 2), ("text card", "putText", 130, 1),
    ("text card", "putText", 287, 1), ("text card", "putText", 288, 2)])
def test_lines_are_thicker_in_larger_pictures(monkeypatch, name, how, rows, thickness):
    drawn, original = [], getattr(cv2, how)
    monkeypatch.setattr(cv2, how, lambda *words: (
        drawn.append(words[-1]), original(*words))[1])
    monkeypatch.setattr(unfit, "middle_of_breast", lambda image: (rows // 2, 40, 30))
    rng = np.random.default_rng(RNG_SEED)
    if name in unfit.NO_BREAST:
        unfit.NO_BREAST[name](rng, (rows, 90))
    else:
        unfit.SPOILINGS[name][0](np.zeros((rows, 90), np.uint16), rng)
    assert set(drawn) == {thickness}
